use std::convert::Infallible;

use proptest::{collection::btree_map, prelude::*};
use schemas::topics::Topic;

use super::*;
use crate::{
    row::{self, Place},
    table::Table,
};

const LIMITS: Limits = Limits {
    rows_max: 1000,
    bytes_max: 1 << 20,
    open_max: Duration::from_millis(500),
};

fn partition(number: i32) -> Partition {
    Partition {
        topic: Topic::SetAside,
        number,
    }
}

/// A record whose row depends on its place alone.
fn aside(partition: Partition, offset: i64) -> SetAside {
    use schemas::set_aside::{About, Source, Stage, Why};
    let source = Source {
        topic: "t",
        partition: partition.number,
        offset,
        appended_at: Micros(offset * 1000),
    };
    let why = Why {
        reason: schemas::Reason::Malformed,
        detail: "d".repeat(usize::try_from(offset % 9).unwrap()),
    };
    SetAside::new(
        Stage::Normalizer,
        About::nothing_but_its_place(source),
        why,
        source,
    )
}

fn columns(rows: &mut Rows) -> &mut row::set_aside::Columns {
    match rows {
        Rows::SetAside(columns) => columns,
        Rows::Events(_) | Rows::Orders(_) | Rows::Receipts(_) => panic!("another table"),
    }
}

fn take(filling: &mut Filling, partition: Partition, offset: i64) {
    let written: Result<(), Infallible> = filling.record(partition, offset, 0, |rows| {
        // every seventh gives no row, every eleventh is set aside by the sink itself
        if offset % 7 == 0 {
            return Ok(Written::Nothing);
        }
        let aside = aside(partition, offset);
        if offset % 11 == 0 {
            return Ok(Written::Aside(Box::new(aside)));
        }
        let place = Place {
            topic: "waybill.set-aside",
            partition: partition.number,
            offset,
        };
        row::set_aside::write(columns(rows), &aside, place);
        Ok(Written::Row)
    });
    written.unwrap();
}

/// Partition, and its offsets with gaps (control records, aborted transactions, compaction).
fn offsets() -> impl Strategy<Value = BTreeMap<i32, Vec<i64>>> {
    btree_map(
        0..12_i32,
        (0..1_000_000_i64, prop::collection::vec(1..5_i64, 1..40)).prop_map(|(first, gaps)| {
            gaps.iter()
                .scan(first, |at, gap| {
                    *at += gap;
                    Some(*at)
                })
                .collect()
        }),
        1..6,
    )
}

fn spans() -> impl Strategy<Value = Vec<Span>> {
    let topics = prop::sample::select(vec![Topic::Raw, Topic::RawOverflow]);
    let span = (0..i64::MAX / 2, 0..i64::MAX / 2);
    prop::collection::vec((topics, 0..i32::MAX, span), 1..100).prop_map(|mut raw| {
        raw.sort_by_key(|(topic, number, _)| (topic.short_name(), *number));
        raw.dedup_by_key(|(topic, number, _)| (*topic, *number));
        raw.into_iter()
            .map(|(topic, number, (first, more))| Span {
                partition: Partition { topic, number },
                first,
                last: first + more,
            })
            .collect()
    })
}

proptest! {
    #[test]
    fn an_intent_reads_back_from_its_metadata(loaded_at in any::<i64>(), spans in spans()) {
        let intent = Intent { loaded_at: Micros(loaded_at), spans };
        let text = intent.metadata();
        prop_assert_eq!(Intent::parse(&text).unwrap(), intent);
    }

    #[test]
    fn metadata_of_every_admitted_set_of_partitions_fits_a_commit(spans in spans()) {
        let admitted: Vec<Span> = (1..)
            .zip(spans)
            .take_while(|(count, _)| Intent::admits(*count))
            .map(|(_, span)| span)
            .collect();
        let intent = Intent { loaded_at: Micros(i64::MIN), spans: admitted };
        prop_assert!(intent.metadata().len() <= METADATA_BYTES_MAX);
    }

    #[test]
    fn any_text_is_read_without_a_panic(text in "(pending 1 )?[0-9a-z:+ -]{0,60}") {
        if let Ok(intent) = Intent::parse(&text) {
            prop_assert!(!intent.spans.is_empty());
        }
    }

    #[test]
    fn ranges_that_are_read_again_give_the_same_bytes_under_the_same_token(
        offsets in offsets(),
        order in any::<prop::sample::Index>(),
    ) {
        // first time: partitions interleave in some order
        let mut filling = Filling::new(Table::SetAside, LIMITS);
        let mut lanes: Vec<(i32, Vec<i64>)> = offsets.clone().into_iter().collect();
        let longest = lanes.iter().map(|(_, list)| list.len()).max().unwrap_or(0);
        let turn = order.index(lanes.len());
        lanes.rotate_left(turn);
        for index in 0..longest {
            for (number, list) in &lanes {
                if let Some(offset) = list.get(index) {
                    take(&mut filling, partition(*number), *offset);
                }
            }
        }
        let intent = filling.intent(Micros(77)).unwrap();
        let first = filling.close(intent.clone());
        prop_assert!(filling.is_empty());

        // second time: range by range, from what the commit says
        let read = Intent::parse(&intent.metadata()).unwrap();
        let mut again = Filling::new(Table::SetAside, LIMITS);
        for span in &read.spans {
            for offset in &offsets[&span.partition.number] {
                prop_assert!((span.first..=span.last).contains(offset));
                take(&mut again, span.partition, *offset);
            }
        }
        prop_assert_eq!(read.token(Table::SetAside), intent.token(Table::SetAside));
        let second = again.close(read);
        let all = 0..first.rows.len();
        prop_assert_eq!(first.body(all.clone()), second.body(all.clone()));
        let places = |block: &Block| -> Vec<(Partition, i64)> {
            block.rows.iter().map(|row| (row.partition, row.offset)).collect()
        };
        prop_assert_eq!(places(&first), places(&second));
        prop_assert!(places(&first).is_sorted());

        // and so do the parts that it is cut into, and what is left where some is stored already
        let middle = all.end / 2;
        for part in [0..middle, middle..all.end] {
            prop_assert_eq!(first.body(part.clone()), second.body(part));
        }
        let there: HashSet<_> = places(&first).into_iter().step_by(3).collect();
        let rest = all.end - there.len();
        prop_assert_eq!(first.without(&there).rows.len(), rest);
        prop_assert_eq!(first.without(&there).body(0..rest), second.without(&there).body(0..rest));

        // every record is accounted for: a row, a set-aside, or nothing to keep
        let total: usize = offsets.values().map(Vec::len).sum();
        let nothing = offsets.values().flatten().filter(|offset| *offset % 7 == 0).count();
        prop_assert_eq!(first.rows.len() + first.asides.len() + nothing, total);
    }

    #[test]
    fn every_pending_range_is_recovered_once_and_reading_goes_on_behind_it(
        spans in spans(),
        owned in any::<prop::sample::Index>(),
    ) {
        let intent = Intent { loaded_at: Micros(1), spans: spans.clone() };
        let ours = &spans[..=owned.index(spans.len())];
        let committed: Vec<Committed> = ours
            .iter()
            .map(|span| Committed {
                partition: span.partition,
                offset: Some(span.first),
                metadata: intent.metadata(),
            })
            .collect();
        let recovery = recover(&committed);
        let recovered: Vec<Span> = recovery
            .whole
            .iter()
            .chain(&recovery.parts)
            .flat_map(|intent| intent.spans.clone())
            .collect();
        prop_assert_eq!(&recovered, ours);
        prop_assert_eq!(recovery.whole.len(), usize::from(ours.len() == spans.len()));
        let starts: Vec<_> = ours.iter().map(|span| (span.partition, Some(span.last + 1))).collect();
        prop_assert_eq!(recovery.starts, starts);
    }
}

#[test]
fn a_token_names_table_ranges_and_time() {
    let intent = |loaded_at, last| Intent {
        loaded_at: Micros(loaded_at),
        spans: vec![Span {
            partition: partition(0),
            first: 1,
            last,
        }],
    };
    let token = intent(1, 5).token(Table::SetAside);
    assert_eq!(token, intent(1, 5).token(Table::SetAside));
    assert_ne!(token, intent(1, 6).token(Table::SetAside));
    assert_ne!(token, intent(2, 5).token(Table::SetAside));
    assert_ne!(token, intent(1, 5).token(Table::Events));
}

#[test]
fn a_batch_closes_by_rows_by_bytes_and_by_time() {
    let filled = |limits: Limits, count: i64| {
        let mut filling = Filling::new(Table::SetAside, limits);
        (1..=count).for_each(|offset| take(&mut filling, partition(0), offset));
        filling
    };
    assert!(!filled(LIMITS, 3).is_full());
    assert!(
        filled(
            Limits {
                rows_max: 3,
                ..LIMITS
            },
            3
        )
        .is_full()
    );
    assert!(
        filled(
            Limits {
                bytes_max: 300,
                ..LIMITS
            },
            3
        )
        .is_full()
    );
    let by_time = filled(LIMITS, 1);
    assert!(!by_time.is_due(499));
    assert!(by_time.is_due(500));
    assert_eq!(by_time.closes_in(100), Some(Duration::from_millis(400)));
    assert_eq!(filled(LIMITS, 0).closes_in(100), None);
}

#[test]
fn a_record_that_could_not_be_decoded_yet_leaves_no_trace() {
    let mut filling = Filling::new(Table::SetAside, LIMITS);
    take(&mut filling, partition(0), 1);
    let failed = filling.record(partition(0), 2, 0, |_| Err("the registry gives no answer"));
    assert!(failed.is_err());
    assert_eq!(filling.records(), 1);
    let intent = filling.intent(Micros(0)).unwrap();
    assert_eq!(
        intent.spans,
        [Span {
            partition: partition(0),
            first: 1,
            last: 1
        }]
    );
    assert_eq!(filling.close(intent).rows.len(), 1);
}

#[test]
fn a_commit_with_other_metadata_is_read_on_from_where_it_stands() {
    let committed = |offset, metadata: &str| Committed {
        partition: partition(3),
        offset,
        metadata: metadata.to_owned(),
    };
    let fresh = recover(&[committed(None, "")]);
    assert_eq!(fresh.starts, [(partition(3), None)]);
    assert!(fresh.unreadable.is_empty());

    let foreign = recover(&[committed(Some(9), "pending 2 whatever")]);
    assert_eq!(foreign.starts, [(partition(3), Some(9))]);
    assert_eq!(foreign.unreadable, [partition(3)]);

    for (offset, metadata, is_moved) in [
        (9, "settled 1 9", false),
        (9, "settled 1 8", true),
        (9, "pending 1 0 set-aside 3:4+1", true),
        // of a sink that left no mark, or of a person
        (9, "", true),
        (9, "somebody's own words", true),
    ] {
        let found = recover(&[committed(Some(offset), metadata)]);
        assert_eq!(found.starts, [(partition(3), Some(offset))], "{metadata}");
        assert_eq!(!found.moved.is_empty(), is_moved, "{metadata}");
    }
}

#[test]
fn what_is_passed_over_lies_between_what_was_loaded_and_where_reading_goes_on() {
    let gap = |start, is_moved: bool, kept: (i64, i64)| {
        let found = Recovery {
            starts: vec![(partition(0), start)],
            moved: is_moved.then_some(partition(0)).into_iter().collect(),
            ..Recovery::default()
        };
        let loaded = BTreeMap::from([(partition(0), 10)]);
        let kept = Kept::from([(partition(0), kept)]);
        assert_eq!(gaps(&found, &BTreeMap::new(), &kept), []);
        let gaps = gaps(&found, &loaded, &kept);
        let gap = gaps.first()?;
        Some((gap.span.first, gap.span.last, gap.cause))
    };
    // nobody touched it
    assert_eq!(gap(Some(12), false, (0, 30)), None);
    assert_eq!(gap(Some(12), false, (15, 30)), None);
    // moved on, back, to where it was
    assert_eq!(gap(Some(20), true, (0, 30)), Some((10, 19, Cause::Moved)));
    assert_eq!(gap(Some(5), true, (0, 30)), None);
    assert_eq!(gap(Some(10), true, (3, 30)), None);
    // into what is deleted, or to its end
    assert_eq!(
        gap(Some(20), true, (25, 30)),
        Some((10, 24, Cause::Deleted))
    );
    assert_eq!(
        gap(Some(25), true, (25, 30)),
        Some((10, 24, Cause::Deleted))
    );
    assert_eq!(gap(Some(11), true, (11, 30)), None);
    assert_eq!(gap(Some(28), true, (25, 30)), Some((10, 27, Cause::Moved)));
    // beyond the end: reading begins anew
    assert_eq!(gap(Some(1000), true, (0, 30)), None);
    assert_eq!(
        gap(Some(1000), true, (12, 30)),
        Some((10, 11, Cause::Deleted))
    );
    // the group's offsets expired, or are gone
    assert_eq!(gap(None, false, (12, 30)), Some((10, 11, Cause::Deleted)));
    assert_eq!(gap(None, false, (11, 30)), None);
    assert_eq!(gap(None, false, (0, 30)), None);
}

#[test]
fn what_was_deleted_shows_where_offsets_are_stepped_over() {
    let unless_loaded = |jump: Jump, loaded: i64, kept: i64| {
        let gap = jump.unless_loaded(jump.deleted(kept)?, loaded)?;
        Some((gap.span.first, gap.span.last))
    };
    let deleted = |jump: Jump, kept: i64| unless_loaded(jump, 0, kept);
    // the end of a transaction
    assert_eq!(Jump::between(partition(0), 10, 11), None);
    let jump = Jump::between(partition(0), 10, 20).unwrap();
    // an aborted one
    assert_eq!(deleted(jump, 10), None);
    assert_eq!(deleted(jump, 0), None);
    assert_eq!(deleted(jump, 15), Some((10, 14)));
    assert_eq!(deleted(jump, 50), Some((10, 19)));
    // moved back over what it had loaded
    assert_eq!(unless_loaded(jump, 15, 50), Some((15, 19)));
    assert_eq!(unless_loaded(jump, 20, 50), None);
    let span = Span {
        partition: partition(0),
        first: 10,
        last: 10,
    };
    assert_eq!(deleted(Jump::over(span), 10), None);
    assert_eq!(deleted(Jump::over(span), 11), Some((10, 10)));
}
