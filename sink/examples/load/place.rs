//! Real parts, and the sink as a process beside them.

use std::{
    path::PathBuf,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::Context as _;
use local_stack::{Options, Part, Silent, Stack};
use nix::sys::signal::Signal;
use runtime::settings::{ClickhouseSettings, Secret};
use serde::Deserialize;
use sink::{clickhouse::Store, migrate};

pub(crate) const DATABASE: &str = "load_bench";
/// The kernel's clock ticks in a second, on every Linux of today.
const TICKS: f64 = 100.0;

pub(crate) struct Place {
    pub(crate) stack: Stack,
    pub(crate) store: Store,
}

#[derive(Deserialize)]
struct Count {
    count: u64,
}

impl Place {
    pub(crate) async fn start() -> anyhow::Result<Self> {
        let folder = std::env::temp_dir().join("waybill-load-bench");
        drop(std::fs::remove_dir_all(&folder));
        let mut options = Options::new(folder);
        // records keep the times of their events; a broker deletes what is old by them
        let keep = ("log.retention.ms".to_owned(), "-1".to_owned());
        options.kafka.properties.push(keep);
        options.clickhouse.is_encrypted = false;
        let stack = Stack::start(options, &Silent)?;
        let store = Store::new(&ClickhouseSettings {
            url: stack.clickhouse_url(),
            database: DATABASE.into(),
            cluster: String::new(),
            user: stack.clickhouse_user().into(),
            password: Secret::new(""),
        });
        migrate::apply(&store, &migrate::Rules::default()).await?;
        Ok(Self { stack, store })
    }

    pub(crate) async fn run(&self, sql: &str) -> anyhow::Result<()> {
        Ok(self.store.execute(sql).await?)
    }

    pub(crate) async fn empty(&self, table: &str) -> anyhow::Result<()> {
        self.run(&format!("TRUNCATE TABLE {}", self.store.table(table)))
            .await
    }

    pub(crate) async fn count(&self, table: &str) -> anyhow::Result<u64> {
        let sql = format!("SELECT count() AS count FROM {}", self.store.table(table));
        let rows: Vec<Count> = self.store.rows(&sql, &[]).await?;
        Ok(rows.first().context("no count")?.count)
    }

    /// How long it took.
    pub(crate) async fn until(
        &self,
        table: &str,
        rows: u64,
        patience: Duration,
    ) -> anyhow::Result<Duration> {
        let began = Instant::now();
        loop {
            let count = self.count(table).await?;
            if count >= rows {
                return Ok(began.elapsed());
            }
            anyhow::ensure!(
                began.elapsed() < patience,
                "{count} of {rows} rows in {table}"
            );
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    pub(crate) fn signal(&self, part: Part, signal: Signal) -> anyhow::Result<()> {
        Ok(self.stack.signal(part, signal)?)
    }

    /// The server's so far.
    pub(crate) fn cpu_seconds(&self) -> anyhow::Result<f64> {
        let pid = self
            .stack
            .pid(Part::Clickhouse)
            .context("the server died")?;
        cpu_seconds(u32::try_from(pid)?)
    }

    /// Over topics of its own, from their beginning.
    pub(crate) fn sink(&self, prefix: &str) -> anyhow::Result<Process> {
        let own = std::env::current_exe()?;
        let folder = own.parent().and_then(|folder| folder.parent());
        let program: PathBuf = folder.context("no folder")?.join("sink");
        let variables = [
            ("KAFKA__BOOTSTRAP_SERVERS", self.stack.kafka_bootstrap()),
            ("TOPICS__PREFIX", prefix.to_owned()),
            ("REGISTRY__URL", self.stack.registry_url()),
            ("CLICKHOUSE__URL", self.stack.clickhouse_url()),
            ("CLICKHOUSE__DATABASE", DATABASE.to_owned()),
            ("CLICKHOUSE__USER", self.stack.clickhouse_user().to_owned()),
            ("INSTANCE__ID", "bench".to_owned()),
            ("ADMIN__LISTEN", "127.0.0.1:0".to_owned()),
            ("TELEMETRY__LOG_LEVEL", "error".to_owned()),
        ];
        let child = Command::new(&program)
            .envs(variables.map(|(key, value)| (format!("WAYBILL__{key}"), value)))
            .stdout(Stdio::null())
            .spawn()
            .with_context(|| format!("starting {}", program.display()))?;
        Ok(Process(child))
    }
}

/// Killed when it is dropped.
pub(crate) struct Process(Child);

impl Process {
    pub(crate) fn cpu_seconds(&self) -> anyhow::Result<f64> {
        cpu_seconds(self.0.id())
    }

    pub(crate) fn resident_mib(&self) -> anyhow::Result<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.0.id()))?;
        let line = status.lines().find(|line| line.starts_with("VmRSS:"));
        let kib = line.and_then(|line| line.split_whitespace().nth(1));
        Ok(kib.context("no memory")?.parse::<u64>()? / 1024)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

fn cpu_seconds(pid: u32) -> anyhow::Result<f64> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"))?;
    let (_, rest) = stat.rsplit_once(") ").context("no stat")?;
    let mut fields = rest.split(' ').skip(11);
    let mut ticks = || -> anyhow::Result<f64> { Ok(fields.next().context("no time")?.parse()?) };
    Ok((ticks()? + ticks()?) / TICKS)
}
