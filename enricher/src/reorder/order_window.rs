//! The events of one order that wait for an earlier one. Pure.

use std::sync::Arc;

use schemas::{DeliveryEvent, EventId, mapping::Ending};
use serde::{Deserialize, Serialize, Serializer};

use crate::{
    codec::{bytes16, size},
    content::Content,
    fact,
    place::Place,
    shelf::Waits,
};

/// One waiting event.
#[derive(Clone, Debug, Deserialize)]
#[serde(from = "Kept")]
pub struct Waiting {
    pub place: Place,
    pub content: Content,
    /// End of its hold, in the time of the partition's records.
    pub deadline_ms: i64,
    /// What its words do to its order.
    pub ending: Ending,
    /// The id of an event that it equals: when its turn comes it is an event of its own or a
    /// duplicate.
    pub repeats: Option<EventId>,
    pub event: Arc<DeliveryEvent>,
}

/// As it stands in the changelog.
#[derive(Deserialize)]
struct Kept {
    #[serde(rename = "d")]
    deadline_ms: i64,
    #[serde(rename = "e")]
    event: DeliveryEvent,
    #[serde(rename = "f", default)]
    ends: Option<bool>,
    #[serde(rename = "fl", default)]
    ends_last: bool,
    #[serde(rename = "q", default)]
    repeats: Option<Equals>,
}

#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(transparent)]
struct Equals(#[serde(with = "bytes16")] EventId);

#[derive(Serialize)]
struct Keeping<'a> {
    #[serde(rename = "d")]
    deadline_ms: i64,
    #[serde(rename = "e")]
    event: &'a DeliveryEvent,
    #[serde(rename = "f")]
    ends: bool,
    #[serde(rename = "fl", skip_serializing_if = "std::ops::Not::not")]
    ends_last: bool,
    #[serde(rename = "q", skip_serializing_if = "Option::is_none")]
    repeats: Option<Equals>,
}

impl From<Kept> for Waiting {
    fn from(kept: Kept) -> Self {
        let content = Content::of(&kept.event);
        let ending = match (kept.ends, kept.ends_last) {
            (Some(true), true) => Ending::EndsLast,
            (Some(true), false) => Ending::Ends,
            (Some(false), _) => Ending::Open,
            (None, _) => fact::ending(&kept.event),
        };
        Self {
            repeats: kept.repeats.map(|Equals(event_id)| event_id),
            ..Self::new(kept.event, content, kept.deadline_ms, ending)
        }
    }
}

impl Serialize for Waiting {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        Keeping {
            deadline_ms: self.deadline_ms,
            event: &self.event,
            ends: self.ending != Ending::Open,
            ends_last: self.ending == Ending::EndsLast,
            repeats: self.repeats.map(Equals),
        }
        .serialize(to)
    }
}

/// What an event takes in the changelog while it waits, at most.
pub fn takes(event: &DeliveryEvent) -> usize {
    size(&Keeping {
        deadline_ms: i64::MAX,
        event,
        ends: true,
        ends_last: true,
        repeats: Some(Equals(event.event_id)),
    })
}

impl Waiting {
    pub fn new(event: DeliveryEvent, content: Content, deadline_ms: i64, ending: Ending) -> Self {
        Self {
            place: Place::of(&event),
            content,
            deadline_ms,
            ending,
            repeats: None,
            event: Arc::new(event),
        }
    }
}

/// Waiting events in place order.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Window(Vec<Waiting>);

impl Window {
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }

    pub fn iter(&self) -> impl Iterator<Item = &Waiting> {
        self.0.iter()
    }

    pub fn first(&self) -> Option<&Waiting> {
        self.0.first()
    }

    pub fn insert(&mut self, waiting: Waiting) {
        let at = self.0.partition_point(|other| other.place < waiting.place);
        self.0.insert(at, waiting);
    }

    pub fn take_first(&mut self) -> Option<Waiting> {
        (!self.0.is_empty()).then(|| self.0.remove(0))
    }

    /// Removes the event with this id.
    pub fn take(&mut self, event_id: schemas::EventId) -> Option<Waiting> {
        let at = self
            .0
            .iter()
            .position(|waiting| waiting.place.event_id == event_id)?;
        Some(self.0.remove(at))
    }

    /// The earliest end of a hold.
    pub fn deadline_ms(&self) -> Option<i64> {
        self.0.iter().map(|waiting| waiting.deadline_ms).min()
    }

    /// When the first hold ends, and how many events wait; none if none does.
    pub fn waits(&self) -> Option<Waits> {
        self.deadline_ms().map(|deadline_ms| Waits {
            deadline_ms,
            count: u32::try_from(self.0.len()).unwrap_or(u32::MAX),
        })
    }

    /// Where the last event stands whose hold ends at or before `deadline_ms`.
    pub fn last_due(&self, deadline_ms: i64) -> Option<Place> {
        let due = self
            .0
            .iter()
            .rev()
            .find(|waiting| waiting.deadline_ms <= deadline_ms);
        due.map(|waiting| waiting.place)
    }
}
