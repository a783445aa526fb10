//! Where a webhook becomes safe: in Kafka if it confirms at once, else on disk.
//!
//! While anything waits on disk, everything new waits behind it, so that what came first is read
//! first. When only a few wait there, new ones wait in front of its door until these are in Kafka: else
//! there would always be some, as long as webhooks keep coming. A webhook that Kafka did not confirm in time may lie in both places, under one receipt id:
//! whoever reads it knows it by that.

mod door;
mod unfit;

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use runtime::blobs::{self, Blobs};
use schemas::raw_webhook::RawHeaders;
use tokio::time::{Instant, timeout};

pub use door::Door;
pub use unfit::Unfit;

use crate::{
    metrics::Metrics,
    rates::Ticket,
    raw_log::{Lane, Placed, RawLog, Record, Refused},
    spool::{Entry, Spool},
};

/// One webhook that is to become safe.
#[derive(Debug)]
pub struct Webhook {
    /// What is known about it.
    pub headers: RawHeaders,
    /// The exact bytes.
    pub body: Bytes,
    /// Chooses its partition.
    pub placement: u64,
    /// Its lane.
    pub ticket: Ticket,
}

/// Makes webhooks safe.
pub struct Delivery {
    /// Where they belong.
    pub log: Arc<dyn RawLog>,
    /// Where they are safe in the meantime.
    pub spool: Option<Spool>,
    /// Closed to new webhooks while the last of the disk go to Kafka.
    pub door: Door,
    /// Where bodies that no record holds are kept.
    pub blobs: Option<Blobs>,
    /// What a record holds.
    pub record_bytes_max: usize,
    /// How long Kafka may take before a webhook goes to the disk.
    pub spool_after: Duration,
    /// How long all of it may take.
    pub within: Duration,
    /// How many webhooks ever went to the disk.
    pub spooled: AtomicU64,
    /// Whether the disk refused a webhook since somebody looked.
    pub disk_refused: AtomicBool,
    /// What Kafka refused for what it is.
    pub unfit: Unfit,
    /// Counts.
    pub metrics: Arc<Metrics>,
}

impl std::fmt::Debug for Delivery {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Delivery")
            .field("spool_after", &self.spool_after)
            .field("within", &self.within)
            .finish_non_exhaustive()
    }
}

/// Why a webhook went to the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Detour {
    /// Others wait there already.
    Behind,
    /// Kafka is known to take nothing.
    Down,
    /// Kafka did not confirm in time.
    Late,
    /// Kafka's queue is full, or it refused.
    Refused,
}

impl Detour {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Behind, Self::Down, Self::Late, Self::Refused];

    /// Its word in metrics.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Behind => "behind",
            Self::Down => "down",
            Self::Late => "late",
            Self::Refused => "refused",
        }
    }
}

impl Delivery {
    /// Returns once the webhook is safe.
    ///
    /// # Errors
    /// [`Refused`] when neither Kafka nor the disk has it for sure.
    pub async fn deliver(&self, mut webhook: Webhook) -> Result<(), Refused> {
        if webhook.body.len() > self.record_bytes_max {
            // First, and alone: a store that is away must not hold up those that don't need it.
            self.put_beside(&mut webhook).await?;
        }
        let late = |_| Refused::Failed("not confirmed in time".into());
        let Some(spool) = &self.spool else {
            let sent = timeout(self.within, self.to_kafka(&mut webhook)).await;
            let placed = sent.map_err(late).flatten()?;
            webhook.ticket.placed(placed);
            return Ok(());
        };
        let detour = if !self.is_emptied(spool).await {
            Detour::Behind
        } else if !self.log.is_up() {
            Detour::Down
        } else {
            match timeout(self.spool_after, self.to_kafka(&mut webhook)).await {
                Ok(Ok(placed)) => {
                    webhook.ticket.placed(placed);
                    return Ok(());
                }
                // The disk would only keep it from being refused now: it never gets through.
                Ok(Err(unfit @ Refused::Unfit(_))) => return Err(unfit),
                Ok(Err(_)) => Detour::Refused,
                Err(_) => Detour::Late,
            }
        };
        self.spooled.fetch_add(1, Ordering::Relaxed);
        self.metrics.spooled(detour);
        let kept = timeout(self.within, self.to_disk(spool, webhook)).await;
        let Err((refused, mut webhook)) = kept.map_err(late)? else {
            return Ok(());
        };
        if !self.log.is_up() || matches!(detour, Detour::Late | Detour::Refused) {
            return Err(refused);
        }
        // A full disk is no reason to send carriers away while Kafka takes records: to come before those
        // that wait there is the lesser evil.
        let sent = timeout(self.spool_after, self.to_kafka(&mut webhook)).await;
        webhook.ticket.placed(sent.map_err(late).flatten()?);
        Ok(())
    }

    /// Whether nothing waits on the disk, or no more after a moment.
    async fn is_emptied(&self, spool: &Spool) -> bool {
        spool.is_empty() || self.door.opened(self.spool_after).await && spool.is_empty()
    }

    async fn to_kafka(&self, webhook: &mut Webhook) -> Result<Placed, Refused> {
        let since = Instant::now();
        let mut sent = self.sent(webhook).await;
        if let Err(Refused::Unfit(why)) = &sent {
            if self.unfit.begins(since) {
                self.tell_unfit(why, webhook);
            }
            if self.may_go_without_body(&webhook.body) {
                self.put_beside(webhook).await?;
                sent = self.sent(webhook).await;
            }
        }
        if sent.is_ok() {
            self.metrics.durable(since.elapsed());
        }
        sent
    }

    /// Whether a record that Kafka refused for what it is can be made another one. It may not even be too
    /// large itself: brokers refuse all that came in one request.
    pub(crate) fn may_go_without_body(&self, body: &[u8]) -> bool {
        self.blobs.is_some() && !body.is_empty()
    }

    fn tell_unfit(&self, why: &str, webhook: &Webhook) {
        let RawHeaders {
            tenant, endpoint, ..
        } = &webhook.headers;
        let bytes = webhook.body.len();
        let goes = if self.may_go_without_body(&webhook.body) {
            "its body goes to the blob store"
        } else {
            "the carrier gets 503"
        };
        tracing::error!(
            why, %tenant, %endpoint, bytes,
            "kafka refuses a webhook for what it is, {goes}: if it is its size, `waybill topics apply` sets what the topic \
             takes; more of them are not told one by one"
        );
    }

    async fn sent(&self, webhook: &Webhook) -> Result<Placed, Refused> {
        let lane = webhook.ticket.lane();
        let Webhook {
            headers,
            body,
            placement,
            ..
        } = webhook;
        let confirmation = self.log.append(&Record {
            headers,
            body,
            placement: *placement,
            lane,
        })?;
        let lost = |_| Err(Refused::Failed("never confirmed".into()));
        confirmation.await.unwrap_or_else(lost)
    }

    /// Puts a body into the blob store; the headers say where it is. Whoever gives up waiting still has
    /// the whole webhook.
    async fn put_beside(&self, webhook: &mut Webhook) -> Result<(), Refused> {
        let path = self.put_body(&webhook.headers, &webhook.body).await?;
        webhook.headers.body_ref = Some(path);
        webhook.body = Bytes::new();
        Ok(())
    }

    /// Puts a body into the blob store; gives where it is.
    pub(crate) async fn put_body(
        &self,
        headers: &RawHeaders,
        body: &Bytes,
    ) -> Result<String, Refused> {
        let refused = |why: &str| Refused::Failed(why.to_owned());
        let blobs = self
            .blobs
            .as_ref()
            .ok_or_else(|| refused("no blob store"))?;
        let tenant = headers.tenant.as_str();
        let path = blobs::path(blobs::Kind::Body, tenant, &headers.body_sha256);
        match timeout(self.within, blobs.put(&path, body.clone())).await {
            Ok(Ok(())) => Ok(path),
            Ok(Err(error)) => {
                let why = anyhow::Error::from(error);
                tracing::warn!(error = format!("{why:#}"), "the blob store takes no body");
                Err(refused("the blob store took no body"))
            }
            Err(_) => {
                tracing::warn!("the blob store takes no body in time");
                Err(refused("the blob store took no body in time"))
            }
        }
    }

    /// With a refusal the webhook comes back.
    async fn to_disk(&self, spool: &Spool, mut webhook: Webhook) -> Result<(), (Refused, Webhook)> {
        webhook.headers.spooled = true;
        let pairs = webhook
            .headers
            .to_pairs()
            .into_iter()
            .map(|(name, value)| (name.into_owned(), value.into_owned().into_bytes()))
            .collect();
        let kept = spool.append(Entry {
            overflow: webhook.ticket.lane() == Lane::Overflow,
            placement: webhook.placement,
            headers: pairs,
            body: webhook.body.clone(),
        });
        // From here on it may be on disk, whether or not somebody waits to hear so.
        let spooled = webhook.ticket.spooled();
        match kept.await {
            Ok(_) => Ok(()),
            Err(error) => {
                self.disk_refused.store(true, Ordering::Relaxed);
                webhook.ticket = spooled.gave_up();
                webhook.headers.spooled = false;
                Err((Refused::Failed(error.to_string()), webhook))
            }
        }
    }
}

#[cfg(test)]
mod tests;
