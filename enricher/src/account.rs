//! Which events of an account were seen. They concern no order, so they pass at once.

use std::collections::VecDeque;

use schemas::{DeliveryEvent, EventId, Micros, ReceiptId};
use serde::{Deserialize, Serialize};

use crate::{
    codec::bytes16,
    content::Content,
    order::recognise::{Earlier, Recognised, recognise},
    reorder::{
        duplicates::Seen,
        repeats::{Equal, Runs, Verdict},
    },
};

/// An account's ids are spread over this many records, so that one event rewrites few of them.
const BUCKETS: u16 = 4_096;
/// What it was once; such records are read until they are forgotten.
const OLD_BUCKETS: u8 = 16;
/// Newest ids that one record remembers: about 260 000 of an account, 16 000 events a day.
const IDS_MAX: usize = 64;

const ID_BYTES: usize = 100;

/// A part of an account's memory.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct AccountState {
    #[serde(rename = "i")]
    seen: VecDeque<SeenId>,
    #[serde(rename = "t")]
    pub touched_ms: i64,
    #[serde(rename = "q", skip_serializing_if = "Runs::is_empty")]
    runs: Runs,
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
    #[serde(rename = "g", default)]
    received_at: Option<Micros>,
}

impl AccountState {
    pub fn recognise(&self, event: &mut DeliveryEvent) -> Recognised {
        let received_at = event.received_at;
        let seen = |event_id| {
            let mut seen = self.seen.iter();
            let known = seen.find(|seen| seen.event_id == event_id)?;
            Some(Earlier {
                seen: Seen {
                    receipt_id: known.receipt_id,
                    part: known.part,
                    content: known.content,
                },
                // Of what an older version remembered it is not known: all that equals it is it.
                received_at: known.received_at.unwrap_or(received_at),
                waits: false,
            })
        };
        recognise(event, seen, &self.runs)
    }

    pub fn note_run(&mut self, equal: Equal, verdict: Verdict) {
        self.runs.note(equal, verdict);
    }

    /// About what it takes as it is written.
    pub fn bytes(&self) -> usize {
        self.seen.len() * ID_BYTES
    }

    pub fn knows(&self, event_id: EventId) -> bool {
        self.seen.iter().any(|seen| seen.event_id == event_id)
    }

    /// Remembers an event. Says whether the oldest one was forgotten for it: should that one come once
    /// more, it passes as new.
    pub fn remember(&mut self, event: &DeliveryEvent, content: Content) -> bool {
        let is_full = self.seen.len() >= IDS_MAX;
        if is_full && let Some(oldest) = self.seen.pop_front() {
            self.runs.forget(oldest.event_id);
        }
        self.seen.push_back(SeenId {
            event_id: event.event_id,
            receipt_id: event.receipt_id,
            part: event.part,
            content,
            revision: 0,
            received_at: Some(event.received_at),
        });
        is_full
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

/// The changelog keys of the part of an account's memory that holds an event id: of today, and of an
/// older version. No other key ends so: within a part of a key, `@` is escaped.
pub fn bucket_keys(key: &str, event_id: EventId) -> [String; 2] {
    let [first, second, ..] = event_id.as_bytes();
    let bucket = u16::from_be_bytes([*first, *second]) % BUCKETS;
    let old = first % OLD_BUCKETS;
    [format!("{key}@{bucket:04}"), format!("{key}@{old:02}")]
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use schemas::Kind;

    use super::*;
    use crate::{
        reorder::duplicates::Sighting,
        sample::{event, id},
    };

    #[test]
    fn a_full_part_of_an_accounts_memory_forgets_its_oldest_id_and_says_so() {
        let mut state = AccountState::default();
        let events: Vec<_> = (0..=IDS_MAX)
            .map(|n| event(&n.to_string(), Kind::BalanceChanged, 0))
            .collect();
        let content = Content::of(&events[0]);
        let dropped: Vec<_> = events
            .iter()
            .map(|event| state.remember(event, content))
            .collect();
        assert_eq!(dropped.iter().filter(|dropped| **dropped).count(), 1);
        assert_eq!(dropped.last(), Some(&true));
        assert!(!state.knows(id("0")) && state.knows(id("1")));
    }

    #[test]
    fn what_an_older_version_remembered_without_a_time_of_receipt_stays_known() {
        #[derive(Serialize)]
        struct Older {
            e: Id,
            rc: Id,
            pt: i32,
            c: Content,
        }
        #[derive(Serialize)]
        struct Id(#[serde(with = "bytes16")] EventId);
        let mut again = event("x", Kind::Unknown, 7_200);
        again.provider = schemas::Provider::Ordatic;
        again.order_id = None;
        let older = Older {
            e: Id(again.event_id),
            rc: Id(id("an earlier receipt")),
            pt: 1,
            c: Content::of(&again),
        };
        let bytes = rmp_serde::to_vec_named(&BTreeMap::from([("i", [older])])).unwrap();
        let state: AccountState = rmp_serde::from_slice(&bytes).unwrap();
        assert!(state.knows(again.event_id));
        let recognised = state.recognise(&mut again);
        assert_eq!(recognised.sighting, Sighting::Duplicate);
    }

    #[test]
    fn an_id_that_an_older_version_remembered_is_found() {
        let [today, older] = bucket_keys("acme/lalamove/@a", id("x"));
        assert!(today.starts_with("acme/lalamove/@a@") && older.starts_with("acme/lalamove/@a@"));
        assert_eq!((today.len(), older.len()), (21, 19));
    }
}
