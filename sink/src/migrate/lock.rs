//! One migrator at a time. ClickHouse has no locks, but of two that make the same table one is refused;
//! with `ON CLUSTER` the queue of statements decides for all replicas alike.
//!
//! The holder touches its lock while it works. One that was killed leaves a lock that nobody touches,
//! and the next one moves it out of the way. Should two ever work at once after all, because a holder
//! was stopped for longer than that, nothing is lost: every statement may be run again.

use std::time::{Duration, Instant};

use schemas::clickhouse::Layout;
use serde::Deserialize;

use super::MigrateError;
use crate::clickhouse::{Store, StoreError};

const TABLE: &str = "schema_lock";
/// Its code for a table that is there already.
const ALREADY_EXISTS: u32 = 57;
const TOUCH_EVERY: Duration = Duration::from_secs(10);
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// How long others are waited for.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// A lock that was not touched for so long belongs to nobody.
    pub stale_after: Duration,
    /// Then it is given up.
    pub wait_max: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            stale_after: Duration::from_secs(60),
            wait_max: Duration::from_secs(300),
        }
    }
}

#[derive(Deserialize)]
struct Found {
    uuid: String,
    comment: String,
    untouched_seconds: i64,
}

/// Ours until it is given back.
pub(super) struct Lock<'a> {
    store: &'a Store,
    layout: &'a Layout,
    uuid: String,
}

impl<'a> Lock<'a> {
    /// Waits for whoever has it.
    pub(super) async fn take(
        store: &'a Store,
        layout: &'a Layout,
        patience: Patience,
    ) -> Result<Self, MigrateError> {
        let (table, on_cluster) = (store.table(TABLE), layout.on_cluster());
        let make = format!(
            "CREATE TABLE {table}{on_cluster} (x UInt8) ENGINE = Memory \
             COMMENT 'process {}'",
            std::process::id()
        );
        let deadline = Instant::now() + patience.wait_max;
        loop {
            match store.execute(&make).await {
                Ok(()) => {
                    let uuid = found(store).await?.map(|lock| lock.uuid);
                    let uuid = uuid.unwrap_or_default();
                    return Ok(Self {
                        store,
                        layout,
                        uuid,
                    });
                }
                Err(error) if error.code() == Some(ALREADY_EXISTS) => {}
                Err(error) => return Err(error.into()),
            }
            let Some(lock) = found(store).await? else {
                continue;
            };
            let stale = i64::try_from(patience.stale_after.as_secs()).unwrap_or(i64::MAX);
            if lock.untouched_seconds >= stale {
                tracing::warn!(
                    holder = lock.comment,
                    "a lock that nobody touches is removed"
                );
                remove(store, layout, &lock.uuid).await?;
                continue;
            }
            if Instant::now() >= deadline {
                return Err(MigrateError::Locked {
                    holder: lock.comment,
                    table,
                });
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// Runs a statement, however long it takes, and keeps the lock meanwhile.
    pub(super) async fn run(&self, time_max: Duration, sql: &str) -> Result<(), MigrateError> {
        self.check().await?;
        let statement = self.store.execute_within(time_max, sql);
        tokio::pin!(statement);
        loop {
            tokio::select! {
                done = &mut statement => return Ok(done?),
                () = tokio::time::sleep(TOUCH_EVERY) => self.touch().await?,
            }
        }
    }

    async fn check(&self) -> Result<(), MigrateError> {
        match found(self.store).await? {
            Some(lock) if lock.uuid == self.uuid => Ok(()),
            _ => Err(MigrateError::LockLost),
        }
    }

    async fn touch(&self) -> Result<(), StoreError> {
        let (table, on_cluster) = (self.store.table(TABLE), self.layout.on_cluster());
        let touch = format!(
            "ALTER TABLE {table}{on_cluster} MODIFY COMMENT 'process {}, still at work'",
            std::process::id()
        );
        self.store.execute(&touch).await
    }

    pub(super) async fn give_back(self) -> Result<(), MigrateError> {
        self.check().await?;
        Ok(remove(self.store, self.layout, &self.uuid).await?)
    }
}

async fn found(store: &Store) -> Result<Option<Found>, StoreError> {
    let rows: Vec<Found> = store
        .rows(
            "SELECT toString(uuid) AS uuid, comment, \
             dateDiff('second', metadata_modification_time, now()) AS untouched_seconds \
             FROM system.tables WHERE database = {database: String} AND name = {name: String}",
            &[("database", store.database()), ("name", TABLE)],
        )
        .await?;
    Ok(rows.into_iter().next())
}

/// By way of another name, which stands for this lock and no other: of two that remove it one comes
/// too late, and finds nothing or the other's new lock under a name that is taken.
async fn remove(store: &Store, layout: &Layout, uuid: &str) -> Result<(), StoreError> {
    let (table, on_cluster) = (store.table(TABLE), layout.on_cluster());
    let aside = store.table(&format!("{TABLE}_{uuid}"));
    let moved = store
        .execute(&format!("RENAME TABLE {table} TO {aside}{on_cluster}"))
        .await;
    if moved.is_ok() {
        store
            .execute(&format!("DROP TABLE IF EXISTS {aside}{on_cluster} SYNC"))
            .await?;
    }
    Ok(())
}
