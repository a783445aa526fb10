//! The groups of settings that more than one program has.

use std::net::SocketAddr;
use std::time::Duration;

use serde::Deserialize;

use super::{Problems, Secret};

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
    /// User.
    pub user: String,
    /// Password of that user.
    pub password: Secret,
}

/// Pseudonyms and stored credential digests.
#[derive(Debug, Clone, Deserialize)]
pub struct PrivacySettings {
    /// The HMAC key from which each tenant's own is derived.
    pub key: Secret,
}

/// Where large bodies and proof images lie.
#[derive(Debug, Clone, Deserialize)]
pub struct BlobsSettings {
    /// `file:///…` or `s3://bucket/prefix`.
    pub url: String,
}

impl Common {
    /// Adds what is wrong with the common groups; `load` calls it for every service.
    pub fn check(&self, _problems: &mut Problems) {}
}

impl InstanceSettings {
    /// The given id, or the host's name.
    pub fn resolved(&self) -> String {
        self.id.clone()
    }
}

impl ServiceSettings {
    /// How long a stop may take.
    pub fn shutdown_within(&self) -> Duration {
        Duration::from_secs(self.shutdown_seconds)
    }
}
