//! What a replay found, counted: as many lines as there are fields, however long the range.

use std::collections::BTreeMap;

use schemas::raw_webhook::RawHeaders;
use serde::{Deserialize, Serialize};

use super::compare::{Change, Refusal, Step, Still};

/// Receipts that are named of each refusal; all are counted.
const NAMED_MAX: usize = 100;
/// Attributes are named by carriers, who could name ever new ones.
const FIELDS_MAX: usize = 500;

/// Fields whose values are words of our own vocabulary: they can be shown, and are few.
const WORDS: [&str; 8] = [
    "kind",
    "status",
    "fulfilment",
    "occurred_at_source",
    "verdict",
    "assurance",
    "milestones.status",
    "stops.status",
];

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Tally {
    /// Webhooks looked at.
    pub(crate) receipts: u64,
    pub(crate) unchanged: u64,
    pub(crate) duplicates: u64,
    pub(crate) set_aside: u64,
    /// Raw records that are not of ingest's making.
    pub(crate) foreign: u64,
    /// Raw records whose receipt a later one holds, which a replay wrote.
    #[serde(default)]
    pub(crate) superseded: u64,
    /// Events that read otherwise.
    pub(crate) revised: u64,
    /// Events of receipts that had none.
    pub(crate) gained: u64,
    /// Receipts without any outcome that give no events.
    pub(crate) resent: u64,
    /// Records written, 0 in a dry run.
    pub(crate) written: u64,
    pub(crate) fields: Vec<Field>,
    pub(crate) refused: Vec<Refused>,
}

/// One way in which a field changes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Field {
    pub(crate) provider: String,
    pub(crate) field: String,
    /// Only words of the vocabulary are shown.
    pub(crate) before: Option<String>,
    pub(crate) now: Option<String>,
    pub(crate) events: u64,
}

/// Receipts that are left alone.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Refused {
    pub(crate) because: String,
    pub(crate) receipts: u64,
    pub(crate) named: Vec<String>,
}

impl Tally {
    pub(crate) fn add(&mut self, headers: &RawHeaders, step: &Step) {
        self.receipts += 1;
        match step {
            Step::Nothing(Still::Unchanged) => self.unchanged += 1,
            Step::Nothing(Still::Duplicate) => self.duplicates += 1,
            Step::Nothing(Still::SetAside) => self.set_aside += 1,
            Step::Resend => self.resent += 1,
            Step::Refused(refusal) => self.refuse(headers, *refusal),
            Step::Events(parts) => {
                for change in parts.values() {
                    match change {
                        Change::Gained => self.gained += 1,
                        Change::Revised(fields) => {
                            self.revised += 1;
                            self.revise(headers.provider.as_str(), fields);
                        }
                    }
                }
            }
        }
    }

    fn revise(
        &mut self,
        provider: &str,
        fields: &BTreeMap<String, (Option<String>, Option<String>)>,
    ) {
        for (field, (before, now)) in fields {
            let is_word = WORDS.contains(&field.as_str());
            let shown = |value: &Option<String>| value.clone().filter(|_| is_word);
            let one = Field {
                provider: provider.to_owned(),
                field: field.clone(),
                before: shown(before),
                now: shown(now),
                events: 1,
            };
            let same = |known: &&mut Field| {
                (&known.provider, &known.field, &known.before, &known.now)
                    == (&one.provider, &one.field, &one.before, &one.now)
            };
            let has_room = self.fields.len() < FIELDS_MAX;
            match self.fields.iter_mut().find(same) {
                Some(known) => known.events += 1,
                None if has_room => self.fields.push(one),
                None => {}
            }
        }
    }

    fn refuse(&mut self, headers: &RawHeaders, refusal: Refusal) {
        let because = refusal.words();
        let at = self
            .refused
            .iter()
            .position(|known| known.because == because);
        let at = at.unwrap_or_else(|| {
            self.refused.push(Refused {
                because: because.to_owned(),
                receipts: 0,
                named: Vec::new(),
            });
            self.refused.len() - 1
        });
        if let Some(refused) = self.refused.get_mut(at) {
            refused.receipts += 1;
            if refused.named.len() < NAMED_MAX {
                refused.named.push(headers.receipt_id.to_string());
            }
        }
    }

    pub(crate) fn refusals(&self) -> u64 {
        self.refused.iter().map(|refused| refused.receipts).sum()
    }
}
