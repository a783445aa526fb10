use schemas::{DeliveryEvent, Kind, Reason, Status};

use crate::{
    codec::CodecError,
    lineage::{Link, Message},
    outcome::Outcome,
    partition::Snapshot,
    sample::*,
};

const HOUR: i64 = 3_600;
const DAY: i64 = 24 * HOUR;

/// Order A, delivered and committed.
fn ended() -> Bench {
    let mut bench = Bench::default();
    for event in happy() {
        bench.append(event, 0);
    }
    bench.commit();
    bench.effects.clear();
    bench
}

/// What a commit writes: the key, whether the snapshot goes, whether the state does.
fn written(bench: &mut Bench) -> Vec<(String, bool, bool)> {
    let mut written = Vec::new();
    let settled = bench.partition.settle(|settled| {
        let forgotten = matches!(settled.snapshot, Snapshot::Forgotten);
        written.push((settled.key.to_string(), forgotten, settled.record.is_none()));
        Ok::<_, CodecError>(())
    });
    settled.unwrap();
    bench.partition.committed(None);
    written
}

fn kept(bench: &Bench) -> usize {
    bench.partition.store().shelf().len()
}

/// Something new of order A.
fn news(seconds: i64) -> DeliveryEvent {
    event(&format!("note {seconds}"), Kind::NoteAdded, seconds)
}

#[test]
fn an_ended_order_leaves_memory_and_is_whole_when_something_comes_for_it() {
    let mut bench = ended();
    assert_eq!((bench.partition.store().hot(), kept(&bench)), (0, 1));
    let mut late = status("ON_GOING", "ON_GOING", 15);
    late.event_id = id("late");
    bench.append(late, 10 * HOUR);
    bench.append(happy().swap_remove(0), 10 * HOUR);
    assert_eq!(
        bench.effects.outcomes,
        [
            Outcome::ReleasedLate(schemas::Provider::Lalamove),
            Outcome::Repeated
        ]
    );
    let (_, ordered) = &bench.effects.ordered[0];
    assert_eq!((ordered.sequence, ordered.late), (5, true));
    assert_eq!(ordered.status_after, Some(Status::Delivered));
    let order = bench.commit().pop().unwrap();
    assert_eq!((order.event_count, order.revision), (5, 2));
}

#[test]
fn an_ended_order_is_forgotten_once_it_was_kept_long_enough() {
    let mut bench = ended();
    bench.append(news(60), HOUR);
    bench.commit();
    bench.advance(DAY + HOUR - 1);
    assert!(written(&mut bench).is_empty(), "its last event counts");
    bench.advance(DAY + 2 * HOUR);
    assert_eq!(written(&mut bench), [(key("A").to_string(), true, false)]);
}

#[test]
fn what_comes_for_a_forgotten_order_is_expired() {
    let mut bench = ended();
    bench.advance(DAY + HOUR);
    written(&mut bench);
    bench.append(news(60), DAY + 2 * HOUR);
    bench.append(happy().swap_remove(0), DAY + 2 * HOUR);
    assert!(bench.left().is_empty());
    let expired = Outcome::SetAside(Reason::Expired);
    assert_eq!(bench.effects.outcomes, [expired, expired]);
    assert_eq!(bench.effects.set_aside[0].1.reason, Reason::Expired);
    assert!(written(&mut bench).is_empty());
}

/// A thousand orders that ended and were committed, of which the sweep gets through a few at a time.
fn many() -> Bench {
    let mut bench = Bench::default();
    for n in 0..1_000 {
        for event in happy() {
            bench.append(of_order(&format!("{n}"), event), 0);
        }
    }
    bench.commit();
    bench.effects.clear();
    bench
}

#[test]
fn whether_an_order_is_forgotten_does_not_hang_on_how_far_the_sweep_came() {
    let expired = Outcome::SetAside(Reason::Expired);
    for (seconds, outcome) in [
        (DAY + HOUR - 1, Outcome::Released),
        (DAY + HOUR, expired),
        (2 * DAY + 2 * HOUR - 1, expired),
        (2 * DAY + 2 * HOUR, Outcome::Released),
    ] {
        for swept in [false, true] {
            let mut bench = many();
            for _ in 0..if swept { 40 } else { 0 } {
                bench.advance(seconds);
                bench.commit();
            }
            for order in ["0", "999"] {
                bench.append(of_order(order, news(seconds)), seconds);
            }
            let case = format!("after {seconds} s, swept: {swept}");
            assert_eq!(bench.effects.outcomes, [outcome; 2], "{case}");
            let first = if seconds < 2 * DAY { 5 } else { 1 };
            let sequences = bench.effects.ordered.iter().map(|(_, o)| o.sequence);
            assert!(
                sequences.into_iter().all(|sequence| sequence == first),
                "{case}"
            );
        }
    }
}

#[test]
fn what_time_has_done_to_an_order_is_written_with_what_comes_for_it() {
    let mut bench = many();
    bench.append(of_order("999", news(60)), DAY + HOUR);
    let key = key("999").to_string();
    assert!(written(&mut bench).contains(&(key.clone(), true, false)));
    let mut bench = many();
    let waiting = status("PICKED_UP", "?", 0);
    bench.append(of_order("999", waiting), 3 * DAY);
    assert!(
        written(&mut bench).contains(&(key, true, false)),
        "the old snapshot goes"
    );
    bench.advance(3 * DAY + 5);
    let order = bench
        .commit()
        .into_iter()
        .find(|order| order.order_id == order_id("999"));
    assert_eq!(order.map(|order| order.version), Some(1));
}

#[test]
fn the_name_of_a_forgotten_order_is_kept_as_long_again() {
    let mut bench = ended();
    bench.advance(DAY + HOUR);
    written(&mut bench);
    bench.advance(2 * DAY);
    assert!(written(&mut bench).is_empty());
    bench.advance(2 * DAY + 3 * HOUR);
    assert_eq!(written(&mut bench), [(key("A").to_string(), false, true)]);
    assert_eq!(kept(&bench), 0);
    bench.append(news(60), 3 * DAY);
    assert_eq!(bench.left(), [(1, "NOTE_ADDED".into())]);
}

#[test]
fn an_order_that_never_ends_is_kept_longer_and_not_for_ever() {
    let mut bench = Bench::default();
    bench.append(status("ASSIGNING_DRIVER", "", 0), 0);
    bench.commit();
    for hours in 1..72 {
        bench.advance(hours * HOUR);
    }
    assert!(written(&mut bench).is_empty());
    bench.advance(75 * HOUR);
    assert_eq!(written(&mut bench), [(key("A").to_string(), true, false)]);
}

#[test]
fn an_order_that_ends_after_a_long_time_is_kept_no_longer_than_others() {
    let mut bench = Bench::default();
    bench.append(status("ASSIGNING_DRIVER", "", 0), 0);
    bench.commit();
    bench.advance(DAY + HOUR);
    written(&mut bench);
    bench.append(status("CANCELED", "ASSIGNING_DRIVER", 60), DAY + 2 * HOUR);
    bench.commit();
    bench.advance(2 * DAY + 4 * HOUR);
    assert_eq!(written(&mut bench), [(key("A").to_string(), true, false)]);
}

#[test]
fn a_forgotten_order_takes_no_part_in_a_chain() {
    let mut bench = ended();
    bench.advance(DAY + HOUR);
    written(&mut bench);
    let claim = crate::lineage::Claim {
        at: at(0),
        event_id: id("claim"),
        order_id: order_id("Z"),
    };
    let link = Link {
        claim,
        version: 1,
        ancestors: vec![order_id("Z")],
        beyond: None,
        again: false,
        evidence: None,
    };
    let appended = crate::partition::Appended {
        at_ms: START_MS,
        bytes: 10,
    };
    let to = &mut bench.effects;
    bench
        .partition
        .message(&key("A"), Message::Link(link), appended, to);
    assert!(written(&mut bench).is_empty());
}

#[test]
fn what_was_forgotten_in_a_discarded_transaction_is_there() {
    let mut bench = ended();
    bench.advance(DAY + HOUR);
    bench.partition.discarded();
    bench.append(news(60), HOUR);
    assert_eq!(bench.left(), [(5, "NOTE_ADDED".into())]);
    bench.commit();
    bench.advance(DAY + 3 * HOUR);
    assert_eq!(written(&mut bench), [(key("A").to_string(), true, false)]);
}

#[test]
fn an_account_forgets_what_it_saw() {
    let mut bench = Bench::default();
    let wallet = DeliveryEvent {
        order_id: None,
        ..event("1", Kind::BalanceChanged, 0)
    };
    bench.append(wallet, 0);
    bench.commit();
    assert_eq!(kept(&bench), 1);
    bench.advance(DAY + HOUR);
    written(&mut bench);
    assert_eq!((kept(&bench), bench.partition.deadline_ms()), (0, None));
}
