use proptest::prelude::*;
use schemas::{DeliveryEvent, Kind, OccurredAtSource, Provider, Status, delivery_event::Stop};

use crate::sample::*;

fn said(status: Status, seconds: i64) -> DeliveryEvent {
    DeliveryEvent {
        status: Some(status),
        provider_status: Some(status.to_string()),
        ..event(
            &format!("{status} {seconds}"),
            Kind::OrderStatusChanged,
            seconds,
        )
    }
}

fn check(events: &[(Status, i64)], adjust: impl Fn(&mut DeliveryEvent), expected: Status) {
    let events = events.iter().map(|(status, seconds)| {
        let mut event = said(*status, *seconds);
        adjust(&mut event);
        event
    });
    assert_eq!(folded(events).status, expected);
}

#[test]
fn the_last_status_in_event_time_wins_even_if_it_is_a_step_back() {
    check(
        &[(Status::PickedUp, 20), (Status::Assigning, 30)],
        |_| (),
        Status::Assigning,
    );
    check(
        &[(Status::Assigning, 30), (Status::PickedUp, 20)],
        |_| (),
        Status::Assigning,
    );
}

#[test]
fn equal_times_are_decided_by_rank() {
    check(
        &[(Status::Delivered, 20), (Status::PickedUp, 20)],
        |_| (),
        Status::Delivered,
    );
}

#[test]
fn overlapping_uncertainties_are_decided_by_rank() {
    let uncertain = |event: &mut DeliveryEvent| event.occurred_at_uncertainty_ms = Some(5_000);
    check(
        &[(Status::Delivered, 20), (Status::PickedUp, 29)],
        uncertain,
        Status::Delivered,
    );
    check(
        &[(Status::Delivered, 20), (Status::PickedUp, 31)],
        uncertain,
        Status::PickedUp,
    );
}

#[test]
fn an_unknown_status_changes_nothing() {
    check(
        &[(Status::PickedUp, 20), (Status::Unknown, 30)],
        |_| (),
        Status::PickedUp,
    );
}

#[test]
fn a_final_status_that_no_clock_of_the_carrier_dates_yields_only_to_a_final_one_a_return_or_a_replacement()
 {
    for source in [OccurredAtSource::Receipt, OccurredAtSource::ProviderField] {
        yields_little(|event| event.occurred_at_source = source);
    }
    check(
        &[(Status::Delivered, 20), (Status::PickedUp, 30)],
        |_| (),
        Status::PickedUp,
    );
}

fn yields_little(adjust: impl Fn(&mut DeliveryEvent) + Copy) {
    check(
        &[(Status::Delivered, 20), (Status::PickedUp, 30)],
        adjust,
        Status::Delivered,
    );
    check(
        &[(Status::Delivered, 20), (Status::Canceled, 30)],
        adjust,
        Status::Canceled,
    );
    check(
        &[(Status::Delivered, 20), (Status::Returning, 30)],
        adjust,
        Status::Returning,
    );
}

#[test]
fn a_kitchen_does_not_speak_for_the_rider() {
    let ordatic = |event: &mut DeliveryEvent| event.provider = Provider::Ordatic;
    let ready = Status::ReadyForPickup;
    check(
        &[(Status::Assigned, 20), (ready, 30)],
        ordatic,
        Status::Assigned,
    );
    check(&[(Status::Created, 20), (ready, 30)], ordatic, ready);
    check(
        &[(ready, 20), (Status::Assigned, 30)],
        ordatic,
        Status::Assigned,
    );
    check(&[(Status::Assigned, 20), (ready, 30)], |_| (), ready);
}

#[test]
fn a_superseded_order_is_replaced_wherever_its_cancellation_is_dated() {
    for seconds in [10, 200] {
        let order = folded([
            status("CANCELED", "ON_GOING", seconds),
            superseded("A", "B", 100),
        ]);
        assert_eq!(order.status, Status::Replaced);
        assert_eq!(order.canceled_at, Some(at(seconds)));
        assert_eq!(order.ended_at, Some(at(seconds)));
    }
    let order = folded([superseded("A", "B", 100)]);
    assert_eq!((order.status, order.is_final), (Status::Replaced, true));
    assert_eq!((order.canceled_at, order.ended_at), (None, Some(at(100))));
}

#[test]
fn lalamove_stops_say_how_a_completed_order_ended() {
    let check = |stops: &[Status], expected: Status| {
        let mut report = event("pod", Kind::StopStatusChanged, 25);
        report.stops = std::iter::once(&Status::PickedUp)
            .chain(stops)
            .zip(0..)
            .map(|(status, index)| Stop {
                index,
                status: Some(*status),
                ..Stop::default()
            })
            .collect();
        let order = folded(happy().into_iter().chain([report]));
        assert_eq!((order.status, order.is_final), (expected, true));
        let is_delivered = expected != Status::Failed;
        assert_eq!(order.delivered_at.is_some(), is_delivered);
        assert_eq!(order.ended_at, Some(at(30)));
    };
    check(&[Status::Delivered, Status::Delivered], Status::Delivered);
    check(
        &[Status::Delivered, Status::Failed],
        Status::PartiallyDelivered,
    );
    check(&[Status::Failed], Status::Failed);
}

#[test]
fn a_failed_attempt_is_not_the_end() {
    let order = folded([said(Status::Failed, 20)]);
    assert_eq!(
        (order.is_final, order.ended_at, order.failed_attempts),
        (false, None, 1)
    );
}

/// What Ahamove's warehouse says; several of its words have no time of their own.
fn warehouse(word: &str, status: Status) -> DeliveryEvent {
    DeliveryEvent {
        provider: Provider::Ahamove,
        occurred_at_source: OccurredAtSource::ProviderField,
        provider_event_type: String::new(),
        provider_status: Some(word.to_owned()),
        attributes: [("service".to_owned(), "warehouse".to_owned())].into(),
        ..said(status, 20)
    }
}

#[test]
fn a_way_back_that_failed_is_the_end_even_at_the_same_time_and_whichever_came_first() {
    let lost = || warehouse("RETURN_FAILED", Status::Failed);
    let returning = || warehouse("IN_RETURN", Status::Returning);
    for events in [[lost(), returning()], [returning(), lost()]] {
        let order = folded(events);
        assert_eq!((order.status, order.is_final), (Status::Failed, true));
    }
    // an attempt that failed is not
    let order = folded([warehouse("FAILED_3", Status::Failed), returning()]);
    assert_eq!((order.status, order.is_final), (Status::Returning, false));
}

/// What Ahamove's instant service says of a closed order: all in one time.
fn closed(sub_status: &str, status: Status) -> DeliveryEvent {
    let mut event = DeliveryEvent {
        event_id: id(sub_status),
        ..warehouse("COMPLETED", status)
    };
    let words = [("service", "instant"), ("sub_status", sub_status)];
    let words = words.into_iter().filter(|(_, word)| !word.is_empty());
    event.attributes = words
        .map(|(name, word)| (name.to_owned(), word.to_owned()))
        .collect();
    event
}

#[test]
fn goods_that_no_drop_took_come_back_at_the_same_time_whichever_is_told_first() {
    let [failed, returning, returned] = [
        closed("", Status::Failed),
        closed("IN_RETURN", Status::Returning),
        closed("RETURNED", Status::Returned),
    ];
    let order = folded([failed.clone()]);
    assert_eq!((order.status, order.is_final), (Status::Failed, true));
    for events in [
        [failed.clone(), returning.clone()],
        [returning.clone(), failed.clone()],
    ] {
        let order = folded(events);
        assert_eq!((order.status, order.is_final), (Status::Returning, false));
    }
    for events in [
        [failed.clone(), returning.clone(), returned.clone()],
        [returned, returning, failed],
    ] {
        let order = folded(events);
        assert_eq!((order.status, order.is_final), (Status::Returned, true));
    }
}

const HOUR: i64 = 3_600;

/// What Dellyman says, whose times may be an hour off.
fn dellyman(status: Status, seconds: i64) -> DeliveryEvent {
    DeliveryEvent {
        provider: Provider::Dellyman,
        occurred_at_source: OccurredAtSource::ProviderField,
        occurred_at_uncertainty_ms: Some(HOUR * 1_000),
        ..said(status, seconds)
    }
}

#[test]
fn a_time_that_may_be_an_hour_off_does_not_undo_a_pickup() {
    // as documented: assigned 3 588 s after the pickup
    let order = folded([
        dellyman(Status::InTransit, 0),
        dellyman(Status::Assigned, 3_588),
    ]);
    assert_eq!((order.status, order.late_count), (Status::InTransit, 0));
}

#[test]
fn a_fact_is_judged_against_all_that_it_overlaps_and_not_only_the_one_that_stands() {
    let all = [
        dellyman(Status::AtDropoff, 0),
        dellyman(Status::InTransit, 3_900),
        dellyman(Status::Assigned, 7_800),
    ];
    // the last is certainly later than the first, yet perhaps earlier than the second
    assert_eq!(folded(all.clone()).status, Status::AtDropoff);
    let [first, _, last] = all;
    assert_eq!(folded([first, last]).status, Status::Assigned);
}

#[test]
fn a_time_of_our_own_is_exact_among_times_that_are_not() {
    let mut canceled = dellyman(Status::Canceled, 1_800);
    canceled.occurred_at_source = OccurredAtSource::Receipt;
    canceled.occurred_at_uncertainty_ms = None;
    let pending = dellyman(Status::Created, 3_000);
    assert_eq!(folded([canceled, pending]).status, Status::Canceled);
}

fn any_said() -> impl Strategy<Value = DeliveryEvent> {
    let statuses = prop::sample::select(Status::ALL);
    let uncertainty = prop::sample::select(vec![0_i64, 1_000, HOUR * 1_000]);
    (statuses, -2 * HOUR..2 * HOUR, uncertainty).prop_map(|(status, seconds, uncertainty)| {
        DeliveryEvent {
            occurred_at_uncertainty_ms: Some(uncertainty),
            ..said(status, seconds)
        }
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn whatever_is_uncertain_and_whatever_came_first_the_status_is_the_same(
        events in prop::collection::btree_map(any::<u16>(), any_said(), 1..9)
            .prop_map(|events| events
                .into_iter()
                .map(|(name, event)| DeliveryEvent { event_id: id(&name.to_string()), ..event })
                .collect::<Vec<_>>())
            .prop_flat_map(|events| (Just(events.clone()), Just(events).prop_shuffle())),
    ) {
        let (plain, shuffled) = events;
        let status = folded(plain.clone()).status;
        prop_assert_eq!(folded(shuffled).status, status);
        // the rule in other words: the last fact that no earlier one overlaps and outranks
        let mut sorted: Vec<_> = plain
            .iter()
            .filter(|event| event.status != Some(Status::Unknown))
            .map(|event| {
                let u = event.occurred_at_uncertainty_ms.unwrap() * 1_000;
                let at = event.occurred_at.0;
                let place = (at, event.status.unwrap().rank(), event.received_at, event.event_id);
                (place, at - u, at + u, event.status.unwrap())
            })
            .collect();
        sorted.sort_by_key(|fact| fact.0);
        let counts = |n: usize| {
            let (_, from, to, own) = sorted[n];
            sorted[..n].iter().all(|(_, other_from, other_to, status)| {
                *other_to < from || to < *other_from || status.rank() <= own.rank()
            })
        };
        let last = (0..sorted.len()).rev().find(|n| counts(*n));
        prop_assert_eq!(status, last.map_or(Status::Unknown, |n| sorted[n].3));
    }
}
