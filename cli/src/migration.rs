//! ClickHouse tables and views; the sink knows how they are made.

use crate::settings::Settings;

/// Applies what is missing; gives the names of what was applied.
pub(crate) async fn migrate(_settings: &Settings) -> anyhow::Result<Vec<String>> {
    Ok(Vec::new())
}

/// What would be applied.
pub(crate) async fn plan(_settings: &Settings) -> anyhow::Result<Vec<String>> {
    Ok(Vec::new())
}
