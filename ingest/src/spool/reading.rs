//! Handing records out, in order. What turns out to be damaged is quarantined on the way.

use std::{io, sync::atomic::Ordering};

use crate::spool::{
    Entry, Sequence, SpoolError,
    files::Files,
    format,
    log::{Log, Segment, locked},
    scan::{Step, Walk},
};

/// So many reads in a row may fail before what can't be read counts as damage: whoever reads waits in
/// between, so the disk had its time.
const FAILED_READS_MAX: u32 = 10;

/// What reads leave for the next one.
#[derive(Debug, Default)]
pub(super) struct Reading {
    place: Option<Place>,
    /// Reads in a row that failed.
    failed: u32,
}

/// Where a later read can go on without walking from the segment's front.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Place {
    /// First sequence of the segment.
    first: u64,
    offset: u64,
    /// The record that begins there.
    next: u64,
}

/// What was handed out so far.
struct Taken {
    entries: Vec<(Sequence, Entry)>,
    last: u64,
    room: usize,
}

/// How reading one segment ended.
enum End {
    /// All that it has was taken, or enough.
    Taken,
    /// It is gone: settled meanwhile.
    Gone,
    /// The record behind the last one taken is none.
    Damage,
}

impl Log {
    /// The durable records behind `after` that are not settled, in order: as many as come up to
    /// `bytes_max`, and at least one if there is any.
    pub(super) fn read(
        &self,
        after: Option<Sequence>,
        bytes_max: usize,
    ) -> Result<Vec<(Sequence, Entry)>, SpoolError> {
        if self.is_closed.load(Ordering::SeqCst) {
            return Err(SpoolError::Closed);
        }
        let mut reading = locked(&self.reading);
        let mut taken = Taken {
            entries: Vec::new(),
            last: after.map_or(0, |after| after.0),
            room: bytes_max.max(1),
        };
        while taken.room > 0 {
            let Some(segment) = self.segment_behind(&mut taken.last) else {
                break;
            };
            let end = match self.read_segment(&segment, &mut reading.place, &mut taken) {
                Ok(end) => end,
                Err(_) if !taken.entries.is_empty() => break,
                Err(SpoolError::Io { .. }) if reading.failed >= FAILED_READS_MAX => End::Damage,
                Err(error) => {
                    reading.failed += 1;
                    return Err(error);
                }
            };
            reading.failed = 0;
            match end {
                End::Taken => {}
                End::Gone if self.is_listed(&segment) => self.quarantine(&segment),
                End::Gone => {}
                // What was taken is good. The next call finds out about the rest, if it is still bad.
                End::Damage if !taken.entries.is_empty() => break,
                End::Damage => self.quarantine(&segment),
            }
        }
        Ok(taken.entries)
    }

    /// The segment of the next record that is not settled; moves `last` up to just before that record.
    fn segment_behind(&self, last: &mut u64) -> Option<Segment> {
        let state = locked(&self.state);
        *last = (*last).max(state.cursor);
        let mut segments = state.segments.iter();
        let segment = segments.find(|segment| segment.last > *last)?;
        *last = (*last).max(segment.first.saturating_sub(1));
        Some(segment.clone())
    }

    fn is_listed(&self, segment: &Segment) -> bool {
        let state = locked(&self.state);
        let is_it = |one: &Segment| one.name == segment.name && one.last > state.cursor;
        state.segments.iter().any(is_it)
    }

    fn read_segment(
        &self,
        segment: &Segment,
        place: &mut Option<Place>,
        taken: &mut Taken,
    ) -> Result<End, SpoolError> {
        let files: &dyn Files = &*self.files;
        let name = segment.name.clone();
        let is_known = |p: &Place| p.first == segment.first && p.next == taken.last + 1;
        let known = place.take().filter(is_known);
        let mut walk = match known {
            Some(place) => Walk::new(files, name, place.offset, place.next),
            None => Walk::start(files, name, segment.first),
        };
        while taken.last < segment.last && taken.room > 0 {
            match walk.step() {
                Ok(Step::Record { sequence, .. }) if sequence > taken.last => {
                    let payload = walk.payload();
                    let entry = Entry::decode(payload, &segment.name)?;
                    taken.entries.push((Sequence(sequence), entry));
                    taken.room = taken.room.saturating_sub(payload.len());
                    taken.last = sequence;
                }
                Ok(Step::Record { .. }) => {}
                Ok(Step::End | Step::Bad) => return Ok(End::Damage),
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(End::Gone),
                Err(error) => return Err(SpoolError::io("read", &segment.name, error)),
            }
        }
        *place = Some(Place {
            first: segment.first,
            offset: walk.offset(),
            next: taken.last + 1,
        });
        Ok(End::Taken)
    }

    /// Keeps a damaged file under another name, and its unreadable records out of the way.
    fn quarantine(&self, segment: &Segment) {
        let mut writing = locked(&self.writing);
        let through = readable_through(&*self.files, segment);
        // A second look may have been luckier.
        let Some(dropped) = segment.last.checked_sub(through).filter(|lost| *lost > 0) else {
            return;
        };
        if writing
            .open
            .as_ref()
            .is_some_and(|open| open.first == segment.first)
        {
            writing.open = None;
        }
        let name = if segment.is_quarantined {
            segment.name.clone()
        } else {
            keep_apart(&*self.files, &segment.name, segment.first)
        };
        tracing::error!(
            file = name,
            first_lost = through + 1,
            records = dropped,
            "the spool is damaged: records can't be read; the file is kept"
        );
        let mut state = locked(&self.state);
        let before = state.records();
        let cursor = state.cursor;
        let of_it = |one: &&mut Segment| one.name == segment.name;
        if let Some(one) = state.segments.iter_mut().find(of_it) {
            // More may have been written to it since it was looked up; that is lost with the rest.
            one.last = through;
            one.name.clone_from(&name);
            if !one.is_quarantined {
                one.is_quarantined = true;
                self.bytes.fetch_sub(one.bytes, Ordering::SeqCst);
                state.quarantined.push(name);
            }
        }
        state
            .segments
            .retain(|one| one.last > cursor.max(one.first - 1));
        self.renounce(before - state.records());
        self.readable.send_replace(state.last());
    }
}

/// The last record that can be read from the front without a hole.
fn readable_through(files: &dyn Files, segment: &Segment) -> u64 {
    let mut through = segment.first.saturating_sub(1);
    let mut walk = Walk::start(files, segment.name.clone(), segment.first);
    while let Ok(Step::Record { sequence, .. }) = walk.step() {
        through = sequence;
    }
    through
}

/// Renames a damaged file; gives the name that it has then. What can't be renamed is found again at the
/// next start.
pub(super) fn keep_apart(files: &dyn Files, name: &str, first: u64) -> String {
    let taken = files.list().unwrap_or_default();
    let is_free = |name: &String| taken.iter().all(|file| file.name != *name);
    let kept = (0..=taken.len())
        .map(|copy| format::quarantined_name(first, copy))
        .find(is_free);
    let kept = kept.unwrap_or_else(|| name.to_owned());
    if let Err(error) = files.rename(name, &kept) {
        tracing::error!(file = name, %error, "a damaged file of the spool keeps its name");
        return name.to_owned();
    }
    // A crash that undoes the renaming leaves the damage to be found once more.
    if let Err(error) = files.sync_folder() {
        tracing::warn!(%error, "the spool's folder could not be synced after a renaming");
    }
    kept
}
