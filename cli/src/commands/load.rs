//! `waybill load`

use std::{
    collections::BTreeSet,
    fs::File,
    io::BufWriter,
    path::PathBuf,
    sync::{Arc, Mutex, atomic::Ordering},
    time::Duration,
};

use anyhow::Context as _;
use ingest::tenants::{Endpoint, Tenants, Verification};
use runtime::clock::{Clock as _, SystemClock};
use schemas::Provider;

use crate::{
    Verdict, WrongUse,
    load::{self, Load, Report, Shares, Target, progress},
    output,
    sender::{self, Sender},
    settings::Place,
};

const RATE_MAX: i64 = 100_000;
const SECONDS_MAX: i64 = 86_400;
const CONNECTIONS_MAX: i64 = 4_096;
const THREADS_MAX: i64 = 64;

/// Send many made-up webhooks, and tell how they were answered
///
/// Sends webhooks of made-up orders, signed as the carriers would, at a constant rate, and tells how long
/// the answers took. A time counts from when the request should have left, not from when a connection was
/// free for it: an ingest that stalls is seen to stall. Exit code 1 if an answer was not as it should be.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  waybill load --rate 2000 --seconds 60 --duplicates 0.05 --disorder 0.1\n  \
    waybill load --carriers lalamove,ahamove --bad-signatures 0.01 --json\n  \
    waybill load --closed --connections 64 --carriers lalamove --body-bytes 1024"
)]
pub(crate) struct Args {
    /// Webhooks a second, whatever the answers do
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=RATE_MAX))]
    rate: u32,

    /// As many webhooks as are answered instead: each connection sends its next one after an answer
    #[arg(long, conflicts_with = "rate")]
    closed: bool,

    /// How long
    #[arg(long, value_name = "N", default_value_t = 30, value_parser = clap::value_parser!(u32).range(1..=SECONDS_MAX))]
    seconds: u32,

    /// Connections, kept open; when all of them wait for an answer, what is due waits too
    #[arg(long, value_name = "N", default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..=CONNECTIONS_MAX))]
    connections: u32,

    /// Threads that send
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u32).range(1..=THREADS_MAX))]
    threads: u32,

    /// Of these tenants [default: all]
    #[arg(long, value_name = "ID,…", value_delimiter = ',')]
    tenants: Vec<String>,

    /// Only at these endpoints of theirs [default: all]
    #[arg(long, value_name = "ID,…", value_delimiter = ',')]
    endpoints: Vec<String>,

    /// Only of these carriers [default: all that have endpoints]
    #[arg(long, value_name = "NAME,…", value_delimiter = ',', value_parser = carrier)]
    carriers: Vec<Provider>,

    /// Share of webhooks that were sent before, from 0 to 1
    #[arg(long, value_name = "SHARE", default_value_t = 0.0, value_parser = share)]
    duplicates: f64,

    /// Share of webhooks that are sent after the one that follows them
    #[arg(long, value_name = "SHARE", default_value_t = 0.0, value_parser = share)]
    disorder: f64,

    /// Share of Lalamove's orders that are replaced by another
    #[arg(long, value_name = "SHARE", default_value_t = 0.0, value_parser = share)]
    replacements: f64,

    /// Share of webhooks that are forged: an earlier one, changed after signing
    #[arg(long, value_name = "SHARE", default_value_t = 0.0, value_parser = share)]
    bad_signatures: f64,

    /// Fill each webhook up to this many bytes
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = clap::value_parser!(u32).range(0..=load::BODY_BYTES_MAX as i64))]
    body_bytes: u32,

    /// Decides orders, their ids, and everything that is left to chance; the same seed and threads give the
    /// same orders again [default: from the clock]
    #[arg(long, value_name = "N")]
    seed: Option<u64>,

    /// Write the receipt of each webhook that was answered with 200 here, one a line
    #[arg(long, value_name = "FILE")]
    acknowledged: Option<PathBuf>,

    /// Send to this address of this machine instead of WAYBILL_INGEST_URL
    #[arg(long, value_name = "URL")]
    url: Option<String>,

    /// The tenants file or folder [default: WAYBILL__TENANTS__PATH]
    #[arg(long, value_name = "FILE")]
    tenants_file: Option<PathBuf>,

    /// Print JSON
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    place: Place,
}

fn share(text: &str) -> Result<f64, String> {
    let share: f64 = text.parse().map_err(|_| "not a number".to_owned())?;
    if (0.0..=1.0).contains(&share) {
        Ok(share)
    } else {
        Err("must be from 0 to 1".to_owned())
    }
}

fn carrier(name: &str) -> Result<Provider, String> {
    Provider::parse(name).ok_or_else(|| {
        let known: Vec<&str> = Provider::ALL.iter().map(|p| p.as_str()).collect();
        format!("there are {}", known.join(", "))
    })
}

pub(super) async fn run(args: Args) -> anyhow::Result<Verdict> {
    let load = load(&args).await?;
    let (seed, endpoints) = (load.seed, load.endpoints.len());
    output::note(format_args!(
        "seed {seed}, {endpoints} endpoints, {} connections",
        load.connections
    ));
    let mut running = load.start();
    let shared = Arc::clone(&running.shared);
    let mut second = tokio::time::interval(Duration::from_secs(1));
    second.tick().await;
    let mut seen = 0;
    let lasted = loop {
        tokio::select! {
            lasted = running.ended() => break lasted?,
            _ = second.tick() => {
                shared.flush()?;
                let tally = shared.look();
                output::note(progress(&tally, seen));
                seen = tally.ended();
            }
            interrupt = tokio::signal::ctrl_c() => {
                interrupt.context("no signals")?;
                shared.stop.store(true, Ordering::Relaxed);
            }
        }
    };
    shared.flush()?;
    let rate = (!args.closed).then_some(args.rate);
    let report = Report::new((seed, rate), &shared.look(), (lasted, shared.unsent()));
    if args.json {
        output::json(&report)?;
    } else {
        report.print();
    }
    Ok(report.verdict())
}

async fn load(args: &Args) -> anyhow::Result<Load> {
    let settings = args.place.settings()?;
    let path = args.tenants_file.as_deref().or(settings.tenants_path());
    let path = path.ok_or_else(|| {
        WrongUse("no tenants file: give --tenants-file or set WAYBILL__TENANTS__PATH".into())
    })?;
    let endpoints = endpoints(&sender::tenants(path)?, args)?;
    let variables = args.place.variables()?;
    let url = match (&args.url, variables.get("WAYBILL_INGEST_URL")) {
        (Some(url), _) | (None, Some(url)) => url.trim_end_matches('/'),
        (None, None) => {
            let text = "where is ingest? Give --env-file, or set WAYBILL_INGEST_URL";
            return Err(WrongUse(text.into()).into());
        }
    };
    let target = Target::of(url).await?;
    if args.url.is_some() && !target.is_loopback() {
        let text = "--url names another machine: only WAYBILL_INGEST_URL may";
        return Err(WrongUse(text.into()).into());
    }
    let acknowledged = args.acknowledged.as_ref().map(|path| {
        let file = File::create(path).with_context(|| format!("writing {}", path.display()))?;
        anyhow::Ok(Mutex::new(BufWriter::new(file)))
    });
    Ok(Load {
        target,
        sender: Sender::new(url)?,
        endpoints,
        shares: Shares {
            duplicates: args.duplicates,
            disorder: args.disorder,
            replacements: args.replacements,
            bad_signatures: args.bad_signatures,
        },
        seed: args
            .seed
            .unwrap_or_else(|| SystemClock.now_micros().unsigned_abs()),
        rate: (!args.closed).then_some(args.rate),
        lasts: Duration::from_secs(args.seconds.into()),
        connections: args.connections as usize,
        threads: args.threads as usize,
        body_bytes: args.body_bytes as usize,
        acknowledged: acknowledged.transpose()?,
    })
}

/// Those that are asked for and can be called; a name that fits nothing is wrong use.
fn endpoints(tenants: &Tenants, args: &Args) -> anyhow::Result<Vec<Arc<Endpoint>>> {
    let all = tenants.endpoints();
    let known: BTreeSet<&str> = all.iter().map(|e| e.tenant.id.as_str()).collect();
    let unknown_tenant = args.tenants.iter().find(|id| !known.contains(id.as_str()));
    if let Some(id) = unknown_tenant {
        return Err(WrongUse(format!("no tenant {id} in the tenants file")).into());
    }
    let ids: BTreeSet<&str> = all.iter().map(|e| e.id.as_str()).collect();
    if let Some(id) = args.endpoints.iter().find(|id| !ids.contains(id.as_str())) {
        return Err(WrongUse(format!("no endpoint {id} in the tenants file")).into());
    }
    let named = |names: &[String], id: &str| names.is_empty() || names.iter().any(|n| n == id);
    let fits = |endpoint: &&Arc<Endpoint>| {
        let can_sign = !endpoint.secrets.is_empty() || endpoint.verification == Verification::Off;
        named(&args.tenants, endpoint.tenant.id.as_str())
            && named(&args.endpoints, endpoint.id.as_str())
            && (args.carriers.is_empty() || args.carriers.contains(&endpoint.provider))
            && !endpoint.retired
            && can_sign
    };
    let found: Vec<Arc<Endpoint>> = all.iter().filter(fits).cloned().collect();
    if found.is_empty() {
        let text = "none of the tenants' endpoints fits --tenants, --endpoints and --carriers";
        return Err(WrongUse(text.into()).into());
    }
    Ok(found)
}
