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

#[test]
fn ahamove_looks_for_a_driver_again_with_the_snapshot_that_it_sent_at_first() {
    let mut bench = Bench::default();
    let assigning = ahamove("ASSIGNING", 0);
    bench.append(assigning.clone(), 1);
    bench.append(ahamove("ACCEPTED", 60), 61);
    let rebroadcast = again(assigning.clone(), 200);
    bench.append(rebroadcast.clone(), 200);
    assert_eq!(bench.left().len(), 2, "what decides it may still come");
    bench.advance(205);
    let own = assigning.event_id.repeated(rebroadcast.receipt_id);
    let (_, last) = bench.effects.ordered.last().unwrap();
    assert_eq!(last.event.event_id, own);
    assert_eq!(last.event.occurred_at, at(200));
    assert_eq!(last.event.occurred_at_source, OccurredAtSource::Receipt);
    assert_eq!(last.status_before, Some(Status::Assigned));
    assert_eq!(last.status_after, Some(Status::Assigning));
    bench.append(ahamove("ACCEPTED", 240), 241);
    bench.advance(400);
    let order = bench.commit().pop().unwrap();
    assert_eq!(order.status, Status::Assigned);
    assert_eq!((order.reassignment_count, order.late_count), (1, 0));
    assert_eq!(order.first_assigned_at, Some(at(60)));
    assert_eq!(order.assigned_at, Some(at(240)));
}

#[test]
fn an_equal_snapshot_is_no_rebroadcast_too_soon_or_while_no_driver_has_the_order() {
    let left = |before: &[DeliveryEvent], seconds| {
        let mut bench = Bench::default();
        let assigning = ahamove("ASSIGNING", 0);
        bench.append(assigning.clone(), 1);
        for event in before {
            let seconds = (event.received_at.millis() - START_MS) / 1_000;
            bench.append(event.clone(), seconds);
        }
        bench.append(again(assigning, seconds), seconds);
        bench.advance(seconds + 60);
        bench.left().len() - before.len() - 1
    };
    let accepted = ahamove("ACCEPTED", 20);
    assert_eq!(
        left(std::slice::from_ref(&accepted), 61),
        0,
        "sixty seconds"
    );
    assert_eq!(left(std::slice::from_ref(&accepted), 62), 1);
    assert_eq!(left(&[], 200), 0, "no driver");
    assert_eq!(
        left(&[accepted, ahamove("IN PROCESS", 90)], 200),
        0,
        "on its way"
    );
}

#[test]
fn other_snapshots_of_ahamove_are_known_by_their_id_alone() {
    let mut bench = Bench::default();
    let accepted = ahamove("ACCEPTED", 0);
    bench.append(accepted.clone(), 1);
    bench.append(again(accepted, 900), 900);
    assert_eq!((bench.left().len(), duplicates(&bench)), (1, 1));
}

#[test]
fn an_equal_snapshot_is_judged_by_what_had_been_received_before_it() {
    let mut bench = Bench::default();
    let assigning = ahamove("ASSIGNING", 0);
    // all of it waits in a backlog, so that nothing is released when the last one comes
    bench.append(assigning.clone(), 900);
    bench.append(ahamove("ACCEPTED", 60), 900);
    bench.append(again(assigning.clone(), 200), 900);
    bench.advance(905);
    assert_eq!(bench.words(), ["ASSIGNING", "ACCEPTED", "ASSIGNING"]);

    let mut bench = Bench::default();
    bench.append(assigning.clone(), 1);
    let duplicate = again(assigning.clone(), 90);
    bench.append(duplicate.clone(), 90);
    bench.append(ahamove("ACCEPTED", 100), 101);
    let late = DeliveryEvent {
        received_at: at(50),
        ..ahamove("ACCEPTED", 45)
    };
    bench.append(late, 120);
    bench.append(duplicate, 3_000);
    assert_eq!(
        duplicates(&bench),
        2,
        "a replay is judged as the receipt was"
    );
}

#[test]
fn a_rebroadcast_comes_twice_like_anything_else() {
    let mut bench = Bench::default();
    let assigning = ahamove("ASSIGNING", 0);
    bench.append(assigning.clone(), 1);
    bench.append(ahamove("ACCEPTED", 60), 61);
    bench.append(again(assigning.clone(), 200), 200);
    bench.append(again(assigning.clone(), 203), 203);
    bench.append(ahamove("ACCEPTED", 210), 211);
    bench.append(again(assigning.clone(), 240), 240);
    assert_eq!(duplicates(&bench), 2);
    bench.append(again(assigning, 300), 300);
    bench.advance(400);
    assert_eq!(
        bench.words(),
        [
            "ASSIGNING",
            "ACCEPTED",
            "ASSIGNING",
            "ACCEPTED",
            "ASSIGNING"
        ]
    );
}

#[test]
fn what_a_dropped_driver_had_done_is_not_proven_again_by_a_rebroadcast() {
    let mut bench = Bench::default();
    let mut assigning = ahamove("ASSIGNING", 0);
    assigning.milestones = vec![Milestone {
        status: Status::Created,
        at: at(-5),
        stop_index: None,
    }];
    bench.append(assigning.clone(), 1);
    bench.append(ahamove("ACCEPTED", 60), 61);
    bench.append(again(assigning, 200), 200);
    bench.advance(205);
    let order = bench.commit().pop().unwrap();
    assert_eq!(
        (order.assigned_at, order.first_assigned_at),
        (None, Some(at(60)))
    );
    assert_eq!(order.created_at, Some(at(-5)));
}

/// Every arrival of what was received within moments; says what left, and what was a duplicate.
fn arrivals(events: &[DeliveryEvent], check: impl Fn(&Bench)) {
    let count = events.len();
    for n in 0..count.pow(u32::try_from(count).unwrap()) {
        let order: Vec<usize> = (0..count)
            .map(|place| n / count.pow(u32::try_from(place).unwrap()) % count)
            .collect();
        if BTreeSet::from_iter(&order).len() < count {
            continue;
        }
        for commits in [false, true] {
            let mut bench = Bench::default();
            for (at, seconds) in order.iter().zip(500..) {
                bench.append(events[*at].clone(), seconds);
                if commits {
                    bench = through_the_changelog(bench);
                }
            }
            bench.advance(600);
            check(&bench);
        }
    }
}

/// What is written and read back.
fn through_the_changelog(mut bench: Bench) -> Bench {
    bench.commit();
    let key = ahamove("ASSIGNING", 0).key().to_string();
    let bytes = bench
        .partition
        .store_mut()
        .record(&key)
        .unwrap()
        .encode()
        .unwrap();
    let mut shelf = crate::shelf::memory::MemoryShelf::default();
    let mut loader = crate::shelf::Loader::new(&mut shelf, 1);
    loader.take(&key, Some(&bytes)).unwrap();
    loader.finish(None).unwrap();
    let store = crate::store::Store::new(Box::new(shelf));
    let partition = crate::partition::Partition::new(rules(), store);
    Bench { partition, ..bench }
}

#[test]
fn a_rebroadcast_is_one_whatever_comes_first_within_the_hold() {
    let assigning = ahamove("ASSIGNING", 0);
    let rebroadcast = again(assigning.clone(), 120);
    let own = assigning.event_id.repeated(rebroadcast.receipt_id);
    let accepted = ahamove("ACCEPTED", 60);
    let expected = [assigning.event_id, accepted.event_id, own];
    arrivals(&[assigning, rebroadcast, accepted], |bench| {
        assert_eq!((ids(bench), duplicates(bench)), (expected.to_vec(), 0));
        let (_, last) = bench.effects.ordered.last().unwrap();
        assert_eq!(last.status_after, Some(Status::Assigning));
        assert!(bench.effects.ordered.iter().all(|(_, o)| !o.late));
    });
}

#[test]
fn an_equal_snapshot_sets_no_order_back_that_is_on_its_way_whatever_comes_first() {
    let assigning = ahamove("ASSIGNING", 0);
    let equal = again(assigning.clone(), 120);
    let (accepted, on_its_way) = (ahamove("ACCEPTED", 60), ahamove("IN PROCESS", 99));
    let expected = [&assigning, &accepted, &on_its_way].map(|event| event.event_id);
    arrivals(&[assigning, accepted, on_its_way, equal.clone()], |bench| {
        assert_eq!((ids(bench), duplicates(bench)), (expected.to_vec(), 1));
        let (about, _) = &bench.effects.set_aside[0];
        assert_eq!(about.event_id, Some(equal.event_id));
        assert_eq!(about.receipt_id, equal.receipt_id.to_string());
        let (_, last) = bench.effects.ordered.last().unwrap();
        assert_eq!(last.status_after, Some(Status::PickedUp));
    });
}

#[test]
fn one_search_of_two_receipts_is_one_rebroadcast_whatever_comes_first() {
    let assigning = ahamove("ASSIGNING", 0);
    let search = again(assigning.clone(), 120);
    let own = assigning.event_id.repeated(search.receipt_id);
    let twice = again(assigning.clone(), 125);
    let accepted = ahamove("ACCEPTED", 60);
    let expected = [assigning.event_id, accepted.event_id, own];
    arrivals(&[assigning, search, twice, accepted], |bench| {
        assert_eq!((ids(bench), duplicates(bench)), (expected.to_vec(), 1));
    });
}

#[test]
fn a_snapshot_of_which_it_is_open_what_it_is_comes_twice_and_is_revised_like_anything_else() {
    let mut bench = Bench::default();
    let assigning = ahamove("ASSIGNING", 0);
    bench.append(assigning.clone(), 1);
    bench.append(ahamove("ACCEPTED", 60), 61);
    let open = again(assigning, 120);
    bench.append(open.clone(), 120);
    bench.append(open.clone(), 121);
    let revised = DeliveryEvent {
        replay_id: Some("replay".into()),
        mapping_version: "2".into(),
        store_id: Some("x".into()),
        ..open
    };
    bench.append(revised.clone(), 122);
    bench = through_the_changelog(bench);
    bench.advance(200);
    bench.append(revised, 300);
    let (_, last) = bench.effects.ordered.last().unwrap();
    assert_eq!(
        (last.sequence, last.event.store_id.as_deref()),
        (3, Some("x"))
    );
    let repeated = bench.effects.outcomes.iter();
    let repeated = repeated.filter(|outcome| **outcome == Outcome::Repeated);
    assert_eq!((repeated.count(), duplicates(&bench)), (3, 0));
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
