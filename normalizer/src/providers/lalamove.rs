//! Lalamove v3, and the v2 form of the same events.
//!
//! Only ORDER_STATUS_CHANGED says something about an order's status; the others repeat one on the
//! side, which is kept as an attribute and believed by nobody. `timestamp` is the one true time:
//! the texts show a local clock under a `Z`.

mod input;
mod money;
mod order;
mod stops;
mod times;

use schemas::{
    Kind, OrderId,
    delivery_event::Draft,
    ids::TEXT_BYTES_MAX,
    mapping::{Meaning, Words},
    set_aside::Why,
};

use self::{
    input::{Data, Envelope, Order},
    times::Times,
};
use super::snapshot::{self, note};
use crate::{
    json::{self, Object, Scalar, malformed, missing},
    normalize::{Essentials, Webhook},
    privacy::TenantPrivacy,
};

/// Everything that the parts of an event are made from.
struct Source<'s, 'a> {
    webhook: Webhook<'a>,
    envelope: &'s Envelope<'a>,
    data: &'s Data<'a>,
    order: Option<&'s Order<'a>>,
    event_type: &'a str,
    dedup_key: [&'a str; 3],
    times: Times,
    privacy: TenantPrivacy<'a>,
}

pub(crate) fn events(webhook: Webhook<'_>) -> Result<Vec<Draft<'_>>, Why> {
    let envelope: Envelope<'_> = json::read(webhook.arena, webhook.body)?;
    let event_id = required(&envelope.event_id, "eventId")?;
    let event_type = required(&envelope.event_type, "eventType")?;
    let api_key = optional(&envelope.api_key, || "apiKey".to_owned())?.unwrap_or_default();
    let data = envelope.data.required("data")?;
    let source = Source {
        webhook,
        envelope: &envelope,
        data,
        order: data.order.get(),
        event_type,
        dedup_key: [api_key, event_id, event_type],
        times: Times::new(&envelope, data, webhook.headers.received_at),
        privacy: webhook.privacy(),
    };
    let meaning = source.meaning(None);
    let order_id = source.order_id(meaning.kind)?;
    match (meaning.kind, order_id) {
        (Kind::OrderReplaced, Some(new)) => replaced(&source, meaning, new),
        (_, Some(order)) => Ok(vec![source.event(meaning, Some(order), "order")?]),
        (_, None) => Ok(vec![source.event(meaning, None, "account")?]),
    }
}

/// Support cancels an order and clones it; the event stands on the new one, and both are told.
fn replaced<'a>(
    source: &Source<'_, 'a>,
    meaning: Meaning,
    new: OrderId<&'a str>,
) -> Result<Vec<Draft<'a>>, Why> {
    const PREVIOUS: &str = "data.prevOrderId";
    let text = required(&source.data.prev_order_id, PREVIOUS)?;
    let old = OrderId::borrowed(text).map_err(|error| malformed(PREVIOUS, &error.to_string()))?;
    if old == new {
        return Err(malformed(PREVIOUS, "is the order's own id"));
    }
    let mut on_new = source.event(meaning, Some(new), "order")?;
    on_new.replaces_order_id = Some(old);

    let superseded = source.meaning(Some("prevOrderId"));
    let mut on_old = source.blank(superseded, Some(old), "superseded");
    on_old.replaced_by_order_id = Some(new);
    source.times.keep_texts(source, &mut on_old);
    Ok(vec![on_new, on_old])
}

impl<'a> Source<'_, 'a> {
    /// What the words mean by the mapping; new ones are UNKNOWN.
    fn meaning(&self, sub_status: Option<&str>) -> Meaning {
        let status = self.order.and_then(|order| order.status.word());
        let words = Words {
            service: None,
            event_type: self.event_type,
            provider_status: status,
            sub_status,
        };
        let unknown = Meaning {
            kind: Kind::Unknown,
            status: None,
            is_final: false,
            milestone: None,
        };
        let provider = self.webhook.headers.provider;
        self.webhook
            .rules
            .mapping
            .find(provider, words)
            .unwrap_or(unknown)
    }

    /// The order that the event concerns: none for a wallet, perhaps one for an unknown type.
    fn order_id(&self, kind: Kind) -> Result<Option<OrderId<&'a str>>, Why> {
        if kind == Kind::BalanceChanged {
            return Ok(None);
        }
        let needed = !snapshot::may_lack_order(kind);
        let order = match &self.data.order {
            Object::Absent if !needed => return Ok(None),
            order @ (Object::Absent | Object::Wrong | Object::Is(_)) => {
                order.required("data.order")?
            }
        };
        // The v2 form calls it `id`.
        let (field, path) = if order.order_id.is_empty() && !order.id.is_empty() {
            (&order.id, "data.order.id")
        } else {
            (&order.order_id, "data.order.orderId")
        };
        match optional(field, || path.to_owned())? {
            Some(id) => OrderId::borrowed(id)
                .map(Some)
                .map_err(|error| malformed(path, &error.to_string())),
            None if needed => Err(missing(path)),
            None => Ok(None),
        }
    }

    fn blank(
        &self,
        meaning: Meaning,
        order_id: Option<OrderId<&'a str>>,
        unit: &'static str,
    ) -> Draft<'a> {
        let mut event = self.webhook.event(Essentials {
            order_id,
            unit,
            kind: meaning.kind,
            event_type: self.event_type,
            dedup_key: &self.dedup_key,
            occurred: self.times.occurred,
        });
        event.status = meaning.status;
        event.provider_event_id = self.envelope.event_id.word();
        if let Some(status) = meaning.milestone {
            let at = event.occurred_at;
            event.milestones.push(schemas::delivery_event::Milestone {
                status,
                at,
                stop_index: None,
            });
        }
        note(
            &mut event,
            "event_version",
            self.envelope.event_version.word(),
        );
        event
    }

    fn event(
        &self,
        meaning: Meaning,
        order_id: Option<OrderId<&'a str>>,
        unit: &'static str,
    ) -> Result<Draft<'a>, Why> {
        let mut event = self.blank(meaning, order_id, unit);
        self.times.keep_texts(self, &mut event);
        order::fill(self, &mut event)?;
        money::fill(self, &mut event)?;
        stops::fill(self, &mut event)?;
        Ok(event)
    }
}

/// A word of the carrier's vocabulary, or an id.
fn optional<'a>(field: &Scalar<'a>, path: impl FnOnce() -> String) -> Result<Option<&'a str>, Why> {
    match field.word() {
        Some(word) if word.len() > TEXT_BYTES_MAX => Err(malformed(
            &path(),
            &format!("is longer than {TEXT_BYTES_MAX} bytes"),
        )),
        Some(word) => Ok(Some(word)),
        None if field.is_empty() => Ok(None),
        None => Err(malformed(&path(), "is not a text")),
    }
}

fn required<'a>(field: &Scalar<'a>, path: &str) -> Result<&'a str, Why> {
    optional(field, || path.to_owned())?.ok_or_else(|| missing(path))
}

/// Keeps a text that could not be used, or a time as the carrier wrote it; `name` begins with
/// `raw.`.
fn keep_raw<'a>(event: &mut Draft<'a>, name: &'a str, field: &Scalar<'a>) {
    note(event, name, field.any_word());
}
