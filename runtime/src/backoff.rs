//! How long to wait before trying again.

use std::time::Duration;

/// Doubling waits with a jitter that depends on the attempt alone, so that a test can state them.
#[derive(Debug, Clone)]
pub struct Backoff {
    first: Duration,
    most: Duration,
    attempt: u32,
}

impl Backoff {
    /// Begins at `first` and never waits longer than `most`.
    pub fn new(first: Duration, most: Duration) -> Self {
        Self { first, most, attempt: 0 }
    }

    /// The wait before the next attempt.
    #[expect(clippy::should_implement_trait, reason = "it never ends, so it is no iterator")]
    pub fn next(&mut self) -> Duration {
        let doubled = self.first.saturating_mul(1_u32 << self.attempt.min(20));
        self.attempt = self.attempt.saturating_add(1);
        doubled.min(self.most)
    }

    /// Back to `first`: the thing waited for has worked.
    pub fn reset(&mut self) {
        self.attempt = 0;
    }
}
