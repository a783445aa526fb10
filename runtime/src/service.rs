//! From `main` to the exit code: the same for every service.

pub mod allocator;
mod arguments;
mod supervise;

use std::env;
use std::ffi::OsString;
use std::io::{self, Write};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context as _;
use nix::sys::stat::{Mode, umask};
use tracing::{error, info};

use crate::clock::{SharedClock, SystemClock};
use crate::health::Health;
use crate::settings::{self, Problems, Settings, Sources};
use crate::shutdown::{self, Shutdown};
use crate::tasks::Tasks;
use crate::traces::Traces;
use crate::{admin, telemetry};

use arguments::Command;
use supervise::supervise;

/// The async runtime only waits; the work is on threads of its own.
const WORKERS: usize = 2;
const EXIT_WELL: u8 = 0;
const EXIT_FAILED: u8 = 1;
const EXIT_WRONG_USE: u8 = 2;
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// What every service is handed beside its settings. Clones share everything.
#[derive(Debug, Clone)]
pub struct Context {
    /// When to stop.
    pub shutdown: Shutdown,
    /// Where each part says whether it is ready.
    pub health: Health,
    /// The only way to run something beside the caller.
    pub tasks: Tasks,
    /// Metrics registered here are shown by the admin listener.
    pub metrics: prometheus::Registry,
    /// Where spans of traced webhooks go.
    pub traces: Traces,
    /// The only clock.
    pub clock: SharedClock,
}

impl Context {
    fn new() -> Self {
        let shutdown = Shutdown::new();
        Self {
            tasks: Tasks::new(shutdown.clone()),
            shutdown,
            health: Health::default(),
            metrics: prometheus::Registry::new(),
            traces: Traces::default(),
            clock: Arc::new(SystemClock),
        }
    }

    /// A context without signals, admin listener or exit code; replace its clock as needed.
    pub fn for_test() -> Self {
        Self::new()
    }
}

/// Runs a service from its arguments to its exit code.
///
/// `name` is the binary's, `defaults` the text of its `settings.default.toml`. `run` starts
/// everything and either returns once the service is drained after `context.shutdown` was
/// requested, or returns at once and leaves the work to `context.tasks`.
///
/// Exit codes: 0 stopped and drained, 1 failed, 2 wrong arguments or settings.
pub fn main<S, R, F>(name: &'static str, defaults: &'static str, run: R) -> ExitCode
where
    S: Settings,
    R: FnOnce(S, Context) -> F,
    F: Future<Output = anyhow::Result<()>>,
{
    ExitCode::from(run_with(name, defaults, env::args_os().skip(1), run))
}

fn run_with<S, R, F>(
    name: &'static str,
    defaults: &'static str,
    arguments: impl Iterator<Item = OsString>,
    run: R,
) -> u8
where
    S: Settings,
    R: FnOnce(S, Context) -> F,
    F: Future<Output = anyhow::Result<()>>,
{
    let config = match arguments::parse(arguments) {
        Ok(Command::Run { config }) => config,
        Ok(Command::PrintSettings { config }) => {
            let sources = Sources::of_process(defaults, config);
            let (text, problems) = settings::effective::<S>(&sources);
            let printed = print(&text);
            return if problems.is_empty() {
                printed
            } else {
                refuse(name, &problems)
            };
        }
        Ok(Command::Help) => return print(&arguments::help(name)),
        Ok(Command::Version) => return print(&format!("{name} {VERSION}\n")),
        Err(text) => {
            complain(&format!(
                "{name}: {text}; {name} --help lists the arguments"
            ));
            return EXIT_WRONG_USE;
        }
    };
    match settings::load::<S>(&Sources::of_process(defaults, config)) {
        Ok(settings) => {
            let code = start(name, settings, run);
            telemetry::close();
            code
        }
        Err(problems) => refuse(name, &problems),
    }
}

fn start<S, R, F>(name: &'static str, settings: S, run: R) -> u8
where
    S: Settings,
    R: FnOnce(S, Context) -> F,
    F: Future<Output = anyhow::Result<()>>,
{
    // bodies, the spool and the state hold what carriers say of people
    umask(Mode::S_IWGRP | Mode::S_IRWXO);
    let common = settings.common().clone();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(WORKERS)
        .thread_name(name)
        .enable_all()
        .build()
        .context("cannot start the async runtime");
    let runtime = match telemetry::start(&common.telemetry).and(runtime) {
        Ok(runtime) => runtime,
        Err(error) => {
            complain(&format!("{name}: {error:#}"));
            return EXIT_FAILED;
        }
    };
    let instance = common.instance.resolved();
    info!(service = name, version = VERSION, instance, "starting");
    let metrics = prometheus::Registry::new();
    let traces = match Traces::start(&common.telemetry, name, instance, &metrics) {
        Ok(traces) => traces,
        Err(error) => {
            complain(&format!("{name}: {error:#}"));
            return EXIT_FAILED;
        }
    };
    let ended = runtime.block_on(async {
        let context = Context {
            metrics,
            traces: traces.clone(),
            ..Context::new()
        };
        let within = common.service.shutdown_within();
        shutdown::watch_over(&context.shutdown, &context.tasks, within)?;
        admin::start(&common.admin, &context)?;
        supervise(run(settings, context.clone()), &context, within).await?;
        Ok::<(), anyhow::Error>(())
    });
    // a hanging task must not keep the process from ending
    runtime.shutdown_background();
    traces.close();
    match ended {
        Ok(()) => {
            info!(service = name, "stopped");
            EXIT_WELL
        }
        Err(cause) => {
            error!(
                service = name,
                cause = format!("{cause:#}"),
                "stopped with a failure"
            );
            EXIT_FAILED
        }
    }
}

fn refuse(name: &str, problems: &Problems) -> u8 {
    complain(&format!("{name}: the settings cannot be used\n{problems}"));
    EXIT_WRONG_USE
}

fn print(text: &str) -> u8 {
    match io::stdout().write_all(text.as_bytes()) {
        Ok(()) => EXIT_WELL,
        Err(_) => EXIT_FAILED,
    }
}

/// For what is said before there is a log.
fn complain(text: &str) {
    // nobody is left to tell if standard error is closed
    let _told = writeln!(io::stderr(), "{text}").is_ok();
}

#[cfg(test)]
mod tests;
