//! What a webhook says of itself, before any of it is believed, and the headers of its record.

use std::sync::Arc;

use actix_web::{
    HttpRequest,
    http::header::{CONTENT_TYPE, HeaderName},
    web,
};
use bytes::Bytes;
use schemas::{Assurance, Micros, ReceiptId, Verdict, raw_webhook::RawHeaders};
use sha2::{Digest, Sha256};

use crate::{
    outcome::Outcome,
    providers::{self, Unverified, Verified, presented::Header},
    proxies::Proxies,
    tenants::{Address, Endpoint, SignedAddress, Verification},
};

/// A worker serves many requests on one thread; hashing more than this would hold them up.
const HASHED_IN_PLACE_BYTES_MAX: usize = 64 * 1024;
const HEADER_BYTES_MAX: usize = 256;
const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// What a webhook came with beside its body.
pub(crate) struct Came {
    address: Arc<SignedAddress>,
    pub(crate) headers: Vec<Header>,
}

impl Came {
    /// What the carrier's check reads.
    pub(crate) fn with(request: &HttpRequest, address: &Address, proxies: &Proxies) -> Self {
        let provider = address.endpoint.provider;
        let called = || {
            let origin = if providers::signs_origin(provider) {
                proxies.origin(request)
            } else {
                String::new()
            };
            let path = request.path().to_owned();
            Arc::new(SignedAddress { origin, path })
        };
        let sent = |read: &providers::presented::Read| {
            let value = request.headers().get(read.name)?;
            Some(Header::sent(*read, value.as_bytes()))
        };
        Self {
            address: address.signed.clone().unwrap_or_else(called),
            headers: providers::headers(provider)
                .iter()
                .filter_map(sent)
                .collect(),
        }
    }
}

/// What verification says of a webhook.
pub(crate) struct Judged {
    pub(crate) outcome: Outcome,
    pub(crate) verdict: Verdict,
    pub(crate) verified: Option<Verified>,
    /// It proved nothing, and can't have come from the carrier.
    pub(crate) is_strangers: bool,
    body_sha256: String,
    body_bytes: u64,
}

/// Verifies and hashes; large bodies beside the worker's thread.
pub(crate) async fn judge(endpoint: &Arc<Endpoint>, came: Arc<Came>, body: Bytes) -> Judged {
    if body.len() <= HASHED_IN_PLACE_BYTES_MAX {
        return judged(endpoint, &came, &body);
    }
    let thread = (Arc::clone(endpoint), Arc::clone(&came), body.clone());
    match web::block(move || judged(&thread.0, &thread.1, &thread.2)).await {
        Ok(judged) => judged,
        Err(_) => judged(endpoint, &came, &body),
    }
}

fn judged(endpoint: &Endpoint, came: &Came, body: &[u8]) -> Judged {
    let webhook = Unverified {
        body,
        origin: &came.address.origin,
        path: &came.address.path,
        headers: &came.headers,
    };
    let mut is_strangers = false;
    let verified = match endpoint.verification {
        Verification::Off => None,
        Verification::Required | Verification::Quarantine => endpoint
            .verifier
            .verify(&webhook)
            .inspect_err(|why| {
                is_strangers = !why.may_be_the_carrier();
                tracing::debug!(endpoint = %endpoint.id, %why, "webhook proves nothing");
            })
            .ok(),
    };
    let (outcome, verdict) = match (endpoint.verification, &verified) {
        (_, Some(_)) => (Outcome::Accepted, Verdict::Verified),
        (Verification::Off, None) => (Outcome::Unverified, Verdict::Unverified),
        (Verification::Quarantine, None) => (Outcome::Quarantined, Verdict::Failed),
        (Verification::Required, None) => (Outcome::Refused, Verdict::Failed),
    };
    Judged {
        outcome,
        verdict,
        verified,
        is_strangers,
        body_sha256: hex::encode(Sha256::digest(body)),
        body_bytes: body.len() as u64,
    }
}

impl Judged {
    /// The headers of the webhook's record.
    pub(crate) fn headers(
        &self,
        request: &HttpRequest,
        endpoint: &Endpoint,
        (receipt_id, received_at): (ReceiptId, Micros),
    ) -> RawHeaders {
        let verified = self.verified.as_ref();
        let header = |name| {
            let value = request.headers().get(name)?.to_str().ok()?;
            (value.len() <= HEADER_BYTES_MAX).then(|| value.to_owned())
        };
        RawHeaders {
            receipt_id,
            tenant: endpoint.tenant.id.clone(),
            provider: endpoint.provider,
            endpoint: endpoint.id.clone(),
            received_at,
            verdict: self.verdict,
            assurance: verified.map_or(Assurance::None, |verified| verified.assurance),
            signature_scheme: verified.map(|verified| verified.scheme.to_owned()),
            secret_id: verified.map(|verified| verified.secret_id.clone()),
            content_type: header(CONTENT_TYPE),
            timezone: endpoint.timezone.clone(),
            currency: endpoint.currency.clone(),
            service: endpoint.service.map(str::to_owned),
            pii: endpoint.tenant.pii,
            body_sha256: self.body_sha256.clone(),
            body_bytes: self.body_bytes,
            spooled: false,
            body_ref: None,
            traceparent: header(TRACEPARENT),
            replay_id: None,
            http: Vec::new(),
        }
    }
}

/// Drawn once, from the time of receipt, so that receipts sort by it.
pub(crate) fn receipt_id(received_at: Micros) -> ReceiptId {
    let micros = u64::try_from(received_at.0).unwrap_or_default();
    let nanos = u32::try_from(micros % 1_000_000).unwrap_or_default() * 1_000;
    let at = uuid::Timestamp::from_unix(uuid::NoContext, micros / 1_000_000, nanos);
    ReceiptId::from_uuid(uuid::Uuid::new_v7(at))
}
