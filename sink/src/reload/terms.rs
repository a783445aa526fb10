//! What a reload is asked for, and what came of it.

use runtime::settings::{ClickhouseSettings, KafkaSettings, RegistrySettings};
use schemas::Micros;
use serde::Serialize;

use crate::table::Table;

/// Where everything is.
#[derive(Clone, Copy, Debug)]
pub struct Installation<'a> {
    pub kafka: &'a KafkaSettings,
    /// Of topics and groups.
    pub prefix: &'a str,
    pub registry: &'a RegistrySettings,
    pub clickhouse: &'a ClickhouseSettings,
}

/// What came of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Reloaded {
    /// Records that were read.
    pub records: u64,
    /// Of these, the ones whose row is there, or a newer one of the same key.
    pub there: u64,
    /// Rows that were inserted.
    pub loaded: u64,
    /// Records that give no row: tombstones, and webhooks whose headers can't be read.
    pub without_row: u64,
    /// Records that can't be read.
    pub unreadable: u64,
    /// Of these, the ones that were set aside; they keep no range open.
    pub set_aside: u64,
    /// Rows that the store still refuses.
    pub refused: u64,
    /// Where the first of these two stand.
    pub not_loaded_at: Vec<String>,
    /// Webhooks whose place in the raw topics was noted again.
    pub places: u64,
    /// Ranges that the sink had passed over and that are read now, as far as Kafka has them. Of raw topics
    /// only those of which Kafka has nothing.
    pub gaps_closed: u64,
    /// Ranges that it had passed over and that stay open: what was asked for begins behind them, the sink
    /// has not passed them yet, or a record among what was read is refused or unreadable.
    pub gaps_open: u64,
}

/// What is asked for.
#[derive(Clone, Copy, Debug)]
pub struct Wanted {
    pub table: Table,
    /// Written to the topics from this moment on.
    pub since: Micros,
    /// As the sink does (UNDECODABLE). A wrong registry makes every record unreadable: somebody must ask for it.
    pub sets_unreadable_aside: bool,
}
