//! Rows of the view `set_aside`.

use std::collections::BTreeMap;

use schemas::{Micros, Reason};
use serde::{Deserialize, Serialize};

use crate::{clickhouse::Clickhouse, raw::Place};

/// Which ones.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Filter {
    /// Only of this tenant
    #[arg(long, value_name = "NAME")]
    tenant: Option<String>,

    /// Only for this reason, as SIGNATURE_FAILED
    #[arg(long, value_name = "REASON", value_parser = reason)]
    reason: Option<Reason>,

    /// Only of this receipt
    #[arg(long, value_name = "ID")]
    receipt: Option<String>,

    /// Only received from this moment on: an instant, a day, or how long ago as 6h
    #[arg(long, value_name = "TIME", value_parser = crate::moments::moment)]
    since: Option<Micros>,

    /// Only received before this moment
    #[arg(long, value_name = "TIME", value_parser = crate::moments::moment)]
    until: Option<Micros>,
}

/// In upper or lower case.
fn reason(text: &str) -> Result<Reason, String> {
    Reason::parse(&text.to_uppercase()).ok_or_else(|| {
        let all: Vec<&str> = Reason::ALL.iter().map(|reason| reason.as_str()).collect();
        format!("is one of {}", all.join(", "))
    })
}

/// As many as a person reads, or a replay takes at once, at most.
pub(crate) const ROWS_MAX: u32 = 100_000;

/// Set aside for the same reason, by the same stage.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Group {
    pub(crate) tenant_id: String,
    pub(crate) provider: String,
    pub(crate) endpoint_id: String,
    pub(crate) stage: String,
    pub(crate) reason: String,
    /// Names the field, never its value.
    pub(crate) detail: String,
    pub(crate) replayable: bool,
    pub(crate) outcomes: u64,
    pub(crate) resolved: u64,
    pub(crate) first_received_at: String,
    pub(crate) last_received_at: String,
}

/// One outcome.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Row {
    pub(crate) received_at: String,
    pub(crate) receipt_id: String,
    pub(crate) part: i32,
    pub(crate) tenant_id: String,
    pub(crate) provider: String,
    pub(crate) endpoint_id: String,
    pub(crate) order_id: Option<String>,
    pub(crate) event_id: Option<String>,
    pub(crate) stage: String,
    pub(crate) reason: String,
    pub(crate) detail: String,
    pub(crate) replayable: bool,
    pub(crate) resolved_at: Option<String>,
    pub(crate) source_topic: String,
    pub(crate) source_partition: i32,
    pub(crate) source_offset: i64,
}

const WHICH: &str = "FROM {database}.set_aside \
    WHERE ({tenant:String} = '' OR tenant_id = {tenant:String}) \
    AND ({reason:String} = '' OR reason = {reason:String}) \
    AND ({receipt:String} = '' OR toString(receipt_id) = {receipt:String}) \
    AND received_at >= fromUnixTimestamp64Micro({since:Int64}, 'UTC') \
    AND received_at < fromUnixTimestamp64Micro({until:Int64}, 'UTC')";
/// 1900 and 2299: what the column holds.
const ALWAYS: (i64, i64) = (-2_208_988_800_000_000, 10_413_791_999_999_999);

impl Filter {
    fn parameters(&self) -> [(&'static str, String); 5] {
        let word = |word: &Option<String>| word.clone().unwrap_or_default();
        let moment = |at: Option<Micros>, other: i64| at.map_or(other, |at| at.0).to_string();
        [
            ("tenant", word(&self.tenant)),
            (
                "reason",
                self.reason
                    .map(Reason::as_str)
                    .unwrap_or_default()
                    .to_owned(),
            ),
            ("receipt", word(&self.receipt).to_lowercase()),
            ("since", moment(self.since, ALWAYS.0)),
            ("until", moment(self.until, ALWAYS.1)),
        ]
    }

    /// A receipt of which everything is wanted.
    pub(crate) fn receipt(id: &str) -> Self {
        Self {
            tenant: None,
            reason: None,
            receipt: Some(id.to_owned()),
            since: None,
            until: None,
        }
    }

    pub(crate) fn tenant(&self) -> Option<&str> {
        self.tenant.as_deref()
    }

    pub(crate) fn span(&self) -> (Micros, Micros) {
        let until = self.until.unwrap_or_else(crate::moments::now);
        (self.since.unwrap_or_default(), until)
    }
}

pub(crate) async fn groups(clickhouse: &Clickhouse, filter: &Filter) -> anyhow::Result<Vec<Group>> {
    let sql = format!(
        "SELECT tenant_id, provider, endpoint_id, stage, reason, detail, replayable, \
         count() AS outcomes, countIf(resolved_at IS NOT NULL) AS resolved, \
         toString(min(received_at)) AS first_received_at, \
         toString(max(received_at)) AS last_received_at {WHICH} \
         GROUP BY tenant_id, provider, endpoint_id, stage, reason, detail, replayable \
         ORDER BY tenant_id, provider, endpoint_id, stage, reason, outcomes DESC LIMIT 1000"
    );
    let owned = filter.parameters();
    let parameters = owned
        .each_ref()
        .map(|(name, value)| (*name, value.as_str()));
    clickhouse.rows(&sql, &parameters).await
}

/// The newest first, for who looks. `open`: only those that may still become events, the oldest first:
/// sent the other way round each would be late behind the one before it.
pub(crate) async fn rows(
    clickhouse: &Clickhouse,
    filter: &Filter,
    open: bool,
    limit: u32,
) -> anyhow::Result<Vec<Row>> {
    let (open, order) = if open {
        let still = "AND replayable AND resolved_at IS NULL";
        (still, "ASC")
    } else {
        ("", "DESC")
    };
    let sql = format!(
        "SELECT * FROM (SELECT toString(s.received_at) AS received_at, \
         toString(s.receipt_id) AS receipt_id, part, tenant_id, provider, endpoint_id, order_id, \
         event_id, stage, reason, detail, replayable, \
         toString(s.resolved_at) AS resolved_at, source_topic, source_partition, source_offset \
         FROM (SELECT * {WHICH} {open}) AS s) \
         ORDER BY received_at {order}, receipt_id, part LIMIT {limit}"
    );
    let owned = filter.parameters();
    let parameters = owned
        .each_ref()
        .map(|(name, value)| (*name, value.as_str()));
    clickhouse.rows(&sql, &parameters).await
}

#[derive(Deserialize)]
struct Placed {
    receipt_id: String,
    topic: String,
    partition: i32,
    offset: i64,
}

/// Where the receipts of these rows stand in raw.
pub(crate) async fn receipt_places(
    clickhouse: &Clickhouse,
    rows: &[Row],
) -> anyhow::Result<BTreeMap<String, Place>> {
    let is_uuid = |id: &&str| id.bytes().all(|b| b.is_ascii_hexdigit() || b == b'-');
    let ids: Vec<String> = rows
        .iter()
        .map(|row| row.receipt_id.as_str())
        .filter(is_uuid)
        .map(|id| format!("'{id}'"))
        .collect();
    let times = || rows.iter().map(|row| row.received_at.as_str());
    let (Some(from), Some(to)) = (times().min(), times().max()) else {
        return Ok(BTreeMap::new());
    };
    if ids.is_empty() {
        return Ok(BTreeMap::new());
    }
    let sql = format!(
        "SELECT toString(receipt_id) AS receipt_id, toString(_topic) AS topic, \
         _partition AS partition, _offset AS offset FROM {{database}}.receipts \
         WHERE received_at BETWEEN toDateTime64({{from:String}}, 6, 'UTC') \
         AND toDateTime64({{to:String}}, 6, 'UTC') AND toString(receipt_id) IN ({})",
        ids.join(", ")
    );
    let found: Vec<Placed> = clickhouse.rows(&sql, &[("from", from), ("to", to)]).await?;
    let places = found.into_iter().map(|one| {
        let place = Place {
            topic: one.topic,
            partition: one.partition,
            offset: one.offset,
        };
        (one.receipt_id, place)
    });
    Ok(places.collect())
}
