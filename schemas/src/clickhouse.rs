//! The SQL that makes the tables and views, in the order in which it is applied. A released file is
//! never edited: what changes comes as a new one.
//!
//! A file is a list of statements, each ending with `;` at the end of a line; lines that begin with
//! `--` are comments. `{database}` stands for the quoted name of the database. Every statement may be
//! run again (`IF NOT EXISTS`, `CREATE OR REPLACE`, or the same in effect), since ClickHouse has no
//! transaction around several. The files are written for one server; [`Layout`] makes of them what
//! several replicas need.

use sha2::{Digest, Sha256};

/// Stands for the database in every statement.
pub const DATABASE: &str = "{database}";

/// The tables that the sink loads; each has its own insert deduplication.
pub const TABLES: [&str; 10] = [
    "events_log",
    "orders_log",
    "receipts_log",
    "set_aside_log",
    "frontiers_log",
    "first_loads_log",
    "replays_log",
    "places_log",
    "loads_log",
    "gaps_log",
];

/// One numbered file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Migration {
    /// From 1, without gaps.
    pub version: u32,
    /// What the file is about, as in its name.
    pub name: &'static str,
    /// Its text.
    pub sql: &'static str,
}

/// All of them, oldest first.
pub const MIGRATIONS: &[Migration] = &[
    Migration {
        version: 1,
        name: "events_log",
        sql: include_str!("../clickhouse/001_events_log.sql"),
    },
    Migration {
        version: 2,
        name: "orders_log",
        sql: include_str!("../clickhouse/002_orders_log.sql"),
    },
    Migration {
        version: 3,
        name: "receipts_log",
        sql: include_str!("../clickhouse/003_receipts_log.sql"),
    },
    Migration {
        version: 4,
        name: "set_aside_log",
        sql: include_str!("../clickhouse/004_set_aside_log.sql"),
    },
    Migration {
        version: 5,
        name: "frontiers_log",
        sql: include_str!("../clickhouse/005_frontiers_log.sql"),
    },
    Migration {
        version: 6,
        name: "records",
        sql: include_str!("../clickhouse/006_records.sql"),
    },
    Migration {
        version: 7,
        name: "deliveries",
        sql: include_str!("../clickhouse/007_deliveries.sql"),
    },
    Migration {
        version: 8,
        name: "order_timeline",
        sql: include_str!("../clickhouse/008_order_timeline.sql"),
    },
    Migration {
        version: 9,
        name: "accounting",
        sql: include_str!("../clickhouse/009_accounting.sql"),
    },
    Migration {
        version: 10,
        name: "first_loads_log",
        sql: include_str!("../clickhouse/010_first_loads_log.sql"),
    },
    Migration {
        version: 11,
        name: "accounting",
        sql: include_str!("../clickhouse/011_accounting.sql"),
    },
    Migration {
        version: 12,
        name: "outcomes",
        sql: include_str!("../clickhouse/012_outcomes.sql"),
    },
    Migration {
        version: 13,
        name: "replays_log",
        sql: include_str!("../clickhouse/013_replays_log.sql"),
    },
    Migration {
        version: 14,
        name: "partitions",
        sql: include_str!("../clickhouse/014_partitions.sql"),
    },
    Migration {
        version: 15,
        name: "accounting",
        sql: include_str!("../clickhouse/015_accounting.sql"),
    },
    Migration {
        version: 16,
        name: "inserts",
        sql: include_str!("../clickhouse/016_inserts.sql"),
    },
    Migration {
        version: 17,
        name: "durations",
        sql: include_str!("../clickhouse/017_durations.sql"),
    },
    Migration {
        version: 18,
        name: "places_log",
        sql: include_str!("../clickhouse/018_places_log.sql"),
    },
    Migration {
        version: 19,
        name: "orders_behind",
        sql: include_str!("../clickhouse/019_orders_behind.sql"),
    },
    Migration {
        version: 20,
        name: "projections",
        sql: include_str!("../clickhouse/020_projections.sql"),
    },
    Migration {
        version: 21,
        name: "unreceived",
        sql: include_str!("../clickhouse/021_unreceived.sql"),
    },
    Migration {
        version: 22,
        name: "columns",
        sql: include_str!("../clickhouse/022_columns.sql"),
    },
    Migration {
        version: 23,
        name: "accounting",
        sql: include_str!("../clickhouse/023_accounting.sql"),
    },
    Migration {
        version: 24,
        name: "outcomes",
        sql: include_str!("../clickhouse/024_outcomes.sql"),
    },
    Migration {
        version: 25,
        name: "orders_behind",
        sql: include_str!("../clickhouse/025_orders_behind.sql"),
    },
    Migration {
        version: 26,
        name: "topic_gaps",
        sql: include_str!("../clickhouse/026_topic_gaps.sql"),
    },
    Migration {
        version: 27,
        name: "raw_gaps_closed",
        sql: include_str!("../clickhouse/027_raw_gaps_closed.sql"),
    },
    Migration {
        version: 28,
        name: "final_orders",
        sql: include_str!("../clickhouse/028_final_orders.sql"),
    },
    Migration {
        version: 29,
        name: "shorter_searches",
        sql: include_str!("../clickhouse/029_shorter_searches.sql"),
    },
    Migration {
        version: 30,
        name: "raw_gaps_end",
        sql: include_str!("../clickhouse/030_raw_gaps_end.sql"),
    },
    Migration {
        version: 31,
        name: "completeness_in_bounds",
        sql: include_str!("../clickhouse/031_completeness_in_bounds.sql"),
    },
];

/// What a statement that throws rows away begins with, or has somewhere.
const LOSING: [&str; 8] = [
    "DROP TABLE",
    "DROP DATABASE",
    "DROP COLUMN",
    "DROP PARTITION",
    "CLEAR COLUMN",
    "TRUNCATE",
    "DELETE",
    "CREATE OR REPLACE TABLE",
];

/// Where the tables stand: on one server, or on each replica of several.
///
/// Replicas share one Keeper, and each table's deduplication memory lies there: an insert may be tried
/// again on another replica. Statements run `ON CLUSTER`, so that one migrator brings all replicas up
/// to date and none is forgotten; a database whose engine replicates statements by itself (ClickHouse
/// Cloud, `Replicated`) does that without.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layout {
    /// Its name, unquoted.
    pub database: String,
    /// Name of the cluster whose replicas each statement runs on.
    pub cluster: Option<String>,
    /// Whether tables keep their copies equal.
    pub replicated: bool,
}

impl Layout {
    /// One server.
    #[must_use]
    pub fn single(database: &str) -> Self {
        Self {
            database: database.to_owned(),
            cluster: None,
            replicated: false,
        }
    }

    /// ` ON CLUSTER …`, or nothing.
    #[must_use]
    pub fn on_cluster(&self) -> String {
        self.cluster
            .as_deref()
            .map(|cluster| format!(" ON CLUSTER {}", quoted(cluster)))
            .unwrap_or_default()
    }

    /// A statement of a file, for this layout.
    #[must_use]
    pub fn statement(&self, text: &str) -> String {
        let mut text = text.to_owned();
        if self.replicated {
            text = text.replace("\nENGINE = ", "\nENGINE = Replicated");
        }
        let defines = text.starts_with("CREATE ") || text.starts_with("ALTER ");
        if defines && self.cluster.is_some() {
            let name_end = text.find(DATABASE).and_then(|at| {
                let rest = text.get(at..)?;
                let end = rest.find([' ', '\n']).unwrap_or(rest.len());
                Some(at + end)
            });
            if let Some(at) = name_end {
                text.insert_str(at, &self.on_cluster());
            }
        }
        text.replace(DATABASE, &quoted(&self.database))
    }
}

impl Migration {
    /// SHA-256 of the text, lower-case hex: tells whether a file was edited after it was applied.
    #[must_use]
    pub fn checksum(&self) -> String {
        hex::encode(Sha256::digest(self.sql))
    }

    /// Its statements, without their final `;`.
    #[must_use]
    pub fn statements(&self, layout: &Layout) -> Vec<String> {
        let mut statements = Vec::new();
        let mut statement = String::new();
        for line in self.sql.lines().filter(|line| !line.starts_with("--")) {
            match line.strip_suffix(';') {
                Some(last) => {
                    statement.push_str(last);
                    let whole = std::mem::take(&mut statement);
                    statements.push(layout.statement(whole.trim()));
                }
                None => {
                    statement.push_str(line);
                    statement.push('\n');
                }
            }
        }
        statements
    }

    /// Whether it throws rows away: then it is applied only by somebody who says so.
    #[must_use]
    pub fn loses_rows(&self) -> bool {
        self.sql
            .lines()
            .filter(|line| !line.starts_with("--"))
            .any(|line| LOSING.iter().any(|words| line.contains(words)))
    }
}

/// A name as ClickHouse reads it back unchanged, whatever it holds.
#[must_use]
pub fn quoted(name: &str) -> String {
    format!("`{}`", name.replace('\\', "\\\\").replace('`', "\\`"))
}

/// A text as a statement holds it, whatever it holds itself.
#[must_use]
pub fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\\', "\\\\").replace('\'', "\\'"))
}

#[cfg(test)]
mod tests;
