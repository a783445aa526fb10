//! `OrderedEvent` to a row of `events_log`.

use schemas::{DeliveryEvent, OrderId, OrderedEvent};

use super::{Place, RowWriter};

/// In the order in which [`write`] writes them.
pub const COLUMNS: &[&str] = &[
    "loaded_at",
    "_topic",
    "_partition",
    "_offset",
    "sequence",
    "revision",
    "late",
    "status_before",
    "status_after",
    "root_order_id",
    "generation",
    "order_first_received_at",
    "released_at",
    "event_id",
    "receipt_id",
    "part",
    "parts",
    "unit",
    "tenant_id",
    "provider",
    "endpoint_id",
    "order_id",
    "parent_id",
    "kind",
    "status",
    "fulfilment",
    "provider_event_type",
    "provider_event_id",
    "provider_status",
    "provider_previous_status",
    "occurred_at",
    "occurred_at_source",
    "occurred_at_uncertainty_ms",
    "received_at",
    "created_at",
    "scheduled_at",
    "milestones.status",
    "milestones.at",
    "milestones.stop_index",
    "replaces_order_id",
    "replaced_by_order_id",
    "driver_id",
    "driver_name",
    "driver_phone",
    "driver_plate_number",
    "driver_photo_url",
    "location_latitude",
    "location_longitude",
    "price_amount",
    "price_currency",
    "price_parts.name",
    "price_parts.amount",
    "price_parts.currency",
    "balance_amount",
    "balance_currency",
    "refund_amount",
    "refund_currency",
    "refund_partner_amount",
    "refund_partner_currency",
    "refund_id",
    "canceled_by",
    "cancel_reason",
    "edited_by",
    "edit_reason",
    "attempt",
    "stops.index",
    "stops.id",
    "stops.status",
    "stops.provider_status",
    "stops.latitude",
    "stops.longitude",
    "stops.address",
    "stops.contact",
    "stops.phone",
    "stops.occurred_at",
    "stops.window_start",
    "stops.window_end",
    "stops.cash_on_delivery_amount",
    "stops.cash_on_delivery_currency",
    "stops.failure_reason",
    "stops.tracking_id",
    "proofs.role",
    "proofs.stop_index",
    "proofs.uri",
    "proofs.sha256",
    "proofs.media_type",
    "proofs.bytes",
    "share_link",
    "external_order_id",
    "market",
    "store_id",
    "attributes",
    "verdict",
    "assurance",
    "mapping_version",
    "replay_id",
];

pub fn write(w: &mut RowWriter, ordered: &OrderedEvent, place: Place<'_>) {
    let event = &ordered.event;
    w.begin();
    w.place(place);
    w.count(ordered.sequence);
    w.u32(u32::try_from(ordered.revision).unwrap_or(0));
    w.bool(ordered.late);
    w.optional_text(ordered.status_before.map(|status| status.as_str()));
    w.optional_text(ordered.status_after.map(|status| status.as_str()));
    w.optional_text(ordered.root_order_id.as_ref().map(OrderId::as_str));
    w.i32(ordered.generation);
    // what concerns an account belongs to the day of its own receipt
    w.time(ordered.order_first_received_at.unwrap_or(event.received_at));
    w.time(ordered.released_at);
    identity(w, event);
    times(w, event);
    w.array(&event.milestones, |w, m| w.text(m.status.as_str()));
    w.array(&event.milestones, |w, m| w.time(m.at));
    w.array(&event.milestones, |w, m| {
        w.optional(m.stop_index, RowWriter::i32)
    });
    w.optional_text(event.replaces_order_id.as_ref().map(OrderId::as_str));
    w.optional_text(event.replaced_by_order_id.as_ref().map(OrderId::as_str));
    w.driver(event.driver.as_ref());
    w.optional(
        event.location.map(|location| location.latitude),
        RowWriter::f64,
    );
    w.optional(
        event.location.map(|location| location.longitude),
        RowWriter::f64,
    );
    amounts(w, event);
    w.optional_text(event.canceled_by.as_deref());
    w.optional_text(event.cancel_reason.as_deref());
    w.optional_text(event.edited_by.as_deref());
    w.optional_text(event.edit_reason.as_deref());
    w.optional(event.attempt, RowWriter::i32);
    w.stops(&event.stops);
    w.proofs(&event.proofs);
    w.optional_text(event.share_link.as_deref());
    w.optional_text(event.external_order_id.as_deref());
    w.optional_text(event.market.as_deref());
    w.optional_text(event.store_id.as_deref());
    w.length(event.attributes.len());
    for (name, value) in &event.attributes {
        w.text(name);
        w.text(value);
    }
    w.text(event.verdict.as_str());
    w.text(event.assurance.as_str());
    w.text(&event.mapping_version);
    w.optional_text(event.replay_id.as_deref());
}

fn identity(w: &mut RowWriter, event: &DeliveryEvent) {
    w.hex(event.event_id.as_bytes());
    w.text(&event.receipt_id.to_string());
    w.i32(event.part);
    w.i32(event.parts);
    w.text(&event.unit);
    w.text(event.tenant_id.as_str());
    w.text(event.provider.as_str());
    w.text(event.endpoint_id.as_str());
    w.optional_text(event.order_id.as_ref().map(OrderId::as_str));
    w.optional_text(event.parent_id.as_deref());
    w.text(event.kind.as_str());
    w.optional_text(event.status.map(|status| status.as_str()));
    w.optional_text(event.fulfilment.map(|fulfilment| fulfilment.as_str()));
    w.text(&event.provider_event_type);
    w.optional_text(event.provider_event_id.as_deref());
    w.optional_text(event.provider_status.as_deref());
    w.optional_text(event.provider_previous_status.as_deref());
}

fn times(w: &mut RowWriter, event: &DeliveryEvent) {
    w.time(event.occurred_at);
    w.text(event.occurred_at_source.as_str());
    w.optional(event.occurred_at_uncertainty_ms, RowWriter::i64);
    w.time(event.received_at);
    w.optional_time(event.created_at);
    w.optional_time(event.scheduled_at);
}

fn amounts(w: &mut RowWriter, event: &DeliveryEvent) {
    w.money(event.price.as_ref());
    w.array(&event.price_parts, |w, p| w.text(&p.name));
    w.array(&event.price_parts, |w, p| w.amount(Some(&p.money)));
    w.array(&event.price_parts, |w, p| w.text(&p.money.currency));
    w.money(event.balance.as_ref());
    w.money(event.refund.as_ref());
    w.money(event.refund_partner.as_ref());
    w.optional_text(event.refund_id.as_deref());
}
