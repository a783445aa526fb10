use schemas::{
    DeliveryEvent, Fulfilment, Kind, Micros, Money, OccurredAtSource, Provider, Status,
    delivery_event::{Milestone, Proof, Stop},
};

use crate::sample::*;

mod attempts;
mod milestones;

fn by(mut event: DeliveryEvent, name: &str) -> DeliveryEvent {
    event.driver = Some(driver(name));
    event
}

/// The same event under another id.
fn named(name: &str, event: DeliveryEvent) -> DeliveryEvent {
    DeliveryEvent {
        event_id: id(name),
        ..event
    }
}

#[test]
fn an_order_that_goes_well_has_its_times_from_its_events() {
    let mut events = happy();
    events[1].driver = Some(driver("d1"));
    events[0].created_at = Some(at(-17));
    let order = folded(events);
    assert_eq!(order.status, Status::Delivered);
    assert_eq!(order.provider_status.as_deref(), Some("COMPLETED"));
    assert_eq!(order.created_at, Some(at(-17)));
    assert_eq!(order.assigned_at, Some(at(10)));
    assert_eq!(order.first_assigned_at, Some(at(10)));
    assert_eq!(order.picked_up_at, Some(at(20)));
    assert_eq!(order.delivered_at, Some(at(30)));
    assert_eq!(order.ended_at, Some(at(30)));
    assert_eq!(order.last_event_at, at(30));
    assert_eq!(
        (order.version, order.event_count, order.revision),
        (4, 4, 1)
    );
    assert_eq!(order.reassignment_count, 0);
    assert_eq!(
        (
            order.root_order_id.as_str(),
            order.generation,
            order.chained
        ),
        ("A", 0, false)
    );
}

#[test]
fn a_dropped_order_is_assigned_and_picked_up_again() {
    let mut again = status("ASSIGNING_DRIVER", "PICKED_UP", 30);
    again.event_id = id("again");
    let mut on_going = by(status("ON_GOING", "ASSIGNING_DRIVER", 40), "d2");
    on_going.event_id = id("second driver");
    let order = folded([
        status("ASSIGNING_DRIVER", "", 0),
        by(status("ON_GOING", "ASSIGNING_DRIVER", 10), "d1"),
        by(event("named", Kind::DriverAssigned, 10), "d1"),
        status("PICKED_UP", "ON_GOING", 20),
        again,
        on_going,
    ]);
    assert_eq!(order.first_assigned_at, Some(at(10)));
    assert_eq!(order.assigned_at, Some(at(40)));
    assert_eq!(order.reassignment_count, 1);
    assert_eq!(order.picked_up_at, None, "the new driver has nothing yet");
    assert_eq!(order.driver.unwrap().id.as_deref(), Some("d2"));
}

#[test]
fn another_driver_without_a_step_back_is_a_reassignment() {
    let order = folded([
        by(status("ON_GOING", "", 10), "d1"),
        by(event("1", Kind::DriverAssigned, 12), "d1"),
        by(event("2", Kind::DriverAssigned, 15), "d2"),
    ]);
    assert_eq!(order.reassignment_count, 1);
    assert_eq!(
        (order.first_assigned_at, order.assigned_at),
        (Some(at(10)), Some(at(15)))
    );
}

#[test]
fn a_return_to_the_search_is_a_reassignment_even_if_nobody_is_found() {
    let lost = [
        status("ASSIGNING_DRIVER", "", 0),
        by(status("ON_GOING", "ASSIGNING_DRIVER", 10), "d1"),
        DeliveryEvent {
            event_id: id("again"),
            ..status("ASSIGNING_DRIVER", "ON_GOING", 20)
        },
        DeliveryEvent {
            event_id: id("and again"),
            ..status("ASSIGNING_DRIVER", "ON_GOING", 30)
        },
        status("EXPIRED", "ASSIGNING_DRIVER", 40),
    ];
    let counts: Vec<i32> = (1..=5)
        .map(|n| folded(lost[..n].iter().cloned()).reassignment_count)
        .collect();
    assert_eq!(counts, [0, 0, 1, 1, 1]);
    // Who comes after the search is what it found; whoever takes over from him is one more.
    let mut second = by(status("ON_GOING", "ASSIGNING_DRIVER", 50), "d2");
    second.event_id = id("second driver");
    let order = folded(lost.into_iter().take(3).chain([
        second,
        by(event("taken over", Kind::DriverAssigned, 60), "d3"),
    ]));
    assert_eq!(order.reassignment_count, 2);
}

#[test]
fn the_goods_that_an_earlier_driver_picked_up_are_picked_up_again() {
    // Nobody told that the first one was assigned.
    let order = folded([
        status("ASSIGNING_DRIVER", "", 0),
        by(status("PICKED_UP", "ON_GOING", 100), "d1"),
        by(event("taken over", Kind::DriverAssigned, 200), "d2"),
        by(named("second", status("PICKED_UP", "ON_GOING", 300)), "d2"),
        by(status("COMPLETED", "PICKED_UP", 400), "d2"),
    ]);
    assert_eq!(
        (
            order.assigned_at,
            order.picked_up_at,
            order.reassignment_count
        ),
        (Some(at(200)), Some(at(300)), 1)
    );
    // The first one picks up and lets go within one second.
    let order = folded([
        by(status("ON_GOING", "ASSIGNING_DRIVER", 50), "d1"),
        by(status("PICKED_UP", "ON_GOING", 100), "d1"),
        named("again", status("ASSIGNING_DRIVER", "PICKED_UP", 100)),
        by(
            named("second", status("ON_GOING", "ASSIGNING_DRIVER", 200)),
            "d2",
        ),
        by(named("his", status("PICKED_UP", "ON_GOING", 300)), "d2"),
        by(status("COMPLETED", "PICKED_UP", 400), "d2"),
    ]);
    assert_eq!(
        (
            order.first_assigned_at,
            order.assigned_at,
            order.picked_up_at
        ),
        (Some(at(50)), Some(at(200)), Some(at(300)))
    );
    assert_eq!(order.reassignment_count, 1);
}

/// The return to the search came late, and its own time is that of our receipt.
#[test]
fn our_receipt_of_a_return_to_the_search_does_not_outweigh_the_carriers_clock() {
    let by_receipt = |event: DeliveryEvent| DeliveryEvent {
        occurred_at_source: OccurredAtSource::Receipt,
        ..event
    };
    let proof = |event: DeliveryEvent| DeliveryEvent {
        milestones: vec![reached(Status::Assigned, 130)],
        ..by(event, "d2")
    };
    let order = folded([
        by(status("ON_GOING", "ASSIGNING_DRIVER", 60), "d1"),
        by(
            named("second", status("ON_GOING", "ASSIGNING_DRIVER", 130)),
            "d2",
        ),
        by_receipt(named("again", status("ASSIGNING_DRIVER", "ON_GOING", 160))),
        proof(status("PICKED_UP", "ON_GOING", 300)),
        proof(status("COMPLETED", "PICKED_UP", 600)),
    ]);
    assert_eq!(
        (order.assigned_at, order.picked_up_at),
        (Some(at(130)), Some(at(300)))
    );
}

#[test]
fn the_last_known_driver_stays_when_the_carrier_clears_it() {
    let mut expired = status("EXPIRED", "ON_GOING", 20);
    expired.driver = Some(schemas::delivery_event::Driver {
        id: Some(String::new()),
        ..Default::default()
    });
    let order = folded([by(status("ON_GOING", "", 10), "d1"), expired]);
    assert_eq!(order.driver, Some(driver("d1")));
    assert_eq!(
        (order.status, order.ended_at),
        (Status::Expired, Some(at(20)))
    );
}

#[test]
fn a_cancellation_by_lalamoves_support_is_provisional() {
    let check = |by: &str, until: Option<Micros>| {
        let mut canceled = status("CANCELED", "ON_GOING", 20);
        canceled.canceled_by = Some(by.into());
        canceled.cancel_reason = Some("why".into());
        let order = folded([canceled]);
        assert_eq!(order.provisional_until, until);
        assert_eq!((order.is_final, order.canceled_at), (true, Some(at(20))));
        assert_eq!(order.canceled_by.as_deref(), Some(by));
        assert_eq!(order.cancel_reason.as_deref(), Some("why"));
    };
    check("LALAMOVE_CUSTOMER_SUPPORT", Some(at(620)));
    check("USER", None);
}

#[test]
fn a_snapshot_event_proves_what_was_missed() {
    let mut delivered = status("COMPLETED", "x", 30);
    delivered.milestones = vec![reached(Status::Assigned, 5), reached(Status::PickedUp, 15)];
    let order = folded([delivered]);
    assert_eq!(
        (order.first_assigned_at, order.picked_up_at),
        (Some(at(5)), Some(at(15)))
    );
}

#[test]
fn the_newest_price_in_event_time_stands() {
    let priced = |name: &str, amount, seconds| DeliveryEvent {
        price: Some(Money {
            amount,
            scale: 0,
            currency: "HKD".into(),
        }),
        ..event(name, Kind::OrderAmountChanged, seconds)
    };
    let order = folded([priced("new", 123, 20), priced("old", 103, 10)]);
    assert_eq!(order.price.map(|price| price.amount), Some(123));
    assert_eq!(order.late_count, 1);
}

fn reached(status: Status, seconds: i64) -> Milestone {
    Milestone {
        status,
        at: at(seconds),
        stop_index: None,
    }
}

fn at_stop(index: i32, status: Status, seconds: i64) -> Milestone {
    Milestone {
        stop_index: Some(index),
        ..reached(status, seconds)
    }
}

#[test]
fn another_driver_does_not_inherit_what_the_first_one_did() {
    let mut stale = by(event("stale", Kind::NoteAdded, 40), "d2");
    stale.milestones = vec![reached(Status::PickedUp, 20)];
    let order = folded([
        by(status("ON_GOING", "", 10), "d1"),
        by(status("PICKED_UP", "ON_GOING", 20), "d1"),
        by(event("named", Kind::DriverAssigned, 30), "d2"),
        stale,
    ]);
    assert_eq!(
        (order.assigned_at, order.picked_up_at),
        (Some(at(30)), None)
    );
    assert_eq!(
        (order.first_assigned_at, order.reassignment_count),
        (Some(at(10)), 1)
    );
}

#[test]
fn a_creation_without_a_time_is_dated_by_its_receipt() {
    let mut accepted = event("order-accepted", Kind::OrderCreated, 5);
    accepted.occurred_at_source = OccurredAtSource::Receipt;
    assert_eq!(folded([accepted.clone()]).created_at, Some(at(5)));
    accepted.created_at = Some(at(9));
    assert_eq!(
        folded([accepted]).created_at,
        Some(at(9)),
        "the carrier knows better"
    );
}

#[test]
fn takeaway_and_dine_in_stay() {
    let fulfilled = |name: &str, fulfilment, seconds| DeliveryEvent {
        fulfilment: Some(fulfilment),
        ..event(name, Kind::NoteAdded, seconds)
    };
    for own in [Fulfilment::Takeaway, Fulfilment::DineIn] {
        let order = folded([
            fulfilled("1", Fulfilment::Courier, 10),
            fulfilled("2", own, 20),
            fulfilled("3", Fulfilment::Courier, 30),
            fulfilled("4", Fulfilment::Unknown, 40),
        ]);
        assert_eq!(order.fulfilment, Some(own));
    }
}

#[test]
fn the_parent_and_the_tenants_own_id_stay() {
    let named = DeliveryEvent {
        parent_id: Some("delivery".into()),
        external_order_id: Some("own".into()),
        ..event("1", Kind::OrderCreated, 10)
    };
    let order = folded([named, event("2", Kind::NoteAdded, 20)]);
    assert_eq!(order.parent_id.as_deref(), Some("delivery"));
    assert_eq!(order.external_order_id.as_deref(), Some("own"));
}

#[test]
fn refunds_add_up() {
    let refund = |name: &str, id: Option<&str>, text: &str, seconds| DeliveryEvent {
        refund: Some(Money::parse(text, "EUR").unwrap()),
        refund_id: id.map(Into::into),
        ..event(name, Kind::RefundIssued, seconds)
    };
    let order = folded([
        refund("1", Some("a"), "1.50", 10),
        refund("2", Some("b"), "2.25", 20),
        refund("3", Some("a"), "1.50", 900),
    ]);
    assert_eq!(order.refund, Some(Money::parse("3.75", "EUR").unwrap()));
}

#[test]
fn evidence_is_known_by_where_it_lies() {
    let proof = |uri: &str, stop_index, sha256: Option<&str>| Proof {
        role: "delivery".into(),
        stop_index,
        uri: uri.into(),
        sha256: sha256.map(Into::into),
        media_type: None,
        bytes: None,
    };
    let with = |name: &str, seconds, proofs| DeliveryEvent {
        proofs,
        ..event(name, Kind::ProofReceived, seconds)
    };
    let order = folded([
        with("1", 10, vec![proof("blob:a", Some(1), Some("00"))]),
        with(
            "2",
            20,
            vec![proof("blob:a", None, None), proof("blob:b", None, None)],
        ),
    ]);
    assert_eq!(
        order.proofs,
        [
            proof("blob:a", Some(1), Some("00")),
            proof("blob:b", None, None)
        ]
    );
}
