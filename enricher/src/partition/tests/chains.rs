//! Messages between the orders of a chain.

use schemas::Reason;

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

/// How often something was set aside as over the limit.
fn over_the_limit(bench: &Bench) -> usize {
    let all = bench.effects.set_aside.iter();
    all.filter(|(_, why)| why.reason == Reason::LineageLimit)
        .count()
}

#[test]
fn a_successor_over_the_limit_is_set_aside_once_whoever_was_told_of_it() {
    for both in [true, false] {
        let mut bench = Bench::default();
        bench.append(status("ASSIGNING_DRIVER", "", 0), 0);
        for n in 0..65 {
            let newer = format!("N{n}");
            if both {
                bench.append(superseded("A", &newer, 10 + n), 0);
            }
            bench.append(replaces(&newer, "A", 10 + n), 0);
            exchange(&mut bench);
        }
        assert_eq!(over_the_limit(&bench), 1, "both told: {both}");
    }
}
