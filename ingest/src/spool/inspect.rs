//! Looking at a spool that somebody else may be working on: nothing is locked, nothing is changed.

use std::path::Path;

use runtime::clock::{Clock as _, SystemClock};
use schemas::Micros;

use crate::spool::{
    Entry, Sequence, SpoolError, Stats, age,
    disk::Disk,
    format::{CURSOR, LOCK},
    names::{Lost, parse_name},
    recovery::{self, Facts, Found, Verdict},
};

/// What there is to say about one file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SegmentReport {
    pub file: String,
    /// Of its first record.
    pub first: Sequence,
    /// Records that wait in it.
    pub records: u64,
    pub bytes: u64,
    pub state: SegmentState,
    /// Of a damaged one.
    pub unreadable: Option<Unreadable>,
}

/// Promised records that can't be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unreadable {
    pub first: Sequence,
    /// `None`: there is none after all, or nothing tells how many there were (`is_at_least`).
    pub last: Option<Sequence>,
    /// There may be more behind the last.
    pub is_at_least: bool,
}

impl Unreadable {
    /// How many there are for sure.
    #[must_use]
    pub fn records(&self) -> u64 {
        let last = self.last.map_or(0, |last| last.0);
        last.saturating_sub(self.first.0.saturating_sub(1))
    }
}

/// How a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SegmentState {
    /// As it should be.
    Good,
    /// Being written to, or torn by a crash; the next start cuts what is torn.
    Open,
    /// All of it is settled; it is about to be removed.
    Settled,
    /// Promised records in it can't be read, or it was found so before.
    Damaged,
}

/// A whole spool, as it was for a moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inspection {
    pub segments: Vec<SegmentReport>,
    pub stats: Stats,
    /// About when the newest record was written.
    pub newest_at: Option<Micros>,
    /// Everything up to here is settled.
    pub settled: Sequence,
    /// The cursor file can't be read: at the next start, what is still there is sent once more.
    pub is_cursor_damaged: bool,
    /// Promised records whose file is gone.
    pub missing: u64,
}

impl Inspection {
    /// Whether everything that was promised can be read.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        let is_good = |one: &SegmentReport| one.state != SegmentState::Damaged;
        self.segments.iter().all(is_good) && !self.is_cursor_damaged && self.missing == 0
    }
}

/// How much waits in a folder. Reads everything.
///
/// # Errors
/// [`SpoolError::NoFolder`] if it is not there; else as [`inspect`].
pub fn peek(folder: &Path) -> Result<Stats, SpoolError> {
    Ok(inspect(folder, |_, _| ())?.stats)
}

/// Reads a whole spool; `each` gets the records that wait, in order.
///
/// # Errors
/// [`SpoolError::NoFolder`] if the folder is not there, [`SpoolError::Newer`] if a newer version wrote it,
/// [`SpoolError::Io`] if the disk fails.
pub fn inspect(
    folder: &Path,
    mut each: impl FnMut(Sequence, &Entry),
) -> Result<Inspection, SpoolError> {
    if !folder.is_dir() {
        return Err(SpoolError::NoFolder {
            folder: folder.display().to_string(),
        });
    }
    let disk = Disk::look(folder);
    let mut times = None;
    let mut newer = Ok(());
    let found = recovery::find(&disk, &mut |seen| {
        let (oldest, newest) = times.unwrap_or((seen.at, seen.at));
        times = Some((oldest.min(seen.at), newest.max(seen.at)));
        match Entry::decode(seen.payload, seen.file) {
            Ok(entry) => each(Sequence(seen.sequence), &entry),
            Err(error) => newer = Err(error),
        }
    })?;
    newer?;
    Ok(report(&found, times))
}

/// Whether a folder is one of ours: empty, or with a file that only a spool has.
///
/// # Errors
/// If the disk fails.
pub fn is_one(folder: &Path) -> std::io::Result<bool> {
    let mut is_empty = true;
    for file in std::fs::read_dir(folder)? {
        is_empty = false;
        let name = file?.file_name();
        let is_ours = |name: &str| [LOCK, CURSOR].contains(&name) || parse_name(name).is_some();
        if name.to_str().is_some_and(is_ours) {
            return Ok(true);
        }
    }
    Ok(is_empty)
}

fn report(found: &Found, times: Option<(i64, i64)>) -> Inspection {
    let of_one = |(facts, verdict, lost)| of_segment((facts, lost), verdict, found.cursor);
    let segments: Vec<SegmentReport> = found.judged().map(of_one).collect();
    let oldest = times.map(|(oldest, _)| oldest);
    let damaged = |one: &&SegmentReport| one.state == SegmentState::Damaged;
    let stats = Stats {
        records: segments.iter().map(|one| one.records).sum(),
        bytes: segments.iter().map(|one| one.bytes).sum(),
        oldest_at: oldest.map(Micros),
        oldest_age: age(oldest, SystemClock.now_micros()),
        quarantined: segments.iter().filter(damaged).count() as u64,
        suspect: 0,
        segments: segments.len() as u64,
    };
    Inspection {
        segments,
        stats,
        newest_at: times.map(|(_, newest)| Micros(newest)),
        settled: Sequence(found.cursor),
        is_cursor_damaged: found.is_cursor_damaged,
        missing: found.missing,
    }
}

fn of_segment((facts, lost): (&Facts, Lost), verdict: Verdict, cursor: u64) -> SegmentReport {
    let (last, state) = match verdict {
        _ if facts.is_quarantined => (facts.through, SegmentState::Damaged),
        Verdict::Damaged { last } => (last, SegmentState::Damaged),
        Verdict::Good { last, cut: None } => (last, SegmentState::Good),
        Verdict::Good { last, cut: Some(_) } => (last, SegmentState::Open),
        // The first record is just being written.
        Verdict::Needless if facts.through < facts.first => (0, SegmentState::Open),
        Verdict::Needless => (0, SegmentState::Settled),
    };
    let before = facts.first.saturating_sub(1).max(cursor);
    SegmentReport {
        file: facts.name.clone(),
        first: Sequence(facts.first),
        records: last.saturating_sub(before),
        bytes: facts.bytes,
        state,
        unreadable: (state == SegmentState::Damaged).then(|| unreadable(lost)),
    }
}

fn unreadable(lost: Lost) -> Unreadable {
    Unreadable {
        first: Sequence(lost.first),
        last: (lost.last >= lost.first).then_some(Sequence(lost.last)),
        is_at_least: !lost.is_all,
    }
}
