//! What tells two contents apart, where nothing fixes how: HighwayHash-128, whose output is frozen, under a key
//! that everybody may know. It takes a quarter of SHA-256's time where the processor has instructions for
//! that one, and a tenth where not. Nobody's word rests on it: whoever looks for two contents of one hash
//! can say anything of their order anyway (they are authentic, or nothing is asked to be), and would hide its state alone.

use highway::{HighwayHash as _, HighwayHasher, Key};

use super::{copy, gathered::Gathered, size};

/// A whole number of the pieces that the hash takes, 32 bytes.
const GATHERED_BYTES: usize = 256;
/// Every id of a webhook without an id hangs on it.
const KEY: &[u8; 32] = b"waybill: what a webhook says, v1";

/// A digest that is being made.
#[derive(Debug)]
pub struct Content {
    hasher: HighwayHasher,
    gathered: Gathered<GATHERED_BYTES>,
}

impl Default for Content {
    #[inline]
    fn default() -> Self {
        Self {
            hasher: HighwayHasher::new(key()),
            gathered: Gathered::default(),
        }
    }
}

impl Content {
    /// Adds bytes, as if all were one text.
    #[inline]
    pub fn add(&mut self, bytes: &[u8]) {
        let Self { hasher, gathered } = self;
        gathered.add(bytes, |full| hasher.append(full));
    }

    /// Adds a mark, and then bytes after their length (4 bytes, big endian).
    #[inline]
    pub fn add_marked(&mut self, mark: u8, bytes: &[u8]) {
        let place = self.gathered.take(5 + bytes.len());
        let place = place.and_then(<[u8]>::split_first_mut);
        match place.and_then(|(first, rest)| Some((first, rest.split_first_chunk_mut()?))) {
            // In this order no store waits for the bytes of another one.
            Some((first, (length, rest))) => {
                *first = mark;
                *length = size(bytes);
                copy(bytes, rest);
            }
            None => {
                self.add(&[mark]);
                self.add(&size(bytes));
                self.add(bytes);
            }
        }
    }

    /// The hash of all that was added: as many bits as an event's id has.
    #[must_use]
    #[inline]
    pub fn finish(mut self) -> [u8; 16] {
        self.hasher.append(self.gathered.rest());
        let mut digest = [0; 16];
        let words = self.hasher.finalize128();
        for (to, word) in digest.as_chunks_mut().0.iter_mut().zip(words) {
            *to = word.to_le_bytes();
        }
        digest
    }
}

#[inline]
fn key() -> Key {
    let mut key = [0; 4];
    for (word, bytes) in key.iter_mut().zip(KEY.as_chunks().0) {
        *word = u64::from_le_bytes(*bytes);
    }
    Key(key)
}

#[cfg(test)]
mod tests {
    use highway::PortableHash;
    use proptest::prelude::*;

    use super::*;

    /// A content without an id has the same one for ever: a fixed text, its hash worked out once.
    #[test]
    fn the_hash_of_a_content_never_changes() {
        let mut content = Content::default();
        content.add_marked(b't', b"delivered");
        assert_eq!(
            hex::encode(content.finish()),
            "0088a3cc76c88c898419abcdefa37029"
        );
    }

    proptest! {
        #[test]
        fn it_is_the_hash_of_all_pieces_whatever_their_lengths(
            pieces in prop::collection::vec((0_usize..700, any::<u8>(), any::<bool>()), 0..8),
        ) {
            let (mut content, mut whole) = (Content::default(), Vec::new());
            for (length, byte, is_marked) in pieces {
                let bytes = vec![byte; length];
                if is_marked {
                    content.add_marked(b'm', &bytes);
                    whole.push(b'm');
                    whole.extend(u32::try_from(length).unwrap().to_be_bytes());
                } else {
                    content.add(&bytes);
                }
                whole.extend(bytes);
            }
            // Without the processor's own instructions, too.
            let words = PortableHash::new(key()).hash128(&whole);
            let expected: Vec<u8> = words.into_iter().flat_map(u64::to_le_bytes).collect();
            prop_assert_eq!(&content.finish()[..], expected);
        }
    }
}
