//! `SetAside`: an outcome other than an event: what, why, and where the original stands.

use serde::{Deserialize, Serialize};

use crate::{event_time::Micros, ids::EventId, symbols::Reason};

/// Which stage set something aside.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Stage {
    /// A raw record that gave no event.
    Normalizer,
    /// An event that has no place in its order's history.
    Enricher,
    /// A row that the store refused.
    Sink,
}

impl Stage {
    /// As it stands in the record.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Normalizer => "normalizer",
            Self::Enricher => "enricher",
            Self::Sink => "sink",
        }
    }
}

/// One outcome (CONTRACT §6). Tenant, provider and endpoint are plain text here, because what is set
/// aside may be a record in which they do not hold.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[allow(
    missing_docs,
    reason = "the Avro file and CONTRACT give each field's meaning"
)]
pub struct SetAside {
    /// A function of receipt, part, stage and event: the same outcome has the same id.
    pub set_aside_id: EventId,
    /// Text: a record whose receipt id is missing has the one made of its place in the log.
    pub receipt_id: String,
    #[serde(default)]
    pub event_id: Option<EventId>,
    pub part: i32,
    pub parts: i32,
    pub tenant_id: String,
    pub provider: String,
    pub endpoint_id: String,
    #[serde(default)]
    pub order_id: Option<String>,
    pub stage: String,
    pub reason: Reason,
    /// Names the field, never its value.
    pub detail: String,
    pub replayable: bool,
    /// The record's time in the log that it was read from.
    pub set_aside_at: Micros,
    pub source_topic: String,
    pub source_partition: i32,
    pub source_offset: i64,
    pub received_at: Micros,
}

/// Where a record stands in Kafka.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Source<'a> {
    /// Topic.
    pub topic: &'a str,
    /// Partition.
    pub partition: i32,
    /// Offset.
    pub offset: i64,
    /// The record's own time there.
    pub appended_at: Micros,
}

/// What an outcome is about.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "as in `SetAside`")]
pub struct About {
    pub receipt_id: String,
    pub event_id: Option<EventId>,
    pub part: i32,
    pub parts: i32,
    pub tenant_id: String,
    pub provider: String,
    pub endpoint_id: String,
    pub order_id: Option<String>,
    pub received_at: Micros,
}

impl About {
    /// What is known of a record that can't be read at all: its place stands for its receipt.
    #[must_use]
    pub fn nothing_but_its_place(source: Source<'_>) -> Self {
        Self {
            receipt_id: format!("{}/{}/{}", source.topic, source.partition, source.offset),
            event_id: None,
            part: 1,
            parts: 1,
            tenant_id: String::new(),
            provider: String::new(),
            endpoint_id: String::new(),
            order_id: None,
            received_at: source.appended_at,
        }
    }

    /// What a raw record's headers say.
    #[must_use]
    pub fn receipt<T: AsRef<str>>(headers: &crate::raw_webhook::RawHeaders<T>) -> Self {
        Self {
            receipt_id: headers.receipt_id.to_string(),
            event_id: None,
            part: 1,
            parts: 1,
            tenant_id: headers.tenant.to_string(),
            provider: headers.provider.to_string(),
            endpoint_id: headers.endpoint.to_string(),
            order_id: None,
            received_at: headers.received_at,
        }
    }

    /// What an event says of itself.
    #[must_use]
    pub fn event(event: &crate::delivery_event::DeliveryEvent) -> Self {
        Self {
            receipt_id: event.receipt_id.to_string(),
            event_id: Some(event.event_id),
            part: event.part,
            parts: event.parts,
            tenant_id: event.tenant_id.to_string(),
            provider: event.provider.to_string(),
            endpoint_id: event.endpoint_id.to_string(),
            order_id: event.order_id.as_ref().map(ToString::to_string),
            received_at: event.received_at,
        }
    }
}

/// Why, for a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Why {
    /// The class.
    pub reason: Reason,
    /// Names the field, never its value.
    pub detail: String,
}

impl SetAside {
    /// Builds the record of one outcome.
    #[must_use]
    pub fn new(stage: Stage, about: About, why: Why, source: Source<'_>) -> Self {
        let part = about.part.to_be_bytes();
        let event = about
            .event_id
            .map(|id| id.as_bytes().to_vec())
            .unwrap_or_default();
        Self {
            set_aside_id: EventId::of([
                about.receipt_id.as_bytes(),
                part.as_slice(),
                stage.as_str().as_bytes(),
                event.as_slice(),
            ]),
            receipt_id: about.receipt_id,
            event_id: about.event_id,
            part: about.part,
            parts: about.parts,
            tenant_id: about.tenant_id,
            provider: about.provider,
            endpoint_id: about.endpoint_id,
            order_id: about.order_id,
            stage: stage.as_str().into(),
            reason: why.reason,
            detail: why.detail,
            replayable: replayable(stage, why.reason),
            set_aside_at: source.appended_at,
            source_topic: source.topic.into(),
            source_partition: source.partition,
            source_offset: source.offset,
            received_at: about.received_at,
        }
    }
}

/// Whether a later look, with other secrets or a newer mapping, may turn the outcome into an event.
const fn replayable(stage: Stage, reason: Reason) -> bool {
    match reason {
        // The order is full, whatever the webhook is read as.
        Reason::TooLarge if matches!(stage, Stage::Enricher) => false,
        Reason::SignatureFailed
        | Reason::Malformed
        | Reason::Unsupported
        | Reason::MissingField
        | Reason::Implausible
        | Reason::TooLarge
        | Reason::Undecodable
        | Reason::Unknown => true,
        // No reading of the webhook changes a row that the store refused: it is loaded again from where
        // it stands in its topic.
        // Where a chain is too long the event stands, and only its link is not followed.
        Reason::Duplicate | Reason::Expired | Reason::LineageLimit | Reason::RejectedByStore => {
            false
        }
    }
}
