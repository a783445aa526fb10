//! `SetAside` to a row of `set_aside_log`.

use schemas::SetAside;

use super::{Place, RowWriter};

/// In the order in which [`write`] writes them.
pub const COLUMNS: &[&str] = &[
    "loaded_at",
    "_topic",
    "_partition",
    "_offset",
    "set_aside_id",
    "receipt_id",
    "event_id",
    "part",
    "parts",
    "tenant_id",
    "provider",
    "endpoint_id",
    "order_id",
    "stage",
    "reason",
    "detail",
    "replayable",
    "set_aside_at",
    "source_topic",
    "source_partition",
    "source_offset",
    "received_at",
];

pub fn write(w: &mut RowWriter, aside: &SetAside, place: Place<'_>) {
    w.begin();
    w.place(place);
    w.hex(aside.set_aside_id.as_bytes());
    w.text(&aside.receipt_id);
    w.optional(aside.event_id, |w, id| w.hex(id.as_bytes()));
    w.i32(aside.part);
    w.i32(aside.parts);
    w.text(&aside.tenant_id);
    w.text(&aside.provider);
    w.text(&aside.endpoint_id);
    w.optional_text(aside.order_id.as_deref());
    w.text(&aside.stage);
    w.text(aside.reason.as_str());
    w.text(&aside.detail);
    w.bool(aside.replayable);
    w.time(aside.set_aside_at);
    w.text(&aside.source_topic);
    w.i32(aside.source_partition);
    w.i64(aside.source_offset);
    w.time(aside.received_at);
}
