//! What is kept of a released event: enough to fold the order again and to know the event again.

mod kept_stop;

use schemas::{
    Assurance, DeliveryEvent, Fulfilment, Kind, Micros, Money, OccurredAtSource, OrderId,
    ReceiptId, Status,
    delivery_event::{Driver, Milestone, Proof, Stop},
    mapping::{Ending, Mapping, Words},
};
use serde::{Deserialize, Serialize};

use crate::{
    codec::bytes16,
    content::Content,
    place::{Place, Span},
};

/// Given to an event when it is released.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Release {
    pub sequence: i64,
    pub revision: i32,
    pub late: bool,
}

/// One released event. The short names keep the changelog small.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Fact {
    #[serde(rename = "p")]
    pub place: Place,
    #[serde(rename = "rc", with = "bytes16")]
    pub receipt_id: ReceiptId,
    #[serde(rename = "pt")]
    pub part: i32,
    #[serde(rename = "n")]
    pub sequence: i64,
    #[serde(rename = "rv", default, skip_serializing_if = "is_zero")]
    pub revision: i32,
    #[serde(rename = "l", default, skip_serializing_if = "is_false")]
    pub late: bool,
    #[serde(rename = "c")]
    pub content: Content,
    #[serde(rename = "k")]
    pub kind: Kind,
    #[serde(rename = "s", default, skip_serializing_if = "Option::is_none")]
    pub status: Option<Status>,
    #[serde(rename = "src")]
    pub source: OccurredAtSource,
    #[serde(rename = "u", default, skip_serializing_if = "is_zero")]
    pub uncertainty_ms: i64,
    /// FAILED with words that end an order.
    #[serde(rename = "f", default, skip_serializing_if = "is_false")]
    pub ends: bool,
    /// Not even a way back of the same time goes on from there: see [`Ending`].
    #[serde(rename = "fl", default, skip_serializing_if = "is_false")]
    pub ends_last: bool,
    #[serde(rename = "a")]
    pub assurance: Assurance,
    #[serde(rename = "w", default, skip_serializing_if = "Option::is_none")]
    pub provider_status: Option<Box<str>>,
    #[serde(rename = "x", default, skip_serializing_if = "Option::is_none")]
    pub extras: Option<Box<Extras>>,
}

/// What most events do not bear.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Extras {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fulfilment: Option<Fulfilment>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created_at: Option<Micros>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scheduled_at: Option<Micros>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub milestones: Vec<Milestone>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replaces: Option<OrderId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replaced_by: Option<OrderId>,
    /// Parts of the receipt; kept where there is a link.
    #[serde(skip_serializing_if = "is_zero")]
    pub parts: i32,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub driver: Option<Driver>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub price: Option<Money>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refund: Option<Money>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refund_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub canceled_by: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cancel_reason: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attempt: Option<i32>,
    #[serde(
        skip_serializing_if = "Vec::is_empty",
        serialize_with = "kept_stop::serialize"
    )]
    pub stops: Vec<Stop>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub proofs: Vec<Proof>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub external_order_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parent_id: Option<String>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
fn is_false(value: &bool) -> bool {
    !*value
}

fn is_zero<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

impl Fact {
    /// `ending`: what [`ending`] says of it.
    pub fn of(event: &DeliveryEvent, content: Content, release: Release, ending: Ending) -> Self {
        Self {
            place: Place::of(event),
            receipt_id: event.receipt_id,
            part: event.part,
            sequence: release.sequence,
            revision: release.revision,
            late: release.late,
            content,
            kind: event.kind,
            status: event.status,
            source: event.occurred_at_source,
            uncertainty_ms: event.occurred_at_uncertainty_ms.unwrap_or(0),
            ends: ending != Ending::Open,
            ends_last: ending == Ending::EndsLast,
            assurance: event.assurance,
            provider_status: event.provider_status.as_deref().map(Box::from),
            extras: Extras::of(event).map(Box::new),
        }
    }

    pub fn span(&self) -> Span {
        Span::new(self.place.occurred_at, self.uncertainty_ms)
    }

    /// The status that the event claims for its order; UNKNOWN claims nothing.
    pub fn says(&self) -> Option<Status> {
        if self.kind == Kind::OrderSuperseded {
            return Some(Status::Replaced);
        }
        self.status.filter(|status| *status != Status::Unknown)
    }

    /// The word that the next status event names as its previous one. A creation has none: what
    /// follows it says that it is the first.
    pub fn continued_by(&self) -> Option<&str> {
        let is_status = self.status.is_some() && self.kind != Kind::OrderCreated;
        self.provider_status.as_deref().filter(|_| is_status)
    }

    /// Whether the carrier's clock dated it.
    pub fn is_carrier_dated(&self) -> bool {
        match self.source {
            OccurredAtSource::ProviderClock | OccurredAtSource::ProviderField => true,
            OccurredAtSource::Receipt | OccurredAtSource::Unknown => false,
        }
    }
}

/// What an event does to its order, should it be a failure. Events of before it stood in them are judged
/// by the rows that everybody has.
pub fn ending(event: &DeliveryEvent) -> Ending {
    if event.status != Some(Status::Failed) {
        return Ending::Open;
    }
    let attribute = |name: &str| event.attributes.get(name).map(String::as_str);
    let told = attribute(Ending::ATTRIBUTE).and_then(Ending::parse);
    told.unwrap_or_else(|| {
        let words = Words {
            service: attribute("service"),
            event_type: &event.provider_event_type,
            provider_status: event.provider_status.as_deref(),
            sub_status: attribute("sub_status"),
        };
        Mapping::embedded().ending(event.provider, words)
    })
}

impl Extras {
    fn of(event: &DeliveryEvent) -> Option<Self> {
        let text = |value: &Option<String>| value.clone().filter(|text| !text.is_empty());
        let linked = event.replaces_order_id.is_some() || event.replaced_by_order_id.is_some();
        let extras = Self {
            fulfilment: event
                .fulfilment
                .filter(|known| *known != Fulfilment::Unknown),
            created_at: event.created_at,
            scheduled_at: event.scheduled_at,
            milestones: event.milestones.clone(),
            replaces: event.replaces_order_id.clone(),
            replaced_by: event.replaced_by_order_id.clone(),
            parts: if linked { event.parts } else { 0 },
            driver: event.driver.clone(),
            price: event.price.clone(),
            refund: event.refund.clone(),
            refund_id: text(&event.refund_id),
            canceled_by: text(&event.canceled_by),
            cancel_reason: text(&event.cancel_reason),
            attempt: event.attempt,
            stops: event.stops.clone(),
            proofs: event.proofs.clone(),
            external_order_id: text(&event.external_order_id),
            parent_id: text(&event.parent_id),
        };
        (extras != Self::default()).then_some(extras)
    }
}
