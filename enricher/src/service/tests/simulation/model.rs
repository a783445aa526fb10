//! The same rules in other words: all of an order's events at once, sorted, no windows, no state, no
//! code of the enricher's.

use std::collections::{BTreeMap, BTreeSet};

use schemas::{EventId, Kind, Micros, OccurredAtSource, OrderId, Provider, Status};

use super::{
    histories::{History, Shape},
    world::World,
    *,
};

type Sorted<'a> = (Micros, u8, Micros, EventId, &'a DeliveryEvent);

fn sorted<'a>(events: impl Iterator<Item = &'a DeliveryEvent>) -> Vec<Sorted<'a>> {
    let place = |e: &'a DeliveryEvent| {
        let rank = e.status.map_or_else(|| e.kind.rank(), Status::rank);
        (e.occurred_at, rank, e.received_at, e.event_id, e)
    };
    let mut all: Vec<_> = events.map(place).collect();
    all.sort_by_key(|(at, rank, received, id, _)| (*at, *rank, *received, *id));
    all
}

fn span(event: &DeliveryEvent) -> (i64, i64) {
    let half = event.occurred_at_uncertainty_ms.unwrap_or(0) * 1_000;
    (event.occurred_at.0 - half, event.occurred_at.0 + half)
}

/// The status of an order, by the words of the contract.
fn status(events: &[Sorted<'_>]) -> Option<Status> {
    let claims: Vec<(Status, &DeliveryEvent)> = events
        .iter()
        .enumerate()
        .filter_map(|(n, (.., event))| {
            let superseded = |e: &Sorted<'_>| e.4.kind == Kind::OrderSuperseded;
            let was_superseded = events[..=n].iter().any(superseded);
            let said = if event.kind == Kind::OrderSuperseded {
                Status::Replaced
            } else {
                event.status.filter(|s| *s != Status::Unknown)?
            };
            let replaced = said == Status::Canceled && was_superseded;
            Some((if replaced { Status::Replaced } else { said }, *event))
        })
        .collect();
    let mut current: Option<(Status, &DeliveryEvent)> = None;
    for (n, (said, event)) in claims.iter().enumerate() {
        let outranked = claims[..n]
            .iter()
            .any(|(other, earlier)| span(earlier).1 >= span(event).0 && other.rank() > said.rank());
        let kitchen = |s: Status| matches!(s, Status::Created | Status::ReadyForPickup);
        let by_us = |e: &DeliveryEvent| e.occurred_at_source == OccurredAtSource::Receipt;
        let refused = current.is_some_and(|(now, decided)| {
            let over_rider = event.provider == Provider::Ordatic
                && kitchen(*said)
                && !kitchen(now)
                && now.rank() >= Status::Assigned.rank();
            let over_end = now.is_final()
                && (by_us(decided) || by_us(event))
                && !(said.is_final() || *said == Status::Returning);
            over_rider || over_end
        });
        if !outranked && !refused {
            current = Some((*said, event));
        }
    }
    current.map(|(status, _)| status)
}

/// Who says that an order continues another: the earliest one counts.
fn predecessors(events: &[&DeliveryEvent]) -> BTreeMap<OrderId, OrderId> {
    let mut claims: BTreeMap<OrderId, BTreeSet<(Micros, EventId, OrderId)>> = BTreeMap::new();
    for event in events {
        let own = event.order_id.clone().unwrap();
        let pairs = [
            event
                .replaces_order_id
                .clone()
                .map(|older| (own.clone(), older)),
            event.replaced_by_order_id.clone().map(|newer| (newer, own)),
        ];
        for (newer, older) in pairs.into_iter().flatten().filter(|(a, b)| a != b) {
            let claim = (event.occurred_at, event.event_id, older);
            claims.entry(newer).or_default().insert(claim);
        }
    }
    let first = |claims: BTreeSet<(Micros, EventId, OrderId)>| claims.into_iter().next().unwrap().2;
    claims
        .into_iter()
        .map(|(newer, claims)| (newer, first(claims)))
        .collect()
}

/// Who continues an order: the earliest of those that its own events name; of the others' events where
/// it has none about the same order.
fn successors(events: &[&DeliveryEvent]) -> BTreeMap<OrderId, OrderId> {
    type Said = BTreeMap<(OrderId, OrderId), (bool, Micros, EventId)>;
    let mut said = Said::new();
    for event in events {
        let own = event.order_id.clone().unwrap();
        let newer = event.replaced_by_order_id.clone();
        let older = event.replaces_order_id.clone();
        let by_itself = newer.map(|newer| ((own.clone(), newer), false));
        let by_word = older.map(|older| ((older, own), true));
        for (pair, by_word) in by_itself.into_iter().chain(by_word) {
            let claim = (by_word, event.occurred_at, event.event_id);
            let known = said.entry(pair).or_insert(claim);
            *known = claim.min(*known);
        }
    }
    let mut first: BTreeMap<OrderId, (Micros, EventId, OrderId)> = BTreeMap::new();
    for ((older, newer), (_, at, id)) in said.into_iter().filter(|((a, b), _)| a != b) {
        let claim = (at, id, newer);
        let known = first.entry(older).or_insert_with(|| claim.clone());
        if claim < *known {
            *known = claim;
        }
    }
    first
        .into_iter()
        .map(|(older, (_, _, newer))| (older, newer))
        .collect()
}

/// Root and generation; a circle begins at its smallest member.
fn root(up: &BTreeMap<OrderId, OrderId>, own: &OrderId) -> (OrderId, i32) {
    let mut path = vec![own.clone()];
    while let Some(next) = up.get(path.last().unwrap()) {
        if let Some(met) = path.iter().position(|known| known == next) {
            let first = path[met..].iter().min().unwrap().clone();
            path.truncate(path.iter().position(|known| *known == first).unwrap() + 1);
            break;
        }
        path.push(next.clone());
    }
    let generation = i32::try_from(path.len()).unwrap() - 1;
    (path.pop().unwrap(), generation)
}

/// The order that Ahamove seeks a driver for again and again.
fn is_search(event: &DeliveryEvent) -> bool {
    let is_of_r = event
        .order_id
        .as_ref()
        .is_some_and(|order| order.as_str() == "R");
    is_of_r && event.status == Some(Status::Assigning)
}

/// Which of its equal snapshots are events, and as what: the one that was received first, and each
/// that came over a minute after the last such one while there was a driver.
fn searches(history: &History) -> Vec<DeliveryEvent> {
    let all = history.arrivals.iter().map(|arrival| &arrival.event);
    let of_order = all.filter(|event| event.order_id.as_ref().is_some_and(|o| o.as_str() == "R"));
    let (mut equal, others): (Vec<_>, Vec<_>) = of_order.partition(|event| is_search(event));
    equal.sort_by_key(|event| event.received_at);
    let mut taken: Vec<DeliveryEvent> = Vec::new();
    for event in equal {
        let Some(last) = taken.last() else {
            taken.push(event.clone());
            continue;
        };
        let known = others
            .iter()
            .filter(|other| other.received_at <= event.received_at);
        let status = status(&sorted(known.copied().chain(&taken)));
        if event.received_at.0 > last.received_at.0 + 60_000_000 && status == Some(Status::Assigned)
        {
            taken.push(DeliveryEvent {
                event_id: event.event_id.repeated(event.receipt_id),
                occurred_at: event.received_at,
                occurred_at_source: OccurredAtSource::Receipt,
                ..event.clone()
            });
        }
    }
    taken
}

/// Whether others read what the history says.
pub(super) fn agrees(history: &History, world: &World) {
    let mut by_order: BTreeMap<String, Vec<&DeliveryEvent>> = BTreeMap::new();
    let (mut ids, mut receipts, mut duplicates) = (BTreeSet::new(), BTreeSet::new(), 0);
    let (searches, all) = (searches(history), history.arrivals.iter());
    let all: Vec<&DeliveryEvent> = all.map(|arrival| &arrival.event).collect();
    for event in &all {
        let is_new = ids.insert((event.key().to_string(), event.event_id));
        let same_receipt = !receipts.insert((event.event_id, event.receipt_id));
        let of_order = by_order.entry(event.key().to_string()).or_default();
        if is_search(event) {
            duplicates += 1;
        } else if is_new {
            of_order.push(event);
        } else if !same_receipt || is_another(history, event) {
            duplicates += 1;
        }
    }
    duplicates -= searches.len();
    for event in &searches {
        let of_order = by_order.entry(event.key().to_string()).or_default();
        of_order.push(event);
    }
    assert_eq!(world.set_aside.len(), duplicates, "duplicates set aside");
    assert!(
        world
            .set_aside
            .iter()
            .all(|aside| aside.reason == Reason::Duplicate)
    );
    let taken: Vec<&DeliveryEvent> = by_order.values().flatten().copied().collect();
    let (up, down) = (predecessors(&taken), successors(&taken));
    assert!(world.ordered.keys().eq(by_order.keys()), "orders");
    for (key, events) in &by_order {
        let first = all.iter().find(|event| event.key().to_string() == *key);
        let first_received_at = first.unwrap().received_at;
        stream(
            (history.shape, first_received_at),
            events,
            &world.ordered[key],
        );
        order(
            (&up, &down),
            (events, first_received_at),
            &world.ordered[key],
            &world.orders[key],
        );
    }
}

/// A receipt that came twice and is not the one that was taken in.
fn is_another(history: &History, event: &DeliveryEvent) -> bool {
    let mut all = history.arrivals.iter();
    let first = all.find(|arrival| arrival.event.event_id == event.event_id);
    first.is_some_and(|first| first.event.receipt_id != event.receipt_id)
}

/// What is true of every stream, and within the hold what it is.
fn stream(
    (shape, first_received_at): (Shape, Micros),
    events: &[&DeliveryEvent],
    left: &[OrderedEvent],
) {
    let wanted = sorted(events.iter().copied());
    let sequences: Vec<i64> = left.iter().map(|ordered| ordered.sequence).collect();
    assert_eq!(
        sequences,
        (1..).take(wanted.len()).collect::<Vec<i64>>(),
        "sequence"
    );
    if shape == Shape::WithinTheHold {
        let order: Vec<_> = left.iter().map(|ordered| ordered.event.event_id).collect();
        let expected: Vec<_> = wanted.iter().map(|event| event.3).collect();
        assert_eq!(order, expected, "order of the stream");
    }
    let mut content: Vec<_> = left.iter().map(|ordered| ordered.event.clone()).collect();
    content.sort_by_key(|event| event.event_id);
    let mut sent: Vec<_> = events.iter().map(|event| (*event).clone()).collect();
    sent.sort_by_key(|event| event.event_id);
    assert_eq!(content, sent, "what the stream says");
    let mut before = None;
    for (n, ordered) in left.iter().enumerate() {
        let earlier = left[..n].iter().map(|earlier| &earlier.event);
        let late = earlier
            .clone()
            .any(|other| span(other).0 > span(&ordered.event).1);
        assert_eq!(ordered.late, late, "late");
        assert_eq!(ordered.revision, 0);
        assert_eq!(ordered.status_before, before, "status before");
        before = status(&sorted(earlier.chain([&ordered.event])));
        assert_eq!(ordered.status_after, before, "status after");
        assert_eq!(ordered.order_first_received_at, Some(first_received_at));
    }
}

/// Whether the newest snapshot is what everything together says.
fn order(
    (up, down): (&BTreeMap<OrderId, OrderId>, &BTreeMap<OrderId, OrderId>),
    (events, first_received_at): (&[&DeliveryEvent], Micros),
    left: &[OrderedEvent],
    snapshots: &[Order],
) {
    let revisions: Vec<i64> = snapshots.iter().map(|order| order.revision).collect();
    assert_eq!(
        revisions,
        (1..).take(revisions.len()).collect::<Vec<i64>>(),
        "revision"
    );
    let all = sorted(events.iter().copied());
    let newest = snapshots.last().unwrap();
    let own = events[0].order_id.clone().unwrap();
    let expected = status(&all).unwrap_or(Status::Unknown);
    assert_eq!(newest.status, expected, "status of {own}");
    assert_eq!(newest.is_final, expected.is_final());
    assert_eq!(newest.version, i64::try_from(all.len()).unwrap());
    assert_eq!(newest.event_count, newest.version);
    let late = left.iter().filter(|ordered| ordered.late).count();
    assert_eq!(newest.late_count, i64::try_from(late).unwrap());
    assert_eq!(newest.last_event_at, all.last().unwrap().0);
    assert_eq!(newest.first_received_at, first_received_at);
    assert_eq!(newest.delivered_at.is_some(), expected == Status::Delivered);
    let (root, generation) = root(up, &own);
    assert_eq!(
        (&newest.root_order_id, newest.generation),
        (&root, generation),
        "root of {own}"
    );
    assert_eq!(
        newest.replaces_order_id.as_ref(),
        up.get(&own),
        "predecessor of {own}"
    );
    assert_eq!(
        newest.replaced_by_order_id.as_ref(),
        down.get(&own),
        "successor of {own}"
    );
    let linked = up.contains_key(&own) || down.contains_key(&own);
    assert_eq!(newest.chained, linked, "chained");
}
