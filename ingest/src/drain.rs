//! The way back from the disk: what waits there goes to Kafka in the order in which it came, and
//! leaves the disk once Kafka has it.
//!
//! A broker that has just come back gets a handful first. After that it goes as fast as the setting
//! says, and never slower than twice what keeps coming in: new webhooks queue up behind the old ones,
//! and the end of the queue must come nearer.

mod pace;
mod refused;

use std::{
    path::PathBuf,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use runtime::{backoff::Backoff, shutdown::Shutdown};
use schemas::raw_webhook::{InvalidHeader, RawHeaders};
use tokio::time::{Instant, sleep, timeout_at};

use self::pace::Pace;
use crate::{
    delivery::Delivery,
    metrics::Metrics,
    overflow::LeftOver,
    raw_log::{Confirmation, Lane, Placed, Record, Refused},
    spool::{Entry, Sequence, Spool, SpoolError},
    tenants::Current,
};

/// In flight at once: a small part of what the producer's queue holds, beside new webhooks.
const BATCH_BYTES: usize = 2 << 20;
const PROBE_BYTES: usize = 16 << 10;
/// When so few wait, new webhooks wait for the last of them instead of joining them.
const FEW: u64 = 4_000;
/// Moving the disk's cursor costs two syncs; a crash before it sends again what is known by its receipt.
const SETTLE_EVERY: Duration = Duration::from_millis(200);
/// Beyond what a record may wait in the producer.
const CONFIRMATION_SLACK: Duration = Duration::from_secs(5);
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
    /// What the process before this one left on the disk.
    pub left: Arc<LeftOver>,
    /// Where entries go that Kafka will never take.
    pub refused: PathBuf,
    /// Entries a second, at the least.
    pub per_second: u32,
    /// Counts.
    pub metrics: Arc<Metrics>,
}

impl Drain {
    /// Drains whatever arrives, until shutdown; what is left then is drained by the next process.
    ///
    /// # Errors
    /// Only when a thread can't be had: a disk that fails is tried again.
    pub async fn run(self, shutdown: Shutdown) -> anyhow::Result<()> {
        tokio::select! {
            () = shutdown.requested() => Ok(()),
            ended = self.forever() => ended,
        }
    }

    async fn forever(&self) -> anyhow::Result<()> {
        let mut backoff = Backoff::new(AGAIN_AFTER.0, AGAIN_AFTER.1);
        let (mut bytes_max, mut drained) = (PROBE_BYTES, 0);
        loop {
            self.spool.arrived().await;
            while !self.delivery.log.is_up() {
                bytes_max = PROBE_BYTES;
                sleep(LOOK_EVERY).await;
            }
            let (through, ended) = self.until_empty(&mut bytes_max).await?;
            drained += through;
            // What got through and can't be settled is sent again: no reason for haste.
            if ended.is_ok() {
                backoff.reset();
            }
            if self.spool.is_empty() {
                self.delivery.door.open();
                tracing::info!(drained, "all webhooks from the disk are in kafka");
                drained = 0;
            }
            if let Err(why) = ended {
                self.delivery.door.open();
                bytes_max = PROBE_BYTES;
                let wait = backoff.next();
                tracing::warn!(%why, retry_ms = wait.as_millis(), "the disk can't be drained yet");
                sleep(wait).await;
            }
        }
    }

    /// Drains until nothing is left or Kafka refuses; gives how many got through, and why no more.
    async fn until_empty(
        &self,
        bytes_max: &mut usize,
    ) -> anyhow::Result<(usize, Result<(), Refused>)> {
        let (mut drained, mut unsettled) = (0, Unsettled::none(Instant::now()));
        let mut pace = Pace::new(self.per_second, Instant::now());
        loop {
            let batch = match self.read(unsettled.through, *bytes_max).await? {
                Ok(batch) => batch,
                Err(why) => {
                    let settled = self.settle(&mut unsettled).await?;
                    return Ok((drained, settled.and(Err(disk(&why)))));
                }
            };
            if batch.is_empty() {
                let settled = self.settle(&mut unsettled).await?;
                return Ok((drained, settled));
            }
            let (through, ended) = self.send(&batch).await;
            // Only what lies before the first failure leaves the disk.
            let last = through.checked_sub(1).and_then(|at| batch.get(at));
            unsettled.add(last.map(|(last, _)| *last), through);
            drained += through;
            let is_last = !self.spool.has_more_than(unsettled.entries as u64);
            if ended.is_err() || is_last || unsettled.since.elapsed() >= SETTLE_EVERY {
                let settled = self.settle(&mut unsettled).await?;
                if settled.is_err() || ended.is_err() {
                    return Ok((drained, ended.and(settled)));
                }
            }
            *bytes_max = BATCH_BYTES;
            let arrived = self.delivery.spooled.load(Ordering::Relaxed);
            let wait = pace.wait(through, arrived, Instant::now());
            if self.spool.has_more_than(FEW) {
                sleep(wait).await;
            } else {
                // Somebody waits for these.
                self.delivery.door.close();
            }
        }
    }

    /// Sends a batch in its order; gives how many from its beginning are done with.
    async fn send(&self, batch: &[(Sequence, Entry)]) -> (usize, Result<(), Refused>) {
        let deadline = Instant::now() + self.delivery.within + CONFIRMATION_SLACK;
        let (mut on_their_way, mut ended) = (Vec::with_capacity(batch.len()), Ok(()));
        for (sequence, entry) in batch {
            match self.hand_over(entry) {
                Ok(sent) => on_their_way.push((*sequence, entry, sent)),
                Err(why) => {
                    ended = Err(why);
                    break;
                }
            }
        }
        let mut through = 0;
        for (sequence, entry, sent) in on_their_way {
            let reported = match sent {
                Sent::Sent(confirmation) => confirmed(confirmation, deadline).await,
                Sent::Never(why) => Err(Refused::Unfit(why)),
            };
            let done = match reported {
                Ok(placed) => {
                    self.leaves(sequence, entry, Some(placed));
                    Ok(())
                }
                Err(Refused::Unfit(why)) => self.unfit(sequence, entry, why).await,
                Err(why) => Err(why),
            };
            if done.is_err() {
                return (through, done);
            }
            through += 1;
        }
        (through, ended)
    }

    fn hand_over(&self, entry: &Entry) -> Result<Sent, Refused> {
        let headers = match headers(entry) {
            Ok(headers) => headers,
            Err(header) => return Ok(Sent::Never(header.to_string())),
        };
        let handed = self.delivery.log.append(&Record {
            headers: &headers,
            body: &entry.body,
            placement: entry.placement,
            lane: lane(entry),
        });
        match handed {
            Ok(confirmation) => Ok(Sent::Sent(confirmation)),
            Err(Refused::Unfit(why)) => Ok(Sent::Never(why)),
            Err(why) => Err(why),
        }
    }

    /// An entry that Kafka does not take as it is goes there without its body, or aside.
    async fn unfit(&self, sequence: Sequence, entry: &Entry, why: String) -> Result<(), Refused> {
        if let Ok(headers) = headers(entry)
            && self.delivery.may_go_without_body(&entry.body)
        {
            match self.without_body(entry, headers).await {
                Ok(placed) => {
                    self.leaves(sequence, entry, Some(placed));
                    return Ok(());
                }
                Err(Refused::Unfit(_)) => {}
                Err(why) => return Err(why),
            }
        }
        self.set_aside(sequence, entry, why).await?;
        self.leaves(sequence, entry, None);
        Ok(())
    }

    async fn without_body(
        &self,
        entry: &Entry,
        mut headers: RawHeaders,
    ) -> Result<Placed, Refused> {
        headers.body_ref = Some(self.delivery.put_body(&headers, &entry.body).await?);
        let confirmation = self.delivery.log.append(&Record {
            headers: &headers,
            body: &[],
            placement: entry.placement,
            lane: lane(entry),
        })?;
        let deadline = Instant::now() + self.delivery.within + CONFIRMATION_SLACK;
        confirmed(confirmation, deadline).await
    }

    /// An entry that Kafka will never take must not hold up those behind it: it is kept beside the
    /// spool, for people.
    async fn set_aside(
        &self,
        Sequence(sequence): Sequence,
        entry: &Entry,
        why: String,
    ) -> Result<(), Refused> {
        let (folder, entry) = (self.refused.clone(), entry.clone());
        let text = why.clone();
        let keep = move || refused::keep(&folder, sequence, &entry, &text);
        let kept = tokio::task::spawn_blocking(keep).await;
        let told = |error: &dyn std::fmt::Display| Refused::Failed(format!("spool: {error}"));
        kept.map_err(|error| told(&error))?
            .map_err(|error| told(&error))?;
        let folder = self.refused.display();
        tracing::error!(sequence, why, %folder, "kafka will never take a webhook; it is kept there");
        self.metrics.spool_refused();
        Ok(())
    }

    /// An entry of the overflow lane leaves the disk for its place there, or for none.
    fn leaves(&self, sequence: Sequence, entry: &Entry, placed: Option<Placed>) {
        let Some(tenant) = entry.tenant().filter(|_| entry.overflow) else {
            return;
        };
        let is_own = self.left.is_own(sequence);
        let tenants = self.tenants.load();
        let known = tenants.as_deref().and_then(|all| all.tenant(&tenant));
        match (known.map(|tenant| &tenant.traffic().usage), placed) {
            (Some(usage), Some(placed)) => usage.drained(placed, is_own),
            (Some(usage), None) if is_own => usage.set_aside(),
            (None, Some(placed)) if !is_own => self.left.keep(&tenant, placed),
            // An earlier process's are not counted; nor is what a tenant did that is gone.
            (Some(_) | None, Some(_) | None) => {}
        }
    }

    async fn read(
        &self,
        after: Option<Sequence>,
        bytes_max: usize,
    ) -> anyhow::Result<Result<Vec<(Sequence, Entry)>, SpoolError>> {
        let spool = self.spool.clone();
        Ok(tokio::task::spawn_blocking(move || spool.read(after, bytes_max)).await?)
    }

    /// Moves the disk's cursor over what is in Kafka.
    async fn settle(&self, unsettled: &mut Unsettled) -> anyhow::Result<Result<(), Refused>> {
        let Some(through) = unsettled.through else {
            return Ok(Ok(()));
        };
        let spool = self.spool.clone();
        let settled = tokio::task::spawn_blocking(move || spool.settle(through)).await?;
        if let Err(why) = settled {
            return Ok(Err(disk(&why)));
        }
        self.metrics.drained(unsettled.entries);
        *unsettled = Unsettled::none(Instant::now());
        Ok(Ok(()))
    }
}

/// What is in Kafka and not behind the disk's cursor yet.
struct Unsettled {
    through: Option<Sequence>,
    entries: usize,
    since: Instant,
}

impl Unsettled {
    const fn none(since: Instant) -> Self {
        Self {
            through: None,
            entries: 0,
            since,
        }
    }

    fn add(&mut self, through: Option<Sequence>, entries: usize) {
        self.through = through.or(self.through);
        self.entries += entries;
    }
}

/// What became of an entry that was handed over.
enum Sent {
    /// Who will say whether Kafka has it.
    Sent(Confirmation),
    /// No attempt will ever succeed, for this.
    Never(String),
}

fn headers(entry: &Entry) -> Result<RawHeaders, InvalidHeader> {
    let pairs = entry.headers.iter();
    RawHeaders::from_pairs(pairs.map(|(name, value)| (name.as_str(), value.as_slice())))
}

fn lane(entry: &Entry) -> Lane {
    if entry.overflow {
        Lane::Overflow
    } else {
        Lane::Normal
    }
}

fn disk(error: &SpoolError) -> Refused {
    Refused::Failed(error.to_string())
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
