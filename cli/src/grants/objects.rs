//! The views, and the tables that they read, out of the embedded migrations: `waybill up` needs them
//! before there is a server to ask.

use schemas::clickhouse::{DATABASE, MIGRATIONS};

/// Tables that hold nothing of any tenant, and may be read whole: how far each stage has come.
const OF_NO_TENANT: &[&str] = &["frontiers_log"];
/// For whoever runs the pipeline: where webhooks of all tenants stand tells how many there are.
const OF_OPERATORS: &[&str] = &["raw_gaps", "topic_gaps"];

/// A table that a view reads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Table {
    pub(crate) name: String,
    pub(crate) has_tenant: bool,
}

/// What an analyst reads.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Objects {
    pub(crate) tables: Vec<Table>,
    pub(crate) views: Vec<String>,
}

struct Created<'a> {
    name: &'a str,
    is_view: bool,
    text: &'a str,
}

impl Objects {
    pub(crate) fn embedded() -> Self {
        Self::of(MIGRATIONS.iter().map(|migration| migration.sql))
    }

    fn of<'a>(files: impl Iterator<Item = &'a str>) -> Self {
        let mut standing: Vec<Created<'a>> = Vec::new();
        for statement in files.flat_map(|file| file.split(";\n")) {
            let text = statement
                .find("CREATE ")
                .or_else(|| statement.find("DROP "))
                .and_then(|at| statement.get(at..))
                .unwrap_or_default();
            let Some(name) = named(text) else { continue };
            // what a later statement drops or replaces is no longer as it was
            if text.starts_with("DROP ") || text.starts_with("CREATE OR REPLACE ") {
                standing.retain(|other| other.name != name);
            }
            let head = text.lines().next().unwrap_or_default();
            if text.starts_with("CREATE ") && !standing.iter().any(|other| other.name == name) {
                let is_view = head.contains(" VIEW ");
                standing.push(Created {
                    name,
                    is_view,
                    text,
                });
            }
        }
        let views = || {
            standing
                .iter()
                .filter(|one| one.is_view && !one.text.starts_with("CREATE MATERIALIZED"))
                .filter(|one| !OF_OPERATORS.contains(&one.name))
        };
        let is_read = |table: &&Created<'_>| {
            let called = format!("{DATABASE}.{}", table.name);
            views().any(|view| {
                view.text.match_indices(&called).any(|(at, _)| {
                    let rest = view.text.get(at + called.len()..).unwrap_or_default();
                    !rest.starts_with(|next: char| next.is_alphanumeric() || next == '_')
                })
            })
        };
        let tables = standing.iter().filter(|one| !one.is_view).filter(is_read);
        Self {
            tables: tables
                .map(|table| Table {
                    name: table.name.to_owned(),
                    has_tenant: !OF_NO_TENANT.contains(&table.name),
                })
                .collect(),
            views: views().map(|view| view.name.to_owned()).collect(),
        }
    }

    /// All of them.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        let tables = self.tables.iter().map(|table| table.name.as_str());
        tables.chain(self.views.iter().map(String::as_str))
    }
}

/// The name of what a statement makes or drops in the database.
fn named(statement: &str) -> Option<&str> {
    let (head, rest) = statement.split_once(DATABASE)?;
    let is_table = head.contains("TABLE ") || head.contains("VIEW ");
    let name = rest.strip_prefix('.')?;
    let end = name.find(|c: char| !c.is_alphanumeric() && c != '_');
    let name = name.get(..end.unwrap_or(name.len()))?;
    (is_table && head.lines().count() == 1).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_views_of_the_contract_are_there_and_every_table_that_they_read() {
        let objects = Objects::embedded();
        for view in [
            "events",
            "delivery_events",
            "orders",
            "deliveries",
            "order_timeline",
            "balances",
            "receipts",
            "set_aside",
            "unaccounted",
            "completeness",
            "freshness",
            "provider_daily",
            "secret_use",
        ] {
            assert!(objects.views.iter().any(|name| name == view), "{view}");
        }
        for others in [
            "raw_gaps",
            "topic_gaps",
            "places_log",
            "gaps_log",
            "loads_log",
        ] {
            assert!(objects.names().all(|name| name != others), "{others}");
        }
        for table in ["events_log", "orders_log", "receipts_log", "set_aside_log"] {
            let table = objects.tables.iter().find(|one| one.name == table).unwrap();
            assert!(table.has_tenant, "{table:?}");
        }
    }

    #[test]
    fn what_was_dropped_or_is_read_by_no_view_is_left_out() {
        let files = [
            "CREATE TABLE IF NOT EXISTS {database}.a\n(\n);\n\
             CREATE TABLE IF NOT EXISTS {database}.ab\n(\n);\n\
             CREATE TABLE IF NOT EXISTS {database}.old\n(\n);\n\
             -- reads\nCREATE OR REPLACE VIEW {database}.v\nAS SELECT 1 FROM {database}.ab;\n\
             CREATE OR REPLACE VIEW {database}.gone\nAS SELECT 1 FROM {database}.old;\n",
            "DROP VIEW IF EXISTS {database}.gone;\n\
             CREATE OR REPLACE VIEW {database}.v\nAS SELECT 1 FROM {database}.ab, {database}.old;\n",
        ];
        let objects = Objects::of(files.into_iter());
        assert_eq!(objects.names().collect::<Vec<_>>(), ["ab", "old", "v"]);
    }
}
