//! What is looked at every second: the disk, Kafka, and failures that no longer count.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use runtime::{clock::SharedClock, health::Part, shutdown::Shutdown};
use schemas::Micros;

use crate::{
    delivery::Delivery,
    failures::{Failures, Left},
    metrics::Metrics,
    spool::Spool,
};

const LOOK_EVERY: Duration = Duration::from_secs(1);

/// What is looked at.
pub struct Housekeeping {
    /// Whether Kafka takes records, and the disk.
    pub delivery: Arc<Delivery>,
    /// How much waits on disk, and how much may.
    pub spool: Option<(Spool, u64)>,
    /// What the disk says of its health.
    pub part: Part,
    /// Failures answered.
    pub failures: Arc<Failures>,
    /// Where it is told.
    pub metrics: Arc<Metrics>,
    /// The time.
    pub clock: SharedClock,
}

impl std::fmt::Debug for Housekeeping {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Housekeeping").finish_non_exhaustive()
    }
}

impl Housekeeping {
    /// Tells when the limit in bytes begins to send webhooks away, and when it has ended; what a disk
    /// refuses is told where it does.
    fn tell(limit: &mut Limit, is_refusing: bool, bytes: u64, bytes_max: u64) {
        match limit.look(is_refusing, bytes, bytes_max) {
            Some(true) => tracing::error!(
                bytes,
                "the spool holds all that it may (spool.bytes_max): what Kafka does not take at once is answered with \
                 503; bring Kafka back, so that it drains, or raise the limit"
            ),
            Some(false) => tracing::info!(bytes, "the spool is below its limit again"),
            None => {}
        }
    }

    /// Looks until shutdown.
    ///
    /// # Errors
    /// When the spool's writer has ended: a new process starts it again.
    pub async fn run(self, shutdown: Shutdown) -> anyhow::Result<()> {
        let mut limit = Limit::default();
        loop {
            self.look(&mut limit);
            let spool = self.spool.as_ref();
            if spool.is_some_and(|(spool, _)| spool.is_dead()) {
                anyhow::bail!("the spool's writer has ended; the process must be started again");
            }
            tokio::select! {
                () = shutdown.requested() => return Ok(()),
                () = tokio::time::sleep(LOOK_EVERY) => {}
            }
        }
    }

    fn look(&self, limit: &mut Limit) {
        let is_up = self.delivery.log.is_up();
        let now = self.clock.now_micros();
        self.metrics.kafka_up(is_up);
        for failing in self.failures.sweep(Micros(now)) {
            self.metrics.attempts_left(&failing, Left::All);
        }
        let Some((spool, bytes_max)) = &self.spool else {
            self.part.ready();
            return;
        };
        let stats = spool.stats();
        self.metrics.spool(&stats, *bytes_max, now);
        Self::tell(limit, spool.was_full(), stats.bytes, *bytes_max);
        let refused = self.delivery.disk_refused.swap(false, Ordering::Relaxed);
        // A refusal is news of a second ago; a full disk stays full while nobody comes.
        let is_full = || stats.bytes >= *bytes_max / 100 * 98 || !spool.has_room();
        // While Kafka takes records a webhook finds its way past a full disk.
        if !is_up && (refused || is_full()) {
            self.part.not_ready(
                "full or failing, and webhooks need it (spool.bytes_max, the disk): bring Kafka back",
            );
        } else {
            self.part.ready();
        }
    }
}

/// Whether the spool sends webhooks away for its limit in bytes.
#[derive(Debug, Default)]
struct Limit {
    is_reached: bool,
}

impl Limit {
    /// What changed. A little room comes and goes while a full spool drains, so it must be a tenth.
    fn look(&mut self, is_refusing: bool, bytes: u64, bytes_max: u64) -> Option<bool> {
        let was_reached = self.is_reached;
        self.is_reached = is_refusing || was_reached && bytes >= bytes_max / 10 * 9;
        (self.is_reached != was_reached).then_some(self.is_reached)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_that_is_reached_is_told_once_and_so_is_its_end() {
        let mut limit = Limit::default();
        let looks = [
            (false, 99),
            (true, 99),
            (true, 100),
            (false, 95),
            (true, 99),
            (false, 89),
        ];
        let told = looks.map(|(is_refusing, bytes)| limit.look(is_refusing, bytes, 100));
        assert_eq!(told, [None, Some(true), None, None, None, Some(false)]);
    }
}
