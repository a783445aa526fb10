//! Webhooks that Kafka can't take wait here, on disk, in order; a 200 may rest on it.
//!
//! A log of segments: appends are synced in groups by one thread, reading goes on from a durable cursor
//! that moves only after Kafka's reports. Nothing is overwritten: at its limits the spool says so. What a
//! crash tore is cut, what is damaged is kept apart under a name that says what it lost. At least once: a
//! crash between report and cursor sends again what the receipt id makes harmless. Every record that
//! somebody was promised comes out, or its loss is named.

mod ages;
mod disk;
mod entry;
mod error;
mod files;
mod format;
mod inspect;
mod log;
mod names;
mod opening;
mod quarantine;
mod queue;
mod reading;
mod recovery;
mod scan;
mod settling;

#[cfg(test)]
mod tests;

use std::{
    collections::BTreeMap,
    path::PathBuf,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread::JoinHandle,
    time::Duration,
};

use runtime::clock::SharedClock;
use schemas::Micros;

pub use entry::Entry;
pub use error::SpoolError;
pub use inspect::{Inspection, SegmentReport, SegmentState, Unreadable, inspect, is_one, peek};

use crate::spool::{
    disk::Disk,
    files::Files,
    format::{FRAME_BYTES, PAYLOAD_BYTES_MAX},
    log::{Limits, Log, locked},
    queue::Queue,
};

/// A limit in bytes is of use only if some segments fit under it: settled ones give room back.
const SEGMENTS_WITHIN_LIMIT: u64 = 8;
const SEGMENT_BYTES_MIN: u64 = 64 * 1024;

/// Where a spool is, and how large it may get.
#[derive(Clone, Debug)]
pub struct Options {
    /// Its folder, made if it is not there. On a disk that survives the process's machine.
    pub dir: PathBuf,
    /// A segment is closed before it grows beyond it: 64 to 128 MiB.
    pub segment_bytes: u64,
    /// Most bytes in the folder, damaged files that are kept left out.
    pub bytes_max: u64,
    /// What must stay free on the disk.
    pub free_bytes_min: u64,
}

/// The place of a record; each is used once, and later ones are higher.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Sequence(pub u64);

/// What was found at the start.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Opened {
    /// Records that wait to be sent.
    pub records: u64,
    /// Bytes of their files.
    pub bytes: u64,
    /// Bytes that a crash left behind and that nobody was promised; they are gone.
    pub torn_bytes: u64,
    /// Names of damaged files that are kept; 0 is right.
    pub quarantined: Vec<String>,
    /// Records whose file somebody took away; 0 is right.
    pub missing: u64,
    /// The cursor could not be read: what is still there is sent once more.
    pub is_cursor_damaged: bool,
    /// Whatever has a place up to here is of an earlier process.
    pub before: Sequence,
    /// By tenant: the newest entry of the overflow lane that an earlier process left here.
    pub overflowing: BTreeMap<String, Sequence>,
}

/// How much waits.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Durable records that are not settled.
    pub records: u64,
    /// Bytes of their files.
    pub bytes: u64,
    /// About when the oldest of them was written.
    pub oldest_at: Option<Micros>,
    /// How long ago that is; 0 if there is none.
    pub oldest_age: Duration,
    /// Damaged files that are kept.
    pub quarantined: u64,
    /// Segments given up since the start because a write or a sync failed.
    pub suspect: u64,
    /// Files with records that wait.
    pub segments: u64,
}

/// A spool of this process alone. Clones share it; the last one closes it.
#[derive(Clone)]
pub struct Spool(Arc<Shared>);

struct Shared {
    log: Arc<Log>,
    queue: Arc<Queue>,
    clock: SharedClock,
    bytes_max: u64,
    /// Whether an entry was refused for `bytes_max` since somebody looked.
    was_full: AtomicBool,
    writer: Mutex<Option<JoinHandle<()>>>,
}

/// Takes a folder for this process and recovers what is in it. Blocks: it reads everything.
///
/// # Errors
/// [`SpoolError::Locked`] if another process has the folder, [`SpoolError::Newer`] after a downgrade,
/// [`SpoolError::Io`] if the disk fails.
pub fn open(options: Options, clock: SharedClock) -> Result<(Spool, Opened), SpoolError> {
    let disk = Disk::take(&options.dir)?;
    open_on(Arc::new(disk), &options, clock)
}

fn open_on(
    files: Arc<dyn Files>,
    options: &Options,
    clock: SharedClock,
) -> Result<(Spool, Opened), SpoolError> {
    let share = options.bytes_max / SEGMENTS_WITHIN_LIMIT;
    let limits = Limits {
        segment_bytes: options.segment_bytes.min(share.max(SEGMENT_BYTES_MIN)),
        free_bytes_min: options.free_bytes_min,
    };
    let (log, opened) = Log::open(files, limits)?;
    let (log, queue) = (Arc::new(log), Arc::new(Queue::default()));
    let writer = queue::start(Arc::clone(&queue), Arc::clone(&log), Arc::clone(&clock));
    let writer = writer.map_err(|error| SpoolError::io("start", "its writer", error))?;
    let spool = Spool(Arc::new(Shared {
        log,
        queue,
        clock,
        bytes_max: options.bytes_max,
        was_full: AtomicBool::new(false),
        writer: Mutex::new(Some(writer)),
    }));
    Ok((spool, opened))
}

impl Spool {
    /// Takes an entry in. It counts from this call on ([`Spool::is_empty`]), before the future is first
    /// polled; the future gives its place once it is safe on disk. Dropping the future takes nothing back.
    ///
    /// # Errors
    /// [`SpoolError::Full`], [`SpoolError::DiskFull`] at a limit, [`SpoolError::Busy`] if too much waits
    /// for the disk, [`SpoolError::Io`] if the disk fails: the entry is not safe, answer 503.
    pub fn append(
        &self,
        entry: Entry,
    ) -> impl Future<Output = Result<Sequence, SpoolError>> + Send + use<> {
        let answered = self.enqueue(&entry);
        async move { answered?.await.unwrap_or(Err(SpoolError::Closed)) }
    }

    fn enqueue(
        &self,
        entry: &Entry,
    ) -> Result<tokio::sync::oneshot::Receiver<queue::Answer>, SpoolError> {
        let payload = entry.encode()?;
        let bytes = payload.len();
        if bytes > PAYLOAD_BYTES_MAX {
            return Err(SpoolError::TooLarge { bytes });
        }
        let used = self.0.log.bytes.load(Ordering::SeqCst);
        let room = self.0.bytes_max.saturating_sub(used + FRAME_BYTES as u64);
        self.0.log.announce(1);
        let pushed = self.0.queue.push(payload, room);
        pushed.inspect_err(|error| {
            self.0.log.renounce(1);
            if matches!(error, SpoolError::Full) {
                self.0.was_full.store(true, Ordering::Relaxed);
            }
        })
    }

    /// Whether nothing waits, neither to be written nor to be settled: only then may an event pass by
    /// the spool without overtaking another.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.log.unsettled.load(Ordering::SeqCst) == 0
    }

    /// Whether more than this wait.
    #[must_use]
    pub fn has_more_than(&self, entries: u64) -> bool {
        self.0.log.unsettled.load(Ordering::SeqCst) > entries
    }

    /// Whether any entry up to this one waits to be settled.
    #[must_use]
    pub fn has_up_to(&self, last: Sequence) -> bool {
        let oldest = locked(&self.0.log.state).oldest();
        oldest.is_some_and(|oldest| oldest <= last.0)
    }

    /// The safe entries behind `after` (and behind what is settled), in order: up to about `bytes_max`, at
    /// least one if there is any. Blocks.
    ///
    /// # Errors
    /// [`SpoolError::Io`] if the disk fails (come again), [`SpoolError::Newer`] after a downgrade.
    pub fn read(
        &self,
        after: Option<Sequence>,
        bytes_max: usize,
    ) -> Result<Vec<(Sequence, Entry)>, SpoolError> {
        self.0.log.read(after, bytes_max)
    }

    /// Everything up to `through` is safe in Kafka. Returns once the spool can't forget it. Blocks.
    ///
    /// # Errors
    /// [`SpoolError::Io`] if the disk fails: nothing has changed, call again;
    /// [`SpoolError::Beyond`] for what was never handed out.
    pub fn settle(&self, through: Sequence) -> Result<(), SpoolError> {
        self.0.log.settle(through)
    }

    /// Returns once something waits to be sent.
    pub async fn arrived(&self) {
        self.arrived_behind(Sequence(0)).await;
    }

    /// Returns once something waits to be sent that comes behind `after`.
    pub async fn arrived_behind(&self, after: Sequence) {
        let log = &self.0.log;
        let mut readable = log.readable.subscribe();
        let is_there = |last: &u64| *last > after.0.max(log.settled.load(Ordering::SeqCst));
        // The log holds the sender, so the channel can't close.
        let _closed = readable.wait_for(is_there).await.is_err();
    }

    /// How much waits.
    #[must_use]
    pub fn stats(&self) -> Stats {
        let now = self.0.clock.now_micros();
        let bytes = self.0.log.bytes.load(Ordering::SeqCst);
        let state = locked(&self.0.log.state);
        let records = state.records();
        let oldest_at = state.ages.oldest().filter(|_| records > 0);
        Stats {
            records,
            bytes,
            oldest_at: oldest_at.map(Micros),
            oldest_age: age(oldest_at, now),
            quarantined: state.quarantined.len() as u64,
            suspect: state.suspect,
            segments: state.segments.len() as u64,
        }
    }

    /// Whether an entry was refused for the limit in bytes since the last call.
    #[must_use]
    pub fn was_full(&self) -> bool {
        self.0.was_full.swap(false, Ordering::Relaxed)
    }

    /// Whether the disk has room for more than a few webhooks. Asks the file system.
    #[must_use]
    pub fn has_room(&self) -> bool {
        self.0.log.has_room(SEGMENT_BYTES_MIN).unwrap_or(false)
    }

    /// Whether its writer has ended although nobody closed it. Nothing can be appended any more then:
    /// only a new process helps.
    #[must_use]
    pub fn is_dead(&self) -> bool {
        let writer = locked(&self.0.writer);
        writer.as_ref().is_some_and(JoinHandle::is_finished)
    }

    /// Takes nothing more, writes and syncs what waits, and lets go of the folder. Blocks; may be called
    /// again.
    pub fn close(&self) {
        self.0.close();
    }
}

fn age(oldest_at: Option<i64>, now: i64) -> Duration {
    let micros = oldest_at.map_or(0, |at| now.saturating_sub(at));
    Duration::from_micros(u64::try_from(micros).unwrap_or_default())
}

impl Shared {
    fn close(&self) {
        self.queue.close();
        let Some(writer) = locked(&self.writer).take() else {
            return;
        };
        if writer.join().is_err() {
            tracing::error!(
                "the spool's writer panicked; what it had not confirmed was answered as failed"
            );
        }
        self.log.release();
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        self.close();
    }
}

impl std::fmt::Debug for Spool {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Spool")
            .field("log", &self.0.log)
            .finish_non_exhaustive()
    }
}
