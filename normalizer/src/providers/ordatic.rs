//! Ordatic, a hub of restaurants: thin events without an id, a time or a status word. What an event
//! is about stands in its type alone, and two equal ones are a retry or a repetition, which the
//! enricher tells apart by the time between them.
//!
//! The same verb means two things: `order-picked-up` is the customer with his takeaway, the end of
//! it; a courier who has the goods is `rider-delivering`. Which types arrive depends on the app's
//! scope, so that one that is missing says nothing.

mod refund;

use schemas::{
    DeliveryEvent, Kind, OccurredAtSource, OrderId,
    delivery_event::{Milestone, Proof},
    ids::TEXT_BYTES_MAX,
    mapping::{Meaning, Words},
    set_aside::Why,
    symbols::Fulfilment,
};

use super::snapshot::{self, note};
use crate::{
    event_time::Occurred,
    json::{Scalar, malformed, missing},
    normalize::{Blob, Essentials, Normalized, Webhook},
    proof::{self, Found},
    tree::Tree,
};

/// A link beyond is none.
const LINK_BYTES_MAX: usize = 2048;

/// The body taken apart.
struct Source<'a> {
    webhook: &'a Webhook<'a>,
    event_type: &'a str,
    store_id: &'a str,
    data: &'a Tree<'a>,
}

pub(crate) fn events(webhook: &Webhook<'_>) -> Result<Normalized, Why> {
    let tree = Tree::read(webhook.body)?;
    let event_type = tree.required("eventType", "eventType")?;
    let store_id = optional(&tree, "storeId", "storeId")?.unwrap_or_default();
    let source = Source {
        webhook,
        event_type,
        store_id,
        data: tree.at("data"),
    };
    let words = Words {
        event_type,
        ..Words::default()
    };
    let meaning = snapshot::meaning(webhook, words);
    let order_id = source.order_id(meaning.kind)?;
    let mut event = source.event(meaning, order_id.as_ref());
    let mut blobs = Vec::new();
    if meaning.kind == Kind::ProofReceived || !source.data.at("proofDelivery").scalar().is_empty() {
        blobs.extend(source.proof(&mut event)?);
    }
    refund::fill(&source, &mut event)?;
    Ok(Normalized {
        events: vec![event],
        blobs,
    })
}

impl Source<'_> {
    /// Every documented event is about an order; of a new type that may not hold.
    fn order_id(&self, kind: Kind) -> Result<Option<OrderId>, Why> {
        const PATH: &str = "data.orderId";
        let is_new = kind == Kind::Unknown;
        if !self.data.is_object() {
            return match self.data.scalar() {
                Scalar::Absent if is_new => Ok(None),
                Scalar::Absent => Err(missing("data")),
                Scalar::Text(_) | Scalar::Number(_) | Scalar::Bool(_) | Scalar::Other(_) => {
                    Err(malformed("data", "is not an object"))
                }
            };
        }
        match optional(self.data, "orderId", PATH)? {
            Some(id) => OrderId::new(id)
                .map(Some)
                .map_err(|error| malformed(PATH, &error.to_string())),
            None if is_new => Ok(None),
            None => Err(missing(PATH)),
        }
    }

    fn event(&self, meaning: Meaning, order_id: Option<&OrderId>) -> DeliveryEvent {
        let received_at = self.webhook.headers.received_at;
        let digest = self.data.digest(&[]);
        let id = order_id.map(OrderId::as_str).unwrap_or_default();
        let mut event = self.webhook.event(Essentials {
            order_id,
            unit: if order_id.is_some() {
                "order"
            } else {
                "account"
            },
            kind: meaning.kind,
            event_type: self.event_type,
            dedup_key: &[self.store_id, id, self.event_type, &digest],
            occurred: Occurred {
                at: received_at,
                source: OccurredAtSource::Receipt,
            },
        });
        event.status = meaning.status;
        event.fulfilment = fulfilment(self.event_type);
        if !self.store_id.is_empty() {
            event.store_id = Some(self.store_id.to_owned());
        }
        if let Some(status) = meaning.milestone {
            event.milestones.push(Milestone {
                status,
                at: received_at,
                stop_index: None,
            });
        }
        event
    }

    /// A picture goes to the blob store; an address, or a text of another form, stays in the event
    /// unless the text is long.
    fn proof(&self, event: &mut DeliveryEvent) -> Result<Option<Blob>, Why> {
        const PATH: &str = "data.proofDelivery";
        let field = self.data.at("proofDelivery").scalar();
        let text = match field {
            Scalar::Text(text) if !text.is_empty() => text,
            Scalar::Absent | Scalar::Text(_) => return Err(missing(PATH)),
            Scalar::Number(_) | Scalar::Bool(_) | Scalar::Other(_) => {
                return Err(malformed(PATH, "is not a text"));
            }
        };
        let (proof, blob) = match proof::read(text) {
            Found::Content { media_type, bytes } => proof::content(self.webhook, media_type, bytes),
            Found::Link(link) if link.len() <= LINK_BYTES_MAX => {
                let proof = Proof {
                    role: "delivery".into(),
                    stop_index: None,
                    uri: link.to_owned(),
                    sha256: None,
                    media_type: None,
                    bytes: None,
                };
                (proof, None)
            }
            Found::Link(text) | Found::Text(text) if text.len() > TEXT_BYTES_MAX => {
                proof::content(self.webhook, "text/plain", text.as_bytes().to_vec())
            }
            Found::Link(text) | Found::Text(text) => {
                // Perhaps who signed for it.
                let headers = self.webhook.headers;
                let privacy = self.webhook.rules.privacy.of(&headers.tenant, headers.pii);
                note(event, "proof_delivery", privacy.apply(text).as_deref());
                return Ok(None);
            }
        };
        event.proofs.push(proof);
        Ok(blob)
    }
}

/// How the goods reach the customer, as far as the event's type tells.
fn fulfilment(event_type: &str) -> Option<Fulfilment> {
    match event_type {
        "order-picked-up" => Some(Fulfilment::Takeaway),
        "order-served" => Some(Fulfilment::DineIn),
        rider if rider.starts_with("rider-") => Some(Fulfilment::Courier),
        _ => None,
    }
}

fn optional<'a>(tree: &'a Tree<'_>, name: &str, path: &str) -> Result<Option<&'a str>, Why> {
    if tree.at(name).scalar().is_empty() {
        return Ok(None);
    }
    tree.required(name, path).map(Some)
}

#[cfg(test)]
mod tests;
