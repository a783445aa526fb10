//! What an analyst of one tenant can see of another: nothing, in any view, table or other way.

use std::path::Path;

use pipeline_tests::{
    Pipeline, Webhook, children,
    model::{History, START},
    pipeline::{API_KEY, TOKEN},
    stack::{ANALYSTS_DATABASE, ANALYSTS_PASSWORD},
    store::Store,
    wait,
};
use serde_json::{Value, json};

#[derive(Debug)]
struct Object {
    name: String,
    is_view: bool,
    has_tenant: bool,
}

/// What the user can read in the database.
async fn readable(analyst: &Store, admin: &Store) -> Vec<Object> {
    let found = format!(
        "SELECT name, engine FROM system.tables WHERE database = '{ANALYSTS_DATABASE}' ORDER BY name"
    );
    let mut objects = Vec::new();
    for row in analyst.rows(&found).await.unwrap() {
        let (name, engine) = (
            row["name"].as_str().unwrap(),
            row["engine"].as_str().unwrap(),
        );
        assert!(
            engine == "View" || engine.ends_with("MergeTree"),
            "{name} is a {engine}: has it a row policy of its own?"
        );
        let column = format!(
            "SELECT count() FROM system.columns WHERE database = '{ANALYSTS_DATABASE}' \
             AND table = '{name}' AND name = 'tenant_id'"
        );
        objects.push(Object {
            name: name.to_owned(),
            is_view: engine == "View",
            has_tenant: admin.count(&column).await.unwrap() == 1,
        });
    }
    objects
}

/// Something in every view and table, for `acme` and, as copies, for a rival.
async fn fill(pipeline: &Pipeline) {
    let history = History::delivered(1);
    pipeline.post_all(&history.webhooks).await;
    pipeline.post(&history.webhooks[0]).await;
    let wallet = json!({"balance": {"currency": "HKD", "amount": "844"}, "updatedAt": "2022-04-21T22:22.00Z"});
    pipeline
        .post_all(&[
            Webhook::replaced("71000001", "71000002", START + 300),
            Webhook::new("WALLET_BALANCE_CHANGED", START, &wallet),
        ])
        .await;
    let forged = history.webhooks[1].body(API_KEY, "sk_wrong", &format!("/hooks/{TOKEN}"));
    pipeline.post_bytes(TOKEN, forged).await;
    let store = &pipeline.store;
    for (table, rows) in [
        ("events", 7),
        ("orders", 3),
        ("receipts", 8),
        ("set_aside", 2),
    ] {
        pipeline
            .wait_count(&format!("SELECT count() FROM {table}"), rows)
            .await;
    }
    // a receipt of yesterday that nothing came of
    let lost = "INSERT INTO receipts_log SELECT * REPLACE (toString(generateUUIDv4()) AS receipt_id, \
        received_at - INTERVAL 1 DAY AS received_at) FROM receipts_log LIMIT 1";
    store.rows(lost).await.unwrap();
    // and an event whose receipt is not there
    let unreceived = "INSERT INTO events_log SELECT * REPLACE (toString(generateUUIDv4()) AS receipt_id, \
        toString(generateUUIDv4(1)) AS event_id, received_at - INTERVAL 2 DAY AS received_at) FROM events_log LIMIT 1";
    store.rows(unreceived).await.unwrap();
    // and one whose order is not there
    let orderless = "INSERT INTO events_log SELECT * REPLACE ('orderless' AS order_id, \
        toString(generateUUIDv4(2)) AS event_id, loaded_at - INTERVAL 1 DAY AS loaded_at) FROM events_log \
        WHERE order_id IS NOT NULL LIMIT 1";
    store.rows(orderless).await.unwrap();
    for table in ["events_log", "orders_log", "receipts_log", "set_aside_log"] {
        let copy =
            format!("INSERT INTO {table} SELECT * REPLACE ('rival' AS tenant_id) FROM {table}");
        store.rows(&copy).await.unwrap();
    }
    pipeline
        .wait_count("SELECT count() > 0 FROM frontiers_log", 1)
        .await;
}

async fn counts(store: &Store, object: &str) -> (i64, i64) {
    let sql = format!(
        "SELECT countIf(tenant_id = 'acme') AS own, countIf(tenant_id != 'acme') AS others FROM {object}"
    );
    let row = store.rows(&sql).await.unwrap().remove(0);
    (
        row["own"].as_i64().unwrap(),
        row["others"].as_i64().unwrap(),
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn an_analyst_sees_one_tenants_rows_in_every_view_and_table_and_can_lift_no_limit() {
    let settings = [("WAYBILL__CLICKHOUSE__DATABASE", ANALYSTS_DATABASE)];
    let pipeline = Pipeline::start_with(&settings).await;
    fill(&pipeline).await;
    let admin = &pipeline.store;
    let acme = admin.as_user("tenancy_acme", ANALYSTS_PASSWORD);
    let stranger = admin.as_user("tenancy_stranger", ANALYSTS_PASSWORD);
    let objects = readable(&acme, admin).await;
    assert!(
        objects.iter().filter(|object| object.is_view).count() >= 13,
        "{objects:?}"
    );
    for object in &objects {
        let name = &object.name;
        if !object.has_tenant {
            assert_eq!(name, "frontiers_log", "whose are its rows?");
            continue;
        }
        // both tenants have rows there, so that a leak would show
        let (own, others) = wait::until(name, || async {
            match counts(admin, name).await {
                (0, _) | (_, 0) => Err("it is empty".to_owned()),
                both => Ok(both),
            }
        })
        .await;
        assert!(own > 0 && others > 0);
        assert_eq!(counts(&acme, name).await, (own, 0), "{name}");
        assert_eq!(counts(&stranger, name).await, (0, 0), "{name}");
    }
    every_table_has_a_policy(admin, &objects).await;
    nothing_else_is_within_reach(&pipeline, &acme, &objects).await;
    nothing_lies_open_in_parts(admin, &acme).await;
    no_file_is_read(&pipeline, &acme).await;
    nothing_is_found_in_the_servers_files(admin, &acme).await;
    no_limit_is_lifted(&acme).await;
}

/// Some table functions read a table's marks and projections, which no row policy covers.
async fn nothing_lies_open_in_parts(admin: &Store, acme: &Store) {
    let known = [
        "mergeTreeAnalyzeIndexes",
        "mergeTreeAnalyzeIndexesUUID",
        "mergeTreeIndex",
        "mergeTreeProjection",
        "mergeTreeTextIndex",
    ];
    let sql =
        "SELECT name FROM system.table_functions WHERE startsWith(name, 'mergeTree') ORDER BY name";
    let found = admin.rows(sql).await.unwrap();
    let found: Vec<&str> = found
        .iter()
        .filter_map(|row| row["name"].as_str())
        .collect();
    assert_eq!(found, known, "does a new one need a filter?");
    for function in [
        "mergeTreeIndex(currentDatabase(), 'events_log')",
        "mergeTreeIndex(currentDatabase(), 'orders_log', with_marks = true)",
        "mergeTreeProjection(currentDatabase(), 'receipts_log', 'ten_minutes')",
        "mergeTreeAnalyzeIndexes(currentDatabase(), 'set_aside_log')",
    ] {
        let sql = format!("SELECT count() FROM (SELECT * FROM {function})");
        assert!(admin.count(&sql).await.unwrap() > 0, "{sql}");
        assert_eq!(acme.count(&sql).await, Ok(0), "{sql}");
        let open = format!("{sql} SETTINGS additional_table_filters = {{}}");
        assert!(acme.rows(&open).await.is_err(), "{open}");
    }
}

async fn every_table_has_a_policy(admin: &Store, objects: &[Object]) {
    for object in objects.iter().filter(|object| !object.is_view) {
        let policy = format!(
            "SELECT select_filter FROM system.row_policies WHERE database = '{ANALYSTS_DATABASE}' \
             AND table = '{}' AND has(apply_to_list, 'tenancy_acme')",
            object.name
        );
        let filters = admin.rows(&policy).await.unwrap();
        assert!(!filters.is_empty(), "{} has no row policy", object.name);
        for filter in filters {
            let filter = filter["select_filter"].as_str().unwrap();
            let expected = if object.has_tenant {
                "tenant_id = 'acme'"
            } else {
                "1"
            };
            assert!(filter.contains(expected), "{}: {filter}", object.name);
        }
    }
}

async fn nothing_else_is_within_reach(pipeline: &Pipeline, acme: &Store, objects: &[Object]) {
    // raw bodies are in no column
    let bodies = "SELECT DISTINCT name FROM system.columns WHERE name ILIKE '%body%' \
        OR name ILIKE '%payload%' ORDER BY name";
    let found: Vec<Value> = acme.rows(bodies).await.unwrap();
    let names: Vec<&str> = found
        .iter()
        .map(|row| row["name"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["body_bytes", "body_ref", "body_sha256"]);
    // what the operator has beside them
    let all = pipeline
        .store
        .rows(&format!(
            "SELECT name FROM system.tables WHERE database = '{ANALYSTS_DATABASE}'"
        ))
        .await
        .unwrap();
    let hidden = all.iter().filter_map(|row| row["name"].as_str());
    let mut refused: Vec<String> = hidden
        .filter(|name| objects.iter().all(|object| object.name != *name))
        .map(|name| format!("SELECT 1 FROM {name}"))
        .collect();
    assert!(
        !refused.is_empty(),
        "the ledger of migrations is the operator's"
    );
    let blobs = pipeline.folder().join("blobs");
    refused.extend(
        [
            "SELECT 1 FROM system.processes",
            "SELECT 1 FROM system.users",
            "SELECT * FROM url('http://127.0.0.1:1/', 'LineAsString')",
            "INSERT INTO events_log (tenant_id) VALUES ('acme')",
            "ALTER TABLE events_log DELETE WHERE 1",
            "CREATE TABLE mine (a UInt8) ENGINE = Memory",
            "DROP ROW POLICY IF EXISTS x ON events_log",
        ]
        .map(str::to_owned),
    );
    refused.push(format!(
        "SELECT * FROM file('{}/*', 'LineAsString')",
        blobs.display()
    ));
    for sql in refused {
        assert!(acme.rows(&sql).await.is_err(), "{sql}");
    }
}

/// The function `file` asks for no grant, and is not kept to a folder where ClickHouse has no server.
async fn no_file_is_read(pipeline: &Pipeline, acme: &Store) {
    let stack = children::target_folder().join("pipeline-stack");
    let log = std::fs::read_to_string(stack.join("logs/clickhouse.log")).unwrap();
    if log.contains("is not confined") {
        eprintln!("not checked: this machine can't keep ClickHouse to its folder");
        return;
    }
    let own = pipeline.folder().join("beside.txt");
    std::fs::write(&own, "not an analyst's").unwrap();
    for path in [
        Path::new("/etc/passwd"),
        &own,
        &pipeline.folder().join("tenants.toml"),
        &stack.join("clickhouse.key"),
        &stack.join("kafka/server.properties"),
        &stack.join("logs/clickhouse.log"),
        Path::new(&format!("/proc/{}/environ", std::process::id())),
        Path::new(&format!("/proc/{}/cmdline", std::process::id())),
    ] {
        assert!(path.exists(), "{}", path.display());
        let sql = format!("SELECT length(file('{}'))", path.display());
        let error = acme.rows(&sql).await.expect_err(&sql);
        assert!(error.contains("Permission denied"), "{error}");
    }
    let environment = "SELECT length(file('/proc/self/environ'))";
    assert_eq!(acme.count(environment).await, Ok(0));
}

/// Its own folder is open to it, and so to everybody: neither rows nor passwords stand there in the clear.
async fn nothing_is_found_in_the_servers_files(admin: &Store, acme: &Store) {
    let parts = format!(
        "SELECT path FROM system.parts WHERE database = '{ANALYSTS_DATABASE}' AND active \
         AND part_type = 'Compact'"
    );
    let parts = admin.rows(&parts).await.unwrap();
    assert!(!parts.is_empty());
    for part in parts {
        let file = format!("file('{}data.bin')", part["path"].as_str().unwrap());
        let sql = format!("SELECT startsWith({file}, 'ENC') AND position({file}, 'rival') = 0");
        assert_eq!(acme.count(&sql).await, Ok(1), "{file}");
    }
    let users = children::target_folder().join("pipeline-stack/clickhouse/users.xml");
    let sql = format!(
        "SELECT position(file('{}'), '{ANALYSTS_PASSWORD}')",
        users.display()
    );
    assert_eq!(acme.count(&sql).await, Ok(0));
}

async fn no_limit_is_lifted(acme: &Store) {
    for setting in [
        "max_memory_usage = 0",
        "max_memory_usage = 100000000000",
        "max_execution_time = 0",
        "max_execution_time = 3600",
        "max_threads = 1000",
        "max_final_threads = 1000",
        "max_memory_usage_for_user = 0",
        "max_concurrent_queries_for_user = 0",
        "max_untracked_memory = 100000000000",
        "timeout_overflow_mode = 'break'",
        "readonly = 0",
        "allow_ddl = 1",
        "query_cache_share_between_users = 1",
    ] {
        let refused = acme
            .rows(&format!("SELECT 1 AS one SETTINGS {setting}"))
            .await;
        let error = refused.expect_err(setting);
        assert!(
            ["452", "164", "392"]
                .iter()
                .any(|code| error.contains(code)),
            "{setting}: {error}"
        );
    }
    // within them, what drivers and Grafana set passes
    let within =
        "SELECT 1 AS one SETTINGS max_execution_time = 10, max_threads = 1, max_result_rows = 5";
    assert_eq!(acme.rows(within).await, Ok(vec![json!({"one": 1})]));
    let hungry = "SELECT length(groupArray(s)) FROM \
        (SELECT concat(repeat('x', 4000), toString(arrayJoin(range(1000000)))) AS s)";
    let error = acme.rows(hungry).await.expect_err("four gigabytes");
    assert!(error.contains("MEMORY_LIMIT_EXCEEDED"), "{error}");
}

/// A server with users of its own is not to be had here; it parses what would be run.
#[tokio::test(flavor = "multi_thread")]
async fn the_statements_of_a_grant_are_clickhouse_sql_and_a_server_of_files_is_told_what_to_do() {
    let pipeline = Pipeline::start().await;
    let told = pipeline.waybill("tenants grant acme --user bi --dry-run --json", &[]);
    let statements = told.json(0)["statements"].clone();
    let statements = statements.as_array().unwrap();
    assert!(statements.len() > 20);
    for statement in statements {
        let text = statement
            .as_str()
            .unwrap()
            .replace('\\', "\\\\")
            .replace('\'', "\\'");
        let parsed = pipeline
            .store
            .value(&format!("SELECT formatQuery('{text}')"))
            .await;
        assert!(parsed.is_ok(), "{statement}: {parsed:?}");
    }
    let told = pipeline.waybill("tenants grant acme --user bi", &[]);
    assert_eq!(told.code, Some(1));
    assert!(told.notes.contains("--format users-xml"), "{told:?}");
    let told = pipeline.waybill("tenants grant nobody --user bi", &[]);
    assert_eq!(told.code, Some(2));
    assert!(told.notes.contains("acme"), "{told:?}");
}
