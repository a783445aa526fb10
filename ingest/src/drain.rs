//! The way back from the disk: what waits there goes to Kafka in the order in which it came, and
//! leaves the disk once Kafka has it.
//!
//! A broker that has just come back gets a handful first. After that it goes as fast as the setting
//! says, and never slower than twice what keeps coming in: new webhooks queue up behind the old ones,
//! and the end of the queue must come nearer.

mod pace;

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use anyhow::Context as _;
use runtime::{backoff::Backoff, shutdown::Shutdown};
use schemas::raw_webhook::RawHeaders;
use tokio::time::{Instant, sleep, timeout_at};

use self::pace::Pace;
use crate::{
    delivery::Delivery,
    metrics::Metrics,
    raw_log::{Confirmation, Lane, Placed, Refused},
    spool::{Entry, Sequence, Spool, SpoolError},
    tenants::Current,
};

const BATCH_BYTES: usize = 1 << 20;
/// In flight at once: a small part of what the producer's queue holds, beside new webhooks.
const BATCH_ENTRIES: usize = 2_000;
const PROBE_ENTRIES: usize = 16;
/// Longer than a record may wait in the producer.
const CONFIRMED_WITHIN: Duration = Duration::from_secs(15);
const LOOK_EVERY: Duration = Duration::from_millis(100);
const AGAIN_AFTER: (Duration, Duration) = (Duration::from_millis(250), Duration::from_secs(5));

/// Takes webhooks from the disk to Kafka.
#[derive(Debug)]
pub struct Drain {
    /// The disk.
    pub spool: Spool,
    /// The way to Kafka.
    pub delivery: Arc<Delivery>,
    /// Who may overflow.
    pub tenants: Arc<Current>,
    /// Entries a second, at the least.
    pub per_second: u32,
    /// Counts.
    pub metrics: Arc<Metrics>,
}

impl Drain {
    /// Drains whatever arrives, until shutdown; what is left then is drained by the next process.
    ///
    /// # Errors
    /// When the disk can't be read, or what it holds can't be understood by this version.
    pub async fn run(self, shutdown: Shutdown) -> anyhow::Result<()> {
        tokio::select! {
            () = shutdown.requested() => Ok(()),
            ended = self.forever() => ended,
        }
    }

    async fn forever(&self) -> anyhow::Result<()> {
        let mut backoff = Backoff::new(AGAIN_AFTER.0, AGAIN_AFTER.1);
        loop {
            self.spool.arrived().await;
            while !self.delivery.log.is_up() {
                sleep(LOOK_EVERY).await;
            }
            let (drained, ended) = self.until_empty().await?;
            if drained > 0 {
                backoff.reset();
                tracing::info!(drained, "webhooks from the disk are in kafka");
            }
            if let Err(why) = ended {
                let wait = backoff.next();
                tracing::warn!(%why, retry_ms = wait.as_millis(), "the disk can't be drained yet");
                sleep(wait).await;
            }
        }
    }

    /// Drains until nothing is left or Kafka refuses; gives how many got through, and why no more.
    async fn until_empty(&self) -> anyhow::Result<(usize, Result<(), Refused>)> {
        let (mut drained, mut entries_max) = (0, PROBE_ENTRIES);
        let mut pace = Pace::new(self.per_second, Instant::now());
        loop {
            let batch = match self.read(entries_max).await? {
                Ok(batch) => understood(batch)?,
                Err(why @ SpoolError::Newer { .. }) => return Err(why.into()),
                Err(why) => return Ok((drained, Err(Refused::Failed(why.to_string())))),
            };
            if batch.is_empty() {
                return Ok((drained, Ok(())));
            }
            let (through, ended) = self.send(&batch).await;
            // Only what lies before the first failure leaves the disk.
            if let Some((last, _)) = through.checked_sub(1).and_then(|at| batch.get(at)) {
                self.settle(*last, through).await?;
            }
            drained += through;
            if ended.is_err() {
                return Ok((drained, ended));
            }
            entries_max = BATCH_ENTRIES;
            let arrived = self.delivery.spooled.load(Ordering::Relaxed);
            sleep(pace.wait(through, arrived, Instant::now())).await;
        }
    }

    /// Sends a batch in its order; gives how many from its beginning are in Kafka.
    async fn send(&self, batch: &[(Sequence, Waiting)]) -> (usize, Result<(), Refused>) {
        let deadline = Instant::now() + CONFIRMED_WITHIN;
        let (mut on_their_way, mut ended) = (Vec::with_capacity(batch.len()), Ok(()));
        for (_, waiting) in batch {
            match self.hand_over(waiting, deadline).await {
                Ok(confirmation) => on_their_way.push((waiting, confirmation)),
                Err(why) => {
                    ended = Err(why);
                    break;
                }
            }
        }
        let mut through = 0;
        for (waiting, confirmation) in on_their_way {
            match confirmed(confirmation, deadline).await {
                Ok(placed) => self.placed(waiting, placed),
                Err(why) => return (through, Err(why)),
            }
            through += 1;
        }
        (through, ended)
    }

    async fn hand_over(
        &self,
        waiting: &Waiting,
        deadline: Instant,
    ) -> Result<Confirmation, Refused> {
        let Waiting {
            headers,
            entry,
            lane,
        } = waiting;
        let record = (entry.placement, *lane);
        let handed = self.delivery.hand_over(headers, &entry.body, record);
        timeout_at(deadline, handed)
            .await
            .unwrap_or_else(|_| Err(late()))
    }

    fn placed(&self, waiting: &Waiting, placed: Placed) {
        if waiting.lane == Lane::Overflow {
            let tenants = self.tenants.load();
            let tenant = tenants.as_deref();
            if let Some(tenant) = tenant.and_then(|all| all.tenant(&waiting.headers.tenant)) {
                tenant.traffic().usage.drained(placed);
            }
        }
    }

    async fn read(
        &self,
        entries_max: usize,
    ) -> anyhow::Result<Result<Vec<(Sequence, Entry)>, SpoolError>> {
        let spool = self.spool.clone();
        let read = tokio::task::spawn_blocking(move || spool.read(None, BATCH_BYTES)).await?;
        Ok(read.map(|mut batch| {
            batch.truncate(entries_max);
            batch
        }))
    }

    async fn settle(&self, through: Sequence, entries: usize) -> anyhow::Result<()> {
        let spool = self.spool.clone();
        tokio::task::spawn_blocking(move || spool.settle(through))
            .await?
            .context("spool")?;
        self.metrics.drained(entries);
        Ok(())
    }
}

fn late() -> Refused {
    Refused::Failed("not confirmed in time".into())
}

async fn confirmed(confirmation: Confirmation, deadline: Instant) -> Result<Placed, Refused> {
    match timeout_at(deadline, confirmation).await {
        Ok(Ok(report)) => report,
        Ok(Err(_)) | Err(_) => Err(late()),
    }
}

/// An entry whose headers were read.
struct Waiting {
    headers: RawHeaders,
    entry: Entry,
    lane: Lane,
}

fn understood(batch: Vec<(Sequence, Entry)>) -> anyhow::Result<Vec<(Sequence, Waiting)>> {
    let understand = |(sequence, entry): (Sequence, Entry)| {
        let pairs = entry.headers.iter();
        let headers = RawHeaders::from_pairs(pairs.map(|(name, value)| (name.as_str(), &**value)))
            .context(
                "the spool holds a webhook that this version can't read; drain it with the version \
                 that wrote it (`waybill spool drain`)",
            )?;
        let lane = if entry.overflow {
            Lane::Overflow
        } else {
            Lane::Normal
        };
        let waiting = Waiting {
            headers,
            entry,
            lane,
        };
        Ok((sequence, waiting))
    };
    batch.into_iter().map(understand).collect()
}
