//! From receipt to queryable: how long after its webhook was received an event can be read in
//! ClickHouse, at a steady rate through all four stages. Lalamove's webhooks in order, so that no event is
//! held back to wait for an earlier one: holding is a setting, not work.
//!
//! `make bench-latency`, or `bench-latency --rate N --seconds N` beside release builds of all.

use std::{
    collections::HashMap,
    fs,
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use clap::Parser as _;
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use pipeline_bench::{
    load::Load,
    place::{self, binary},
};
use runtime::clock::{Clock as _, SystemClock};

const READY_WITHIN: Duration = Duration::from_secs(180);
/// How often the store is asked; what is found is that much too old at most.
const LOOK_EVERY: Duration = Duration::from_millis(25);
/// After the last webhook, until everything is visible.
const PATIENCE: Duration = Duration::from_secs(60);
const TENANTS: usize = 20;

#[derive(Debug, clap::Parser)]
struct Args {
    /// Webhooks a second
    #[arg(long, default_value_t = 500)]
    rate: u32,

    /// How long
    #[arg(long, default_value_t = 30)]
    seconds: u32,

    /// Seconds at the beginning that don't count: everything is started fresh
    #[arg(long, default_value_t = 10)]
    warm_up: u32,

    /// First of ten ports
    #[arg(long, default_value_t = 28_900)]
    port_base: u16,
}

/// `waybill up`, ended as a person would when dropped.
struct Installation {
    child: Child,
    variables: HashMap<String, String>,
    http: reqwest::Client,
}

impl Installation {
    fn start(folder: &Path, port_base: u16) -> Self {
        let tenants = folder.join("tenants.toml");
        fs::write(&tenants, tenants_file()).expect("a tenants file");
        let data = folder.join("data");
        let child = Command::new(binary("waybill"))
            .args(["up", "--no-restart", "--data"])
            .arg(&data)
            .args(["--port-base", &port_base.to_string(), "--tenants"])
            .arg(&tenants)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(fs::File::create(folder.join("up.log")).expect("a log"))
            .spawn()
            .expect("waybill starts");
        let mut installation = Self {
            child,
            variables: HashMap::new(),
            http: reqwest::Client::new(),
        };
        let (file, until) = (data.join("waybill.env"), Instant::now() + READY_WITHIN);
        while !file.exists() {
            let ended = installation.child.try_wait().expect("it is ours");
            let said = || fs::read_to_string(folder.join("up.log")).unwrap_or_default();
            assert!(ended.is_none(), "waybill up ended: {}", said());
            assert!(Instant::now() < until, "waybill up takes too long");
            std::thread::sleep(Duration::from_millis(100));
        }
        let text = fs::read_to_string(&file).expect("the environment");
        let lines = text.lines().filter_map(|line| line.split_once('='));
        installation.variables = lines
            .map(|(name, value)| (name.to_owned(), value.trim_matches('\'').to_owned()))
            .collect();
        installation
    }

    fn variable(&self, name: &str) -> &str {
        let value = self.variables.get(name);
        value.unwrap_or_else(|| panic!("waybill.env lacks {name}"))
    }

    fn load(&self, args: &Args) -> Child {
        Command::new(binary("waybill"))
            .args(["load", "--json", "--threads", "1", "--carriers", "lalamove"])
            .args(["--rate", &args.rate.to_string()])
            .args(["--seconds", &args.seconds.to_string()])
            .envs(&self.variables)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .expect("waybill runs")
    }

    async fn rows(&self, sql: &str) -> Vec<Vec<i64>> {
        let url = self.variable("WAYBILL__CLICKHOUSE__URL");
        let request = self
            .http
            .post(url)
            .header(
                "X-ClickHouse-User",
                self.variable("WAYBILL__CLICKHOUSE__USER"),
            )
            .header(
                "X-ClickHouse-Key",
                self.variable("WAYBILL__CLICKHOUSE__PASSWORD"),
            )
            .body(sql.to_owned());
        let answer = request.send().await.expect("the store answers");
        let text = answer.text().await.expect("an answer");
        let number = |word: &str| {
            word.parse()
                .unwrap_or_else(|_| panic!("no number in the store's answer: {text}"))
        };
        text.lines()
            .map(|line| line.split('\t').map(number).collect())
            .collect()
    }
}

impl Drop for Installation {
    fn drop(&mut self) {
        let pid = i32::try_from(self.child.id()).expect("a pid");
        kill(Pid::from_raw(pid), Signal::SIGTERM).ok();
        drop(self.child.wait());
    }
}

/// No tenant comes near its rate: what is over it goes another way.
fn tenants_file() -> String {
    let settings = "requests_per_second = 100000\nburst = 100000";
    let tenant = |n| place::tenant(&format!("t{n}"), &format!("t{n}-lalamove"), settings);
    (0..TENANTS).map(tenant).collect()
}

/// In microseconds.
#[derive(Default)]
struct Seen {
    /// When it was received, and how long from then to the first look that found the row.
    waits: Vec<(i64, i64)>,
    /// Blocks of one table follow each other, and each has a time of its own.
    loaded_until: i64,
}

impl Seen {
    async fn look(&mut self, at: &Installation) {
        let sql = format!(
            "SELECT toUnixTimestamp64Micro(received_at), toUnixTimestamp64Micro(loaded_at) \
             FROM waybill.events_log WHERE loaded_at > fromUnixTimestamp64Micro({})",
            self.loaded_until
        );
        let rows = at.rows(&sql).await;
        let now = SystemClock.now_micros();
        for row in rows {
            self.waits.push((row[0], now - row[0]));
            self.loaded_until = self.loaded_until.max(row[1]);
        }
    }

    /// The waits, shortest first, of what was received after the warm-up.
    fn counted(&self, warm_up: u32) -> Vec<i64> {
        let first = self.waits.iter().map(|(received, _)| *received).min();
        let from = first.unwrap_or_default() + i64::from(warm_up) * 1_000_000;
        let counted = self.waits.iter().filter(|(received, _)| *received >= from);
        let mut waits: Vec<i64> = counted.map(|(_, wait)| *wait).collect();
        waits.sort_unstable();
        waits
    }
}

/// In seconds.
fn at(waits: &[i64], of_thousand: usize) -> f64 {
    let index = (waits.len() * of_thousand / 1000).min(waits.len() - 1);
    Duration::from_micros(u64::try_from(waits[index]).unwrap_or(0)).as_secs_f64()
}

#[tokio::main]
async fn main() {
    let args = Args::parse();
    let folder = tempfile::tempdir().expect("a folder");
    let installation = Installation::start(folder.path(), args.port_base);
    let mut load = installation.load(&args);
    let mut seen = Seen::default();
    while load.try_wait().expect("it is ours").is_none() {
        seen.look(&installation).await;
        tokio::time::sleep(LOOK_EVERY).await;
    }
    let output = load.wait_with_output().expect("its figures");
    let figures: Load = serde_json::from_slice(&output.stdout).expect("figures");
    let until = Instant::now() + PATIENCE;
    let webhooks = usize::try_from(figures.webhooks).expect("a number");
    while seen.waits.len() < webhooks && Instant::now() < until {
        seen.look(&installation).await;
        tokio::time::sleep(LOOK_EVERY).await;
    }
    let counted = seen.counted(args.warm_up);
    assert!(
        !counted.is_empty(),
        "nothing became visible after the warm-up"
    );
    println!(
        "{} webhooks at {}/s for {} s, {} events; answered p50 {:.1} ms, p99 {:.1} ms; receipt to \
         queryable of {} after the warm-up p50 {:.2} s, p99 {:.2} s, p99.9 {:.2} s, slowest {:.2} s",
        figures.webhooks,
        args.rate,
        args.seconds,
        seen.waits.len(),
        figures.latency_ms.p50,
        figures.latency_ms.p99,
        counted.len(),
        at(&counted, 500),
        at(&counted, 990),
        at(&counted, 999),
        at(&counted, 1000)
    );
}
