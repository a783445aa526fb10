//! Searches for a driver that begin anew with the snapshot of the first one.

use super::*;

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
