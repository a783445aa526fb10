//! What orders of a chain tell each other.

use schemas::{EndpointId, EventId, Micros, OrderId, ReceiptId};
use serde::{Deserialize, Serialize};

use super::is_false;
use crate::codec::bytes16;

/// That one order continues another, as one event says it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Claim {
    #[serde(rename = "t")]
    pub at: Micros,
    #[serde(rename = "e", with = "bytes16")]
    pub event_id: EventId,
    /// The other order.
    #[serde(rename = "o")]
    pub order_id: OrderId,
}

/// From an order to its successor.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Link {
    /// The sender, as its successor would claim it.
    #[serde(rename = "c")]
    pub claim: Claim,
    /// Rises with each change of the sender's path.
    #[serde(rename = "v")]
    pub version: u64,
    /// The path to the successor, first order first, the sender last.
    #[serde(rename = "p")]
    pub ancestors: Vec<OrderId>,
    /// The smallest of the orders before the first ancestor, where the path was cut.
    #[serde(rename = "b", default, skip_serializing_if = "Option::is_none")]
    pub beyond: Option<OrderId>,
    /// The successor was told before, of another path.
    #[serde(rename = "n", default, skip_serializing_if = "is_false")]
    pub again: bool,
    #[serde(rename = "x", default, skip_serializing_if = "Option::is_none")]
    pub evidence: Option<Evidence>,
}

/// From an order to its predecessor: the sender continues it. The claim is the one that the
/// predecessor would make, with the sender as the other order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Successor {
    #[serde(flatten)]
    pub claim: Claim,
    #[serde(rename = "x", default, skip_serializing_if = "Option::is_none")]
    pub evidence: Option<Evidence>,
}

/// The sender's own event on which a claim rests, so that whoever has no room for the link can name
/// it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Evidence {
    #[serde(rename = "rc", with = "bytes16")]
    pub receipt_id: ReceiptId,
    #[serde(rename = "pt")]
    pub part: i32,
    #[serde(rename = "ps")]
    pub parts: i32,
    #[serde(rename = "ep")]
    pub endpoint_id: EndpointId,
    #[serde(rename = "g")]
    pub received_at: Micros,
}

/// What one order tells another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message {
    /// To a successor.
    Link(Link),
    /// To a predecessor.
    Successor(Successor),
}

impl Message {
    /// What the sender claims about itself.
    pub fn claim(&self) -> &Claim {
        match self {
            Self::Link(link) => &link.claim,
            Self::Successor(successor) => &successor.claim,
        }
    }

    pub fn set_evidence(&mut self, evidence: Option<Evidence>) {
        match self {
            Self::Link(link) => link.evidence = evidence,
            Self::Successor(successor) => successor.evidence = evidence,
        }
    }
}
