//! A ClickHouse of its own, and what a query costs it.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use anyhow::Context as _;
use local_stack::{Options, Part, Silent, Stack};
use runtime::settings::{ClickhouseSettings, Secret};
use schemas::clickhouse::{DATABASE, quoted};
use serde::Deserialize;
use sink::{clickhouse::Store, migrate};

const DATABASE_NAME: &str = "views_bench";
/// Of a query; the best time counts.
const TRIES: usize = 3;
/// The kernel's clock ticks in a second, on every Linux of today.
const TICKS: f64 = 100.0;

pub(crate) struct Server {
    stack: Stack,
    http: reqwest::Client,
    store: Store,
}

pub(crate) struct Cost {
    pub(crate) wall_ms: f64,
    pub(crate) cpu_seconds: f64,
    pub(crate) peak_mb: f64,
    pub(crate) rows_read: u64,
}

#[derive(Deserialize)]
pub(crate) struct Size {
    pub(crate) rows: u64,
    pub(crate) parts: u64,
    pub(crate) bytes_per_row: f64,
}

/// Of the header X-ClickHouse-Summary, where numbers are text.
#[derive(Deserialize)]
struct Summary {
    read_rows: String,
    #[serde(default)]
    memory_usage: String,
}

impl Server {
    /// Over a folder that is kept, or an empty one.
    pub(crate) async fn start(kept: Option<&Path>) -> anyhow::Result<Self> {
        let folder = kept.map_or_else(
            || std::env::temp_dir().join("waybill-views-bench"),
            Path::to_owned,
        );
        if kept.is_none() {
            drop(std::fs::remove_dir_all(&folder));
        }
        let mut options = Options::new(folder);
        options.parts = vec![Part::Clickhouse];
        options.clickhouse.memory_bytes_max = 8 << 30;
        options.clickhouse.is_encrypted = false;
        let stack = tokio::task::block_in_place(|| Stack::start(options, &Silent))?;
        let store = Store::new(&ClickhouseSettings {
            url: stack.clickhouse_url(),
            database: DATABASE_NAME.into(),
            cluster: String::new(),
            user: stack.clickhouse_user().into(),
            password: Secret::new(""),
        });
        migrate::apply(&store, &migrate::Rules::default()).await?;
        let http = reqwest::Client::builder()
            .timeout(Duration::from_secs(900))
            .build()?;
        Ok(Self { stack, http, store })
    }

    async fn post(&self, sql: &str) -> anyhow::Result<reqwest::Response> {
        let sql = sql.replace(DATABASE, &quoted(DATABASE_NAME));
        let url = format!("{}/?wait_end_of_query=1", self.stack.clickhouse_url());
        let response = self.http.post(url).body(sql.clone()).send().await?;
        if response.status().is_success() {
            return Ok(response);
        }
        anyhow::bail!("{sql}\n{}", response.text().await?)
    }

    pub(crate) async fn run(&self, sql: &str) -> anyhow::Result<String> {
        Ok(self.post(sql).await?.text().await?)
    }

    /// User and system time of the server so far.
    fn cpu_seconds(&self) -> anyhow::Result<f64> {
        let pid = self
            .stack
            .pid(Part::Clickhouse)
            .context("the server died")?;
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"))?;
        let (_, rest) = stat.rsplit_once(") ").context("no stat")?;
        let mut fields = rest.split(' ').skip(11);
        let mut ticks =
            || -> anyhow::Result<f64> { Ok(fields.next().context("no time")?.parse()?) };
        Ok((ticks()? + ticks()?) / TICKS)
    }

    pub(crate) async fn ask(&self, sql: &str) -> anyhow::Result<Cost> {
        let mut best: Option<Cost> = None;
        for _ in 0..TRIES {
            let (cpu, began) = (self.cpu_seconds()?, Instant::now());
            let response = self.post(sql).await?;
            let summary = response
                .headers()
                .get("x-clickhouse-summary")
                .context("no summary")?
                .to_str()?
                .to_owned();
            response.bytes().await?;
            let wall_ms = began.elapsed().as_secs_f64() * 1000.0;
            let summary: Summary = serde_json::from_str(&summary)?;
            let cost = Cost {
                wall_ms,
                cpu_seconds: self.cpu_seconds()? - cpu,
                peak_mb: summary.memory_usage.parse::<f64>().unwrap_or(0.0) / 1e6,
                rows_read: summary.read_rows.parse()?,
            };
            if best.as_ref().is_none_or(|best| cost.wall_ms < best.wall_ms) {
                best = Some(cost);
            }
        }
        best.context("never asked")
    }

    pub(crate) async fn size(&self, table: &str) -> anyhow::Result<Size> {
        let sql = format!(
            "SELECT sum(p.rows) AS rows, count() AS parts, \
             ifNotFinite(sum(p.bytes_on_disk) / sum(p.rows), 0) AS bytes_per_row FROM system.parts AS p \
             WHERE p.active AND p.database = '{DATABASE_NAME}' AND p.table = '{table}'"
        );
        let rows: Vec<Size> = self.store.rows(&sql, &[]).await?;
        rows.into_iter().next().context("no size")
    }

    /// For each table that the plan reads: what its last index left of its granules.
    pub(crate) async fn granules(&self, sql: &str) -> anyhow::Result<Vec<String>> {
        let plan = self.run(sql).await?;
        let mut tables: Vec<String> = Vec::new();
        for line in plan.lines() {
            if let Some((_, table)) = line.split_once("ReadFromMergeTree (") {
                let table = table.trim_end_matches(')').rsplit('.').next();
                tables.push(table.unwrap_or_default().to_owned());
            }
            if let Some((_, granules)) = line.split_once("Granules: ")
                && granules.contains('/')
                && let Some(last) = tables.last_mut()
            {
                let table = last.split(' ').next().unwrap_or_default().to_owned();
                *last = format!("{table} {granules}");
            }
        }
        Ok(tables)
    }
}
