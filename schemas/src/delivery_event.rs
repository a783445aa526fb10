//! `DeliveryEvent`: one thing that a carrier reported, in one vocabulary. Only the normalizer
//! builds one; after that nobody validates again. Fields stand in the order of the Avro file.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{
    event_time::Micros,
    ids::{
        EndpointId, EventId, OrderId, OrderKey, Provider, ReceiptId, Subject, SubjectText,
        TenantId, key_text,
    },
    money::Money,
    symbols::{Assurance, Fulfilment, Kind, OccurredAtSource, Status, Verdict},
};

/// A moment that a snapshot proves about the past.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Milestone {
    /// Which status was reached.
    pub status: Status,
    /// When.
    pub at: Micros,
    /// At which stop, if it concerns one.
    #[serde(default)]
    pub stop_index: Option<i32>,
}

/// Who delivers. Name, phone and plate follow the tenant's privacy rule.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Driver {
    /// The carrier's id of the driver.
    #[serde(default)]
    pub id: Option<String>,
    /// Personal.
    #[serde(default)]
    pub name: Option<String>,
    /// Personal.
    #[serde(default)]
    pub phone: Option<String>,
    /// Personal.
    #[serde(default)]
    pub plate_number: Option<String>,
    /// Personal.
    #[serde(default)]
    pub photo_url: Option<String>,
}

/// WGS 84 degrees.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Location {
    /// -90 to 90.
    pub latitude: f64,
    /// -180 to 180.
    pub longitude: f64,
}

/// One named part of a price.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PricePart {
    /// The carrier's name of it.
    pub name: String,
    /// How much.
    pub money: Money,
}

/// What is known of one stop; merged by id, else by index.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Stop {
    /// 0 is the pickup.
    pub index: i32,
    /// The carrier's id of the stop.
    #[serde(default)]
    pub id: Option<String>,
    /// Canonical.
    #[serde(default)]
    pub status: Option<Status>,
    /// The carrier's word.
    #[serde(default)]
    pub provider_status: Option<String>,
    /// Degrees.
    #[serde(default)]
    pub latitude: Option<f64>,
    /// Degrees.
    #[serde(default)]
    pub longitude: Option<f64>,
    /// Personal.
    #[serde(default)]
    pub address: Option<String>,
    /// Personal.
    #[serde(default)]
    pub contact: Option<String>,
    /// Personal.
    #[serde(default)]
    pub phone: Option<String>,
    /// When its status was reached.
    #[serde(default)]
    pub occurred_at: Option<Micros>,
    /// Agreed window.
    #[serde(default)]
    pub window_start: Option<Micros>,
    /// Agreed window.
    #[serde(default)]
    pub window_end: Option<Micros>,
    /// To be collected.
    #[serde(default)]
    pub cash_on_delivery: Option<Money>,
    /// The carrier's words.
    #[serde(default)]
    pub failure_reason: Option<String>,
    /// The carrier's tracking id.
    #[serde(default)]
    pub tracking_id: Option<String>,
}

/// Evidence, by reference.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proof {
    /// `pickup`, `delivery`, `return`…
    pub role: String,
    /// Which stop it proves.
    #[serde(default)]
    pub stop_index: Option<i32>,
    /// Where it lies.
    pub uri: String,
    /// Lower-case hex.
    #[serde(default)]
    pub sha256: Option<String>,
    /// Such as `image/png`.
    #[serde(default)]
    pub media_type: Option<String>,
    /// Size.
    #[serde(default)]
    pub bytes: Option<i64>,
}

/// One event in canonical form (CONTRACT §6).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[allow(
    missing_docs,
    reason = "the Avro file and CONTRACT give each field's meaning"
)]
pub struct DeliveryEvent {
    pub event_id: EventId,
    pub receipt_id: ReceiptId,
    /// Position among the events of its receipt, from 1.
    pub part: i32,
    pub parts: i32,
    /// Name of the part: `order`, `superseded`, `account`, `drop:<id>`.
    pub unit: String,
    pub tenant_id: TenantId,
    pub provider: Provider,
    pub endpoint_id: EndpointId,
    /// Absent for what concerns an account.
    #[serde(default)]
    pub order_id: Option<OrderId>,
    #[serde(default)]
    pub parent_id: Option<String>,
    pub kind: Kind,
    /// Present only where the event says something of the order's status.
    #[serde(default)]
    pub status: Option<Status>,
    #[serde(default)]
    pub fulfilment: Option<Fulfilment>,
    pub provider_event_type: String,
    #[serde(default)]
    pub provider_event_id: Option<String>,
    #[serde(default)]
    pub provider_status: Option<String>,
    #[serde(default)]
    pub provider_previous_status: Option<String>,
    pub occurred_at: Micros,
    pub occurred_at_source: OccurredAtSource,
    #[serde(default)]
    pub occurred_at_uncertainty_ms: Option<i64>,
    pub received_at: Micros,
    #[serde(default)]
    pub created_at: Option<Micros>,
    #[serde(default)]
    pub scheduled_at: Option<Micros>,
    #[serde(default)]
    pub milestones: Vec<Milestone>,
    #[serde(default)]
    pub replaces_order_id: Option<OrderId>,
    #[serde(default)]
    pub replaced_by_order_id: Option<OrderId>,
    #[serde(default)]
    pub driver: Option<Driver>,
    #[serde(default)]
    pub location: Option<Location>,
    #[serde(default)]
    pub price: Option<Money>,
    #[serde(default)]
    pub price_parts: Vec<PricePart>,
    #[serde(default)]
    pub balance: Option<Money>,
    #[serde(default)]
    pub refund: Option<Money>,
    #[serde(default)]
    pub refund_partner: Option<Money>,
    #[serde(default)]
    pub refund_id: Option<String>,
    #[serde(default)]
    pub canceled_by: Option<String>,
    #[serde(default)]
    pub cancel_reason: Option<String>,
    #[serde(default)]
    pub edited_by: Option<String>,
    #[serde(default)]
    pub edit_reason: Option<String>,
    #[serde(default)]
    pub attempt: Option<i32>,
    #[serde(default)]
    pub stops: Vec<Stop>,
    #[serde(default)]
    pub proofs: Vec<Proof>,
    #[serde(default)]
    pub share_link: Option<String>,
    #[serde(default)]
    pub external_order_id: Option<String>,
    #[serde(default)]
    pub market: Option<String>,
    #[serde(default)]
    pub store_id: Option<String>,
    /// Anything else of value; carrier time texts as `raw.<path>`.
    #[serde(default)]
    pub attributes: BTreeMap<String, String>,
    pub verdict: Verdict,
    pub assurance: Assurance,
    pub mapping_version: String,
    #[serde(default)]
    pub replay_id: Option<String>,
}

impl DeliveryEvent {
    /// The text of [`DeliveryEvent::key`].
    #[must_use]
    pub fn key_text(&self) -> String {
        let subject = match &self.order_id {
            Some(order) => SubjectText::Order(order),
            None => SubjectText::Account(&self.endpoint_id),
        };
        key_text(&self.tenant_id, self.provider, subject)
    }

    /// The Kafka key: the order, or the account where the event names none.
    #[must_use]
    pub fn key(&self) -> OrderKey {
        OrderKey {
            tenant: self.tenant_id.clone(),
            provider: self.provider,
            subject: match &self.order_id {
                Some(order) => Subject::Order(order.clone()),
                None => Subject::Account(self.endpoint_id.clone()),
            },
        }
    }
}
