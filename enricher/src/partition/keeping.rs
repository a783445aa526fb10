//! How long a partition keeps what it knows. Pure.
//!
//! An order that ended is kept whole for a while after its last event, so that a replay or a late
//! event finds what it corrects. Then only its name stays, for as long again: what still comes for it
//! is set aside instead of beginning an order of the same name. An order that never ends is kept
//! longer, and not for ever.

use super::Partition;
use crate::codec::Record;

impl Partition {
    /// Looks at one record whose hour has come; says whether there was one.
    pub(super) fn sweep(&mut self, time_ms: i64) -> bool {
        let Some((_, key)) = self.store.first_turn().filter(|(at, _)| *at <= time_ms) else {
            return false;
        };
        let (key, rules) = (key.clone(), &self.rules);
        let after = |from_ms: i64, wait_ms: i64| from_ms.saturating_add(wait_ms);
        match self.store.record(&key) {
            None => self.store.drop_turn(),
            Some(Record::Account(state)) if after(state.touched_ms, rules.retain_ms) <= time_ms => {
                self.store.forget_first();
            }
            Some(Record::Account(state)) => {
                let at = after(state.touched_ms, rules.retain_ms);
                self.store.postpone(at);
            }
            Some(Record::Order(state)) => {
                let is_over = state.may_be_forgotten();
                let keep_ms = if is_over {
                    rules.retain_ms
                } else {
                    rules.abandon_ms
                };
                let until_ms = after(state.touched_ms(), keep_ms);
                if until_ms > time_ms {
                    // An order that ends meanwhile is kept no longer than others.
                    self.store
                        .postpone(until_ms.min(after(time_ms, rules.retain_ms)));
                } else if state.is_gone() || state.sequence() == 0 {
                    self.store.forget_first();
                } else {
                    self.bury(&key, time_ms);
                }
            }
        }
        true
    }

    /// Forgets an order, and remembers for a while that there was one.
    fn bury(&mut self, key: &str, time_ms: i64) {
        let until_ms = time_ms.saturating_add(self.rules.retain_ms);
        self.store.postpone(until_ms);
        self.store.change_order(key, until_ms, |_, state, flags| {
            *state = state.forgotten(time_ms);
            flags.changed(true);
        });
    }
}

#[cfg(test)]
mod tests;
