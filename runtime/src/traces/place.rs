//! A place in a trace, as W3C Trace Context writes it. Pure.

use std::{
    fmt,
    hash::{DefaultHasher, Hash, Hasher},
};

/// The header of requests and records that carries it.
pub const HEADER: &str = "traceparent";

/// The value of [`HEADER`] among a record's headers.
pub fn header<'a>(headers: &[(&str, &'a [u8])]) -> Option<&'a [u8]> {
    let found = headers.iter().find(|(name, _)| *name == HEADER);
    found.map(|(_, value)| *value)
}

/// A span of a trace that is recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    trace_id: u128,
    span_id: u64,
    parent_id: Option<u64>,
}

impl Place {
    /// What a header says: the sender's place, and whether he records it. None where it is none.
    pub(super) fn sent(header: &[u8]) -> Option<(Self, bool)> {
        let text = std::str::from_utf8(header).ok()?;
        let mut parts = text.split('-');
        let (version, trace, span, flags) =
            (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
        let [version, flags] = [hex(version, 2)?, hex(flags, 2)?];
        // a later version may say more behind it, the first one not
        if version == 0xff || (version == 0 && parts.next().is_some()) {
            return None;
        }
        let trace_id = hex(trace, 32).filter(|id| *id != 0)?;
        let span_id = u64::try_from(hex(span, 16)?).ok().filter(|id| *id != 0)?;
        let place = Self {
            trace_id,
            span_id,
            parent_id: None,
        };
        Some((place, flags & 1 == 1))
    }

    /// The first place of a trace, if this share of all traces has it. As OpenTelemetry draws: by the
    /// last seven bytes, so that every stage and every tool that draws by them draws alike.
    pub(super) fn first(id: [u8; 16], ratio: f64) -> Option<Self> {
        const RANDOM: u128 = (1 << 56) - 1;
        let trace_id = u128::from_be_bytes(id);
        let drawn = (trace_id & RANDOM) as f64 / (RANDOM as f64 + 1.0);
        (trace_id != 0 && drawn >= 1.0 - ratio).then(|| Self {
            trace_id,
            span_id: span_id(0, &id),
            parent_id: None,
        })
    }

    /// The place of something that happened under this one.
    pub(super) fn below(self, seed: &impl Hash) -> Self {
        Self {
            span_id: span_id(self.span_id, seed),
            parent_id: Some(self.span_id),
            ..self
        }
    }

    pub(super) fn trace_id(self) -> u128 {
        self.trace_id
    }

    pub(super) fn span_id(self) -> u64 {
        self.span_id
    }

    pub(super) fn parent_id(self) -> Option<u64> {
        self.parent_id
    }
}

/// As the header says it.
impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "00-{:032x}-{:016x}-01", self.trace_id, self.span_id)
    }
}

/// The hasher without keys: alike in every process.
fn span_id(above: u64, seed: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    above.hash(&mut hasher);
    seed.hash(&mut hasher);
    hasher.finish().max(1)
}

/// Lower-case digits, so many of them.
fn hex(text: &str, digits: usize) -> Option<u128> {
    let is_digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    (text.len() == digits && text.bytes().all(is_digit))
        .then(|| u128::from_str_radix(text, 16).ok())
        .flatten()
}
