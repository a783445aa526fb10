//! What the files hold, byte for byte (numbers little-endian).
//!
//! Segment: a header, then records. Header: magic, version (u32), first sequence (u64), acknowledged
//! (u64), CRC32C of these. Record: CRC32C of all that follows (u32), payload length (u32), sequence
//! (u64), acknowledged (u64), time of writing (i64, microseconds), payload. `acknowledged` is the highest
//! sequence that somebody was promised when these bytes were written: it is how recovery tells a torn
//! write, which nobody relied on, from damage.

use crate::spool::SpoolError;

const SEGMENT_MAGIC: &[u8; 8] = b"wb-spool";
const CURSOR_MAGIC: &[u8; 8] = b"wb-curs\n";
const VERSION: u32 = 1;

pub(super) const HEADER_BYTES: usize = 32;
pub(super) const FRAME_BYTES: usize = 32;
/// Far above any webhook; a length beyond it is damage and not a reason to allocate.
pub(super) const PAYLOAD_BYTES_MAX: usize = 32 * 1024 * 1024;

pub(super) const CURSOR: &str = "cursor";
pub(super) const CURSOR_NEW: &str = "cursor.new";
pub(super) const LOCK: &str = "lock";

fn crc(bytes: &[u8]) -> u32 {
    crc_fast::crc32_iscsi(bytes)
}

/// Reads numbers off the front of bytes.
pub(super) struct Fields<'a>(pub(super) &'a [u8]);

impl<'a> Fields<'a> {
    pub(super) fn take(&mut self, bytes: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(bytes)?;
        self.0 = rest;
        Some(taken)
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.take(N)?.try_into().ok()
    }

    pub(super) fn u8(&mut self) -> Option<u8> {
        Some(u8::from_le_bytes(self.array()?))
    }

    pub(super) fn u16(&mut self) -> Option<u16> {
        Some(u16::from_le_bytes(self.array()?))
    }

    pub(super) fn u32(&mut self) -> Option<u32> {
        Some(u32::from_le_bytes(self.array()?))
    }

    pub(super) fn u64(&mut self) -> Option<u64> {
        Some(u64::from_le_bytes(self.array()?))
    }

    fn i64(&mut self) -> Option<i64> {
        Some(i64::from_le_bytes(self.array()?))
    }
}

/// What stands before the records of a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) first: u64,
    pub(super) acknowledged: u64,
}

impl Header {
    pub(super) fn write(self, to: &mut Vec<u8>) {
        let start = to.len();
        to.extend_from_slice(SEGMENT_MAGIC);
        to.extend_from_slice(&VERSION.to_le_bytes());
        to.extend_from_slice(&self.first.to_le_bytes());
        to.extend_from_slice(&self.acknowledged.to_le_bytes());
        seal(to, start);
    }

    /// `None`: not a whole header.
    pub(super) fn read(bytes: &[u8], file: &str) -> Result<Option<Self>, SpoolError> {
        let Some(mut fields) = sealed(bytes, SEGMENT_MAGIC, HEADER_BYTES, file)? else {
            return Ok(None);
        };
        let mut read = || {
            Some(Self {
                first: fields.u64()?,
                acknowledged: fields.u64()?,
            })
        };
        Ok(read())
    }
}

/// The bytes of a cursor: everything up to and with this sequence is settled.
pub(super) fn cursor(settled: u64) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(HEADER_BYTES);
    bytes.extend_from_slice(CURSOR_MAGIC);
    bytes.extend_from_slice(&VERSION.to_le_bytes());
    bytes.extend_from_slice(&settled.to_le_bytes());
    seal(&mut bytes, 0);
    bytes
}

/// `None`: not a whole cursor.
pub(super) fn read_cursor(bytes: &[u8]) -> Result<Option<u64>, SpoolError> {
    let fields = sealed(bytes, CURSOR_MAGIC, bytes.len(), CURSOR)?;
    Ok(fields.and_then(|mut fields| fields.u64()))
}

/// Puts the checksum behind everything from `start`.
fn seal(bytes: &mut Vec<u8>, start: usize) {
    let sum = crc(bytes.get(start..).unwrap_or_default());
    bytes.extend_from_slice(&sum.to_le_bytes());
}

/// What stands between magic with version and checksum, if both are right.
fn sealed<'a>(
    bytes: &'a [u8],
    magic: &[u8; 8],
    whole: usize,
    file: &str,
) -> Result<Option<Fields<'a>>, SpoolError> {
    let Some((content, sum)) = whole
        .checked_sub(4)
        .and_then(|end| Some((bytes.get(..end)?, bytes.get(end..whole)?)))
    else {
        return Ok(None);
    };
    let mut fields = Fields(content);
    if fields.take(magic.len()) != Some(magic) || sum != crc(content).to_le_bytes() {
        return Ok(None);
    }
    match fields.u32() {
        Some(VERSION) => Ok(Some(fields)),
        Some(_) => Err(SpoolError::Newer {
            file: file.to_owned(),
        }),
        None => Ok(None),
    }
}

/// One record as it lies in a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Frame<'a> {
    pub(super) sequence: u64,
    pub(super) acknowledged: u64,
    /// When it was written, microseconds since 1970.
    pub(super) at: i64,
    pub(super) payload: &'a [u8],
}

/// What stands at the front of some bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Front<'a> {
    Whole(Frame<'a>),
    /// It would take this many bytes to know.
    Short(usize),
    /// No record.
    Bad,
}

impl<'a> Frame<'a> {
    pub(super) fn bytes(&self) -> usize {
        FRAME_BYTES + self.payload.len()
    }

    pub(super) fn write(&self, to: &mut Vec<u8>) {
        let start = to.len();
        let length = u32::try_from(self.payload.len()).unwrap_or(u32::MAX);
        to.extend_from_slice(&[0; 4]);
        to.extend_from_slice(&length.to_le_bytes());
        to.extend_from_slice(&self.sequence.to_le_bytes());
        to.extend_from_slice(&self.acknowledged.to_le_bytes());
        to.extend_from_slice(&self.at.to_le_bytes());
        to.extend_from_slice(self.payload);
        let sum = crc(to.get(start + 4..).unwrap_or_default()).to_le_bytes();
        if let Some(place) = to.get_mut(start..start + 4) {
            place.copy_from_slice(&sum);
        }
    }

    pub(super) fn read(bytes: &'a [u8]) -> Front<'a> {
        let mut fields = Fields(bytes);
        let (Some(sum), Some(length)) = (fields.u32(), fields.u32()) else {
            return Front::Short(FRAME_BYTES);
        };
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        if length > PAYLOAD_BYTES_MAX {
            return Front::Bad;
        }
        let whole = FRAME_BYTES + length;
        let Some(summed) = bytes.get(4..whole) else {
            return Front::Short(whole);
        };
        if crc(summed) != sum {
            return Front::Bad;
        }
        let mut read = || {
            Some(Self {
                sequence: fields.u64()?,
                acknowledged: fields.u64()?,
                at: fields.i64()?,
                payload: fields.take(length)?,
            })
        };
        read().map_or(Front::Bad, Front::Whole)
    }
}

/// The sequence and the payload's length of a record whose first bytes these would be.
pub(super) fn claimed(bytes: &[u8]) -> Option<(u64, usize)> {
    let mut fields = Fields(bytes.get(4..)?);
    let length = usize::try_from(fields.u32()?).ok()?;
    Some((fields.u64()?, length)).filter(|_| length <= PAYLOAD_BYTES_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn framed(payload: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::new();
        Frame {
            sequence: 7,
            acknowledged: 6,
            at: -5,
            payload,
        }
        .write(&mut bytes);
        bytes
    }

    #[test]
    fn a_record_reads_back_and_any_flipped_bit_is_seen() {
        let bytes = framed(b"payload");
        let Front::Whole(frame) = Frame::read(&bytes) else {
            panic!("{:?}", Frame::read(&bytes));
        };
        assert_eq!((frame.sequence, frame.acknowledged, frame.at), (7, 6, -5));
        assert_eq!(
            (frame.payload, frame.bytes()),
            (&b"payload"[..], bytes.len())
        );
        for bit in 0..bytes.len() * 8 {
            let mut flipped = bytes.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert!(
                !matches!(Frame::read(&flipped), Front::Whole(_)),
                "bit {bit}"
            );
        }
    }

    #[test]
    fn a_record_that_is_cut_short_or_of_zeros_is_none() {
        let bytes = framed(b"payload");
        for length in 0..bytes.len() {
            assert!(matches!(Frame::read(&bytes[..length]), Front::Short(more) if more > length));
        }
        assert_eq!(Frame::read(&[0; 64]), Front::Bad);
        assert_eq!(Frame::read(&[255; 64]), Front::Bad);
    }

    #[test]
    fn headers_and_cursors_read_back_and_a_flipped_bit_is_seen() {
        let header = Header {
            first: 12,
            acknowledged: 9,
        };
        let mut bytes = Vec::new();
        header.write(&mut bytes);
        assert_eq!(bytes.len(), HEADER_BYTES);
        assert_eq!(Header::read(&bytes, "f").unwrap(), Some(header));
        for bit in 0..bytes.len() * 8 {
            let mut flipped = bytes.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(Header::read(&flipped, "f").unwrap(), None, "bit {bit}");
        }
        assert_eq!(Header::read(&bytes[..31], "f").unwrap(), None);

        let bytes = cursor(77);
        assert_eq!(read_cursor(&bytes).unwrap(), Some(77));
        assert_eq!(read_cursor(&bytes[1..]).unwrap(), None);
        assert_eq!(read_cursor(&[]).unwrap(), None);
    }

    #[test]
    fn another_version_is_refused_rather_than_taken_for_damage() {
        let mut bytes = Vec::new();
        bytes.extend_from_slice(SEGMENT_MAGIC);
        bytes.extend_from_slice(&2_u32.to_le_bytes());
        bytes.extend_from_slice(&[0; 16]);
        seal(&mut bytes, 0);
        assert!(matches!(
            Header::read(&bytes, "f"),
            Err(SpoolError::Newer { .. })
        ));
    }
}
