//! Whether an event comes too late. Pure.

use schemas::Micros;

use crate::{fact::Fact, place::Span};

/// The latest instant before which nothing more can be released in time.
#[derive(Clone, Copy, Debug, Default)]
pub struct Frontier(Option<Micros>);

impl Frontier {
    pub fn pass(&mut self, fact: &Fact) {
        self.0 = self.0.max(Some(fact.span().earliest));
    }

    /// Something was released that certainly occurred later.
    pub fn is_late(self, span: Span) -> bool {
        self.0.is_some_and(|earliest| span.latest < earliest)
    }
}
