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
        let stack = Stack::start(Options::new(folder.path().join("stack")), &Silent);
        let stack = stack.expect("the stack starts");
        // the two that ingest does not speak to give back their share of the machine
        for part in [Part::Registry, Part::Clickhouse] {
            stack.signal(part, Signal::SIGKILL).expect("killed");
        }
        let all = folder.path().join("tenants");
        std::fs::create_dir(&all).expect("a folder of tenants");
        std::fs::write(all.join("bench.toml"), TENANTS).expect("tenants file");
        tenants(&all);
        let environment = [
            ("KAFKA__BOOTSTRAP_SERVERS", stack.kafka_bootstrap()),
            ("TOPICS__PREFIX", "bench.".to_owned()),
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

/// The endpoint that is called.
pub const ENDPOINT: &str = "bench-lalamove";

/// The endpoint of a tenant with an agreed rate.
pub const FLOODING: &str = "bench-flooding";

const TENANTS: &str = r#"
[tenants.bench]

[[tenants.bench.endpoints]]
id = "bench-lalamove"
provider = "lalamove"
token = "bench-token-0123456789abcdef"
verification = "required"

[[tenants.bench.endpoints.secrets]]
id = "2026-11"
value = "sk_bench_0123456789abcdef0123456789abcdef"
api_key = "pk_bench_0123456789abcdef"

[tenants.flooding]
requests_per_second = 500

[[tenants.flooding.endpoints]]
id = "bench-flooding"
provider = "lalamove"
token = "flooding-token-0123456789abcd"
verification = "required"

[[tenants.flooding.endpoints.secrets]]
id = "2026-11"
value = "sk_flooding_0123456789abcdef01234567"
api_key = "pk_flooding_0123456789abcdef"
"#;
