//! Applies the embedded SQL, each file once, and tells what would be applied.
//!
//! ClickHouse has no transaction around several statements. Each may be run again, so a migration
//! that broke off is simply applied once more; it is written down when its last statement is done.
//! Only one migrator works at a time.

mod lock;

use std::time::Duration;

use schemas::clickhouse::{Layout, MIGRATIONS, Migration};
use serde::Deserialize;

pub use lock::Patience;

use crate::clickhouse::{Store, StoreError};
use lock::Lock;

const LEDGER: &str = "schema_migrations";
/// A statement may fill a new table from a large one.
const STATEMENT_TIME_MAX: Duration = Duration::from_secs(6 * 3600);

const ACCESS_DENIED: u32 = 497;
const NOBODYS_RIGHTS: &str = "\nSQL SECURITY NONE\n";

/// Why the schema can't be brought up to date, or be worked with.
#[derive(Debug, thiserror::Error)]
pub enum MigrateError {
    #[error("the store can't be asked")]
    Store(#[from] StoreError),
    #[error(
        "migration {version:03}_{name} was applied with other content: a released file is never \
         edited; compare this program's version with the one that applied it"
    )]
    Edited { version: u32, name: &'static str },
    #[error(
        "the database is at schema {found}, this program knows {known}: run the newer version of \
         it, which is upgraded before the stages in front of it"
    )]
    Newer { found: u32, known: u32 },
    #[error("the database lacks {missing}: run `waybill clickhouse migrate`")]
    Behind { missing: String },
    #[error(
        "{which} would throw rows away; nothing was applied. Read it with --plan, make a copy of \
         what you need, and run it again with --allow-data-loss"
    )]
    LosesRows { which: String },
    #[error(
        "another migration is at work ({holder}); wait for it, or if none is, run \
         `DROP TABLE {table}`"
    )]
    Locked { holder: String, table: String },
    #[error("another migrator took over meanwhile; run this again to see whether all is done")]
    LockLost,
}

/// What a migrator may do.
#[derive(Clone, Copy, Debug, Default)]
pub struct Rules {
    /// Whether files that throw rows away are applied.
    pub may_lose_rows: bool,
    pub patience: Patience,
}

/// What was applied and what would be.
#[derive(Clone, Debug)]
pub struct Plan {
    pub layout: Layout,
    pub applied: Vec<&'static Migration>,
    pub pending: Vec<&'static Migration>,
}

impl Plan {
    /// Every statement that [`apply`] would run, in order.
    pub fn statements(&self) -> Vec<String> {
        self.pending
            .iter()
            .flat_map(|migration| migration.statements(&self.layout))
            .collect()
    }

    /// Names of what is pending and throws rows away.
    pub fn losing(&self) -> Vec<String> {
        let losing = self
            .pending
            .iter()
            .filter(|migration| migration.loses_rows());
        losing.map(|migration| name(migration)).collect()
    }
}

/// As its file is named.
pub fn name(migration: &Migration) -> String {
    format!("{:03}_{}", migration.version, migration.name)
}

#[derive(Deserialize)]
struct Applied {
    version: u32,
    checksum: String,
}

/// Compares the database with the embedded files. Changes nothing.
///
/// # Errors
/// [`MigrateError`] where the store does not answer, a file was edited after it was applied, or the
/// database is newer than this program.
pub async fn plan(store: &Store) -> Result<Plan, MigrateError> {
    let layout = layout(store).await?;
    let applied = applied(store).await?;
    decide(layout, &applied)
}

/// Applies what is pending and returns it.
///
/// # Errors
/// As [`plan`], and where rows would be lost without leave, or another migrator does not end; what
/// was applied before the error stays.
pub async fn apply(store: &Store, rules: &Rules) -> Result<Vec<&'static Migration>, MigrateError> {
    let first = plan(store).await?;
    if first.pending.is_empty() {
        return Ok(Vec::new());
    }
    let losing = first.losing();
    if !losing.is_empty() && !rules.may_lose_rows {
        return Err(MigrateError::LosesRows {
            which: losing.join(", "),
        });
    }
    let make = "CREATE DATABASE IF NOT EXISTS {database}";
    store.execute(&first.layout.statement(make)).await?;
    let lock = Lock::take(store, &first.layout, rules.patience).await?;
    let result = apply_locked(store, &lock).await;
    let given_back = lock.give_back().await;
    let done = result?;
    given_back?;
    Ok(done)
}

/// Looks again: whoever was waited for may have applied everything.
async fn apply_locked(
    store: &Store,
    lock: &Lock<'_>,
) -> Result<Vec<&'static Migration>, MigrateError> {
    let plan = plan(store).await?;
    let ledger = store.table(LEDGER);
    let make = format!(
        "CREATE TABLE IF NOT EXISTS {{database}}.{LEDGER}\n(version UInt32, name String, \
         checksum String, applied_at DateTime64(6, 'UTC'))\nENGINE = MergeTree ORDER BY version"
    );
    lock.run(STATEMENT_TIME_MAX, &plan.layout.statement(&make))
        .await?;
    for migration in &plan.pending {
        for statement in migration.statements(&plan.layout) {
            run(lock, &statement).await?;
        }
        let (version, name, checksum) = (migration.version, migration.name, migration.checksum());
        let insert = format!(
            "INSERT INTO {ledger} SETTINGS async_insert = 0 \
             VALUES ({version}, '{name}', '{checksum}', now64(6))"
        );
        lock.run(STATEMENT_TIME_MAX, &insert).await?;
        tracing::info!(version, name, "migration applied");
    }
    Ok(plan.pending)
}

/// A view that fills a table runs with nobody's rights where that may be said, and so never depends on a
/// user who may go; else with those of whoever makes it, as the server's default is.
async fn run(lock: &Lock<'_>, statement: &str) -> Result<(), MigrateError> {
    match lock.run(STATEMENT_TIME_MAX, statement).await {
        Err(MigrateError::Store(error))
            if error.code() == Some(ACCESS_DENIED) && statement.contains(NOBODYS_RIGHTS) =>
        {
            tracing::warn!(
                "this user may not say SQL SECURITY NONE (grant ALLOW SQL SECURITY NONE): inserts depend \
                 on its own rights from now on, so it must stay"
            );
            let statement = statement.replace(NOBODYS_RIGHTS, "\n");
            lock.run(STATEMENT_TIME_MAX, &statement).await
        }
        other => other,
    }
}

/// Refuses a database that this program can't load into.
///
/// # Errors
/// [`MigrateError::Behind`] says what to run; the others as in [`plan`].
pub async fn check(store: &Store) -> Result<(), MigrateError> {
    let plan = plan(store).await?;
    if plan.pending.is_empty() {
        return Ok(());
    }
    let names: Vec<String> = plan.pending.iter().map(|m| name(m)).collect();
    Err(MigrateError::Behind {
        missing: names.join(", "),
    })
}

/// As the settings and the database's engine say.
async fn layout(store: &Store) -> Result<Layout, StoreError> {
    #[derive(Deserialize)]
    struct Engine {
        engine: String,
    }
    let engines: Vec<Engine> = store
        .rows(
            "SELECT engine FROM system.databases WHERE name = {database: String}",
            &[("database", store.database())],
        )
        .await?;
    let replicates = |one: &Engine| ["Replicated", "Shared"].contains(&one.engine.as_str());
    let by_itself = engines.first().is_some_and(replicates);
    let cluster = store.cluster().filter(|_| !by_itself).map(str::to_owned);
    Ok(Layout {
        database: store.database().to_owned(),
        replicated: by_itself || cluster.is_some(),
        cluster,
    })
}

async fn applied(store: &Store) -> Result<Vec<Applied>, StoreError> {
    #[derive(Deserialize)]
    struct Count {
        count: u64,
    }
    let tables: Vec<Count> = store
        .rows(
            "SELECT count() AS count FROM system.tables \
             WHERE database = {database: String} AND name = {name: String}",
            &[("database", store.database()), ("name", LEDGER)],
        )
        .await?;
    if tables.first().is_none_or(|tables| tables.count == 0) {
        return Ok(Vec::new());
    }
    let sql = format!(
        "SELECT version, checksum FROM {} ORDER BY version",
        store.table(LEDGER)
    );
    store.rows(&sql, &[]).await
}

fn decide(layout: Layout, applied: &[Applied]) -> Result<Plan, MigrateError> {
    let known = MIGRATIONS
        .iter()
        .map(|migration| migration.version)
        .max()
        .unwrap_or(0);
    let found = applied
        .iter()
        .map(|migration| migration.version)
        .max()
        .unwrap_or(0);
    let mut plan = Plan {
        layout,
        applied: Vec::new(),
        pending: Vec::new(),
    };
    for migration in MIGRATIONS {
        let mut same = applied
            .iter()
            .filter(|one| one.version == migration.version)
            .peekable();
        if same.peek().is_none() {
            plan.pending.push(migration);
        } else if same.all(|one| one.checksum == migration.checksum()) {
            plan.applied.push(migration);
        } else {
            return Err(MigrateError::Edited {
                version: migration.version,
                name: migration.name,
            });
        }
    }
    if found > known {
        return Err(MigrateError::Newer { found, known });
    }
    Ok(plan)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all() -> Vec<Applied> {
        MIGRATIONS
            .iter()
            .map(|m| Applied {
                version: m.version,
                checksum: m.checksum(),
            })
            .collect()
    }

    #[test]
    fn an_empty_database_needs_everything_and_a_current_one_nothing() {
        assert_eq!(
            decide(Layout::single("w"), &[]).unwrap().pending.len(),
            MIGRATIONS.len()
        );
        let plan = decide(Layout::single("w"), &all()).unwrap();
        assert!(plan.pending.is_empty() && plan.statements().is_empty());
    }

    #[test]
    fn two_that_applied_at_once_wrote_it_down_twice_and_that_is_fine() {
        let twice: Vec<Applied> = all().into_iter().chain(all()).collect();
        assert!(
            decide(Layout::single("w"), &twice)
                .unwrap()
                .pending
                .is_empty()
        );
    }

    #[test]
    fn a_file_that_was_edited_after_it_was_applied_is_refused() {
        let mut applied = all();
        applied[2].checksum = "00".into();
        assert!(matches!(
            decide(Layout::single("w"), &applied),
            Err(MigrateError::Edited { version: 3, .. })
        ));
    }

    #[test]
    fn a_newer_schema_refuses_an_older_program() {
        let mut applied = all();
        let found = u32::try_from(applied.len()).unwrap() + 1;
        applied.push(Applied {
            version: found,
            checksum: "ff".into(),
        });
        let error = decide(Layout::single("w"), &applied).unwrap_err();
        assert!(matches!(error, MigrateError::Newer { .. }));
        assert!(error.to_string().contains(&found.to_string()), "{error}");
    }
}
