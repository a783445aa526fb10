//! What all cases share: one Kafka with its topics, one tenants file, one environment.

use std::{
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use local_stack::{Options, Part, Signal, Silent, Stack};

/// One topic prefix, one folder; all of it ends with this process.
pub struct Place {
    stack: Stack,
    folder: tempfile::TempDir,
    environment: Vec<(String, String)>,
}

impl Place {
    /// With the bench's own endpoint, and whatever else `tenants` puts into the folder of tenants.
    pub fn start(tenants: impl FnOnce(&Path)) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let mut options = Options::new(folder.path().join("stack"));
        options.clickhouse.is_encrypted = false;
        let stack = Stack::start(options, &Silent);
        let stack = stack.expect("the stack starts");
        // the two that ingest does not speak to give back their share of the machine
        for part in [Part::Registry, Part::Clickhouse] {
            stack.signal(part, Signal::SIGKILL).expect("killed");
        }
        let all = folder.path().join("tenants");
        std::fs::create_dir(&all).expect("a folder of tenants");
        let own = [
            tenant("bench", ENDPOINT, ""),
            tenant("flooding", FLOODING, "requests_per_second = 500"),
        ];
        std::fs::write(all.join("bench.toml"), own.concat()).expect("tenants file");
        tenants(&all);
        let environment = [
            ("KAFKA__BOOTSTRAP_SERVERS", stack.kafka_bootstrap()),
            ("TOPICS__PREFIX", PREFIX.to_owned()),
            ("TOPICS__PARTITIONS", "4".to_owned()),
            ("TOPICS__REPLICATION", "1".to_owned()),
            ("TOPICS__MIN_INSYNC_REPLICAS", "1".to_owned()),
            ("TENANTS__PATH", all.display().to_string()),
            (
                "PRIVACY__KEY",
                "bench-privacy-key-0123456789abcdef".to_owned(),
            ),
            ("INSTANCE__ID", "0".to_owned()),
            (
                "SPOOL__DIR",
                folder.path().join("spool").display().to_string(),
            ),
            // Kafka stays away for as long as a case takes.
            ("SPOOL__BYTES_MAX", (16_u64 << 30).to_string()),
            ("TELEMETRY__LOG_LEVEL", "warn".to_owned()),
        ];
        let environment = environment.map(|(key, value)| (format!("WAYBILL__{key}"), value));
        let place = Self {
            stack,
            folder,
            environment: environment.into(),
        };
        let applied = place.waybill(&["topics", "apply"]).status();
        assert!(applied.expect("waybill runs").success(), "topics apply");
        place
    }

    /// `waybill` in this place's environment.
    pub fn waybill(&self, words: &[&str]) -> Command {
        let mut command = Command::new(binary("waybill"));
        command
            .args(words)
            .env_clear()
            .envs(self.environment.iter().cloned())
            .stdin(Stdio::null())
            .stdout(Stdio::null());
        command
    }

    pub fn environment(&self) -> &[(String, String)] {
        &self.environment
    }

    /// Where Kafka listens.
    pub fn brokers(&self) -> String {
        self.stack.kafka_bootstrap()
    }

    /// The folder of tenants files.
    pub fn tenants(&self) -> PathBuf {
        self.folder.path().join("tenants")
    }

    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// As an outage would: no goodbye.
    pub fn stop_kafka(&self) {
        self.stack
            .signal(Part::Kafka, Signal::SIGKILL)
            .expect("killed");
    }
}

/// Built beside this one, in the same profile.
pub fn binary(name: &str) -> PathBuf {
    let own = std::env::current_exe().expect("own path");
    let path = own.with_file_name(name);
    assert!(
        path.exists(),
        "{} is not built: run `make bench`",
        path.display()
    );
    path
}

const PREFIX: &str = "bench.";

/// Where webhooks go.
pub const RAW_TOPIC: &str = "bench.raw";

/// The endpoint that is called.
pub const ENDPOINT: &str = "bench-lalamove";

/// The endpoint of a tenant with an agreed rate.
pub const FLOODING: &str = "bench-flooding";

/// A tenants table with one Lalamove endpoint; `settings` are lines of the tenant's own.
pub fn tenant(id: &str, endpoint: &str, settings: &str) -> String {
    format!(
        "[tenants.{id}]\n{settings}\n[[tenants.{id}.endpoints]]\nid = \"{endpoint}\"\n\
         provider = \"lalamove\"\ntoken = \"{endpoint}-token-0123456789abcdef\"\n\
         verification = \"required\"\n[[tenants.{id}.endpoints.secrets]]\nid = \"2026-11\"\n\
         value = \"sk_{endpoint}_0123456789abcdef0123456789abcdef\"\n\
         api_key = \"pk_{endpoint}_0123456789abcdef\"\n"
    )
}
