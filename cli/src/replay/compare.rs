//! What a replay does about one receipt: what is read now beside what was stored. Pure.

use std::collections::BTreeMap;

use schemas::{DeliveryEvent, Verdict, raw_webhook::RawHeaders};

use super::{
    Normalized,
    reading::{self, Reading},
    stored::{Event, Outcomes},
};

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    Nothing(Still),
    /// Write these parts; the others are as they were.
    Events(BTreeMap<i32, Change>),
    /// The receipt has no outcome, and its webhook gives no events: the normalizer says why.
    Resend,
    Refused(Refusal),
}

/// As before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Still {
    Unchanged,
    Duplicate,
    SetAside,
}

/// One part that is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    /// The event says something else in these fields: before and now.
    Revised(BTreeMap<String, (Option<String>, Option<String>)>),
    /// There was no event: the receipt was set aside, or its outcome is lost.
    Gained,
}

/// Why a receipt is left as it is, although it reads otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Refusal {
    /// Its events would have other ids, or be more or fewer: others hold the old ones.
    Ids,
    /// It would give no events any more, and what was told can't be untold.
    Vanishes,
    /// The mapping has the version by which it was read before, so that the enricher would take it
    /// for the same reading.
    SameVersion,
}

impl Refusal {
    pub(crate) const fn words(self) -> &'static str {
        match self {
            Self::Ids => "its events would have other ids or be of another number",
            Self::Vanishes => "it would give no events any more",
            Self::SameVersion => {
                "it reads otherwise by the same mapping_version: raise the version in \
                 schemas/mapping.toml"
            }
        }
    }
}

pub(super) fn step(headers: &RawHeaders, fresh: &Normalized, stored: Option<&Outcomes>) -> Step {
    let nothing = Outcomes::default();
    let stored = stored.unwrap_or(&nothing);
    let events = match fresh {
        Ok(normalized) => &normalized.events,
        Err(_) if !stored.events.is_empty() => {
            // a later record of the receipt verified, and is not in the store yet
            return if headers.verdict == Verdict::Failed {
                Step::Nothing(Still::Unchanged)
            } else {
                Step::Refused(Refusal::Vanishes)
            };
        }
        Err(_) if stored.asides.is_empty() => return Step::Resend,
        Err(_) => return Step::Nothing(Still::SetAside),
    };
    let known = |part: &i32| events.iter().any(|event| event.part == *part);
    if !stored.events.keys().all(known) {
        return Step::Refused(Refusal::Ids);
    }
    let mut changes = BTreeMap::new();
    let mut still = Still::Unchanged;
    for event in events {
        match part(event, stored) {
            Ok(None) => {}
            Ok(Some(change)) => {
                changes.insert(event.part, change);
            }
            Err(Unwritten::Still(other)) => still = other,
            Err(Unwritten::Refused(refusal)) => return Step::Refused(refusal),
        }
    }
    if changes.is_empty() {
        Step::Nothing(still)
    } else {
        Step::Events(changes)
    }
}

enum Unwritten {
    Still(Still),
    Refused(Refusal),
}

fn part(event: &DeliveryEvent, stored: &Outcomes) -> Result<Option<Change>, Unwritten> {
    if let Some(known) = stored.events.get(&event.part) {
        return revised(event, known).map_err(Unwritten::Refused);
    }
    let id = event.event_id.to_string();
    for aside in stored
        .asides
        .iter()
        .filter(|aside| aside.part == event.part)
    {
        // set aside as an event, it has an id that others may know
        if aside.event_id.as_ref().is_some_and(|known| *known != id) {
            return Err(Unwritten::Refused(Refusal::Ids));
        }
        match aside.reason.as_str() {
            "DUPLICATE" => return Err(Unwritten::Still(Still::Duplicate)),
            "EXPIRED" => return Err(Unwritten::Still(Still::SetAside)),
            // its order holds as many events as it may, today too
            "TOO_LARGE" if aside.stage == "enricher" => {
                return Err(Unwritten::Still(Still::SetAside));
            }
            // released long ago, and refused by the store alone
            _ if aside.stage == "sink" => return Err(Unwritten::Still(Still::SetAside)),
            _ => {}
        }
    }
    Ok(Some(Change::Gained))
}

/// What the enricher makes of an event that equals an earlier one and is another one all the same.
const REWRITTEN: [&str; 4] = [
    "event_id",
    "occurred_at",
    "occurred_at_source",
    "occurred_at_uncertainty_ms",
];

fn revised(event: &DeliveryEvent, known: &Event) -> Result<Option<Change>, Refusal> {
    let repeated = event.event_id.repeated(event.receipt_id).to_string() == known.event_id;
    if (!repeated && event.event_id.to_string() != known.event_id) || event.parts != known.parts {
        return Err(Refusal::Ids);
    }
    let (mut before, mut now) = (known.reading.clone(), reading::fresh(event));
    if repeated {
        for column in REWRITTEN {
            before.remove(column);
            now.remove(column);
        }
    }
    let fields = difference(before, now);
    if fields.is_empty() {
        Ok(None)
    } else if event.mapping_version == known.mapping_version {
        Err(Refusal::SameVersion)
    } else {
        Ok(Some(Change::Revised(fields)))
    }
}

fn difference(
    mut before: Reading,
    now: Reading,
) -> BTreeMap<String, (Option<String>, Option<String>)> {
    let mut fields = BTreeMap::new();
    for (column, now) in now {
        let before = before.remove(&column);
        if before.as_ref() != Some(&now) {
            fields.insert(column, (before, Some(now)));
        }
    }
    fields.extend(
        before
            .into_iter()
            .map(|(column, before)| (column, (Some(before), None))),
    );
    fields
}

#[cfg(test)]
mod tests;
