//! How often a delivery was tried.

use super::*;

fn warehouse(status: Status, word: &str, seconds: i64) -> DeliveryEvent {
    DeliveryEvent {
        provider: Provider::Ahamove,
        status: Some(status),
        provider_status: Some(word.into()),
        ..event(
            &format!("{word} {seconds}"),
            Kind::OrderStatusChanged,
            seconds,
        )
    }
}

#[test]
fn a_warehouse_order_has_one_pickup_and_as_many_attempts_as_the_carrier_counts() {
    let attempt = |n: i32, seconds| DeliveryEvent {
        attempt: Some(n),
        ..warehouse(Status::Failed, &format!("FAILED_{n}"), seconds)
    };
    let mut repeated = attempt(2, 60);
    repeated.event_id = id("the same attempt in another snapshot");
    let mut order = vec![
        warehouse(Status::PickedUp, "TRANSPORTING", 10),
        warehouse(Status::InTransit, "IN PROCESS", 20),
        by(warehouse(Status::Assigned, "ACCEPTED", 30), "d1"),
        attempt(1, 40),
        by(warehouse(Status::Assigned, "ACCEPTED", 50), "d2"),
        attempt(2, 60),
        repeated,
    ];
    let open = folded(order.clone());
    assert_eq!((open.status, open.is_final), (Status::Failed, false));
    assert_eq!((open.failed_attempts, open.ended_at), (2, None));
    assert_eq!(
        (open.picked_up_at, open.reassignment_count),
        (Some(at(10)), 1)
    );
    order.push(warehouse(Status::Returning, "IN_RETURN", 70));
    let returning = folded(order.clone());
    assert_eq!(
        (returning.status, returning.is_final),
        (Status::Returning, false)
    );
    order.push(warehouse(Status::Returned, "RETURNED", 80));
    let returned = folded(order);
    assert_eq!(
        (returned.status, returned.ended_at),
        (Status::Returned, Some(at(80)))
    );
    assert_eq!((returned.failed_attempts, returned.delivered_at), (2, None));
}

#[test]
fn failures_without_a_number_count_once_for_each_time() {
    let failed = |name: &str, seconds| DeliveryEvent {
        event_id: id(name),
        ..warehouse(Status::Failed, "FAILED", seconds)
    };
    let order = folded([failed("1", 10), failed("2", 10), failed("3", 20)]);
    assert_eq!(order.failed_attempts, 2);
}
