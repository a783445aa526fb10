//! What is in the blob store lives as long as the raw records that it came with: bodies, and the proofs of
//! delivery that the normalizer took out of them, which show people and their doors.

use std::{sync::Arc, time::Duration};

use runtime::{
    blobs::{Blobs, Kind},
    clock::SharedClock,
    shutdown::Shutdown,
};

use crate::delivery::Delivery;

const LOOK_EVERY: Duration = Duration::from_secs(3600);
/// Kafka deletes whole segments, and a webhook may have waited on disk before it came there.
const LONGER: Duration = Duration::from_secs(24 * 3600);

/// Deletes what no raw record names any more.
pub(crate) struct Bodies {
    /// The store of the bodies, and the disk.
    pub(crate) delivery: Arc<Delivery>,
    /// How long raw records live.
    pub(crate) raw_hours: u32,
    /// The time.
    pub(crate) clock: SharedClock,
}

impl std::fmt::Debug for Bodies {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Bodies").finish_non_exhaustive()
    }
}

impl Bodies {
    /// Looks every hour until shutdown; a store that is away is asked at the next look.
    ///
    /// # Errors
    /// Never by itself.
    pub(crate) async fn run(self, shutdown: Shutdown) -> anyhow::Result<()> {
        let Some(blobs) = self.delivery.blobs.clone() else {
            shutdown.requested().await;
            return Ok(());
        };
        loop {
            tokio::select! {
                () = shutdown.requested() => return Ok(()),
                () = self.look(&blobs) => {}
            }
            tokio::select! {
                () = shutdown.requested() => return Ok(()),
                () = tokio::time::sleep(LOOK_EVERY) => {}
            }
        }
    }

    async fn look(&self, blobs: &Blobs) {
        // What waits on disk names bodies too, however old it is.
        if self
            .delivery
            .spool
            .as_ref()
            .is_some_and(|spool| !spool.is_empty())
        {
            return;
        }
        let life = Duration::from_secs(u64::from(self.raw_hours) * 3600) + LONGER;
        let life = i64::try_from(life.as_micros()).unwrap_or(i64::MAX);
        let before = self.clock.now_micros().saturating_sub(life);
        forget(blobs, before).await;
    }
}

async fn forget(blobs: &Blobs, before: i64) {
    for (kind, what) in [(Kind::Body, "bodies"), (Kind::Proof, "proofs")] {
        match blobs.forget(kind, before).await {
            Ok(0) => {}
            Ok(deleted) => {
                tracing::info!(deleted, "{what} whose raw records are gone were deleted");
            }
            Err(error) => {
                let error = anyhow::Error::from(error);
                tracing::warn!(
                    error = format!("{error:#}"),
                    "old {what} can't be deleted yet"
                );
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn bodies_and_proofs_go_when_their_time_is_over_and_not_before() {
        let folder = tempfile::tempdir().unwrap();
        let blobs = Blobs::open(&format!("file://{}", folder.path().display())).unwrap();
        let paths = [Kind::Body, Kind::Proof].map(|kind| runtime::blobs::path(kind, "acme", "ab"));
        for path in &paths {
            blobs.put(path, "x").await.unwrap();
        }
        forget(&blobs, 0).await;
        for path in &paths {
            assert!(blobs.get(path).await.is_ok());
        }
        forget(&blobs, i64::MAX).await;
        for path in &paths {
            assert!(blobs.get(path).await.is_err());
        }
    }
}
