//! The way of one webhook: whose is it, is there room, read it, is it a probe, does it prove itself,
//! store it, answer.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use actix_web::{
    HttpRequest, HttpResponse,
    http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, HeaderName},
    web,
};
use bytes::Bytes;
use runtime::{
    blobs::{self, Blobs},
    clock::SharedClock,
    settings::Secret,
};
use schemas::{Assurance, Micros, Provider, ReceiptId, Verdict, raw_webhook::RawHeaders};
use sha2::{Digest, Sha256};

use crate::{
    body::{self, InFlight, Limits},
    metrics::Metrics,
    order_hint,
    outcome::{Disposition, Outcome},
    providers::{
        self, Unverified, Verified,
        presented::{DigestKey, Header},
    },
    raw_log::{RawLog, Record, Refused},
    reply,
    tenants::{Address, Current, Endpoint, SignedAddress, Verification},
};

/// A worker serves many requests on one thread; hashing more than this would hold them up.
const HASHED_IN_PLACE_BYTES_MAX: usize = 64 * 1024;
const HEADER_BYTES_MAX: usize = 256;
const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// Everything that a request needs; shared by all workers.
pub struct Service {
    /// Whose webhooks are taken.
    pub tenants: Arc<Current>,
    /// Where they become safe.
    pub log: Arc<dyn RawLog>,
    /// Where bodies that no record holds become safe.
    pub blobs: Option<Blobs>,
    /// Behind the digests that stand for credentials.
    pub privacy_key: Secret,
    /// Room for requests.
    pub in_flight: InFlight,
    /// Size and time of a body.
    pub limits: Limits,
    /// How long a carrier waits for the answer after its webhook was read.
    pub durable_within: Duration,
    /// Stamps receipts.
    pub clock: SharedClock,
    /// Counts.
    pub metrics: Arc<Metrics>,
    /// Set once no new webhook may begin.
    pub stopping: AtomicBool,
}

/// What a webhook came with beside its body.
struct Came {
    address: Arc<SignedAddress>,
    headers: Vec<Header>,
}

/// What a webhook says, before any of it is believed.
struct Judged {
    outcome: Outcome,
    verdict: Verdict,
    verified: Option<Verified>,
    body_sha256: String,
    body_bytes: u64,
}

impl Service {
    /// Takes in a webhook.
    pub async fn receive(&self, request: &HttpRequest, mut payload: web::Payload) -> HttpResponse {
        let received_at = Micros(self.clock.now_micros());
        let address = match self.address(request) {
            Ok(address) => address,
            Err(outcome) => return reply::unread(self.answer(outcome, None, None), payload),
        };
        let receipt_id = receipt_id(received_at);
        let taken = self.take(request, &mut payload).await;
        let is_whole = taken.is_ok();
        let outcome = match taken {
            _ if address.endpoint.retired => Outcome::Retired,
            Err(outcome) => outcome,
            Ok((body, _permit)) if body::is_probe(&body) => Outcome::Probe,
            Ok((body, _permit)) => {
                let came = Arc::new(came(request, &address));
                let judged = judge(&address.endpoint, Arc::clone(&came), body.clone()).await;
                self.count(&address.endpoint, &judged);
                match judged.outcome.disposition() {
                    Disposition::Done => {
                        let receipt = (receipt_id, received_at);
                        let mut headers = headers(request, &address.endpoint, receipt, &judged);
                        headers.http = self.kept(&address.endpoint, &came.headers, &headers);
                        match self.store(headers, body, &address.endpoint).await {
                            Ok(()) => judged.outcome,
                            Err(why) => {
                                tracing::debug!(%why, "webhook not stored");
                                Outcome::NotDurable
                            }
                        }
                    }
                    Disposition::Retry(_) | Disposition::Refuse(_) => judged.outcome,
                }
            }
        };
        self.metrics.in_flight(self.in_flight.bytes());
        let answer = self.answer(outcome, Some(address.endpoint.provider), Some(receipt_id));
        if is_whole {
            answer
        } else {
            reply::unread(answer, payload)
        }
    }

    /// Answers somebody who only looks whether the address exists.
    pub fn look(&self, request: &HttpRequest) -> HttpResponse {
        match self.address(request) {
            Ok(address) => self.answer(Outcome::Looked, Some(address.endpoint.provider), None),
            Err(outcome) => self.answer(outcome, None, None),
        }
    }

    /// Answers what is no webhook at all.
    pub fn turn_away(&self, outcome: Outcome) -> HttpResponse {
        self.answer(outcome, None, None)
    }

    fn answer(
        &self,
        outcome: Outcome,
        provider: Option<Provider>,
        receipt_id: Option<ReceiptId>,
    ) -> HttpResponse {
        self.metrics.answered(outcome, provider);
        match (outcome.disposition(), receipt_id) {
            (Disposition::Done, Some(receipt_id)) => reply::received(receipt_id),
            (Disposition::Done, None) | (Disposition::Retry(_) | Disposition::Refuse(_), _) => {
                reply::other(outcome)
            }
        }
    }

    fn address(&self, request: &HttpRequest) -> Result<Address, Outcome> {
        if self.stopping.load(Ordering::Relaxed) {
            return Err(Outcome::Stopping);
        }
        let tenants = self.tenants.load();
        let tenants = tenants.as_deref().ok_or(Outcome::NoTenants)?;
        let token = request.match_info().get("token").unwrap_or_default();
        tenants
            .by_token(token)
            .cloned()
            .ok_or(Outcome::UnknownToken)
    }

    /// Reads the body, within the room that there is.
    async fn take(
        &self,
        request: &HttpRequest,
        payload: &mut web::Payload,
    ) -> Result<(Bytes, body::Permit), Outcome> {
        let headers = request.headers();
        let is_identity = |value: &[u8]| value.trim_ascii().eq_ignore_ascii_case(b"identity");
        if headers
            .get_all(CONTENT_ENCODING)
            .any(|value| !is_identity(value.as_bytes()))
        {
            return Err(Outcome::Encoded);
        }
        let length = headers
            .get(CONTENT_LENGTH)
            .and_then(|value| value.to_str().ok());
        let announced = length
            .and_then(|value| value.parse().ok())
            .unwrap_or_default();
        self.limits.admit(announced)?;
        let mut permit = self.in_flight.reserve(announced).ok_or(Outcome::Busy)?;
        self.metrics.in_flight(self.in_flight.bytes());
        let body = body::read(payload, self.limits, &mut permit).await?;
        Ok((body, permit))
    }

    fn count(&self, endpoint: &Endpoint, judged: &Judged) {
        match (&judged.verified, judged.verdict) {
            (Some(verified), _) => self.metrics.proven(endpoint.provider, verified.scheme),
            (None, Verdict::Failed) => self.metrics.unproven(endpoint, judged.outcome),
            (None, Verdict::Unverified | Verdict::Verified) => {}
        }
    }

    /// The headers of a carrier's proof, in the form in which they may be kept.
    fn kept(
        &self,
        endpoint: &Endpoint,
        came: &[Header],
        record: &RawHeaders,
    ) -> Vec<(String, String)> {
        if came.is_empty() {
            return Vec::new();
        }
        let key = DigestKey::new(&self.privacy_key, &endpoint.tenant.id);
        let kept = |header: &Header| header.kept(record.assurance, &key);
        came.iter().filter_map(kept).collect()
    }

    /// Puts the webhook where it is safe, and waits until it is.
    async fn store(
        &self,
        headers: RawHeaders,
        body: Bytes,
        endpoint: &Endpoint,
    ) -> Result<(), Refused> {
        let late = || Refused::Failed("not confirmed in time".into());
        tokio::time::timeout(self.durable_within, self.durable(headers, body, endpoint))
            .await
            .unwrap_or_else(|_| Err(late()))
    }

    async fn durable(
        &self,
        mut headers: RawHeaders,
        body: Bytes,
        endpoint: &Endpoint,
    ) -> Result<(), Refused> {
        let head = body.slice(..body.len().min(order_hint::HEAD_BYTES_MAX));
        let readable = endpoint.verifier.readable(&head);
        let order = order_hint::find(&readable, endpoint.verifier.order_fields());
        let key = headers.receipt_id;
        let beside = order.unwrap_or(key.as_bytes());
        let mut value = body;
        if value.len() > self.limits.record_bytes_max {
            let blobs = self.blobs.as_ref().ok_or(Refused::Full)?;
            let tenant = headers.tenant.as_str();
            let path = blobs::path(blobs::Kind::Body, tenant, &headers.body_sha256);
            blobs
                .put(&path, std::mem::take(&mut value))
                .await
                .map_err(|error| {
                    let why = anyhow::Error::from(error);
                    tracing::warn!(error = format!("{why:#}"), "the blob store takes no body");
                    Refused::Failed("the blob store took no body".into())
                })?;
            headers.body_ref = Some(path);
        }
        let since = Instant::now();
        let confirmation = self.log.append(&Record {
            headers: &headers,
            body: &value,
            beside,
        })?;
        let lost = |_| Err(Refused::Failed("never confirmed".into()));
        confirmation.await.unwrap_or_else(lost)?;
        self.metrics.durable(since.elapsed());
        Ok(())
    }
}

impl std::fmt::Debug for Service {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Service")
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}

/// What the carrier's check reads beside the body.
fn came(request: &HttpRequest, address: &Address) -> Came {
    let provider = address.endpoint.provider;
    let called = || {
        let mut origin = String::new();
        if providers::signs_origin(provider) {
            let connection = request.connection_info();
            origin = format!("{}://{}", connection.scheme(), connection.host());
        }
        let path = request.path().to_owned();
        Arc::new(SignedAddress { origin, path })
    };
    let sent = |read: &providers::presented::Read| {
        let value = request.headers().get(read.name)?;
        Some(Header::sent(*read, value.as_bytes()))
    };
    Came {
        address: address.signed.clone().unwrap_or_else(called),
        headers: providers::headers(provider)
            .iter()
            .filter_map(sent)
            .collect(),
    }
}

/// Verifies and hashes; large bodies beside the worker's thread.
async fn judge(endpoint: &Arc<Endpoint>, came: Arc<Came>, body: Bytes) -> Judged {
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
    let verified = match endpoint.verification {
        Verification::Off => None,
        Verification::Required | Verification::Quarantine => endpoint
            .verifier
            .verify(&webhook)
            .inspect_err(|why| {
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
        body_sha256: hex::encode(Sha256::digest(body)),
        body_bytes: body.len() as u64,
    }
}

fn headers(
    request: &HttpRequest,
    endpoint: &Endpoint,
    (receipt_id, received_at): (ReceiptId, Micros),
    judged: &Judged,
) -> RawHeaders {
    let verified = judged.verified.as_ref();
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
        verdict: judged.verdict,
        assurance: verified.map_or(Assurance::None, |verified| verified.assurance),
        signature_scheme: verified.map(|verified| verified.scheme.to_owned()),
        secret_id: verified.map(|verified| verified.secret_id.clone()),
        content_type: header(CONTENT_TYPE),
        timezone: endpoint.timezone.clone(),
        currency: endpoint.currency.clone(),
        service: endpoint.service.map(str::to_owned),
        pii: endpoint.tenant.pii,
        body_sha256: judged.body_sha256.clone(),
        body_bytes: judged.body_bytes,
        spooled: false,
        body_ref: None,
        traceparent: header(TRACEPARENT),
        replay_id: None,
        http: Vec::new(),
    }
}

/// Drawn once, from the time of receipt, so that receipts sort by it.
fn receipt_id(received_at: Micros) -> ReceiptId {
    let micros = u64::try_from(received_at.0).unwrap_or_default();
    let nanos = u32::try_from(micros % 1_000_000).unwrap_or_default() * 1_000;
    let at = uuid::Timestamp::from_unix(uuid::NoContext, micros / 1_000_000, nanos);
    ReceiptId::from_uuid(uuid::Uuid::new_v7(at))
}
