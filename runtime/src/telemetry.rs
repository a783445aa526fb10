//! Logs: structured lines on standard error, and nothing else there.
//!
//! A thread of their own writes them: whoever reads standard error may stop reading, and a write that
//! waits for him would hold up every webhook.

use std::io::{self, IsTerminal};
use std::panic;
use std::sync::{Mutex, OnceLock, PoisonError};

use anyhow::Context;
use tracing::error;
use tracing_appender::non_blocking::{ErrorCounter, NonBlockingBuilder, WorkerGuard};
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, fmt, registry};

use crate::settings::{LogFormat, TelemetrySettings};
use crate::tasks::panic_text;

/// What may wait to be written: a few megabytes. More is counted and not written.
const LINES_MAX: usize = 8_192;

static LINES: OnceLock<Lines> = OnceLock::new();

struct Lines {
    lost: ErrorCounter,
    /// Taken by whoever ends the process.
    guard: Mutex<Option<WorkerGuard>>,
}

/// Starts the log of this process, panics included; a later call in one process changes nothing.
///
/// Fails only on a log level that the settings' check would have refused.
pub fn start(settings: &TelemetrySettings) -> anyhow::Result<()> {
    // The server's own start lines say nothing that ours do not, and a line for each request that is no
    // HTTP is a stranger's to write. A given level for them wins.
    let levels = format!("actix_server=warn,actix_http=off,{}", settings.log_level);
    let levels: Targets = levels.parse().context("telemetry.log_level")?;
    let (writer, guard) = NonBlockingBuilder::default()
        .buffered_lines_limit(LINES_MAX)
        .thread_name("log")
        .finish(io::stderr());
    let lost = writer.error_counter();
    let lines = fmt::layer().with_writer(writer);
    let lines = match settings.log_format {
        LogFormat::Json => lines
            .json()
            .flatten_event(true)
            .with_current_span(false)
            .boxed(),
        LogFormat::Text => lines.with_ansi(io::stderr().is_terminal()).boxed(),
    };
    if registry()
        .with(lines.with_filter(levels))
        .try_init()
        .is_ok()
    {
        let guard = Mutex::new(Some(guard));
        LINES.get_or_init(|| Lines { lost, guard });
        log_panics();
    }
    Ok(())
}

/// Writes what waits, for at most about a second; what is said afterwards is not heard. To be called
/// before the process ends.
pub(crate) fn close() {
    let guard = LINES.get().map(|lines| &lines.guard);
    drop(guard.and_then(|guard| guard.lock().unwrap_or_else(PoisonError::into_inner).take()));
}

/// How many lines were not written, because too many waited already.
pub(crate) fn lost_lines() -> u64 {
    LINES
        .get()
        .map_or(0, |lines| lines.lost.dropped_lines() as u64)
}

/// A panic's own report is several lines of text, which a reader of JSON lines would lose.
fn log_panics() {
    panic::set_hook(Box::new(|panic| {
        let place = panic
            .location()
            .map(ToString::to_string)
            .unwrap_or_default();
        let thread = std::thread::current()
            .name()
            .unwrap_or("unnamed")
            .to_owned();
        error!(place, thread, why = panic_text(panic.payload()), "panicked");
    }));
}
