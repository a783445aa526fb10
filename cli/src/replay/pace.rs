//! How fast a replay writes: what it sends competes with what carriers send now.

use std::time::{Duration, Instant};

/// No more than so many records in a second, in the long run.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pace {
    began: Instant,
    rate: u32,
}

impl Pace {
    pub(crate) fn begin(rate: u32) -> Self {
        Self {
            began: Instant::now(),
            rate,
        }
    }

    /// A second's worth, so that no burst is longer than that.
    pub(crate) fn batch_max(&self, most: usize) -> usize {
        usize::try_from(self.rate).map_or(most, |rate| rate.min(most))
    }

    /// Returns when so many may have been written since the beginning.
    pub(crate) async fn wait(&self, written: u64) {
        let written = u32::try_from(written).unwrap_or(u32::MAX);
        let due = Duration::from_secs_f64(f64::from(written) / f64::from(self.rate));
        tokio::time::sleep(due.saturating_sub(self.began.elapsed())).await;
    }
}
