//! Random histories, loaded in random batches, against the plain model.

use schemas::{Micros, topics::Topic};
use serde_json::Value;
use sink::{
    clickhouse::Store,
    row::{self, Place},
    table::Table,
};

use crate::{
    histories::{Dice, History},
    inserts::{OfTable, Rows},
    model::expected,
    stack::{merged, migrated, rows},
};

const HISTORIES: u64 = 8;

fn place(offset: i64) -> Place<'static> {
    Place {
        topic: "raw",
        partition: 0,
        offset,
    }
}

/// Every row by itself, in any order; cut into batches, of which some come again, under the same
/// token or after that was forgotten.
async fn load(dice: &mut Dice, store: &Store, table: Table, mut all: Vec<Rows>) {
    dice.shuffle(&mut all);
    let mut number = 0;
    let mut left = all.into_iter().peekable();
    while left.peek().is_some() {
        let size = usize::try_from(dice.below(20)).unwrap() + 1;
        let mut batch = Rows::default();
        left.by_ref().take(size).for_each(|row| batch.join(row));
        number += 1;
        batch.insert(store, table, &format!("batch {number}")).await;
        match dice.below(4) {
            0 => batch.insert(store, table, &format!("batch {number}")).await,
            1 => batch.insert(store, table, &format!("again {number}")).await,
            _ => {}
        }
    }
    if dice.one_in(2) {
        merged(store, table.name()).await;
    }
}

fn one<C: OfTable>(loaded: i64, write: impl FnOnce(&mut C)) -> Rows {
    let mut rows = Rows::default();
    rows.add(loaded, write);
    rows
}

async fn load_all(dice: &mut Dice, store: &Store, history: &History) {
    let receipts = history.receipts.iter().map(|(raw, offset)| {
        one(*offset, |w| {
            row::receipt::write(w, raw, Topic::Raw, place(*offset));
        })
    });
    load(dice, store, Table::Receipts, receipts.collect()).await;
    let events = history
        .events
        .iter()
        .map(|(event, loaded)| one(*loaded, |w| row::event::write(w, event, place(1))));
    load(dice, store, Table::Events, events.collect()).await;
    let orders = history
        .orders
        .iter()
        .map(|order| one(0, |w| row::order::write(w, order, place(1))));
    load(dice, store, Table::Orders, orders.collect()).await;
    let asides = history
        .asides
        .iter()
        .map(|aside| one(0, |w| row::set_aside::write(w, aside, place(1))));
    load(dice, store, Table::SetAside, asides.collect()).await;
    let frontiers = format!(
        "INSERT INTO {} VALUES ('settled', 'raw', 0, {}, now64(6)), \
         ('normalizer', 'raw', 0, {}, now64(6))",
        store.table("frontiers_log"),
        history.settled,
        history.normalized
    );
    store.execute(&frontiers).await.unwrap();
}

fn sorted(mut all: Vec<Value>) -> Vec<Value> {
    all.sort_by_key(ToString::to_string);
    all
}

#[tokio::test(flavor = "multi_thread")]
async fn every_view_agrees_with_a_plain_model_over_random_histories() {
    let given = std::env::var("WAYBILL_TEST_SEED").ok();
    let given = given.map(|text| text.parse::<u64>().unwrap());
    let seeds = given.map_or(1..=HISTORIES, |seed| seed..=seed);
    for seed in seeds {
        let now = Micros(jiff::Timestamp::now().as_millisecond() * 1000);
        let history = History::draw(seed, now);
        let store = migrated().await;
        load_all(&mut Dice::new(seed + 1000), &store, &history).await;
        for (sql, rows_expected) in expected(&history, now) {
            let found = rows(&store, sql).await.into_iter().map(|row| {
                let columns = row.as_object().unwrap().values();
                Value::Array(columns.cloned().collect())
            });
            let (found, rows_expected) = (sorted(found.collect()), sorted(rows_expected));
            for (row, expected) in found.iter().zip(&rows_expected) {
                assert_eq!(row, expected, "WAYBILL_TEST_SEED={seed}\n{sql}");
            }
            assert_eq!(
                found.len(),
                rows_expected.len(),
                "WAYBILL_TEST_SEED={seed}\n{sql}"
            );
        }
    }
}
