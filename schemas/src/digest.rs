//! SHA-256 over many small pieces, and HMAC over small texts: gathered first, and padded here, because
//! each call of the hash has its price. Which is most of it where a few dozen bytes are hashed, as they
//! are for every id and every pseudonym.

mod content;
mod gathered;

use std::fmt;

pub use content::Content;
use gathered::{Gathered, copy};
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
    gathered: Gathered<GATHERED_BYTES>,
}

impl Default for Gathering {
    #[inline]
    fn default() -> Self {
        Self {
            state: START,
            hashed: 0,
            gathered: Gathered::default(),
        }
    }
}

impl Gathering {
    /// Adds bytes, as if all were one text.
    #[inline]
    pub fn add(&mut self, bytes: &[u8]) {
        let Self {
            state,
            hashed,
            gathered,
        } = self;
        gathered.add(bytes, |full| {
            compress256(state, full.as_chunks().0);
            *hashed += full.len() as u64;
        });
    }

    /// Adds bytes after their length (4 bytes, big endian).
    #[inline]
    pub fn add_sized(&mut self, bytes: &[u8]) {
        self.add(&size(bytes));
        self.add(bytes);
    }

    /// The hash of all that was added.
    #[must_use]
    #[inline]
    pub fn finish(&self) -> [u8; 32] {
        bytes(ended(self.state, self.hashed, self.gathered.rest()))
    }
}

/// HMAC-SHA256 under one key (RFC 2104). The key's own two blocks are in the states, so that a text
/// costs its own blocks and one more.
#[derive(Clone, Copy)]
pub struct Keyed {
    inner: [u32; 8],
    outer: [u32; 8],
}

/// Whoever knows the states can make every tag.
impl fmt::Debug for Keyed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Keyed(…)")
    }
}

impl Keyed {
    /// With a key of any length.
    #[must_use]
    pub fn new(key: &[u8]) -> Self {
        let mut block = [0; BLOCK_BYTES];
        match block.get_mut(..key.len()) {
            Some(place) => place.copy_from_slice(key),
            None => {
                for (to, from) in block.iter_mut().zip(bytes(ended(START, 0, key))) {
                    *to = from;
                }
            }
        }
        let begun = |pad: u8| {
            let mut state = START;
            compress256(&mut state, &[block.map(|byte| byte ^ pad)]);
            state
        };
        Self {
            inner: begun(0x36),
            outer: begun(0x5c),
        }
    }

    /// The text's tag.
    #[must_use]
    #[inline]
    pub fn tag(&self, text: &[u8]) -> [u8; 32] {
        let inner = bytes(ended(self.inner, BLOCK_BYTES as u64, text));
        bytes(ended(self.outer, BLOCK_BYTES as u64, &inner))
    }
}

/// The last state of a hash of which `hashed` bytes, a whole number of blocks, are in `state`.
#[inline]
fn ended(mut state: [u32; 8], hashed: u64, rest: &[u8]) -> [u32; 8] {
    let (whole, tail) = rest.as_chunks::<BLOCK_BYTES>();
    if !whole.is_empty() {
        compress256(&mut state, whole);
    }
    let bits = (hashed + rest.len() as u64) * 8;
    let mut last = [0; 2 * BLOCK_BYTES];
    if let Some(place) = last.get_mut(..tail.len()) {
        copy(tail, place);
    }
    if let Some(place) = last.get_mut(tail.len()) {
        *place = 0x80;
    }
    let fits = tail.len() + 1 + size_of_val(&bits) <= BLOCK_BYTES;
    let padded = if fits { BLOCK_BYTES } else { 2 * BLOCK_BYTES };
    if let Some(padded) = last.get_mut(..padded) {
        if let Some(place) = padded.last_chunk_mut() {
            *place = bits.to_be_bytes();
        }
        compress256(&mut state, padded.as_chunks().0);
    }
    state
}

#[inline]
fn bytes(state: [u32; 8]) -> [u8; 32] {
    let mut hash = [0; 32];
    for (bytes, word) in hash.as_chunks_mut().0.iter_mut().zip(state) {
        *bytes = word.to_be_bytes();
    }
    hash
}

fn size(bytes: &[u8]) -> [u8; 4] {
    u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_be_bytes()
}

#[cfg(test)]
mod tests {
    use hmac::{Hmac, KeyInit as _, Mac as _};
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

    #[test]
    fn a_tag_is_the_one_of_the_library_for_keys_and_texts_of_any_length() {
        for key in [0, 1, 32, 63, 64, 65, 200] {
            let key = vec![b'k'; key];
            let keyed = Keyed::new(&key);
            for length in (0..200).chain([1000]) {
                let text = vec![b'x'; length];
                let mut mac = Hmac::<Sha256>::new_from_slice(&key).unwrap();
                mac.update(&text);
                let expected: [u8; 32] = mac.finalize().into_bytes().into();
                assert_eq!(keyed.tag(&text), expected, "{} {length}", key.len());
            }
        }
    }

    proptest! {
        #[test]
        fn sizes_are_bytes_like_others(
            pieces in prop::collection::vec((any::<bool>(), prop::collection::vec(any::<u8>(), 0..300)), 0..12)
        ) {
            let (mut gathering, mut whole) = (Gathering::default(), Vec::new());
            for (is_sized, bytes) in &pieces {
                if *is_sized {
                    gathering.add_sized(bytes);
                } else {
                    gathering.add(bytes);
                }
                whole.extend(is_sized.then_some(size(bytes)).into_iter().flatten());
                whole.extend(bytes);
            }
            let expected: [u8; 32] = Sha256::digest(&whole).into();
            prop_assert_eq!(gathering.finish(), expected);
        }
    }
}
