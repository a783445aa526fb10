mod rebroadcasts;

use std::collections::BTreeSet;

use proptest::prelude::*;
use schemas::{
    DeliveryEvent, EventId, Kind, OccurredAtSource, Provider, Reason, Status,
    delivery_event::Milestone,
};

use crate::{outcome::Outcome, sample::*};

const MINUTE: i64 = 60;

/// What Ordatic sends, received `seconds` after the start; equal ones differ in their receipt only.
fn ordatic(word: &str, seconds: i64) -> DeliveryEvent {
    DeliveryEvent {
        provider: Provider::Ordatic,
        receipt_id: receipt(&format!("{word} {seconds}")),
        occurred_at_source: OccurredAtSource::Receipt,
        status: Some(Status::EnRouteToPickup),
        provider_event_type: word.into(),
        provider_status: Some(word.into()),
        ..event(word, Kind::OrderStatusChanged, seconds)
    }
}

/// A snapshot of Ahamove about `seconds`, received a second later.
fn ahamove(word: &str, seconds: i64) -> DeliveryEvent {
    let status = match word {
        "ASSIGNING" => Status::Assigning,
        "ACCEPTED" => Status::Assigned,
        "IN PROCESS" => Status::PickedUp,
        other => panic!("{other}"),
    };
    DeliveryEvent {
        provider: Provider::Ahamove,
        occurred_at_source: OccurredAtSource::ProviderField,
        received_at: at(seconds + 1),
        status: Some(status),
        provider_status: Some(word.into()),
        ..event(
            &format!("{word} {seconds}"),
            Kind::OrderStatusChanged,
            seconds,
        )
    }
}

/// The same snapshot in another receipt.
fn again(mut event: DeliveryEvent, seconds: i64) -> DeliveryEvent {
    event.receipt_id = receipt(&format!("{} again {seconds}", event.event_id));
    event.received_at = at(seconds);
    event
}

fn ids(bench: &Bench) -> Vec<EventId> {
    bench
        .effects
        .ordered
        .iter()
        .map(|(_, ordered)| ordered.event.event_id)
        .collect()
}

fn duplicates(bench: &Bench) -> usize {
    let duplicate = Outcome::SetAside(Reason::Duplicate);
    let outcomes = bench.effects.outcomes.iter();
    outcomes.filter(|outcome| **outcome == duplicate).count()
}

fn append_all(seconds: &[i64]) -> Bench {
    let mut bench = Bench::default();
    for seconds in seconds {
        bench.append(ordatic("rider-picking", *seconds), *seconds);
    }
    bench
}

#[test]
fn an_equal_event_of_ordatic_within_ten_minutes_is_a_duplicate_and_later_another_event() {
    let bench = append_all(&[0, 10 * MINUTE]);
    assert_eq!((bench.left().len(), duplicates(&bench)), (1, 1));
    let bench = append_all(&[0, 10 * MINUTE + 1]);
    let equal = id("rider-picking");
    let later = ordatic("rider-picking", 10 * MINUTE + 1);
    assert_eq!(ids(&bench), [equal, equal.repeated(later.receipt_id)]);
    let (_, second) = &bench.effects.ordered[1];
    assert_eq!(second.event.occurred_at, later.received_at);
    assert_eq!(second.event.occurred_at_source, OccurredAtSource::Receipt);
    assert_eq!((second.sequence, second.late), (2, false));
}

#[test]
fn a_duplicate_makes_the_ten_minutes_begin_again() {
    let bench = append_all(&[0, 9 * MINUTE, 18 * MINUTE, 27 * MINUTE]);
    assert_eq!((bench.left().len(), duplicates(&bench)), (1, 3));
    let bench = append_all(&[0, 9 * MINUTE, 20 * MINUTE, 29 * MINUTE, 50 * MINUTE]);
    assert_eq!((bench.left().len(), duplicates(&bench)), (3, 2));
}

#[test]
fn what_tells_equal_events_apart_is_when_they_were_received_not_when_they_are_read() {
    let mut bench = Bench::default();
    bench.append(ordatic("rider-picking", 0), 0);
    bench.append(ordatic("rider-picking", 5 * MINUTE), 60 * MINUTE);
    bench.append(ordatic("rider-picking", 40 * MINUTE), 60 * MINUTE);
    assert_eq!((bench.left().len(), duplicates(&bench)), (2, 1));
}

#[test]
fn other_words_of_ordatic_do_not_concern_each_other() {
    let mut bench = Bench::default();
    bench.append(ordatic("rider-picking", 0), 0);
    bench.append(ordatic("rider-delivering", 60), 60);
    bench.append(ordatic("rider-delivering", 12 * MINUTE), 12 * MINUTE);
    assert_eq!(bench.left().len(), 3);
}

#[test]
fn what_ordatic_says_of_no_order_is_told_apart_in_the_same_way() {
    let wallet = |seconds| DeliveryEvent {
        order_id: None,
        ..ordatic("unheard-of", seconds)
    };
    let mut bench = Bench::default();
    for minutes in [0, 9, 18, 40, 45] {
        bench.append(wallet(minutes * MINUTE), minutes * MINUTE);
        bench.commit();
    }
    let second = wallet(40 * MINUTE);
    let expected = [second.event_id, second.event_id.repeated(second.receipt_id)];
    assert_eq!((ids(&bench), duplicates(&bench)), (expected.to_vec(), 3));
    let (_, ordered) = &bench.effects.ordered[1];
    assert_eq!(ordered.event.occurred_at, second.received_at);
    assert_eq!((ordered.sequence, ordered.revision), (0, 0));
    // A replay finds each as it was.
    for minutes in [0, 9, 18, 40, 45] {
        bench.append(wallet(minutes * MINUTE), 60 * MINUTE);
    }
    assert_eq!((ids(&bench).len(), duplicates(&bench)), (2, 6));
}

#[test]
fn an_event_in_its_own_id_reads_back_as_the_same_receipt_and_can_be_revised() {
    let mut bench = append_all(&[0, 20 * MINUTE]);
    bench.commit();
    bench.append(ordatic("rider-picking", 20 * MINUTE), 3_000);
    assert_eq!(bench.effects.outcomes[2], Outcome::Repeated);
    let mut revised = ordatic("rider-picking", 20 * MINUTE);
    revised.status = Some(Status::Assigned);
    revised.replay_id = Some("replay".into());
    revised.mapping_version = "2".into();
    bench.append(revised, 3_001);
    assert_eq!(bench.effects.outcomes[3], Outcome::Revised);
    let (_, ordered) = &bench.effects.ordered[2];
    assert_eq!((ordered.sequence, ordered.revision), (2, 1));
    assert_eq!(ids(&bench)[1], ids(&bench)[2]);
}

#[test]
fn the_memory_of_repeats_survives_the_changelog() {
    let mut bench = append_all(&[0, 9 * MINUTE, 30 * MINUTE]);
    bench.commit();
    let key = ordatic("", 0).key().to_string();
    let record = bench.partition.store_mut().record(&key).unwrap();
    let bytes = record.encode().unwrap();
    let mut shelf = crate::shelf::memory::MemoryShelf::default();
    let mut loader = crate::shelf::Loader::new(&mut shelf, 1);
    loader.take(&key, Some(&bytes)).unwrap();
    loader.finish(None).unwrap();
    let store = crate::store::Store::new(Box::new(shelf));
    let mut bench = Bench {
        partition: crate::partition::Partition::new(rules(), store),
        ..Bench::default()
    };
    for minutes in [0, 9, 18, 30, 39] {
        let event = ordatic("rider-picking", minutes * MINUTE);
        bench.append(event, 40 * MINUTE);
    }
    assert!(bench.left().is_empty());
    assert_eq!(duplicates(&bench), 3);
}

#[test]
fn a_duplicate_that_was_discarded_prolongs_nothing() {
    let mut bench = append_all(&[0]);
    bench.commit();
    bench.append(ordatic("rider-picking", 9 * MINUTE), 9 * MINUTE);
    bench.partition.discarded();
    bench.append(ordatic("rider-picking", 18 * MINUTE), 18 * MINUTE);
    assert_eq!(bench.left().len(), 2);
}

/// The runs of times of receipt, each no further than ten minutes from the next.
fn runs(seconds: &BTreeSet<i64>) -> usize {
    let all: Vec<_> = seconds.iter().collect();
    1 + all
        .windows(2)
        .filter(|pair| pair[1] - pair[0] > 10 * MINUTE)
        .count()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn equal_events_of_ordatic_are_as_many_as_runs_and_a_replay_adds_none(
        seconds in prop::collection::btree_set(0_i64..7_200, 1..12),
        replays in prop::collection::vec(any::<prop::sample::Index>(), 0..12),
    ) {
        let received: Vec<_> = seconds.iter().copied().collect();
        let mut bench = append_all(&received);
        prop_assert_eq!(bench.left().len(), runs(&seconds));
        let before = ids(&bench);
        bench.commit();
        for replay in replays {
            bench.append(ordatic("rider-picking", *replay.get(&received)), 8_000);
        }
        prop_assert_eq!(ids(&bench), before);
        prop_assert!(bench.commit().is_empty(), "no snapshot without a change");
    }

    #[test]
    fn receipts_in_any_order_are_each_an_event_or_a_duplicate_and_stay_so(
        received in Just((0_i64..24).map(|n| n * n * 13).collect::<Vec<_>>()).prop_shuffle(),
    ) {
        let mut bench = append_all(&received);
        prop_assert_eq!(bench.left().len() + duplicates(&bench), received.len());
        let left = bench.left();
        for seconds in &received {
            bench.append(ordatic("rider-picking", *seconds), 20_000);
        }
        prop_assert_eq!(bench.left(), left);
    }
}
