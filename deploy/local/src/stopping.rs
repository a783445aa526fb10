use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Set once, when the stack is told to stop; ends the pauses of those who wait for something else.
#[derive(Debug, Default)]
pub(crate) struct Stopping {
    begun: Mutex<bool>,
    changed: Condvar,
}

impl Stopping {
    pub(crate) fn begin(&self) {
        *self.lock() = true;
        self.changed.notify_all();
    }

    pub(crate) fn has_begun(&self) -> bool {
        *self.lock()
    }

    /// Sleeps, and says whether the stack is stopping.
    pub(crate) fn pause(&self, limit: Duration) -> bool {
        let begun = self.lock();
        let waited = self
            .changed
            .wait_timeout_while(begun, limit, |begun| !*begun);
        *waited.unwrap_or_else(PoisonError::into_inner).0
    }

    fn lock(&self) -> MutexGuard<'_, bool> {
        self.begun.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
