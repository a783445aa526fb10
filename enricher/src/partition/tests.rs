mod bounds;
mod chains;
mod room;

use proptest::prelude::*;
use schemas::{
    DeliveryEvent, Kind, Micros, OccurredAtSource, Order, Reason, Status, delivery_event::Milestone,
};

use super::*;
use crate::{outcome::Outcome, sample::*};

fn from_receipt(mut event: DeliveryEvent, receipt_name: &str) -> DeliveryEvent {
    event.receipt_id = receipt(receipt_name);
    event
}

fn replayed(mut event: DeliveryEvent, mapping: &str) -> DeliveryEvent {
    event.replay_id = Some("replay".into());
    event.mapping_version = mapping.into();
    event
}

#[test]
fn the_same_receipt_is_counted_and_another_one_is_set_aside() {
    let mut bench = Bench::default();
    let first = happy().swap_remove(0);
    bench.append(first.clone(), 0);
    bench.append(first.clone(), 1);
    bench.append(replayed(first.clone(), "2"), 2);
    bench.append(from_receipt(first.clone(), "other"), 3);
    let second_part = DeliveryEvent { part: 2, ..first };
    bench.append(second_part, 4);
    assert_eq!(bench.left().len(), 1);
    assert_eq!(
        bench.effects.outcomes,
        [
            Outcome::Released,
            Outcome::Repeated,
            Outcome::Repeated,
            Outcome::SetAside(Reason::Duplicate),
            Outcome::SetAside(Reason::Duplicate),
        ]
    );
    let (about, why) = &bench.effects.set_aside[0];
    assert_eq!(about.receipt_id, receipt("other").to_string());
    assert_eq!(why.reason, Reason::Duplicate);
}

#[test]
fn the_first_receipt_that_was_taken_in_stays_the_orders_first() {
    let mut bench = Bench::default();
    let first = DeliveryEvent {
        received_at: at(100),
        ..status("PICKED_UP", "ON_GOING", 20)
    };
    bench.append(first, 0);
    let mut earlier = status("ASSIGNING_DRIVER", "", 0);
    earlier.endpoint_id = schemas::EndpointId::new("another").unwrap();
    bench.append(earlier, 1);
    bench.advance(10);
    let order = bench.commit().pop().unwrap();
    assert_eq!(order.first_received_at, at(100));
    assert_eq!(order.endpoint_id.as_str(), "acme-lalamove-hk");
    let mut told = bench.effects.ordered.iter();
    assert!(told.all(|(_, ordered)| ordered.order_first_received_at == Some(at(100))));
}

#[test]
fn an_event_that_waits_is_known_too() {
    let mut bench = Bench::default();
    let waiting = status("PICKED_UP", "ON_GOING", 20);
    bench.append(waiting.clone(), 0);
    bench.append(waiting.clone(), 1);
    bench.append(from_receipt(waiting, "other"), 1);
    bench.advance(10);
    assert_eq!(bench.words(), ["PICKED_UP"]);
    assert_eq!(bench.effects.set_aside.len(), 1);
}

#[test]
fn a_replay_that_reads_an_event_otherwise_is_a_revision_of_it() {
    let mut bench = Bench::default();
    for event in happy() {
        bench.append(event, 0);
    }
    let mut other = replayed(status("PICKED_UP", "ON_GOING", 20), "2");
    other.status = Some(Status::InTransit);
    bench.append(other.clone(), 60);
    bench.append(other, 61);
    let (_, revised) = bench.effects.ordered.last().unwrap();
    assert_eq!((revised.sequence, revised.revision), (3, 1));
    assert_eq!(revised.status_before, Some(Status::Delivered));
    assert_eq!(bench.effects.ordered.len(), 5);
    let order = bench.commit().pop().unwrap();
    assert_eq!((order.event_count, order.version), (4, 4));
    assert_eq!(order.picked_up_at, None);
}

#[test]
fn a_replay_of_an_event_that_waits_takes_its_place() {
    let mut bench = Bench::default();
    bench.append(status("PICKED_UP", "ON_GOING", 20), 0);
    let mut other = replayed(status("PICKED_UP", "ON_GOING", 20), "2");
    other.status = Some(Status::InTransit);
    bench.append(other, 1);
    bench.advance(10);
    let [(_, ordered)] = &bench.effects.ordered[..] else {
        panic!("one event")
    };
    assert_eq!(
        (ordered.revision, ordered.event.status),
        (0, Some(Status::InTransit))
    );
}

#[test]
fn an_event_of_an_account_passes_at_once_and_once() {
    let mut bench = Bench::default();
    let wallet = DeliveryEvent {
        order_id: None,
        ..event("1", Kind::BalanceChanged, 0)
    };
    bench.append(wallet.clone(), 0);
    bench.append(wallet.clone(), 1);
    bench.append(from_receipt(wallet.clone(), "other"), 2);
    let mut other = replayed(wallet, "2");
    other.store_id = Some("x".into());
    bench.append(other, 3);
    let sequences: Vec<_> = bench
        .effects
        .ordered
        .iter()
        .map(|(key, o)| (key.as_ref(), o.sequence, o.revision))
        .collect();
    let key = "acme/lalamove/@acme-lalamove-hk";
    assert_eq!(sequences, [(key, 0, 0), (key, 0, 1)]);
    assert_eq!(bench.effects.set_aside.len(), 1);
    assert!(bench.commit().is_empty());
}

#[test]
fn what_was_discarded_never_happened() {
    let mut bench = Bench::default();
    let [first, second, third, _] = happy().try_into().unwrap();
    bench.append(first, 0);
    bench.append(third.clone(), 1);
    bench.commit();
    let deadline = bench.partition.deadline_ms();
    bench.append(of_order("B", status("PICKED_UP", "?", 0)), 2);
    bench.append(second.clone(), 5);
    bench.advance(100);
    assert_eq!(bench.left().len(), 4);
    bench.partition.discarded();
    bench.effects.clear();
    assert_eq!(bench.partition.deadline_ms(), deadline);
    bench.append(second, 5);
    assert_eq!(
        bench.left(),
        [(2, "ON_GOING".into()), (3, "PICKED_UP".into())]
    );
}

#[test]
fn a_snapshot_is_written_once_for_each_order_and_transaction_and_only_when_something_changed() {
    let mut bench = Bench::default();
    let [first, second, third, _] = happy().try_into().unwrap();
    bench.append(first.clone(), 0);
    bench.append(second, 0);
    assert_eq!(
        bench
            .commit()
            .iter()
            .map(|o| o.revision)
            .collect::<Vec<_>>(),
        [1]
    );
    bench.append(first, 1);
    assert!(bench.commit().is_empty());
    let waiting = DeliveryEvent {
        provider_previous_status: Some("?".into()),
        ..third
    };
    bench.append(waiting, 1);
    assert!(bench.commit().is_empty());
    bench.advance(10);
    assert_eq!(
        bench
            .commit()
            .iter()
            .map(|o| o.revision)
            .collect::<Vec<_>>(),
        [2]
    );
}

#[test]
fn another_mapping_that_reads_the_same_receipt_otherwise_is_a_revision_without_a_replay() {
    let mut bench = Bench::default();
    let first = happy().swap_remove(0);
    bench.append(first.clone(), 0);
    let mut other = first;
    other.mapping_version = "2".into();
    bench.append(other.clone(), 1);
    other.status = Some(Status::Created);
    bench.append(other, 2);
    assert_eq!(
        bench.effects.outcomes,
        [Outcome::Released, Outcome::Repeated, Outcome::Revised]
    );
}

#[test]
fn a_backlog_of_raw_that_is_read_in_one_go_makes_nothing_late() {
    let mut bench = Bench::default();
    // received over hours, appended to canonical within a second of each other
    let mut backlog = happy();
    backlog.swap(1, 2);
    for (event, hours) in backlog.into_iter().zip(0..) {
        let received_at = at(hours * 3_600);
        bench.append(
            DeliveryEvent {
                received_at,
                ..event
            },
            90_000,
        );
    }
    assert_eq!(
        bench.words(),
        ["ASSIGNING_DRIVER", "ON_GOING", "PICKED_UP", "COMPLETED"]
    );
    assert!(bench.effects.ordered.iter().all(|(_, o)| !o.late));
}

#[test]
fn a_chain_shares_its_root_and_each_order_says_so() {
    let mut bench = Bench::default();
    bench.append(replaces("C", "B", 30), 0);
    bench.append(superseded("B", "C", 30), 0);
    bench.append(replaces("B", "A", 10), 0);
    bench.append(superseded("A", "B", 10), 0);
    bench.advance(10);
    // links go to another partition and come back as records
    for _ in 0..4 {
        let mut sent = Vec::new();
        bench
            .partition
            .settle(|settled| {
                sent.extend(settled.messages);
                Ok::<_, CodecError>(())
            })
            .unwrap();
        bench.partition.committed(None);
        for (to, link) in sent {
            let appended = Appended {
                at_ms: START_MS,
                bytes: 0,
            };
            bench
                .partition
                .message(&to, link, appended, &mut bench.effects);
        }
    }
    let state = bench
        .partition
        .store_mut()
        .order(&key("C").to_string())
        .unwrap();
    let order = snapshot::order(&key("C"), state).unwrap();
    assert_eq!(
        (
            order.root_order_id.as_str(),
            order.generation,
            order.chained
        ),
        ("A", 2, true)
    );
    assert_eq!(order.replaces_order_id, Some(order_id("B")));
}

/// Statuses that each name the one before, some twice.
fn run(events: &[DeliveryEvent], order: &[usize], gap_ms: i64) -> (Bench, Order) {
    let mut bench = Bench::default();
    for (n, pick) in order.iter().enumerate() {
        let event = events[pick % events.len()].clone();
        let appended = Appended {
            at_ms: START_MS + i64::try_from(n).unwrap() * gap_ms,
            bytes: 300,
        };
        let key = event.key().to_string();
        bench
            .partition
            .event(&key, event, appended, &mut bench.effects);
    }
    bench.advance(3_000);
    let mut order = bench.commit().pop().unwrap();
    // what depends on the order of arrival by its meaning
    order.late_count = 0;
    order.first_received_at = Micros(0);
    (bench, order)
}

fn shuffled(count: usize, twice: usize) -> impl Strategy<Value = Vec<usize>> {
    let all: Vec<usize> = (0..count).chain(0..twice).collect();
    Just(all).prop_shuffle()
}

fn any_event() -> impl Strategy<Value = DeliveryEvent> {
    let statuses = prop::sample::select(Status::ALL);
    let kinds = prop::sample::select(vec![
        Kind::OrderStatusChanged,
        Kind::DriverAssigned,
        Kind::OrderCreated,
        Kind::OrderSuperseded,
        Kind::NoteAdded,
    ]);
    let sources = prop::sample::select(OccurredAtSource::ALL);
    let uncertainty = prop::option::of(0_i64..8_000);
    let name = any::<u32>();
    let driver_name = prop::option::of("[ab]");
    let milestone = (
        prop::sample::select(Status::ALL),
        0_i64..20,
        prop::option::of(0..3_i32),
    );
    let milestones = prop::collection::vec(milestone, 0..3).prop_map(|all| {
        let milestone = |(status, seconds, stop_index)| Milestone {
            status,
            at: at(seconds),
            stop_index,
        };
        all.into_iter().map(milestone).collect::<Vec<_>>()
    });
    (
        prop::option::of(statuses),
        kinds,
        sources,
        0_i64..20,
        uncertainty,
        name,
        driver_name,
        milestones,
    )
        .prop_map(
            |(status, kind, source, seconds, uncertainty, name, driver_name, milestones)| {
                DeliveryEvent {
                    milestones,
                    status,
                    provider_status: status.map(|status| status.to_string()),
                    occurred_at_source: source,
                    occurred_at_uncertainty_ms: uncertainty,
                    driver: driver_name.map(|name| driver(&name)),
                    ..event(&name.to_string(), kind, seconds)
                }
            },
        )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn within_the_hold_every_arrival_gives_the_same_stream_and_order(
        order in shuffled(6, 3),
    ) {
        let mut words = vec![""];
        words.extend(["ASSIGNING_DRIVER", "ON_GOING", "NEW_WORD", "PICKED_UP", "COMPLETED", "LAST"]);
        let events: Vec<_> = words
            .windows(2)
            .zip(0_i64..)
            .map(|(pair, n)| status(pair[1], pair[0], n * 10))
            .collect();
        let (bench, folded) = run(&events, &order, 500);
        prop_assert_eq!(&bench.words(), &words[1..]);
        prop_assert!(bench.effects.ordered.iter().all(|(_, ordered)| !ordered.late));
        prop_assert_eq!(folded, run(&events, &[0, 1, 2, 3, 4, 5], 0).1);
    }

    #[test]
    fn whatever_arrives_when_the_order_is_the_same_in_the_end(
        events in prop::collection::vec(any_event(), 1..9),
        order in shuffled(8, 8),
        gap_ms in prop::sample::select(vec![0_i64, 700, 9_000]),
    ) {
        let (bench, folded) = run(&events, &order, gap_ms);
        let plain: Vec<_> = (0..8).collect();
        prop_assert_eq!(folded, run(&events, &plain, 60_000).1);
        let sequences: Vec<_> = bench.left().into_iter().map(|(sequence, _)| sequence).collect();
        let expected: Vec<i64> = (1..).take(sequences.len()).collect();
        prop_assert_eq!(sequences, expected);
    }
}
