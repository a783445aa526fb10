//! When to stop: one flag, set by SIGTERM, SIGINT, or a task that died.

use std::sync::Arc;

use tokio::sync::watch;

/// The request to stop. Every clone sees the same one; it is never withdrawn.
#[derive(Debug, Clone)]
pub struct Shutdown(Arc<watch::Sender<bool>>);

impl Default for Shutdown {
    fn default() -> Self {
        Self::new()
    }
}

impl Shutdown {
    /// Not requested, and not bound to any signal.
    pub fn new() -> Self {
        Self(Arc::new(watch::Sender::new(false)))
    }

    /// Whether it is time to stop. Cheap; for threads that look between two steps.
    pub fn is_requested(&self) -> bool {
        *self.0.borrow()
    }

    /// Returns once it is time to stop, at once if it already is.
    pub async fn requested(&self) {
        let mut changes = self.0.subscribe();
        // self holds the sender, so the channel cannot close
        let _closed = changes.wait_for(|requested| *requested).await.is_err();
    }

    /// Asks everything to stop.
    pub fn request(&self) {
        self.0.send_replace(true);
    }
}
