//! Logs: structured lines on standard error, and nothing else there.

use std::io::{self, IsTerminal};
use std::panic;

use anyhow::Context;
use tracing::error;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, fmt, registry};

use crate::settings::{LogFormat, TelemetrySettings};
use crate::tasks::panic_text;

/// Starts the log of this process, panics included; a later call in one process changes nothing.
///
/// Fails only on a log level that the settings' check would have refused.
pub fn start(settings: &TelemetrySettings) -> anyhow::Result<()> {
    // The server's own start lines say nothing that ours do not, and a line for each request that is no
    // HTTP is a stranger's to write. A given level for them wins.
    let levels = format!("actix_server=warn,actix_http=off,{}", settings.log_level);
    let levels: Targets = levels.parse().context("telemetry.log_level")?;
    let lines = fmt::layer().with_writer(io::stderr);
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
        log_panics();
    }
    Ok(())
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
