//! Parts of receipts: one that stands twice must not hide another one that is missing. And parts of
//! tables: none may stand where nothing merges with it.

use schemas::{EventId, OrderedEvent, Status, topics::Topic};
use serde_json::json;
use sink::{
    row::{self, Place},
    table::Table,
};

use crate::{
    examples::{event, headers},
    inserts::Rows,
    stack::{merged, migrated, rows},
};

const PLACE: Place<'_> = Place {
    topic: "raw",
    partition: 0,
    offset: 1,
};

fn part(receipt: u32, seconds: i64, (part, parts): (i32, i32), copy: i32) -> OrderedEvent {
    let raw = headers(receipt, seconds);
    let mut one = event(receipt, "A", Status::Created, 0);
    one.event.event_id = EventId::of([format!("{receipt} {part} {copy}").as_bytes()]);
    one.event.receipt_id = raw.receipt_id;
    one.event.received_at = raw.received_at;
    (one.event.part, one.event.parts) = (part, parts);
    one
}

#[tokio::test(flavor = "multi_thread")]
async fn a_part_that_stands_twice_hides_none_that_is_missing() {
    let store = migrated().await;
    let (mut receipts, mut events) = (Rows::default(), Rows::default());
    let (mut receipt, mut there) = (0_u32, 0_i32);
    for parts in 2..=6 {
        for (missing, twice) in (1..=parts).flat_map(|m| (1..=parts).map(move |t| (m, t))) {
            if missing == twice {
                continue;
            }
            receipt += 1;
            // alone in its ten minutes, whose sum nothing else makes odd
            let seconds = 600 * i64::from(receipt);
            let raw = headers(receipt, seconds);
            receipts.add(0, |w| row::receipt::write(w, &raw, Topic::Raw, PLACE));
            for number in (1..=parts).filter(|number| *number != missing) {
                there += 1;
                for copy in 0..=i32::from(number == twice) {
                    let one = part(receipt, seconds, (number, parts), copy);
                    events.add(0, |w| row::event::write(w, &one, PLACE));
                }
            }
        }
    }
    receipts.insert(&store, Table::Receipts, "one").await;
    events.insert(&store, Table::Events, "one").await;
    let sql =
        "SELECT count() AS n, countIf(parts - outcomes = 1) AS lacks_one FROM {db}.unaccounted";
    let all = json!({"n": receipt, "lacks_one": receipt});
    assert_eq!(rows(&store, sql).await, [all]);
    let sql = "SELECT sum(in_events) AS events, sum(unaccounted) AS missing FROM {db}.completeness";
    let sums = json!({"events": there, "missing": receipt});
    assert_eq!(rows(&store, sql).await, [sums]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_inserted_beside_merged_parts_merges_with_them() {
    let store = migrated().await;
    for number in 1..=4_u32 {
        let raw = headers(number, 0);
        let mut receipts = Rows::default();
        receipts.add(0, |w| row::receipt::write(w, &raw, Topic::Raw, PLACE));
        let mut events = Rows::default();
        let one = part(number, 0, (1, 1), 0);
        events.add(0, |w| row::event::write(w, &one, PLACE));
        let token = number.to_string();
        receipts.insert(&store, Table::Receipts, &token).await;
        events.insert(&store, Table::Events, &token).await;
        // from the second on: what was merged before, and one that never was
        for table in [Table::Receipts, Table::Events] {
            merged(&store, table.name()).await;
        }
    }
    let sql = "SELECT table, count() AS parts, sum(rows) AS rows FROM system.parts
        WHERE active AND database = '{db}' AND table IN ('events_log', 'receipts_log')
        GROUP BY table ORDER BY table";
    let expected = |table: &str| json!({"table": table, "parts": 1, "rows": 4});
    let expected = ["events_log", "receipts_log"].map(expected);
    assert_eq!(rows(&store, sql).await, expected);
}
