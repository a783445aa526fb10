//! `waybill audit`

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{Verdict, WrongUse, clickhouse::Clickhouse, moments, output, settings::Place, spool};

/// Proves that nothing is missing: names every receipt that has fewer outcomes than parts, with where it
/// was last seen, and says whether ingest's spool on this machine (WAYBILL__SPOOL__DIR) still holds
/// webhooks. Exit code 1 if there is any of either.
///
/// State `waiting`: a stage has yet to come to it, so look at `waybill status`. State `lost`: every stage
/// has passed it; `waybill replay` over its time brings back what was never read. A row that somebody
/// deleted from the store comes back only by loading its topic again: stop the sink, set back the offsets
/// of its group, start it.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  waybill audit\n  waybill audit --tenant acme --older-than 1h --json"
)]
pub(crate) struct Args {
    /// Only receipts of this tenant
    #[arg(long, value_name = "NAME")]
    tenant: Option<String>,

    /// Only receipts older than this, at least 5m: younger ones may be on their way
    #[arg(long, value_name = "AGE", default_value = "5m", value_parser = moments::duration)]
    older_than: Duration,

    /// How many receipts to name at most; all are counted
    #[arg(long, value_name = "N", default_value_t = 1000)]
    limit: u32,

    /// Print JSON
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    place: Place,
}

#[derive(Debug, Serialize)]
struct Audit {
    unaccounted: u64,
    receipts: Vec<Receipt>,
    spools: Vec<spool::Held>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Receipt {
    receipt_id: String,
    tenant_id: String,
    provider: String,
    endpoint_id: String,
    received_at: String,
    state: String,
    last_seen: String,
}

#[derive(Deserialize)]
struct Count {
    receipts: u64,
}

/// The view names nothing younger.
const AGE_MIN: Duration = Duration::from_secs(5 * 60);

const WHICH: &str = "FROM {database}.unaccounted AS u \
    WHERE ({tenant:String} = '' OR u.tenant_id = {tenant:String}) \
    AND u.received_at < now64(6, 'UTC') - toIntervalSecond({seconds:UInt64})";
const NAMED: &str = "SELECT toString(u.receipt_id) AS receipt_id, u.tenant_id AS tenant_id, \
    u.provider AS provider, u.endpoint_id AS endpoint_id, \
    toString(u.received_at) AS received_at, u.state AS state, toString(u.last_seen) AS last_seen ";

pub(super) async fn run(args: Args) -> anyhow::Result<Verdict> {
    if args.older_than < AGE_MIN {
        return Err(WrongUse(
            "--older-than: at least 5m, because a younger receipt may be on its way".into(),
        )
        .into());
    }
    let settings = args.place.settings()?;
    let clickhouse = Clickhouse::new(settings.clickhouse());
    let seconds = args.older_than.as_secs().to_string();
    let limit = args.limit.to_string();
    let parameters = [
        ("tenant", args.tenant.as_deref().unwrap_or_default()),
        ("seconds", seconds.as_str()),
        ("limit", limit.as_str()),
    ];
    // the names are only asked for where there are any: most audits find none
    let count: Vec<Count> = clickhouse
        .rows(&format!("SELECT count() AS receipts {WHICH}"), &parameters)
        .await?;
    let unaccounted = count.first().map_or(0, |count| count.receipts);
    let receipts = if unaccounted == 0 {
        Vec::new()
    } else {
        let named =
            format!("{NAMED}{WHICH} ORDER BY u.received_at, u.receipt_id LIMIT {{limit:UInt32}}");
        clickhouse.rows(&named, &parameters).await?
    };
    let spools = match settings.spool_dir() {
        Some(dir) => spool::held(dir)?.into_iter().collect(),
        None => Vec::new(),
    };
    let audit = Audit {
        unaccounted,
        receipts,
        spools,
    };
    if args.json {
        output::json(&audit)?;
    } else {
        print(&audit);
    }
    Ok(if audit.unaccounted == 0 && audit.spools.is_empty() {
        Verdict::Good
    } else {
        Verdict::Bad
    })
}

fn print(audit: &Audit) {
    if audit.unaccounted == 0 {
        output::line("every receipt has all its outcomes");
    } else {
        output::title(format_args!(
            "{} receipts with fewer outcomes than parts",
            audit.unaccounted
        ));
        let headings = [
            "received at",
            "receipt",
            "tenant",
            "carrier",
            "endpoint",
            "state",
            "last seen",
        ];
        let rows = audit.receipts.iter().map(|row| {
            [
                &row.received_at,
                &row.receipt_id,
                &row.tenant_id,
                &row.provider,
                &row.endpoint_id,
                &row.state,
                &row.last_seen,
            ]
            .map(Clone::clone)
        });
        output::table(&headings, rows);
        let named = audit.receipts.len() as u64;
        if named < audit.unaccounted {
            output::note(format_args!(
                "{} more are not named; give a higher --limit",
                audit.unaccounted - named
            ));
        }
    }
    for spool in &audit.spools {
        output::line(format_args!(
            "the spool {} holds {} webhooks: ingest drains it once Kafka takes records, and where no \
             ingest runs over it `waybill spool drain` does",
            spool.dir, spool.webhooks
        ));
        if spool.damaged_files > 0 {
            output::line(format_args!(
                "{} of its files are damaged: `waybill spool verify` says what is lost",
                spool.damaged_files
            ));
        }
    }
}
