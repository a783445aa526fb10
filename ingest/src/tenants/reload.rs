//! The tenants file, followed while the service runs. A change is read once it has stood for one look,
//! so that a file half written is not taken for a whole one; a bad file leaves the old tenants in place.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use arc_swap::ArcSwapOption;
use runtime::{health::Part, shutdown::Shutdown};

use super::{
    Endpoint, Problem, Tenants,
    file::{self, Haste, Loaded},
};
use crate::{metrics::Metrics, providers};

/// A change is in use after at most two looks and one reading.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Whatever generates a large folder makes the same mistake everywhere.
const PROBLEMS_TOLD_MAX: usize = 100;

/// The tenants in use; none until a file could be read.
pub type Current = ArcSwapOption<Tenants>;

/// Follows the tenants file or folder.
pub struct Watch {
    follower: Follower,
    replaced: Replaced,
    current: Arc<Current>,
    part: Part,
    metrics: Arc<Metrics>,
    before_use: BeforeUse,
}

type BeforeUse = Box<dyn Fn(&Tenants) + Send + Sync>;

impl std::fmt::Debug for Watch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Watch").finish_non_exhaustive()
    }
}

impl Watch {
    /// Nothing is read yet.
    #[must_use]
    pub fn new(
        path: PathBuf,
        current: Arc<Current>,
        (part, metrics): (Part, Arc<Metrics>),
    ) -> Self {
        part.not_ready("no tenants file loaded yet");
        Self {
            follower: Follower::new(path),
            replaced: Replaced::default(),
            current,
            part,
            metrics,
            before_use: Box::new(|_| ()),
        }
    }

    /// Shows tenants to this before any webhook meets them.
    #[must_use]
    pub fn before_use(self, look: impl Fn(&Tenants) + Send + Sync + 'static) -> Self {
        let before_use = Box::new(look);
        Self { before_use, ..self }
    }

    /// Looks once; what is new and good is in use afterwards.
    ///
    /// # Errors
    /// Only when reading itself breaks down; what is wrong with the file is logged.
    pub async fn look(self) -> anyhow::Result<Self> {
        let Self {
            mut follower,
            mut replaced,
            current,
            part,
            metrics,
            before_use,
        } = self;
        let before = current.load_full();
        let look = tokio::task::spawn_blocking(move || {
            replaced.free();
            let news = follower.look();
            if let Some(outcome) = &news {
                tell(&follower.path, outcome);
                if let (Ok(tenants), Some(before)) = (outcome, before) {
                    tenants.adopt(&before);
                }
            }
            (follower, replaced, news)
        });
        let (follower, mut replaced, news) = look.await?;
        if let Some(outcome) = news {
            metrics.tenants_read(outcome.is_ok());
            if let Ok(tenants) = outcome {
                before_use(&tenants);
                replaced.0.extend(current.swap(Some(Arc::new(tenants))));
                part.ready();
            }
        }
        Ok(Self {
            follower,
            replaced,
            current,
            part,
            metrics,
            before_use,
        })
    }

    /// Looks every second until shutdown.
    ///
    /// # Errors
    /// As [`Watch::look`].
    pub async fn follow(mut self, shutdown: Shutdown) -> anyhow::Result<()> {
        loop {
            self = self.look().await?;
            tokio::select! {
                () = shutdown.requested() => return Ok(()),
                () = tokio::time::sleep(LOOK_EVERY) => {}
            }
        }
    }
}

/// Tenants that were in use. A request may still look into them; whoever lets go last frees all of them,
/// which takes long, and no worker may be the one.
#[derive(Default)]
struct Replaced(Vec<Arc<Tenants>>);

impl Replaced {
    /// Frees those that only we hold; the others at the next look.
    fn free(&mut self) {
        self.0.retain(|tenants| Arc::strong_count(tenants) > 1);
    }
}

fn tell(path: &Path, outcome: &Result<Tenants, Vec<Problem>>) {
    match outcome {
        Ok(tenants) => {
            let endpoints = tenants.endpoints().len();
            tracing::info!(path = %path.display(), endpoints, "tenants file loaded");
            // Right without proxies, or with one that forwards scheme and host.
            let by_request: Vec<&Endpoint> = tenants
                .endpoints()
                .iter()
                .map(AsRef::as_ref)
                .filter(|endpoint| providers::signs_origin(endpoint.provider) && !endpoint.retired)
                .filter(|endpoint| endpoint.public_url.is_none())
                .collect();
            if let Some(first) = by_request.first() {
                let (endpoints, first) = (by_request.len(), &first.id);
                tracing::info!(endpoints, %first, "no public_url: that of each request is verified");
            }
        }
        Err(problems) => {
            for problem in problems.iter().take(PROBLEMS_TOLD_MAX) {
                tracing::error!(%problem, "tenants file refused whole");
            }
            let more = problems.len().saturating_sub(PROBLEMS_TOLD_MAX);
            if more > 0 {
                tracing::error!(
                    more,
                    "problems not told (`waybill tenants check` tells all)"
                );
            }
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
        // until the first is there, every webhook is answered with 503
        let haste = if first { Haste::All } else { Haste::OneThread };
        let Loaded { outcome, inputs } = file::read(&self.path, haste);
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
        let all: BTreeSet<PathBuf> = all.chain(std::iter::once(self.path.clone())).collect();
        // each once: in a large folder this is what a look costs
        let stamp = |path: PathBuf| {
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
        };
        all.into_iter().map(stamp).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::*;

    #[tokio::test]
    async fn tenants_are_shown_before_a_webhook_can_meet_them() {
        let folder = tempfile::TempDir::new().unwrap();
        let file = folder.path().join("tenants.toml");
        fs::write(&file, "[tenants.acme]\n").unwrap();
        let current = Arc::new(Current::empty());
        let metrics = Arc::new(Metrics::new(&prometheus::Registry::new()).unwrap());
        let part = runtime::health::Health::default().part("tenants");
        let (shown, all) = (Arc::new(AtomicBool::new(false)), Arc::clone(&current));
        let is_shown = Arc::clone(&shown);
        let watch = Watch::new(file, Arc::clone(&current), (part, metrics));
        let watch = watch.before_use(move |_| {
            assert!(all.load().is_none());
            is_shown.store(true, Ordering::Relaxed);
        });
        watch.look().await.unwrap();
        assert!(shown.load(Ordering::Relaxed) && current.load().is_some());
    }

    #[test]
    fn replaced_tenants_are_freed_once_no_request_looks_into_them() {
        let looked_into = Arc::new(Tenants::default());
        let mut replaced = Replaced(vec![Arc::clone(&looked_into), Arc::default()]);
        replaced.free();
        assert_eq!(replaced.0.len(), 1);
        drop(looked_into);
        replaced.free();
        assert!(replaced.0.is_empty());
    }
}
