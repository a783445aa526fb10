//! SHA-256 over many small pieces: gathered first, and padded here, because each call of the hash has
//! its price. Which is most of it where a few dozen bytes are hashed, as they are for every id.

use sha2::block_api::compress256;

const BLOCK_BYTES: usize = 64;
/// A whole number of blocks.
const GATHERED_BYTES: usize = 8 * BLOCK_BYTES;
/// As FIPS 180-4 has it in 5.3.3.
const START: [u32; 8] = [
    0x6a09_e667,
    0xbb67_ae85,
    0x3c6e_f372,
    0xa54f_f53a,
    0x510e_527f,
    0x9b05_688c,
    0x1f83_d9ab,
    0x5be0_cd19,
];

/// A hash that is being made.
#[derive(Clone, Debug)]
pub struct Gathering {
    state: [u32; 8],
    /// Bytes that are in the state.
    hashed: u64,
    filled: usize,
    gathered: [u8; GATHERED_BYTES],
}

impl Default for Gathering {
    #[inline]
    fn default() -> Self {
        Self {
            state: START,
            hashed: 0,
            filled: 0,
            gathered: [0; GATHERED_BYTES],
        }
    }
}

impl Gathering {
    /// Adds bytes, as if all were one text.
    #[inline]
    pub fn add(&mut self, bytes: &[u8]) {
        let end = self.filled + bytes.len();
        match self.gathered.get_mut(self.filled..end) {
            Some(place) => {
                place.copy_from_slice(bytes);
                self.filled = end;
            }
            None => self.overflow(bytes),
        }
    }

    /// Adds bytes after their length (4 bytes, big endian).
    #[inline]
    pub fn add_sized(&mut self, bytes: &[u8]) {
        self.add(&size(bytes));
        self.add(bytes);
    }

    /// Adds a mark, and then bytes after their length.
    #[inline]
    pub fn add_marked(&mut self, mark: u8, bytes: &[u8]) {
        let end = self.filled + 5 + bytes.len();
        let place = self.gathered.get_mut(self.filled..end);
        let place = place.and_then(<[u8]>::split_first_mut);
        match place.and_then(|(first, rest)| Some((first, rest.split_first_chunk_mut()?))) {
            // In this order no store waits for the bytes of another one.
            Some((first, (length, rest))) => {
                *first = mark;
                *length = size(bytes);
                rest.copy_from_slice(bytes);
                self.filled = end;
            }
            None => {
                self.add(&[mark]);
                self.add_sized(bytes);
            }
        }
    }

    /// The hash of all that was added.
    #[must_use]
    #[inline]
    pub fn finish(mut self) -> [u8; 32] {
        let bits = (self.hashed + self.filled as u64) * 8;
        self.add(&[0x80]);
        let used = (self.filled + size_of_val(&bits)) % BLOCK_BYTES;
        let zeros = (BLOCK_BYTES - used) % BLOCK_BYTES;
        self.add([0; BLOCK_BYTES].get(..zeros).unwrap_or_default());
        self.add(&bits.to_be_bytes());
        self.pass_on();
        let mut hash = [0; 32];
        for (bytes, word) in hash.as_chunks_mut().0.iter_mut().zip(self.state) {
            *bytes = word.to_be_bytes();
        }
        hash
    }

    fn overflow(&mut self, mut bytes: &[u8]) {
        loop {
            let free = self.gathered.get_mut(self.filled..).unwrap_or_default();
            let (now, later) = bytes.split_at(bytes.len().min(free.len()));
            for (to, from) in free.iter_mut().zip(now) {
                *to = *from;
            }
            self.filled += now.len();
            if self.filled < GATHERED_BYTES {
                return;
            }
            self.pass_on();
            bytes = later;
        }
    }

    /// What is gathered are whole blocks.
    fn pass_on(&mut self) {
        let gathered = self.gathered.get(..self.filled).unwrap_or_default();
        compress256(&mut self.state, gathered.as_chunks().0);
        self.hashed += self.filled as u64;
        self.filled = 0;
    }
}

fn size(bytes: &[u8]) -> [u8; 4] {
    u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_be_bytes()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use sha2::{Digest as _, Sha256};

    use super::*;

    #[test]
    fn pieces_of_any_length_give_the_hash_of_the_whole() {
        for length in (0..140).chain(440..520).chain([1023, 1024, 3000]) {
            let piece = vec![b'x'; length];
            for count in [1, 5] {
                let mut gathering = Gathering::default();
                (0..count).for_each(|_| gathering.add(&piece));
                let whole = piece.repeat(count);
                assert_eq!(gathering.finish(), *Sha256::digest(&whole), "{length}");
            }
        }
    }

    proptest! {
        #[test]
        fn marks_and_sizes_are_bytes_like_others(
            pieces in prop::collection::vec((0..3_u8, prop::collection::vec(any::<u8>(), 0..300)), 0..12)
        ) {
            let (mut gathering, mut whole) = (Gathering::default(), Vec::new());
            for (how, bytes) in &pieces {
                match how {
                    0 => gathering.add(bytes),
                    1 => gathering.add_sized(bytes),
                    _ => gathering.add_marked(b'k', bytes),
                }
                whole.extend((*how == 2).then_some(b'k'));
                whole.extend((*how > 0).then_some(size(bytes)).into_iter().flatten());
                whole.extend(bytes);
            }
            let expected: [u8; 32] = Sha256::digest(&whole).into();
            prop_assert_eq!(gathering.finish(), expected);
        }
    }
}
