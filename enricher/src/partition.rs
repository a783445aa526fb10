//! One partition: its orders, its time, and what each record does to them. Pure: records and time
//! in, effects out.
//!
//! Time is the largest append time of the records in canonical so far; while the partition is known
//! to be caught up, the wall clock. A backlog therefore ends no hold early.

use std::sync::Arc;

use schemas::{
    DeliveryEvent, Micros, Order, OrderId, OrderKey, OrderedEvent, Reason, ids::Subject,
};

use crate::{
    account::bucket_key,
    codec::Record,
    content::Content,
    effects::Effects,
    lineage::Link,
    order::recognise::Recognised,
    outcome::Outcome,
    reorder::{Holds, duplicates::Sighting, release_due},
    snapshot,
    store::{Change, Flags, Store},
};

/// What an operator can turn.
#[derive(Clone, Debug)]
pub struct Rules {
    pub holds: Holds,
    /// How long an ended order is kept after its last event.
    pub retain_ms: i64,
}

/// Records looked at in one step to see whether they can be forgotten: a step stays short.
const SWEEP_MAX: usize = 64;

/// Orders whose holds end in one step; those left over are due at once in the next.
const RELEASE_MAX: usize = 1_024;

const DUPLICATE: &str = "event_id: another receipt brought the same event";

/// When a record was appended, and how long it is.
#[derive(Clone, Copy, Debug)]
pub struct Appended {
    pub at_ms: i64,
    pub bytes: usize,
}

/// What is to be written of one key before the commit.
#[derive(Debug)]
pub struct Settled<'a> {
    pub key: &'a Arc<str>,
    pub snapshot: Snapshot,
    /// The state to be written; none is a tombstone.
    pub record: Option<&'a Record>,
    pub links: Vec<(OrderKey, Link)>,
}

/// What the topic of orders is told.
#[derive(Debug)]
pub enum Snapshot {
    Unchanged,
    Forgotten,
    Is(Box<Order>),
}

/// The core's state of one partition.
#[derive(Debug)]
pub struct Partition {
    store: Store,
    rules: Arc<Rules>,
    time_ms: i64,
    committed_time_ms: i64,
}

impl Partition {
    pub fn new(rules: Arc<Rules>, mut store: Store) -> Self {
        store.restored(rules.retain_ms);
        Self {
            store,
            rules,
            time_ms: i64::MIN,
            committed_time_ms: i64::MIN,
        }
    }

    pub fn store(&self) -> &Store {
        &self.store
    }

    /// A record of canonical.
    pub fn event(&mut self, key: &str, event: DeliveryEvent, appended: Appended, to: &mut Effects) {
        self.time_ms = self.time_ms.max(appended.at_ms);
        self.pass_time(self.time_ms, to);
        if event.order_id.is_some() {
            self.order_event(key, event, appended, to);
        } else {
            self.account_event(key, event, appended, to);
        }
    }

    fn order_event(
        &mut self,
        key: &str,
        event: DeliveryEvent,
        appended: Appended,
        to: &mut Effects,
    ) {
        let mut event = event;
        let state = self.store.order(key);
        let known = state.map(|state| state.recognise(&mut event));
        let Recognised {
            sighting,
            content,
            run,
        } = known.unwrap_or_else(|| Recognised::new(Sighting::New, Content::of(&event)));
        match sighting {
            Sighting::Repeated => to.outcomes.push(Outcome::Repeated),
            Sighting::Duplicate => {
                to.refuse(&event, Reason::Duplicate, DUPLICATE.into());
                if run.is_some() {
                    self.change(key, appended.at_ms, to, |state, _, _, _| {
                        state.note_run(run)
                    });
                }
            }
            Sighting::New if state.is_some_and(|state| state.is_full(appended.bytes)) => {
                let detail = "order_id: the order has more events than one state holds";
                to.refuse(&event, Reason::TooLarge, detail.into());
            }
            Sighting::New => self.change(key, appended.at_ms, to, |state, rules, time_ms, to| {
                state.grow(appended.bytes);
                state.note_run(run);
                let waiting = rules.holds.waiting(event, content, appended.at_ms);
                rules.holds.admit(state, waiting, time_ms, to);
            }),
            Sighting::Revision => {
                self.change(key, appended.at_ms, to, |state, rules, time_ms, to| {
                    state.revise(event, content, (time_ms, to));
                    rules.holds.settle(state, time_ms, to);
                });
            }
        }
    }

    /// Changes an order by a record that was appended at `appended_ms`.
    fn change(
        &mut self,
        key: &str,
        appended_ms: i64,
        to: &mut Effects,
        change: impl FnOnce(&mut crate::order::OrderState, &Rules, i64, &mut Effects),
    ) {
        let (rules, time_ms) = (&self.rules, self.time_ms);
        let expires_ms = appended_ms.saturating_add(rules.retain_ms);
        self.store
            .change_order(key, expires_ms, |key, state, flags| {
                to.key = Some(key.clone());
                let sequence = to.ordered.len();
                state.touch(appended_ms);
                change(state, rules, time_ms, to);
                flags.changed(to.ordered.len() > sequence);
            });
    }

    fn account_event(
        &mut self,
        key: &str,
        event: DeliveryEvent,
        appended: Appended,
        to: &mut Effects,
    ) {
        let bucket = bucket_key(key, event.event_id);
        let content = Content::of(&event);
        let state = self.store.account(&bucket);
        let sighting = state.map_or(Sighting::New, |state| state.sighting(&event, content));
        let mut revision = 0;
        match sighting {
            Sighting::Repeated => return to.outcomes.push(Outcome::Repeated),
            Sighting::Duplicate => return to.refuse(&event, Reason::Duplicate, DUPLICATE.into()),
            Sighting::New | Sighting::Revision => {}
        }
        let expires_ms = appended.at_ms.saturating_add(self.rules.retain_ms);
        self.store.change_account(&bucket, expires_ms, |state| {
            state.touched_ms = state.touched_ms.max(appended.at_ms);
            if sighting == Sighting::Revision {
                revision = state.revise(&event, content);
            } else {
                state.remember(&event, content);
            }
        });
        to.key = Some(Arc::from(key));
        to.order(OrderedEvent {
            sequence: 0,
            revision,
            late: false,
            status_before: None,
            status_after: None,
            root_order_id: None,
            generation: 0,
            order_first_received_at: None,
            released_at: Micros::from_millis(self.time_ms),
            event,
        });
    }

    /// A link from a predecessor. It does not move the time, which is that of canonical.
    pub fn link(&mut self, key: &OrderKey, link: Link, appended: Appended, to: &mut Effects) {
        let Subject::Order(own) = &key.subject else {
            return;
        };
        let expires_ms = appended.at_ms.saturating_add(self.rules.retain_ms);
        self.store
            .change_order(&key.to_string(), expires_ms, |_, state, flags| {
                state.touch(appended.at_ms);
                let changed = state.link((key, own), link, to);
                flags.changed(changed);
            });
    }

    /// The partition is caught up with the wall clock.
    pub fn advance(&mut self, now_ms: i64, to: &mut Effects) {
        self.pass_time(self.time_ms.max(now_ms), to);
    }

    fn pass_time(&mut self, time_ms: i64, to: &mut Effects) {
        for _ in 0..RELEASE_MAX {
            let Some((deadline_ms, key)) = self.store.first_deadline() else {
                break;
            };
            if deadline_ms > time_ms {
                break;
            }
            let key = key.clone();
            self.store
                .change_order(&key, deadline_ms, |key, state, flags| {
                    to.key = Some(key.clone());
                    let released = to.ordered.len();
                    release_due(state, time_ms, to);
                    flags.changed(to.ordered.len() > released);
                });
        }
        for _ in 0..SWEEP_MAX {
            if !self.sweep(time_ms) {
                return;
            }
        }
    }

    /// Looks at one record whose hour has come; says whether there was one.
    fn sweep(&mut self, time_ms: i64) -> bool {
        let Some((_, key)) = self.store.first_expiry().filter(|(at, _)| *at <= time_ms) else {
            return false;
        };
        let retain_ms = self.rules.retain_ms;
        let (touched_ms, is_over) = match self.store.record(key) {
            Some(Record::Order(state)) => (state.touched_ms(), state.may_be_forgotten()),
            Some(Record::Account(state)) => (state.touched_ms, true),
            None => (i64::MIN, true),
        };
        let expires_ms = touched_ms.saturating_add(retain_ms);
        if expires_ms > time_ms {
            self.store.postpone(expires_ms);
        } else if is_over {
            self.store.forget_first();
        } else {
            self.store.postpone(time_ms.saturating_add(retain_ms));
        }
        true
    }

    /// When time is next wanted to pass.
    pub fn deadline_ms(&self) -> Option<i64> {
        let hold = self.store.first_deadline().map(|(at, _)| at);
        let expiry = self.store.first_expiry().map(|(at, _)| at);
        hold.into_iter().chain(expiry).min()
    }

    /// Hands out what must be written before the commit: each key once. `write` returns how many
    /// bytes a state takes.
    ///
    /// # Errors
    /// Those of `write`.
    pub fn settle<E>(
        &mut self,
        mut write: impl FnMut(Settled<'_>) -> Result<usize, E>,
    ) -> Result<(), E> {
        self.store.try_each_change(|key, change| {
            if !change.state {
                return Ok(());
            }
            let (snapshot, links) = settled(key, change);
            let record = change.record.as_ref();
            let bytes = write(Settled {
                key,
                snapshot,
                record,
                links,
            })?;
            if let Some(Record::Order(state)) = &mut change.record {
                state.weighs(bytes);
            }
            Ok(())
        })
    }

    pub fn committed(&mut self) {
        self.store.committed();
        self.committed_time_ms = self.time_ms;
    }

    pub fn discarded(&mut self) {
        self.store.discarded(self.rules.retain_ms);
        self.time_ms = self.committed_time_ms;
    }
}

impl Flags {
    /// The state changed; `snapshot`: so did what others see of it.
    fn changed(&mut self, snapshot: bool) {
        self.state = true;
        self.snapshot |= snapshot;
    }
}

fn settled(key: &str, change: &mut Change) -> (Snapshot, Vec<(OrderKey, Link)>) {
    let state = match &mut change.record {
        Some(Record::Order(state)) => state,
        Some(Record::Account(_)) => return (Snapshot::Unchanged, Vec::new()),
        None if change.snapshot => return (Snapshot::Forgotten, Vec::new()),
        None => return (Snapshot::Unchanged, Vec::new()),
    };
    let Ok(parsed) = key.parse::<OrderKey>() else {
        return (Snapshot::Unchanged, Vec::new());
    };
    let Subject::Order(own) = &parsed.subject else {
        return (Snapshot::Unchanged, Vec::new());
    };
    let links = links(state.untold(own), &parsed);
    if !change.snapshot || state.sequence() == 0 {
        return (Snapshot::Unchanged, links);
    }
    state.count_snapshot();
    let order = snapshot::order(&parsed, state);
    (
        order.map_or(Snapshot::Unchanged, |order| Snapshot::Is(Box::new(order))),
        links,
    )
}

fn links(untold: Vec<(OrderId, Link)>, own: &OrderKey) -> Vec<(OrderKey, Link)> {
    let key = |order_id| OrderKey {
        subject: Subject::Order(order_id),
        ..own.clone()
    };
    untold
        .into_iter()
        .map(|(order_id, link)| (key(order_id), link))
        .collect()
}

#[cfg(test)]
mod tests;
