//! Asks the store in what condition its tables are: parts that pile up slow every insert down in time
//! and then refuse it, and a mutation that fails is told nowhere but in a system table.
//!
//! What fails is asked again at the next look, and delays nothing else.

use std::{collections::BTreeSet, time::Duration};

use runtime::shutdown::Shutdown;
use serde::Deserialize;

use crate::{
    clickhouse::{Store, StoreError},
    metrics::Metrics,
};

const LOOK_EVERY: Duration = Duration::from_secs(30);

/// Of a table's partitions the one with the most parts: the server's limits are by partition.
const PARTS: &str = "SELECT table, max(parts) AS most FROM (\
    SELECT table, partition_id, count() AS parts FROM system.parts \
    WHERE database = {database:String} AND active GROUP BY table, partition_id) GROUP BY table";

const MUTATIONS: &str = "SELECT count() AS failing FROM system.mutations \
    WHERE database = {database:String} AND NOT is_done AND latest_fail_reason != ''";

#[derive(Deserialize)]
struct Parts {
    table: String,
    most: i64,
}

#[derive(Deserialize)]
struct Mutations {
    failing: i64,
}

pub(crate) struct Condition {
    pub(crate) store: Store,
    pub(crate) metrics: Metrics,
    pub(crate) shutdown: Shutdown,
}

impl Condition {
    /// Runs until shutdown is requested.
    pub(crate) async fn run(self) -> anyhow::Result<()> {
        let mut known = BTreeSet::new();
        let mut is_known = true;
        while !self.shutdown.is_requested() {
            let looked = self.look(&mut known).await;
            if let Err(error) = &looked
                && is_known
            {
                let error = error.to_string();
                tracing::warn!(error, "the condition of the store's tables is not known");
            }
            is_known = looked.is_ok();
            tokio::select! {
                () = self.shutdown.requested() => {}
                () = tokio::time::sleep(LOOK_EVERY) => {}
            }
        }
        Ok(())
    }

    async fn look(&self, known: &mut BTreeSet<String>) -> Result<(), StoreError> {
        let parameters = [("database", self.store.database())];
        let mut gone = std::mem::take(known);
        for Parts { table, most } in self.store.rows(PARTS, &parameters).await? {
            self.metrics.parts(&table, most);
            gone.remove(&table);
            known.insert(table);
        }
        for table in gone {
            self.metrics.parts(&table, 0);
        }
        for Mutations { failing } in self.store.rows(MUTATIONS, &parameters).await? {
            self.metrics.failing_mutations(failing);
        }
        Ok(())
    }
}
