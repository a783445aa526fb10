//! Asking the views. What they answer is read row by row into types of ours.

use anyhow::Context as _;
use runtime::settings::ClickhouseSettings;
use schemas::clickhouse::{DATABASE, quoted};
use serde::de::DeserializeOwned;
use sink::clickhouse::{Store, StoreError};

/// One server, one database, one user.
pub(crate) struct Clickhouse(Store);

impl Clickhouse {
    pub(crate) fn new(access: &ClickhouseSettings) -> Self {
        Self(Store::new(access))
    }

    /// Runs a statement that gives no rows.
    pub(crate) async fn execute(&self, sql: &str) -> Result<(), StoreError> {
        self.0.execute(sql).await
    }

    /// The same, with `{database}` as below.
    pub(crate) async fn execute_in(&self, sql: &str) -> Result<(), StoreError> {
        let sql = sql.replace(DATABASE, &quoted(self.0.database()));
        self.0.execute(&sql).await
    }

    /// The rows of a query, in which `{database}` stands before the names of views, and parameters
    /// as `{name:Type}`, so that nothing is ever quoted here.
    pub(crate) async fn rows<T: DeserializeOwned>(
        &self,
        query: &str,
        parameters: &[(&str, &str)],
    ) -> anyhow::Result<Vec<T>> {
        let query = query.replace(DATABASE, &quoted(self.0.database()));
        self.0
            .rows(&query, parameters)
            .await
            .context("asking ClickHouse (WAYBILL__CLICKHOUSE__URL)")
    }
}
