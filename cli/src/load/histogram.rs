//! Durations counted in buckets, each less than two percent wide: a run of any length takes the same
//! few kilobytes, and two halves of a run can be added up.

use std::time::Duration;

/// Microseconds with a bucket of their own; each doubling above has half as many.
const STEPS: u64 = 128;
const STEP_BITS: u32 = STEPS.trailing_zeros();
/// Up to 2^40 microseconds, twelve days.
const DOUBLINGS: u64 = 40 - STEP_BITS as u64;
const BUCKETS: u64 = STEPS + DOUBLINGS * STEPS / 2;

/// Durations with a resolution of a microsecond.
#[derive(Clone, Debug)]
pub(crate) struct Histogram {
    counts: Vec<u64>,
    count: u64,
    micros: u128,
    longest: u64,
}

impl Default for Histogram {
    fn default() -> Self {
        Self {
            counts: vec![0; usize::try_from(BUCKETS).unwrap_or_default()],
            count: 0,
            micros: 0,
            longest: 0,
        }
    }
}

impl Histogram {
    pub(crate) fn add(&mut self, duration: Duration) {
        let micros = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
        if let Some(count) = self.counts.get_mut(bucket(micros)) {
            *count += 1;
        }
        self.count += 1;
        self.micros += u128::from(micros);
        self.longest = self.longest.max(micros);
    }

    pub(crate) fn merge(&mut self, other: &Self) {
        for (sum, count) in self.counts.iter_mut().zip(&other.counts) {
            *sum += count;
        }
        self.count += other.count;
        self.micros += other.micros;
        self.longest = self.longest.max(other.longest);
    }

    /// Empties it, keeping its memory.
    pub(crate) fn clear(&mut self) {
        self.counts.fill(0);
        (self.count, self.micros, self.longest) = (0, 0, 0);
    }

    /// The duration that this many of a thousand do not exceed; of nothing, zero.
    pub(crate) fn per_mille(&self, thousandths: u64) -> Duration {
        let rank = (u128::from(self.count) * u128::from(thousandths)).div_ceil(1000);
        let mut below = 0;
        for (index, count) in (0..).zip(&self.counts) {
            below += u128::from(*count);
            if below >= rank && below > 0 {
                return Duration::from_micros(upper(index).min(self.longest));
            }
        }
        self.max()
    }

    pub(crate) const fn max(&self) -> Duration {
        Duration::from_micros(self.longest)
    }

    pub(crate) fn mean(&self) -> Duration {
        let mean = self.micros.checked_div(u128::from(self.count));
        Duration::from_micros(mean.and_then(|mean| mean.try_into().ok()).unwrap_or(0))
    }
}

/// Where a duration counts: the highest bits decide.
fn bucket(micros: u64) -> usize {
    let bits = u64::BITS - micros.leading_zeros();
    let doubling = u64::from(bits.saturating_sub(STEP_BITS));
    let index = match doubling.checked_sub(1) {
        None => micros,
        Some(before) => STEPS / 2 + before * STEPS / 2 + (micros >> doubling),
    };
    usize::try_from(index.min(BUCKETS - 1)).unwrap_or(usize::MAX)
}

/// The largest duration of a bucket.
const fn upper(index: u64) -> u64 {
    if index < STEPS {
        return index;
    }
    let half = STEPS / 2;
    let (doubling, step) = ((index - STEPS) / half + 1, (index - STEPS) % half);
    ((half + step + 1) << doubling) - 1
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(micros: impl IntoIterator<Item = u64>) -> Histogram {
        let mut histogram = Histogram::default();
        for micros in micros {
            histogram.add(Duration::from_micros(micros));
        }
        histogram
    }

    #[test]
    fn every_duration_is_in_a_bucket_that_ends_less_than_two_percent_above_it() {
        for micros in (0..5_000).chain((1..30).map(|n| 1_000_003 * n)) {
            let index = bucket(micros) as u64;
            assert!(micros <= upper(index), "{micros}");
            assert!(upper(index) <= micros + micros / 60, "{micros}");
            assert!(index == 0 || upper(index - 1) < micros, "{micros}");
        }
        assert_eq!(bucket(u64::MAX) as u64, BUCKETS - 1);
    }

    #[test]
    fn percentiles_are_those_of_the_durations() {
        let histogram = of((1..=1_000).map(|n| n * 100));
        for (thousandths, micros) in [(500, 50_000), (990, 99_000), (999, 99_900)] {
            let found = histogram.per_mille(thousandths).as_micros();
            assert!((micros..micros + micros / 60).contains(&found), "{found}");
        }
        assert_eq!(histogram.per_mille(1_000), histogram.max());
        assert_eq!(histogram.max(), Duration::from_millis(100));
        assert_eq!(histogram.mean(), Duration::from_micros(50_050));
    }

    #[test]
    fn halves_add_up_and_nothing_is_zero() {
        let mut sum = of(1..=500);
        sum.merge(&of(501..=1_000));
        let whole = of(1..=1_000);
        assert_eq!(sum.per_mille(750), whole.per_mille(750));
        assert_eq!(sum.mean(), whole.mean());
        sum.clear();
        assert_eq!(sum.per_mille(500), Duration::ZERO);
        assert_eq!(sum.mean(), Duration::ZERO);
    }
}
