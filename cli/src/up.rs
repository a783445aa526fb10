//! A whole installation on this machine: the stack of `local-stack`, our four services over it, and
//! the file that says how to reach them. The services hang on the same kind of leash as the stack's
//! programs: whatever happens to this process, nothing of it stays behind.

mod analysts;
mod child;
mod folder;
mod keeper;
mod variables;

use std::{
    collections::BTreeMap,
    io::{IsTerminal, stderr},
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context as _, bail};
use local_stack::{Bars, Lines, Options, Progress, Restart, Stack};
use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    task::spawn_blocking,
};

use crate::{grants, migration, output, registration, settings, topics};

pub(crate) use folder::{Folder, demo_endpoint};
use keeper::Keeper;
use variables::Ports;

/// The services in the order in which an event meets them; also the names of their programs.
const SERVICES: [&str; 4] = ["ingest", "normalizer", "enricher", "sink"];

/// Below the ports from which systems take those of outgoing connections, and away from those that
/// tests take.
pub(crate) const PORT_BASE: u16 = 18_900;

/// What is to be run, and where.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Plan {
    /// Folder for data, logs, keys and waybill.env; the same folder starts again with its data
    #[arg(long, value_name = "DIR", default_value = ".waybill")]
    pub(crate) data: PathBuf,

    /// First of ten ports on 127.0.0.1: Kafka (2), registry, ClickHouse (2), webhooks, four of health
    #[arg(long, value_name = "N", default_value_t = PORT_BASE, value_parser = clap::value_parser!(u16).range(1024..=65_000))]
    pub(crate) port_base: u16,

    /// Stop everything, with exit code 1, when any of the programs dies, instead of starting it again
    #[arg(long)]
    pub(crate) no_restart: bool,
}

/// An installation that answers.
pub(crate) struct Running {
    stack: Arc<Stack>,
    keeper: Keeper,
    folder: Folder,
    variables: variables::Variables,
    restart: bool,
}

/// Why an installation is to be stopped.
pub(crate) enum Ended {
    /// Somebody asked for it.
    Asked,
    /// One of its programs died, and none is started again.
    Died(String),
}

/// SIGTERM and SIGINT; a second one ends the process at once.
pub(crate) struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    pub(crate) fn listen() -> anyhow::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    pub(crate) async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

impl Running {
    /// Starts everything, in about ten seconds once the stack's programs are in the cache.
    pub(crate) async fn start(plan: &Plan, tenants: Option<PathBuf>) -> anyhow::Result<Self> {
        let clock = Instant::now();
        let ports = Ports::from(plan.port_base);
        let folder = Folder::prepare(&plan.data, tenants, &ports.ingest_url())?;
        let analysts = analysts::Analysts::prepare(&folder)?;
        let restart = !plan.no_restart;

        let mut options = Options::new(folder.path());
        options.port_base = Some(plan.port_base);
        options.log_dir = Some(folder.logs());
        options.restart = if restart {
            Restart::WithBackoff
        } else {
            Restart::Never
        };
        options.clickhouse.users_xml = analysts.users_xml();
        options.clickhouse.profiles_xml = grants::profile_xml();
        let stack = spawn_blocking(move || Stack::start(options, progress(clock).as_ref()));
        let stack = Arc::new(stack.await?.context("starting the stack")?);
        said(clock, "stack", "ready");

        let variables = variables::Variables::of(&stack, (&folder, &analysts), ports);
        prepare(&variables, clock).await?;
        let mut keeper = Keeper::new(&folder, &variables, ports)?;
        keeper.start(clock).await?;
        let running = Self {
            stack,
            keeper,
            folder,
            variables,
            restart,
        };
        running.write_env()?;
        said(clock, "waybill", "ready");
        Ok(running)
    }

    /// Everything that one needs to know to use it, as it stands in `waybill.env`.
    pub(crate) fn environment(&self) -> Vec<(String, String)> {
        self.variables.with_pids(&self.stack, &self.keeper)
    }

    pub(crate) fn folder(&self) -> &Folder {
        &self.folder
    }

    /// Settings for our own commands against it.
    pub(crate) fn settings(&self) -> anyhow::Result<settings::Settings> {
        self.variables.settings()
    }

    fn write_env(&self) -> anyhow::Result<()> {
        let path = self.folder.env_file();
        crate::env_file::write(&path, &self.environment())
            .with_context(|| format!("writing {}", path.display()))
    }

    /// Keeps it running until somebody asks for its end.
    pub(crate) async fn keep(&mut self, signals: &mut Signals) -> anyhow::Result<Ended> {
        let mut events = self.stack.events();
        loop {
            let dead = tokio::select! {
                () = signals.next() => return Ok(Ended::Asked),
                happened = self.keeper.next(self.restart) => happened?,
                event = events.recv() => match event {
                    Ok(event) => stack_event(event),
                    // we were slow; the pids are read anew below
                    Err(_) => None,
                },
            };
            self.write_env()?;
            if let Some(died) = dead.filter(|_| !self.restart) {
                return Ok(Ended::Died(died));
            }
        }
    }

    /// Services first: they drain into a stack that still answers.
    pub(crate) async fn stop(mut self, signals: &mut Signals) -> anyhow::Result<()> {
        output::note("stopping; once more to end at once");
        let clock = Instant::now();
        let stack = Arc::clone(&self.stack);
        let stopping = async {
            let drained = self.keeper.stop(clock).await;
            spawn_blocking(move || stack.stop()).await??;
            said(clock, "stack", "stopped");
            drained
        };
        tokio::select! {
            stopped = stopping => stopped,
            () = signals.next() => bail!("stopped without draining"),
        }
    }
}

/// Says what happened; gives the words for a death.
fn stack_event(event: local_stack::Event) -> Option<String> {
    match event {
        local_stack::Event::Died(death) => {
            output::note(&death);
            Some(death.to_string())
        }
        local_stack::Event::Restarted { part, pid } => {
            output::note(format_args!("{part} runs again (pid {pid})"));
            None
        }
        local_stack::Event::RestartFailed { part, error } => {
            output::note(format_args!("{part} does not start again: {error}"));
            None
        }
    }
}

/// Topics, schemas and tables need nothing of each other.
async fn prepare(variables: &variables::Variables, clock: Instant) -> anyhow::Result<()> {
    let settings = variables.settings()?;
    let (topics, schemas, tables) = tokio::join!(
        async {
            let applied = topics::apply(&settings).await;
            said(clock, "topics", "applied");
            applied
        },
        async {
            let registered = registration::register(&settings).await;
            said(clock, "schemas", "registered");
            registered
        },
        async {
            let migrated = migration::migrate(&settings).await;
            said(clock, "tables", "migrated");
            migrated
        },
    );
    topics.context("applying topics")?;
    schemas.context("registering schemas")?;
    tables.context("migrating ClickHouse")?;
    Ok(())
}

/// Bars where somebody watches, lines where a file does.
fn progress(clock: Instant) -> Box<dyn Progress> {
    if stderr().is_terminal() {
        Box::new(Bars::default())
    } else {
        Box::new(Lines(move |line: &str| {
            output::note(format_args!(
                "{:5.1} s  {line}",
                clock.elapsed().as_secs_f64()
            ));
        }))
    }
}

fn said(clock: Instant, who: &str, what: &str) {
    output::note(format_args!(
        "{:5.1} s  {who}: {what}",
        clock.elapsed().as_secs_f64()
    ));
}

/// Waits for a condition; `None` once the time is over.
pub(crate) async fn until<T, F>(limit: Duration, mut look: impl FnMut() -> F) -> Option<T>
where
    F: Future<Output = Option<T>>,
{
    let deadline = Instant::now() + limit;
    loop {
        if let Some(found) = look().await {
            return Some(found);
        }
        if Instant::now() > deadline {
            return None;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// Variables of this process that services inherit.
fn inherited() -> BTreeMap<String, String> {
    std::env::vars()
        .filter(|(name, _)| name.starts_with("WAYBILL__"))
        .collect()
}
