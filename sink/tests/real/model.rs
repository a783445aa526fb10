//! What the views must say of a history, worked out in the plainest way, with no SQL in mind.

use std::collections::{BTreeMap, BTreeSet};

use schemas::{
    EventId, Micros, Order, OrderId, OrderedEvent, Provider, Reason, Status, TenantId, Verdict,
};
use serde_json::{Value, json};

use crate::histories::History;

mod accounting;

use accounting::{completeness, freshness, receipts, secret_use, set_aside, unaccounted};

/// A query, and the rows that must come, in any order; their columns in the query's order.
pub(crate) type Expected = (&'static str, Vec<Value>);

const MINUTE: i64 = 60_000_000;
const YOUNG: i64 = 5 * MINUTE;

type Order3 = (TenantId, Provider, OrderId);

/// The facts that more than one view needs.
struct Known<'a> {
    history: &'a History,
    now: Micros,
    events: BTreeMap<EventId, &'a OrderedEvent>,
    orders: BTreeMap<String, &'a Order>,
    /// Rank of the best outcome of each part: 1 an event, 2 a duplicate, 3 set aside.
    outcomes: BTreeMap<String, BTreeMap<i32, u8>>,
    parts: BTreeMap<String, i32>,
}

impl<'a> Known<'a> {
    fn of(history: &'a History, now: Micros) -> Self {
        let mut events: BTreeMap<EventId, &OrderedEvent> = BTreeMap::new();
        let mut outcomes: BTreeMap<String, BTreeMap<i32, u8>> = BTreeMap::new();
        let mut parts: BTreeMap<String, i32> = BTreeMap::new();
        let mut count = |receipt: String, part: i32, of: i32, rank: u8| {
            let best = outcomes.entry(receipt.clone()).or_default();
            let best = best.entry(part).or_insert(rank);
            *best = rank.min(*best);
            parts.insert(receipt, of);
        };
        for (one, _) in &history.events {
            let newest = events.entry(one.event.event_id).or_insert(one);
            if one.revision > newest.revision {
                *newest = one;
            }
            let e = &one.event;
            count(e.receipt_id.to_string(), e.part, e.parts, 1);
        }
        for one in &history.asides {
            let rank = if one.reason == Reason::Duplicate {
                2
            } else {
                3
            };
            count(one.receipt_id.clone(), one.part, one.parts, rank);
        }
        let mut orders: BTreeMap<String, &Order> = BTreeMap::new();
        for one in &history.orders {
            let newest = orders.entry(one.order_id.to_string()).or_insert(one);
            if one.revision > newest.revision {
                *newest = one;
            }
        }
        Self {
            history,
            now,
            events,
            orders,
            outcomes,
            parts,
        }
    }

    fn missing(&self, receipt: &str) -> (i32, i32) {
        let outcomes = self.outcomes.get(receipt).map_or(0, BTreeMap::len);
        let parts = self.parts.get(receipt).copied().unwrap_or(1);
        (parts, i32::try_from(outcomes).unwrap())
    }
}

pub(crate) fn expected(history: &History, now: Micros) -> Vec<Expected> {
    let known = Known::of(history, now);
    vec![
        events(&known),
        timeline(&known),
        delivery_events(&known),
        orders(&known),
        deliveries(&known),
        provider_daily(&known),
        balances(&known),
        receipts(&known),
        secret_use(&known),
        set_aside(&known),
        unaccounted(&known),
        completeness(&known),
        freshness(&known),
    ]
}

/// None where the two contradict each other.
fn seconds(from: Option<Micros>, to: Option<Micros>) -> Option<i64> {
    let micros = Some(to?.0 - from?.0).filter(|micros| *micros >= 0)?;
    Some(micros / 1_000_000)
}

fn events(known: &Known<'_>) -> Expected {
    let rows = known.events.values().map(|one| {
        let e = &one.event;
        json!([
            e.event_id.to_string(),
            one.revision,
            e.occurred_at.0,
            e.status.map(|s| s.as_str()),
            e.receipt_id.to_string(),
            e.part,
            one.late
        ])
    });
    let sql = "SELECT event_id, revision, toUnixTimestamp64Micro(occurred_at), status, receipt_id, \
               part, late FROM {db}.events";
    (sql, rows.collect())
}

fn timeline(known: &Known<'_>) -> Expected {
    let mut histories: BTreeMap<&OrderId, Vec<&OrderedEvent>> = BTreeMap::new();
    for one in known.events.values() {
        if let Some(order) = &one.event.order_id {
            histories.entry(order).or_default().push(one);
        }
    }
    let mut rows = Vec::new();
    for (order, mut events) in histories {
        events.sort_by_key(|one| {
            let e = &one.event;
            let rank = e.status.map_or(e.kind.rank(), |status| status.rank());
            (e.occurred_at, rank, e.received_at, e.event_id.to_string())
        });
        let mut before = None;
        for (position, one) in (1..).zip(events) {
            let since = seconds(before, Some(one.event.occurred_at));
            before = Some(one.event.occurred_at);
            let id = one.event.event_id.to_string();
            rows.push(json!([order.as_str(), position, id, since]));
        }
    }
    let sql = "SELECT order_id, position, event_id, seconds_since_previous \
               FROM {db}.order_timeline";
    (sql, rows)
}

fn delivery_events(known: &Known<'_>) -> Expected {
    let rows = known.events.values().map(|one| {
        let order = one.event.order_id.as_ref();
        let order = order.and_then(|order| known.orders.get(order.as_str()));
        let root = order.map_or(one.root_order_id.as_ref(), |o| Some(&o.root_order_id));
        let generation = order.map_or(one.generation, |o| o.generation);
        let status = order.map(|o| o.status.as_str());
        json!([
            one.event.event_id.to_string(),
            root.map(OrderId::as_str),
            generation,
            status
        ])
    });
    let sql = "SELECT event_id, root_order_id, generation, order_status \
               FROM {db}.delivery_events";
    (sql, rows.collect())
}

fn orders(known: &Known<'_>) -> Expected {
    let rows = known.orders.values().map(|o| {
        json!([
            o.order_id.as_str(),
            o.revision,
            o.status.as_str(),
            seconds(o.created_at, o.first_assigned_at),
            seconds(o.assigned_at, o.picked_up_at),
            seconds(o.picked_up_at, o.delivered_at),
            seconds(o.created_at, o.ended_at)
        ])
    });
    let sql = "SELECT order_id, revision, status, assign_seconds, pickup_seconds, \
               delivery_seconds, total_seconds FROM {db}.orders";
    (sql, rows.collect())
}

/// The orders of one delivery, first to last, and the one that ends it.
struct Delivery<'a> {
    orders: Vec<&'a Order>,
    last: &'a Order,
    requested_at: Option<Micros>,
}

fn all_deliveries<'a>(known: &'a Known<'_>) -> Vec<Delivery<'a>> {
    let mut chains: BTreeMap<Order3, Vec<&Order>> = BTreeMap::new();
    for order in known.orders.values().copied() {
        let key = (
            order.tenant_id.clone(),
            order.provider,
            order.root_order_id.clone(),
        );
        chains.entry(key).or_default().push(order);
    }
    let chains = chains.into_values().filter_map(|mut orders| {
        orders.sort_by_key(|o| (o.generation, o.order_id.as_str()));
        let mut last = *orders.first()?;
        while let Some(next) = orders.iter().find(|o| {
            last.replaced_by_order_id.as_ref() == Some(&o.order_id)
                && o.generation > last.generation
        }) {
            last = next;
        }
        if last.status == Status::Replaced {
            last = orders.last()?;
        }
        let eaten = last.fulfilment.map(|f| f.as_str());
        let requested_at = orders.iter().filter_map(|o| o.created_at).min();
        (!matches!(eaten, Some("TAKEAWAY" | "DINE_IN"))).then_some(Delivery {
            orders,
            last,
            requested_at,
        })
    });
    chains.collect()
}

fn deliveries(known: &Known<'_>) -> Expected {
    let all = all_deliveries(known);
    let rows = all.iter().map(|d| {
        let first = d.orders.iter().filter_map(|o| o.external_order_id.as_ref());
        let external = d.last.external_order_id.as_ref().or(first.min());
        json!([
            d.last.root_order_id.as_str(),
            d.last.order_id.as_str(),
            d.orders
                .iter()
                .map(|o| o.order_id.as_str())
                .collect::<Vec<_>>()
                .join(" "),
            d.orders.len(),
            external,
            d.last.status.as_str(),
            d.last.is_final,
            d.requested_at.map(|at| at.0),
            seconds(d.requested_at, d.last.ended_at),
            d.last.price.as_ref().map(|_| "HKD"),
            d.orders.iter().map(|o| o.late_count).sum::<i64>()
        ])
    });
    let sql = "SELECT root_order_id, final_order_id, arrayStringConcat(order_ids, ' '), \
               order_count, external_order_id, status, is_final, \
               toUnixTimestamp64Micro(requested_at), total_seconds, price_currency, late_count \
               FROM {db}.deliveries";
    (sql, rows.collect())
}

/// In hundredths, between the two values that are nearest; `level` in tenths.
fn quantile(values: &mut [i64], level: usize) -> Option<i64> {
    values.sort_unstable();
    let tenths = values.len().checked_sub(1)? * level;
    let (low, rest) = (values[tenths / 10], i64::try_from(tenths % 10).unwrap());
    let high = values[tenths.div_ceil(10)];
    Some(low * 100 + (high - low) * rest * 10)
}

const ENDED: [&str; 7] = [
    "DELIVERED",
    "PARTIALLY_DELIVERED",
    "FAILED",
    "RETURNED",
    "CANCELED",
    "REJECTED",
    "EXPIRED",
];

fn provider_daily(known: &Known<'_>) -> Expected {
    let all = all_deliveries(known);
    let mut days: BTreeMap<(TenantId, Provider, i64), Vec<&Delivery<'_>>> = BTreeMap::new();
    for one in &all {
        let oldest = one.orders.iter().map(|o| o.first_received_at).min();
        let at = one.requested_at.or(oldest).unwrap();
        let day = at.0.div_euclid(24 * 60 * MINUTE);
        let key = (one.last.tenant_id.clone(), one.last.provider, day);
        days.entry(key).or_default().push(one);
    }
    let rows = days.into_iter().map(|((tenant, provider, day), all)| {
        let states: BTreeMap<&str, usize> = ENDED
            .iter()
            .map(|word| {
                let is = |d: &&&Delivery<'_>| {
                    d.last.status.as_str() == *word && (*word != "FAILED" || d.last.is_final)
                };
                (*word, all.iter().filter(is).count())
            })
            .collect();
        let ended: usize = states.values().sum();
        let mut waits: Vec<i64> = all
            .iter()
            .filter_map(|d| seconds(d.requested_at, d.last.first_assigned_at))
            .collect();
        let (half, most) = (quantile(&mut waits, 5), quantile(&mut waits, 9));
        json!([
            tenant.as_str(),
            provider.as_str(),
            day,
            all.len(),
            states["DELIVERED"],
            states["FAILED"],
            states["CANCELED"],
            all.len() - ended,
            all.iter().filter(|d| d.orders.len() > 1).count(),
            (ended > 0).then(|| (states["DELIVERED"] * 1000 + ended / 2) / ended),
            half,
            most
        ])
    });
    let sql = "SELECT tenant_id, provider, toInt32(day), deliveries, delivered, failed, canceled, \
               open, replaced, intDiv(delivered * 1000 + intDiv(deliveries - open, 2), \
               nullIf(deliveries - open, 0)), round(p50_assign_minutes * 6000), \
               round(p90_assign_minutes * 6000) FROM {db}.provider_daily \
               WHERE success_rate IS NULL OR abs(success_rate * (deliveries - open) - delivered) < 1e-9";
    (sql, rows.collect())
}

fn balances(known: &Known<'_>) -> Expected {
    let mut newest: BTreeMap<&str, &OrderedEvent> = BTreeMap::new();
    let age = |one: &OrderedEvent| {
        let e = &one.event;
        (e.occurred_at, e.received_at, e.event_id.to_string())
    };
    for one in known.events.values() {
        if one.event.balance.is_some() {
            let kept = newest.entry(one.event.endpoint_id.as_str()).or_insert(one);
            if age(one) > age(kept) {
                *kept = one;
            }
        }
    }
    let rows = newest
        .iter()
        .map(|(endpoint, one)| json!([endpoint, "HKD", one.event.event_id.to_string()]));
    let sql = "SELECT endpoint_id, balance_currency, event_id FROM {db}.balances";
    (sql, rows.collect())
}
