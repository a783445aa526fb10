//! `waybill status`

use std::time::Duration;

use ingest::tenants::Tenants;
use reqwest::Client;
use serde::{Deserialize, Serialize};
use tokio::task::spawn_blocking;

use crate::{
    Verdict,
    clickhouse::Clickhouse,
    lag, output,
    settings::{Place, Settings},
};

/// Show how an installation is doing
///
/// Shows what is on its way and what went wrong: lag of each consumer group, freshness of the tables
/// in the last hour, orders that wait for an earlier event, what was set aside, receipts without an
/// outcome, and how many ranges of topics are missing from the store. Exit code 1 if a receipt is lost, a
/// range is missing, or a service is not ready.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  waybill status")]
pub(crate) struct Args {
    /// Print JSON
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    place: Place,
}

#[derive(Debug, Serialize)]
struct Status {
    services: Vec<Service>,
    lag: Vec<lag::Lag>,
    /// Orders in the enricher with an event that waits; none where it does not say.
    held_orders: Option<f64>,
    freshness: Vec<Freshness>,
    signatures: Vec<Signatures>,
    set_aside: Vec<SetAside>,
    unaccounted: Vec<Unaccounted>,
    /// Ranges of topics that `waybill audit` names.
    gaps: u64,
}

#[derive(Deserialize)]
struct Ranges {
    ranges: u64,
}

#[derive(Debug, Serialize)]
struct Service {
    service: &'static str,
    ready: bool,
}

#[derive(Debug, Serialize, Deserialize)]
struct Freshness {
    tenant_id: String,
    provider: String,
    events: u64,
    p50_seconds: f64,
    p99_seconds: f64,
    max_seconds: f64,
}

#[derive(Debug, Serialize, Deserialize)]
struct Signatures {
    tenant_id: String,
    endpoint_id: String,
    verdict: String,
    signature_scheme: Option<String>,
    secret_id: Option<String>,
    receipts: u64,
}

#[derive(Debug, Serialize, Deserialize)]
struct SetAside {
    tenant_id: String,
    provider: String,
    reason: String,
    outcomes: u64,
    resolved: u64,
}

#[derive(Debug, Serialize, Deserialize)]
struct Unaccounted {
    tenant_id: String,
    provider: String,
    state: String,
    receipts: u64,
}

const FRESHNESS: &str = "SELECT tenant_id, provider, count() AS events, \
    quantileExactInclusive(0.5)(seconds) AS p50_seconds, \
    quantileExactInclusive(0.99)(seconds) AS p99_seconds, max(seconds) AS max_seconds \
    FROM (SELECT tenant_id, provider, \
        dateDiff('microsecond', received_at, loaded_at) / 1e6 AS seconds \
        FROM {database}.first_loads_log FINAL WHERE received_at > now64(6) - INTERVAL 1 HOUR) \
    GROUP BY tenant_id, provider ORDER BY tenant_id, provider";
const SIGNATURES: &str = "SELECT tenant_id, endpoint_id, verdict, signature_scheme, secret_id, \
    count() AS receipts FROM {database}.receipts WHERE received_at > now64(6) - INTERVAL 1 DAY \
    GROUP BY ALL ORDER BY ALL";
const SET_ASIDE: &str = "SELECT tenant_id, provider, reason, count() AS outcomes, \
    countIf(resolved_at IS NOT NULL) AS resolved FROM {database}.set_aside \
    GROUP BY tenant_id, provider, reason ORDER BY tenant_id, provider, reason";
const UNACCOUNTED: &str = "SELECT tenant_id, provider, state, count() AS receipts FROM {database}.unaccounted \
    GROUP BY tenant_id, provider, state ORDER BY tenant_id, provider, state";
const GAPS: &str = "SELECT (SELECT count() FROM {database}.raw_gaps) + (SELECT count() FROM {database}.topic_gaps) \
    AS ranges";

/// The enricher's gauge of orders with a waiting event.
const HELD_ORDERS: &str = "waybill_enricher_held_orders";
const SERVICES: [&str; 4] = ["ingest", "normalizer", "enricher", "sink"];

pub(super) async fn run(args: Args) -> anyhow::Result<Verdict> {
    let settings = args.place.settings()?;
    let variables = args.place.variables()?;
    let client = Client::builder().timeout(Duration::from_secs(2)).build()?;
    let mut services = Vec::new();
    let mut held_orders = None;
    for service in SERVICES {
        // known where `waybill up` runs everything; a cluster has its own probes
        let name = format!("WAYBILL_ADMIN_{}", service.to_uppercase());
        let Some(admin) = variables.get(&name) else {
            continue;
        };
        let readyz = client.get(format!("{admin}/readyz")).send().await;
        let ready = readyz.is_ok_and(|answer| answer.status().is_success());
        services.push(Service { service, ready });
        if service == "enricher"
            && let Ok(answer) = client.get(format!("{admin}/metrics")).send().await
        {
            held_orders = answer
                .text()
                .await
                .ok()
                .and_then(|text| sum_of(&text, HELD_ORDERS));
        }
    }
    let kafka = settings.clone();
    let clickhouse = Clickhouse::new(settings.clickhouse());
    let gaps: Vec<Ranges> = clickhouse.rows(GAPS, &[]).await?;
    let status = Status {
        services,
        held_orders,
        lag: spawn_blocking(move || lag::all(&kafka)).await??,
        freshness: clickhouse.rows(FRESHNESS, &[]).await?,
        signatures: clickhouse.rows(SIGNATURES, &[]).await?,
        set_aside: clickhouse.rows(SET_ASIDE, &[]).await?,
        unaccounted: clickhouse.rows(UNACCOUNTED, &[]).await?,
        gaps: gaps.iter().map(|row| row.ranges).sum(),
    };
    if args.json {
        output::json(&status)?;
    } else {
        print(&status);
        suggest_schemes(&status.signatures, tenants(&settings).as_ref());
    }
    let lost = status.unaccounted.iter().any(|row| row.state == "lost");
    let all_ready = status.services.iter().all(|service| service.ready);
    Ok(if all_ready && !lost && status.gaps == 0 {
        Verdict::Good
    } else {
        Verdict::Bad
    })
}

/// All series of a metric together, in Prometheus' text form.
fn sum_of(metrics: &str, name: &str) -> Option<f64> {
    let values: Vec<f64> = metrics
        .lines()
        .filter_map(|line| line.strip_prefix(name))
        .filter(|rest| rest.starts_with([' ', '{']))
        .filter_map(|rest| rest.rsplit(' ').next()?.parse().ok())
        .collect();
    (!values.is_empty()).then(|| values.iter().sum())
}

fn print(status: &Status) {
    for service in &status.services {
        let word = if service.ready { "ready" } else { "NOT READY" };
        output::line(format_args!("{:<11} {word}", service.service));
    }
    output::title("Lag");
    let lags = status
        .lag
        .iter()
        .map(|row| [row.group.clone(), row.topic.clone(), row.lag.to_string()]);
    output::table(&["group", "topic", "offsets behind"], lags);
    if let Some(held) = status.held_orders {
        output::line(format_args!(
            "orders that wait for an earlier event: {held}"
        ));
    }
    print_freshness(&status.freshness);
    print_signatures(&status.signatures);
    print_outcomes(&status.set_aside, &status.unaccounted);
    if status.gaps > 0 {
        output::line(format_args!(
            "{} ranges of topics are missing from the store: `waybill audit` names them",
            status.gaps
        ));
    }
}

fn print_freshness(freshness: &[Freshness]) {
    output::title("From receipt to row, in the last hour");
    output::table(
        &["tenant", "carrier", "events", "p50 s", "p99 s", "max s"],
        freshness.iter().map(|row| {
            let [p50, p99, max] =
                [row.p50_seconds, row.p99_seconds, row.max_seconds].map(|s| format!("{s:.2}"));
            [
                row.tenant_id.clone(),
                row.provider.clone(),
                row.events.to_string(),
                p50,
                p99,
                max,
            ]
        }),
    );
}

fn print_signatures(signatures: &[Signatures]) {
    output::title("Signatures, in the last day");
    output::table(
        &[
            "tenant", "endpoint", "verdict", "scheme", "secret", "receipts",
        ],
        signatures.iter().map(|row| {
            [
                row.tenant_id.clone(),
                row.endpoint_id.clone(),
                row.verdict.clone(),
                output::or_dash(row.signature_scheme.as_ref()),
                output::or_dash(row.secret_id.as_ref()),
                row.receipts.to_string(),
            ]
        }),
    );
}

fn print_outcomes(set_aside: &[SetAside], unaccounted: &[Unaccounted]) {
    output::title("Set aside");
    output::table(
        &["tenant", "carrier", "reason", "outcomes", "resolved"],
        set_aside.iter().map(|row| {
            let [outcomes, resolved] = [row.outcomes, row.resolved].map(|n| n.to_string());
            [
                row.tenant_id.clone(),
                row.provider.clone(),
                row.reason.clone(),
                outcomes,
                resolved,
            ]
        }),
    );
    output::title("Receipts without an outcome");
    if unaccounted.is_empty() {
        output::line("none");
        return;
    }
    let rows = unaccounted.iter().map(|row| {
        [
            row.tenant_id.clone(),
            row.provider.clone(),
            row.state.clone(),
            row.receipts.to_string(),
        ]
    });
    output::table(&["tenant", "carrier", "state", "receipts"], rows);
}

/// Where this machine has them; a broken file is another command's to tell.
fn tenants(settings: &Settings) -> Option<Tenants> {
    ingest::tenants::load(settings.tenants_path()?).ok()
}

/// A rule that a carrier does not use is a door more than needed.
fn suggest_schemes(signatures: &[Signatures], tenants: Option<&Tenants>) {
    let mut seen: Vec<(&str, Vec<&str>)> = Vec::new();
    for row in signatures.iter().filter(|row| row.verdict == "verified") {
        let Some(scheme) = row.signature_scheme.as_deref() else {
            continue;
        };
        match seen
            .iter_mut()
            .find(|(endpoint, _)| *endpoint == row.endpoint_id)
        {
            Some((_, schemes)) if schemes.contains(&scheme) => {}
            Some((_, schemes)) => schemes.push(scheme),
            None => seen.push((&row.endpoint_id, vec![scheme])),
        }
    }
    for (endpoint, schemes) in seen {
        let known = tenants.and_then(|tenants| tenants.endpoint(endpoint));
        let is_narrow = known.is_some_and(|endpoint| endpoint.schemes.len() == 1);
        if let [only] = schemes.as_slice()
            && !is_narrow
        {
            output::line(format_args!(
                "{endpoint}: only {only} matched; schemes = [\"{only}\"] would do"
            ));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_metric_is_the_sum_of_its_series_and_of_no_other_metric() {
        let text = "# TYPE a gauge\na{p=\"0\"} 2\na{p=\"1\"} 3\na_total 7\n";
        assert_eq!(sum_of(text, "a"), Some(5.0));
        assert_eq!(sum_of(text, "b"), None);
    }
}
