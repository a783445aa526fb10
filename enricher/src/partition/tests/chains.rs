//! Messages between the orders of a chain.

use schemas::{DeliveryEvent, EventId, Reason};

use crate::{
    codec::{CodecError, decode_message, encode_message},
    partition::Appended,
    sample::*,
};

/// Messages go to another partition and come back as records, until none is left.
fn exchange(bench: &mut Bench) {
    loop {
        let mut sent = Vec::new();
        let settled = bench.partition.settle(|settled| {
            sent.extend(settled.messages);
            Ok::<_, CodecError>(())
        });
        settled.unwrap();
        bench.partition.committed(None);
        if sent.is_empty() {
            return;
        }
        for (to, message) in sent {
            let message = decode_message(&encode_message(&message).unwrap()).unwrap();
            let appended = Appended {
                at_ms: START_MS,
                bytes: 0,
            };
            let effects = &mut bench.effects;
            bench.partition.message(&to, message, appended, effects);
        }
    }
}

fn order(bench: &mut Bench, order: &str) -> schemas::Order {
    let state = bench.partition.store_mut().order(&key(order).to_string());
    crate::snapshot::order(&key(order), state.unwrap()).unwrap()
}

#[test]
fn an_order_that_no_event_told_of_its_successor_tells_its_path_all_the_same() {
    let mut bench = Bench::default();
    for (newer, older, at) in [("C", "B", 30), ("D", "C", 50), ("B", "A", 10)] {
        bench.append(replaces(newer, older, at), 0);
        exchange(&mut bench);
    }
    let last = order(&mut bench, "D");
    assert_eq!((last.root_order_id.as_str(), last.generation), ("A", 3));
    let middle = order(&mut bench, "B");
    assert_eq!(middle.replaced_by_order_id, Some(order_id("C")));
}

/// Which events were set aside as over the limit, with the order and the field that is named.
fn over_the_limit(bench: &Bench) -> Vec<(EventId, String, String)> {
    let all = bench.effects.set_aside.iter();
    let over = all.filter(|(_, why)| why.reason == Reason::LineageLimit);
    over.map(|(about, why)| {
        let field = why.detail.split(':').next().unwrap();
        let order = about.order_id.clone().unwrap();
        (about.event_id.unwrap(), order, field.to_owned())
    })
    .collect()
}

fn named(event: &DeliveryEvent) -> Vec<(EventId, String, String)> {
    let field = if event.replaces_order_id.is_some() {
        "replaces_order_id"
    } else {
        "replaced_by_order_id"
    };
    let order = event.order_id.as_ref().unwrap().to_string();
    vec![(event.event_id, order, field.to_owned())]
}

/// Which of the two orders of a link a carrier's events told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Told {
    Both,
    Newer,
    Older,
}

/// Sixty-five links of order A, each with its two events, as the normalizer tells them.
fn links(told: Told, link: impl Fn(i64) -> [DeliveryEvent; 2]) -> Bench {
    let mut bench = Bench::default();
    bench.append(status("ASSIGNING_DRIVER", "", 0), 0);
    for n in 0..65 {
        let [on_the_newer, on_the_older] = link(n);
        if told != Told::Older {
            bench.append(on_the_newer, 10 * n);
        }
        if told != Told::Newer {
            bench.append(on_the_older, 10 * n);
        }
        exchange(&mut bench);
        bench.advance(10 * n + 9);
        exchange(&mut bench);
    }
    bench
}

#[test]
fn of_a_successor_over_the_limit_the_event_that_names_it_is_set_aside_and_no_other() {
    let link = |n: i64| {
        let newer = format!("N{n}");
        [
            replaces(&newer, "A", 10 + n),
            superseded("A", &newer, 10 + n),
        ]
    };
    let [on_the_newer, on_the_older] = link(64);
    let expected = [
        (Told::Both, on_the_older.clone()),
        (Told::Newer, on_the_newer),
        (Told::Older, on_the_older),
    ];
    for (told, event) in expected {
        let bench = links(told, link);
        assert_eq!(over_the_limit(&bench), named(&event), "{told:?}");
        let about = bench.effects.set_aside.iter().map(|(about, _)| about);
        assert!(
            about
                .clone()
                .all(|about| about.receipt_id == event.receipt_id.to_string())
        );
    }
}

#[test]
fn of_a_predecessor_over_the_limit_the_event_that_names_it_is_set_aside_and_no_other() {
    let link = |n: i64| {
        let older = format!("P{n}");
        [
            replaces("A", &older, 10 + n),
            superseded(&older, "A", 10 + n),
        ]
    };
    let [on_the_newer, on_the_older] = link(64);
    let expected = [
        (Told::Both, on_the_newer.clone()),
        (Told::Newer, on_the_newer),
        (Told::Older, on_the_older),
    ];
    for (told, event) in expected {
        let bench = links(told, link);
        assert_eq!(over_the_limit(&bench), named(&event), "{told:?}");
    }
}

#[test]
fn of_a_path_over_the_limit_the_event_that_names_the_chosen_predecessor_is_set_aside() {
    let link = |n: i64| {
        let (older, newer) = (format!("{n:03}"), format!("{:03}", n + 1));
        [replaces(&newer, &older, n), superseded(&older, &newer, n)]
    };
    for told in [Told::Both, Told::Newer, Told::Older] {
        let bench = links(told, link);
        let [on_the_newer, on_the_older] = link(64);
        let event = if told == Told::Older {
            on_the_older
        } else {
            on_the_newer
        };
        assert_eq!(over_the_limit(&bench), named(&event), "{told:?}");
    }
}
