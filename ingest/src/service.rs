//! The way of one webhook: whose is it, is there room, read it, is it a probe, does it prove itself,
//! store it, answer.

use std::sync::Arc;

use actix_web::{
    HttpRequest, HttpResponse,
    http::header::{CONTENT_ENCODING, CONTENT_LENGTH},
    web,
};
use bytes::Bytes;
use runtime::{
    clock::SharedClock,
    settings::Secret,
    traces::{Place, Span, SpanKind, Traces},
};
use schemas::{Micros, Provider, ReceiptId, Verdict, raw_webhook::RawHeaders};

use crate::{
    body::{self, InFlight, Limits},
    contracts::Contract,
    delivery::{Delivery, Webhook},
    failures::{About, Failing, Failures},
    judge::{self, Came, Judged},
    metrics::Metrics,
    order_hint,
    outcome::{Disposition, Outcome},
    providers::presented::{DigestKey, Header},
    proxies::{self, Proxies},
    raw_log::{Lane, Refused},
    reply,
    server::ending::Ending,
    tenants::{Address, Current, Endpoint, Tenant, Traffic},
};

/// Everything that a request needs; shared by all workers.
pub struct Service {
    /// Whose webhooks are taken.
    pub tenants: Arc<Current>,
    /// How they become safe.
    pub delivery: Arc<Delivery>,
    /// Behind the digests that stand for credentials.
    pub privacy_key: Secret,
    /// Room for requests.
    pub in_flight: InFlight,
    /// Size and time of a body.
    pub limits: Limits,
    /// Who may say what the carrier called.
    pub proxies: Proxies,
    /// Failures answered, as the carriers count them.
    pub failures: Arc<Failures>,
    /// Stamps receipts.
    pub clock: SharedClock,
    /// Counts.
    pub metrics: Arc<Metrics>,
    /// Where the spans of webhooks go.
    pub traces: Traces,
    /// Whether new webhooks may begin.
    pub ending: Ending,
}

impl Service {
    /// Takes in a webhook.
    pub async fn receive(
        &self,
        request: &HttpRequest,
        token: &str,
        mut payload: web::Payload,
    ) -> HttpResponse {
        let received_at = Micros(self.clock.now_micros());
        let address = match self.address(token) {
            Ok(address) => address,
            Err(outcome) => return reply::unread(self.answer(outcome, None, None), payload),
        };
        let receipt = (judge::receipt_id(received_at), received_at);
        let endpoint = &address.endpoint;
        let taken = self.take(request, &mut payload, &endpoint.tenant).await;
        let is_whole = taken.is_ok();
        let outcome = match taken {
            _ if endpoint.retired => Outcome::Retired,
            Err(outcome) => {
                self.note(endpoint, outcome, |_| unread(request, outcome), received_at);
                outcome
            }
            Ok((body, _permit)) if body::is_probe(&body) => Outcome::Probe,
            Ok((body, _permit)) => {
                let (outcome, is_strangers) =
                    self.accept(request, &address, body.clone(), receipt).await;
                // A stranger's refusal is no failure that a carrier counts.
                if !is_strangers || outcome != Outcome::Refused {
                    let about = |contract| About::body(contract, &body);
                    self.note(endpoint, outcome, about, received_at);
                }
                outcome
            }
        };
        self.metrics.in_flight(self.in_flight.bytes());
        let answer = self.answer(outcome, Some(endpoint.provider), Some(receipt.0));
        if is_whole {
            answer
        } else {
            reply::unread(answer, payload)
        }
    }

    /// Verifies a webhook, and makes it safe where that is due; says whether it was a stranger's.
    async fn accept(
        &self,
        request: &HttpRequest,
        address: &Address,
        body: Bytes,
        receipt: (ReceiptId, Micros),
    ) -> (Outcome, bool) {
        let endpoint = &address.endpoint;
        let came = Arc::new(Came::with(request, address, &self.proxies));
        let judged = judge::judge(endpoint, Arc::clone(&came), body.clone()).await;
        self.count(request, endpoint, &judged, receipt.1);
        match judged.outcome.disposition() {
            Disposition::Done => {}
            Disposition::Retry(_) | Disposition::Refuse(_) => {
                return (judged.outcome, judged.is_strangers);
            }
        }
        let mut headers = judged.headers(request, endpoint, receipt);
        headers.http = self.kept(endpoint, &came.headers, &headers);
        let sent = headers.traceparent.as_deref().map(str::as_bytes);
        let place = self.traces.begun(sent, *receipt.0.as_bytes());
        if let Some(place) = place {
            headers.traceparent = Some(place.to_string());
        }
        let outcome = match self.store(headers, body, endpoint).await {
            Ok(()) => judged.outcome,
            Err(why) => {
                tracing::debug!(%why, "webhook not stored");
                Outcome::NotDurable
            }
        };
        if let Some(place) = place {
            self.trace(place, endpoint, receipt, outcome);
        }
        (outcome, judged.is_strangers)
    }

    /// Tells of a webhook that was to be stored; what is turned away leaves no span.
    fn trace(
        &self,
        place: Place,
        endpoint: &Endpoint,
        (receipt_id, received_at): (ReceiptId, Micros),
        outcome: Outcome,
    ) {
        let span = Span {
            name: "ingest",
            kind: SpanKind::Server,
            from_micros: received_at.0,
            to_micros: self.clock.now_micros(),
            failed: outcome == Outcome::NotDurable,
            attributes: vec![
                ("waybill.receipt_id", receipt_id.to_string()),
                ("waybill.tenant_id", endpoint.tenant.id.to_string()),
                ("waybill.provider", endpoint.provider.to_string()),
                ("waybill.endpoint_id", endpoint.id.to_string()),
                ("waybill.outcome", outcome.label().to_owned()),
            ],
        };
        self.traces.ended(place, span);
    }

    /// Counts what the carrier counts: failures that it was answered with.
    fn note(
        &self,
        endpoint: &Endpoint,
        outcome: Outcome,
        about: impl FnOnce(Contract) -> About,
        now: Micros,
    ) {
        let tell = |left| self.metrics.attempts_left(&Failing::at(endpoint), left);
        self.failures
            .answered((endpoint, outcome), about, now, tell);
    }

    /// Answers somebody who only looks whether the address exists.
    pub fn look(&self, token: &str) -> HttpResponse {
        match self.address(token) {
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

    fn address(&self, token: &str) -> Result<Address, Outcome> {
        if self.ending.is_stopping() {
            return Err(Outcome::Stopping);
        }
        let tenants = self.tenants.load();
        let tenants = tenants.as_deref().ok_or(Outcome::NoTenants)?;
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
        tenant: &Tenant,
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
        let mut permit = self
            .in_flight
            .reserve(announced, &tenant.traffic().usage)
            .ok_or(Outcome::Busy)?;
        self.metrics.in_flight(self.in_flight.bytes());
        let body = body::read(payload, self.limits, &mut permit).await?;
        Ok((body, permit))
    }

    fn count(
        &self,
        request: &HttpRequest,
        endpoint: &Endpoint,
        judged: &Judged,
        received_at: Micros,
    ) {
        match (&judged.verified, judged.verdict) {
            (Some(verified), _) => {
                endpoint.proved(received_at);
                self.metrics.proven(endpoint.provider, verified.scheme);
            }
            (None, Verdict::Failed) => {
                let from = self.proxies.client(request).map(proxies::network);
                tracing::debug!(endpoint = %endpoint.id, from, "an unproven webhook");
                self.metrics.unproven(endpoint, judged.outcome);
            }
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
        let head = body.slice(..body.len().min(order_hint::HEAD_BYTES_MAX));
        let readable = endpoint.verifier.readable(&head);
        let order = order_hint::find(&readable, endpoint.verifier.order_fields());
        let placement = match order {
            Some(order) => order_hint::placement(order),
            None => order_hint::placement(headers.receipt_id.as_bytes()),
        };
        let Traffic { rate, usage } = endpoint.tenant.traffic();
        let overflowed = usage.overflows();
        let ticket = usage.lane(rate);
        if ticket.lane() == Lane::Overflow {
            if !overflowed {
                let tenant = &endpoint.tenant.id;
                tracing::warn!(%tenant, "above its rate: its webhooks go to the overflow topic");
            }
            self.metrics.overflowed(endpoint.provider);
        }
        let webhook = Webhook {
            headers,
            body,
            placement,
            ticket,
        };
        self.delivery.deliver(webhook).await
    }
}

impl std::fmt::Debug for Service {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Service")
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}

/// What a failed attempt was about whose body nobody read: a body that is refused for what it is will
/// be refused again, one that came at a bad moment will not.
fn unread(request: &HttpRequest, outcome: Outcome) -> About {
    match outcome {
        Outcome::TooLarge | Outcome::NeedsBlobs | Outcome::Encoded => {
            let length = request.headers().get(CONTENT_LENGTH);
            let length = length.and_then(|length| length.to_str().ok());
            About::Length(
                length
                    .and_then(|text| text.parse().ok())
                    .unwrap_or_default(),
            )
        }
        Outcome::Accepted
        | Outcome::Unverified
        | Outcome::Quarantined
        | Outcome::Probe
        | Outcome::Looked
        | Outcome::Retired
        | Outcome::Refused
        | Outcome::UnknownToken
        | Outcome::UnknownPath
        | Outcome::Method
        | Outcome::Incomplete
        | Outcome::Slow
        | Outcome::Busy
        | Outcome::NotDurable
        | Outcome::NoTenants
        | Outcome::Stopping => About::Unread,
    }
}
