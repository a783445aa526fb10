//! Everything that runs beside `main`: the only place that spawns.
//!
//! What is spawned here is meant to run until shutdown. Whatever ends earlier, well or badly, would
//! leave a half-dead process behind, so it stops the whole process with a failure.

use std::any::Any;
use std::collections::BTreeMap;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

use futures_util::FutureExt;
use tokio::sync::watch;
use tracing::{debug, error};

use crate::shutdown::Shutdown;

/// Starts tasks and threads, and notices when one of them ends. Clones share everything.
#[derive(Debug, Clone)]
pub struct Tasks(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    shutdown: Shutdown,
    state: Mutex<State>,
    /// How many tasks run that a stop waits for.
    running: watch::Sender<usize>,
}

#[derive(Debug, Default)]
struct State {
    started: u64,
    names: BTreeMap<u64, String>,
    failures: Vec<String>,
}

/// Whether a stop waits for a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// It drains and ends by itself once shutdown is requested.
    Work,
    /// It serves the process itself and goes down with it.
    Servant,
}

impl Tasks {
    /// No tasks yet; the first one that ends too early requests `shutdown`.
    pub fn new(shutdown: Shutdown) -> Self {
        Self(Arc::new(Shared {
            shutdown,
            state: Mutex::default(),
            running: watch::Sender::new(0),
        }))
    }

    /// Runs `task` on the async runtime; panics outside of one, as tokio does.
    ///
    /// It ends by itself, with `Ok`, once shutdown is requested. If it ends earlier, fails or
    /// panics, the process stops with exit code 1.
    pub fn spawn<F>(&self, name: impl Into<String>, task: F)
    where
        F: Future<Output = anyhow::Result<()>> + Send + 'static,
    {
        self.spawn_kind(Kind::Work, name.into(), task);
    }

    /// Like [`Tasks::spawn`], for what a stop does not wait for.
    pub(crate) fn spawn_servant<F>(&self, name: impl Into<String>, task: F)
    where
        F: Future<Output = anyhow::Result<()>> + Send + 'static,
    {
        self.spawn_kind(Kind::Servant, name.into(), task);
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "this is the one place that spawns"
    )]
    fn spawn_kind<F>(&self, kind: Kind, name: String, task: F)
    where
        F: Future<Output = anyhow::Result<()>> + Send + 'static,
    {
        let running = Running::new(&self.0, kind, name);
        drop(tokio::spawn(async move {
            let result = AssertUnwindSafe(task).catch_unwind().await;
            running.ended(result);
        }));
    }

    /// Runs `task` on a thread of its own; the rules are those of [`Tasks::spawn`].
    pub fn spawn_thread<F>(&self, name: impl Into<String>, task: F)
    where
        F: FnOnce() -> anyhow::Result<()> + Send + 'static,
    {
        self.spawn_thread_kind(Kind::Work, name.into(), task);
    }

    /// Like [`Tasks::spawn_thread`], for what a stop does not wait for.
    pub(crate) fn spawn_servant_thread<F>(&self, name: impl Into<String>, task: F)
    where
        F: FnOnce() -> anyhow::Result<()> + Send + 'static,
    {
        self.spawn_thread_kind(Kind::Servant, name.into(), task);
    }

    fn spawn_thread_kind<F>(&self, kind: Kind, name: String, task: F)
    where
        F: FnOnce() -> anyhow::Result<()> + Send + 'static,
    {
        let running = Running::new(&self.0, kind, name.clone());
        let spawned = thread::Builder::new().name(name.clone()).spawn(move || {
            let result = catch_unwind(AssertUnwindSafe(task));
            running.ended(result);
        });
        if let Err(cause) = spawned {
            self.0
                .failed(&name, &format!("could not be started: {cause}"));
        }
    }

    /// Returns once every task has ended; at once if there is none.
    pub async fn finished(&self) {
        let mut changes = self.0.running.subscribe();
        // self holds the sender, so the channel cannot close
        let _closed = changes.wait_for(|running| *running == 0).await.is_err();
    }

    /// Names of the tasks that still run, in the order of their start.
    pub fn running(&self) -> Vec<String> {
        self.0.state().names.values().cloned().collect()
    }

    /// What went wrong so far, one text a task, in order.
    pub fn failures(&self) -> Vec<String> {
        self.0.state().failures.clone()
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn failed(&self, name: &str, why: &str) {
        error!(task = name, why, "task failed");
        self.state().failures.push(format!("{name} {why}"));
        self.shutdown.request();
    }
}

/// Held by a task while it runs; also notices a task that is dropped halfway.
struct Running {
    shared: Arc<Shared>,
    id: u64,
    name: String,
    kind: Kind,
    seen: bool,
}

impl Running {
    fn new(shared: &Arc<Shared>, kind: Kind, name: String) -> Self {
        let mut state = shared.state();
        let id = state.started;
        state.started += 1;
        if kind == Kind::Work {
            state.names.insert(id, name.clone());
        }
        drop(state);
        if kind == Kind::Work {
            shared.running.send_modify(|running| *running += 1);
        }
        Self {
            shared: Arc::clone(shared),
            id,
            name,
            kind,
            seen: false,
        }
    }

    fn ended(mut self, result: Result<anyhow::Result<()>, Box<dyn Any + Send>>) {
        self.seen = true;
        match result {
            Ok(Ok(())) if self.shared.shutdown.is_requested() => {
                debug!(task = self.name, "task ended");
            }
            Ok(Ok(())) => self
                .shared
                .failed(&self.name, "ended although nothing asked it to"),
            Ok(Err(cause)) => self
                .shared
                .failed(&self.name, &format!("failed: {cause:#}")),
            Err(panic) => {
                let why = format!("panicked: {}", panic_text(panic.as_ref()));
                self.shared.failed(&self.name, &why);
            }
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if !self.seen && !self.shared.shutdown.is_requested() {
            self.shared
                .failed(&self.name, "was dropped before it ended");
        }
        if self.kind == Kind::Work {
            self.shared.state().names.remove(&self.id);
            self.shared
                .running
                .send_modify(|running| *running = running.saturating_sub(1));
        }
    }
}

/// What a panic said, if it said it in words.
pub(crate) fn panic_text(panic: &(dyn Any + Send)) -> &str {
    panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("without words")
}

#[cfg(test)]
mod tests {
    use std::future::pending;

    use super::*;

    fn tasks() -> (Tasks, Shutdown) {
        let shutdown = Shutdown::new();
        (Tasks::new(shutdown.clone()), shutdown)
    }

    #[tokio::test]
    async fn a_task_that_fails_requests_the_shutdown_of_the_others() {
        let (tasks, shutdown) = tasks();
        let waits = shutdown.clone();
        tasks.spawn("waits", async move {
            waits.requested().await;
            Ok(())
        });
        tasks.spawn("breaks", async {
            Err(anyhow::anyhow!("inner").context("outer"))
        });
        tasks.finished().await;
        assert_eq!(tasks.failures(), ["breaks failed: outer: inner"]);
    }

    #[tokio::test]
    async fn a_task_that_ends_well_before_shutdown_is_a_failure_too() {
        let (tasks, shutdown) = tasks();
        tasks.spawn("ends", async { Ok(()) });
        shutdown.requested().await;
        assert_eq!(
            tasks.failures(),
            ["ends ended although nothing asked it to"]
        );
    }

    #[tokio::test]
    async fn a_panic_in_a_task_or_a_thread_is_a_failure() {
        let (tasks, _shutdown) = tasks();
        tasks.spawn("task", async { panic!("no such {}", "luck") });
        tasks.finished().await;
        tasks.spawn_thread("thread", || panic!("bad"));
        tasks.finished().await;
        assert_eq!(
            tasks.failures(),
            ["task panicked: no such luck", "thread panicked: bad"]
        );
    }

    #[tokio::test]
    async fn tasks_and_threads_that_end_after_the_request_are_no_failures() {
        let (tasks, shutdown) = tasks();
        let (for_task, for_thread) = (shutdown.clone(), shutdown.clone());
        tasks.spawn("task", async move {
            for_task.requested().await;
            Ok(())
        });
        tasks.spawn_thread("thread", move || {
            while !for_thread.is_requested() {
                thread::yield_now();
            }
            Ok(())
        });
        assert_eq!(tasks.running(), ["task", "thread"]);
        shutdown.request();
        tasks.finished().await;
        assert!(tasks.failures().is_empty() && tasks.running().is_empty());
    }

    #[tokio::test]
    async fn a_task_that_fails_while_draining_is_still_a_failure() {
        let (tasks, shutdown) = tasks();
        shutdown.request();
        tasks.spawn("drains", async { anyhow::bail!("commit refused") });
        tasks.finished().await;
        assert_eq!(tasks.failures(), ["drains failed: commit refused"]);
    }

    #[tokio::test]
    async fn a_stop_does_not_wait_for_servants_but_their_death_stops_the_process() {
        let (tasks, shutdown) = tasks();
        tasks.spawn_servant("waits", pending());
        tasks.finished().await;
        tasks.spawn_servant("dies", async { anyhow::bail!("listener closed") });
        shutdown.requested().await;
        assert_eq!(tasks.failures(), ["dies failed: listener closed"]);
    }

    #[test]
    fn a_task_dropped_with_its_runtime_is_a_failure() {
        let (tasks, shutdown) = tasks();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap();
        runtime.block_on(async { tasks.spawn("dropped", pending()) });
        drop(runtime);
        assert!(shutdown.is_requested());
        assert_eq!(tasks.failures(), ["dropped was dropped before it ended"]);
    }
}
