//! `Order`: the newest state of an order, folded over event time.

use serde::{Deserialize, Serialize};

use crate::{
    delivery_event::{Driver, Proof, Stop},
    event_time::Micros,
    ids::{EndpointId, OrderId, Provider, TenantId},
    money::Money,
    symbols::{Assurance, Fulfilment, Status},
};

/// A snapshot (CONTRACT §6). Of two, the one with the higher `revision` is the newer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[allow(
    missing_docs,
    reason = "the Avro file and CONTRACT give each field's meaning"
)]
pub struct Order {
    pub tenant_id: TenantId,
    pub provider: Provider,
    pub order_id: OrderId,
    pub revision: i64,
    pub version: i64,
    pub status: Status,
    #[serde(default)]
    pub provider_status: Option<String>,
    pub is_final: bool,
    #[serde(default)]
    pub provisional_until: Option<Micros>,
    #[serde(default)]
    pub fulfilment: Option<Fulfilment>,
    #[serde(default)]
    pub created_at: Option<Micros>,
    /// Of the driver who delivered.
    #[serde(default)]
    pub assigned_at: Option<Micros>,
    #[serde(default)]
    pub first_assigned_at: Option<Micros>,
    #[serde(default)]
    pub picked_up_at: Option<Micros>,
    #[serde(default)]
    pub delivered_at: Option<Micros>,
    #[serde(default)]
    pub canceled_at: Option<Micros>,
    #[serde(default)]
    pub ended_at: Option<Micros>,
    pub last_event_at: Micros,
    #[serde(default)]
    pub driver: Option<Driver>,
    #[serde(default)]
    pub price: Option<Money>,
    #[serde(default)]
    pub refund: Option<Money>,
    #[serde(default)]
    pub stops: Vec<Stop>,
    #[serde(default)]
    pub proofs: Vec<Proof>,
    pub event_count: i64,
    pub late_count: i64,
    pub reassignment_count: i32,
    pub failed_attempts: i32,
    #[serde(default)]
    pub canceled_by: Option<String>,
    #[serde(default)]
    pub cancel_reason: Option<String>,
    #[serde(default)]
    pub scheduled_at: Option<Micros>,
    #[serde(default)]
    pub replaces_order_id: Option<OrderId>,
    #[serde(default)]
    pub replaced_by_order_id: Option<OrderId>,
    pub root_order_id: OrderId,
    pub generation: i32,
    /// True once any link is known; never reset.
    pub chained: bool,
    pub first_received_at: Micros,
    pub endpoint_id: EndpointId,
    #[serde(default)]
    pub external_order_id: Option<String>,
    #[serde(default)]
    pub parent_id: Option<String>,
    pub assurance: Assurance,
}
