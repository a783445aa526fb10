//! How much is done between two looks, and how much a transaction holds: less after one that failed,
//! so that what is too much together gets through one by one.

use std::time::{Duration, Instant};

/// Records that are taken between two looks at the clock, which cost as much as a small record.
const RUN_MAX: usize = 64;
/// What such a run reads and writes. A record's work grows with its bytes: without this bound 64 large
/// ones would outlive their transaction, each time anew.
const RUN_BYTES_MAX: usize = 256 * 1024;
/// A transaction's records while all goes well, and what it reads and writes.
const RECORDS_MAX: usize = 10_000;
const BYTES_MAX: usize = 16 * 1024 * 1024;
/// However often it fails: most records fit.
const BYTES_LEAST: usize = 64 * 1024;
/// So many failures in a row are told to whoever asks whether the service is ready.
const FAILURES_TOLD: u32 = 3;
/// Who has read nothing for so long has nothing left that could fail.
const QUIET: Duration = Duration::from_secs(2);

/// What the last transactions teach about the next.
#[derive(Debug)]
pub(super) struct Pace {
    records_max: usize,
    bytes_max: usize,
    failures: u32,
    /// Since when nothing was read and no transaction is open.
    quiet_since: Option<Instant>,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            records_max: RECORDS_MAX,
            bytes_max: BYTES_MAX,
            failures: 0,
            quiet_since: None,
        }
    }
}

impl Pace {
    /// One failed that held so many records and bytes. What time alone released has no records.
    pub(super) fn failed(&mut self, records: usize, bytes: usize) {
        self.failures = self.failures.saturating_add(1);
        self.quiet_since = None;
        if records > 0 {
            self.records_max = (records / 2).clamp(1, RECORDS_MAX);
        }
        if bytes > 0 {
            self.bytes_max = (bytes / 2).clamp(BYTES_LEAST, BYTES_MAX);
        }
    }

    /// One was committed.
    pub(super) fn committed(&mut self) {
        self.failures = 0;
        self.records_max = (self.records_max * 2).min(RECORDS_MAX);
        self.bytes_max = (self.bytes_max * 2).min(BYTES_MAX);
    }

    /// Whether the last look found nothing to do: after a while what failed has passed.
    pub(super) fn quiet(&mut self, is_quiet: bool, now: Instant) {
        let since = self.quiet_since.filter(|_| is_quiet);
        if since.is_some_and(|since| now.saturating_duration_since(since) >= QUIET) {
            self.failures = 0;
        }
        self.quiet_since = if is_quiet { since.or(Some(now)) } else { None };
    }

    /// Whether nothing gets through for a while now.
    pub(super) const fn is_stuck(&self) -> bool {
        self.failures >= FAILURES_TOLD
    }

    /// Whether a transaction of so many records and bytes takes no more.
    pub(super) const fn is_reached(&self, records: usize, bytes: usize) -> bool {
        records >= self.records_max || bytes >= self.bytes_max
    }
}

/// What was taken since the last look at the clock.
#[derive(Debug)]
pub(super) struct Run {
    records: usize,
    bytes_before: usize,
}

impl Run {
    /// `bytes`: what was read and written in the transaction so far.
    pub(super) const fn begin(bytes: usize) -> Self {
        Self {
            records: 0,
            bytes_before: bytes,
        }
    }

    /// One more record, after which there are so many bytes; whether another may follow at once.
    pub(super) const fn goes_on(&mut self, bytes: usize) -> bool {
        self.records += 1;
        self.records < RUN_MAX && bytes.saturating_sub(self.bytes_before) < RUN_BYTES_MAX
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_ends_after_many_small_records_or_a_large_one() {
        let mut small = Run::begin(5_000);
        let taken = (1..).take_while(|n| small.goes_on(5_000 + n * 1_000));
        assert_eq!(taken.count(), RUN_MAX - 1);
        assert!(!Run::begin(5_000).goes_on(5_000 + RUN_BYTES_MAX));
    }

    #[test]
    fn what_time_alone_released_shrinks_by_its_bytes() {
        let mut pace = Pace::default();
        assert!(!pace.is_reached(0, BYTES_MAX - 1) && pace.is_reached(0, BYTES_MAX));
        pace.failed(0, BYTES_MAX);
        assert!(pace.is_reached(0, BYTES_MAX / 2) && !pace.is_reached(9_999, 0));
        (0..20).for_each(|_| pace.failed(0, 1));
        assert!(!pace.is_reached(0, BYTES_LEAST - 1));
        (0..20).for_each(|_| pace.committed());
        assert!(!pace.is_reached(0, BYTES_MAX - 1));
    }

    #[test]
    fn what_failed_is_forgotten_once_there_was_nothing_to_do_for_a_while() {
        let (mut pace, begin) = (Pace::default(), Instant::now());
        let after = |seconds| begin + Duration::from_secs(seconds);
        (0..FAILURES_TOLD).for_each(|_| pace.failed(0, 0));
        for (second, is_quiet, is_stuck) in [
            (0, true, true),
            (1, true, true),
            (2, false, true),
            (3, true, true),
            (4, true, true),
            (5, true, false),
        ] {
            pace.quiet(is_quiet, after(second));
            assert_eq!(pace.is_stuck(), is_stuck, "{second}");
        }
    }

    #[test]
    fn transactions_shrink_while_they_fail_and_grow_again() {
        let mut pace = Pace::default();
        assert!(!pace.is_reached(RECORDS_MAX - 1, 0) && pace.is_reached(RECORDS_MAX, 0));
        pace.failed(9, 0);
        assert!(!pace.is_reached(3, 0) && pace.is_reached(4, 0));
        // Nothing was read: that says nothing about how much is too much.
        pace.failed(0, 0);
        assert!(!pace.is_stuck() && !pace.is_reached(3, 0));
        pace.failed(1, 0);
        assert!(pace.is_stuck() && pace.is_reached(1, 0));
        pace.committed();
        assert!(!pace.is_stuck() && !pace.is_reached(1, 0) && pace.is_reached(2, 0));
        (0..20).for_each(|_| pace.committed());
        assert!(!pace.is_reached(RECORDS_MAX - 1, 0) && pace.is_reached(RECORDS_MAX, 0));
    }
}
