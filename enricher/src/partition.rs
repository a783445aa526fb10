//! One partition: its orders, its time, and what each record does to them. Pure: records and time
//! in, effects out.
//!
//! Time is the largest append time of the records in canonical so far; while the partition is known
//! to be caught up, the wall clock. A backlog therefore ends no hold early.

use std::sync::Arc;

use schemas::{DeliveryEvent, Order, OrderId, OrderKey, Reason, ids::Subject};

use crate::{
    codec::{CodecError, Record},
    content::Content,
    effects::Effects,
    fact,
    lineage::Message,
    order::{
        OrderState,
        recognise::{Follows, Recognised},
    },
    outcome::Outcome,
    reorder::{
        Holds,
        duplicates::Sighting,
        order_window::{Waiting, Window},
        release_due,
    },
    shelf::Position,
    snapshot,
    store::{Change, Flags, Store},
};

/// What an operator can turn.
#[derive(Clone, Debug)]
pub struct Rules {
    pub holds: Holds,
    /// How long an ended order is kept after its last event, and how long it is known afterwards that
    /// there was one.
    pub retain_ms: i64,
    /// How long an order that never ends is kept after its last event.
    pub abandon_ms: i64,
}

/// Records looked at in one step to see whether they can be forgotten: a step stays short.
const SWEEP_MAX: usize = 64;

/// Orders whose holds end in one step; those left over are due at once in the next.
const RELEASE_MAX: usize = 1_024;
/// And until so many bytes of state are touched by it: each is decoded, and written at the commit.
const RELEASE_BYTES_MAX: usize = 2 << 20;

const EXPIRED: &str = "order_id: the order was kept as long as orders are, and forgotten";

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
    pub record: Option<&'a [u8]>,
    pub messages: Vec<(OrderKey, Message)>,
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
    /// A store with all that the changelog says.
    pub fn new(rules: Arc<Rules>, store: Store) -> Self {
        Self {
            store,
            rules,
            time_ms: i64::MIN,
            committed_time_ms: i64::MIN,
        }
    }

    pub const fn store(&self) -> &Store {
        &self.store
    }

    /// Whether an order or account of this name was there before.
    pub fn knows(&mut self, key: &str) -> bool {
        self.store.record(key).is_some()
    }

    pub fn store_mut(&mut self) -> &mut Store {
        &mut self.store
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
        self.look_after(key, to);
        let holds = &self.rules.holds;
        let waiting = self.store.waiting();
        let crowd = holds.crowd(waiting.of_tenant(key), waiting.in_all());
        let state = self.store.order(key);
        if state.is_some_and(OrderState::is_gone) {
            return to.refuse(&event, Reason::Expired, EXPIRED.into());
        }
        let ending = fact::ending(&event);
        let known = state.map(|state| state.recognise(&mut event));
        let Recognised {
            sighting,
            content,
            follows,
        } = known.unwrap_or_else(|| Recognised::new(Sighting::New, Content::of(&event)));
        match sighting {
            Sighting::Repeated => to.outcomes.push(Outcome::Repeated),
            Sighting::Duplicate => {
                to.refuse_duplicate(&event);
                if let Follows::Run(equal, verdict) = follows {
                    self.change(key, appended.at_ms, to, |state, _, _, _| {
                        state.note_run(equal, verdict);
                    });
                }
            }
            Sighting::New | Sighting::Revision
                if !has_room(state, sighting, &event, appended.bytes) =>
            {
                let detail = "order_id: the order has more events than one state holds";
                to.refuse(&event, Reason::TooLarge, detail.into());
            }
            Sighting::New => self.change(key, appended.at_ms, to, |state, rules, time_ms, to| {
                state.grow(&event, appended.bytes);
                let mut deadline_ms = rules.holds.deadline_ms(&event, appended.at_ms);
                let mut repeats = None;
                match follows {
                    Follows::Nothing => {}
                    Follows::Run(equal, verdict) => state.note_run(equal, verdict),
                    Follows::Displaces => state.displace(event.event_id),
                    Follows::Open(equal) => {
                        deadline_ms = rules.holds.open_until_ms(&event, appended.at_ms);
                        repeats = Some(equal);
                    }
                }
                let waiting = Waiting {
                    repeats,
                    ..Waiting::new(event, content, deadline_ms, ending)
                };
                rules.holds.admit(state, waiting, time_ms, to);
                if let Some(cause) = crowd {
                    rules.holds.release_all(state, cause, time_ms, to);
                }
            }),
            Sighting::Revision => {
                self.change(key, appended.at_ms, to, |state, rules, time_ms, to| {
                    state.grow(&event, appended.bytes);
                    state.revise(event, (content, ending), (time_ms, to));
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
        change: impl FnOnce(&mut OrderState, &Rules, i64, &mut Effects),
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

    /// A message from another order of the chain. It does not move the time, which is that of
    /// canonical.
    pub fn message(
        &mut self,
        key: &OrderKey,
        message: Message,
        appended: Appended,
        to: &mut Effects,
    ) {
        let Subject::Order(own) = &key.subject else {
            return;
        };
        let text = key.to_string();
        self.look_after(&text, to);
        // Whoever is forgotten takes no part in a chain any more.
        if self.store.order(&text).is_some_and(OrderState::is_gone) {
            return;
        }
        let expires_ms = appended.at_ms.saturating_add(self.rules.retain_ms);
        self.store
            .change_order(&text, expires_ms, |_, state, flags| {
                state.touch(appended.at_ms);
                let changed = state.hear((key, own), message, to);
                flags.changed(changed);
            });
    }

    /// The partition is caught up with the wall clock.
    pub fn advance(&mut self, now_ms: i64, to: &mut Effects) {
        self.pass_time(self.time_ms.max(now_ms), to);
    }

    fn pass_time(&mut self, time_ms: i64, to: &mut Effects) {
        let before = self.store.touched_bytes();
        for _ in 0..RELEASE_MAX {
            if self.store.touched_bytes().saturating_sub(before) > RELEASE_BYTES_MAX {
                break;
            }
            let Some((deadline_ms, key)) = self.store.waiting().first() else {
                break;
            };
            if deadline_ms > time_ms {
                break;
            }
            let key = key.clone();
            self.release_due(&key, time_ms, to);
        }
        for _ in 0..SWEEP_MAX {
            if !self.sweep(time_ms) {
                return;
            }
        }
    }

    /// Ends the holds of one order.
    fn release_due(&mut self, key: &str, time_ms: i64, to: &mut Effects) {
        let window = self.store.order(key).map(OrderState::window);
        let deadline_ms = window.and_then(Window::deadline_ms);
        let Some(deadline_ms) = deadline_ms.filter(|at| *at <= time_ms) else {
            return;
        };
        let change = |key: &Arc<str>, state: &mut OrderState, flags: &mut Flags| {
            to.key = Some(key.clone());
            let released = to.ordered.len();
            release_due(state, time_ms, to);
            flags.changed(to.ordered.len() > released);
        };
        self.store.change_order(key, deadline_ms, change);
    }

    /// When time is next wanted to pass.
    pub fn deadline_ms(&self) -> Option<i64> {
        let hold = self.store.waiting().first().map(|(at, _)| at);
        let turn = self.store.first_turn().map(|(at, _)| at);
        hold.into_iter().chain(turn).min()
    }

    /// Hands out what must be written before the commit: each key once.
    ///
    /// # Errors
    /// Those of `write`, and of the state's own encoding.
    pub fn settle<E: From<CodecError>>(
        &mut self,
        mut write: impl FnMut(Settled<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        self.store.try_each_change(|key, change| {
            if !change.state {
                return Ok(());
            }
            let (mut snapshot, messages) = settled(key, change);
            if change.void && matches!(snapshot, Snapshot::Unchanged) {
                snapshot = Snapshot::Forgotten;
            }
            let bytes = change.record.as_ref().map(Record::encode).transpose()?;
            if let (Some(Record::Order(state)), Some(bytes)) = (&mut change.record, &bytes) {
                state.weighs(bytes.len());
            }
            write(Settled {
                key,
                snapshot,
                record: bytes.as_deref(),
                messages,
            })?;
            change.bytes = bytes;
            Ok(())
        })
    }

    /// The transaction is in the log, the changelog up to `position`.
    pub fn committed(&mut self, position: Option<Position>) {
        self.store.committed(position);
        self.committed_time_ms = self.time_ms;
    }

    pub fn discarded(&mut self) {
        self.store.discarded();
        self.time_ms = self.committed_time_ms;
    }
}

fn has_room(
    state: Option<&OrderState>,
    sighting: Sighting,
    event: &DeliveryEvent,
    bytes: usize,
) -> bool {
    let has_room =
        |state: &OrderState| state.has_room(event, bytes, sighting == Sighting::Revision);
    state.map_or_else(|| has_room(&OrderState::default()), has_room)
}

impl Flags {
    /// The state changed; `snapshot`: so did what others see of it.
    fn changed(&mut self, snapshot: bool) {
        self.state = true;
        self.snapshot |= snapshot;
    }
}

fn settled(key: &str, change: &mut Change) -> (Snapshot, Vec<(OrderKey, Message)>) {
    let state = match &mut change.record {
        Some(Record::Order(state)) => state,
        Some(Record::Account(_)) | None => return (Snapshot::Unchanged, Vec::new()),
    };
    if state.is_gone() {
        return (Snapshot::Unchanged, Vec::new());
    }
    let Ok(parsed) = key.parse::<OrderKey>() else {
        return (Snapshot::Unchanged, Vec::new());
    };
    let Subject::Order(own) = &parsed.subject else {
        return (Snapshot::Unchanged, Vec::new());
    };
    let messages = messages(state.untold(own), &parsed);
    if !change.snapshot || state.sequence() == 0 {
        return (Snapshot::Unchanged, messages);
    }
    state.count_snapshot();
    let order = snapshot::order(&parsed, state);
    (
        order.map_or(Snapshot::Unchanged, |order| Snapshot::Is(Box::new(order))),
        messages,
    )
}

fn messages(untold: Vec<(OrderId, Message)>, own: &OrderKey) -> Vec<(OrderKey, Message)> {
    let key = |order_id| OrderKey {
        subject: Subject::Order(order_id),
        ..own.clone()
    };
    untold
        .into_iter()
        .map(|(order_id, message)| (key(order_id), message))
        .collect()
}

mod accounts;
mod keeping;

#[cfg(test)]
mod tests;
