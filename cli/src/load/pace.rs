//! When the next request is due: at a constant rate, whatever the answers do.

use std::{
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
    thread,
    time::{Duration, Instant},
};

use tokio::sync::Notify;

/// Between two looks at the clock: so much later than intended a request may leave.
const LOOK_EVERY: Duration = Duration::from_micros(100);
/// The longest time without one, so that a run can be stopped.
const LOOK_AT_LEAST_EVERY: Duration = Duration::from_millis(10);
/// For what is due at the end and waits for a connection.
const LAST_WITHIN: Duration = Duration::from_secs(1);

/// How many requests of one worker are due, and how many were begun.
#[derive(Debug, Default)]
pub(super) struct Gate {
    due: AtomicU64,
    begun: AtomicU64,
    is_shut: AtomicBool,
    news: Notify,
}

impl Gate {
    /// Waits for a turn and gives its number; `None` once the run has ended. The longest waiting goes
    /// first. For the tasks of one thread.
    pub(super) async fn turn(&self) -> Option<u64> {
        loop {
            if self.is_shut.load(Ordering::Acquire) {
                self.news.notify_one();
                return None;
            }
            let (begun, due) = (
                self.begun.load(Ordering::Relaxed),
                self.due.load(Ordering::Acquire),
            );
            if begun < due {
                self.begun.store(begun + 1, Ordering::Relaxed);
                if begun + 1 < due {
                    self.news.notify_one();
                }
                return Some(begun);
            }
            self.news.notified().await;
        }
    }

    fn open_up_to(&self, due: u64) {
        if self.due.swap(due, Ordering::Release) != due {
            self.news.notify_one();
        }
    }

    fn shut(&self) {
        self.is_shut.store(true, Ordering::Release);
        self.news.notify_one();
    }

    /// Requests that were due and never begun.
    pub(super) fn unsent(&self) -> u64 {
        let due = self.due.load(Ordering::Acquire);
        due.saturating_sub(self.begun.load(Ordering::Relaxed))
    }
}

/// A constant arrival rate, dealt out to the workers in turn.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pace {
    /// Requests a second of all workers together; `None`: the next one as soon as there is an answer.
    pub(super) rate: Option<u32>,
    pub(super) workers: u64,
    pub(super) lasts: Duration,
}

impl Pace {
    /// When the request of this number, of this worker, should leave, after the start.
    pub(super) fn intended(&self, worker: u64, number: u64) -> Option<Duration> {
        let nanos = u128::from(number * self.workers + worker) * 1_000_000_000;
        let nanos = nanos.checked_div(u128::from(self.rate?))?;
        u64::try_from(nanos).ok().map(Duration::from_nanos)
    }

    /// How many of a worker's requests should have left by then.
    fn due(&self, worker: u64, after: Duration) -> u64 {
        let Some(rate) = self.rate else {
            return u64::MAX;
        };
        let all = after.as_nanos() * u128::from(rate) / 1_000_000_000 + 1;
        let own = all.saturating_sub(u128::from(worker));
        u64::try_from(own.div_ceil(u128::from(self.workers))).unwrap_or(u64::MAX)
    }

    /// How long after that another request is due.
    fn next(&self, after: Duration) -> Duration {
        let Some(rate) = self.rate.map(u128::from) else {
            return LOOK_AT_LEAST_EVERY;
        };
        let number = after.as_nanos() * rate / 1_000_000_000 + 1;
        let nanos = number * 1_000_000_000 / rate.max(1);
        let at = Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX));
        at.saturating_sub(after)
            .clamp(LOOK_EVERY, LOOK_AT_LEAST_EVERY)
    }

    /// Opens the gates as time goes by, until the end or until told to stop. Blocks.
    pub(super) fn keep(&self, gates: &[Gate], start: Instant, stop: &AtomicBool) {
        let is_stopped = || stop.load(Ordering::Relaxed);
        let mut after = start.elapsed();
        while after < self.lasts && !is_stopped() {
            self.open(gates, after);
            thread::sleep(self.next(after).min(self.lasts.saturating_sub(after)));
            after = start.elapsed();
        }
        if self.rate.is_some() && !is_stopped() {
            self.open(gates, self.lasts.saturating_sub(Duration::from_nanos(1)));
            let until = self.lasts + LAST_WITHIN;
            let waits = || gates.iter().any(|gate| gate.unsent() > 0);
            while waits() && start.elapsed() < until && !is_stopped() {
                thread::sleep(LOOK_EVERY);
            }
        }
        gates.iter().for_each(Gate::shut);
    }

    fn open(&self, gates: &[Gate], after: Duration) {
        for (worker, gate) in (0..).zip(gates) {
            gate.open_up_to(self.due(worker, after));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PACE: Pace = Pace {
        rate: Some(1_000),
        workers: 2,
        lasts: Duration::from_secs(1),
    };

    #[test]
    fn requests_are_intended_at_equal_distances_over_all_workers() {
        let at = |worker, number| PACE.intended(worker, number).unwrap().as_micros();
        assert_eq!(
            [at(0, 0), at(1, 0), at(0, 1), at(1, 1), at(0, 500)],
            [0, 1_000, 2_000, 3_000, 1_000_000]
        );
    }

    #[test]
    fn a_request_is_due_from_its_intended_time_on() {
        for worker in 0..2 {
            for number in 0..100 {
                let intended = PACE.intended(worker, number).unwrap();
                assert_eq!(PACE.due(worker, intended), number + 1);
                let before = intended.saturating_sub(Duration::from_nanos(1));
                assert!(intended.is_zero() || PACE.due(worker, before) == number);
            }
        }
    }

    #[test]
    fn as_many_requests_are_due_as_rate_and_time_make() {
        let lasts = Duration::from_millis(20);
        let pace = Pace { lasts, ..PACE };
        let gates = [Gate::default(), Gate::default()];
        let gates = &gates;
        let begun = std::thread::scope(|scope| {
            scope.spawn(|| pace.keep(gates, Instant::now(), &AtomicBool::new(false)));
            let runtime = tokio::runtime::Builder::new_current_thread()
                .build()
                .unwrap();
            let all = async |gate: &Gate| {
                let mut begun = 0;
                while gate.turn().await.is_some() {
                    begun += 1;
                }
                begun
            };
            let both = async move { tokio::join!(all(&gates[0]), all(&gates[1])) };
            scope.spawn(move || runtime.block_on(both)).join().unwrap()
        });
        assert_eq!(begun, (10, 10));
    }

    #[tokio::test]
    async fn a_gate_lets_through_what_is_due_and_says_what_was_not_begun() {
        let gate = Gate::default();
        gate.open_up_to(3);
        assert_eq!(gate.turn().await, Some(0));
        assert_eq!(gate.turn().await, Some(1));
        gate.shut();
        assert_eq!((gate.turn().await, gate.turn().await), (None, None));
        assert_eq!(gate.unsent(), 1);
    }
}
