//! What must hold before anything is loaded: a schema that this program knows, and a server that
//! remembers insert tokens on every table that an insert reaches.

use std::collections::{BTreeMap, BTreeSet};

use schemas::clickhouse::{TABLES, quoted};
use serde::Deserialize;

use crate::{
    clickhouse::{Store, StoreError},
    codes::Nature,
    migrate::{self, MigrateError},
    table::Table,
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
                error.nature() == Nature::Temporary
            }
            Self::Schema(error) => matches!(error, MigrateError::Locked { .. }),
            Self::NoWindow { .. } => false,
        }
    }
}

/// How each loaded table is made. Rows that are all refused by a table as it was checked are at fault
/// themselves; a table that somebody changed since then may refuse what it should take.
#[derive(Clone, Debug, Default)]
pub struct Shapes(BTreeMap<String, String>);

impl Shapes {
    /// # Errors
    /// Where the table is another one now, or can't be asked about.
    pub(crate) async fn still_hold(&self, store: &Store, table: Table) -> Result<(), StoreError> {
        let now = shapes(&facts(store).await?, store.database());
        if now.0.get(table.name()) == self.0.get(table.name()) {
            return Ok(());
        }
        Err(StoreError::misconfigured(format!(
            "{} takes no row and was changed since this process started: start it again",
            store.table(table.name())
        )))
    }
}

fn shapes(tables: &[TableFacts], database: &str) -> Shapes {
    let loaded = tables
        .iter()
        .filter(|table| table.database == database && TABLES.contains(&table.name.as_str()));
    Shapes(
        loaded
            .map(|table| (table.name.clone(), table.create_table_query.clone()))
            .collect(),
    )
}

/// Of every database: a materialized view may write into another one.
async fn facts(store: &Store) -> Result<Vec<TableFacts>, StoreError> {
    store
        .rows(
            "SELECT database, name, toString(uuid) AS uuid, engine, engine_full, \
             create_table_query, dependencies_database, dependencies_table FROM system.tables \
             WHERE database NOT IN ('system', 'information_schema', 'INFORMATION_SCHEMA')",
            &[],
        )
        .await
}

#[derive(Debug, Deserialize)]
struct TableFacts {
    database: String,
    name: String,
    uuid: String,
    engine: String,
    engine_full: String,
    create_table_query: String,
    dependencies_database: Vec<String>,
    dependencies_table: Vec<String>,
}

impl TableFacts {
    fn place(&self) -> Place {
        (self.database.clone(), self.name.clone())
    }
}

/// Database and name.
type Place = (String, String);

#[derive(Deserialize)]
struct Server {
    version: String,
    knows_deduplicate_insert: bool,
}

/// Checks the store and returns it with what its version wants said in every insert, and the tables
/// as they are now.
///
/// # Errors
/// [`CheckError`] says what to do.
pub async fn check(store: Store) -> Result<(Store, Shapes), CheckError> {
    migrate::check(&store).await?;
    let tables = facts(&store).await?;
    for table in reached(&tables, store.database()) {
        if !remembers_tokens(table) {
            let (database, name) = (quoted(&table.database), quoted(&table.name));
            return Err(CheckError::NoWindow {
                table: format!("{database}.{name}"),
            });
        }
    }
    let shapes = shapes(&tables, store.database());
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
    let store = store.saying_deduplicate_insert(server.knows_deduplicate_insert);
    Ok((store, shapes))
}

/// Our tables, and the targets of whatever materialized view hangs on them.
fn reached<'a>(tables: &'a [TableFacts], database: &str) -> Vec<&'a TableFacts> {
    let mut places: BTreeSet<Place> = TABLES
        .iter()
        .map(|name| (database.to_owned(), (*name).to_owned()))
        .collect();
    let mut known = 0;
    while places.len() > known {
        known = places.len();
        let views: BTreeSet<Place> = tables
            .iter()
            .filter(|table| places.contains(&table.place()))
            .flat_map(|table| {
                let databases = table.dependencies_database.iter().cloned();
                databases.zip(table.dependencies_table.iter().cloned())
            })
            .collect();
        let targets = tables
            .iter()
            .filter(|view| view.engine == "MaterializedView" && views.contains(&view.place()))
            .map(target);
        places.extend(targets);
    }
    tables
        .iter()
        .filter(|table| places.contains(&table.place()))
        .collect()
}

/// The table that a materialized view writes: named after TO, or an inner one of its own.
fn target(view: &TableFacts) -> Place {
    let query = &view.create_table_query;
    let named = query.split_once(" TO ").map(|(_, rest)| {
        let word = rest.split([' ', '(']).next().unwrap_or_default();
        let plain = |part: &str| part.trim_matches('`').to_owned();
        match word.split_once('.') {
            Some((database, name)) => (plain(database), plain(name)),
            None => (view.database.clone(), plain(word)),
        }
    });
    named.unwrap_or_else(|| (view.database.clone(), format!(".inner_id.{}", view.uuid)))
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
            database: "w".into(),
            name: name.into(),
            uuid: "u".into(),
            engine: engine.into(),
            engine_full: format!("{engine} ORDER BY x SETTINGS index_granularity = 8192{settings}"),
            create_table_query: String::new(),
            dependencies_database: Vec::new(),
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
        source.dependencies_database = vec!["w".into(), "elsewhere".into()];
        source.dependencies_table = vec!["first".into(), "second".into()];
        let mut first = facts("first", "MaterializedView", "");
        first.create_table_query = "CREATE MATERIALIZED VIEW w.first TO w.`a` (x) AS".into();
        let mut second = facts("second", "MaterializedView", "");
        second.create_table_query = "CREATE MATERIALIZED VIEW elsewhere.second (x) AS".into();
        second.database = "elsewhere".into();
        let mut inner = facts(".inner_id.u", "MergeTree", "");
        inner.database = "elsewhere".into();
        let tables = [
            source,
            first,
            second,
            facts("a", "MergeTree", ""),
            inner,
            facts(".inner_id.u", "MergeTree", ""),
            facts("other", "MergeTree", ""),
        ];
        let names: Vec<String> = reached(&tables, "w")
            .iter()
            .map(|t| format!("{}.{}", t.database, t.name))
            .collect();
        assert_eq!(names, ["w.events_log", "w.a", "elsewhere..inner_id.u"]);
    }
}
