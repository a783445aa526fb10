//! Where a webhook becomes safe: in Kafka if it confirms at once, else on disk.
//!
//! While anything waits on disk, everything new waits behind it, so that what came first is read
//! first. A webhook that Kafka did not confirm in time may lie in both places, under one receipt id:
//! whoever reads it knows it by that.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use runtime::blobs::{self, Blobs};
use schemas::raw_webhook::RawHeaders;
use tokio::time::{Instant, timeout};

use crate::{
    metrics::Metrics,
    rates::Ticket,
    raw_log::{Confirmation, Lane, Placed, RawLog, Record, Refused},
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
    pub async fn deliver(&self, webhook: Webhook) -> Result<(), Refused> {
        let late = |_| Refused::Failed("not confirmed in time".into());
        let Some(spool) = &self.spool else {
            let sent = timeout(self.within, self.to_kafka(&webhook)).await;
            let placed = sent.map_err(late).flatten()?;
            webhook.ticket.placed(placed);
            return Ok(());
        };
        let detour = if !spool.is_empty() {
            Detour::Behind
        } else if !self.log.is_up() {
            Detour::Down
        } else {
            match timeout(self.patience(&webhook), self.to_kafka(&webhook)).await {
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
        let kept = timeout(self.within, to_disk(spool, webhook)).await;
        kept.map_err(late).flatten()
    }

    /// A body for the blob store takes longer than a record.
    fn patience(&self, webhook: &Webhook) -> Duration {
        if webhook.body.len() > self.record_bytes_max {
            self.within
        } else {
            self.spool_after
        }
    }

    async fn to_kafka(&self, webhook: &Webhook) -> Result<Placed, Refused> {
        let since = Instant::now();
        let lane = webhook.ticket.lane();
        let Webhook {
            headers,
            body,
            placement,
            ..
        } = webhook;
        let record = (*placement, lane);
        let confirmation = self.hand_over(headers, body, record).await?;
        let lost = |_| Err(Refused::Failed("never confirmed".into()));
        let placed = confirmation.await.unwrap_or_else(lost)?;
        self.metrics.durable(since.elapsed());
        Ok(placed)
    }

    /// Hands a record over to Kafka; waits only for the blob store, and only with a body that no
    /// record holds.
    pub(crate) async fn hand_over(
        &self,
        headers: &RawHeaders,
        body: &Bytes,
        (placement, lane): (u64, Lane),
    ) -> Result<Confirmation, Refused> {
        let is_large = body.len() > self.record_bytes_max;
        let apart = if is_large {
            Some(self.beside(headers, body.clone()).await?)
        } else {
            None
        };
        self.log.append(&Record {
            headers: apart.as_ref().unwrap_or(headers),
            body: if is_large { &[] } else { body },
            placement,
            lane,
        })
    }

    /// Puts a body into the blob store; the headers say where it is.
    async fn beside(&self, headers: &RawHeaders, body: Bytes) -> Result<RawHeaders, Refused> {
        let blobs = self.blobs.as_ref().ok_or(Refused::Full)?;
        let tenant = headers.tenant.as_str();
        let path = blobs::path(blobs::Kind::Body, tenant, &headers.body_sha256);
        blobs.put(&path, body).await.map_err(|error| {
            let why = anyhow::Error::from(error);
            tracing::warn!(error = format!("{why:#}"), "the blob store takes no body");
            Refused::Failed("the blob store took no body".into())
        })?;
        Ok(RawHeaders {
            body_ref: Some(path),
            ..headers.clone()
        })
    }
}

async fn to_disk(spool: &Spool, webhook: Webhook) -> Result<(), Refused> {
    let Webhook {
        mut headers,
        body,
        placement,
        ticket,
    } = webhook;
    headers.spooled = true;
    let pairs = headers
        .to_pairs()
        .into_iter()
        .map(|(name, value)| (name.into_owned(), value.into_owned().into_bytes()))
        .collect();
    let entry = Entry {
        overflow: ticket.lane() == Lane::Overflow,
        placement,
        headers: pairs,
        body,
    };
    spool
        .append(entry)
        .await
        .map_err(|error| Refused::Failed(error.to_string()))?;
    ticket.spooled();
    Ok(())
}

#[cfg(test)]
mod tests;
