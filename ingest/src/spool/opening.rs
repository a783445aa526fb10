//! Starting on whatever a folder holds.

use std::sync::Arc;

use crate::spool::{
    Opened, SpoolError,
    files::Files,
    format::CURSOR_NEW,
    log::{Limits, Log, Segment, State},
    reading::keep_apart,
    recovery::{self, Facts, Found, Verdict},
};

impl Log {
    /// Recovers: cuts what is torn, keeps apart what is damaged, removes what is settled.
    pub(super) fn open(
        files: Arc<dyn Files>,
        limits: Limits,
    ) -> Result<(Self, Opened), SpoolError> {
        let mut state = State::default();
        let found = recovery::find(&*files, &mut |seen| {
            state.ages.note(seen.sequence, seen.at);
        })?;
        state.cursor = found.cursor;
        let mut opened = Opened {
            missing: found.missing,
            is_cursor_damaged: found.is_cursor_damaged,
            ..Opened::default()
        };
        report_losses(&*files, &found);
        let is_good = |verdict: &Verdict| matches!(verdict, Verdict::Good { .. });
        let last_good = found
            .segments
            .iter()
            .rposition(|(facts, verdict)| is_good(verdict) && !facts.is_quarantined);
        for (index, (facts, verdict)) in found.segments.iter().enumerate() {
            let mut segment = Segment {
                name: facts.name.clone(),
                first: facts.first,
                last: facts.through,
                bytes: facts.bytes,
                is_quarantined: facts.is_quarantined,
            };
            match *verdict {
                Verdict::Good { last, cut } => {
                    segment.last = last;
                    opened.torn_bytes += cut.map_or(0, |cut| facts.bytes.saturating_sub(cut));
                    if Some(index) == last_good {
                        segment.bytes = make_safe(&*files, facts, cut)?;
                    }
                }
                Verdict::Damaged { last } => {
                    segment.last = last;
                    if !segment.is_quarantined {
                        segment.is_quarantined = true;
                        segment.name = keep_apart(&*files, &facts.name, facts.first);
                        report_damage(&segment);
                    }
                }
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
        let sequences = (found.next_sequence(), state.last());
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

fn report_damage(segment: &Segment) {
    tracing::error!(
        file = segment.name,
        first_lost = segment.last + 1,
        "the spool is damaged: records can't be read; the file is kept, reading goes on behind it"
    );
}
