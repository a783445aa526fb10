//! Starting on whatever a folder holds.

use std::{collections::BTreeMap, sync::Arc};

use crate::spool::{
    Opened, Sequence, SpoolError,
    entry::overflowing_tenant,
    files::Files,
    format::CURSOR_NEW,
    log::{Limits, Log, Segment, State},
    names::Lost,
    quarantine::{keep_apart, lost_anew},
    recovery::{self, Facts, Found, Seen, Verdict},
};

impl Log {
    /// Recovers: cuts what is torn, keeps apart what is damaged, removes what is settled.
    pub(super) fn open(
        files: Arc<dyn Files>,
        limits: Limits,
    ) -> Result<(Self, Opened), SpoolError> {
        let mut state = State::default();
        let mut overflowing = BTreeMap::new();
        let found = recovery::find(&*files, &mut |seen| {
            state.ages.note(seen.sequence, seen.at);
            note_overflow(&mut overflowing, seen);
        })?;
        state.cursor = found.cursor;
        let next = found.next_sequence();
        let mut opened = Opened {
            missing: found.missing,
            is_cursor_damaged: found.is_cursor_damaged,
            before: Sequence(next.saturating_sub(1)),
            overflowing,
            ..Opened::default()
        };
        report_losses(&*files, &found);
        let is_good = |verdict: &Verdict| matches!(verdict, Verdict::Good { .. });
        let last_good = found
            .segments
            .iter()
            .rposition(|(facts, verdict)| is_good(verdict) && !facts.is_quarantined);
        for (index, (facts, verdict, lost)) in found.judged().enumerate() {
            let mut segment = Segment {
                name: facts.name.clone(),
                first: facts.first,
                last: facts.through,
                bytes: facts.bytes,
                is_quarantined: facts.is_quarantined,
            };
            match verdict {
                Verdict::Good { last, cut } => {
                    segment.last = last;
                    opened.torn_bytes += cut.map_or(0, |cut| facts.bytes.saturating_sub(cut));
                    if Some(index) == last_good {
                        segment.bytes = make_safe(&*files, facts, cut)?;
                    }
                }
                Verdict::Damaged { last } => segment.last = last,
                Verdict::Needless if segment.is_quarantined => {}
                Verdict::Needless => {
                    let is_unread = facts.through < facts.first;
                    opened.torn_bytes += if is_unread { facts.bytes } else { 0 };
                    if let Err(error) = files.remove(&facts.name) {
                        tracing::warn!(file = facts.name, %error, "a needless file of the spool stays");
                        state.needless.push(facts.name.clone());
                    }
                    continue;
                }
            }
            set_apart(&*files, &mut segment, (facts, verdict, lost));
            if segment.is_quarantined {
                state.quarantined.push(segment.name.clone());
            }
            if segment.last > state.cursor.max(segment.first - 1) {
                state.segments.push(segment);
            }
        }
        let synced = files.sync_folder();
        synced.map_err(|error| SpoolError::io("sync", "its folder", error))?;
        state.ages.settle(state.cursor);
        opened.records = state.records();
        opened.quarantined.clone_from(&state.quarantined);
        let sequences = (next, state.last());
        let log = Self::on(files, limits, state, sequences);
        if found.is_cursor_damaged {
            log.write_cursor(found.cursor)?;
        }
        opened.bytes = log.bytes.load(std::sync::atomic::Ordering::SeqCst);
        Ok((log, opened))
    }
}

/// Cuts the torn tail of the last segment, and syncs what a crash may have left in memory only: from here
/// on these records are promised.
fn make_safe(files: &dyn Files, facts: &Facts, cut: Option<u64>) -> Result<u64, SpoolError> {
    let bytes = cut.unwrap_or(facts.bytes);
    let made = files.cut(&facts.name, bytes);
    made.map_err(|error| SpoolError::io("cut", &facts.name, error))?;
    Ok(bytes)
}

/// Some of what is read here is settled or is never handed out: who asks what still waits is told so.
fn note_overflow(overflowing: &mut BTreeMap<String, Sequence>, seen: &Seen<'_>) {
    let Some(tenant) = overflowing_tenant(seen.payload) else {
        return;
    };
    let newest = Sequence(seen.sequence);
    match overflowing.get_mut(tenant) {
        Some(before) => *before = newest.max(*before),
        None => drop(overflowing.insert(tenant.to_owned(), newest)),
    }
}

fn report_losses(files: &dyn Files, found: &Found) {
    if found.missing > 0 {
        tracing::error!(
            records = found.missing,
            "records of the spool are missing: somebody took their file away"
        );
    }
    if found.is_cursor_damaged {
        tracing::error!("the spool's cursor is damaged: what is still there is sent once more");
    }
    // Half of a cursor that never came to hold.
    if files.remove(CURSOR_NEW).is_ok() {
        tracing::debug!("a crash interrupted the writing of the spool's cursor");
    }
}

/// A damaged segment, or one that was kept apart before.
fn set_apart(
    files: &dyn Files,
    segment: &mut Segment,
    (facts, verdict, lost): (&Facts, Verdict, Lost),
) {
    let Facts { name, first, .. } = facts;
    if facts.is_quarantined {
        // Nothing new is known of what an older version put aside.
        if facts.lost.is_some() {
            segment.name = lost_anew(files, name, *first, lost);
        }
    } else if matches!(verdict, Verdict::Damaged { .. }) {
        segment.is_quarantined = true;
        segment.name = keep_apart(files, name, *first, lost);
    }
}
