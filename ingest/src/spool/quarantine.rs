//! Damaged files: kept under another name, which says what they lost, so that it is known when those
//! around them are gone.

use std::sync::atomic::Ordering;

use crate::spool::{
    files::Files,
    log::{Log, Segment, State, locked},
    names::{Lost, parse_name, quarantined_name},
    scan::{Step, Walk},
};

impl Log {
    /// Keeps a damaged file under another name, and its unreadable records out of the way. Whoever reads
    /// has those up to `read`.
    pub(super) fn quarantine(&self, segment: &Segment, read: u64) {
        // Whatever was promised in it is known while nobody can write to it.
        let mut writing = locked(&self.writing);
        let through = readable_through(&*self.files, segment).max(read);
        let lost = {
            let state = locked(&self.state);
            let mut segments = state.segments.iter();
            let Some(last) = segments.find(|one| one.name == segment.name) else {
                return;
            };
            Lost {
                first: through.max(state.cursor).saturating_add(1),
                last: last.last,
                is_all: true,
            }
        };
        // A second look may have been luckier.
        if lost.records() == 0 {
            return;
        }
        let open = writing.open.take();
        writing.open = open.filter(|open| open.first != segment.first);
        let name = if segment.is_quarantined {
            lost_anew(&*self.files, &segment.name, segment.first, lost)
        } else {
            keep_apart(&*self.files, &segment.name, segment.first, lost)
        };
        let mut state = locked(&self.state);
        let before = state.records();
        self.forget_unreadable(&mut state, segment, name, through);
        self.renounce(before - state.records());
        self.readable.send_replace(state.last());
    }

    fn forget_unreadable(&self, state: &mut State, segment: &Segment, name: String, through: u64) {
        if let Some(kept) = state.quarantined.iter_mut().find(|k| **k == segment.name) {
            kept.clone_from(&name);
        }
        let mut segments = state.segments.iter_mut();
        if let Some(one) = segments.find(|one| one.name == segment.name) {
            one.last = through;
            one.name.clone_from(&name);
            if !one.is_quarantined {
                one.is_quarantined = true;
                self.bytes.fetch_sub(one.bytes, Ordering::SeqCst);
                state.quarantined.push(name);
            }
        }
        let cursor = state.cursor;
        let waits = |one: &Segment| one.last > cursor.max(one.first.saturating_sub(1));
        state.segments.retain(waits);
    }
}

/// The last record that can be read from the front without a hole.
fn readable_through(files: &dyn Files, segment: &Segment) -> u64 {
    let mut through = segment.first.saturating_sub(1);
    let mut walk = Walk::start(files, segment.name.clone(), segment.first);
    while let Ok(Step::Record { sequence, .. }) = walk.step() {
        through = sequence;
    }
    through
}

/// Of a file that is kept apart already more can't be read than before, or less; gives the name that it
/// has then. What an older version put aside keeps its name: nobody knows what else it lost.
pub(super) fn lost_anew(files: &dyn Files, name: &str, first: u64, lost: Lost) -> String {
    let before = parse_name(name).and_then(|name| name.lost);
    let Some(before) = before else {
        let is_all = false;
        tell(name, Lost { is_all, ..lost });
        return name.to_owned();
    };
    let now = Lost {
        first: lost.first,
        ..before
    };
    if now == before {
        return name.to_owned();
    }
    keep_apart(files, name, first, now)
}

/// Renames a damaged file, and says so; gives the name that it has then. What can't be renamed is found
/// again at the next start.
pub(super) fn keep_apart(files: &dyn Files, name: &str, first: u64, lost: Lost) -> String {
    let kept = renamed(files, name, first, lost);
    if lost.records() > 0 {
        tell(&kept, lost);
    }
    kept
}

fn renamed(files: &dyn Files, name: &str, first: u64, lost: Lost) -> String {
    let taken = files.list().unwrap_or_default();
    let is_free = |name: &String| taken.iter().all(|file| file.name != *name);
    let kept = (0..=taken.len())
        .map(|copy| quarantined_name(first, lost, copy))
        .find(is_free);
    let kept = kept.unwrap_or_else(|| name.to_owned());
    if let Err(error) = files.rename(name, &kept) {
        tracing::error!(file = name, %error, "a damaged file of the spool keeps its name");
        return name.to_owned();
    }
    // A crash that undoes the renaming leaves the damage to be found once more.
    if let Err(error) = files.sync_folder() {
        tracing::warn!(%error, "the spool's folder could not be synced after a renaming");
    }
    kept
}

fn tell(file: &str, lost: Lost) {
    tracing::error!(
        file,
        first_lost = lost.first,
        last_lost = lost.last,
        records = lost.records(),
        at_least = !lost.is_all,
        "the spool is damaged: records can't be read; the file is kept, reading goes on behind it"
    );
}
