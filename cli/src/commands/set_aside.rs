//! `waybill set-aside list|show|replay`

mod replay;

use clap::Subcommand;
use serde_json::{Map, Value, json};

use crate::{
    Verdict, WrongUse,
    clickhouse::Clickhouse,
    output, raw,
    set_aside::{self, Filter},
    settings::{Place, Settings},
    tenants,
};

#[derive(Debug, Subcommand)]
#[command(after_help = "Example:\n  waybill set-aside list --reason SIGNATURE_FAILED --since 1h")]
pub(crate) enum Command {
    /// Count what was set aside, and show the newest
    #[command(after_help = "Examples:\n  waybill set-aside list\n  \
        waybill set-aside list --tenant acme --reason SIGNATURE_FAILED --since 2d")]
    List {
        #[command(flatten)]
        filter: Filter,
        /// How many of the newest to show
        #[arg(long, value_name = "N", default_value_t = 20)]
        limit: u32,
        /// Print JSON
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        place: Place,
    },
    /// Show all that is known of one receipt, but not its body
    #[command(
        after_help = "Examples:\n  waybill set-aside show 01890a5d-ac96-774b-bcce-b302099a8057\n  \
        waybill set-aside show --tenant acme --reason MALFORMED --since 10m"
    )]
    Show {
        /// The receipt's id; without it, the other words must leave one receipt
        #[arg(value_name = "RECEIPT", conflicts_with = "receipt")]
        id: Option<String>,
        #[command(flatten)]
        filter: Filter,
        /// Write the exact bytes that were received to standard output, and nothing else: they may
        /// hold personal data
        #[arg(long, conflicts_with = "json")]
        body: bool,
        /// Print JSON
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        place: Place,
    },
    /// Look again at what was set aside, with today's secrets, settings and mapping, and send through
    /// what now gives events
    ///
    /// SIGNATURE_FAILED is verified again over the exact bytes with the secrets of today's tenants file.
    /// Exit code 1 if something stays set aside.
    #[command(
        after_help = "Examples:\n  waybill set-aside replay --reason SIGNATURE_FAILED --tenant acme --dry-run\n  \
        waybill set-aside replay --receipt 01890a5d-ac96-774b-bcce-b302099a8057"
    )]
    Replay {
        #[command(flatten)]
        filter: Filter,
        /// Only say what would be sent through
        #[arg(long)]
        dry_run: bool,
        /// Webhooks sent through in a second, at most
        #[arg(long, value_name = "N", default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..))]
        rate: u32,
        /// Print JSON
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        place: Place,
    },
}

pub(super) async fn run(command: Command) -> anyhow::Result<Verdict> {
    match command {
        Command::List {
            filter,
            limit,
            json,
            place,
        } => list(&place.settings()?, &filter, limit, json).await,
        Command::Show {
            id,
            filter,
            body,
            json,
            place,
        } => {
            let filter = id.map_or(filter, |id| Filter::receipt(&id));
            show(&place.settings()?, &filter, body, json).await
        }
        Command::Replay {
            filter,
            dry_run,
            rate,
            json,
            place,
        } => replay::run(&place.settings()?, &filter, (dry_run, rate), json).await,
    }
}

async fn list(
    settings: &Settings,
    filter: &Filter,
    limit: u32,
    json: bool,
) -> anyhow::Result<Verdict> {
    let clickhouse = Clickhouse::new(settings.clickhouse());
    tenants::must_exist(settings, &clickhouse, filter.tenant()).await?;
    let groups = set_aside::groups(&clickhouse, filter).await?;
    let rows = set_aside::rows(&clickhouse, filter, false, limit).await?;
    if json {
        output::json(&json!({"groups": groups, "rows": rows}))?;
        return Ok(Verdict::Good);
    }
    if groups.is_empty() {
        output::line("nothing was set aside");
        return Ok(Verdict::Good);
    }
    let headings = [
        "tenant", "carrier", "endpoint", "stage", "reason", "detail", "count", "resolved",
    ];
    let cells = groups.iter().map(|group| {
        [
            group.tenant_id.clone(),
            group.provider.clone(),
            group.endpoint_id.clone(),
            group.stage.clone(),
            group.reason.clone(),
            group.detail.clone(),
            group.outcomes.to_string(),
            group.resolved.to_string(),
        ]
    });
    output::table(&headings, cells);
    output::title("The newest");
    let headings = [
        "received at",
        "receipt",
        "endpoint",
        "order",
        "reason",
        "resolved at",
    ];
    let cells = rows.iter().map(|row| {
        [
            row.received_at.clone(),
            row.receipt_id.clone(),
            row.endpoint_id.clone(),
            output::or_dash(row.order_id.as_ref()),
            row.reason.clone(),
            output::or_dash(row.resolved_at.as_ref()),
        ]
    });
    output::table(&headings, cells);
    output::note("waybill set-aside show RECEIPT tells more of one");
    Ok(Verdict::Good)
}

const RECEIPT: &str =
    "SELECT * FROM {database}.receipts WHERE toString(receipt_id) = {receipt:String}";
const EVENTS: &str = "SELECT event_id, part, parts, kind, status, order_id, toString(occurred_at) AS \
    occurred_at, revision, replay_id FROM {database}.events \
    WHERE toString(receipt_id) = {receipt:String} ORDER BY part";

/// The one receipt that the filter leaves, and all that was set aside of it.
async fn the_one(
    clickhouse: &Clickhouse,
    filter: &Filter,
) -> anyhow::Result<(String, Vec<set_aside::Row>)> {
    let rows = set_aside::rows(clickhouse, filter, false, 1_000).await?;
    let Some(receipt) = rows.first().map(|row| row.receipt_id.clone()) else {
        return Err(WrongUse(
            "nothing like this was set aside; `waybill set-aside list` names what was".into(),
        )
        .into());
    };
    if rows.iter().any(|row| row.receipt_id != receipt) {
        return Err(WrongUse(
            "more than one receipt was set aside like this: name one, as `waybill set-aside list` shows \
             them"
            .into(),
        )
        .into());
    }
    let rows = set_aside::rows(clickhouse, &Filter::receipt(&receipt), false, 1_000).await?;
    Ok((receipt, rows))
}

async fn show(
    settings: &Settings,
    filter: &Filter,
    body: bool,
    json: bool,
) -> anyhow::Result<Verdict> {
    let clickhouse = Clickhouse::new(settings.clickhouse());
    tenants::must_exist(settings, &clickhouse, filter.tenant()).await?;
    let (receipt, rows) = the_one(&clickhouse, filter).await?;
    let places = set_aside::receipt_places(&clickhouse, &rows).await?;
    let records = set_aside::fetched(settings, places.into_values())?;
    let record = records.into_values().next();
    if body {
        let record = record.ok_or_else(|| WrongUse("raw no longer has this receipt".into()))?;
        return write_body(settings, &record).await;
    }
    let asked = [("receipt", receipt.as_str())];
    let known: Vec<Map<String, Value>> = clickhouse.rows(RECEIPT, &asked).await?;
    let events: Vec<Map<String, Value>> = clickhouse.rows(EVENTS, &asked).await?;
    let proofs: Vec<String> = record
        .iter()
        .filter_map(|record| record.headers.as_ref().ok())
        .flat_map(|headers| headers.http.iter().map(|(name, _)| name.clone()))
        .collect();
    if json {
        output::json(&json!({
            "set_aside": rows, "receipt": known.first(), "events": events,
            "in_raw": record.is_some(), "proof_headers": proofs,
        }))?;
        return Ok(Verdict::Good);
    }
    print_outcomes(&rows);
    print_receipt(known.first(), &proofs, record.is_some());
    if !events.is_empty() {
        output::title("Its events");
        let columns = [
            "part",
            "kind",
            "status",
            "order_id",
            "occurred_at",
            "event_id",
        ];
        crate::orders::print_rows(&events, &columns);
    }
    Ok(Verdict::Good)
}

fn print_outcomes(rows: &[set_aside::Row]) {
    for row in rows {
        output::title(format_args!(
            "{} by the {}: {}",
            row.reason, row.stage, row.detail
        ));
        output::line(format_args!(
            "  part {}, read from {} {} at {}; {}",
            row.part,
            row.source_topic,
            row.source_partition,
            row.source_offset,
            match (&row.resolved_at, row.replayable) {
                (Some(at), _) => format!("resolved at {at}"),
                (None, true) => "can be tried again".to_owned(),
                (None, false) => "final".to_owned(),
            }
        ));
    }
}

fn print_receipt(known: Option<&Map<String, Value>>, proofs: &[String], in_raw: bool) {
    output::title("The receipt");
    for (name, value) in known.into_iter().flatten() {
        let text = value
            .as_str()
            .map_or_else(|| value.to_string(), str::to_owned);
        output::line(format_args!("  {name:<18} {text}"));
    }
    output::line(format_args!(
        "  {:<18} {}",
        "proof headers",
        proofs.join(", ")
    ));
    output::line(format_args!(
        "  {:<18} {}",
        "still in raw",
        if in_raw {
            "yes; --body prints it"
        } else {
            "no"
        }
    ));
}

async fn write_body(settings: &Settings, record: &raw::RawRecord) -> anyhow::Result<Verdict> {
    use std::io::Write as _;
    let bodies = raw::Bodies::open(settings)?;
    let bytes = match &record.headers {
        Ok(headers) => match bodies.of(record, headers).await? {
            Ok(bytes) => bytes.into_owned(),
            Err(why) => anyhow::bail!("{}", why.detail),
        },
        Err(_) => record.value.clone(),
    };
    std::io::stdout().lock().write_all(&bytes)?;
    Ok(Verdict::Good)
}
