//! Tables, records and rows agree.

use std::collections::BTreeSet;

use schemas::{Micros, Reason, avro::Record, set_aside, topics::Topic};
use serde_json::{Value, json};
use sink::{
    check::{self, CheckError},
    clickhouse::Store,
    migrate::{self, MigrateError, Rules},
    row::{self, Place},
    table::Table,
};

use crate::{
    examples::{at, full_event, full_order, headers},
    inserts::{OfTable, one_row},
    stack::{migrated, name, rows, settings},
};

const PLACE: Place<'_> = Place {
    topic: "t",
    partition: 3,
    offset: 7,
};

async fn insert<C: OfTable>(store: &Store, table: Table, write: impl FnOnce(&mut C)) {
    let (body, adjusted) = one_row(0, write);
    assert_eq!(adjusted, 0);
    let (table, columns) = (table.name(), table.columns());
    store.insert(table, &columns, "token", body).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn migrations_are_applied_once_and_then_the_sink_may_load() {
    let store = Store::new(&settings(&name()));
    let refused = check::check(store.clone()).await.unwrap_err();
    assert!(format!("{:#}", anyhow::Error::new(refused)).contains("waybill clickhouse migrate"));

    let pending = migrate::plan(&store).await.unwrap().pending.len();
    assert!(pending > 0);
    assert_eq!(
        migrate::apply(&store, &Rules::default())
            .await
            .unwrap()
            .len(),
        pending
    );
    assert_eq!(
        migrate::apply(&store, &Rules::default())
            .await
            .unwrap()
            .len(),
        0
    );
    assert_eq!(migrate::plan(&store).await.unwrap().applied.len(), pending);
    check::check(store.clone()).await.unwrap();

    // one that broke off before it was written down is applied again
    let truncate = format!("TRUNCATE TABLE {}", store.table("schema_migrations"));
    store.execute(&truncate).await.unwrap();
    assert_eq!(
        migrate::apply(&store, &Rules::default())
            .await
            .unwrap()
            .len(),
        pending
    );

    let newer = format!(
        "INSERT INTO {} VALUES (9999, 'x', 'y', now64(6))",
        store.table("schema_migrations")
    );
    store.execute(&newer).await.unwrap();
    let refused = check::check(store).await.unwrap_err();
    assert!(
        matches!(refused, CheckError::Schema(MigrateError::Newer { .. })),
        "{refused:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_or_a_views_target_that_forgets_tokens_is_refused_by_name() {
    let store = migrated().await;
    let run = async |sql: &str| {
        store
            .execute(&sql.replace("{db}", store.database()))
            .await
            .unwrap()
    };
    run("CREATE TABLE {db}.extra (order_id String) ENGINE = MergeTree ORDER BY order_id").await;
    run("CREATE MATERIALIZED VIEW {db}.extra_mv TO {db}.extra AS SELECT order_id FROM {db}.orders_log").await;
    let refused = check::check(store.clone()).await.unwrap_err().to_string();
    assert!(refused.contains(".`extra` "), "{refused}");
    run("ALTER TABLE {db}.extra MODIFY SETTING non_replicated_deduplication_window = 100").await;
    check::check(store.clone()).await.unwrap();
    run("ALTER TABLE {db}.orders_log MODIFY SETTING non_replicated_deduplication_window = 0").await;
    let refused = check::check(store.clone()).await.unwrap_err().to_string();
    assert!(refused.contains("orders_log"), "{refused}");
}

/// Columns that an Avro field becomes.
fn flattened(
    fields: &Value,
    prefix: &str,
    into: &mut BTreeSet<String>,
    named: &mut Vec<(String, Value)>,
) {
    for field in fields.as_array().unwrap() {
        let name = field["name"].as_str().unwrap();
        column(&field["type"], &format!("{prefix}{name}"), into, named);
    }
}

fn column(kind: &Value, name: &str, into: &mut BTreeSet<String>, named: &mut Vec<(String, Value)>) {
    let resolved = kind
        .as_str()
        .and_then(|known| {
            named
                .iter()
                .find(|(n, _)| n == known.trim_start_matches("waybill."))
        })
        .map(|(_, kind)| kind.clone());
    let kind = resolved.as_ref().unwrap_or(kind);
    match kind {
        Value::Array(union) => {
            let value = union.iter().find(|one| *one != "null").unwrap();
            column(value, name, into, named);
        }
        Value::Object(object) => {
            if let Some(own) = object.get("name").and_then(Value::as_str) {
                named.push((own.to_owned(), kind.clone()));
            }
            match object["type"].as_str() {
                Some("record") if object["name"] == "Money" => {
                    // the money of a price part stands beside its name
                    let base = name
                        .strip_suffix(".money")
                        .map_or(format!("{name}_"), |b| format!("{b}."));
                    into.extend([format!("{base}amount"), format!("{base}currency")]);
                }
                Some("record") if object["name"] == "DeliveryEvent" => {
                    flattened(&object["fields"], "", into, named);
                }
                Some("record") => {
                    let separator = if name.ends_with('.') { "" } else { "_" };
                    flattened(
                        &object["fields"],
                        &format!("{name}{separator}"),
                        into,
                        named,
                    );
                }
                Some("array") => column(&object["items"], &format!("{name}."), into, named),
                _ => {
                    into.insert(name.to_owned());
                }
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
            into.insert(name.to_owned());
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_avro_field_has_its_column_and_every_column_is_written() {
    let store = migrated().await;
    let sources = ["_topic", "_partition", "_offset", "loaded_at"].map(str::to_owned);
    for (table, record) in [
        (Table::Events, Some(Record::OrderedEvent)),
        (Table::Orders, Some(Record::Order)),
        (Table::SetAside, Some(Record::SetAside)),
        (Table::Receipts, None),
    ] {
        let sql = format!(
            "SELECT name FROM system.columns WHERE database = '{{db}}' AND table = '{}'",
            table.name()
        );
        let columns: BTreeSet<String> = rows(&store, &sql)
            .await
            .iter()
            .map(|row| row["name"].as_str().unwrap().to_owned())
            .collect();
        let written: BTreeSet<String> = table.columns().iter().map(|c| (*c).to_owned()).collect();
        assert_eq!(columns, written, "{}", table.name());
        let Some(record) = record else { continue };
        let schema: Value = serde_json::from_str(record.schema_text()).unwrap();
        let mut expected = BTreeSet::from(sources.clone());
        flattened(&schema["fields"], "", &mut expected, &mut Vec::new());
        assert_eq!(columns, expected, "{}", table.name());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_with_every_field_reads_back_as_written() {
    let store = migrated().await;
    let event = full_event();
    insert(&store, Table::Events, |w| {
        row::event::write(w, &event, PLACE)
    })
    .await;
    let sql = format!(
        "SELECT * FROM {{db}}.events WHERE event_id = '{}' AND receipt_id = '{}'",
        event.event.event_id, event.event.receipt_id
    );
    let found = rows(&store, &sql).await;
    let found = &found[0];
    let expected = json!({
        "tenant_id": "acme", "provider": "lalamove", "order_id": "A", "revision": 0, "sequence": 1,
        "status_before": "ASSIGNED", "status_after": "PICKED_UP", "generation": 0, "late": false,
        "order_first_received_at": "2026-01-02 03:04:06.000000", "part": 1, "parts": 1,
        "occurred_at": "2026-01-02 03:04:15.000000", "occurred_at_source": "PROVIDER_CLOCK",
        "occurred_at_uncertainty_ms": 999, "milestones.status": ["CREATED"],
        "milestones.at": ["2026-01-02 03:04:05.000000"], "milestones.stop_index": [0],
        "driver_id": "79973", "driver_photo_url": "u", "location_longitude": 114.5,
        "price_amount": 12.3, "price_currency": "HKD", "price_parts.name": ["base"],
        "price_parts.amount": [10], "price_parts.currency": ["HKD"], "balance_amount": 1000.001,
        "refund_amount": -1, "refund_partner_amount": 2, "refund_id": "r", "attempt": 2,
        "stops.index": [1, 2], "stops.id": ["s1", null], "stops.status": ["DELIVERED", null],
        "stops.latitude": [22.3, null], "stops.cash_on_delivery_amount": [7.5, null],
        "stops.cash_on_delivery_currency": ["HKD", null], "stops.tracking_id": ["t", null],
        "proofs.role": ["delivery"], "proofs.bytes": [12], "external_order_id": "ext",
        "verdict": "verified", "assurance": "BODY_SIGNED", "mapping_version": "1", "replay_id": "rp",
        "_topic": "t", "_partition": 3, "_offset": 7,
    });
    for (column, value) in expected.as_object().unwrap() {
        assert_eq!(&found[column], value, "{column}");
    }
    assert_eq!(found["attributes"]["raw.at"].as_str().unwrap().len(), 300);
    assert_eq!(found["attributes"]["ä"], "");
}

#[tokio::test(flavor = "multi_thread")]
async fn orders_receipts_and_what_was_set_aside_read_back_as_written() {
    let store = migrated().await;
    insert(&store, Table::Orders, |w| {
        row::order::write(w, &full_order(), PLACE)
    })
    .await;
    let found = rows(&store, "SELECT * FROM {db}.orders").await;
    let expected = json!({
        "order_id": "full", "status": "DELIVERED", "is_final": true, "chained": false,
        "assign_seconds": 30, "pickup_seconds": 30, "delivery_seconds": 120, "total_seconds": 240,
        "stops.id": ["s1"], "replaced_by_order_id": "Z", "assurance": "BODY_SIGNED",
        "first_received_at": "2026-01-02 03:04:06.000000",
    });
    for (column, value) in expected.as_object().unwrap() {
        assert_eq!(&found[0][column], value, "{column}");
    }

    let raw = headers(5, 0);
    insert(&store, Table::Receipts, |w| {
        row::receipt::write(w, &raw, Topic::RawOverflow, PLACE);
    })
    .await;
    let sql = format!(
        "SELECT * FROM {{db}}.receipts WHERE receipt_id = '{}'",
        raw.receipt_id
    );
    let found = rows(&store, &sql).await;
    assert_eq!(found[0]["overflow"], true);
    assert_eq!(found[0]["secret_id"], "2026-01");
    assert_eq!(found[0]["body_bytes"], 1234);

    let source = set_aside::Source {
        topic: "raw",
        partition: 1,
        offset: 2,
        appended_at: at(3),
    };
    let aside = set_aside::SetAside::new(
        set_aside::Stage::Normalizer,
        set_aside::About {
            received_at: Micros(i64::from(i32::MAX)),
            ..set_aside::About::receipt(&raw)
        },
        set_aside::Why {
            reason: Reason::Malformed,
            detail: "data is missing".into(),
        },
        source,
    );
    insert(&store, Table::SetAside, |w| {
        row::set_aside::write(w, &aside, PLACE)
    })
    .await;
    let found = rows(&store, "SELECT * FROM {db}.set_aside").await;
    assert_eq!(found[0]["set_aside_id"], aside.set_aside_id.to_string());
    assert_eq!(found[0]["event_id"], Value::Null);
    assert_eq!(found[0]["resolved_at"], Value::Null);
    assert_eq!(found[0]["source_offset"], 2);
}

/// What a client has to read: words, moments and numbers as ANALYSTS.md and the Avro files promise them.
#[tokio::test(flavor = "multi_thread")]
async fn every_column_of_a_view_has_a_type_that_clients_read() {
    let store = migrated().await;
    let sql = "SELECT c.table AS view, c.name AS name, c.type AS type FROM system.columns AS c \
        INNER JOIN system.tables AS t ON c.database = t.database AND c.table = t.name \
        WHERE c.database = '{db}' AND t.engine = 'View' AND view != 'orders_behind' ORDER BY view, name";
    let found = rows(&store, sql).await;
    assert!(found.len() > 200, "{}", found.len());
    let words = [
        "tenant_id",
        "provider",
        "endpoint_id",
        "status",
        "order_status",
        "status_before",
        "status_after",
        "kind",
        "fulfilment",
        "canceled_by",
        "price_currency",
        "verdict",
        "assurance",
        "signature_scheme",
        "stage",
        "reason",
        "state",
        "last_seen",
    ];
    let flags = [
        "overflow",
        "spooled",
        "late",
        "is_final",
        "chained",
        "replayable",
    ];
    let mut wrong = Vec::new();
    for column in &found {
        let text = |name: &str| column[name].as_str().unwrap_or_default();
        let (view, name, kind) = (text("view"), text("name"), text("type"));
        let is_good = if words.contains(&name) {
            kind.starts_with("LowCardinality(")
        } else if flags.contains(&name) {
            kind == "Bool"
        } else {
            let other_time = kind.contains("DateTime") && !kind.contains("DateTime64(6, 'UTC')");
            !kind.contains("Int128") && !kind.contains("Int256") && !other_time
        };
        if !is_good {
            wrong.push(format!("{view}.{name}: {kind}"));
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn money_inside_a_list_is_named_as_everywhere_else() {
    let store = migrated().await;
    let event = full_event();
    insert(&store, Table::Events, |w| {
        row::event::write(w, &event, PLACE)
    })
    .await;
    for view in ["events", "delivery_events", "order_timeline"] {
        let sql = format!(
            "SELECT price_parts.name AS name, price_parts.money_amount AS amount, \
             price_parts.money_currency AS currency FROM {{db}}.{view}"
        );
        let expected = json!({"name": ["base"], "amount": [10], "currency": ["HKD"]});
        assert_eq!(rows(&store, &sql).await, [expected], "{view}");
    }
}
