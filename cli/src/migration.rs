//! ClickHouse tables and views; the sink, which loads them, knows how they are made.

use schemas::clickhouse::Migration;
use sink::{clickhouse::Store, migrate};

use crate::settings::Settings;

/// Applies what is missing; gives the names of what was applied.
pub(crate) async fn migrate(settings: &Settings) -> anyhow::Result<Vec<String>> {
    let applied = migrate::apply(&Store::new(settings.clickhouse())).await?;
    Ok(applied.into_iter().map(name).collect())
}

/// What would be applied, and the statements of it.
pub(crate) async fn plan(settings: &Settings) -> anyhow::Result<(Vec<String>, Vec<String>)> {
    let plan = migrate::plan(&Store::new(settings.clickhouse())).await?;
    let statements = plan.statements();
    Ok((plan.pending.into_iter().map(name).collect(), statements))
}

fn name(migration: &Migration) -> String {
    format!("{:03}_{}", migration.version, migration.name)
}
