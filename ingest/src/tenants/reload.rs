//! The tenants file, followed while the service runs. A change is read once it has stood for one look,
//! so that a file half written is not taken for a whole one; a bad file leaves the old tenants in place.

use std::{
    collections::BTreeMap,
    fs,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use arc_swap::ArcSwapOption;
use runtime::{health::Part, shutdown::Shutdown};

use super::{
    Problem, Tenants,
    file::{self, Loaded},
};
use crate::{metrics::Metrics, providers};

/// A change is in use after at most two looks and one reading.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// The tenants in use; none until a file could be read.
pub type Current = ArcSwapOption<Tenants>;

/// Follows `path` until shutdown.
///
/// # Errors
/// Only when reading itself breaks down; what is wrong with the file is logged.
pub async fn watch(
    path: PathBuf,
    current: Arc<Current>,
    (part, metrics): (Part, Arc<Metrics>),
    shutdown: Shutdown,
) -> anyhow::Result<()> {
    part.not_ready("no tenants file loaded yet");
    let mut follower = Follower::new(path);
    loop {
        let look = tokio::task::spawn_blocking(move || {
            let news = follower.look();
            (follower, news)
        });
        let (returned, news) = look.await?;
        follower = returned;
        if let Some(outcome) = news {
            metrics.tenants_read(outcome.is_ok());
            if let Some(tenants) = taken(&follower.path, outcome) {
                if let Some(before) = current.load().as_deref() {
                    tenants.adopt(before);
                }
                current.store(Some(Arc::new(tenants)));
                part.ready();
            }
        }
        tokio::select! {
            () = shutdown.requested() => return Ok(()),
            () = tokio::time::sleep(LOOK_EVERY) => {}
        }
    }
}

fn taken(path: &Path, outcome: Result<Tenants, Vec<Problem>>) -> Option<Tenants> {
    match outcome {
        Ok(tenants) => {
            let endpoints = tenants.endpoints().len();
            tracing::info!(path = %path.display(), endpoints, "tenants file loaded");
            for endpoint in tenants.endpoints() {
                let is_signed = providers::signs_origin(endpoint.provider) && !endpoint.retired;
                if is_signed && endpoint.public_url.is_none() {
                    // Right without proxies, or with one that forwards scheme and host.
                    let id = &endpoint.id;
                    tracing::info!(endpoint = %id, "no public_url: that of each request is verified");
                }
            }
            Some(tenants)
        }
        Err(problems) => {
            for problem in &problems {
                tracing::error!(%problem, "tenants file refused whole");
            }
            None
        }
    }
}

/// What tells one state of a file from another; `None` where there is no file.
type Stamp = Option<(u64, u64, i64, i64, i64, i64)>;
type Stamps = BTreeMap<PathBuf, Stamp>;

/// Notices changes of the file, of the folder's files, and of the secrets' files.
pub(super) struct Follower {
    path: PathBuf,
    inputs: Vec<PathBuf>,
    /// As of the last look.
    seen: Stamps,
    /// As of the last reading; empty before the first.
    read: Stamps,
}

impl Follower {
    pub(super) fn new(path: PathBuf) -> Self {
        Self {
            path,
            inputs: Vec::new(),
            seen: Stamps::new(),
            read: Stamps::new(),
        }
    }

    /// Reads the file if it changed and has settled.
    pub(super) fn look(&mut self) -> Option<Result<Tenants, Vec<Problem>>> {
        let now = self.stamps();
        let first = self.read.is_empty();
        let settled = now == self.seen;
        self.seen.clone_from(&now);
        if now == self.read || !(first || settled) {
            return None;
        }
        let Loaded { outcome, inputs } = file::read(&self.path);
        self.inputs = inputs;
        let after = self.stamps();
        // Touched while it was read: the next look that finds it settled reads it again.
        let touched = now
            .iter()
            .any(|(path, stamp)| after.get(path).is_some_and(|s| s != stamp));
        self.read = if touched { now } else { after };
        Some(outcome)
    }

    fn stamps(&self) -> Stamps {
        let files = file::files(&self.path).unwrap_or_default();
        let all = files.into_iter().chain(self.inputs.iter().cloned());
        let all = all.chain(std::iter::once(self.path.clone()));
        all.map(|path| {
            let stamp = fs::metadata(&path).ok().map(|data| {
                let (changed, modified) = (data.ctime(), data.mtime());
                (
                    data.ino(),
                    data.len(),
                    changed,
                    data.ctime_nsec(),
                    modified,
                    data.mtime_nsec(),
                )
            });
            (path, stamp)
        })
        .collect()
    }
}
