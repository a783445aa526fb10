//! The headers of a raw record to a row of `receipts_log`. The body is not looked at.

use schemas::{raw_webhook::RawHeaders, topics::Topic};

use super::{Place, RowWriter};

/// In the order in which [`write`] writes them.
pub const COLUMNS: &[&str] = &[
    "loaded_at",
    "_topic",
    "_partition",
    "_offset",
    "tenant_id",
    "received_at",
    "receipt_id",
    "provider",
    "endpoint_id",
    "verdict",
    "assurance",
    "signature_scheme",
    "secret_id",
    "content_type",
    "body_bytes",
    "body_sha256",
    "body_ref",
    "overflow",
    "spooled",
    "replay_id",
];

pub fn write(w: &mut RowWriter, headers: &RawHeaders, topic: Topic, place: Place<'_>) {
    w.begin();
    w.place(place);
    w.text(headers.tenant.as_str());
    w.time(headers.received_at);
    w.text(&headers.receipt_id.to_string());
    w.text(headers.provider.as_str());
    w.text(headers.endpoint.as_str());
    w.text(headers.verdict.as_str());
    w.text(headers.assurance.as_str());
    w.optional_text(headers.signature_scheme.as_deref());
    w.optional_text(headers.secret_id.as_deref());
    w.optional_text(headers.content_type.as_deref());
    w.u64(headers.body_bytes);
    w.text(&headers.body_sha256);
    w.optional_text(headers.body_ref.as_deref());
    w.bool(topic == Topic::RawOverflow);
    w.bool(headers.spooled);
    w.optional_text(headers.replay_id.as_deref());
}
