//! Texts of any length.

use super::{Column, Ends, Push, Runs, length};

/// Texts as they stand in a body, each behind its length.
#[derive(Debug, Default)]
pub struct Text {
    bytes: Vec<u8>,
    ends: Ends,
}

/// Bytes that are written as lower-case hex.
#[derive(Clone, Copy, Debug)]
pub struct Hex<'a>(pub &'a [u8]);

impl Column for Text {
    fn kind() -> String {
        "String".to_owned()
    }

    fn bytes(&self) -> usize {
        self.bytes.len() + self.ends.bytes()
    }

    fn body(&self, runs: &Runs, body: &mut Vec<u8>) {
        for run in runs {
            let bytes = self.bytes.get(self.ends.of(run));
            body.extend_from_slice(bytes.unwrap_or_default());
        }
    }
}

impl Push<&str> for Text {
    fn push(&mut self, text: &str) {
        length(&mut self.bytes, text.len());
        self.bytes.extend_from_slice(text.as_bytes());
        self.ends.push(self.bytes.len());
    }
}

impl Push<Hex<'_>> for Text {
    fn push(&mut self, Hex(bytes): Hex<'_>) {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        length(&mut self.bytes, bytes.len() * 2);
        for byte in bytes {
            for half in [byte >> 4, byte & 15] {
                self.bytes.extend(DIGITS.get(usize::from(half)));
            }
        }
        self.ends.push(self.bytes.len());
    }
}
