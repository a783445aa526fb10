//! The door of the disk: closed while its last webhooks go to Kafka.

use std::{
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use tokio::{
    sync::Notify,
    time::{Instant, timeout},
};

/// A disk that was too slow once is not waited for again at once.
const AGAIN_AFTER: Duration = Duration::from_secs(5);

/// Whoever comes while it is closed waits in front of it; nobody waits long.
#[derive(Debug, Default)]
pub struct Door {
    is_closed: AtomicBool,
    opening: Notify,
    /// When somebody last waited in vain.
    in_vain_at: Mutex<Option<Instant>>,
}

impl Door {
    /// Few are left behind it, and Kafka takes them.
    pub fn close(&self) {
        let in_vain_at = *self.in_vain_at();
        if in_vain_at.is_none_or(|at| at.elapsed() >= AGAIN_AFTER) {
            self.is_closed.store(true, Ordering::SeqCst);
        }
    }

    /// Nothing is left behind it, or Kafka takes no more.
    pub fn open(&self) {
        if self.is_closed.swap(false, Ordering::SeqCst) {
            self.opening.notify_waiters();
        }
    }

    /// Waits for the door, and says whether that was of use: it was closed, and opened in time.
    pub async fn opened(&self, within: Duration) -> bool {
        let opening = self.opening.notified();
        tokio::pin!(opening);
        // In line before the look, so that no opening is missed.
        opening.as_mut().enable();
        if !self.is_closed.load(Ordering::SeqCst) {
            return false;
        }
        let opened = timeout(within, opening).await.is_ok();
        if !opened {
            // Whoever comes next need not find out for itself.
            *self.in_vain_at() = Some(Instant::now());
            self.open();
        }
        opened
    }

    fn in_vain_at(&self) -> std::sync::MutexGuard<'_, Option<Instant>> {
        self.in_vain_at
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}
