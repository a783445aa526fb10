//! Handing records out, in order. What turns out to be damaged is quarantined on the way.

use std::{io, sync::atomic::Ordering};

use crate::spool::{
    Entry, Sequence, SpoolError,
    files::Files,
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
                End::Gone if self.is_listed(&segment) => {
                    self.quarantine(&segment, taken.last);
                }
                End::Gone => {}
                // What was taken is good. The next call finds out about the rest, if it is still bad.
                End::Damage if !taken.entries.is_empty() => break,
                End::Damage => self.quarantine(&segment, taken.last),
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
}
