//! `waybill demo`

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use anyhow::{Context as _, bail};
use ingest::tenants::{Endpoint, Tenants};
use schemas::Provider;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::up::stay;
use crate::{
    Verdict, WrongUse,
    clickhouse::Clickhouse,
    demo::{self, DeliveryRow, OrderRow},
    orders, output,
    sender::{self, Sender},
    settings::Settings,
    up::{Ended, Plan, Running, Signals, demo_endpoint},
};

/// Run everything, post the carriers' documented webhooks, and show what became of them
///
/// Starts everything as `waybill up` does, posts the webhooks that the carriers document (signed, out
/// of order, some twice), waits until the tables hold what they must, and shows it.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  waybill demo\n  waybill demo --exit")]
pub(crate) struct Args {
    /// Stop everything at the end; exit code 1 if a row is wrong or missing
    #[arg(long)]
    exit: bool,

    #[command(flatten)]
    plan: Plan,
}

/// Several holds, an insert of each kind, and a slow machine.
const DONE_WITHIN: Duration = Duration::from_secs(60);
const LOOK_AGAIN: Duration = Duration::from_millis(250);

pub(super) async fn run(args: Args) -> anyhow::Result<Verdict> {
    let clock = Instant::now();
    let mut signals = Signals::listen()?;
    let mut running = tokio::select! {
        running = Running::start(&args.plan, None) => running?,
        () = signals.next() => bail!("interrupted while starting"),
    };
    let installation = Installation::of(&running)?;
    let shown = tokio::select! {
        shown = show(&installation) => shown,
        ended = running.keep(&mut signals) => Err(match ended? {
            Ended::Asked => anyhow::anyhow!("interrupted"),
            Ended::Died(words) => anyhow::anyhow!(words),
        }),
    };
    let good = matches!(&shown, Ok(wrong) if wrong.is_empty());
    if good {
        let seconds = clock.elapsed().as_secs_f64();
        output::line(format_args!(
            "\nAs it must be, {seconds:.0} s after the start."
        ));
    }
    if let Ok(wrong) = &shown {
        wrong
            .iter()
            .for_each(|text| output::line(format_args!("WRONG: {text}")));
    }
    if good && !args.exit {
        output::line(format_args!(
            "Everything stays up until Ctrl-C. In another terminal: waybill status --env-file {}",
            running.folder().env_file().display()
        ));
        return stay(running, &mut signals).await;
    }
    let stopped = running.stop(&mut signals).await;
    shown?;
    stopped?;
    Ok(if good { Verdict::Good } else { Verdict::Bad })
}

/// What the demo needs to know of what runs.
struct Installation {
    ingest_url: String,
    tenants: PathBuf,
    settings: Settings,
}

impl Installation {
    fn of(running: &Running) -> anyhow::Result<Self> {
        let environment: BTreeMap<String, String> = running.environment().into_iter().collect();
        let ingest_url = environment
            .get("WAYBILL_INGEST_URL")
            .context("no address of ingest")?;
        Ok(Self {
            ingest_url: ingest_url.clone(),
            tenants: running.folder().tenants().to_owned(),
            settings: running.settings()?,
        })
    }
}

/// Posts, waits and prints; gives what is wrong.
async fn show(installation: &Installation) -> anyhow::Result<Vec<String>> {
    let tenants = sender::tenants(&installation.tenants)?;
    let endpoints = endpoints(&tenants, &installation.tenants)?;
    let receipts = post(&installation.ingest_url, &endpoints).await?;
    let clickhouse = Clickhouse::new(installation.settings.clickhouse());
    let tenant = endpoints
        .first()
        .map(|endpoint| endpoint.tenant.id.as_str());
    let posted = Posted {
        tenant: tenant.unwrap_or_default(),
        providers: endpoints.iter().map(|e| e.provider).collect(),
        receipts,
    };
    let wrong = wait(&clickhouse, &posted).await?;
    print(&clickhouse, posted.tenant).await?;
    Ok(wrong)
}

/// The demo's own; those that an older tenants file lacks are named and left out.
fn endpoints<'t>(tenants: &'t Tenants, file: &Path) -> anyhow::Result<Vec<&'t Endpoint>> {
    let mut found = Vec::new();
    let mut missing = Vec::new();
    for provider in Provider::ALL.iter().copied() {
        let id = demo_endpoint(provider);
        match tenants.endpoint(id) {
            Some(endpoint) if endpoint.provider == provider => found.push(endpoint.as_ref()),
            Some(_) | None => missing.push(id),
        }
    }
    let file = file.display();
    let missing = missing.join(", ");
    let cure = "delete the file to have it made anew with all of them";
    if found.is_empty() {
        return Err(WrongUse(format!(
            "the demo needs the endpoints {missing} in {file}; {cure}"
        ))
        .into());
    }
    if !missing.is_empty() {
        output::line(format_args!(
            "Left out, because {file} has no such endpoints: {missing}; {cure}."
        ));
    }
    Ok(found)
}

/// What was posted, and for whom.
struct Posted<'t> {
    tenant: &'t str,
    providers: Vec<Provider>,
    receipts: Vec<String>,
}

async fn post(ingest_url: &str, endpoints: &[&Endpoint]) -> anyhow::Result<Vec<String>> {
    let sender = Sender::new(ingest_url)?;
    let mut receipts = Vec::new();
    for endpoint in endpoints {
        let provider = endpoint.provider;
        let webhooks = demo::of(provider).webhooks;
        output::title(format_args!(
            "Posting {} webhooks of {provider}, signed as this carrier does, some twice",
            webhooks.len()
        ));
        for webhook in webhooks {
            let signed = sender.signed(endpoint, webhook.body.as_bytes())?;
            let answer = sender.post(endpoint, signed).await?;
            output::line(format_args!("  {} {}", answer.status, webhook.name));
            match answer.receipt_id {
                Some(receipt) if answer.status == 200 => receipts.push(receipt),
                _ => bail!(
                    "{provider}'s {} was answered with {} {}",
                    webhook.name,
                    answer.status,
                    answer.body
                ),
            }
        }
    }
    Ok(receipts)
}

/// Until everything is right, or no time is left; then what is still wrong.
async fn wait(clickhouse: &Clickhouse, posted: &Posted<'_>) -> anyhow::Result<Vec<String>> {
    let began = Instant::now();
    let mut said = usize::MAX;
    loop {
        let wrong = wrong(clickhouse, posted).await?;
        if wrong.is_empty() || began.elapsed() > DONE_WITHIN {
            return Ok(wrong);
        }
        if wrong.len() != said {
            said = wrong.len();
            let seconds = began.elapsed().as_secs_f64();
            output::note(format_args!("{seconds:5.1} s  {said} facts still to come"));
        }
        tokio::time::sleep(LOOK_AGAIN).await;
    }
}

#[derive(Debug, Deserialize)]
struct Accounted {
    receipt_id: String,
}

/// Every receipt has its row and its outcomes, each in one of two views.
const ACCOUNTED: &str = "SELECT receipt_id FROM {database}.receipts WHERE tenant_id = {tenant:String} \
    AND has(splitByChar(',', {receipts:String}), receipt_id) AND receipt_id IN ( \
        SELECT receipt_id FROM \
            (SELECT receipt_id, part, parts FROM {database}.events WHERE tenant_id = {tenant:String} \
             UNION ALL \
             SELECT receipt_id, part, parts FROM {database}.set_aside WHERE tenant_id = {tenant:String}) \
        GROUP BY receipt_id HAVING uniqExact(part) = max(parts))";

async fn wrong(clickhouse: &Clickhouse, posted: &Posted<'_>) -> anyhow::Result<Vec<String>> {
    let whose = [("tenant", posted.tenant)];
    let orders = clickhouse
        .rows::<OrderRow>(demo::ORDERS_QUERY, &whose)
        .await?;
    let orders = orders
        .into_iter()
        .map(|row| ((row.provider, row.order_id), row.columns))
        .collect();
    let deliveries: Vec<DeliveryRow> = clickhouse.rows(DELIVERIES, &whose).await?;
    let mut wrong = Vec::new();
    for provider in &posted.providers {
        wrong.extend(demo::wrong_orders(*provider, &orders));
        wrong.extend(demo::wrong_deliveries(*provider, &deliveries));
    }

    let list = posted.receipts.join(",");
    let accounted: Vec<Accounted> = clickhouse
        .rows(ACCOUNTED, &[("tenant", posted.tenant), ("receipts", &list)])
        .await?;
    let missing = posted
        .receipts
        .iter()
        .filter(|id| !accounted.iter().any(|row| row.receipt_id == **id));
    wrong.extend(missing.map(|receipt| format!("receipt {receipt} has no outcome yet")));
    Ok(wrong)
}

const DELIVERIES: &str = "SELECT * FROM {database}.deliveries WHERE tenant_id = {tenant:String} \
    ORDER BY provider, coalesce(requested_at, ended_at, first_received_at), root_order_id";
/// What customers collect or eat at the table.
const WITHOUT_COURIER: &str = "SELECT * FROM {database}.orders WHERE tenant_id = {tenant:String} \
    AND fulfilment IN ('TAKEAWAY', 'DINE_IN') ORDER BY provider, order_id";
const OUTCOMES: &str = "SELECT tenant_id, provider, reason, count() AS outcomes FROM {database}.set_aside \
    WHERE tenant_id = {tenant:String} GROUP BY ALL ORDER BY ALL";

async fn print(clickhouse: &Clickhouse, tenant: &str) -> anyhow::Result<()> {
    let whose = [("tenant", tenant)];
    let deliveries: Vec<Map<String, Value>> = clickhouse.rows(DELIVERIES, &whose).await?;
    output::title("Deliveries: a chain of replaced orders counts once");
    let columns = [
        "provider",
        "root_order_id",
        "order_count",
        "status",
        "requested_at",
        "ended_at",
        "price_amount",
        "price_currency",
        "canceled_by",
    ];
    orders::print_rows(&deliveries, &columns);
    let collected: Vec<Map<String, Value>> = clickhouse.rows(WITHOUT_COURIER, &whose).await?;
    if !collected.is_empty() {
        output::title("Orders without a courier are no deliveries");
        let columns = ["provider", "order_id", "fulfilment", "status", "ended_at"];
        orders::print_rows(&collected, &columns);
    }
    let (provider, order) = demo::SHOWN_ORDER;
    if let Some(order) = orders::find(clickhouse, tenant, provider.as_str(), order).await? {
        order.print();
    }
    let (provider, order) = demo::CHAINED_ORDER;
    if let Some(order) = orders::find(clickhouse, tenant, provider.as_str(), order).await? {
        order.print_chain();
    }
    let outcomes: Vec<Map<String, Value>> = clickhouse.rows(OUTCOMES, &whose).await?;
    output::title("Set aside: what came twice is counted, not lost");
    orders::print_rows(&outcomes, &["tenant_id", "provider", "reason", "outcomes"]);
    Ok(())
}
