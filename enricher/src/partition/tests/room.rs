//! How much one order's state holds.

use schemas::{
    DeliveryEvent, Kind, OrderId, Reason,
    avro::{Encoder, Record},
    delivery_event::Stop,
};

use crate::{codec::CodecError, outcome::Outcome, partition::Appended, sample::*};

const TOO_LARGE: Outcome = Outcome::SetAside(Reason::TooLarge);

/// Takes the events in, so many in a transaction; says what became of each, and how long the longest
/// state was.
fn run(events: &[DeliveryEvent], in_one_transaction: usize) -> (Vec<Outcome>, usize) {
    let mut bench = Bench::default();
    let encoder = Encoder::new(Record::DeliveryEvent, 1).unwrap();
    let mut longest = 0;
    for events in events.chunks(in_one_transaction) {
        for event in events {
            let appended = Appended {
                at_ms: START_MS,
                bytes: encoder.encode(event).unwrap().len(),
            };
            let key = event.key().to_string();
            let to = &mut bench.effects;
            bench.partition.event(&key, event.clone(), appended, to);
        }
        let settled = bench.partition.settle(|settled| {
            longest = longest.max(settled.record.map_or(0, <[u8]>::len));
            Ok::<_, CodecError>(())
        });
        settled.unwrap();
        bench.partition.committed(None);
    }
    (bench.effects.outcomes, longest)
}

fn notes(count: i64, change: impl Fn(&mut DeliveryEvent)) -> Vec<DeliveryEvent> {
    let note = |n: i64| {
        let mut note = event(&n.to_string(), Kind::NoteAdded, n);
        change(&mut note);
        note
    };
    (0..count).map(note).collect()
}

fn with_empty_stops(event: &mut DeliveryEvent) {
    let stop = |index| Stop {
        index,
        ..Stop::default()
    };
    event.stops = (0..200).map(stop).collect();
}

#[test]
fn how_much_an_order_takes_does_not_hang_on_where_transactions_end() {
    let small = notes(4_500, |_| {});
    let many_stops = notes(500, with_empty_stops);
    let long = notes(8, |event| event.cancel_reason = Some("x".repeat(300_000)));
    for events in [small, many_stops, long] {
        let (at_once, longest) = run(&events, events.len());
        assert!(longest > 600_000, "room is left: {longest}");
        assert!(longest < 800_000, "{longest}");
        assert!(at_once.contains(&TOO_LARGE) && at_once.contains(&Outcome::Released));
        let (in_many, longest) = run(&events, events.len().div_ceil(7));
        assert!(in_many == at_once && longest < 800_000, "{longest}");
    }
}

/// Each of them is decoded, and written whole at the commit: all at once they would fill the memory.
#[test]
fn holds_of_large_orders_end_some_megabytes_at_a_time() {
    const ORDERS: usize = 12;
    let mut bench = Bench::default();
    for order in 0..ORDERS {
        let mut large = event("1", Kind::NoteAdded, 0);
        large.cancel_reason = Some("x".repeat(600_000));
        for (mut event, bytes) in [(large, 601_000), (status("PICKED_UP", "ON_GOING", 1), 300)] {
            event.order_id = Some(OrderId::new(format!("order-{order}")).unwrap());
            let at_ms = START_MS;
            let key = event.key().to_string();
            let appended = Appended { at_ms, bytes };
            bench
                .partition
                .event(&key, event, appended, &mut bench.effects);
        }
    }
    bench.commit();
    let mut left = vec![bench.effects.ordered.len()];
    while left.last() < Some(&(2 * ORDERS)) {
        assert!(left.len() < ORDERS, "{left:?}");
        bench.advance(60);
        left.push(bench.effects.ordered.len());
    }
    assert!(left[0] == ORDERS && left.len() > 2, "{left:?}");
}

#[test]
fn a_thousand_small_events_of_one_order_fit_in_one_transaction() {
    let (outcomes, longest) = run(&notes(1_000, |_| {}), 1_000);
    assert!(outcomes.iter().all(|outcome| *outcome == Outcome::Released));
    assert!(longest < 250_000, "{longest}");
}

#[test]
fn an_order_with_more_events_than_a_record_holds_takes_no_more() {
    let mut events = notes(4, |event| event.cancel_reason = Some("x".repeat(300_000)));
    events.push(event("small", Kind::NoteAdded, 9));
    let (outcomes, _) = run(&events, 2);
    let released = Outcome::Released;
    let expected = [released, released, TOO_LARGE, TOO_LARGE, released];
    assert_eq!(outcomes, expected);
}

#[test]
fn an_event_that_no_state_holds_is_too_large_also_as_the_first() {
    let events = notes(1, |event| event.cancel_reason = Some("x".repeat(800_000)));
    assert_eq!(run(&events, 1), (vec![TOO_LARGE], 0));
}

#[test]
fn a_replay_makes_no_state_larger_than_a_record() {
    let mut events = notes(3, |event| event.cancel_reason = Some("x".repeat(200_000)));
    for length in [300_000, 200_000] {
        let again = notes(3, |event| {
            event.cancel_reason = Some("y".repeat(length));
            event.replay_id = Some("replay".into());
        });
        events.extend(again);
    }
    let (revised, released) = (Outcome::Revised, Outcome::Released);
    let mut expected = vec![released; 3];
    expected.extend([revised, TOO_LARGE, TOO_LARGE]);
    expected.extend([revised; 3]);
    for in_one_transaction in [1, 9] {
        let (outcomes, longest) = run(&events, in_one_transaction);
        assert_eq!(outcomes, expected);
        assert!(longest < 800_000);
    }
}

#[test]
fn a_stop_that_an_older_version_wrote_with_all_its_fields_is_read() {
    let mut with_stops = event("1", Kind::NoteAdded, 0);
    with_empty_stops(&mut with_stops);
    let bytes = rmp_serde::to_vec_named(&with_stops.stops).unwrap();
    let extras = [("stops", rmp_serde::from_slice::<Vec<Stop>>(&bytes).unwrap())];
    let older = rmp_serde::to_vec_named(&std::collections::BTreeMap::from(extras)).unwrap();
    let extras: crate::fact::Extras = rmp_serde::from_slice(&older).unwrap();
    let newer = rmp_serde::to_vec_named(&extras).unwrap();
    assert!(newer.len() * 5 < older.len(), "and takes less room now");
    assert_eq!(extras.stops, with_stops.stops);
    assert_eq!(
        rmp_serde::from_slice::<crate::fact::Extras>(&newer).unwrap(),
        extras
    );
}
