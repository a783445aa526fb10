//! All that is kept of one order: what was released, what waits, its place in its chain. Pure.

mod chain;
pub mod recognise;
mod weight;

use std::{cell::Cell, sync::Arc};

use schemas::{DeliveryEvent, EndpointId, Micros, OrderedEvent, Provider, mapping::Ending};
use serde::{Deserialize, Serialize};

use crate::{
    codec::shared,
    content::Content,
    effects::Effects,
    fact::{Fact, Release},
    lineage::Lineage,
    outcome,
    place::{Place, Span},
    reorder::{
        late::Frontier,
        order_window::{Waiting, Window},
        repeats::Runs,
    },
    status::{Fold, Outcome},
};
use weight::Weight;

/// The state of one order. The short names keep the changelog small.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct OrderState {
    /// What was released, in place order.
    #[serde(rename = "f", with = "shared")]
    facts: Vec<Arc<Fact>>,
    #[serde(rename = "w", skip_serializing_if = "Window::is_empty")]
    window: Window,
    #[serde(rename = "n")]
    sequence: i64,
    /// Snapshots written so far.
    #[serde(rename = "r")]
    snapshots: i64,
    #[serde(rename = "o", skip_serializing_if = "Option::is_none")]
    origin: Option<Origin>,
    /// Append time of the last record about it.
    #[serde(rename = "t")]
    touched_ms: i64,
    #[serde(rename = "g", skip_serializing_if = "Lineage::is_empty")]
    lineage: Lineage,
    #[serde(rename = "q", skip_serializing_if = "Runs::is_empty")]
    runs: Runs,
    /// It was forgotten: all that is known of it is that it was there.
    #[serde(rename = "z", skip_serializing_if = "is_false")]
    gone: bool,
    #[serde(skip)]
    folded: Option<Folded>,
    #[serde(skip)]
    weight: Cell<Weight>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
fn is_false(value: &bool) -> bool {
    !*value
}

/// What the first event of an order says; it never changes.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Origin {
    #[serde(rename = "p")]
    pub provider: Provider,
    #[serde(rename = "e")]
    pub endpoint_id: EndpointId,
    #[serde(rename = "r")]
    pub first_received_at: Micros,
}

/// Follows from the facts; kept while they only grow at their end.
#[derive(Clone, Debug, Default)]
struct Folded {
    fold: Fold,
    frontier: Frontier,
}

impl Folded {
    fn add(&mut self, provider: Provider, fact: &Fact) {
        self.fold.step(provider, fact);
        self.frontier.pass(fact);
    }
}

impl OrderState {
    pub fn facts(&self) -> impl DoubleEndedIterator<Item = &Fact> + Clone {
        self.facts.iter().map(AsRef::as_ref)
    }

    pub fn window(&self) -> &Window {
        &self.window
    }

    pub(crate) fn window_mut(&mut self) -> &mut Window {
        self.stirs();
        &mut self.window
    }

    pub fn origin(&self) -> Option<&Origin> {
        self.origin.as_ref()
    }

    pub fn lineage(&self) -> &Lineage {
        &self.lineage
    }

    pub fn sequence(&self) -> i64 {
        self.sequence
    }

    pub fn snapshots(&self) -> i64 {
        self.snapshots
    }

    pub fn touched_ms(&self) -> i64 {
        self.touched_ms
    }

    pub(crate) fn touch(&mut self, appended_ms: i64) {
        self.touched_ms = self.touched_ms.max(appended_ms);
    }

    pub(crate) fn count_snapshot(&mut self) {
        self.snapshots += 1;
    }

    /// What stays of an order that is forgotten. Its numbers stay too: an older version that knows no
    /// such thing goes on counting.
    pub(crate) fn forgotten(&self, time_ms: i64) -> Self {
        Self {
            sequence: self.sequence,
            snapshots: self.snapshots,
            touched_ms: time_ms,
            gone: true,
            ..Self::default()
        }
    }

    pub fn is_gone(&self) -> bool {
        self.gone
    }

    /// Nothing waits, and the carrier has said its last word as far as we know.
    pub fn is_at_rest(&self) -> bool {
        self.window.is_empty() && (self.gone || self.is_final())
    }

    fn is_final(&self) -> bool {
        self.outcome().is_some_and(|outcome| outcome.is_final)
    }

    /// Remembers what the first event says.
    pub(crate) fn begin(&mut self, event: &DeliveryEvent) {
        self.origin.get_or_insert_with(|| Origin {
            provider: event.provider,
            endpoint_id: event.endpoint_id.clone(),
            first_received_at: event.received_at,
        });
    }

    /// The carrier's word of the last released status that sorts before a place.
    pub(crate) fn word_before(&self, place: Place) -> Option<&str> {
        let before = self.facts.partition_point(|fact| fact.place < place);
        let mut earlier = self.facts.iter().take(before).rev();
        earlier.find_map(|fact| fact.continued_by())
    }

    /// The order's status as known now.
    pub fn outcome(&self) -> Option<Outcome> {
        let provider = self.origin.as_ref()?.provider;
        self.folded(provider, |folded| {
            folded.fold.outcome(provider, self.facts())
        })
    }

    /// Nothing waits, and nothing more is expected: the order ended, or has no event at all.
    pub fn may_be_forgotten(&self) -> bool {
        self.window.is_empty() && (self.facts.is_empty() || self.is_final())
    }

    fn folded<T>(&self, provider: Provider, read: impl FnOnce(&Folded) -> T) -> T {
        match &self.folded {
            Some(folded) => read(folded),
            None => read(&self.fold(provider)),
        }
    }

    fn fold(&self, provider: Provider) -> Folded {
        let mut folded = Folded::default();
        self.facts().for_each(|fact| folded.add(provider, fact));
        folded
    }

    fn insert(&mut self, provider: Provider, fact: Fact) {
        let at = self.facts.partition_point(|other| other.place < fact.place);
        let known = self.folded.take();
        if at == self.facts.len() {
            let mut folded = known.unwrap_or_else(|| self.fold(provider));
            folded.add(provider, &fact);
            self.folded = Some(folded);
        }
        self.facts.insert(at, Arc::new(fact));
    }

    /// Gives an event its place in the history.
    pub(crate) fn release(&mut self, waiting: Waiting, time_ms: i64, to: &mut Effects) {
        let Waiting {
            event,
            content,
            ending,
            ..
        } = waiting;
        let span = Span::new(
            event.occurred_at,
            event.occurred_at_uncertainty_ms.unwrap_or_default(),
        );
        let late = self.folded(event.provider, |folded| folded.frontier.is_late(span));
        self.sequence += 1;
        let release = Release {
            sequence: self.sequence,
            revision: 0,
            late,
        };
        let status_before = self.outcome();
        self.write(
            Arc::unwrap_or_clone(event),
            (content, ending),
            (release, status_before),
            (time_ms, to),
        );
    }

    /// Lays a new reading over an event that was taken in before.
    pub(crate) fn revise(
        &mut self,
        event: DeliveryEvent,
        (content, ending): (Content, Ending),
        (time_ms, to): (i64, &mut Effects),
    ) {
        if let Some(waiting) = self.window.take(event.event_id) {
            self.window.insert(Waiting {
                repeats: waiting.repeats,
                ..Waiting::new(event, content, waiting.deadline_ms, ending)
            });
            to.outcomes.push(outcome::Outcome::Repeated);
            return;
        }
        let status_before = self.outcome();
        let known = self
            .facts
            .iter()
            .position(|fact| fact.place.event_id == event.event_id);
        let Some(known) = known.map(|at| self.facts.remove(at)) else {
            return;
        };
        self.folded = None;
        let release = Release {
            sequence: known.sequence,
            revision: known.revision.saturating_add(1),
            late: known.late,
        };
        let released = (release, status_before);
        self.write(event, (content, ending), released, (time_ms, to));
    }

    fn write(
        &mut self,
        event: DeliveryEvent,
        (content, ending): (Content, Ending),
        (release, status_before): (Release, Option<Outcome>),
        (time_ms, to): (i64, &mut Effects),
    ) {
        self.learn(&event, to);
        self.insert(event.provider, Fact::of(&event, content, release, ending));
        let status_after = self.outcome();
        to.order(OrderedEvent {
            sequence: release.sequence,
            revision: release.revision,
            late: release.late,
            status_before: status_before.map(|outcome| outcome.status),
            status_after: status_after.map(|outcome| outcome.status),
            root_order_id: self.lineage.root().or(event.order_id.as_ref()).cloned(),
            generation: self.lineage.generation(),
            order_first_received_at: self.origin.as_ref().map(|origin| origin.first_received_at),
            released_at: Micros::from_millis(time_ms),
            event,
        });
    }
}
