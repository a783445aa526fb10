//! How long a partition keeps what it knows. Pure.
//!
//! An order that ended is kept whole for a while after its last event, so that a replay or a late
//! event finds what it corrects. Then only its name stays, for as long again: what still comes for it
//! is set aside instead of beginning an order of the same name. An order that never ends is kept
//! longer, and not for ever.
//!
//! The hour at which that happens follows from the record alone. The sweep may come to it later; what
//! is asked about an order meanwhile finds it as if the sweep had been there.

use super::{Partition, Rules};
use crate::{codec::Record, effects::Effects, order::OrderState, shelf::full_hour_after};

/// What becomes of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    /// At least until then.
    Stays(i64),
    /// Its name stays, from that hour on.
    IsBuried(i64),
    IsForgotten,
}

impl Fate {
    fn of(record: &Record, rules: &Rules, time_ms: i64) -> Self {
        let (from_ms, keep_ms) = match record {
            Record::Account(state) => (state.touched_ms, rules.retain_ms),
            Record::Order(state) if state.may_be_forgotten() => {
                (state.touched_ms(), rules.retain_ms)
            }
            Record::Order(state) => (state.touched_ms(), rules.abandon_ms),
        };
        let until_ms = from_ms.saturating_add(keep_ms);
        let ends_ms = full_hour_after(until_ms);
        if ends_ms > time_ms {
            return Self::Stays(until_ms);
        }
        match record {
            Record::Order(state) if !state.is_gone() && state.sequence() > 0 => {
                Self::IsBuried(ends_ms)
            }
            Record::Order(_) | Record::Account(_) => Self::IsForgotten,
        }
    }
}

impl Partition {
    /// Looks at one record whose hour has come; says whether there was one.
    pub(super) fn sweep(&mut self, time_ms: i64) -> bool {
        let Some((_, key)) = self.store.first_turn().filter(|(at, _)| *at <= time_ms) else {
            return false;
        };
        let (key, retain_ms) = (key.clone(), self.rules.retain_ms);
        let record = self.store.record(&key);
        match record.map(|record| Fate::of(record, &self.rules, time_ms)) {
            None => self.store.drop_turn(),
            // An order that ends meanwhile is kept no longer than others.
            Some(Fate::Stays(until_ms)) => self
                .store
                .postpone(until_ms.min(time_ms.saturating_add(retain_ms))),
            Some(Fate::IsForgotten) => self.store.forget_first(),
            Some(Fate::IsBuried(at_ms)) => {
                self.store.postpone(at_ms.saturating_add(retain_ms));
                self.bury(&key, at_ms);
            }
        }
        true
    }

    /// Forgets an order, and remembers for a while that there was one.
    fn bury(&mut self, key: &str, at_ms: i64) {
        let until_ms = at_ms.saturating_add(self.rules.retain_ms);
        self.store.change_order(key, until_ms, |_, state, flags| {
            flags.state = true;
            flags.void = state.snapshots() > 0;
            *state = state.forgotten(at_ms);
        });
    }

    /// Does to an order what time has done to it.
    pub(super) fn look_after(&mut self, key: &str, to: &mut Effects) {
        let keep_ms = self.rules.retain_ms.min(self.rules.abandon_ms);
        let time_ms = self.time_ms;
        let is_young = |state: &OrderState| state.touched_ms().saturating_add(keep_ms) > time_ms;
        if self.store.order(key).is_none_or(is_young) {
            return;
        }
        self.release_due(key, self.time_ms, to);
        loop {
            let record = self.store.record(key);
            match record.map(|record| Fate::of(record, &self.rules, self.time_ms)) {
                None | Some(Fate::Stays(_)) => return,
                Some(Fate::IsForgotten) => return self.store.forget(key),
                Some(Fate::IsBuried(at_ms)) => self.bury(key, at_ms),
            }
        }
    }
}

#[cfg(test)]
mod tests;
