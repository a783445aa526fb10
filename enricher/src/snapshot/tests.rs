use schemas::{DeliveryEvent, Kind, Micros, Money, Status, delivery_event::Milestone};

use crate::sample::*;

fn by(mut event: DeliveryEvent, name: &str) -> DeliveryEvent {
    event.driver = Some(driver(name));
    event
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
    let reached = |status, seconds| Milestone {
        status,
        at: at(seconds),
        stop_index: None,
    };
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
