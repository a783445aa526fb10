//! `waybill audit`

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{
    Verdict, WrongUse, clickhouse::Clickhouse, moments, output, settings::Place, spool, tenants,
};

/// Name every receipt that has no outcome, and spools that are not empty
///
/// Proves that nothing is missing: names every receipt that has fewer outcomes than parts, with where it
/// was last seen, every receipt that the store lacks although its outcomes are there, every order of which
/// a row or an event is missing, and, unless it is asked for one tenant, the ranges of its topics
/// that the sink passed over; and says whether ingest's spool on this machine (WAYBILL__SPOOL__DIR) still
/// holds webhooks. Exit code 1 if there is any of these.
///
/// State `waiting`: a stage has yet to come to it, so look at `waybill status`. State `lost`: every stage
/// has passed it; `waybill reload` over its time brings back what somebody deleted from the store, `waybill
/// replay` what was never read.
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

    /// How many to name at most, of each kind; unaccounted receipts are counted, all of them
    #[arg(long, value_name = "N", default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..))]
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
    unreceived: Vec<Unreceived>,
    orders_behind: Vec<Behind>,
    gaps: Vec<Gap>,
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

/// Outcomes are there, and their receipt is not.
#[derive(Debug, Serialize, Deserialize)]
struct Unreceived {
    receipt_id: String,
    tenant_id: String,
    provider: String,
    endpoint_id: String,
    received_at: String,
}

/// An order's row or one of its events is not there, or its row is older than its events or its root's row.
#[derive(Debug, Serialize, Deserialize)]
struct Behind {
    tenant_id: String,
    provider: String,
    order_id: String,
    endpoint_id: String,
    first_received_at: String,
    /// Of its last event.
    sequence: u64,
    /// The sequence that the row knows; 0 without a row.
    version: u64,
    /// NO_ROW, OLDER_ROW, MISSING_EVENTS or OLDER_ROOT.
    cause: String,
}

/// A range of a topic that the sink passed over.
#[derive(Debug, Serialize, Deserialize)]
struct Gap {
    topic: String,
    partition: i32,
    first_offset: i64,
    last_offset: i64,
    /// UNREAD of a raw topic; of the others MOVED or DELETED.
    cause: String,
}

#[derive(Deserialize)]
struct Count {
    receipts: u64,
}

/// The view names nothing younger.
const AGE_MIN: Duration = Duration::from_secs(5 * 60);

const UNACCOUNTED: &str = "FROM {database}.unaccounted AS u ";
const UNRECEIVED: &str = "SELECT u.receipt_id AS receipt_id, u.tenant_id AS tenant_id, \
    u.provider AS provider, u.endpoint_id AS endpoint_id, toString(u.received_at) AS received_at \
    FROM {database}.unreceived AS u ";
const BEHIND: &str = "SELECT u.tenant_id AS tenant_id, u.provider AS provider, u.order_id AS order_id, \
    u.endpoint_id AS endpoint_id, toString(u.first_received_at) AS first_received_at, \
    u.sequence AS sequence, u.version AS version, u.cause AS cause FROM {database}.orders_behind AS u \
    WHERE ({tenant:String} = '' OR u.tenant_id = {tenant:String}) \
    AND u.first_received_at < now64(6, 'UTC') - toIntervalSecond({seconds:UInt64}) \
    ORDER BY u.first_received_at, u.order_id LIMIT {limit:UInt32}";
const GAPS: &str = "SELECT g.topic AS topic, g.partition AS partition, \
    g.first_offset AS first_offset, g.last_offset AS last_offset, g.cause AS cause \
    FROM (SELECT r.topic AS topic, r.partition AS partition, r.first_offset AS first_offset, \
    r.last_offset AS last_offset, 'UNREAD' AS cause FROM {database}.raw_gaps AS r \
    UNION ALL SELECT t.topic, t.partition, t.first_offset, t.last_offset, toString(t.cause) \
    FROM {database}.topic_gaps AS t) AS g WHERE {tenant:String} = '' \
    ORDER BY g.topic, g.partition, g.first_offset LIMIT {limit:UInt32}";
const NAMED_FIRST: &str = " ORDER BY u.received_at, u.receipt_id LIMIT {limit:UInt32}";
const WHICH: &str = "WHERE ({tenant:String} = '' OR u.tenant_id = {tenant:String}) \
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
    tenants::must_exist(&settings, &clickhouse, args.tenant.as_deref()).await?;
    let seconds = args.older_than.as_secs().to_string();
    let limit = args.limit.to_string();
    let parameters = [
        ("tenant", args.tenant.as_deref().unwrap_or_default()),
        ("seconds", seconds.as_str()),
        ("limit", limit.as_str()),
    ];
    // the names are only asked for where there are any: most audits find none
    let count: Vec<Count> = clickhouse
        .rows(
            &format!("SELECT count() AS receipts {UNACCOUNTED}{WHICH}"),
            &parameters,
        )
        .await?;
    let unaccounted = count.first().map_or(0, |count| count.receipts);
    let receipts = if unaccounted == 0 {
        Vec::new()
    } else {
        let named = format!("{NAMED}{UNACCOUNTED}{WHICH}{NAMED_FIRST}");
        clickhouse.rows(&named, &parameters).await?
    };
    let unreceived = format!("{UNRECEIVED}{WHICH}{NAMED_FIRST}");
    let unreceived = clickhouse.rows(&unreceived, &parameters).await?;
    let orders_behind = clickhouse.rows(BEHIND, &parameters).await?;
    let gaps = clickhouse.rows(GAPS, &parameters).await?;
    let spools = match settings.spool_dir() {
        Some(dir) => spool::held(dir)?.into_iter().collect(),
        None => Vec::new(),
    };
    let audit = Audit {
        unaccounted,
        receipts,
        unreceived,
        orders_behind,
        gaps,
        spools,
    };
    if args.json {
        output::json(&audit)?;
    } else {
        print(&audit);
        let named = [
            audit.unreceived.len(),
            audit.orders_behind.len(),
            audit.gaps.len(),
        ];
        if named.contains(&(args.limit as usize)) {
            output::note("there may be more than are named; give a higher --limit");
        }
    }
    Ok(if audit.is_clean() {
        Verdict::Good
    } else {
        Verdict::Bad
    })
}

impl Audit {
    fn is_clean(&self) -> bool {
        let nothing_odd =
            self.unreceived.is_empty() && self.orders_behind.is_empty() && self.gaps.is_empty();
        self.unaccounted == 0 && nothing_odd && self.spools.is_empty()
    }
}

fn print(audit: &Audit) {
    if audit.unaccounted == 0 {
        output::line(if audit.is_clean() {
            "every receipt has all its outcomes"
        } else {
            "every receipt that is in the store has all its outcomes"
        });
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
        output::note(
            "waiting: a stage has yet to come to it, see `waybill status`; lost: `waybill reload` over its \
             time brings back what is gone from the store alone, `waybill replay` what was never read",
        );
    }
    print_unread(audit);
    print_behind(&audit.orders_behind);
    for spool in &audit.spools {
        output::line(format_args!(
            "the spool {} holds {} webhooks: ingest drains it once Kafka takes records, and where no \
             ingest runs over it `waybill spool drain` does",
            spool.dir, spool.webhooks
        ));
        if spool.refused > 0 {
            output::line(format_args!(
                "beside it stand {} webhooks that Kafka will never take: send them by hand once what its \
                 log says is mended, then remove them",
                spool.refused
            ));
        }
        if spool.damaged_files > 0 {
            output::line(format_args!(
                "{} of its files are damaged: `waybill spool verify` says what is lost",
                spool.damaged_files
            ));
        }
    }
}

/// What the sink has not read, or somebody took out of the store.
fn print_unread(audit: &Audit) {
    if !audit.unreceived.is_empty() {
        output::title(format_args!(
            "{} receipts are missing whose outcomes are there; `waybill reload --table receipts` over their time \
             loads them again",
            audit.unreceived.len()
        ));
        let rows = audit.unreceived.iter().map(|row| {
            [
                &row.received_at,
                &row.receipt_id,
                &row.tenant_id,
                &row.provider,
                &row.endpoint_id,
            ]
            .map(Clone::clone)
        });
        let headings = ["received at", "receipt", "tenant", "carrier", "endpoint"];
        output::table(&headings, rows);
    }
    for gap in &audit.gaps {
        let what = match gap.cause.as_str() {
            "DELETED" => {
                "Kafka deleted these, perhaps before the sink had loaded them: is its retention shorter than the sink \
                 may be away? Once you have noted it, `waybill reload` over their time takes it off this list"
            }
            "UNREAD" => {
                "the sink passed over these, or the store has lost what it knew of them; `waybill reload` over their \
                 time, or of all that was written since the store's last copy, loads what Kafka still has"
            }
            _ => {
                "the sink passed over these; `waybill reload` over their time loads what Kafka still has"
            }
        };
        output::line(format_args!(
            "partition {} of {}, offsets {} to {}: {what}",
            gap.partition, gap.topic, gap.first_offset, gap.last_offset
        ));
    }
}

fn print_behind(orders: &[Behind]) {
    if orders.is_empty() {
        return;
    }
    output::title("orders of which a snapshot or an event is missing");
    let rows = orders.iter().map(|row| {
        let Behind {
            tenant_id,
            provider,
            order_id,
            endpoint_id: _,
            first_received_at,
            sequence,
            version,
            cause,
        } = row;
        [
            first_received_at.clone(),
            order_id.clone(),
            tenant_id.clone(),
            provider.clone(),
            sequence.to_string(),
            version.to_string(),
            cause.clone(),
        ]
    });
    let headings = [
        "first received at",
        "order",
        "tenant",
        "carrier",
        "last event",
        "row's version",
        "cause",
    ];
    output::table(&headings, rows);
    output::note(format_args!(
        "NO_ROW, OLDER_ROW, OLDER_ROOT: `waybill reload --table orders` brings the newest row back, of one that the \
         store refused once its table is mended (it stands in set_aside with its order); MISSING_EVENTS: \
         `waybill reload --table events`"
    ));
}
