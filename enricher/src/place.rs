//! Where an event stands among the events of its order.

use std::time::Duration;

use schemas::{DeliveryEvent, EventId, Micros, Status};
use serde::{Deserialize, Serialize};

use crate::codec::bytes16;

/// The order of an order's events: event time, then the mapping's rank, receipt time, event id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Place {
    #[serde(rename = "o")]
    pub occurred_at: Micros,
    #[serde(rename = "r")]
    pub rank: u8,
    #[serde(rename = "g")]
    pub received_at: Micros,
    #[serde(rename = "e", with = "bytes16")]
    pub event_id: EventId,
}

impl Place {
    pub fn of(event: &DeliveryEvent) -> Self {
        Self {
            occurred_at: event.occurred_at,
            rank: event.status.map_or(event.kind.rank(), Status::rank),
            received_at: event.received_at,
            event_id: event.event_id,
        }
    }
}

/// When something occurred, as exactly as its source can say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    pub earliest: Micros,
    pub latest: Micros,
}

impl Span {
    pub fn new(at: Micros, uncertainty_ms: i64) -> Self {
        let half = Duration::from_millis(u64::try_from(uncertainty_ms).unwrap_or(0));
        Self {
            earliest: at.minus(half),
            latest: at.plus(half),
        }
    }
}
