//! What an operator can turn; `settings.default.toml` is the manual.

use std::time::Duration;

use runtime::settings::{ClickhouseSettings, Common, Problems, RegistrySettings};
use serde::Deserialize;

use crate::{batch::Limits, table::Table};

/// One block of a MergeTree table: more rows than this make the server split it.
const BLOCK_ROWS_MAX: usize = 1_000_000;
/// And more bytes than this.
const BLOCK_BYTES_MAX: usize = 128 << 20;

/// Settings of this service.
#[derive(Clone, Debug, Deserialize)]
pub struct Settings {
    #[serde(flatten)]
    pub common: Common,
    pub registry: RegistrySettings,
    pub clickhouse: ClickhouseSettings,
    pub sink: SinkSettings,
}

/// When a batch closes.
#[derive(Clone, Debug, Deserialize)]
pub struct SinkSettings {
    pub flush_ms: u64,
    pub slow_flush_ms: u64,
    pub batch_rows_max: usize,
    pub batch_bytes_max: usize,
}

impl SinkSettings {
    pub const fn limits(&self, table: Table) -> Limits {
        let open_ms = if table.is_urgent() {
            self.flush_ms
        } else {
            self.slow_flush_ms
        };
        Limits {
            rows_max: self.batch_rows_max,
            bytes_max: self.batch_bytes_max,
            open_max: Duration::from_millis(open_ms),
        }
    }
}

impl runtime::settings::Settings for Settings {
    fn common(&self) -> &Common {
        &self.common
    }

    fn check(&self, problems: &mut Problems) {
        for (key, url) in [
            ("registry.url", &self.registry.url),
            ("clickhouse.url", &self.clickhouse.url),
        ] {
            if !(url.starts_with("http://") || url.starts_with("https://")) {
                problems.add(key, "must begin with http:// or https://");
            }
        }
        if self.clickhouse.database.is_empty() {
            problems.add("clickhouse.database", "must not be empty");
        }
        for (key, ms) in [
            ("sink.flush_ms", self.sink.flush_ms),
            ("sink.slow_flush_ms", self.sink.slow_flush_ms),
        ] {
            if !(1..=60_000).contains(&ms) {
                problems.add(key, "must be between 1 and 60000");
            }
        }
        if !(1..=BLOCK_ROWS_MAX).contains(&self.sink.batch_rows_max) {
            problems.add(
                "sink.batch_rows_max",
                format!("must be between 1 and {BLOCK_ROWS_MAX}"),
            );
        }
        if !(1..=BLOCK_BYTES_MAX).contains(&self.sink.batch_bytes_max) {
            problems.add(
                "sink.batch_bytes_max",
                format!("must be between 1 and {BLOCK_BYTES_MAX}"),
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_fit_the_type_and_every_key_is_known_to_all_programs() {
        let defaults = include_str!("../settings.default.toml");
        runtime::settings::check_defaults::<Settings>(defaults).unwrap();
    }
}
