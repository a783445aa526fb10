//! The SQL that makes the tables and views, in the order in which it is applied. A released file is
//! never edited: what changes comes as a new one.
//!
//! A file is a list of statements, each ending with `;` at the end of a line; lines that begin with
//! `--` are comments. `{database}` stands for the quoted name of the database. Every statement may be
//! run again (`IF NOT EXISTS`, `CREATE OR REPLACE`), since ClickHouse has no transaction around several.

use sha2::{Digest, Sha256};

/// Stands for the database in every statement.
pub const DATABASE: &str = "{database}";

/// The tables that the sink loads; each has its own insert deduplication.
pub const TABLES: [&str; 6] = [
    "events_log",
    "orders_log",
    "receipts_log",
    "set_aside_log",
    "frontiers_log",
    "replays_log",
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
        name: "replays_log",
        sql: include_str!("../clickhouse/010_replays_log.sql"),
    },
];

impl Migration {
    /// SHA-256 of the text, lower-case hex: tells whether a file was edited after it was applied.
    #[must_use]
    pub fn checksum(&self) -> String {
        hex::encode(Sha256::digest(self.sql))
    }

    /// Its statements, without their final `;`, for one database.
    #[must_use]
    pub fn statements(&self, database: &str) -> Vec<String> {
        let database = quoted(database);
        let mut statements = Vec::new();
        let mut statement = String::new();
        for line in self.sql.lines().filter(|line| !line.starts_with("--")) {
            match line.strip_suffix(';') {
                Some(last) => {
                    statement.push_str(last);
                    let whole = std::mem::take(&mut statement);
                    statements.push(whole.trim().replace(DATABASE, &database));
                }
                None => {
                    statement.push_str(line);
                    statement.push('\n');
                }
            }
        }
        statements
    }
}

/// A name as ClickHouse reads it back unchanged, whatever it holds.
#[must_use]
pub fn quoted(name: &str) -> String {
    format!("`{}`", name.replace('\\', "\\\\").replace('`', "\\`"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::symbols::{Kind, Status};

    #[test]
    fn versions_count_from_one_without_gaps_and_files_are_named_after_them() {
        let mut files: Vec<String> =
            std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/clickhouse"))
                .unwrap()
                .map(|entry| entry.unwrap().file_name().into_string().unwrap())
                .collect();
        files.sort();
        let expected: Vec<String> = (1..)
            .zip(MIGRATIONS)
            .map(|(version, migration)| {
                assert_eq!(migration.version, version);
                format!("{version:03}_{}.sql", migration.name)
            })
            .collect();
        assert_eq!(files, expected);
    }

    #[test]
    fn every_statement_may_run_twice_names_the_database_and_ends() {
        for migration in MIGRATIONS {
            assert!(
                migration.sql.trim_end().ends_with(';'),
                "{}",
                migration.name
            );
            let statements = migration.statements("a`b");
            assert!(!statements.is_empty());
            for statement in statements {
                let safe = statement.starts_with("CREATE TABLE IF NOT EXISTS `a\\`b`.")
                    || statement.starts_with("CREATE OR REPLACE VIEW `a\\`b`.");
                assert!(safe, "{}: {statement}", migration.name);
                assert!(!statement.contains(DATABASE));
            }
        }
    }

    #[test]
    fn every_view_runs_with_the_rights_of_whoever_asks() {
        for migration in MIGRATIONS {
            for statement in migration.statements("w") {
                if statement.contains("CREATE OR REPLACE VIEW") {
                    assert!(
                        statement.contains("\nSQL SECURITY INVOKER\n"),
                        "{statement}"
                    );
                }
                assert!(!statement.contains("DEFINER"), "{statement}");
            }
        }
    }

    #[test]
    fn every_table_remembers_the_tokens_of_its_last_ten_thousand_inserts() {
        let tables: Vec<String> = MIGRATIONS
            .iter()
            .flat_map(|migration| migration.statements("w"))
            .filter(|statement| statement.starts_with("CREATE TABLE"))
            .collect();
        assert_eq!(tables.len(), TABLES.len());
        for (table, statement) in TABLES.iter().zip(tables) {
            assert!(statement.contains(&format!("`w`.{table}\n")), "{statement}");
            assert!(statement.contains("non_replicated_deduplication_window = 10000"));
            assert!(statement.contains(" replicated_deduplication_window = 10000"));
        }
    }

    /// The words and numbers of the two `transform` calls in the timeline, in order.
    fn ranks() -> Vec<(String, u8)> {
        let sql = MIGRATIONS[7].sql;
        let lists: Vec<&str> = sql
            .split('[')
            .skip(1)
            .filter_map(|rest| rest.split(']').next())
            .collect();
        let items = |list: &str| -> Vec<String> {
            list.split(',')
                .map(|item| item.trim().trim_matches('\'').to_owned())
                .collect()
        };
        lists
            .chunks(2)
            .flat_map(|pair| {
                let numbers = items(pair[1]).into_iter().map(|n| n.parse().unwrap());
                items(pair[0]).into_iter().zip(numbers).collect::<Vec<_>>()
            })
            .collect()
    }

    #[test]
    fn the_timeline_ranks_statuses_and_kinds_as_the_enricher_does() {
        let ranks = ranks();
        let (statuses, kinds) = ranks.split_at(Status::ALL.len());
        for (word, rank) in statuses {
            assert_eq!(Status::parse(word).unwrap().rank(), *rank, "{word}");
        }
        for kind in Kind::ALL {
            let listed = kinds.iter().find(|(word, _)| word == kind.as_str());
            assert_eq!(kind.rank(), listed.map_or(85, |(_, rank)| *rank), "{kind}");
        }
    }
}
