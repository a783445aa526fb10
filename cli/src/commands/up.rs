//! `waybill up`

use std::path::PathBuf;

use crate::{
    Verdict, env_file, output,
    up::{Ended, Plan, Running, Signals},
};

/// Run everything on this machine: Kafka, registry, ClickHouse and the four services
///
/// Starts Kafka, a schema registry, ClickHouse and the four services on 127.0.0.1, in the foreground.
/// What is missing is fetched once, through mvn and npm. When all of it is ready, DIR/waybill.env is
/// written and printed; Ctrl-C or SIGTERM drains the services and stops everything.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  waybill up\n  waybill up --tenants tenants.toml --data /tmp/waybill --port-base 19900"
)]
pub(crate) struct Args {
    /// Tenants file or folder [default: DIR/tenants.toml, made with one tenant, `demo`]
    #[arg(long, value_name = "FILE")]
    tenants: Option<PathBuf>,

    #[command(flatten)]
    plan: Plan,
}

pub(super) async fn run(args: Args) -> anyhow::Result<Verdict> {
    let mut signals = Signals::listen()?;
    let running = tokio::select! {
        running = Running::start(&args.plan, args.tenants) => running?,
        () = signals.next() => anyhow::bail!("interrupted while starting"),
    };
    output::line(env_file::text(&running.environment()).trim_end());
    stay(running, &mut signals).await
}

/// Keeps everything running until it is to stop, and stops it.
pub(super) async fn stay(mut running: Running, signals: &mut Signals) -> anyhow::Result<Verdict> {
    let ended = running.keep(signals).await;
    let stopped = running.stop(signals).await;
    match ended? {
        Ended::Asked => stopped.map(|()| Verdict::Good),
        Ended::Died(words) => {
            output::note(format_args!("stopped, because {words}"));
            Ok(Verdict::Bad)
        }
    }
}
