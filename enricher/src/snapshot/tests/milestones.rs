//! What a snapshot event proves beside its own status.

use super::*;

#[test]
fn a_milestone_gives_a_time_only_where_no_event_did() {
    let mut delivered = status("COMPLETED", "PICKED_UP", 30);
    delivered.milestones = vec![
        reached(Status::Created, -9),
        reached(Status::Assigned, 5),
        reached(Status::PickedUp, 15),
        reached(Status::Delivered, 25),
        reached(Status::Canceled, 26),
    ];
    let order = folded(happy().into_iter().take(3).chain([delivered]));
    assert_eq!(order.created_at, Some(at(-9)));
    assert_eq!(
        (order.assigned_at, order.picked_up_at),
        (Some(at(10)), Some(at(20)))
    );
    assert_eq!(
        (order.delivered_at, order.ended_at),
        (Some(at(30)), Some(at(30)))
    );
    assert_eq!(order.canceled_at, None);
}

#[test]
fn a_milestone_changes_no_status() {
    let mut on_going = status("ON_GOING", "", 10);
    on_going.milestones = vec![reached(Status::Delivered, 9), reached(Status::Canceled, 9)];
    let order = folded([on_going]);
    assert_eq!(order.status, Status::EnRouteToPickup);
    assert_eq!(
        (order.delivered_at, order.canceled_at, order.ended_at),
        (None, None, None)
    );
}

#[test]
fn where_our_receipt_dates_an_end_a_snapshot_may_know_better() {
    let ended = |seconds| {
        let mut delivered = status("COMPLETED", "x", 30);
        delivered.occurred_at_source = OccurredAtSource::Receipt;
        delivered.milestones = vec![reached(Status::Delivered, seconds)];
        let order = folded([delivered]);
        assert_eq!(order.delivered_at, order.ended_at);
        order.delivered_at
    };
    assert_eq!(ended(25), Some(at(25)));
    assert_eq!(ended(3_600), Some(at(30)), "never later than we were told");
}

#[test]
fn a_milestone_of_a_stop_is_told_of_the_stop() {
    let mut delivered = status("COMPLETED", "x", 30);
    delivered.provider = Provider::Ahamove;
    delivered.stops = vec![Stop {
        index: 1,
        status: Some(Status::Failed),
        ..Stop::default()
    }];
    delivered.milestones = vec![
        at_stop(0, Status::PickedUp, 12),
        at_stop(1, Status::Failed, 20),
        at_stop(1, Status::Returned, 28),
        at_stop(2, Status::Delivered, 25),
    ];
    let mut later = event("later", Kind::NoteAdded, 40);
    later.provider = Provider::Ahamove;
    later.milestones = vec![at_stop(2, Status::Delivered, 26)];
    let order = folded([delivered, later]);
    let stops: Vec<_> = order
        .stops
        .iter()
        .map(|s| (s.index, s.status, s.occurred_at))
        .collect();
    assert_eq!(
        stops,
        [
            (0, Some(Status::PickedUp), Some(at(12))),
            (1, Some(Status::Failed), Some(at(20))),
            (2, Some(Status::Delivered), Some(at(26))),
        ]
    );
    assert_eq!(order.picked_up_at, Some(at(12)));
    assert_eq!(order.delivered_at, Some(at(30)));
}
