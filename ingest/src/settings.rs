//! What an operator can turn; `settings.default.toml` says what each key means.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    time::Duration,
};

use runtime::settings::{BlobsSettings, Common, PrivacySettings, Problems};
use serde::Deserialize;

use crate::{body::REQUEST_BYTES, proxies::Proxies, tls::Files};

/// Less would not even hold a few webhooks; one that is larger than all of it gets 503.
const SPOOL_BYTES_MIN: u64 = 64 << 10;

/// All settings of ingest.
#[derive(Clone, Debug, Deserialize)]
pub struct Settings {
    #[serde(flatten)]
    pub common: Common,
    pub http: Http,
    pub tenants: TenantsFile,
    pub spool: Spool,
    pub blobs: BlobsSettings,
    pub retention: Retention,
    pub privacy: PrivacySettings,
}

/// The webhook listener.
#[derive(Clone, Debug, Deserialize)]
pub struct Http {
    pub listen: SocketAddr,
    pub workers: usize,
    pub body_bytes_max: usize,
    pub body_seconds_max: u64,
    pub in_flight_bytes_max: usize,
    pub durable_ms_max: u64,
    pub keep_alive_seconds: u64,
    pub stop_wait_seconds: u64,
    pub tenant_in_flight_bytes_max: usize,
    pub connections_max: usize,
    pub trusted_proxies: String,
    pub tls_certificate: PathBuf,
    pub tls_key: PathBuf,
}

/// Where the tenants stand.
#[derive(Clone, Debug, Deserialize)]
pub struct TenantsFile {
    pub path: PathBuf,
}

/// Webhooks that wait on disk.
#[derive(Clone, Debug, Deserialize)]
pub struct Spool {
    pub dir: PathBuf,
    pub bytes_max: u64,
    pub free_bytes_min: u64,
    pub after_ms: u64,
    pub drain_per_second: u32,
}

/// How long what was received lives.
#[derive(Clone, Debug, Deserialize)]
pub struct Retention {
    pub raw_hours: u32,
}

/// Where webhooks go that Kafka will never take: a folder beside the spool's.
#[must_use]
pub fn refused(spool_dir: &Path) -> PathBuf {
    let mut name = spool_dir.file_name().unwrap_or_default().to_owned();
    name.push("-refused");
    spool_dir.with_file_name(name)
}

impl Spool {
    /// Whether there is one.
    #[must_use]
    pub fn is_set(&self) -> bool {
        !self.dir.as_os_str().is_empty()
    }

    /// See [`refused`].
    #[must_use]
    pub fn refused(&self) -> PathBuf {
        refused(&self.dir)
    }

    /// How long Kafka may take before a webhook goes to the disk.
    #[must_use]
    pub const fn after(&self) -> Duration {
        Duration::from_millis(self.after_ms)
    }

    fn check(&self, problems: &mut Problems) {
        if self.is_set() && self.bytes_max < SPOOL_BYTES_MIN {
            problems.add("spool.bytes_max", "must be at least 65536 (64 KiB)");
        }
        if !(10..=10_000).contains(&self.after_ms) {
            problems.add("spool.after_ms", "must be from 10 to 10000");
        }
        if self.drain_per_second == 0 {
            problems.add("spool.drain_per_second", "0 would never empty the spool");
        }
    }
}

impl Http {
    /// How long the whole body may take.
    #[must_use]
    pub const fn body_within(&self) -> Duration {
        Duration::from_secs(self.body_seconds_max)
    }

    /// How long Kafka may take to confirm.
    #[must_use]
    pub const fn durable_within(&self) -> Duration {
        Duration::from_millis(self.durable_ms_max)
    }

    /// How long the listener stays open after it was asked to stop.
    #[must_use]
    pub const fn stop_wait(&self) -> Duration {
        Duration::from_secs(self.stop_wait_seconds)
    }

    /// The files of the listener's certificate, if it has one.
    #[must_use]
    pub fn tls(&self) -> Option<Files> {
        let is_set = |path: &Path| !path.as_os_str().is_empty();
        (is_set(&self.tls_certificate) && is_set(&self.tls_key)).then(|| Files {
            certificate: self.tls_certificate.clone(),
            key: self.tls_key.clone(),
        })
    }

    fn check(&self, problems: &mut Problems) {
        if self.tls_certificate.as_os_str().is_empty() != self.tls_key.as_os_str().is_empty() {
            problems.add(
                "http.tls_key",
                "give both tls_certificate and tls_key, or none",
            );
        }
        if let Err(why) = Proxies::parse(&self.trusted_proxies) {
            problems.add("http.trusted_proxies", &why);
        }
        if self.connections_max == 0 {
            problems.add("http.connections_max", "0 would refuse every connection");
        }
        let largest = self.body_bytes_max.saturating_add(REQUEST_BYTES);
        if !(largest..=self.in_flight_bytes_max).contains(&self.tenant_in_flight_bytes_max) {
            problems.add(
                "http.tenant_in_flight_bytes_max",
                "must be at least 8192 above http.body_bytes_max, and at most http.in_flight_bytes_max",
            );
        }
        if self.body_bytes_max == 0 {
            problems.add("http.body_bytes_max", "0 would refuse every webhook");
        }
        if largest > self.in_flight_bytes_max {
            problems.add(
                "http.in_flight_bytes_max",
                "must be at least 8192 above http.body_bytes_max, or the largest body never fits",
            );
        }
        if self.body_seconds_max == 0 {
            problems.add("http.body_seconds_max", "0 would refuse every webhook");
        }
        if !(100..=60_000).contains(&self.durable_ms_max) {
            problems.add("http.durable_ms_max", "must be from 100 to 60000");
        }
        if self.keep_alive_seconds == 0 {
            problems.add("http.keep_alive_seconds", "must be at least 1");
        }
    }
}

impl runtime::settings::Settings for Settings {
    fn common(&self) -> &Common {
        &self.common
    }

    fn check(&self, problems: &mut Problems) {
        self.http.check(problems);
        self.spool.check(problems);
        if !self.blobs.url.is_empty()
            && let Err(error) = runtime::blobs::check(&self.blobs.url)
        {
            problems.add(
                "blobs.url",
                error.to_string().trim_start_matches("blobs.url "),
            );
        }
        // The tenants file may name a carrier with credentials at any time while the service runs.
        if self.privacy.key.is_empty() {
            problems.add(
                "privacy.key",
                "must be given: digests of credentials are made with it, and it must stay the same",
            );
        }
        if self.retention.raw_hours == 0 {
            problems.add(
                "retention.raw_hours",
                "must be at least 1, the same as for `waybill topics apply`",
            );
        }
        if self.tenants.path.as_os_str().is_empty() {
            problems.add("tenants.path", "names no file and no folder");
        }
        if self.http.stop_wait() >= self.common.service.shutdown_within() {
            problems.add(
                "http.stop_wait_seconds",
                "must be below service.shutdown_seconds, or nothing is left to finish requests",
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use runtime::settings::{Sources, load};

    use super::*;

    const KEY: (&str, &str) = ("WAYBILL__PRIVACY__KEY", "a-key");

    fn loaded(environment: &[(&str, &str)]) -> Result<Settings, Problems> {
        let environment = environment
            .iter()
            .map(|(name, value)| ((*name).into(), (*value).into()))
            .collect();
        load(&Sources {
            defaults: crate::DEFAULTS,
            config: None,
            environment,
        })
    }

    #[test]
    fn the_defaults_fit_the_type_and_every_key_is_known_to_all_programs() {
        runtime::settings::check_defaults::<Settings>(crate::DEFAULTS).unwrap();
    }

    #[test]
    fn the_defaults_are_valid_and_those_of_the_contract() {
        let settings = loaded(&[KEY]).unwrap();
        assert_eq!(settings.http.listen, "0.0.0.0:8080".parse().unwrap());
        assert_eq!(settings.http.body_bytes_max, 10 * 1024 * 1024);
        assert_eq!(settings.http.body_within(), Duration::from_secs(10));
    }

    #[test]
    fn what_cannot_work_is_told_all_at_once() {
        let problems = loaded(&[
            ("WAYBILL__HTTP__BODY_BYTES_MAX", "67108864"),
            ("WAYBILL__HTTP__BODY_SECONDS_MAX", "0"),
            ("WAYBILL__HTTP__DURABLE_MS_MAX", "5"),
            ("WAYBILL__HTTP__KEEP_ALIVE_SECONDS", "0"),
            ("WAYBILL__HTTP__STOP_WAIT_SECONDS", "25"),
            ("WAYBILL__TENANTS__PATH", ""),
            ("WAYBILL__RETENTION__RAW_HOURS", "0"),
            ("WAYBILL__BLOBS__URL", "ftp://x"),
            ("WAYBILL__HTTP__TENANT_IN_FLIGHT_BYTES_MAX", "5"),
            ("WAYBILL__HTTP__CONNECTIONS_MAX", "0"),
            ("WAYBILL__HTTP__TRUSTED_PROXIES", "somewhere"),
            ("WAYBILL__HTTP__TLS_KEY", "key.pem"),
            ("WAYBILL__SPOOL__DIR", "spool"),
            ("WAYBILL__SPOOL__BYTES_MAX", "5"),
            ("WAYBILL__SPOOL__AFTER_MS", "5"),
            ("WAYBILL__SPOOL__DRAIN_PER_SECOND", "0"),
        ])
        .unwrap_err();
        assert_eq!(problems.iter().count(), 16, "{problems}");
    }
}
