//! Which event leaves when, and as what. Pure.
//!
//! An event leaves at once when it continues what was released, when our own receipt dates it, or
//! when it bears no status and nothing earlier waits; else when its hold ends. Whatever sorts before
//! an event that leaves goes first, and each release may let the next one continue.

pub mod duplicates;
pub mod late;
pub mod order_window;
pub mod release;
pub mod repeats;

use std::sync::Arc;

use schemas::{DeliveryEvent, OccurredAtSource, Provider};

use order_window::Waiting;
use release::{Cause, leaves_at_once};

use crate::{
    effects::{Effects, Released},
    order::OrderState,
};

/// How long events wait, and how many.
#[derive(Clone, Debug)]
pub struct Holds {
    pub default_ms: i64,
    pub by_provider: Vec<(Provider, i64)>,
    /// Events of one order that wait.
    pub waiting_max: usize,
    /// Events of one tenant that wait in one partition.
    pub waiting_tenant_max: usize,
    /// Events that wait in one partition.
    pub waiting_all_max: usize,
}

impl Holds {
    fn hold_ms(&self, event: &DeliveryEvent) -> i64 {
        if event.occurred_at_source == OccurredAtSource::Receipt {
            return 0;
        }
        self.of_provider_ms(event.provider)
    }

    fn of_provider_ms(&self, provider: Provider) -> i64 {
        let mut all = self.by_provider.iter();
        let own = all.find(|(own, _)| *own == provider);
        own.map_or(self.default_ms, |(_, hold_ms)| *hold_ms)
    }

    /// When the hold of an event ends, which runs from its append time.
    pub fn deadline_ms(&self, event: &DeliveryEvent, appended_ms: i64) -> i64 {
        appended_ms.saturating_add(self.hold_ms(event))
    }

    /// When that of an event ends of which it is open whether it is one: our receipt dates it, and it
    /// waits for what decides that.
    pub fn open_until_ms(&self, event: &DeliveryEvent, appended_ms: i64) -> i64 {
        appended_ms.saturating_add(self.of_provider_ms(event.provider))
    }

    /// Whether so many wait already, of a tenant or of all, that one more must not.
    pub fn crowd(&self, of_tenant: usize, in_all: usize) -> Option<Cause> {
        if of_tenant >= self.waiting_tenant_max {
            Some(Cause::TenantFull)
        } else if in_all >= self.waiting_all_max {
            Some(Cause::AllFull)
        } else {
            None
        }
    }

    /// Lets all of an order go, in its order.
    pub fn release_all(
        &self,
        state: &mut OrderState,
        cause: Cause,
        time_ms: i64,
        to: &mut Effects,
    ) {
        while !state.window().is_empty() {
            release_first(state, time_ms, cause, to);
        }
    }

    /// Takes a new event in and releases what may leave. `time_ms` is the partition's time.
    pub fn admit(&self, state: &mut OrderState, waiting: Waiting, time_ms: i64, to: &mut Effects) {
        // A hold that ended before this event was appended did not wait for it.
        release_due(state, time_ms, to);
        state.begin(&waiting.event);
        state.window_mut().insert(waiting);
        self.settle(state, time_ms, to);
    }

    /// Releases what may leave at `time_ms`.
    pub fn settle(&self, state: &mut OrderState, time_ms: i64, to: &mut Effects) {
        release_due(state, time_ms, to);
        release_ready(state, time_ms, to);
        while state.window().len() > self.waiting_max {
            release_first(state, time_ms, Cause::Full, to);
            release_ready(state, time_ms, to);
        }
    }
}

/// Ends the holds that end at or before `time_ms`, in their order. Each release happens at the end
/// of its hold, whether the next record or the clock told us so.
pub fn release_due(state: &mut OrderState, time_ms: i64, to: &mut Effects) {
    while let Some(deadline_ms) = state.window().deadline_ms().filter(|at| *at <= time_ms) {
        let Some(last) = state.window().last_due(deadline_ms) else {
            return;
        };
        while let Some(first) = state.window().first().filter(|first| first.place <= last) {
            let cause = if first.place < last && first.deadline_ms > deadline_ms {
                Cause::Swept
            } else if first.event.occurred_at_source == OccurredAtSource::Receipt
                && first.repeats.is_none()
            {
                Cause::Receipt
            } else {
                Cause::HoldEnded
            };
            release_first(state, deadline_ms, cause, to);
        }
        release_ready(state, deadline_ms, to);
    }
}

fn release_ready(state: &mut OrderState, time_ms: i64, to: &mut Effects) {
    while let Some(first) = state
        .window()
        .first()
        .filter(|first| first.repeats.is_none())
    {
        let before = state.word_before(first.place);
        let Some(cause) = leaves_at_once(&first.event, before) else {
            return;
        };
        release_first(state, time_ms, cause, to);
    }
}

fn release_first(state: &mut OrderState, time_ms: i64, cause: Cause, to: &mut Effects) {
    if let Some(waiting) = state.window_mut().take_first() {
        if let Some(equal) = waiting.repeats
            && !state.was_repeated(equal, &waiting.event)
        {
            let mut event = Arc::unwrap_or_clone(waiting.event);
            event.event_id = equal;
            return to.refuse_duplicate(&event);
        }
        let released = Released {
            cause,
            provider: waiting.event.provider,
        };
        state.release(waiting, time_ms, to);
        to.releases.push(released);
    }
}

#[cfg(test)]
mod tests;
