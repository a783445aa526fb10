//! Whether an event was seen before. Pure.

use schemas::{DeliveryEvent, ReceiptId};

use crate::content::Content;

/// An earlier event with the same id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seen {
    pub receipt_id: ReceiptId,
    pub part: i32,
    pub content: Content,
}

/// What an event is beside what was seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sighting {
    New,
    /// The same receipt again (spool, replay): counted, because its outcome stands already.
    Repeated,
    /// Another receipt of the same event.
    Duplicate,
    /// The same receipt, read otherwise than before: by a replay, or by another mapping.
    Revision,
}

pub fn sighting(event: &DeliveryEvent, content: Content, seen: Option<Seen>) -> Sighting {
    let Some(seen) = seen else {
        return Sighting::New;
    };
    if (seen.receipt_id, seen.part) != (event.receipt_id, event.part) {
        return Sighting::Duplicate;
    }
    // Without a replay or another mapping the same bytes can't say something else.
    let may_differ = event.replay_id.is_some() || content.mapping != seen.content.mapping;
    if may_differ && content.says != seen.content.says {
        return Sighting::Revision;
    }
    Sighting::Repeated
}
