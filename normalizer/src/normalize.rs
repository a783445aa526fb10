//! Raw webhook in, delivery events out, or why there are none. Pure: no clock, no network, nothing
//! drawn, so that the same record gives the same events in every run.

use schemas::{
    DeliveryEvent, EventId, Kind, OrderId, Reason, Status, Verdict,
    delivery_event::{Attributes, Draft},
    mapping::{Ending, Mapping, Words},
    raw_webhook::RawHeaders,
    set_aside::Why,
};

use crate::{
    arena::Arena,
    event_time::{Occurred, past},
    privacy::{Privacy, TenantPrivacy},
    providers,
};

/// Brokers take records of a megabyte, headers and framing included.
pub(crate) const VALUE_BYTES_MAX: usize = 900_000;
/// The largest deliveries have a thousand drops of a kilobyte or two. Beyond, one text of a webhook stands
/// in many of its events, and all of them are in memory at once.
pub(crate) const WEBHOOK_BYTES_MAX: usize = 8 << 20;

/// What the operator decided about all webhooks.
#[derive(Clone, Copy, Debug)]
pub struct Rules<'a> {
    /// What the carriers' words mean.
    pub mapping: &'a Mapping,
    /// The key of the pseudonyms.
    pub privacy: &'a Privacy,
    /// Where images go; none: they are only described.
    pub blobs_url: Option<&'a str>,
}

/// What a webhook gives.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Normalized<E = DeliveryEvent> {
    /// At least one.
    pub events: Vec<E>,
    /// What the events refer to; whoever writes the events stores it first.
    pub blobs: Vec<Blob>,
}

/// A content of its own place, too large for an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Blob {
    /// In the blob store; made of the content's hash.
    pub path: String,
    /// The content.
    pub bytes: Vec<u8>,
}

impl<E> From<Vec<E>> for Normalized<E> {
    fn from(events: Vec<E>) -> Self {
        Self {
            events,
            blobs: Vec::new(),
        }
    }
}

/// One webhook on its way through a carrier's file.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Webhook<'a> {
    pub(crate) arena: &'a Arena,
    pub(crate) headers: &'a RawHeaders<&'a str>,
    pub(crate) body: &'a str,
    pub(crate) rules: Rules<'a>,
}

/// What every event needs from its carrier.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Essentials<'k, 'a> {
    /// Absent for what concerns an account.
    pub(crate) order_id: Option<OrderId<&'a str>>,
    pub(crate) unit: &'a str,
    pub(crate) kind: Kind,
    pub(crate) event_type: &'a str,
    /// What tells this event from every other of its order: the carrier's own id, or a hash.
    pub(crate) dedup_key: &'k [&'a str],
    pub(crate) occurred: Occurred,
}

/// Turns one raw webhook into its events. The body of one with a `body-ref` is the caller's to
/// fetch.
///
/// # Errors
/// [`Why`] names the field or header that stood in the way, never its value.
pub fn normalize(headers: &RawHeaders, body: &[u8], rules: Rules<'_>) -> Result<Normalized, Why> {
    let (arena, headers) = (Arena::default(), headers.as_borrowed());
    let Normalized { events, blobs } = drafts(&arena, &headers, body, rules)?;
    let events = events.iter().map(Draft::owned).collect();
    Ok(Normalized { events, blobs })
}

/// As [`normalize`], for who writes the events at once: their texts lie in headers, body and arena.
///
/// # Errors
/// As [`normalize`].
pub fn drafts<'a>(
    arena: &'a Arena,
    headers: &'a RawHeaders<&'a str>,
    body: &'a [u8],
    rules: Rules<'a>,
) -> Result<Normalized<Draft<'a>>, Why> {
    match headers.verdict {
        Verdict::Verified | Verdict::Unverified => {}
        Verdict::Failed => {
            return Err(why(
                Reason::SignatureFailed,
                "the signature did not verify at receipt",
            ));
        }
    }
    if body.is_empty() {
        return Err(why(Reason::Malformed, "the body is empty"));
    }
    let body = std::str::from_utf8(body).map_err(|error| {
        let place = error.valid_up_to();
        why(
            Reason::Malformed,
            &format!("the body is not UTF-8 (byte {place})"),
        )
    })?;
    let webhook = Webhook {
        arena,
        headers,
        body,
        rules,
    };
    let mut normalized = providers::events(webhook)?;
    let privacy = webhook.privacy();
    let parts = i32::try_from(normalized.events.len())
        .map_err(|_| why(Reason::TooLarge, "the body holds too many parts"))?;
    for (part, event) in (1..).zip(&mut normalized.events) {
        (event.part, event.parts) = (part, parts);
        if event.status == Some(Status::Failed) {
            tell_ending(event, rules.mapping);
        }
        event.created_at = event.created_at.and_then(|at| past(at, event.received_at));
        hide_in_raw(event, &privacy);
    }
    Ok(normalized)
}

/// What is kept as the carrier wrote it should be a time or an amount. Where it is neither, somebody may
/// have typed it.
fn hide_in_raw<'a>(event: &mut Draft<'a>, privacy: &TenantPrivacy<'a>) {
    let is_plain = |byte: u8| byte.is_ascii_digit() || b"-+:., TZeE".contains(&byte);
    event.attributes.change(|name, text| {
        if !name.starts_with("raw.") || text.bytes().all(is_plain) {
            return text;
        }
        privacy.apply_within(text)
    });
}

/// Whoever folds the order has no mapping of his own.
fn tell_ending(event: &mut Draft<'_>, mapping: &Mapping) {
    let words = Words {
        service: event.attributes.get("service"),
        event_type: event.provider_event_type,
        provider_status: event.provider_status,
        sub_status: event.attributes.get("sub_status"),
    };
    let ending = mapping.ending(event.provider, words);
    let attributes = &mut event.attributes;
    attributes.insert(Ending::ATTRIBUTE, ending.as_str());
}

/// What canonical takes of one webhook. One with an event that it does not take gives none.
#[derive(Debug, Default)]
pub struct Room {
    taken: usize,
}

impl Room {
    /// Takes one more event, of so many bytes.
    ///
    /// # Errors
    /// TOO_LARGE.
    pub fn take(&mut self, bytes: usize) -> Result<(), Why> {
        self.taken += bytes;
        if bytes > VALUE_BYTES_MAX {
            return Err(why(Reason::TooLarge, "an event is too large for canonical"));
        }
        if self.taken > WEBHOOK_BYTES_MAX {
            let detail = "the events of the webhook are too large together";
            return Err(why(Reason::TooLarge, detail));
        }
        Ok(())
    }
}

fn why(reason: Reason, detail: &str) -> Why {
    Why {
        reason,
        detail: detail.to_owned(),
    }
}

impl<'a> Webhook<'a> {
    /// An event with what the headers and the essentials say, and nothing else yet. Where it is
    /// inlined it is made in its place; an event is more than a kilobyte.
    #[inline(always)]
    pub(crate) fn event(&self, essentials: Essentials<'_, 'a>) -> Draft<'a> {
        let headers = self.headers;
        Draft {
            event_id: self.event_id(&essentials),
            receipt_id: headers.receipt_id,
            part: 1,
            parts: 1,
            unit: essentials.unit,
            tenant_id: headers.tenant,
            provider: headers.provider,
            endpoint_id: headers.endpoint,
            order_id: essentials.order_id,
            parent_id: None,
            kind: essentials.kind,
            status: None,
            fulfilment: None,
            provider_event_type: essentials.event_type,
            provider_event_id: None,
            provider_status: None,
            provider_previous_status: None,
            occurred_at: essentials.occurred.at,
            occurred_at_source: essentials.occurred.source,
            occurred_at_uncertainty_ms: None,
            received_at: headers.received_at,
            created_at: None,
            scheduled_at: None,
            milestones: Vec::new(),
            replaces_order_id: None,
            replaced_by_order_id: None,
            driver: None,
            location: None,
            price: None,
            price_parts: Vec::new(),
            balance: None,
            refund: None,
            refund_partner: None,
            refund_id: None,
            canceled_by: None,
            cancel_reason: None,
            edited_by: None,
            edit_reason: None,
            attempt: None,
            stops: Vec::new(),
            proofs: Vec::new(),
            share_link: None,
            external_order_id: None,
            market: None,
            store_id: None,
            attributes: Attributes::default(),
            verdict: headers.verdict,
            assurance: headers.assurance,
            mapping_version: self.rules.mapping.version(),
            replay_id: headers.replay_id,
        }
    }

    fn event_id(&self, essentials: &Essentials<'_, '_>) -> EventId {
        let subject = match &essentials.order_id {
            Some(order) => order.as_str(),
            None => self.arena.concat(&["@", self.headers.endpoint.as_str()]),
        };
        let fields = [
            self.headers.tenant.as_str(),
            self.headers.provider.as_str(),
            subject,
        ];
        let fields = fields
            .into_iter()
            .chain(essentials.dedup_key.iter().copied());
        EventId::of(fields.chain([essentials.unit]).map(str::as_bytes))
    }

    /// What the tenant wants done with personal texts.
    pub(crate) const fn privacy(&self) -> TenantPrivacy<'a> {
        let headers = self.headers;
        TenantPrivacy::new(self.rules.privacy, headers.tenant, headers.pii, self.arena)
    }
}
