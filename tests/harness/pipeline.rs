//! One pipeline of its own for one test: topics, groups, database, tenants, processes.

mod posting;

use std::{
    collections::BTreeMap,
    process::{Command, Stdio},
};

use serde_json::Value;

use crate::{
    carriers,
    children::{Process, Service, binary, free_address},
    stack,
    store::Store,
    wait,
};

pub const API_KEY: &str = "pk_test_harness";
pub const SECRET: &str = "sk_test_harness_secret";
/// Still valid beside it.
pub const OLDER_SECRET: &str = "sk_test_an_older_secret";
const DATABASE: &str = "WAYBILL__CLICKHOUSE__DATABASE";
pub const TOKEN: &str = "harness-token-0123456789abcdef";
pub const REQUIRED_TOKEN: &str = "harness-token-required-0123456";

#[derive(Debug)]
pub struct Pipeline {
    pub store: Store,
    pub prefix: String,
    environment: Vec<(String, String)>,
    processes: BTreeMap<Service, Process>,
    ingest: String,
    http: reqwest::Client,
    folder: tempfile::TempDir,
}

/// How a command ended, and what it said.
#[derive(Debug)]
pub struct Told {
    pub code: Option<i32>,
    pub text: String,
    pub notes: String,
}

impl Told {
    /// What it said as JSON, if it ended with this code.
    ///
    /// # Panics
    /// If it did not.
    pub fn json(&self, code: i32) -> Value {
        assert_eq!(self.code, Some(code), "{self:?}");
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

impl Pipeline {
    /// Everything up and ready.
    pub async fn start() -> Self {
        Self::start_with(&[]).await
    }

    /// The same with settings of the test's own.
    pub async fn start_with(settings: &[(&str, &str)]) -> Self {
        let stack = tokio::task::spawn_blocking(stack::shared)
            .await
            .expect("stack");
        let id = uuid::Uuid::now_v7().simple().to_string();
        let id = id.get(22..).expect("ten digits").to_owned();
        let folder = tempfile::tempdir().expect("folder");
        let tenants = folder.path().join("tenants.toml");
        std::fs::write(&tenants, tenants_file()).expect("tenants file");
        let own = |(key, value): &(&str, &str)| (*key == DATABASE).then(|| (*value).to_owned());
        let database = settings.iter().find_map(own).unwrap_or(format!("t_{id}"));
        let prefix = format!("t{id}.");
        let ingest = free_address();
        let path = |name: &str| folder.path().join(name).display().to_string();
        let mut environment: Vec<(String, String)> = [
            ("KAFKA__BOOTSTRAP_SERVERS", stack.kafka_bootstrap()),
            ("TOPICS__PREFIX", prefix.clone()),
            ("TOPICS__PARTITIONS", "4".into()),
            ("TOPICS__REPLICATION", "1".into()),
            ("TOPICS__MIN_INSYNC_REPLICAS", "1".into()),
            ("REGISTRY__URL", stack.registry_url()),
            ("CLICKHOUSE__URL", stack.clickhouse_url()),
            ("CLICKHOUSE__DATABASE", database.clone()),
            ("HTTP__LISTEN", ingest.clone()),
            ("TENANTS__PATH", tenants.display().to_string()),
            (
                "PRIVACY__KEY",
                "harness-privacy-key-0123456789abcdef".into(),
            ),
            ("INSTANCE__ID", "0".into()),
            ("SPOOL__DIR", path("spool")),
            ("STATE__DIR", path("state")),
            ("BLOBS__URL", format!("file://{}", path("blobs"))),
            ("WINDOW__HOLD_MS", "2000".into()),
            ("TELEMETRY__LOG_FORMAT", "text".into()),
        ]
        .into_iter()
        .map(|(key, value)| (format!("WAYBILL__{key}"), value))
        .collect();
        environment.extend(
            settings
                .iter()
                .map(|(key, value)| ((*key).to_owned(), (*value).to_owned())),
        );
        let mut pipeline = Self {
            store: Store::new(stack.clickhouse_url(), database),
            prefix,
            environment,
            processes: BTreeMap::new(),
            ingest,
            http: reqwest::Client::new(),
            folder,
        };
        pipeline.prepare();
        for service in Service::ALL {
            pipeline.launch(service);
        }
        for service in Service::ALL {
            pipeline.ready(service).await;
        }
        pipeline
    }

    /// Topics, schemas and tables, by the commands that an operator uses.
    fn prepare(&self) {
        for words in ["topics apply", "schemas register", "clickhouse migrate"] {
            let told = self.waybill(words, &[]);
            assert_eq!(told.code, Some(0), "waybill {words}: {told:?}");
        }
    }

    /// Runs the operator's command against this pipeline; words are parted by spaces.
    pub fn waybill(&self, words: &str, settings: &[(&str, &str)]) -> Told {
        let output = self.command(words, settings).output();
        let output = output.expect("waybill starts");
        Told {
            code: output.status.code(),
            text: String::from_utf8_lossy(&output.stdout).into_owned(),
            notes: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// The same, to be run in another way.
    pub fn command(&self, words: &str, settings: &[(&str, &str)]) -> Command {
        let mut command = Command::new(binary("waybill"));
        command
            .args(words.split(' '))
            .current_dir(self.folder.path())
            .env_clear()
            .envs(
                self.environment
                    .iter()
                    .map(|(key, value)| (key.as_str(), value.as_str())),
            )
            .envs(settings.iter().copied())
            .stdin(Stdio::null());
        command
    }

    pub fn launch(&mut self, service: Service) {
        let process = Process::start(service, &self.environment, self.folder.path());
        self.processes.insert(service, process);
    }

    /// Waits until the service says that it can do its job.
    pub async fn ready(&mut self, service: Service) {
        let process = self.processes.get_mut(&service).expect("launched");
        if let Some(status) = process.exited() {
            panic!(
                "{} ended with {status}:\n{}",
                service.name(),
                process.log_tail()
            );
        }
        let (http, url) = (
            self.http.clone(),
            format!("http://{}/readyz", process.admin),
        );
        let log = process.log_path().to_owned();
        wait::until(&format!("{} ready", service.name()), || async {
            let answer = http.get(&url).send().await.map_err(|e| {
                let log = std::fs::read_to_string(&log).unwrap_or_default();
                format!("{e}\n{log}")
            })?;
            if answer.status().is_success() {
                return Ok(());
            }
            Err(answer.text().await.unwrap_or_default())
        })
        .await;
    }

    pub async fn readyz(&self, service: Service) -> u16 {
        let process = self.processes.get(&service).expect("launched");
        let url = format!("http://{}/readyz", process.admin);
        self.http
            .get(url)
            .send()
            .await
            .map_or(0, |answer| answer.status().as_u16())
    }

    /// The value of a metric, summed over its labels.
    pub async fn metric(&self, service: Service, name: &str) -> f64 {
        let process = self.processes.get(&service).expect("launched");
        let url = format!("http://{}/metrics", process.admin);
        let text = self
            .http
            .get(url)
            .send()
            .await
            .expect("metrics")
            .text()
            .await
            .expect("text");
        text.lines()
            .filter(|line| line.starts_with(name))
            .filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok())
            .sum()
    }

    /// Sends it a signal.
    pub fn signal(&self, service: Service, signal: nix::sys::signal::Signal) {
        self.processes[&service].signal(signal);
    }

    /// kill -9.
    pub fn kill(&mut self, service: Service) {
        self.processes.remove(&service).expect("launched").kill();
    }

    /// kill -9, then started again and ready.
    pub async fn crash(&mut self, service: Service) {
        self.kill(service);
        self.launch(service);
        self.ready(service).await;
    }

    /// SIGTERM; returns the exit code.
    pub async fn terminate(&mut self, service: Service) -> Option<i32> {
        self.signal(service, nix::sys::signal::Signal::SIGTERM);
        self.ended(service).await.0
    }

    /// Waits until it has ended by itself; gives its exit code and the last it said.
    pub async fn ended(&mut self, service: Service) -> (Option<i32>, String) {
        let mut process = self.processes.remove(&service).expect("launched");
        let exited = std::cell::RefCell::new(&mut process);
        let status = wait::until(&format!("{} ends", service.name()), || async {
            exited
                .borrow_mut()
                .exited()
                .ok_or_else(|| "still running".to_owned())
        })
        .await;
        (status.code(), process.log_tail())
    }

    /// SIGTERM to each in turn, and each drains and ends with 0.
    pub async fn terminate_all(&mut self) {
        for service in Service::ALL {
            let code = self.terminate(service).await;
            assert_eq!(code, Some(0), "{}", service.name());
        }
    }

    /// What an orchestrator does: starts again what ended by itself. Returns which.
    pub fn restart_ended(&mut self) -> Vec<Service> {
        let ended = |process: &mut Process| process.exited().is_some();
        let gone: Vec<Service> = self
            .processes
            .iter_mut()
            .filter_map(|(service, process)| ended(process).then_some(*service))
            .collect();
        for service in &gone {
            self.launch(*service);
        }
        gone
    }

    pub fn alive(&mut self, service: Service) -> bool {
        self.processes
            .get_mut(&service)
            .expect("launched")
            .exited()
            .is_none()
    }

    /// Waits until a count has a value, and tells what it was otherwise.
    pub async fn wait_count(&self, sql: &str, expected: i64) {
        wait::until(sql, || async {
            match self.store.count(sql).await? {
                found if found == expected => Ok(()),
                found => Err(format!(
                    "{found} instead of {expected}\n{}",
                    self.log_tails()
                )),
            }
        })
        .await;
    }

    /// Changes what the tenant may send, and waits until ingest knows.
    pub async fn limit_tenant(&self, per_second: u32, burst: u32) {
        let reads = "waybill_ingest_tenants_reads_total";
        let before = self.metric(Service::Ingest, reads).await;
        let rate = format!("requests_per_second = {per_second}\nburst = {burst}\n");
        let text = tenants_file().replacen("name = ", &format!("{rate}name = "), 1);
        std::fs::write(self.folder.path().join("tenants.toml"), text).expect("tenants file");
        wait::until("ingest reads its tenants again", || async {
            match self.metric(Service::Ingest, reads).await {
                now if now > before => Ok(()),
                now => Err(now.to_string()),
            }
        })
        .await;
    }

    /// The settings of its services.
    pub fn environment(&self) -> &[(String, String)] {
        &self.environment
    }

    /// Where the services' logs and the blobs lie.
    pub fn folder(&self) -> &std::path::Path {
        self.folder.path()
    }

    fn log_tails(&self) -> String {
        self.processes
            .iter()
            .map(|(service, process)| format!("-- {}\n{}\n", service.name(), process.log_tail()))
            .collect()
    }
}

/// Acme with an endpoint of every carrier.
pub(crate) fn tenants_file() -> String {
    let endpoint = |id: &str, token: &str, verification: &str| {
        format!(
            r#"
[[tenants.acme.endpoints]]
id = "{id}"
provider = "lalamove"
token = "{token}"
verification = "{verification}"
timezone = "Asia/Hong_Kong"
currency = "HKD"

[[tenants.acme.endpoints.secrets]]
id = "2026-10"
value = "{OLDER_SECRET}"

[[tenants.acme.endpoints.secrets]]
id = "2026-11"
value = "{SECRET}"
api_key = "{API_KEY}"
"#
        )
    };
    format!(
        "[tenants.acme]\nname = \"Acme Foods\"\n{}{}{}",
        endpoint("acme-lalamove", TOKEN, "quarantine"),
        endpoint("acme-strict", REQUIRED_TOKEN, "required"),
        carriers::endpoints(),
    )
}
