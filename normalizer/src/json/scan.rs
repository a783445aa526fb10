//! Bytes of a text, passed many at a time.

/// The end of an escape that begins at `at`; whether it names a character is not asked.
pub(super) fn escape(bytes: &[u8], at: usize) -> Option<usize> {
    match bytes.get(at + 1)? {
        b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => Some(at + 2),
        b'u' => {
            let digits = bytes.get(at + 2..at + 6)?;
            digits.iter().all(u8::is_ascii_hexdigit).then_some(at + 6)
        }
        _ => None,
    }
}

/// The next place from `at` on that holds a quote, a backslash or a control character, or the end.
/// Eight bytes at a time: a byte less than another borrows from its top bit, and the lowest of the
/// marks is always right.
#[inline(always)]
pub(super) fn plain_until(bytes: &[u8], mut at: usize) -> usize {
    const ONES: u64 = u64::from_le_bytes([1; 8]);
    const TOPS: u64 = ONES << 7;
    const fn is(byte: u8, word: u64) -> u64 {
        let zero = word ^ (ONES * byte as u64);
        zero.wrapping_sub(ONES) & !zero
    }
    while let Some(eight) = bytes.get(at..).and_then(<[u8]>::first_chunk) {
        let word = u64::from_le_bytes(*eight);
        let control = word.wrapping_sub(ONES * 0x20) & !word;
        let marks = (control | is(b'"', word) | is(b'\\', word)) & TOPS;
        if marks != 0 {
            return at + (marks.trailing_zeros() / 8) as usize;
        }
        at += 8;
    }
    let rest = bytes.get(at..).unwrap_or_default();
    let stops = |byte: &u8| matches!(byte, b'"' | b'\\' | 0..0x20);
    at + rest.iter().position(stops).unwrap_or(rest.len())
}
