//! How long to wait before trying again.

use std::time::Duration;

/// Doubling waits with a jitter that depends on the attempt alone, so that a test can state them.
#[derive(Debug, Clone)]
pub struct Backoff {
    first: Duration,
    most: Duration,
    attempt: u32,
}

/// Beyond this the wait no longer doubles; any sensible `most` is reached long before.
const DOUBLINGS_MAX: u32 = 20;

impl Backoff {
    /// Begins at about `first` and never waits longer than `most`.
    pub fn new(first: Duration, most: Duration) -> Self {
        Self {
            first,
            most,
            attempt: 0,
        }
    }

    /// The wait before the next attempt: between three quarters and all of the doubled wait.
    #[expect(
        clippy::should_implement_trait,
        reason = "it never ends, so it is no iterator"
    )]
    pub fn next(&mut self) -> Duration {
        let doubled = self
            .first
            .saturating_mul(1_u32 << self.attempt.min(DOUBLINGS_MAX));
        let wait = doubled.min(self.most);
        let taken = wait / 400 * jitter_percent(self.attempt);
        self.attempt = self.attempt.saturating_add(1);
        wait.saturating_sub(taken)
    }

    /// How many waits there were since the last success.
    pub fn attempts(&self) -> u32 {
        self.attempt
    }

    /// Back to `first`: the thing waited for has worked.
    pub fn reset(&mut self) {
        self.attempt = 0;
    }
}

/// 0 to 99, scattered over the attempts (Knuth's multiplicative hash).
fn jitter_percent(attempt: u32) -> u32 {
    (attempt.wrapping_mul(2_654_435_761) >> 16) % 100
}

#[cfg(test)]
mod tests {
    use super::*;

    fn waits(count: usize) -> Vec<Duration> {
        let mut backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(5));
        (0..count).map(|_| backoff.next()).collect()
    }

    #[test]
    fn waits_double_up_to_the_most_and_jitter_takes_at_most_a_quarter() {
        for (attempt, wait) in waits(40).into_iter().enumerate() {
            let full = Duration::from_millis(100 << attempt.min(20)).min(Duration::from_secs(5));
            assert!(
                wait <= full && wait >= full * 3 / 4,
                "attempt {attempt} waits {wait:?}"
            );
        }
    }

    #[test]
    fn the_same_attempt_always_waits_the_same() {
        assert_eq!(waits(10), waits(10));
    }

    #[test]
    fn after_a_reset_it_begins_anew() {
        let mut backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(5));
        let first = backoff.next();
        backoff.next();
        assert_eq!(backoff.attempts(), 2);
        backoff.reset();
        assert_eq!(backoff.next(), first);
    }

    #[test]
    fn no_number_of_attempts_overflows() {
        let mut backoff = Backoff::new(Duration::MAX, Duration::MAX);
        backoff.attempt = u32::MAX;
        assert!(backoff.next() > Duration::ZERO);
    }
}
