//! How much a tenant sends beside what was agreed. Above its rate a tenant goes to the overflow lane,
//! where it delays nobody else, and stays there until everything of it there has been read: what
//! comes next would overtake it otherwise.

use std::{
    collections::BTreeMap,
    fmt,
    num::NonZeroU32,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};

use governor::{Quota, RateLimiter, clock::MonotonicClock, state::InMemoryState, state::NotKeyed};

use crate::raw_log::{Lane, Placed};

type Limiter = RateLimiter<NotKeyed, InMemoryState, MonotonicClock>;

/// What one tenant sends, on this instance. Outlives reloads of the tenants file.
#[derive(Default)]
pub struct Usage {
    /// Bytes held for its requests that are not answered yet.
    pub(crate) held: AtomicUsize,
    overflows: AtomicBool,
    backlog: Mutex<Backlog>,
}

/// What a tenant has in the overflow lane.
#[derive(Debug, Default)]
struct Backlog {
    /// Sent there and not known to lie there yet.
    under_way: u64,
    /// Newest offset of it in each partition.
    newest: BTreeMap<i32, i64>,
}

impl fmt::Debug for Usage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Usage")
            .field("held", &self.held)
            .field("overflows", &self.overflows)
            .finish_non_exhaustive()
    }
}

impl Usage {
    fn backlog(&self) -> MutexGuard<'_, Backlog> {
        self.backlog.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the tenant is in the overflow lane.
    #[must_use]
    pub fn overflows(&self) -> bool {
        self.overflows.load(Ordering::Acquire)
    }

    /// The lane of one more webhook.
    pub fn lane(self: &Arc<Self>, rate: &Rate) -> Ticket {
        // Counted even in the overflow lane, so that coming back means being within the rate.
        let within = rate.allows();
        if within && !self.overflows() {
            return Ticket(None);
        }
        let mut backlog = self.backlog();
        // Looked at again under the lock: the way back is decided under it too.
        if within && !self.overflows() {
            return Ticket(None);
        }
        self.overflows.store(true, Ordering::Release);
        backlog.under_way += 1;
        Ticket(Some(Arc::clone(self)))
    }

    /// A webhook from the disk came to lie in the overflow lane; perhaps it is one that the process
    /// before this one left there.
    pub fn drained(&self, placed: Placed, is_own: bool) {
        let mut backlog = self.backlog();
        if is_own {
            backlog.under_way = backlog.under_way.saturating_sub(1);
        }
        backlog.lies(placed);
        self.overflows.store(true, Ordering::Release);
    }

    /// A webhook of this process that was on the disk will never lie in the overflow lane.
    pub fn set_aside(&self) {
        let mut backlog = self.backlog();
        backlog.under_way = backlog.under_way.saturating_sub(1);
    }

    /// The process before this one left something on the disk that will come to lie in the overflow lane.
    pub fn inherit(&self) {
        let _backlog = self.backlog();
        self.overflows.store(true, Ordering::Release);
    }

    /// Where the tenant has something in the overflow lane.
    #[must_use]
    pub fn partitions(&self) -> Vec<i32> {
        self.backlog().newest.keys().copied().collect()
    }

    /// Ends the overflow if `read` says of every partition that all of the tenant's were read; `read`
    /// gives the next offset to be read. Tells whether the tenant is back.
    pub fn settle(&self, read: impl Fn(i32) -> Option<i64>) -> bool {
        if !self.overflows() {
            return false;
        }
        let mut backlog = self.backlog();
        let is_read =
            |(partition, newest): (&i32, &i64)| read(*partition).is_some_and(|next| next > *newest);
        if backlog.under_way > 0 || !backlog.newest.iter().all(is_read) {
            return false;
        }
        backlog.newest.clear();
        self.overflows.store(false, Ordering::Release);
        true
    }
}

impl Backlog {
    fn lies(&mut self, placed: Placed) {
        let newest = self.newest.entry(placed.partition).or_insert(placed.offset);
        *newest = placed.offset.max(*newest);
    }
}

/// One webhook's place in its lane; given back when the webhook ends without one.
#[derive(Debug)]
pub struct Ticket(Option<Arc<Usage>>);

impl Ticket {
    /// Which lane.
    #[must_use]
    pub const fn lane(&self) -> Lane {
        match self.0 {
            Some(_) => Lane::Overflow,
            None => Lane::Normal,
        }
    }

    /// The webhook lies there.
    pub fn placed(mut self, placed: Placed) {
        if let Some(usage) = self.0.take() {
            let mut backlog = usage.backlog();
            backlog.under_way = backlog.under_way.saturating_sub(1);
            backlog.lies(placed);
        }
    }

    /// The webhook goes there by the disk; [`Usage::drained`] is told when it lies there, and
    /// [`Usage::set_aside`] that it never will.
    #[must_use]
    pub fn spooled(mut self) -> Spooled {
        Spooled(self.0.take())
    }
}

/// The ticket of a webhook that may be on disk.
#[derive(Debug)]
pub struct Spooled(Option<Arc<Usage>>);

impl Spooled {
    /// The disk did not take it.
    #[must_use]
    pub fn gave_up(self) -> Ticket {
        Ticket(self.0)
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        if let Some(usage) = self.0.take() {
            let mut backlog = usage.backlog();
            backlog.under_way = backlog.under_way.saturating_sub(1);
        }
    }
}

/// A tenant's agreed rate, on one instance.
pub struct Rate(Option<Limiter>);

impl fmt::Debug for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() {
            "Rate(limited)"
        } else {
            "Rate(unlimited)"
        })
    }
}

impl Rate {
    /// Whether there is one.
    pub(crate) const fn is_limited(&self) -> bool {
        self.0.is_some()
    }

    /// So many a second, and `burst` at once (without one: a second's worth). No rate: no limit.
    #[must_use]
    pub fn new(per_second: Option<u32>, burst: Option<u32>) -> Self {
        let Some(per_second) = per_second.and_then(NonZeroU32::new) else {
            return Self(None);
        };
        let burst = burst.and_then(NonZeroU32::new).unwrap_or(per_second);
        let quota = Quota::per_second(per_second).allow_burst(burst);
        Self(Some(RateLimiter::direct_with_clock(quota, MonotonicClock)))
    }

    fn allows(&self) -> bool {
        self.0
            .as_ref()
            .is_none_or(|limiter| limiter.check().is_ok())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn placed(partition: i32, offset: i64) -> Placed {
        Placed { partition, offset }
    }

    /// Within the rate for the next hour or so: three at once, and one a second after that.
    fn spent() -> (Arc<Usage>, Rate) {
        let (usage, rate) = (Arc::new(Usage::default()), Rate::new(Some(1), Some(3)));
        for _ in 0..3 {
            assert_eq!(usage.lane(&rate).lane(), Lane::Normal);
        }
        (usage, rate)
    }

    #[test]
    fn a_tenant_above_its_rate_overflows_until_all_of_it_was_read() {
        let (usage, rate) = spent();
        let (first, second) = (usage.lane(&rate), usage.lane(&rate));
        assert_eq!(
            (first.lane(), second.lane()),
            (Lane::Overflow, Lane::Overflow)
        );
        first.placed(placed(0, 7));
        assert!(!usage.settle(|_| Some(8)), "one is under way");
        second.placed(placed(1, 2));
        assert!(!usage.settle(|partition| (partition == 0).then_some(8)));
        assert!(!usage.settle(|_| Some(2)), "neither was read");
        assert!(usage.overflows());
        // Within the rate again, and yet behind what waits there.
        assert_eq!(usage.lane(&Rate::new(None, None)).lane(), Lane::Overflow);
        assert!(usage.settle(|_| Some(8)));
        assert!(!usage.overflows());
        assert_eq!(usage.lane(&Rate::new(None, None)).lane(), Lane::Normal);
    }

    #[test]
    fn a_webhook_that_was_not_stored_holds_nobody_there() {
        let (usage, rate) = spent();
        drop(usage.lane(&rate));
        drop(usage.lane(&rate).spooled().gave_up());
        assert!(usage.overflows());
        assert!(usage.settle(|_| None));
    }

    #[test]
    fn what_lies_on_disk_counts_until_it_is_drained_and_read() {
        let (usage, rate) = spent();
        drop(usage.lane(&rate).spooled());
        assert!(!usage.settle(|_| Some(100)));
        usage.drained(placed(0, 5), true);
        assert!(!usage.settle(|_| Some(5)));
        assert!(usage.settle(|_| Some(6)));
    }

    #[test]
    fn what_kafka_never_takes_from_the_disk_holds_nobody_there() {
        let (usage, rate) = spent();
        drop(usage.lane(&rate).spooled());
        assert!(!usage.settle(|_| None));
        usage.set_aside();
        assert!(usage.settle(|_| None));
    }

    #[test]
    fn what_a_process_before_left_on_disk_overflows_here_too() {
        let usage = Arc::new(Usage::default());
        usage.drained(placed(0, 5), false);
        assert_eq!(usage.lane(&Rate::new(None, None)).lane(), Lane::Overflow);
    }

    #[test]
    fn without_a_rate_nothing_overflows() {
        let (usage, rate) = (Arc::new(Usage::default()), Rate::new(None, Some(1)));
        for _ in 0..1_000 {
            assert_eq!(usage.lane(&rate).lane(), Lane::Normal);
        }
    }
}
