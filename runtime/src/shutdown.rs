//! When to stop: one flag, set by SIGTERM, SIGINT, or a task that died.

use std::process;
use std::sync::Arc;
use std::sync::mpsc::sync_channel;
use std::time::Duration;

use anyhow::Context;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;
use tracing::{error, info, warn};

use crate::tasks::Tasks;
use crate::telemetry;

/// What a shell reports for a process ended by an interrupt.
const EXIT_INTERRUPTED: i32 = 130;
const EXIT_STUCK: i32 = 1;
/// What [`crate::service::main`] has after the deadline to name what hangs and end by itself.
const REPORTED_WITHIN: Duration = Duration::from_millis(500);

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

/// Binds `shutdown` to SIGTERM and SIGINT; the second signal ends the process at once.
///
/// Also ends the process soon after `within` has passed since the request, should the rest be too
/// stuck to do so. All this has a thread of its own, because stuck workers hear nothing.
pub(crate) fn watch_over(
    shutdown: &Shutdown,
    tasks: &Tasks,
    within: Duration,
) -> anyhow::Result<()> {
    let (listening, heard) = sync_channel(1);
    let shutdown = shutdown.clone();
    let watched = tasks.clone();
    tasks.spawn_servant_thread("signals", move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        runtime.block_on(async move {
            let signals = signal(SignalKind::terminate())
                .and_then(|terminate| Ok((terminate, signal(SignalKind::interrupt())?)));
            let signals = signals.context("cannot listen to signals")?;
            listening.send(())?;
            tokio::select! {
                second = second_signal(signals, &shutdown) => {
                    warn!(signal = second, "stopping at once, without draining");
                    telemetry::close();
                    process::exit(EXIT_INTERRUPTED)
                }
                () = past_deadline(&shutdown, within) => {
                    error!(running = watched.running().join(", "), "stuck: stopping at once");
                    telemetry::close();
                    process::exit(EXIT_STUCK)
                }
            }
        })
    });
    // without this a signal between start and registration would end the process undrained
    heard.recv().context("cannot listen to signals")
}

async fn second_signal(
    (mut terminate, mut interrupt): (Signal, Signal),
    shutdown: &Shutdown,
) -> &'static str {
    let first = next(&mut terminate, &mut interrupt).await;
    info!(signal = first, "stopping");
    shutdown.request();
    next(&mut terminate, &mut interrupt).await
}

async fn past_deadline(shutdown: &Shutdown, within: Duration) {
    shutdown.requested().await;
    tokio::time::sleep(within.saturating_add(REPORTED_WITHIN)).await;
}

async fn next(terminate: &mut Signal, interrupt: &mut Signal) -> &'static str {
    tokio::select! {
        _ = terminate.recv() => "SIGTERM",
        _ = interrupt.recv() => "SIGINT",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn every_clone_sees_the_request() {
        let shutdown = Shutdown::new();
        let clone = shutdown.clone();
        assert!(!clone.is_requested());
        shutdown.request();
        clone.requested().await;
        assert!(clone.is_requested());
    }

    #[tokio::test]
    async fn whoever_waits_already_is_woken_and_whoever_comes_later_does_not_wait() {
        let shutdown = Shutdown::new();
        let ((), ()) = tokio::join!(shutdown.requested(), async { shutdown.request() });
        shutdown.requested().await;
    }
}
