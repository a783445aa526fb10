//! SHA-256 over many small pieces: gathered first, because each call of the hash has its price.

use sha2::{Digest as _, Sha256};

const GATHERED_BYTES: usize = 512;

/// A hash that is being made.
#[derive(Clone, Debug)]
pub struct Gathering {
    hash: Sha256,
    filled: usize,
    gathered: [u8; GATHERED_BYTES],
}

impl Default for Gathering {
    fn default() -> Self {
        Self {
            hash: Sha256::new(),
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
            None => self.pass_on(bytes),
        }
    }

    /// Adds bytes after their length (4 bytes, big endian).
    #[inline]
    pub fn add_sized(&mut self, bytes: &[u8]) {
        self.add(&u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_be_bytes());
        self.add(bytes);
    }

    /// The hash of all that was added.
    #[must_use]
    pub fn finish(mut self) -> [u8; 32] {
        self.pass_on(&[]);
        self.hash.finalize().into()
    }

    fn pass_on(&mut self, bytes: &[u8]) {
        self.hash
            .update(self.gathered.get(..self.filled).unwrap_or_default());
        self.hash.update(bytes);
        self.filled = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_of_any_length_give_the_hash_of_the_whole() {
        for length in [0, 1, 7, 500, 511, 512, 513, 3000] {
            let piece = vec![b'x'; length];
            let mut gathering = Gathering::default();
            for _ in 0..5 {
                gathering.add(&piece);
                gathering.add(b"-");
            }
            let whole = [piece.as_slice(), b"-"].concat().repeat(5);
            assert_eq!(gathering.finish(), *Sha256::digest(&whole), "{length}");
        }
    }
}
