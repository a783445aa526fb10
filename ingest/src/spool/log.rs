//! The segment log: what is where, and how a batch becomes safe. No thread, no queue, no clock.
//!
//! Locks are taken in this order: reading or settling, writing, state. The state's is never held over
//! a call to the disk.

use std::sync::{
    Arc, Mutex, MutexGuard, PoisonError,
    atomic::{AtomicBool, AtomicU64, Ordering},
};

use tokio::sync::watch;

use crate::spool::{
    SpoolError,
    ages::Ages,
    files::{Append, Files, write_all},
    format::{FRAME_BYTES, Frame, HEADER_BYTES, Header},
    names::segment_name,
    reading::Reading,
};

/// Always left free: a cursor that can't be written would keep a full disk full.
const CURSOR_ROOM_BYTES: u64 = 64 * 1024;

#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// A segment is closed before it would grow beyond it.
    pub(super) segment_bytes: u64,
    /// What must stay free on the disk.
    pub(super) free_bytes_min: u64,
}

/// One file with records that are not settled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Segment {
    pub(super) name: String,
    pub(super) first: u64,
    /// The last record that may be handed out.
    pub(super) last: u64,
    pub(super) bytes: u64,
    /// Never deleted, not counted among the bytes.
    pub(super) is_quarantined: bool,
}

#[derive(Debug, Default)]
pub(super) struct State {
    /// In order of sequence.
    pub(super) segments: Vec<Segment>,
    /// Everything up to here is settled.
    pub(super) cursor: u64,
    pub(super) ages: Ages,
    /// Names of the files that are kept because of damage.
    pub(super) quarantined: Vec<String>,
    /// Segments that were given up because a write or a sync failed.
    pub(super) suspect: u64,
    /// Settled files that could not be removed yet.
    pub(super) needless: Vec<String>,
}

impl State {
    /// How many records are durable and not settled.
    pub(super) fn records(&self) -> u64 {
        let of_segment = |segment: &Segment| {
            let before = segment.first.saturating_sub(1).max(self.cursor);
            segment.last.saturating_sub(before)
        };
        self.segments.iter().map(of_segment).sum()
    }

    /// The first record that waits to be settled.
    pub(super) fn oldest(&self) -> Option<u64> {
        let mut waiting = self.segments.iter().filter(|one| one.last > self.cursor);
        let first = waiting.next()?.first;
        Some(first.max(self.cursor.saturating_add(1)))
    }

    /// The last record that can be handed out, or the cursor.
    pub(super) fn last(&self) -> u64 {
        let last = self.segments.last().map_or(0, |segment| segment.last);
        last.max(self.cursor)
    }
}

/// What belongs to whoever writes.
pub(super) struct Writing {
    pub(super) open: Option<Open>,
    /// Never used before, in any file.
    pub(super) next: u64,
    /// The highest sequence that somebody was promised.
    pub(super) acknowledged: u64,
    is_failing: bool,
}

/// The segment that grows.
pub(super) struct Open {
    pub(super) first: u64,
    name: String,
    file: Box<dyn Append>,
    bytes: u64,
}

pub(super) struct Log {
    pub(super) files: Arc<dyn Files>,
    limits: Limits,
    pub(super) writing: Mutex<Writing>,
    pub(super) state: Mutex<State>,
    pub(super) settling: Mutex<()>,
    pub(super) reading: Mutex<Reading>,
    /// Records announced or durable, and not settled.
    pub(super) unsettled: AtomicU64,
    pub(super) bytes: AtomicU64,
    /// The last record that can be handed out.
    pub(super) readable: watch::Sender<u64>,
    /// The state's cursor, for those who must not wait for a lock.
    pub(super) settled: AtomicU64,
    pub(super) is_closed: AtomicBool,
}

/// A panic elsewhere leaves nothing half done that another look at the disk would not show.
pub(super) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Log {
    /// On what recovery found: the state, and the sequences to go on with.
    pub(super) fn on(
        files: Arc<dyn Files>,
        limits: Limits,
        state: State,
        (next, acknowledged): (u64, u64),
    ) -> Self {
        let kept = state.segments.iter().filter(|one| !one.is_quarantined);
        Self {
            files,
            limits,
            unsettled: AtomicU64::new(state.records()),
            bytes: AtomicU64::new(kept.map(|one| one.bytes).sum()),
            readable: watch::Sender::new(state.last()),
            settled: AtomicU64::new(state.cursor),
            is_closed: AtomicBool::new(false),
            writing: Mutex::new(Writing {
                open: None,
                next,
                acknowledged,
                is_failing: false,
            }),
            state: Mutex::new(state),
            settling: Mutex::new(()),
            reading: Mutex::default(),
        }
    }

    /// Counts records that are about to be written; a failed write takes them back.
    pub(super) fn announce(&self, records: u64) {
        self.unsettled.fetch_add(records, Ordering::SeqCst);
    }

    pub(super) fn renounce(&self, records: u64) {
        self.unsettled.fetch_sub(records, Ordering::SeqCst);
    }

    /// Makes announced records safe; gives the sequence of the first. After an error none of them is
    /// promised, and none is ever handed out by this process.
    pub(super) fn write(&self, payloads: &[Vec<u8>], at: i64) -> Result<u64, SpoolError> {
        let mut writing = locked(&self.writing);
        let written = self.write_batch(&mut writing, payloads, at);
        match &written {
            Ok(_) if writing.is_failing => tracing::info!("the spool takes records again"),
            Err(error) if !writing.is_failing => {
                tracing::error!(%error, "the spool takes no records");
            }
            Ok(_) | Err(_) => {}
        }
        writing.is_failing = written.is_err();
        if written.is_err() {
            self.renounce(payloads.len() as u64);
        }
        written
    }

    /// Whether the disk takes so many bytes more and keeps free what must stay free.
    pub(super) fn has_room(&self, bytes: u64) -> Result<bool, SpoolError> {
        let free = self.files.free_bytes();
        let free =
            free.map_err(|error| SpoolError::io("look at the disk of", "its folder", error))?;
        let kept_free = self.limits.free_bytes_min.max(CURSOR_ROOM_BYTES);
        Ok(free >= kept_free.saturating_add(bytes))
    }

    fn write_batch(
        &self,
        writing: &mut Writing,
        payloads: &[Vec<u8>],
        at: i64,
    ) -> Result<u64, SpoolError> {
        let sum: usize = payloads.iter().map(|one| FRAME_BYTES + one.len()).sum();
        if !self.has_room(sum as u64)? {
            return Err(SpoolError::DiskFull);
        }
        let fits = |open: &Open| open.bytes + sum as u64 <= self.limits.segment_bytes;
        writing.open = writing.open.take().filter(fits);
        let first = writing.next;
        let last = first + payloads.len() as u64 - 1;
        // Whatever happens: a sequence that may stand in a file is never used again.
        writing.next = last + 1;

        let mut bytes = Vec::with_capacity(HEADER_BYTES + sum);
        let acknowledged = writing.acknowledged;
        let is_new = writing.open.is_none();
        if is_new {
            Header {
                first,
                acknowledged,
            }
            .write(&mut bytes);
        }
        for (sequence, payload) in (first..).zip(payloads) {
            Frame {
                sequence,
                acknowledged,
                at,
                payload,
            }
            .write(&mut bytes);
        }
        let mut open = match writing.open.take() {
            Some(open) => open,
            None => self.begin(first)?,
        };
        if let Err(error) = self.make_safe(&mut open, is_new, &bytes) {
            self.give_up(&open, is_new);
            return Err(error);
        }
        open.bytes += bytes.len() as u64;
        self.written(&open, last, at, first);
        self.bytes.fetch_add(bytes.len() as u64, Ordering::SeqCst);
        writing.acknowledged = last;
        writing.open = Some(open);
        Ok(first)
    }

    fn begin(&self, first: u64) -> Result<Open, SpoolError> {
        let name = segment_name(first);
        let file = self.files.create(&name);
        let file = file.map_err(|error| SpoolError::io("create", &name, error))?;
        Ok(Open {
            first,
            name,
            file,
            bytes: 0,
        })
    }

    fn make_safe(&self, open: &mut Open, is_new: bool, bytes: &[u8]) -> Result<(), SpoolError> {
        let name = open.name.clone();
        let failed = |doing| {
            let name = &name;
            move |error| SpoolError::io(doing, name, error)
        };
        write_all(&mut *open.file, bytes).map_err(failed("write"))?;
        open.file.sync().map_err(failed("sync"))?;
        if is_new {
            let synced = self.files.sync_folder();
            synced.map_err(failed("sync the folder for"))?;
        }
        Ok(())
    }

    /// What was written before is safe by an earlier sync; what comes next goes to another file, because
    /// a second sync of this one would prove nothing.
    fn give_up(&self, open: &Open, is_new: bool) {
        locked(&self.state).suspect += 1;
        // Nothing in it was promised. If it stays, its successor's header says so.
        if is_new && let Err(error) = self.files.remove(&open.name) {
            tracing::warn!(file = open.name, %error, "a failed segment of the spool stays");
        }
    }

    fn written(&self, open: &Open, last: u64, at: i64, first: u64) {
        let mut state = locked(&self.state);
        state.ages.note(first, at);
        match state.segments.last_mut() {
            Some(segment) if segment.first == open.first => {
                segment.last = last;
                segment.bytes = open.bytes;
            }
            Some(_) | None => state.segments.push(Segment {
                name: open.name.clone(),
                first: open.first,
                last,
                bytes: open.bytes,
                is_quarantined: false,
            }),
        }
        self.readable.send_replace(last);
    }
}

impl std::fmt::Debug for Log {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Log")
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}
