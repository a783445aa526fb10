//! `SetAside` to a row of `set_aside_log`.

use schemas::SetAside;

use super::{Adjusted, Place, parts::Origin};
use crate::native::{Hex, Instant, Optional, Plain, Push as _, Text, Word, columns};

columns! {
    pub struct Columns(adjusted: Adjusted) {
        origin: Origin,
        ---
        set_aside_id: Text = "set_aside_id",
        receipt_id: Text = "receipt_id",
        event_id: Optional<Text> = "event_id",
        part: Plain<i32> = "part",
        parts: Plain<i32> = "parts",
        tenant_id: Word = "tenant_id",
        provider: Word = "provider",
        endpoint_id: Word = "endpoint_id",
        order_id: Optional<Text> = "order_id",
        stage: Word = "stage",
        reason: Word = "reason",
        detail: Text = "detail",
        replayable: Plain<bool> = "replayable",
        set_aside_at: Plain<Instant> = "set_aside_at",
        source_topic: Word = "source_topic",
        source_partition: Plain<i32> = "source_partition",
        source_offset: Plain<i64> = "source_offset",
        received_at: Plain<Instant> = "received_at",
    }
}

pub fn write(to: &mut Columns, aside: &SetAside, place: Place<'_>) {
    to.origin.push(place);
    to.set_aside_id.push(Hex(aside.set_aside_id.as_bytes()));
    to.receipt_id.push(aside.receipt_id.as_str());
    to.event_id
        .push(aside.event_id.as_ref().map(|id| Hex(id.as_bytes())));
    to.part.push(aside.part);
    to.parts.push(aside.parts);
    to.tenant_id.push(aside.tenant_id.as_str());
    to.provider.push(aside.provider.as_str());
    to.endpoint_id.push(aside.endpoint_id.as_str());
    to.order_id.push(aside.order_id.as_deref());
    to.stage.push(aside.stage.as_str());
    to.reason.push(aside.reason.as_str());
    to.detail.push(aside.detail.as_str());
    to.replayable.push(aside.replayable);
    to.set_aside_at.push(to.adjusted.time(aside.set_aside_at));
    to.source_topic.push(aside.source_topic.as_str());
    to.source_partition.push(aside.source_partition);
    to.source_offset.push(aside.source_offset);
    to.received_at.push(to.adjusted.time(aside.received_at));
}
