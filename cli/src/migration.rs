//! ClickHouse tables and views; the sink, which loads them, knows how they are made.

use sink::{
    clickhouse::Store,
    migrate::{self, Plan, Rules},
};

use crate::settings::Settings;

/// Applies what is missing, unless it throws rows away; gives the names of what was applied.
pub(crate) async fn migrate(settings: &Settings) -> anyhow::Result<Vec<String>> {
    migrate_by(settings, &Rules::default()).await
}

/// The same under other rules.
pub(crate) async fn migrate_by(settings: &Settings, rules: &Rules) -> anyhow::Result<Vec<String>> {
    let applied = migrate::apply(&Store::new(settings.clickhouse()), rules).await?;
    Ok(applied.into_iter().map(migrate::name).collect())
}

/// What would be applied.
pub(crate) async fn plan(settings: &Settings) -> anyhow::Result<Plan> {
    Ok(migrate::plan(&Store::new(settings.clickhouse())).await?)
}
