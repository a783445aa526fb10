//! The real parts, shared; a database, a prefix and topics of its own for each test.

use std::{
    sync::{
        OnceLock,
        atomic::{AtomicU32, Ordering},
    },
    time::{Duration, Instant},
};

use local_stack::{Options, Silent, Stack};
use runtime::settings::{ClickhouseSettings, Secret};
use serde_json::Value;
use sink::{clickhouse::Store, migrate};

pub(crate) const PLAIN_USER: &str = "plain";

static STACK: OnceLock<Stack> = OnceLock::new();
static TESTS: AtomicU32 = AtomicU32::new(0);

pub(crate) fn stack() -> &'static Stack {
    STACK.get_or_init(|| {
        let own = std::env::current_exe().unwrap();
        let folder = own.parent().unwrap().parent().unwrap().join("sink-stack");
        drop(std::fs::remove_dir_all(&folder));
        let mut options = Options::new(folder);
        // all rights but those over users and views' rights, as on a server that somebody else runs
        options.clickhouse.users_xml = format!(
            "<{PLAIN_USER}><no_password/><networks><ip>127.0.0.1</ip></networks>\
             <profile>default</profile><quota>default</quota></{PLAIN_USER}>"
        );
        Stack::start(options, &Silent).expect("the stack starts")
    })
}

pub(crate) fn name() -> String {
    format!("sink_test_{}", TESTS.fetch_add(1, Ordering::Relaxed))
}

pub(crate) fn settings(database: &str) -> ClickhouseSettings {
    ClickhouseSettings {
        url: stack().clickhouse_url(),
        database: database.to_owned(),
        cluster: String::new(),
        user: stack().clickhouse_user().to_owned(),
        password: Secret::new(""),
    }
}

/// A database with everything that the sink needs.
pub(crate) async fn migrated() -> Store {
    let store = Store::new(&settings(&name()));
    migrate::apply(&store, &migrate::Rules::default())
        .await
        .unwrap();
    store
}

/// The rows of a query in which `{db}` stands for the database.
pub(crate) async fn rows(store: &Store, sql: &str) -> Vec<Value> {
    let sql = sql.replace("{db}", store.database());
    store
        .rows(&sql, &[])
        .await
        .unwrap_or_else(|error| panic!("{sql}\n{error}"))
}

/// Generous: two cores may be busy with something else. A test that passes never waits for it.
const WITHIN: Duration = Duration::from_secs(120);
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// Waits until a query gives these rows, and tells what it gave otherwise.
pub(crate) async fn until(store: &Store, sql: &str, expected: &[Value]) {
    until_after(store, sql, expected, || {}).await;
}

/// The same, with something that is done before each look.
pub(crate) async fn until_after(store: &Store, sql: &str, expected: &[Value], step: impl Fn()) {
    looking(async || {
        step();
        let found = rows(store, sql).await;
        let differs = || format!("{sql}\n{found:?}\ninstead of\n{expected:?}");
        (found == expected).then_some(()).ok_or_else(differs)
    })
    .await;
}

pub(crate) async fn eventually(what: &str, holds: impl Fn() -> bool) {
    looking(async || {
        holds()
            .then_some(())
            .ok_or_else(|| format!("not in time: {what}"))
    })
    .await;
}

/// Looks again and again until it is as it should be, and says what it was otherwise.
pub(crate) async fn looking(mut look: impl AsyncFnMut() -> Result<(), String>) {
    let deadline = Instant::now() + WITHIN;
    while let Err(why) = look().await {
        assert!(Instant::now() < deadline, "{why}");
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// Merges a table until the store says that it has: by itself it passes over parts that it can't
/// merge, or is merging already, and says nothing.
pub(crate) async fn merged(store: &Store, table: &str) {
    let merge = format!(
        "OPTIMIZE TABLE {} FINAL SETTINGS optimize_throw_if_noop = 1",
        store.table(table)
    );
    looking(async || {
        let done = store.execute(&merge).await;
        done.map_err(|error| format!("{table} is not merged: {error:?}"))
    })
    .await;
}
