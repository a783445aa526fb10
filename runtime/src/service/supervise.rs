//! Runs a service and its tasks, and makes sure that a stop comes to an end.

use std::error::Error;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures_util::FutureExt;
use thiserror::Error;
use tracing::error;

use super::Context;
use crate::tasks::panic_text;

/// Why a service did not end well.
#[derive(Debug, Error)]
pub(super) enum Failed {
    #[error("{}", .0.join("; "))]
    Tasks(Vec<String>),
    #[error("the service failed")]
    Run(#[source] anyhow::Error),
    #[error("the service panicked: {0}")]
    Panicked(String),
    #[error("the service ended although nothing asked it to")]
    EndedEarly,
    #[error("still running {seconds} s after the request to stop: {}", .names.join(", "))]
    Hangs { seconds: u64, names: Vec<String> },
}

/// Runs until everything has ended, or until `within` has passed since shutdown was requested.
pub(super) async fn supervise(
    run: impl Future<Output = anyhow::Result<()>>,
    context: &Context,
    within: Duration,
) -> Result<(), Failed> {
    let mut returned = false;
    let all = async {
        let ended = run_to_its_end(run, context).await;
        returned = true;
        context.tasks.finished().await;
        ended
    };
    let deadline = async {
        context.shutdown.requested().await;
        tokio::time::sleep(within).await;
    };
    let ended = tokio::select! {
        biased;
        ended = all => Some(ended),
        () = deadline => None,
    };
    let Some(ended) = ended else {
        let mut names = context.tasks.running();
        if !returned {
            names.insert(0, "the service itself".to_owned());
        }
        return Err(Failed::Hangs {
            seconds: within.as_secs(),
            names,
        });
    };
    // a task's death is the cause of what the service itself then reports
    match context.tasks.failures() {
        failures if failures.is_empty() => ended,
        failures => Err(Failed::Tasks(failures)),
    }
}

/// A service may return at once and leave its work to tasks; without tasks that is a mistake.
async fn run_to_its_end(
    run: impl Future<Output = anyhow::Result<()>>,
    context: &Context,
) -> Result<(), Failed> {
    let result = AssertUnwindSafe(run).catch_unwind().await;
    let requested = context.shutdown.is_requested();
    let ended = match result {
        Ok(Ok(())) if requested => Ok(()),
        Ok(Ok(())) if context.tasks.running().is_empty() => Err(Failed::EndedEarly),
        Ok(Ok(())) => return Ok(()),
        Ok(Err(cause)) => Err(Failed::Run(cause)),
        Err(panic) => Err(Failed::Panicked(panic_text(panic.as_ref()).to_owned())),
    };
    if let Err(failed) = &ended {
        // said now and not only at the end, because draining takes its time and may hang
        error!(why = chain(failed), "stopping");
    }
    context.shutdown.request();
    ended
}

/// A failure and all its causes in one line.
fn chain(failed: &(dyn Error + 'static)) -> String {
    let mut text = failed.to_string();
    let mut cause = failed.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use std::future::pending;

    use super::*;

    const SOON: Duration = Duration::from_millis(20);
    const NEVER: Duration = Duration::from_secs(3_600);

    fn text(ended: Result<(), Failed>) -> String {
        ended.map_or_else(|failed| chain(&failed), |()| "ok".to_owned())
    }

    #[tokio::test]
    async fn a_service_that_drains_after_the_request_ends_well() {
        let context = Context::for_test();
        let shutdown = context.shutdown.clone();
        context.shutdown.request();
        let run = async move {
            shutdown.requested().await;
            Ok(())
        };
        assert_eq!(text(supervise(run, &context, NEVER).await), "ok");
    }

    #[tokio::test]
    async fn a_service_that_fails_stops_its_tasks_first() {
        let context = Context::for_test();
        let shutdown = context.shutdown.clone();
        context.tasks.spawn("drains", async move {
            shutdown.requested().await;
            Ok(())
        });
        let run = async { anyhow::bail!("no brokers") };
        let ended = supervise(run, &context, NEVER).await;
        assert_eq!(text(ended), "the service failed: no brokers");
        assert!(context.tasks.running().is_empty());
    }

    #[tokio::test]
    async fn a_service_that_ends_unasked_without_tasks_has_failed() {
        let ended = supervise(async { Ok(()) }, &Context::for_test(), NEVER).await;
        assert_eq!(
            text(ended),
            "the service ended although nothing asked it to"
        );
    }

    #[tokio::test]
    async fn a_service_may_leave_its_work_to_tasks_and_return() {
        let context = Context::for_test();
        let inner = context.clone();
        let run = async move {
            let shutdown = inner.shutdown.clone();
            inner.tasks.spawn("works", async move {
                shutdown.requested().await;
                Ok(())
            });
            Ok(())
        };
        let request = async { context.shutdown.request() };
        let (ended, ()) = tokio::join!(supervise(run, &context, NEVER), request);
        assert_eq!(text(ended), "ok");
    }

    #[tokio::test]
    async fn a_dead_task_is_named_as_the_cause() {
        let context = Context::for_test();
        let inner = context.clone();
        let run = async move {
            inner
                .tasks
                .spawn("loader", async { anyhow::bail!("refused") });
            inner.shutdown.requested().await;
            Ok(())
        };
        let ended = supervise(run, &context, NEVER).await;
        assert_eq!(text(ended), "loader failed: refused");
    }

    #[tokio::test]
    async fn whatever_hangs_at_the_deadline_is_named() {
        let context = Context::for_test();
        context.tasks.spawn("stuck", pending());
        context.shutdown.request();
        let ended = supervise(async { Ok(()) }, &context, SOON).await;
        assert_eq!(
            text(ended),
            "still running 0 s after the request to stop: stuck"
        );

        let context = Context::for_test();
        context.shutdown.request();
        let ended = supervise(pending(), &context, SOON).await;
        assert!(text(ended).ends_with("stop: the service itself"));
    }

    #[tokio::test]
    async fn a_panic_of_the_service_is_a_failure() {
        let run = async { panic!("impossible") };
        let ended = supervise(run, &Context::for_test(), NEVER).await;
        assert_eq!(text(ended), "the service panicked: impossible");
    }
}
