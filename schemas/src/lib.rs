//! Whatever crosses a process boundary: identities, records and their Avro form, topics, tables.
//!
//! Everything here is a contract with somebody who is not compiled together with us, so it changes
//! only by addition. Nothing here opens a socket except [`registry`], and nothing reads a clock.
//! `runtime` and `schemas` know nothing of each other.

mod digest;
pub mod ids;
pub mod symbols;

pub mod event_time;
pub mod money;

pub mod raw_webhook;

pub mod delivery_event;
pub mod order;
pub mod ordered_event;
pub mod set_aside;

pub mod avro;
pub mod registry;

pub mod topics;

pub mod clickhouse;
pub mod mapping;

pub use delivery_event::DeliveryEvent;
pub use digest::{Content, Gathering, Keyed};
pub use event_time::Micros;
pub use ids::{EndpointId, EventId, OrderId, OrderKey, Provider, ReceiptId, TenantId};
pub use money::Money;
pub use order::Order;
pub use ordered_event::OrderedEvent;
pub use set_aside::SetAside;
pub use symbols::{
    Assurance, Fulfilment, Kind, OccurredAtSource, PiiRule, Reason, Status, Verdict,
};
