//! The headers of a raw record to a row of `receipts_log`. The body is not looked at.

use schemas::{raw_webhook::RawHeaders, topics::Topic};

use super::{Adjusted, Place, parts::Origin};
use crate::native::{Instant, MaybeWord, Optional, Plain, Push as _, Text, Word, columns};

columns! {
    pub struct Columns(adjusted: Adjusted) {
        origin: Origin,
        ---
        tenant_id: Word = "tenant_id",
        received_at: Plain<Instant> = "received_at",
        receipt_id: Text = "receipt_id",
        provider: Word = "provider",
        endpoint_id: Word = "endpoint_id",
        verdict: Word = "verdict",
        assurance: Word = "assurance",
        signature_scheme: MaybeWord = "signature_scheme",
        secret_id: MaybeWord = "secret_id",
        content_type: MaybeWord = "content_type",
        body_bytes: Plain<u64> = "body_bytes",
        body_sha256: Text = "body_sha256",
        body_ref: Optional<Text> = "body_ref",
        overflow: Plain<bool> = "overflow",
        spooled: Plain<bool> = "spooled",
        replay_id: Optional<Text> = "replay_id",
    }
}

pub fn write(to: &mut Columns, headers: &RawHeaders, topic: Topic, place: Place<'_>) {
    to.origin.push(place);
    to.tenant_id.push(headers.tenant.as_str());
    to.received_at.push(to.adjusted.time(headers.received_at));
    to.receipt_id.push(headers.receipt_id.to_string().as_str());
    to.provider.push(headers.provider.as_str());
    to.endpoint_id.push(headers.endpoint.as_str());
    to.verdict.push(headers.verdict.as_str());
    to.assurance.push(headers.assurance.as_str());
    to.signature_scheme
        .push(headers.signature_scheme.as_deref());
    to.secret_id.push(headers.secret_id.as_deref());
    to.content_type.push(headers.content_type.as_deref());
    to.body_bytes.push(headers.body_bytes);
    to.body_sha256.push(headers.body_sha256.as_str());
    to.body_ref.push(headers.body_ref.as_deref());
    to.overflow.push(topic == Topic::RawOverflow);
    to.spooled.push(headers.spooled);
    to.replay_id.push(headers.replay_id.as_deref());
}
