//! What the store has of receipts: their events, newest revision, and their other outcomes.

use std::collections::BTreeMap;

use schemas::{Micros, clickhouse::quoted, raw_webhook::RawHeaders};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::reading::{self, Reading};
use crate::{clickhouse::Clickhouse, raw::Place};

/// The outcomes of one receipt.
#[derive(Clone, Debug, Default)]
pub(super) struct Outcomes {
    /// By part.
    pub(super) events: BTreeMap<i32, Event>,
    pub(super) asides: Vec<Aside>,
    /// Where its newest record stands that a replay wrote to raw.
    pub(super) resent_to: Option<Place>,
}

#[derive(Debug, Deserialize)]
struct Resent {
    receipt_id: String,
    topic: String,
    partition: i32,
    offset: i64,
}

#[derive(Clone, Debug)]
pub(super) struct Event {
    pub(super) event_id: String,
    pub(super) parts: i32,
    pub(super) mapping_version: String,
    pub(super) reading: Reading,
}

#[derive(Clone, Debug, Deserialize)]
pub(super) struct Aside {
    receipt_id: String,
    pub(super) part: i32,
    pub(super) event_id: Option<String>,
    pub(super) stage: String,
    pub(super) reason: String,
}

#[cfg(test)]
impl Aside {
    pub(super) fn new(part: i32, reason: &str, stage: &str, event_id: Option<&str>) -> Self {
        Self {
            receipt_id: String::new(),
            part,
            event_id: event_id.map(str::to_owned),
            stage: stage.into(),
            reason: reason.into(),
        }
    }
}

/// The time of receipt lets the store find the rows without reading the others.
const WHICH: &str = "WHERE received_at BETWEEN fromUnixTimestamp64Micro({from:Int64}, 'UTC') \
    AND fromUnixTimestamp64Micro({to:Int64}, 'UTC') \
    AND toString(receipt_id) IN ({receipts})";
const FORM: &str = "SETTINGS date_time_output_format = 'unix_timestamp', \
    output_format_json_quote_decimals = 1, output_format_json_named_tuples_as_objects = 1";
/// What an event was given when it was released and loaded; all other columns are what it says.
const GIVEN: [&str; 13] = [
    "sequence",
    "revision",
    "late",
    "status_before",
    "status_after",
    "root_order_id",
    "generation",
    "order_first_received_at",
    "released_at",
    "_topic",
    "_partition",
    "_offset",
    "loaded_at",
];

/// The columns that the sink fills from an event, as they stand in SQL.
fn told() -> String {
    let told = sink::native::names::<sink::row::event::Columns>()
        .into_iter()
        .filter(|column| !GIVEN.contains(column))
        .map(quoted);
    told.collect::<Vec<_>>().join(", ")
}

/// By receipt id.
pub(super) async fn of(
    clickhouse: &Clickhouse,
    receipts: impl Iterator<Item = &RawHeaders>,
) -> anyhow::Result<BTreeMap<String, Outcomes>> {
    let (mut ids, mut from, mut to) = (Vec::new(), Micros(i64::MAX), Micros(i64::MIN));
    for headers in receipts {
        // a UUID: nothing in it needs quoting
        ids.push(format!("'{}'", headers.receipt_id));
        from = from.min(headers.received_at);
        to = to.max(headers.received_at);
    }
    if ids.is_empty() {
        return Ok(BTreeMap::new());
    }
    let (from, to) = (from.0.to_string(), to.0.to_string());
    // in the text of the query: a thousand would be much for an address
    let which = WHICH.replace("{receipts}", &ids.join(", "));
    let parameters = [("from", from.as_str()), ("to", to.as_str())];
    let mut found: BTreeMap<String, Outcomes> = BTreeMap::new();
    let events = format!("SELECT {} FROM {{database}}.events {which} {FORM}", told());
    for row in clickhouse
        .rows::<Map<String, Value>>(&events, &parameters)
        .await?
    {
        let text = |name: &str| row.get(name).and_then(Value::as_str).unwrap_or_default();
        let number = |name: &str| {
            let number = row.get(name).and_then(Value::as_i64).unwrap_or_default();
            i32::try_from(number).unwrap_or_default()
        };
        let event = Event {
            event_id: text("event_id").to_owned(),
            parts: number("parts"),
            mapping_version: text("mapping_version").to_owned(),
            reading: reading::stored(&row),
        };
        let outcomes = found.entry(text("receipt_id").to_owned()).or_default();
        outcomes.events.insert(number("part"), event);
    }
    let asides = format!(
        "SELECT toString(receipt_id) AS receipt_id, part, event_id, stage, reason \
         FROM {{database}}.set_aside {which}"
    );
    for aside in clickhouse.rows::<Aside>(&asides, &parameters).await? {
        let outcomes = found.entry(aside.receipt_id.clone()).or_default();
        outcomes.asides.push(aside);
    }
    let resent = format!(
        "SELECT toString(receipt_id) AS receipt_id, toString(_topic) AS topic, \
         _partition AS partition, _offset AS offset \
         FROM {{database}}.receipts_log FINAL {which} AND replay_id IS NOT NULL"
    );
    for one in clickhouse.rows::<Resent>(&resent, &parameters).await? {
        let outcomes = found.entry(one.receipt_id).or_default();
        outcomes.resent_to = Some(Place {
            topic: one.topic,
            partition: one.partition,
            offset: one.offset,
        });
    }
    Ok(found)
}
