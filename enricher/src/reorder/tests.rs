use schemas::{Kind, OccurredAtSource, Status};

use crate::{outcome::Outcome, sample::*};

#[test]
fn the_first_status_leaves_at_once_and_so_does_each_that_continues_it() {
    let mut bench = Bench::default();
    for (seconds, event) in happy().into_iter().enumerate() {
        bench.append(event, i64::try_from(seconds).unwrap());
        assert_eq!(bench.left().len(), seconds + 1);
    }
    assert_eq!(
        bench.words(),
        ["ASSIGNING_DRIVER", "ON_GOING", "PICKED_UP", "COMPLETED"]
    );
    assert!(
        bench
            .effects
            .ordered
            .iter()
            .all(|(_, ordered)| !ordered.late)
    );
}

#[test]
fn an_event_that_does_not_continue_waits_until_its_hold_ends() {
    let mut bench = Bench::default();
    bench.append(status("PICKED_UP", "ON_GOING", 20), 0);
    bench.advance(4);
    assert_eq!(bench.partition.deadline_ms(), Some(START_MS + HOLD_MS));
    assert!(bench.left().is_empty());
    bench.advance(60);
    assert_eq!(bench.words(), ["PICKED_UP"]);
    let (_, ordered) = &bench.effects.ordered[0];
    assert_eq!(
        ordered.released_at,
        at(5),
        "the end of the hold, not when somebody looked"
    );
}

#[test]
fn the_event_that_was_waited_for_lets_the_others_continue() {
    let mut bench = Bench::default();
    let [first, second, third, fourth] = happy().try_into().unwrap();
    bench.append(fourth, 0);
    bench.append(third, 1);
    bench.append(second, 2);
    assert!(bench.left().is_empty());
    bench.append(first, 3);
    assert_eq!(
        bench.words(),
        ["ASSIGNING_DRIVER", "ON_GOING", "PICKED_UP", "COMPLETED"]
    );
    assert!(
        bench
            .effects
            .ordered
            .iter()
            .all(|(_, o)| !o.late && o.released_at == at(3))
    );
}

#[test]
fn what_sorts_before_an_event_that_leaves_goes_first() {
    let mut bench = Bench::default();
    bench.append(status("COMPLETED", "PICKED_UP", 30), 0);
    bench.append(status("PICKED_UP", "ON_GOING", 20), 4);
    bench.advance(5);
    assert_eq!(
        bench.left(),
        [(1, "PICKED_UP".into()), (2, "COMPLETED".into())]
    );
}

#[test]
fn a_hold_that_ended_does_not_wait_for_a_later_record() {
    let mut bench = Bench::default();
    bench.append(status("COMPLETED", "PICKED_UP", 30), 0);
    bench.append(status("PICKED_UP", "ON_GOING", 20), 6);
    assert_eq!(bench.words(), ["COMPLETED"]);
    bench.advance(60);
    assert_eq!(bench.words(), ["COMPLETED", "PICKED_UP"]);
    assert!(bench.effects.ordered[1].1.late);
    assert_eq!(
        bench.effects.ordered[1].1.status_after,
        Some(Status::Delivered)
    );
}

#[test]
fn a_late_event_that_continues_the_one_before_it_leaves_at_once() {
    let mut bench = Bench::default();
    bench.append(status("ASSIGNING_DRIVER", "", 0), 0);
    bench.append(status("COMPLETED", "PICKED_UP", 30), 0);
    bench.advance(10);
    bench.append(status("ON_GOING", "ASSIGNING_DRIVER", 10), 11);
    assert_eq!(bench.words(), ["ASSIGNING_DRIVER", "COMPLETED", "ON_GOING"]);
    assert!(
        bench
            .effects
            .outcomes
            .contains(&Outcome::ReleasedLate(schemas::Provider::Lalamove))
    );
}

#[test]
fn an_event_that_our_own_receipt_dates_never_waits() {
    let mut bench = Bench::default();
    bench.append(status("PICKED_UP", "ON_GOING", 20), 0);
    let mut by_receipt = status("COMPLETED", "x", 30);
    by_receipt.occurred_at_source = OccurredAtSource::Receipt;
    bench.append(by_receipt, 1);
    assert_eq!(bench.words(), ["PICKED_UP", "COMPLETED"]);
}

#[test]
fn an_event_without_status_waits_only_behind_an_earlier_one() {
    let mut bench = Bench::default();
    bench.append(event("1", Kind::DriverAssigned, 11), 0);
    assert_eq!(bench.words(), ["DRIVER_ASSIGNED"]);
    bench.append(status("PICKED_UP", "ON_GOING", 20), 1);
    bench.append(event("2", Kind::OrderAmountChanged, 21), 2);
    assert_eq!(bench.words(), ["DRIVER_ASSIGNED"]);
    bench.append(event("3", Kind::NoteAdded, 12), 3);
    assert_eq!(bench.words(), ["DRIVER_ASSIGNED", "NOTE_ADDED"]);
    bench.advance(6);
    assert_eq!(bench.words()[2..], ["PICKED_UP", "ORDER_AMOUNT_CHANGED"]);
}

#[test]
fn an_event_is_late_only_where_uncertainties_do_not_overlap() {
    let check = |uncertainty_ms, late| {
        let mut bench = Bench::default();
        bench.append(event("1", Kind::NoteAdded, 11), 0);
        let mut earlier = event("2", Kind::NoteAdded, 10);
        earlier.occurred_at_uncertainty_ms = uncertainty_ms;
        bench.append(earlier, 1);
        assert_eq!(bench.effects.ordered[1].1.late, late, "{uncertainty_ms:?}");
    };
    check(None, true);
    check(Some(999), true);
    check(Some(1_000), false);
}

#[test]
fn a_creation_that_comes_after_the_first_status_of_the_same_second_is_not_late() {
    let mut bench = Bench::default();
    bench.append(status("ASSIGNING_DRIVER", "", 0), 0);
    let mut created = event("created", Kind::OrderCreated, 0);
    created.status = Some(Status::Created);
    bench.append(created, 1);
    bench.append(status("ON_GOING", "ASSIGNING_DRIVER", 5), 2);
    assert_eq!(
        bench.words(),
        ["ASSIGNING_DRIVER", "ORDER_CREATED", "ON_GOING"]
    );
    assert!(
        bench
            .effects
            .ordered
            .iter()
            .all(|(_, ordered)| !ordered.late)
    );
}

#[test]
fn a_full_window_lets_its_first_event_go() {
    let mut bench = Bench::default();
    for n in (0..=rules().holds.waiting_max).rev() {
        let n = i64::try_from(n).unwrap();
        let mut event = status("PICKED_UP", "?", 100 + n);
        event.event_id = id(&n.to_string());
        bench.append(event, 0);
    }
    assert_eq!(bench.left().len(), 1);
    assert_eq!(bench.effects.ordered[0].1.event.occurred_at, at(100));
}

#[test]
fn a_backlog_ends_no_hold() {
    // an hour of records is read in one go: time is theirs
    let mut bench = Bench::default();
    bench.append(of_order("B", event("x", Kind::NoteAdded, 0)), 0);
    bench.append(status("ON_GOING", "ASSIGNING_DRIVER", 10), 3_600);
    bench.append(status("ASSIGNING_DRIVER", "", 0), 3_604);
    assert_eq!(bench.words()[1..], ["ASSIGNING_DRIVER", "ON_GOING"]);
}

#[test]
fn a_snapshot_without_a_previous_status_waits_unless_it_says_that_it_is_the_first() {
    let snapshot = |word: &str, kind, seconds| schemas::DeliveryEvent {
        provider: schemas::Provider::Dellyman,
        provider_previous_status: None,
        kind,
        ..status(word, "", seconds)
    };
    let mut bench = Bench::default();
    bench.append(snapshot("PENDING", Kind::OrderCreated, 0), 0);
    assert_eq!(bench.words(), ["PENDING"]);
    bench.append(snapshot("COMPLETED", Kind::OrderStatusChanged, 20), 1);
    bench.append(snapshot("PICKED_UP", Kind::OrderStatusChanged, 10), 2);
    assert_eq!(bench.words(), ["PENDING"]);
    bench.advance(6);
    assert_eq!(bench.words(), ["PENDING", "PICKED_UP", "COMPLETED"]);
}

#[test]
fn an_event_that_may_be_an_hour_off_is_late_only_beyond_that() {
    let check = |seconds, late| {
        let mut bench = Bench::default();
        for (name, seconds) in [("1", 0), ("2", seconds)] {
            let mut event = event(name, Kind::NoteAdded, seconds);
            event.occurred_at_uncertainty_ms = Some(3_600_000);
            bench.append(event, 1);
        }
        assert_eq!(bench.effects.ordered[1].1.late, late, "{seconds}");
    };
    check(-7_200, false);
    check(-7_201, true);
}
