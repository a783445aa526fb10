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
    /// Looks until shutdown.
    ///
    /// # Errors
    /// When the spool's writer has ended: a new process starts it again.
    pub async fn run(self, shutdown: Shutdown) -> anyhow::Result<()> {
        loop {
            self.look();
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

    fn look(&self) {
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
