//! How fast the disk is drained: pure arithmetic over what was sent and what arrived.

use std::time::Duration;

use tokio::time::Instant;

/// The end of the queue must come nearer while new webhooks join it.
const TIMES_ARRIVALS: f64 = 2.0;

/// Spaces batches so that so many entries a second leave, or twice as many as arrive.
#[derive(Debug)]
pub(super) struct Pace {
    per_second: f64,
    /// When the next batch may go.
    next_at: Instant,
    seen: Option<(u64, Instant)>,
    arriving: f64,
}

impl Pace {
    pub(super) fn new(per_second: u32, now: Instant) -> Self {
        Self {
            per_second: f64::from(per_second.max(1)),
            next_at: now,
            seen: None,
            arriving: 0.0,
        }
    }

    /// How long to wait after `sent` entries; `arrived` is how many ever came.
    pub(super) fn wait(&mut self, sent: usize, arrived: u64, now: Instant) -> Duration {
        self.learn(arrived, now);
        let rate = self.per_second.max(self.arriving * TIMES_ARRIVALS);
        let sent = u32::try_from(sent).unwrap_or(u32::MAX);
        let took = Duration::from_secs_f64(f64::from(sent) / rate);
        // Time lost to a slow broker is not caught up with a burst.
        self.next_at = self.next_at.max(now.checked_sub(took).unwrap_or(now)) + took;
        self.next_at.saturating_duration_since(now)
    }

    /// Arrivals a second, smoothed over about a second.
    fn learn(&mut self, arrived: u64, now: Instant) {
        let Some((before, at)) = self.seen else {
            self.seen = Some((arrived, now));
            return;
        };
        let passed = now.saturating_duration_since(at).as_secs_f64();
        if passed < 0.05 {
            return;
        }
        let came = u32::try_from(arrived.saturating_sub(before)).unwrap_or(u32::MAX);
        let weight = passed.min(1.0);
        self.arriving += (f64::from(came) / passed - self.arriving) * weight;
        self.seen = Some((arrived, now));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Sends batches of a hundred for ten seconds while so many arrive; how many went out.
    fn sent(per_second: u32, arriving: u64) -> u64 {
        let start = Instant::now();
        let mut pace = Pace::new(per_second, start);
        let (mut now, mut sent) = (start, 0);
        while now < start + Duration::from_secs(10) {
            let passed = u64::try_from((now - start).as_millis()).unwrap();
            now += pace.wait(100, passed * arriving / 1_000, now);
            now += Duration::from_millis(1);
            sent += 100;
        }
        sent
    }

    #[test]
    fn a_quiet_queue_is_drained_at_the_rate_that_was_set() {
        let sent = sent(1_000, 0);
        assert!((9_000..=10_200).contains(&sent), "{sent}");
    }

    #[test]
    fn a_queue_that_fills_is_drained_twice_as_fast_as_it_does() {
        let sent = sent(1_000, 5_000);
        assert!(sent >= 80_000, "{sent}");
    }
}
