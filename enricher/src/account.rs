//! Which events of an account were seen. They concern no order, so they pass at once.

use std::collections::VecDeque;

use schemas::{DeliveryEvent, EventId, ReceiptId};
use serde::{Deserialize, Serialize};

use crate::{
    codec::bytes16,
    content::Content,
    reorder::duplicates::{Seen, Sighting, sighting},
};

/// An account's ids are spread over this many records, so that one event rewrites few of them.
pub const BUCKETS: u8 = 16;
/// Newest ids that one record remembers.
const IDS_MAX: usize = 64;

/// One sixteenth of an account's memory.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct AccountState {
    #[serde(rename = "i")]
    seen: VecDeque<SeenId>,
    #[serde(rename = "t")]
    pub touched_ms: i64,
}

#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct SeenId {
    #[serde(rename = "e", with = "bytes16")]
    event_id: EventId,
    #[serde(rename = "rc", with = "bytes16")]
    receipt_id: ReceiptId,
    #[serde(rename = "pt")]
    part: i32,
    #[serde(rename = "c")]
    content: Content,
    #[serde(rename = "rv", default)]
    revision: i32,
}

impl AccountState {
    pub fn sighting(&self, event: &DeliveryEvent, content: Content) -> Sighting {
        let known = self
            .seen
            .iter()
            .find(|seen| seen.event_id == event.event_id);
        let seen = known.map(|known| Seen {
            receipt_id: known.receipt_id,
            part: known.part,
            content: known.content,
        });
        sighting(event, content, seen)
    }

    pub fn remember(&mut self, event: &DeliveryEvent, content: Content) {
        if self.seen.len() >= IDS_MAX {
            self.seen.pop_front();
        }
        self.seen.push_back(SeenId {
            event_id: event.event_id,
            receipt_id: event.receipt_id,
            part: event.part,
            content,
            revision: 0,
        });
    }

    /// Keeps the new reading; says which revision it is.
    pub fn revise(&mut self, event: &DeliveryEvent, content: Content) -> i32 {
        let Some(seen) = self
            .seen
            .iter_mut()
            .find(|seen| seen.event_id == event.event_id)
        else {
            return 0;
        };
        seen.content = content;
        seen.revision = seen.revision.saturating_add(1);
        seen.revision
    }
}

/// The changelog key of the part of an account's memory that holds an event id. No other key ends
/// so: within a part of a key, `@` is escaped.
pub fn bucket_key(key: &str, event_id: EventId) -> String {
    let [first, ..] = event_id.as_bytes();
    format!("{key}@{:02}", first % BUCKETS)
}
