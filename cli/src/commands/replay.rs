//! `waybill replay`

use schemas::Micros;
use serde_json::json;

use crate::{
    Verdict, WrongUse,
    clickhouse::Clickhouse,
    moments, output,
    raw::{Positions, Range},
    replay::{Entry, Ledger, Run, Scope, State, Tally, Today, new_id},
    settings::{Place, Settings},
    tenants,
    writer::Writer,
};

/// Read webhooks again by today's mapping, and correct what was told about them
///
/// Reads the webhooks of a time again, from raw, by today's mapping, and corrects what was told about
/// them: an event that reads otherwise comes again with the same id and the next revision; one that reads
/// as before gives nothing. Receipts that had no event are filled in.
///
/// Left alone, named, and exit code 1: receipts whose events would have other ids, and those that would
/// give no events any more.
///
/// Needs the same mapping.path, privacy.key and blobs.url as the normalizer. Begin with --dry-run. Every
/// replay has a row in replays_log.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  waybill replay --since 2026-05-12 --until 2026-05-13 --tenant acme --dry-run\n  \
    waybill replay --since 6h --rate 500\n  waybill replay --resume 20260512T175055Z-1f3b5c"
)]
pub(crate) struct Args {
    /// Received from this moment on: an instant, a day, or how long ago as 6h
    #[arg(long, value_name = "TIME", value_parser = moments::moment, required_unless_present = "resume")]
    since: Option<Micros>,

    /// Received before this moment [default: now]
    #[arg(long, value_name = "TIME", value_parser = moments::moment)]
    until: Option<Micros>,

    /// Only webhooks of this tenant
    #[arg(long, value_name = "NAME")]
    tenant: Option<String>,

    /// Only say what would change
    #[arg(long)]
    dry_run: bool,

    /// Events written in a second, at most
    #[arg(long, value_name = "N", default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..))]
    rate: u32,

    /// Go on with a replay that was interrupted
    #[arg(long, value_name = "ID", conflicts_with_all = ["since", "until", "tenant", "dry_run"])]
    resume: Option<String>,

    /// Print JSON
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    place: Place,
}

pub(super) async fn run(args: Args) -> anyhow::Result<Verdict> {
    let settings = args.place.settings()?;
    let clickhouse = Clickhouse::new(settings.clickhouse());
    tenants::must_exist(&settings, &clickhouse, args.tenant.as_deref()).await?;
    let today = Today::new(&settings)?;
    let ledger = Ledger(&clickhouse);
    let (entry, positions, mut tally) = match &args.resume {
        Some(id) => {
            let left = ledger.left(id).await?;
            if left.entry.mapping_version != today.mapping_version() {
                return Err(WrongUse(format!(
                    "the mapping is another one since ({} then, {} now): begin a new replay",
                    left.entry.mapping_version,
                    today.mapping_version()
                ))
                .into());
            }
            (left.entry, Some(left.positions), left.tally)
        }
        None => (begun(&args, &today)?, None, Tally::default()),
    };
    replay(&args, &settings, (&entry, &today, positions), &mut tally).await?;
    if args.json {
        output::json(&json!({
            "replay_id": entry.replay_id, "dry_run": args.dry_run,
            "mapping_version": entry.mapping_version, "since": entry.scope.since.to_string(),
            "until": entry.scope.until.to_string(), "tenant": entry.scope.tenant, "found": tally,
        }))?;
    } else {
        print(&tally, &entry, args.dry_run);
    }
    Ok(if tally.refusals() == 0 {
        Verdict::Good
    } else {
        Verdict::Bad
    })
}

fn begun(args: &Args, today: &Today) -> anyhow::Result<Entry> {
    let scope = Scope {
        since: args.since.unwrap_or_default(),
        until: args.until.unwrap_or_else(moments::now),
        tenant: args.tenant.clone(),
    };
    if scope.since >= scope.until {
        return Err(WrongUse("--since must be before --until".into()).into());
    }
    Ok(Entry {
        replay_id: new_id()?,
        command: "replay",
        scope,
        mapping_version: today.mapping_version().to_owned(),
        started_at: moments::now(),
    })
}

async fn replay(
    args: &Args,
    settings: &Settings,
    (entry, today, positions): (&Entry, &Today, Option<Positions>),
    tally: &mut Tally,
) -> anyhow::Result<()> {
    let clickhouse = Clickhouse::new(settings.clickhouse());
    let ledger = Ledger(&clickhouse);
    let range = tokio::task::block_in_place(|| {
        Range::from(settings, entry.scope.since, positions.as_ref())
    })?;
    let writer = if args.dry_run {
        None
    } else {
        ledger
            .note(entry, State::Running, range.positions(), tally)
            .await?;
        output::note(format_args!(
            "replay {}; if it is interrupted: waybill replay --resume {}",
            entry.replay_id, entry.replay_id
        ));
        Some(Writer::new(settings).await?)
    };
    let run = Run {
        clickhouse: &clickhouse,
        today,
        scope: entry.scope.clone(),
        replay_id: &entry.replay_id,
        writer: writer.as_ref(),
        rate: args.rate,
    };
    let mut last = range.positions().clone();
    let settled = async |range: &Range, tally: &Tally| {
        output::note(format_args!(
            "{} receipts, {} events written, {} raw records to go",
            tally.receipts,
            tally.written,
            range.left()
        ));
        last.clone_from(range.positions());
        if args.dry_run {
            return Ok(());
        }
        ledger
            .note(entry, State::Running, range.positions(), tally)
            .await
    };
    run.over(range, tally, settled).await?;
    if !args.dry_run {
        ledger.note(entry, State::Done, &last, tally).await?;
    }
    Ok(())
}

fn print(tally: &Tally, entry: &Entry, dry_run: bool) {
    let (would, were) = if dry_run {
        ("would be ", "would be")
    } else {
        ("", "were")
    };
    output::line(format_args!(
        "{} receipts, by mapping {}: {} unchanged, {} duplicates, {} still set aside",
        tally.receipts, entry.mapping_version, tally.unchanged, tally.duplicates, tally.set_aside
    ));
    output::line(format_args!(
        "{} events {would}revised, {} gained; {} webhooks {were} sent to the normalizer again",
        tally.revised, tally.gained, tally.resent
    ));
    if !tally.fields.is_empty() {
        output::title("What reads otherwise");
        let rows = tally.fields.iter().map(|field| {
            [
                field.provider.clone(),
                field.field.clone(),
                output::or_dash(field.before.as_ref()),
                output::or_dash(field.now.as_ref()),
                field.events.to_string(),
            ]
        });
        output::table(&["carrier", "field", "before", "now", "events"], rows);
    }
    for refused in &tally.refused {
        output::title(format_args!(
            "{} receipts are left as they are, because {}",
            refused.receipts, refused.because
        ));
        refused.named.iter().for_each(output::line);
    }
    if tally.foreign > 0 {
        output::note(format_args!(
            "{} raw records have no headers of ours and were passed by",
            tally.foreign
        ));
    }
}
