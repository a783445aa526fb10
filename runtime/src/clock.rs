//! The only place that reads the system's clock; everything else is handed one.

use std::fmt::Debug;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

/// A clock that can be handed around and replaced in tests.
pub type SharedClock = Arc<dyn Clock>;

/// Tells the time as UTC instants since 1970.
pub trait Clock: Debug + Send + Sync {
    /// Microseconds since 1970-01-01T00:00:00Z.
    fn now_micros(&self) -> i64;

    /// Milliseconds since 1970-01-01T00:00:00Z, the unit of Kafka's record times.
    fn now_ms(&self) -> i64 {
        self.now_micros().div_euclid(1_000)
    }
}

/// The machine's clock. May jump: never measure a duration with it.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the one place that reads it"
    )]
    fn now_micros(&self) -> i64 {
        let micros = match SystemTime::now().duration_since(UNIX_EPOCH) {
            Ok(since) => i64::try_from(since.as_micros()),
            Err(before) => i64::try_from(before.duration().as_micros()).map(|micros| -micros),
        };
        micros.unwrap_or(i64::MAX)
    }
}

/// A clock that stands still until it is moved by hand.
#[derive(Debug)]
pub struct ManualClock(AtomicI64);

impl ManualClock {
    /// Stands at `micros` since 1970.
    pub fn at_micros(micros: i64) -> Self {
        Self(AtomicI64::new(micros))
    }

    /// Stands at `ms` milliseconds since 1970.
    pub fn at_ms(ms: i64) -> Self {
        Self::at_micros(ms.saturating_mul(1_000))
    }

    /// Jumps to `micros` since 1970, backwards too.
    pub fn set_micros(&self, micros: i64) {
        self.0.store(micros, Ordering::SeqCst);
    }

    /// Moves by `ms` milliseconds; a negative number moves it back.
    pub fn advance_ms(&self, ms: i64) {
        self.0.fetch_add(ms.saturating_mul(1_000), Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now_micros(&self) -> i64 {
        self.0.load(Ordering::SeqCst)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manual_clock_stands_still_until_it_is_moved() {
        let clock = ManualClock::at_ms(1_000);
        assert_eq!((clock.now_ms(), clock.now_micros()), (1_000, 1_000_000));
        clock.advance_ms(-1_500);
        assert_eq!(clock.now_micros(), -500_000);
        clock.set_micros(1_999);
        assert_eq!(clock.now_ms(), 1);
    }

    #[test]
    fn milliseconds_before_1970_round_down_as_all_others() {
        assert_eq!(ManualClock::at_micros(-1).now_ms(), -1);
    }

    #[test]
    fn the_system_clock_lies_after_this_was_written() {
        let clock: SharedClock = Arc::new(SystemClock);
        assert!(clock.now_ms() > 1_735_689_600_000);
    }
}
