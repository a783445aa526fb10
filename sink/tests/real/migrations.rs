//! Several migrators at once, one that died, and codes that servers give.

use std::time::Duration;

use schemas::{
    clickhouse::{Layout, MIGRATIONS},
    topics::Topic,
};
use serde_json::{Value, json};
use sink::{
    clickhouse::Store,
    codes::{CODES, QUOTES_NO_ROW},
    migrate::{self, MigrateError, Patience, Rules},
    row::{self, Place},
    table::Table,
};

use crate::{
    examples::headers,
    inserts::Rows,
    stack::{PLAIN_USER, name, rows, settings},
};

/// A database in which somebody else holds the lock.
async fn locked() -> Store {
    let store = Store::new(&settings(&name()));
    let database = format!("CREATE DATABASE {}", store.database());
    store.execute(&database).await.unwrap();
    let lock = store.table("schema_lock");
    let lock = format!("CREATE TABLE {lock} (x UInt8) ENGINE = Memory COMMENT 'somebody'");
    store.execute(&lock).await.unwrap();
    store
}

#[tokio::test(flavor = "multi_thread")]
async fn of_migrators_that_start_together_one_works_and_the_others_find_it_done() {
    let store = Store::new(&settings(&name()));
    let pending = migrate::plan(&store).await.unwrap().pending.len();
    let rules = Rules::default();
    let (a, b, c) = tokio::join!(
        migrate::apply(&store, &rules),
        migrate::apply(&store, &rules),
        migrate::apply(&store, &rules)
    );
    let applied = [a, b, c].map(|result| result.unwrap().len());
    assert_eq!(applied.iter().sum::<usize>(), pending, "{applied:?}");
    let sql = "SELECT count() AS n, uniqExact(version) AS versions FROM {db}.schema_migrations";
    let expected = [json!({"n": pending, "versions": pending})];
    assert_eq!(rows(&store, sql).await, expected);
    let locks =
        "SELECT name FROM system.tables WHERE database = '{db}' AND name LIKE 'schema_lock%'";
    assert!(rows(&store, locks).await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_held_lock_is_waited_for_and_then_named() {
    let store = locked().await;
    let rules = Rules {
        patience: Patience {
            wait_max: Duration::ZERO,
            ..Patience::default()
        },
        ..Rules::default()
    };
    let refused = migrate::apply(&store, &rules).await.unwrap_err();
    assert!(
        matches!(refused, MigrateError::Locked { .. }),
        "{refused:?}"
    );
    assert!(refused.to_string().contains("somebody"), "{refused}");
    let tables = "SELECT count() AS n FROM system.tables WHERE database = '{db}'";
    assert_eq!(rows(&store, tables).await, [json!({"n": 1})]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_lock_of_a_migrator_that_died_is_taken_over() {
    let store = locked().await;
    let rules = Rules {
        patience: Patience {
            stale_after: Duration::ZERO,
            ..Patience::default()
        },
        ..Rules::default()
    };
    migrate::apply(&store, &rules).await.unwrap();
    assert!(migrate::plan(&store).await.unwrap().pending.is_empty());
}

/// Such a user may not give a view nobody's rights; views that fill tables then run with its own.
#[tokio::test(flavor = "multi_thread")]
async fn a_user_without_rights_over_users_migrates_and_loads() {
    let mut settings = settings(&name());
    settings.user = PLAIN_USER.to_owned();
    let store = Store::new(&settings);
    migrate::apply(&store, &Rules::default()).await.unwrap();
    let views = "SELECT countIf(create_table_query LIKE '%SQL SECURITY NONE%') AS of_nobody, count() AS n \
        FROM system.tables WHERE database = '{db}' AND engine = 'MaterializedView'";
    assert_eq!(rows(&store, views).await, [json!({"of_nobody": 0, "n": 3})]);
    let place = Place {
        topic: "raw",
        partition: 0,
        offset: 1,
    };
    let mut receipts = Rows::default();
    receipts.add(0, |w| {
        row::receipt::write(w, &headers(1, 0), Topic::Raw, place)
    });
    receipts.insert(&store, Table::Receipts, "one").await;
    let places = "SELECT count() AS n FROM {db}.places_log";
    assert_eq!(rows(&store, places).await, [json!({"n": 1})]);
}

/// There is no Keeper here that replicas could share, so this is as far as a server can tell.
#[tokio::test(flavor = "multi_thread")]
async fn the_server_can_parse_what_replicas_get() {
    let store = Store::new(&settings(&name()));
    let layout = Layout {
        database: "w".into(),
        cluster: Some("c".into()),
        replicated: true,
    };
    for statement in MIGRATIONS.iter().flat_map(|m| m.statements(&layout)) {
        let sql = "SELECT formatQuery({statement: String}) AS parsed";
        let parsed: Vec<Value> = store
            .rows(sql, &[("statement", &statement)])
            .await
            .unwrap_or_else(|error| panic!("{statement}\n{error}"));
        let parsed = parsed[0]["parsed"].as_str().unwrap();
        assert_eq!(
            parsed.contains("ON CLUSTER c"),
            !statement.starts_with("INSERT"),
            "{parsed}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_server_calls_every_code_that_is_listed_by_the_name_in_the_list() {
    let store = Store::new(&settings(&name()));
    let decided = CODES.iter().map(|(code, name, _)| (code, name));
    let shown = QUOTES_NO_ROW.iter().map(|(code, name)| (code, name));
    for (code, name) in decided.chain(shown) {
        let sql = format!("SELECT errorCodeToName({code}) AS name");
        assert_eq!(rows(&store, &sql).await, [json!({ "name": name })]);
    }
}
