//! `OrderedEvent`: an event in its place in the history of its order.

use serde::{Deserialize, Serialize};

use crate::{delivery_event::DeliveryEvent, event_time::Micros, ids::OrderId, symbols::Status};

/// Written once for each event id and revision (CONTRACT §6).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OrderedEvent {
    /// The event itself.
    pub event: DeliveryEvent,
    /// 1, 2, 3… without gaps per order; 0 for what concerns an account.
    pub sequence: i64,
    /// 0; a replay that changes the content comes again with the same sequence and the next one.
    pub revision: i32,
    /// An event that occurred later was already released.
    pub late: bool,
    /// The order's status before this event, as known at release.
    #[serde(default)]
    pub status_before: Option<Status>,
    /// The order's status after this event, as known at release.
    #[serde(default)]
    pub status_after: Option<Status>,
    /// First order of the chain, as known at release; absent for what concerns an account.
    #[serde(default)]
    pub root_order_id: Option<OrderId>,
    /// 0 for an order that replaced none.
    pub generation: i32,
    /// Of the order's first receipt; never changes.
    #[serde(default)]
    pub order_first_received_at: Option<Micros>,
    /// Stream time of the release: a function of the log, not of when the code ran.
    pub released_at: Micros,
}
