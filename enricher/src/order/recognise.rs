//! Whether an order has seen an event, and as what. Pure.

use schemas::{DeliveryEvent, EventId, Micros};

use super::OrderState;
use crate::{
    content::Content,
    fact::{Fact, Release},
    reorder::{
        duplicates::{Seen, Sighting, sighting},
        repeats::{self, Equal, Rule, Verdict},
    },
    status::Fold,
};

/// What an event is to its order.
#[derive(Clone, Copy, Debug)]
pub struct Recognised {
    pub sighting: Sighting,
    pub content: Content,
    /// To be noted with it, because it tells what the next equal event is.
    pub run: Option<(Equal, Verdict)>,
}

impl Recognised {
    pub fn new(sighting: Sighting, content: Content) -> Self {
        Self {
            sighting,
            content,
            run: None,
        }
    }
}

struct Earlier {
    seen: Seen,
    received_at: Micros,
}

impl OrderState {
    fn seen(&self, event_id: EventId) -> Option<Earlier> {
        let released = self
            .facts()
            .find(|fact| fact.place.event_id == event_id)
            .map(|fact| Earlier {
                seen: Seen {
                    receipt_id: fact.receipt_id,
                    part: fact.part,
                    content: fact.content,
                },
                received_at: fact.place.received_at,
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
            })
        };
        released.or_else(waiting)
    }

    /// Knows an event by its id and its receipt. One that equals an earlier event and is another one
    /// all the same is rewritten into that.
    pub fn recognise(&self, event: &mut DeliveryEvent) -> Recognised {
        let content = Content::of(event);
        let Some(Earlier { seen, received_at }) = self.seen(event.event_id) else {
            return Recognised::new(Sighting::New, content);
        };
        if seen.receipt_id == event.receipt_id {
            return Recognised::new(sighting(event, content, Some(seen)), content);
        }
        if let Some(own) = self.seen(event.event_id.repeated(event.receipt_id)) {
            repeats::rewrite(event);
            let content = Content::of(event);
            return Recognised::new(sighting(event, content, Some(own.seen)), content);
        }
        let Some(rule) = Rule::of(event) else {
            return Recognised::new(Sighting::Duplicate, content);
        };
        let equal = Equal {
            event_id: event.event_id,
            first: received_at,
            received_at: event.received_at,
        };
        let has_driver = || self.had_driver(event);
        let verdict = self.runs.judge(rule, equal, has_driver);
        let run = Some((equal, verdict));
        match verdict {
            Verdict::Duplicate => Recognised::new(Sighting::Duplicate, content),
            Verdict::Prolongs(_) => Recognised {
                sighting: Sighting::Duplicate,
                content,
                run,
            },
            Verdict::Another => {
                repeats::rewrite(event);
                Recognised {
                    sighting: Sighting::New,
                    content: Content::of(event),
                    run,
                }
            }
        }
    }

    pub(crate) fn note_run(&mut self, run: Option<(Equal, Verdict)>) {
        if let Some((equal, verdict)) = run {
            self.runs.note(equal, verdict);
        }
    }

    /// Whether the order had a driver when an event was received: by all that had been received
    /// until then, released or not, so that neither a hold nor a replay decides it.
    fn had_driver(&self, event: &DeliveryEvent) -> bool {
        let release = Release {
            sequence: 0,
            revision: 0,
            late: false,
        };
        let waiting: Vec<Fact> = self
            .window
            .iter()
            .map(|waiting| Fact::of(&waiting.event, waiting.content, release, waiting.ends))
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
