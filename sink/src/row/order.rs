//! `Order` to a row of `orders_log`.

use schemas::{Order, OrderId};

use super::{
    Adjusted, Place,
    parts::{Drivers, Origin, Proofs, Stops, currency},
};
use crate::native::{Amount, Instant, MaybeWord, Optional, Plain, Push as _, Text, Word, columns};

columns! {
    pub struct Columns(adjusted: Adjusted) {
        origin: Origin,
        driver: Drivers,
        stops: Stops,
        proofs: Proofs,
        ---
        tenant_id: Word = "tenant_id",
        provider: Word = "provider",
        order_id: Text = "order_id",
        revision: Plain<u64> = "revision",
        version: Plain<u64> = "version",
        status: Word = "status",
        provider_status: MaybeWord = "provider_status",
        is_final: Plain<bool> = "is_final",
        provisional_until: Optional<Plain<Instant>> = "provisional_until",
        fulfilment: MaybeWord = "fulfilment",
        created_at: Optional<Plain<Instant>> = "created_at",
        assigned_at: Optional<Plain<Instant>> = "assigned_at",
        first_assigned_at: Optional<Plain<Instant>> = "first_assigned_at",
        picked_up_at: Optional<Plain<Instant>> = "picked_up_at",
        delivered_at: Optional<Plain<Instant>> = "delivered_at",
        canceled_at: Optional<Plain<Instant>> = "canceled_at",
        ended_at: Optional<Plain<Instant>> = "ended_at",
        last_event_at: Plain<Instant> = "last_event_at",
        price_amount: Optional<Plain<Amount>> = "price_amount",
        price_currency: MaybeWord = "price_currency",
        refund_amount: Optional<Plain<Amount>> = "refund_amount",
        refund_currency: MaybeWord = "refund_currency",
        event_count: Plain<u64> = "event_count",
        late_count: Plain<u64> = "late_count",
        reassignment_count: Plain<i32> = "reassignment_count",
        failed_attempts: Plain<i32> = "failed_attempts",
        canceled_by: MaybeWord = "canceled_by",
        cancel_reason: Optional<Text> = "cancel_reason",
        scheduled_at: Optional<Plain<Instant>> = "scheduled_at",
        replaces_order_id: Optional<Text> = "replaces_order_id",
        replaced_by_order_id: Optional<Text> = "replaced_by_order_id",
        root_order_id: Text = "root_order_id",
        generation: Plain<i32> = "generation",
        chained: Plain<bool> = "chained",
        first_received_at: Plain<Instant> = "first_received_at",
        endpoint_id: Word = "endpoint_id",
        external_order_id: Optional<Text> = "external_order_id",
        parent_id: Optional<Text> = "parent_id",
        assurance: Word = "assurance",
    }
}

pub fn write(to: &mut Columns, order: &Order, place: Place<'_>) {
    to.origin.push(place);
    to.tenant_id.push(order.tenant_id.as_str());
    to.provider.push(order.provider.as_str());
    to.order_id.push(order.order_id.as_str());
    to.revision.push(to.adjusted.count(order.revision));
    to.version.push(to.adjusted.count(order.version));
    to.status.push(order.status.as_str());
    to.provider_status.push(order.provider_status.as_deref());
    to.is_final.push(order.is_final);
    to.provisional_until
        .push(to.adjusted.optional_time(order.provisional_until));
    to.fulfilment
        .push(order.fulfilment.map(|fulfilment| fulfilment.as_str()));
    to.created_at
        .push(to.adjusted.optional_time(order.created_at));
    to.assigned_at
        .push(to.adjusted.optional_time(order.assigned_at));
    to.first_assigned_at
        .push(to.adjusted.optional_time(order.first_assigned_at));
    to.picked_up_at
        .push(to.adjusted.optional_time(order.picked_up_at));
    to.delivered_at
        .push(to.adjusted.optional_time(order.delivered_at));
    to.canceled_at
        .push(to.adjusted.optional_time(order.canceled_at));
    to.ended_at.push(to.adjusted.optional_time(order.ended_at));
    to.last_event_at.push(to.adjusted.time(order.last_event_at));
    to.driver.push(order.driver.as_ref());
    to.price_amount
        .push(to.adjusted.amount(order.price.as_ref()));
    to.price_currency.push(currency(order.price.as_ref()));
    to.refund_amount
        .push(to.adjusted.amount(order.refund.as_ref()));
    to.refund_currency.push(currency(order.refund.as_ref()));
    to.stops.push(&order.stops, &mut to.adjusted);
    to.proofs.push(&order.proofs);
    to.event_count.push(to.adjusted.count(order.event_count));
    to.late_count.push(to.adjusted.count(order.late_count));
    to.reassignment_count.push(order.reassignment_count);
    to.failed_attempts.push(order.failed_attempts);
    to.canceled_by.push(order.canceled_by.as_deref());
    to.cancel_reason.push(order.cancel_reason.as_deref());
    to.scheduled_at
        .push(to.adjusted.optional_time(order.scheduled_at));
    to.replaces_order_id
        .push(order.replaces_order_id.as_ref().map(OrderId::as_str));
    to.replaced_by_order_id
        .push(order.replaced_by_order_id.as_ref().map(OrderId::as_str));
    to.root_order_id.push(order.root_order_id.as_str());
    to.generation.push(order.generation);
    to.chained.push(order.chained);
    to.first_received_at
        .push(to.adjusted.time(order.first_received_at));
    to.endpoint_id.push(order.endpoint_id.as_str());
    to.external_order_id
        .push(order.external_order_id.as_deref());
    to.parent_id.push(order.parent_id.as_deref());
    to.assurance.push(order.assurance.as_str());
}
