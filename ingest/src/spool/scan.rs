//! Reading a segment from its front: record by record, in sequence, until the end or the first bytes
//! that are none.

use std::{io, ops::Range};

use crate::spool::{
    SpoolError,
    files::Files,
    format::{FRAME_BYTES, Frame, Front, HEADER_BYTES, Header, claimed},
};

const CHUNK_BYTES: usize = 256 * 1024;
/// A disk may stumble once; what can't be read three times in a row can't be read.
const READS_MAX: usize = 3;
/// How often the same bytes may be summed up in the search for whole records.
const SUMMED_TIMES_MAX: usize = 32;

/// Reads a file's bytes at an offset until they are there or the file ends.
fn read_up_to(files: &dyn Files, name: &str, offset: u64, into: &mut [u8]) -> io::Result<usize> {
    let mut read = 0;
    let mut failed = 0;
    while let Some(rest) = into.get_mut(read..).filter(|rest| !rest.is_empty()) {
        match files.read(name, offset + read as u64, rest) {
            Ok(0) => break,
            Ok(more) => read += more,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(error),
            Err(error) => {
                failed += 1;
                if failed == READS_MAX {
                    return Err(error);
                }
            }
        }
    }
    Ok(read)
}

/// All bytes from an offset, at most `bytes_max`.
pub(super) fn read_rest(
    files: &dyn Files,
    name: &str,
    offset: u64,
    bytes_max: usize,
) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    loop {
        let start = bytes.len();
        let more = bytes_max.saturating_sub(start).min(CHUNK_BYTES);
        bytes.resize(start + more, 0);
        let into = bytes.get_mut(start..).unwrap_or_default();
        let read = read_up_to(files, name, offset + start as u64, into)?;
        bytes.truncate(start + read);
        if read < more || more == 0 {
            return Ok(bytes);
        }
    }
}

/// The header of a segment; `None`: it has no whole one, or that of another segment.
pub(super) fn read_header(
    files: &dyn Files,
    name: &str,
    first: u64,
) -> Result<io::Result<Option<Header>>, SpoolError> {
    let bytes = match read_rest(files, name, 0, HEADER_BYTES) {
        Ok(bytes) => bytes,
        Err(error) => return Ok(Err(error)),
    };
    let header = Header::read(&bytes, name)?;
    Ok(Ok(header.filter(|header| header.first == first)))
}

/// How the walk goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Its payload is [`Walk::payload`] until the next step.
    Record {
        sequence: u64,
        acknowledged: u64,
        at: i64,
    },
    /// The file ends behind a record.
    End,
    /// What stands here is not the record that should.
    Bad,
}

/// A walk over one segment's records.
pub(super) struct Walk<'f> {
    files: &'f dyn Files,
    name: String,
    /// Where the next record begins, and which it must be.
    offset: u64,
    next: u64,
    buffer: Vec<u8>,
    /// The payload of the last record, in the buffer; what was walked over ends with it.
    payload: Range<usize>,
    is_at_end: bool,
}

impl<'f> Walk<'f> {
    /// From `offset`, where the record `next` begins.
    pub(super) fn new(files: &'f dyn Files, name: String, offset: u64, next: u64) -> Self {
        Self {
            files,
            name,
            offset,
            next,
            buffer: Vec::new(),
            payload: 0..0,
            is_at_end: false,
        }
    }

    /// From the first record of a segment.
    pub(super) fn start(files: &'f dyn Files, name: String, first: u64) -> Self {
        Self::new(files, name, HEADER_BYTES as u64, first)
    }

    /// Where the next record begins.
    pub(super) const fn offset(&self) -> u64 {
        self.offset
    }

    /// Of the record that the last step found.
    pub(super) fn payload(&self) -> &[u8] {
        self.buffer.get(self.payload.clone()).unwrap_or_default()
    }

    /// The next record. An error is one of the disk; the walk stays where it is.
    pub(super) fn step(&mut self) -> io::Result<Step> {
        let mut wanted = FRAME_BYTES;
        loop {
            self.fill(wanted)?;
            let walked = self.payload.end;
            let ahead = self.buffer.get(walked..).unwrap_or_default();
            match Frame::read(ahead) {
                Front::Short(_) if self.is_at_end && ahead.is_empty() => return Ok(Step::End),
                Front::Short(more) if !self.is_at_end => wanted = more,
                Front::Whole(frame) if frame.sequence == self.next => {
                    self.payload = walked + FRAME_BYTES..walked + frame.bytes();
                    self.offset += frame.bytes() as u64;
                    self.next = self.next.saturating_add(1);
                    return Ok(Step::Record {
                        sequence: frame.sequence,
                        acknowledged: frame.acknowledged,
                        at: frame.at,
                    });
                }
                Front::Whole(_) | Front::Short(_) | Front::Bad => return Ok(Step::Bad),
            }
        }
    }

    /// Has at least so many bytes ahead, unless the file ends before.
    fn fill(&mut self, wanted: usize) -> io::Result<()> {
        let ahead = self.buffer.len() - self.payload.end;
        if ahead >= wanted || self.is_at_end {
            return Ok(());
        }
        self.buffer.drain(..self.payload.end);
        self.payload = 0..0;
        let whole = wanted.max(CHUNK_BYTES);
        self.buffer.resize(whole, 0);
        let into = self.buffer.get_mut(ahead..).unwrap_or_default();
        let read = read_up_to(self.files, &self.name, self.offset + ahead as u64, into);
        self.buffer
            .truncate(ahead + read.as_ref().copied().unwrap_or_default());
        self.is_at_end = ahead + read? < whole;
        Ok(())
    }
}

/// What whole records behind a bad place say. Zero where there are none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Behind {
    /// The highest sequence that one of them bears.
    pub(super) sequence: u64,
    /// The highest sequence that was promised when one of them was written.
    pub(super) acknowledged: u64,
    /// What was promised when the record was written that should stand at the bad place.
    pub(super) before: Option<u64>,
}

impl Behind {
    /// Of bytes that can't be read, or not in reasonable time: what stands there counts as promised.
    pub(super) fn unknown(expected: u64, bytes: u64) -> Self {
        Self {
            sequence: expected.saturating_add(bytes / FRAME_BYTES as u64),
            acknowledged: expected,
            before: None,
        }
    }
}

/// Looks for whole records in bytes that begin with something that is not the record `expected`.
///
/// A body may hold bytes that look like a record, made by somebody who means ill: sequences beyond
/// what fits here are not believed, and who makes us sum up too much is answered with "damaged". The
/// worst is a torn tail that is kept as if it were damage.
pub(super) fn look_behind(bytes: &[u8], expected: u64) -> Behind {
    let most = expected.saturating_add((bytes.len() / FRAME_BYTES) as u64);
    let mut behind = Behind::default();
    let mut offset = 0;
    let mut budget = bytes.len().saturating_mul(SUMMED_TIMES_MAX);
    while let Some(ahead) = bytes
        .get(offset..)
        .filter(|ahead| ahead.len() >= FRAME_BYTES)
    {
        offset += 1;
        let is_likely = claimed(ahead).filter(|(sequence, length)| {
            (expected..=most).contains(sequence) && FRAME_BYTES + length <= ahead.len()
        });
        let Some((_, length)) = is_likely else {
            continue;
        };
        let Some(left) = budget.checked_sub(length) else {
            return Behind::unknown(expected, bytes.len() as u64);
        };
        budget = left;
        if let Front::Whole(frame) = Frame::read(ahead)
            && frame.acknowledged < frame.sequence
        {
            behind.sequence = behind.sequence.max(frame.sequence);
            behind.acknowledged = behind.acknowledged.max(frame.acknowledged);
            if frame.sequence == expected {
                behind.before = Some(frame.acknowledged);
            }
            offset += frame.bytes() - 1;
        }
    }
    behind
}

#[cfg(test)]
mod tests {
    use super::*;

    fn framed(sequence: u64, acknowledged: u64, payload: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::new();
        let frame = Frame {
            sequence,
            acknowledged,
            at: 0,
            payload,
        };
        frame.write(&mut bytes);
        bytes
    }

    #[test]
    fn records_behind_a_hole_tell_what_was_promised() {
        let mut bytes = vec![7; 41];
        bytes.extend(framed(12, 9, b"a"));
        bytes.extend(framed(13, 11, b"b"));
        let behind = look_behind(&bytes, 10);
        assert_eq!((behind.sequence, behind.acknowledged), (13, 11));
        assert_eq!(behind.before, None);
        assert_eq!(look_behind(&bytes, 12).before, Some(9));
    }

    #[test]
    fn a_forged_record_in_a_body_moves_nothing_far() {
        let bytes = framed(1_000_000, 999_999, b"a");
        assert_eq!(look_behind(&bytes, 10), Behind::default());
        assert_eq!(look_behind(&[], 10), Behind::default());
    }

    #[test]
    fn bytes_made_to_be_summed_again_and_again_are_given_up_as_damage() {
        let mut head = vec![0; 4];
        head.extend_from_slice(&60_000_u32.to_le_bytes());
        head.extend_from_slice(&11_u64.to_le_bytes());
        let bytes = head.repeat(100_000 / head.len());
        assert_eq!(look_behind(&bytes, 10).acknowledged, 10);
    }
}
