//! The groups of settings that more than one program has.

use std::net::SocketAddr;
use std::time::Duration;
use std::{env, fs};

use serde::Deserialize;
use tracing_subscriber::filter::{LevelFilter, Targets};

use super::{Problems, Secret, names::closest};
use crate::traces;

const SECURITY_PROTOCOLS: [&str; 4] = ["plaintext", "ssl", "sasl_plaintext", "sasl_ssl"];
const LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];
const SASL_MECHANISMS: [&str; 3] = ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"];
/// Leaves room for the rest of a name within Kafka's 249.
const PREFIX_BYTES_MAX: usize = 100;
const SHUTDOWN_SECONDS_MAX: u64 = 3_600;

/// The groups that every service has; flattened into its settings.
#[derive(Debug, Clone, Deserialize)]
pub struct Common {
    /// How to reach the brokers.
    pub kafka: KafkaSettings,
    /// How topics are named.
    pub topics: TopicsSettings,
    /// Health and metrics.
    pub admin: AdminSettings,
    /// Which of several equal processes this is.
    pub instance: InstanceSettings,
    /// Logs and traces.
    pub telemetry: TelemetrySettings,
    /// Start and stop.
    pub service: ServiceSettings,
}

/// How to reach the Kafka brokers; the words are librdkafka's.
#[derive(Debug, Clone, Deserialize)]
pub struct KafkaSettings {
    /// Comma-separated `host:port`.
    pub bootstrap_servers: String,
    /// `plaintext`, `ssl`, `sasl_plaintext` or `sasl_ssl`.
    pub security_protocol: String,
    /// `PLAIN`, `SCRAM-SHA-256` or `SCRAM-SHA-512`; without meaning unless the protocol has SASL.
    pub sasl_mechanism: String,
    /// User of SASL.
    pub sasl_username: String,
    /// Password of SASL.
    pub sasl_password: Secret,
    /// PEM file of the authorities to trust; empty means the machine's own.
    pub ssl_ca_location: String,
}

/// How topics are named.
#[derive(Debug, Clone, Deserialize)]
pub struct TopicsSettings {
    /// Stands before every topic, group and transactional id.
    pub prefix: String,
}

/// The listener for operators.
#[derive(Debug, Clone, Deserialize)]
pub struct AdminSettings {
    /// Address and port; port 0 takes any free one.
    pub listen: SocketAddr,
}

/// Which of several equal processes this is.
#[derive(Debug, Clone, Deserialize)]
pub struct InstanceSettings {
    /// Stable slot name; empty means the host's name. See [`InstanceSettings::resolved`].
    pub id: String,
}

/// Logs and traces.
#[derive(Debug, Clone, Deserialize)]
pub struct TelemetrySettings {
    /// Where traces go; empty means nowhere.
    pub otlp_endpoint: String,
    /// Share of the webhooks that are traced, from 0 to 1.
    pub trace_ratio: f64,
    /// Form of a log line.
    pub log_format: LogFormat,
    /// `error`, `warn`, `info`, `debug`, `trace` or `off`, also by target: `info,rdkafka=warn`.
    pub log_level: String,
}

/// Form of a log line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// One JSON object a line.
    Json,
    /// For eyes.
    Text,
}

/// Start and stop.
#[derive(Debug, Clone, Deserialize)]
pub struct ServiceSettings {
    /// Seconds from the request to stop until the process ends whatever is still running.
    pub shutdown_seconds: u64,
}

/// The schema registry.
#[derive(Debug, Clone, Deserialize)]
pub struct RegistrySettings {
    /// Base URL of its Confluent-compatible API.
    pub url: String,
    /// User, empty without authentication.
    pub username: String,
    /// Password of that user.
    pub password: Secret,
}

/// The ClickHouse server.
#[derive(Debug, Clone, Deserialize)]
pub struct ClickhouseSettings {
    /// Its HTTP interface.
    pub url: String,
    /// The database that holds the tables.
    pub database: String,
    /// The cluster whose replicas get the tables; empty for one server.
    pub cluster: String,
    /// User.
    pub user: String,
    /// Password of that user.
    pub password: Secret,
}

/// Fewer can be tried one by one.
const PRIVACY_KEY_BYTES_MIN: usize = 16;

/// Pseudonyms and stored credential digests.
#[derive(Debug, Clone, Deserialize)]
pub struct PrivacySettings {
    /// The HMAC key from which each tenant's own is derived.
    pub key: Secret,
}

impl PrivacySettings {
    /// Says in the log where the key is so short that whoever sees pseudonyms can find it.
    pub fn warn_if_short(&self) {
        let bytes = self.key.expose().len();
        if bytes < PRIVACY_KEY_BYTES_MIN {
            tracing::warn!(
                bytes,
                least = PRIVACY_KEY_BYTES_MIN,
                "privacy.key can be guessed, and with it every phone behind a pseudonym; `openssl rand -hex 32` gives a good one, \
                 and another key means other pseudonyms"
            );
        }
    }
}

/// Where large bodies and proof images lie.
#[derive(Debug, Clone, Deserialize)]
pub struct BlobsSettings {
    /// `file:///…` or `s3://bucket/prefix`.
    pub url: String,
}

impl Common {
    /// Adds what is wrong with the common groups; [`super::load`] calls it for every service.
    pub fn check(&self, problems: &mut Problems) {
        self.kafka.check(problems);
        self.topics.check(problems);
        if self.instance.resolved().is_empty() {
            problems.add(
                "instance.id",
                "must be given: this machine tells no host name",
            );
        }
        self.telemetry.check(problems);
        if !(1..=SHUTDOWN_SECONDS_MAX).contains(&self.service.shutdown_seconds) {
            let text = format!("must be from 1 to {SHUTDOWN_SECONDS_MAX}");
            problems.add("service.shutdown_seconds", text);
        }
    }
}

impl KafkaSettings {
    /// Brokers without encryption or authentication, as on a developer's machine.
    pub fn plaintext(bootstrap_servers: impl Into<String>) -> Self {
        Self {
            bootstrap_servers: bootstrap_servers.into(),
            security_protocol: "plaintext".to_owned(),
            sasl_mechanism: String::new(),
            sasl_username: String::new(),
            sasl_password: Secret::default(),
            ssl_ca_location: String::new(),
        }
    }

    /// Whether the protocol asks for a user and a password.
    pub fn has_sasl(&self) -> bool {
        self.security_protocol.starts_with("sasl_")
    }

    fn check(&self, problems: &mut Problems) {
        if self.bootstrap_servers.trim().is_empty() {
            problems.add(
                "kafka.bootstrap_servers",
                "must be given, as host:port,host:port",
            );
        } else if !self.bootstrap_servers.split(',').all(is_host_and_port) {
            problems.add("kafka.bootstrap_servers", "must be host:port,host:port");
        }
        if !SECURITY_PROTOCOLS.contains(&self.security_protocol.as_str()) {
            let text = format!("must be one of {}", SECURITY_PROTOCOLS.join(", "));
            problems.add("kafka.security_protocol", text);
        }
        if !self.has_sasl() {
            return;
        }
        if !SASL_MECHANISMS.contains(&self.sasl_mechanism.as_str()) {
            let text = format!("must be one of {}", SASL_MECHANISMS.join(", "));
            problems.add("kafka.sasl_mechanism", text);
        }
        let needed = "must be given, because kafka.security_protocol asks for SASL";
        if self.sasl_username.is_empty() {
            problems.add("kafka.sasl_username", needed);
        }
        if self.sasl_password.is_empty() {
            problems.add("kafka.sasl_password", needed);
        }
    }
}

fn is_host_and_port(text: &str) -> bool {
    text.trim()
        .rsplit_once(':')
        .is_some_and(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok_and(|n| n > 0))
}

impl TopicsSettings {
    fn check(&self, problems: &mut Problems) {
        let legal = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
        if self.prefix.len() > PREFIX_BYTES_MAX || !self.prefix.bytes().all(legal) {
            let text =
                format!("must be at most {PREFIX_BYTES_MAX} of a-z, A-Z, 0-9, '.', '_', '-'");
            problems.add("topics.prefix", text);
        }
    }
}

impl InstanceSettings {
    /// The given id, or the host's name. Empty only if the machine tells no name, which
    /// [`super::load`] refuses.
    pub fn resolved(&self) -> String {
        if !self.id.is_empty() {
            return self.id.clone();
        }
        fs::read_to_string("/proc/sys/kernel/hostname")
            .ok()
            .or_else(|| env::var("HOSTNAME").ok())
            .map(|name| name.trim().to_owned())
            .unwrap_or_default()
    }
}

impl TelemetrySettings {
    fn check(&self, problems: &mut Problems) {
        traces::check(self, problems);
        if let Err(error) = self.log_level.parse::<Targets>() {
            problems.add("telemetry.log_level", format!("is no log level: {error}"));
        }
        // A single word that is no level would be read as a target, and everything else be silent.
        let is_level = |word: &str| !word.is_empty() && word.parse::<LevelFilter>().is_ok();
        let words = self.log_level.split(',').filter(|part| !part.contains('='));
        for word in words.filter(|word| !is_level(word)) {
            let nearest = closest(&LEVELS.into(), word).unwrap_or_default();
            let all = LEVELS.join(", ");
            let text = format!(
                "`{word}` is no level: write `{nearest}` if that is meant, or one of {all}"
            );
            problems.add("telemetry.log_level", text);
        }
    }
}

impl ServiceSettings {
    /// How long a stop may take.
    pub fn shutdown_within(&self) -> Duration {
        Duration::from_secs(self.shutdown_seconds)
    }
}
