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

/// Waits until a query gives these rows, and tells what it gave otherwise.
pub(crate) async fn until(store: &Store, sql: &str, expected: &[Value]) {
    until_after(store, sql, expected, || {}).await;
}

/// The same, with something that is done before each look.
pub(crate) async fn until_after(store: &Store, sql: &str, expected: &[Value], step: impl Fn()) {
    let deadline = Instant::now() + WITHIN;
    loop {
        step();
        let found = rows(store, sql).await;
        if found == expected {
            return;
        }
        assert!(
            Instant::now() < deadline,
            "{sql}\n{found:?}\ninstead of\n{expected:?}"
        );
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

pub(crate) async fn eventually(what: &str, holds: impl Fn() -> bool) {
    let deadline = Instant::now() + WITHIN;
    while !holds() {
        assert!(Instant::now() < deadline, "not in time: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Merges a table until the store says that it has: by itself it passes over parts that it can't
/// merge, or is merging already, and says nothing.
pub(crate) async fn merged(store: &Store, table: &str) {
    let merge = format!(
        "OPTIMIZE TABLE {} FINAL SETTINGS optimize_throw_if_noop = 1",
        store.table(table)
    );
    let deadline = Instant::now() + WITHIN;
    while let Err(error) = store.execute(&merge).await {
        assert!(
            Instant::now() < deadline,
            "{table} is not merged: {error:?}"
        );
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}
