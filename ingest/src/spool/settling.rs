//! Moving the durable cursor, and removing what lies behind it.

use std::sync::{TryLockError, atomic::Ordering};

use crate::spool::{
    Sequence, SpoolError,
    files::write_all,
    format::{self, CURSOR, CURSOR_NEW},
    log::{Log, Segment, locked},
};

impl Log {
    /// Everything up to `through` is safe elsewhere. Returns once that can't be forgotten; after an error
    /// nothing has changed, and it can be asked for again.
    pub(super) fn settle(&self, through: Sequence) -> Result<(), SpoolError> {
        let one_at_a_time = locked(&self.settling);
        if self.is_closed.load(Ordering::SeqCst) {
            return Err(SpoolError::Closed);
        }
        let through = through.0;
        {
            let state = locked(&self.state);
            let last = state.last();
            if through > last {
                return Err(SpoolError::Beyond { through, last });
            }
            if through <= state.cursor {
                return Ok(());
            }
        }
        self.write_cursor(through)?;
        let settled = self.forget(through);
        self.remove(&settled);
        drop(one_at_a_time);
        Ok(())
    }

    /// Another process may have the folder from now on.
    pub(super) fn release(&self) {
        let one_at_a_time = locked(&self.settling);
        self.is_closed.store(true, Ordering::SeqCst);
        self.files.release();
        drop(one_at_a_time);
    }

    pub(super) fn write_cursor(&self, through: u64) -> Result<(), SpoolError> {
        let write = || {
            let mut file = self.files.overwrite(CURSOR_NEW)?;
            write_all(&mut *file, &format::cursor(through))?;
            file.sync()?;
            // A folder may keep the renaming and forget that this file was made: what an earlier attempt left
            // under the name, torn or older, would be the cursor.
            self.files.sync_folder()?;
            self.files.rename(CURSOR_NEW, CURSOR)?;
            self.files.sync_folder()
        };
        write().map_err(|error| SpoolError::io("write", CURSOR, error))
    }

    /// Moves the cursor; gives the names of files that nobody needs any more.
    fn forget(&self, through: u64) -> Vec<String> {
        let writing = match self.writing.try_lock() {
            Ok(writing) => Some(writing),
            Err(TryLockError::Poisoned(poisoned)) => Some(poisoned.into_inner()),
            // Being written to: its last segment is looked at when this comes again.
            Err(TryLockError::WouldBlock) => None,
        };
        let mut state = locked(&self.state);
        let before = state.records();
        state.cursor = through;
        self.settled.store(through, Ordering::SeqCst);
        state.ages.settle(through);
        self.renounce(before - state.records());
        let may_be_open = if writing.is_none() {
            state.segments.last().map(|segment| segment.first)
        } else {
            None
        };
        let is_settled =
            |one: &Segment| one.last <= through && may_be_open.is_none_or(|open| one.first != open);
        let (settled, kept) = std::mem::take(&mut state.segments)
            .into_iter()
            .partition(is_settled);
        state.segments = kept;
        let settled: Vec<Segment> = settled;
        if let Some(mut writing) = writing {
            let is_kept = |first| settled.iter().all(|segment| segment.first != first);
            writing.open = writing.open.take().filter(|open| is_kept(open.first));
        }
        let mut needless = std::mem::take(&mut state.needless);
        for segment in settled.into_iter().filter(|one| !one.is_quarantined) {
            self.bytes.fetch_sub(segment.bytes, Ordering::SeqCst);
            needless.push(segment.name);
        }
        needless
    }

    /// A file that stays is found needless again at the next start.
    fn remove(&self, names: &[String]) {
        if names.is_empty() {
            return;
        }
        // The oldest first, and none behind one that stays: a hole among the files would look like damage
        // to somebody who has lost the cursor.
        for (index, name) in names.iter().enumerate() {
            if let Err(error) = self.files.remove(name)
                && error.kind() != std::io::ErrorKind::NotFound
            {
                tracing::warn!(file = name, %error, "a settled file of the spool stays for now");
                let left = names.iter().skip(index).cloned();
                locked(&self.state).needless.extend(left);
                break;
            }
        }
        if let Err(error) = self.files.sync_folder() {
            tracing::warn!(%error, "the spool's folder could not be synced after a removal");
        }
    }
}
