//! What a folder holds after whatever happened: facts from reading it, and what follows from them.
//!
//! Nobody was promised a record before it was synced, and every later header and record says what had
//! been promised by then. A record that was promised, is not settled and can't be read is damage:
//! its segment's rest is quarantined. Any other bytes that are no record are what a crash or a refused
//! write left behind.

use std::io;

use crate::spool::{
    SpoolError,
    files::{Files, Listed},
    format::{self, CURSOR, HEADER_BYTES},
    names::{Lost, Name, parse_name},
    scan::{self, Behind, Step, Walk},
};

/// What reading one segment found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Facts {
    pub(super) name: String,
    pub(super) bytes: u64,
    /// By its name.
    pub(super) first: u64,
    pub(super) is_quarantined: bool,
    /// By its name too, of one that is quarantined.
    pub(super) lost: Option<Lost>,
    /// What was promised before it, by its header or its first record; `None`: both are bad.
    pub(super) before: Option<u64>,
    /// The last record that follows from the first without a hole; `first - 1`: none.
    pub(super) through: u64,
    /// Where that record ends.
    pub(super) end: u64,
    /// The file ends there too.
    pub(super) is_whole: bool,
    /// What that record says was promised before it; 0: there is none.
    pub(super) promised: u64,
    pub(super) behind: Behind,
}

impl Facts {
    /// What had been promised when it was begun, if any of its bytes say so.
    fn promised_before(&self) -> Option<u64> {
        self.before.or(self.behind.before)
    }
}

/// What becomes of a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Its records up to `last` are good. `cut`: a torn tail begins there.
    Good { last: u64, cut: Option<u64> },
    /// Its records up to `last` are good; promised ones behind them can't be read.
    Damaged { last: u64 },
    /// It holds nothing that anybody needs.
    Needless,
}

/// A whole record on the way past.
pub(super) struct Seen<'a> {
    pub(super) file: &'a str,
    pub(super) sequence: u64,
    pub(super) at: i64,
    pub(super) payload: &'a [u8],
}

/// Everything about a folder.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// In order.
    pub(super) segments: Vec<(Facts, Verdict)>,
    /// Everything up to here is settled.
    pub(super) cursor: u64,
    pub(super) is_cursor_damaged: bool,
    /// Promised and unsettled records before the first segment; their file is gone.
    pub(super) missing: u64,
}

impl Found {
    /// A sequence above any that was ever used here.
    pub(super) fn next_sequence(&self) -> u64 {
        let used = self.segments.iter().flat_map(|(facts, _)| {
            let before = facts.before.unwrap_or_default();
            // Those that only a name tells of were used too.
            let lost = facts.lost.map_or(0, |lost| lost.last);
            [
                facts.first,
                facts.through,
                before,
                facts.behind.sequence,
                lost,
            ]
        });
        used.fold(self.cursor, u64::max).saturating_add(1)
    }

    /// Each segment, with what is lost of it if it is damaged.
    pub(super) fn judged(&self) -> impl Iterator<Item = (&Facts, Verdict, Lost)> {
        let facts = self.segments.iter().map(|(facts, _)| facts);
        let bounds = bounds(facts);
        let both = self.segments.iter().zip(bounds);
        both.map(|((facts, verdict), bounds)| (facts, *verdict, lost(facts, bounds, self.cursor)))
    }
}

/// Nothing up to the cursor is lost, but it goes past what a quarantined file has lost once: from then on
/// only the name knows. Without that, what the file itself says is known, and never that it is all.
fn lost(facts: &Facts, bounds: Bounds, cursor: u64) -> Lost {
    let behind = |read: u64| read.saturating_add(1);
    match facts.lost {
        Some(lost) if cursor >= lost.last => lost,
        Some(lost) => Lost {
            first: behind(facts.through.max(cursor)),
            ..lost
        },
        None if facts.is_quarantined => Lost {
            first: behind(facts.through),
            last: facts.behind.acknowledged.max(facts.promised),
            is_all: false,
        },
        None => Lost {
            first: behind(facts.through.max(cursor)),
            last: bounds.promised,
            is_all: bounds.is_all,
        },
    }
}

/// Reads the whole folder and changes nothing. `each` gets every whole record that is not settled.
pub(super) fn find(
    files: &dyn Files,
    each: &mut dyn FnMut(&Seen<'_>),
) -> Result<Found, SpoolError> {
    // The cursor after the list: where somebody is at work here, it never stands before what is gone.
    let listed = files
        .list()
        .map_err(|error| SpoolError::io("list", "its folder", error))?;
    let (mut cursor, is_cursor_damaged) = read_cursor(files)?;
    let mut segments: Vec<_> = listed
        .into_iter()
        .filter_map(|file| Some((parse_name(&file.name)?, file)))
        .collect();
    segments.sort_by(|(a, x), (b, y)| (a, &x.name).cmp(&(b, &y.name)));
    let mut facts = Vec::with_capacity(segments.len());
    for (name, file) in segments {
        let mut of_record = |seen: &Seen<'_>| {
            if seen.sequence > cursor {
                each(seen);
            }
        };
        facts.extend(look(files, file, name, &mut of_record)?);
    }
    let verdicts = judge(&facts, cursor);
    let before = |facts: Option<&Facts>| facts.and_then(|one| one.before).unwrap_or_default();
    let mut missing = before(facts.first()).saturating_sub(cursor);
    if is_cursor_damaged {
        // What stood before the first file that is needed was removed, so it was settled.
        let mut judged = facts.iter().zip(&verdicts);
        let needed = judged.find(|(_, verdict)| **verdict != Verdict::Needless);
        cursor = before(needed.map(|(facts, _)| facts));
        missing = 0;
    }
    Ok(Found {
        segments: facts.into_iter().zip(verdicts).collect(),
        cursor,
        is_cursor_damaged,
        missing,
    })
}

/// What the cursor file says, and whether it is damaged.
fn read_cursor(files: &dyn Files) -> Result<(u64, bool), SpoolError> {
    match scan::read_rest(files, CURSOR, 0, 2 * HEADER_BYTES) {
        Ok(bytes) => {
            let settled = format::read_cursor(&bytes)?;
            Ok((settled.unwrap_or_default(), settled.is_none()))
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok((0, false)),
        Err(error) => {
            tracing::error!(%error, "the spool's cursor can't be read");
            Ok((0, true))
        }
    }
}

/// Reads one segment. `None`: it is gone meanwhile.
fn look(
    files: &dyn Files,
    file: Listed,
    Name {
        first,
        is_quarantined,
        lost,
    }: Name,
    each: &mut dyn FnMut(&Seen<'_>),
) -> Result<Option<Facts>, SpoolError> {
    let header = scan::read_header(files, &file.name, first)?;
    let mut facts = Facts {
        bytes: file.bytes,
        name: file.name,
        first,
        is_quarantined,
        lost,
        before: None,
        through: first.saturating_sub(1),
        end: 0,
        is_whole: false,
        promised: 0,
        behind: Behind::default(),
    };
    let read = header.and_then(|header| {
        if let Some(header) = header {
            facts.before = Some(header.acknowledged);
            facts.end = HEADER_BYTES as u64;
        }
        walk_over(files, &mut facts, each)?;
        if !facts.is_whole {
            let rest = scan::read_rest(files, &facts.name, facts.end, usize::MAX)?;
            facts.behind = scan::look_behind(&rest, facts.through.saturating_add(1));
        }
        Ok(())
    });
    match read {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => {
            tracing::error!(file = facts.name, %error, "a part of the spool can't be read");
            facts.is_whole = false;
            facts.behind = Behind::unknown(facts.through.saturating_add(1), facts.bytes);
        }
    }
    Ok(Some(facts))
}

/// The records from the first on. A bad header alone takes nothing away: the file's name tells the first
/// sequence, and the first record what was promised before it.
fn walk_over(
    files: &dyn Files,
    facts: &mut Facts,
    each: &mut dyn FnMut(&Seen<'_>),
) -> io::Result<()> {
    let mut walk = Walk::start(files, facts.name.clone(), facts.first);
    loop {
        match walk.step()? {
            Step::Record {
                sequence,
                acknowledged,
                at,
            } => {
                facts.before = facts.before.or(Some(acknowledged));
                facts.through = sequence;
                facts.promised = acknowledged;
                facts.end = walk.offset();
                each(&Seen {
                    file: &facts.name,
                    sequence,
                    at,
                    payload: walk.payload(),
                });
            }
            Step::End => {
                facts.is_whole = facts.before.is_some();
                return Ok(());
            }
            Step::Bad => return Ok(()),
        }
    }
}

/// What others say of the records of a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Bounds {
    /// It has none behind this one.
    upper: u64,
    /// Those up to here were promised, more may have been in the last segment.
    promised: u64,
    /// Another was begun after it, so that `promised` is all.
    is_all: bool,
}

/// Of each segment.
fn bounds<'a>(facts: impl DoubleEndedIterator<Item = &'a Facts>) -> Vec<Bounds> {
    let mut bounds = Vec::new();
    // Seen from the end: what was promised at any later time, what was promised when something later was
    // begun, and where the next segment begins.
    let mut promised = 0;
    let mut begun_after = u64::MAX;
    let mut next_first = u64::MAX;
    for segment in facts.rev() {
        promised = promised
            .max(segment.behind.acknowledged)
            .max(segment.promised);
        // Nothing here was promised once the next one was begun.
        let upper = next_first.saturating_sub(1).min(begun_after);
        bounds.push(Bounds {
            upper,
            promised: promised.min(upper),
            is_all: upper <= promised,
        });
        promised = promised.max(segment.before.unwrap_or_default());
        begun_after = segment.promised_before().unwrap_or(begun_after);
        next_first = segment.first;
    }
    bounds.reverse();
    bounds
}

/// What becomes of each segment.
fn judge(facts: &[Facts], cursor: u64) -> Vec<Verdict> {
    let mut verdicts = Vec::with_capacity(facts.len());
    let mut is_last = true;
    for (segment, bounds) in facts.iter().zip(bounds(facts.iter())).rev() {
        let none = segment.first.saturating_sub(1);
        let (upper, must) = (bounds.upper, bounds.promised);
        let last = segment.through.min(upper).max(none);
        let verdict = if must > segment.through.max(cursor).max(none) {
            Verdict::Damaged {
                last: segment.through,
            }
        } else if last < segment.first || last <= cursor {
            Verdict::Needless
        } else {
            let is_torn = is_last && !segment.is_whole && !segment.is_quarantined;
            let cut = is_torn.then_some(segment.end);
            Verdict::Good { last, cut }
        };
        verdicts.push(verdict);
        is_last = is_last && verdict == Verdict::Needless;
    }
    verdicts.reverse();
    verdicts
}
