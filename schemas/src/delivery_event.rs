//! `DeliveryEvent`: one thing that a carrier reported, in one vocabulary. Only the normalizer
//! builds one; after that nobody validates again. Fields stand in the order of the Avro file.

mod draft;
mod forms;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

pub use self::draft::Attributes;
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
pub struct Driver<T = String> {
    /// The carrier's id of the driver.
    #[serde(default)]
    pub id: Option<T>,
    /// Personal.
    #[serde(default)]
    pub name: Option<T>,
    /// Personal.
    #[serde(default)]
    pub phone: Option<T>,
    /// Personal.
    #[serde(default)]
    pub plate_number: Option<T>,
    /// Personal.
    #[serde(default)]
    pub photo_url: Option<T>,
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
pub struct PricePart<T = String> {
    /// The carrier's name of it.
    pub name: T,
    /// How much.
    pub money: Money<T>,
}

/// What is known of one stop; merged by id, else by index.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Stop<T = String> {
    /// 0 is the pickup.
    pub index: i32,
    /// The carrier's id of the stop.
    #[serde(default)]
    pub id: Option<T>,
    /// Canonical.
    #[serde(default)]
    pub status: Option<Status>,
    /// The carrier's word.
    #[serde(default)]
    pub provider_status: Option<T>,
    /// Degrees.
    #[serde(default)]
    pub latitude: Option<f64>,
    /// Degrees.
    #[serde(default)]
    pub longitude: Option<f64>,
    /// Personal.
    #[serde(default)]
    pub address: Option<T>,
    /// Personal.
    #[serde(default)]
    pub contact: Option<T>,
    /// Personal.
    #[serde(default)]
    pub phone: Option<T>,
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
    pub cash_on_delivery: Option<Money<T>>,
    /// The carrier's words.
    #[serde(default)]
    pub failure_reason: Option<T>,
    /// The carrier's tracking id.
    #[serde(default)]
    pub tracking_id: Option<T>,
}

/// Evidence, by reference.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proof<T = String> {
    /// `pickup`, `delivery`, `return`…
    pub role: T,
    /// Which stop it proves.
    #[serde(default)]
    pub stop_index: Option<i32>,
    /// Where it lies.
    pub uri: T,
    /// Lower-case hex.
    #[serde(default)]
    pub sha256: Option<T>,
    /// Such as `image/png`.
    #[serde(default)]
    pub media_type: Option<T>,
    /// Size.
    #[serde(default)]
    pub bytes: Option<i64>,
}

/// An event that owns what it holds, as it is read.
pub type DeliveryEvent = Event<String, BTreeMap<String, String>>;
/// An event that is only written: its texts stay where they were found.
pub type Draft<'a> = Event<&'a str, Attributes<'a>>;

/// One event in canonical form (CONTRACT §6); `T` holds its texts, `A` its attributes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename = "DeliveryEvent")]
#[allow(
    missing_docs,
    reason = "the Avro file and CONTRACT give each field's meaning"
)]
pub struct Event<T, A> {
    pub event_id: EventId,
    pub receipt_id: ReceiptId,
    /// Position among the events of its receipt, from 1.
    pub part: i32,
    pub parts: i32,
    /// Name of the part: `order`, `superseded`, `account`, `drop:<id>`.
    pub unit: T,
    pub tenant_id: TenantId<T>,
    pub provider: Provider,
    pub endpoint_id: EndpointId<T>,
    /// Absent for what concerns an account.
    #[serde(default)]
    pub order_id: Option<OrderId<T>>,
    #[serde(default)]
    pub parent_id: Option<T>,
    pub kind: Kind,
    /// Present only where the event says something of the order's status.
    #[serde(default)]
    pub status: Option<Status>,
    #[serde(default)]
    pub fulfilment: Option<Fulfilment>,
    pub provider_event_type: T,
    #[serde(default)]
    pub provider_event_id: Option<T>,
    #[serde(default)]
    pub provider_status: Option<T>,
    #[serde(default)]
    pub provider_previous_status: Option<T>,
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
    pub replaces_order_id: Option<OrderId<T>>,
    #[serde(default)]
    pub replaced_by_order_id: Option<OrderId<T>>,
    #[serde(default)]
    pub driver: Option<Driver<T>>,
    #[serde(default)]
    pub location: Option<Location>,
    #[serde(default)]
    pub price: Option<Money<T>>,
    #[serde(default)]
    pub price_parts: Vec<PricePart<T>>,
    #[serde(default)]
    pub balance: Option<Money<T>>,
    #[serde(default)]
    pub refund: Option<Money<T>>,
    #[serde(default)]
    pub refund_partner: Option<Money<T>>,
    #[serde(default)]
    pub refund_id: Option<T>,
    #[serde(default)]
    pub canceled_by: Option<T>,
    #[serde(default)]
    pub cancel_reason: Option<T>,
    #[serde(default)]
    pub edited_by: Option<T>,
    #[serde(default)]
    pub edit_reason: Option<T>,
    #[serde(default)]
    pub attempt: Option<i32>,
    #[serde(default)]
    pub stops: Vec<Stop<T>>,
    #[serde(default)]
    pub proofs: Vec<Proof<T>>,
    #[serde(default)]
    pub share_link: Option<T>,
    #[serde(default)]
    pub external_order_id: Option<T>,
    #[serde(default)]
    pub market: Option<T>,
    #[serde(default)]
    pub store_id: Option<T>,
    /// Anything else of value; carrier time texts as `raw.<path>`.
    #[serde(default)]
    pub attributes: A,
    pub verdict: Verdict,
    pub assurance: Assurance,
    pub mapping_version: T,
    #[serde(default)]
    pub replay_id: Option<T>,
}

impl<T: AsRef<str>, A> Event<T, A> {
    /// The text of [`DeliveryEvent::key`].
    #[must_use]
    pub fn key_text(&self) -> String {
        let subject = match &self.order_id {
            Some(order) => SubjectText::Order(order.as_str()),
            None => SubjectText::Account(self.endpoint_id.as_str()),
        };
        key_text(self.tenant_id.as_str(), self.provider, subject)
    }
}

impl DeliveryEvent {
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
