//! `OrderedEvent` to a row of `events_log`.

use schemas::{DeliveryEvent, Micros, OrderId, OrderedEvent};

use super::{
    Adjusted, Place,
    parts::{Drivers, Origin, Proofs, Stops, currency},
};
use crate::native::{
    Amount, Hex, Instant, Many, MaybeWord, Optional, Pairs, Plain, Push as _, Text, Word, columns,
};

columns! {
    pub struct Columns(adjusted: Adjusted) {
        origin: Origin,
        driver: Drivers,
        stops: Stops,
        proofs: Proofs,
        ---
        sequence: Plain<u64> = "sequence",
        revision: Plain<u32> = "revision",
        late: Plain<bool> = "late",
        status_before: MaybeWord = "status_before",
        status_after: MaybeWord = "status_after",
        root_order_id: Optional<Text> = "root_order_id",
        generation: Plain<i32> = "generation",
        order_first_received_at: Plain<Instant> = "order_first_received_at",
        released_at: Plain<Instant> = "released_at",
        event_id: Text = "event_id",
        receipt_id: Text = "receipt_id",
        part: Plain<i32> = "part",
        parts: Plain<i32> = "parts",
        unit: Word = "unit",
        tenant_id: Word = "tenant_id",
        provider: Word = "provider",
        endpoint_id: Word = "endpoint_id",
        order_id: Optional<Text> = "order_id",
        parent_id: Optional<Text> = "parent_id",
        kind: Word = "kind",
        status: MaybeWord = "status",
        fulfilment: MaybeWord = "fulfilment",
        provider_event_type: Word = "provider_event_type",
        provider_event_id: Optional<Text> = "provider_event_id",
        provider_status: MaybeWord = "provider_status",
        provider_previous_status: MaybeWord = "provider_previous_status",
        occurred_at: Plain<Instant> = "occurred_at",
        occurred_at_source: Word = "occurred_at_source",
        occurred_at_uncertainty_ms: Optional<Plain<i64>> = "occurred_at_uncertainty_ms",
        received_at: Plain<Instant> = "received_at",
        created_at: Optional<Plain<Instant>> = "created_at",
        scheduled_at: Optional<Plain<Instant>> = "scheduled_at",
        milestones_status: Many<Word> = "milestones.status",
        milestones_at: Many<Plain<Instant>> = "milestones.at",
        milestones_stop_index: Many<Optional<Plain<i32>>> = "milestones.stop_index",
        replaces_order_id: Optional<Text> = "replaces_order_id",
        replaced_by_order_id: Optional<Text> = "replaced_by_order_id",
        location_latitude: Optional<Plain<f64>> = "location_latitude",
        location_longitude: Optional<Plain<f64>> = "location_longitude",
        price_amount: Optional<Plain<Amount>> = "price_amount",
        price_currency: MaybeWord = "price_currency",
        price_parts_name: Many<Word> = "price_parts.name",
        price_parts_amount: Many<Optional<Plain<Amount>>> = "price_parts.amount",
        price_parts_currency: Many<Word> = "price_parts.currency",
        balance_amount: Optional<Plain<Amount>> = "balance_amount",
        balance_currency: MaybeWord = "balance_currency",
        refund_amount: Optional<Plain<Amount>> = "refund_amount",
        refund_currency: MaybeWord = "refund_currency",
        refund_partner_amount: Optional<Plain<Amount>> = "refund_partner_amount",
        refund_partner_currency: MaybeWord = "refund_partner_currency",
        refund_id: Optional<Text> = "refund_id",
        canceled_by: MaybeWord = "canceled_by",
        cancel_reason: Optional<Text> = "cancel_reason",
        edited_by: Optional<Text> = "edited_by",
        edit_reason: Optional<Text> = "edit_reason",
        attempt: Optional<Plain<i32>> = "attempt",
        share_link: Optional<Text> = "share_link",
        external_order_id: Optional<Text> = "external_order_id",
        market: MaybeWord = "market",
        store_id: Optional<Text> = "store_id",
        attributes: Pairs = "attributes",
        verdict: Word = "verdict",
        assurance: Word = "assurance",
        mapping_version: Word = "mapping_version",
        replay_id: Optional<Text> = "replay_id",
    }
}

/// Of its order; what concerns an account belongs to the day of its own receipt.
pub(crate) fn first_received_at(ordered: &OrderedEvent) -> Micros {
    let order = ordered.order_first_received_at;
    order.unwrap_or(ordered.event.received_at)
}

pub fn write(to: &mut Columns, ordered: &OrderedEvent, place: Place<'_>) {
    let event = &ordered.event;
    to.origin.push(place);
    to.sequence.push(to.adjusted.count(ordered.sequence));
    to.revision
        .push(u32::try_from(ordered.revision).unwrap_or(0));
    to.late.push(ordered.late);
    to.status_before
        .push(ordered.status_before.map(|status| status.as_str()));
    to.status_after
        .push(ordered.status_after.map(|status| status.as_str()));
    to.root_order_id
        .push(ordered.root_order_id.as_ref().map(OrderId::as_str));
    to.generation.push(ordered.generation);
    let first = to.adjusted.time(first_received_at(ordered));
    to.order_first_received_at.push(first);
    to.released_at.push(to.adjusted.time(ordered.released_at));
    identity(to, event);
    words(to, event);
    times(to, event);
    lists(to, event);
    amounts(to, event);
    let location = event.location.as_ref();
    to.location_latitude.push(location.map(|l| l.latitude));
    to.location_longitude.push(location.map(|l| l.longitude));
}

fn identity(to: &mut Columns, event: &DeliveryEvent) {
    to.event_id.push(Hex(event.event_id.as_bytes()));
    to.receipt_id.push(event.receipt_id.to_string().as_str());
    to.part.push(event.part);
    to.parts.push(event.parts);
    to.unit.push(event.unit.as_str());
    to.tenant_id.push(event.tenant_id.as_str());
    to.provider.push(event.provider.as_str());
    to.endpoint_id.push(event.endpoint_id.as_str());
    to.order_id
        .push(event.order_id.as_ref().map(OrderId::as_str));
    to.parent_id.push(event.parent_id.as_deref());
    to.replaces_order_id
        .push(event.replaces_order_id.as_ref().map(OrderId::as_str));
    to.replaced_by_order_id
        .push(event.replaced_by_order_id.as_ref().map(OrderId::as_str));
    to.external_order_id
        .push(event.external_order_id.as_deref());
    to.store_id.push(event.store_id.as_deref());
    to.replay_id.push(event.replay_id.as_deref());
}

fn words(to: &mut Columns, event: &DeliveryEvent) {
    to.kind.push(event.kind.as_str());
    to.status.push(event.status.map(|status| status.as_str()));
    to.fulfilment
        .push(event.fulfilment.map(|fulfilment| fulfilment.as_str()));
    to.provider_event_type
        .push(event.provider_event_type.as_str());
    to.provider_event_id
        .push(event.provider_event_id.as_deref());
    to.provider_status.push(event.provider_status.as_deref());
    to.provider_previous_status
        .push(event.provider_previous_status.as_deref());
    to.canceled_by.push(event.canceled_by.as_deref());
    to.cancel_reason.push(event.cancel_reason.as_deref());
    to.edited_by.push(event.edited_by.as_deref());
    to.edit_reason.push(event.edit_reason.as_deref());
    to.attempt.push(event.attempt);
    to.share_link.push(event.share_link.as_deref());
    to.market.push(event.market.as_deref());
    to.verdict.push(event.verdict.as_str());
    to.assurance.push(event.assurance.as_str());
    to.mapping_version.push(event.mapping_version.as_str());
}

fn times(to: &mut Columns, event: &DeliveryEvent) {
    to.occurred_at.push(to.adjusted.time(event.occurred_at));
    to.occurred_at_source
        .push(event.occurred_at_source.as_str());
    to.occurred_at_uncertainty_ms
        .push(event.occurred_at_uncertainty_ms);
    to.received_at.push(to.adjusted.time(event.received_at));
    to.created_at
        .push(to.adjusted.optional_time(event.created_at));
    to.scheduled_at
        .push(to.adjusted.optional_time(event.scheduled_at));
}

fn lists(to: &mut Columns, event: &DeliveryEvent) {
    let milestones = || event.milestones.iter();
    to.milestones_status
        .push_all(milestones().map(|m| m.status.as_str()));
    to.milestones_at
        .push_all(milestones().map(|m| to.adjusted.time(m.at)));
    to.milestones_stop_index
        .push_all(milestones().map(|m| m.stop_index));
    to.driver.push(event.driver.as_ref());
    to.stops.push(&event.stops, &mut to.adjusted);
    to.proofs.push(&event.proofs);
    let attributes = event.attributes.iter();
    to.attributes
        .push_all(attributes.map(|(name, value)| (name.as_str(), value.as_str())));
}

fn amounts(to: &mut Columns, event: &DeliveryEvent) {
    to.price_amount
        .push(to.adjusted.amount(event.price.as_ref()));
    to.price_currency.push(currency(event.price.as_ref()));
    let parts = || event.price_parts.iter();
    to.price_parts_name
        .push_all(parts().map(|p| p.name.as_str()));
    to.price_parts_amount
        .push_all(parts().map(|p| to.adjusted.amount(Some(&p.money))));
    to.price_parts_currency
        .push_all(parts().map(|p| p.money.currency.as_str()));
    to.balance_amount
        .push(to.adjusted.amount(event.balance.as_ref()));
    to.balance_currency.push(currency(event.balance.as_ref()));
    to.refund_amount
        .push(to.adjusted.amount(event.refund.as_ref()));
    to.refund_currency.push(currency(event.refund.as_ref()));
    to.refund_partner_amount
        .push(to.adjusted.amount(event.refund_partner.as_ref()));
    to.refund_partner_currency
        .push(currency(event.refund_partner.as_ref()));
    to.refund_id.push(event.refund_id.as_deref());
}
