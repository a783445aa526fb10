//! What must hold before anything is loaded: a schema that this program knows, and a server that
//! remembers insert tokens on every table that an insert reaches.

use std::collections::BTreeSet;

use schemas::clickhouse::TABLES;
use serde::Deserialize;

use crate::{
    clickhouse::{Store, StoreError},
    migrate::{self, MigrateError},
};

const WINDOW: &str = "non_replicated_deduplication_window";
const REPLICATED_WINDOW: &str = "replicated_deduplication_window";

/// Why nothing may be loaded into this store.
#[derive(Debug, thiserror::Error)]
pub enum CheckError {
    #[error("the store can't be asked")]
    Store(#[from] StoreError),
    #[error("the schema does not fit")]
    Schema(#[from] MigrateError),
    #[error(
        "{table} does not remember insert tokens, so a retry would load rows twice: run \
         `ALTER TABLE {table} MODIFY SETTING {WINDOW} = 10000, {REPLICATED_WINDOW} = 10000`"
    )]
    NoWindow { table: String },
}

impl CheckError {
    /// Whether the same check may pass later without anybody changing anything.
    pub fn is_temporary(&self) -> bool {
        match self {
            Self::Store(error) | Self::Schema(MigrateError::Store(error)) => {
                error.nature() == crate::clickhouse::Nature::Temporary
            }
            Self::Schema(_) | Self::NoWindow { .. } => false,
        }
    }
}

#[derive(Debug, Deserialize)]
struct TableFacts {
    name: String,
    uuid: String,
    engine: String,
    engine_full: String,
    create_table_query: String,
    dependencies_table: Vec<String>,
}

#[derive(Deserialize)]
struct Server {
    version: String,
    knows_deduplicate_insert: bool,
}

/// Checks the store and returns it with what its version wants said in every insert.
///
/// # Errors
/// [`CheckError`] says what to do.
pub async fn check(store: Store) -> Result<Store, CheckError> {
    migrate::check(&store).await?;
    let tables: Vec<TableFacts> = store
        .rows(
            "SELECT name, toString(uuid) AS uuid, engine, engine_full, create_table_query, \
             dependencies_table FROM system.tables WHERE database = {database: String}",
            &[("database", store.database())],
        )
        .await?;
    for table in reached(&tables) {
        if !remembers_tokens(table) {
            return Err(CheckError::NoWindow {
                table: store.table(&table.name),
            });
        }
    }
    let server: Vec<Server> = store
        .rows(
            "SELECT version() AS version, toBool(count() > 0) AS knows_deduplicate_insert \
             FROM system.settings WHERE name = 'deduplicate_insert'",
            &[],
        )
        .await?;
    let server = server
        .first()
        .ok_or_else(|| StoreError::new("no answer about its version"))?;
    tracing::info!(
        version = server.version,
        database = store.database(),
        "store checked"
    );
    Ok(store.saying_deduplicate_insert(server.knows_deduplicate_insert))
}

/// Our tables, and the targets of whatever materialized view hangs on them.
fn reached(tables: &[TableFacts]) -> Vec<&TableFacts> {
    let mut names: BTreeSet<String> = TABLES.iter().map(|name| (*name).to_owned()).collect();
    let mut known = 0;
    while names.len() > known {
        known = names.len();
        let views: BTreeSet<&String> = tables
            .iter()
            .filter(|table| names.contains(&table.name))
            .flat_map(|table| &table.dependencies_table)
            .collect();
        let targets = tables
            .iter()
            .filter(|view| view.engine == "MaterializedView" && views.contains(&view.name))
            .map(target);
        names.extend(targets);
    }
    tables
        .iter()
        .filter(|table| names.contains(&table.name))
        .collect()
}

/// The table that a materialized view writes: named after TO, or an inner one of its own.
fn target(view: &TableFacts) -> String {
    let query = &view.create_table_query;
    let named = query.split_once(" TO ").map(|(_, rest)| {
        let word = rest.split([' ', '(']).next().unwrap_or_default();
        word.rsplit('.')
            .next()
            .unwrap_or(word)
            .trim_matches('`')
            .to_owned()
    });
    named.unwrap_or_else(|| format!(".inner_id.{}", view.uuid))
}

/// A replicated table has a window unless it is set to none, another one only if it is set.
fn remembers_tokens(table: &TableFacts) -> bool {
    if !table.engine.ends_with("MergeTree") {
        return true;
    }
    let value = |name: &str| {
        let at = table.engine_full.find(&format!(" {name} = "))?;
        let digits = table.engine_full.get(at..)?.split(" = ").nth(1)?;
        digits
            .split(|c: char| !c.is_ascii_digit())
            .next()?
            .parse::<u64>()
            .ok()
    };
    if table.engine.starts_with("Replicated") || table.engine.starts_with("Shared") {
        value(REPLICATED_WINDOW) != Some(0)
    } else {
        value(WINDOW).unwrap_or(0) > 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(name: &str, engine: &str, settings: &str) -> TableFacts {
        TableFacts {
            name: name.into(),
            uuid: "u".into(),
            engine: engine.into(),
            engine_full: format!("{engine} ORDER BY x SETTINGS index_granularity = 8192{settings}"),
            create_table_query: String::new(),
            dependencies_table: Vec::new(),
        }
    }

    #[test]
    fn a_table_remembers_tokens_only_with_a_window() {
        let check = |engine: &str, settings: &str, expected: bool| {
            assert_eq!(
                remembers_tokens(&facts("t", engine, settings)),
                expected,
                "{settings}"
            );
        };
        check("ReplacingMergeTree", "", false);
        check(
            "ReplacingMergeTree",
            ", non_replicated_deduplication_window = 0",
            false,
        );
        check(
            "ReplacingMergeTree",
            ", non_replicated_deduplication_window = 10000",
            true,
        );
        check("ReplicatedReplacingMergeTree", "", true);
        check(
            "ReplicatedReplacingMergeTree",
            ", replicated_deduplication_window = 0",
            false,
        );
        check("Null", "", true);
    }

    #[test]
    fn targets_of_materialized_views_are_reached_through_any_number_of_them() {
        let mut source = facts("events_log", "ReplacingMergeTree", "");
        source.dependencies_table = vec!["first".into(), "second".into()];
        let mut first = facts("first", "MaterializedView", "");
        first.create_table_query = "CREATE MATERIALIZED VIEW w.first TO w.`a` (x) AS".into();
        let mut second = facts("second", "MaterializedView", "");
        second.create_table_query = "CREATE MATERIALIZED VIEW w.second (x) AS".into();
        let tables = [
            source,
            first,
            second,
            facts("a", "MergeTree", ""),
            facts(".inner_id.u", "MergeTree", ""),
            facts("other", "MergeTree", ""),
        ];
        let names: Vec<&str> = reached(&tables).iter().map(|t| t.name.as_str()).collect();
        assert_eq!(names, ["events_log", "a", ".inner_id.u"]);
    }
}
