//! Ordatic, a hub of restaurants: thin events without an id, a time or a status word. What an event
//! is about stands in its type alone, and two equal ones are a retry or a repetition, which the
//! enricher tells apart by the time between them.
//!
//! The same verb means two things: `order-picked-up` is the customer with his takeaway, the end of
//! it; a courier who has the goods is `rider-delivering`. Which types arrive depends on the app's
//! scope, so that one that is missing says nothing.

mod input;
mod refund;

use schemas::{
    Kind, OccurredAtSource, OrderId, PiiRule,
    delivery_event::{Draft, Milestone, Proof},
    ids::TEXT_BYTES_MAX,
    mapping::{Meaning, Words},
    set_aside::Why,
    symbols::Fulfilment,
};

use self::input::{Body, Data};
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
    webhook: Webhook<'a>,
    event_type: &'a str,
    store_id: &'a str,
    tree: &'a Tree<'a>,
    data: Data<'a>,
}

pub(crate) fn events(webhook: Webhook<'_>) -> Result<Normalized<Draft<'_>>, Why> {
    let body = Body::of(&Tree::read(webhook.arena, webhook.body)?);
    let event_type = body.event_type.required("eventType")?;
    let store_id = body.store_id.optional("storeId")?.unwrap_or_default();
    let source = Source {
        webhook,
        event_type,
        store_id,
        tree: body.data,
        data: Data::of(body.data),
    };
    let words = Words {
        event_type,
        ..Words::default()
    };
    let meaning = snapshot::meaning(webhook, words);
    let order_id = source.order_id(meaning.kind)?;
    if order_id.is_none() && store_id.is_empty() {
        // Any other carrier's body with an `eventType` looks like that.
        return Err(missing("storeId"));
    }
    let mut event = source.event(meaning, order_id);
    let mut blobs = Vec::new();
    if meaning.kind == Kind::ProofReceived || !source.data.proof_delivery.is_empty() {
        blobs.extend(source.proof(&mut event)?);
    }
    refund::fill(&source, &mut event)?;
    Ok(Normalized {
        events: vec![event],
        blobs,
    })
}

impl<'a> Source<'a> {
    /// Every documented event is about an order; of a new type that may not hold.
    fn order_id(&self, kind: Kind) -> Result<Option<OrderId<&'a str>>, Why> {
        const PATH: &str = "data.orderId";
        let may_lack = snapshot::may_lack_order(kind);
        if !self.tree.is_object() {
            return match self.tree.scalar() {
                Scalar::Absent if may_lack => Ok(None),
                Scalar::Absent => Err(missing("data")),
                Scalar::Text(_) | Scalar::Number(_) | Scalar::Bool(_) | Scalar::Other(_) => {
                    Err(malformed("data", "is not an object"))
                }
            };
        }
        match self.data.order_id.optional(PATH)? {
            Some(id) => OrderId::borrowed(id)
                .map(Some)
                .map_err(|error| malformed(PATH, &error.to_string())),
            None if may_lack => Ok(None),
            None => Err(missing(PATH)),
        }
    }

    fn event(&self, meaning: Meaning, order_id: Option<OrderId<&'a str>>) -> Draft<'a> {
        let received_at = self.webhook.headers.received_at;
        let id = order_id.map(OrderId::text).unwrap_or_default();
        let texts = [self.store_id, id, self.event_type];
        let digest = self.tree.digest_with(&texts, &[], self.webhook.arena);
        let mut event = self.webhook.event(Essentials {
            order_id,
            unit: if order_id.is_some() {
                "order"
            } else {
                "account"
            },
            kind: meaning.kind,
            event_type: self.event_type,
            dedup_key: &[digest],
            occurred: Occurred {
                at: received_at,
                source: OccurredAtSource::Receipt,
            },
        });
        event.status = meaning.status;
        event.fulfilment = fulfilment(self.event_type);
        if !self.store_id.is_empty() {
            event.store_id = Some(self.store_id);
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

    /// A picture goes to the blob store; an address, or a text of another form, stays in the event. A
    /// long text is stored too where it may be read at all.
    fn proof(&self, event: &mut Draft<'a>) -> Result<Option<Blob>, Why> {
        const PATH: &str = "data.proofDelivery";
        let text = match self.data.proof_delivery.scalar() {
            Scalar::Text(text) if !text.is_empty() => text,
            Scalar::Absent | Scalar::Text(_) => return Err(missing(PATH)),
            Scalar::Number(_) | Scalar::Bool(_) | Scalar::Other(_) => {
                return Err(malformed(PATH, "is not a text"));
            }
        };
        let may_be_read = self.webhook.headers.pii == PiiRule::Keep;
        let (proof, blob) = match proof::read(text) {
            Found::Content { media_type, bytes } => proof::content(self.webhook, media_type, bytes),
            Found::Link(link) if link.len() <= LINK_BYTES_MAX => {
                let proof = Proof {
                    role: "delivery",
                    stop_index: None,
                    uri: link,
                    sha256: None,
                    media_type: None,
                    bytes: None,
                };
                (proof, None)
            }
            Found::Link(text) | Found::Text(text) if text.len() > TEXT_BYTES_MAX && may_be_read => {
                proof::content(self.webhook, "text/plain", text.as_bytes().to_vec())
            }
            Found::Link(text) | Found::Text(text) => {
                // Perhaps who signed for it.
                note(event, "proof_delivery", self.webhook.privacy().apply(text));
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

#[cfg(test)]
mod tests;
