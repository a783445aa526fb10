//! Whether an order or an account has seen an event, and as what. Pure.

use std::sync::Arc;

use schemas::{DeliveryEvent, EventId, Micros};

use super::OrderState;
use crate::{
    content::Content,
    fact::{Fact, Release},
    reorder::{
        duplicates::{Seen, Sighting, sighting},
        order_window::Waiting,
        repeats::{self, Equal, Rule, Runs, Verdict},
    },
    status::Fold,
};

/// What an event is beside those that were seen.
#[derive(Clone, Copy, Debug)]
pub struct Recognised {
    pub sighting: Sighting,
    pub content: Content,
    pub follows: Follows,
}

/// What else follows from it.
#[derive(Clone, Copy, Debug)]
pub enum Follows {
    Nothing,
    /// To be noted, because it tells what the next equal event is.
    Run(Equal, Verdict),
    /// It waits as the event that it may be; the id is that of the event which it equals.
    Open(EventId),
    /// The waiting event with this id equals it and was received after it.
    Displaces,
}

impl Recognised {
    pub fn new(sighting: Sighting, content: Content) -> Self {
        Self {
            sighting,
            content,
            follows: Follows::Nothing,
        }
    }

    fn with(self, follows: Follows) -> Self {
        Self { follows, ..self }
    }
}

/// An event with the same id.
#[derive(Clone, Copy, Debug)]
pub struct Earlier {
    pub seen: Seen,
    pub received_at: Micros,
    /// It has not been released yet.
    pub waits: bool,
}

/// Knows an event by its id and its receipt. One that equals an earlier event and is another one, or
/// may be, is rewritten into that.
pub fn recognise(
    event: &mut DeliveryEvent,
    seen: impl Fn(EventId) -> Option<Earlier>,
    runs: &Runs,
) -> Recognised {
    let content = Content::of(event);
    let Some(earlier) = seen(event.event_id) else {
        return Recognised::new(Sighting::New, content);
    };
    if earlier.seen.receipt_id == event.receipt_id {
        return Recognised::new(sighting(event, content, Some(earlier.seen)), content);
    }
    if let Some(own) = seen(event.event_id.repeated(event.receipt_id)) {
        repeats::rewrite(event);
        let content = Content::of(event);
        return Recognised::new(sighting(event, content, Some(own.seen)), content);
    }
    let duplicate = Recognised::new(Sighting::Duplicate, content);
    let Some(rule) = Rule::of(event) else {
        return duplicate;
    };
    let equal = Equal {
        event_id: event.event_id,
        first: earlier.received_at,
        received_at: event.received_at,
    };
    let another = |event: &mut DeliveryEvent, follows| {
        repeats::rewrite(event);
        Recognised::new(Sighting::New, Content::of(event)).with(follows)
    };
    match runs.judge(rule, equal) {
        Verdict::Duplicate => duplicate,
        // That one waits too: another may come that was received before both.
        Verdict::Prolongs(_) if rule == Rule::Rebroadcast && earlier.waits => {
            another(event, Follows::Open(equal.event_id))
        }
        verdict @ Verdict::Prolongs(_) => duplicate.with(Follows::Run(equal, verdict)),
        verdict @ Verdict::Another => another(event, Follows::Run(equal, verdict)),
        Verdict::Open(_) => another(event, Follows::Open(equal.event_id)),
        Verdict::Precedes if earlier.waits => {
            Recognised::new(Sighting::New, content).with(Follows::Displaces)
        }
        Verdict::Precedes => duplicate,
    }
}

impl OrderState {
    fn seen(&self, event_id: EventId) -> Option<Earlier> {
        let mut facts = self.facts();
        let released = facts.find(|fact| fact.place.event_id == event_id);
        let released = released.map(|fact| Earlier {
            seen: Seen {
                receipt_id: fact.receipt_id,
                part: fact.part,
                content: fact.content,
            },
            received_at: fact.place.received_at,
            waits: false,
        });
        let waiting = || {
            let mut waiting = self.window.iter();
            let found = waiting.find(|waiting| waiting.place.event_id == event_id)?;
            Some(Earlier {
                seen: Seen {
                    receipt_id: found.event.receipt_id,
                    part: found.event.part,
                    content: found.content,
                },
                received_at: found.place.received_at,
                waits: true,
            })
        };
        released.or_else(waiting)
    }

    pub fn recognise(&self, event: &mut DeliveryEvent) -> Recognised {
        recognise(event, |event_id| self.seen(event_id), &self.runs)
    }

    pub(crate) fn note_run(&mut self, equal: Equal, verdict: Verdict) {
        self.runs.note(equal, verdict);
    }

    /// What waits under this id equals an event that was received before it and came after it.
    pub(crate) fn displace(&mut self, event_id: EventId) {
        let Some(waiting) = self.window.take(event_id) else {
            return;
        };
        self.runs.forget(event_id);
        let mut event = Arc::unwrap_or_clone(waiting.event);
        repeats::rewrite(&mut event);
        let content = Content::of(&event);
        self.window.insert(Waiting {
            repeats: Some(event_id),
            ..Waiting::new(event, content, waiting.deadline_ms, waiting.ending)
        });
    }

    /// Decides, now that its turn has come, whether an event that equals another one is an event of
    /// its own.
    pub(crate) fn was_repeated(&mut self, equal: EventId, event: &DeliveryEvent) -> bool {
        let Some(earlier) = self.seen(equal) else {
            return true;
        };
        let equal = Equal {
            event_id: equal,
            first: earlier.received_at,
            received_at: event.received_at,
        };
        let mut verdict = self.runs.judge(Rule::Rebroadcast, equal);
        if let Verdict::Open(from) = verdict {
            verdict = if self.had_driver(event) {
                Verdict::Another
            } else {
                Verdict::Prolongs(from)
            };
        }
        self.runs.note(equal, verdict);
        verdict == Verdict::Another
    }

    /// Whether the order had a driver when an event was received: by all that had been received
    /// until then, released or not.
    fn had_driver(&self, event: &DeliveryEvent) -> bool {
        let release = Release {
            sequence: 0,
            revision: 0,
            late: false,
        };
        let waiting: Vec<Fact> = self
            .window
            .iter()
            .filter(|waiting| waiting.repeats.is_none())
            .map(|waiting| Fact::of(&waiting.event, waiting.content, release, waiting.ending))
            .collect();
        let mut facts: Vec<&Fact> = self
            .facts()
            .chain(&waiting)
            .filter(|fact| fact.place.received_at <= event.received_at)
            .collect();
        facts.sort_by_key(|fact| fact.place);
        let mut fold = Fold::default();
        for fact in facts {
            fold.step(event.provider, fact);
        }
        let outcome = fold.outcome(event.provider, std::iter::empty());
        outcome.is_some_and(|outcome| repeats::has_driver(outcome.status))
    }
}
