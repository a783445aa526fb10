//! In what condition the store's tables are, as the metrics tell.

use runtime::service::Context;
use schemas::topics::Topic;
use serde_json::json;
use sink::{
    row::{self, Place},
    table::Table,
};

use crate::{
    case::Case,
    examples::headers,
    inserts::Rows,
    stack::{eventually, until},
};

/// The value of a gauge; none while nothing has set it.
fn gauge(context: &Context, name: &str, table: Option<&str>) -> Option<f64> {
    let families = context.metrics.gather();
    let family = families.iter().find(|family| family.name() == name)?;
    let one = family.get_metric().iter().find(|metric| {
        let label = metric.get_label().first().map(|label| label.value());
        label == table
    })?;
    Some(one.get_gauge().get_value())
}

#[tokio::test(flavor = "multi_thread")]
async fn parts_that_pile_up_and_mutations_that_fail_are_counted() {
    let case = Case::new().await;
    let store = &case.store;
    let receipts = store.table(Table::Receipts.name());
    let stop = format!("SYSTEM STOP MERGES {receipts}");
    store.execute(&stop).await.unwrap();
    for number in 1..=5_u32 {
        let raw = headers(number, 0);
        let place = Place {
            topic: "raw",
            partition: 0,
            offset: i64::from(number),
        };
        let mut rows = Rows::default();
        rows.add(0, |w| row::receipt::write(w, &raw, Topic::Raw, place));
        let token = number.to_string();
        rows.insert(store, Table::Receipts, &token).await;
    }
    let extra = store.table("extra");
    for sql in [
        format!("CREATE TABLE {extra} (n UInt8) ENGINE = MergeTree ORDER BY n"),
        format!("INSERT INTO {extra} VALUES (1)"),
        format!("ALTER TABLE {extra} DELETE WHERE throwIf(n = 1) SETTINGS mutations_sync = 0"),
    ] {
        store.execute(&sql).await.unwrap();
    }
    // once the store says so itself, the first look of the service finds it
    let sql = "SELECT count() AS n FROM system.mutations
        WHERE database = '{db}' AND latest_fail_reason != ''";
    until(store, sql, &[json!({"n": 1})]).await;
    case.while_running(async |context| {
        let parts = |table| gauge(context, "waybill_sink_store_parts", Some(table));
        let failing = || gauge(context, "waybill_sink_store_failing_mutations", None);
        eventually("the parts and the mutation are counted", || {
            (parts("receipts_log"), parts("extra"), failing()) == (Some(5.0), Some(1.0), Some(1.0))
        })
        .await;
    })
    .await;
}
