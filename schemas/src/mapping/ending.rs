//! What a failure does to its order: the mapping says it, and the event carries it to whoever folds the
//! order, so that a row changes both at once.

use super::{Mapping, Words};
use crate::{ids::Provider, symbols::Status};

/// What a failure does to its order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Ending {
    /// Nothing: an attempt, or no failure at all.
    #[default]
    Open,
    /// It is over, unless the goods come back: a closed order of which no drop has its goods.
    Ends,
    /// It is over, the way back included: the carrier's word itself means so.
    EndsLast,
}

impl Ending {
    /// The attribute of an event with status FAILED that says it.
    pub const ATTRIBUTE: &'static str = "ends_order";

    /// Its word there.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Open => "no",
            Self::Ends => "unless-returned",
            Self::EndsLast => "yes",
        }
    }

    /// What a word of the attribute says; of another word nothing is known.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        let all = [Self::Open, Self::Ends, Self::EndsLast];
        all.into_iter().find(|ending| ending.as_str() == word)
    }
}

impl Mapping {
    /// What a failure with these words does. FAILED is final only where a row says so of exactly them.
    /// Where it maps them to FAILED itself they mean the last failure; else the event's stops made it one.
    #[must_use]
    pub fn ending(&self, provider: Provider, words: Words<'_>) -> Ending {
        match self.find(provider, words) {
            Some(meaning) if meaning.is_final && meaning.status == Some(Status::Failed) => {
                Ending::EndsLast
            }
            Some(meaning) if meaning.is_final => Ending::Ends,
            Some(_) | None => Ending::Open,
        }
    }
}
