//! What a row is known by, from whichever record it came: a row that a newer one has replaced is not missing.

use std::collections::HashMap;

use schemas::{
    Micros, Order, OrderedEvent, SetAside, clickhouse::literal, raw_webhook::RawHeaders,
};
use serde::Deserialize;

use crate::{
    clickhouse::{Store, StoreError},
    row::{event, within_range},
    table::Table,
};

/// A server parses no longer statement than 256 KiB.
const KEYS_BYTES_MAX: usize = 100_000;

/// A row's key within its table, and what decides between two of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Identity {
    tenant: String,
    /// What the table is asked for.
    id: String,
    /// Of the table's key, where it begins with a time: the store finds the row without reading the others.
    at: Option<Micros>,
    pub(crate) key: String,
    pub(crate) version: Version,
}

/// The highest is the one that stays.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
pub(crate) struct Version {
    number: i64,
    /// Of a webhook that was sent again; they sort by time.
    replay: String,
}

impl Version {
    const fn number(number: i64) -> Self {
        Self {
            number,
            replay: String::new(),
        }
    }
}

impl Identity {
    pub(crate) fn of_event(ordered: &OrderedEvent) -> Self {
        let id = ordered.event.event_id.to_string();
        Self {
            tenant: ordered.event.tenant_id.to_string(),
            key: id.clone(),
            id,
            at: Some(event::first_received_at(ordered)),
            version: Version::number(ordered.revision.into()),
        }
    }

    pub(crate) fn of_order(order: &Order) -> Self {
        let (tenant, id) = (order.tenant_id.to_string(), order.order_id.to_string());
        Self {
            key: format!("{tenant}/{}/{id}", order.provider),
            tenant,
            id,
            at: None,
            version: Version::number(order.revision),
        }
    }

    pub(crate) fn of_receipt(headers: &RawHeaders) -> Self {
        let id = headers.receipt_id.to_string();
        Self {
            tenant: headers.tenant.to_string(),
            key: id.clone(),
            id,
            at: Some(headers.received_at),
            version: Version {
                number: 0,
                replay: headers.replay_id.clone().unwrap_or_default(),
            },
        }
    }

    pub(crate) fn of_set_aside(aside: &SetAside) -> Self {
        let event = aside.event_id.map(|id| id.to_string()).unwrap_or_default();
        Self {
            tenant: aside.tenant_id.clone(),
            id: aside.receipt_id.clone(),
            at: Some(aside.received_at),
            key: format!(
                "{}/{}/{event}/{}",
                aside.receipt_id, aside.part, aside.stage
            ),
            version: Version::number(aside.set_aside_at.0),
        }
    }
}

#[derive(Deserialize)]
struct Stored {
    key: String,
    #[serde(flatten)]
    version: Version,
}

/// Columns that are asked for, the time among them where there is one; key, number, and replay of a
/// table's rows.
const fn columns(table: Table) -> [&'static str; 5] {
    match table {
        Table::Events => [
            "event_id",
            "order_first_received_at",
            "t.event_id",
            "toInt64(t.revision)",
            "''",
        ],
        Table::Orders => [
            "order_id",
            "",
            "concat(t.tenant_id, '/', t.provider, '/', t.order_id)",
            "toInt64(t.revision)",
            "''",
        ],
        Table::Receipts => [
            "receipt_id",
            "received_at",
            "t.receipt_id",
            "toInt64(0)",
            "ifNull(t.replay_id, '')",
        ],
        Table::SetAside => [
            "receipt_id",
            "received_at",
            "concat(t.receipt_id, '/', toString(t.part), '/', ifNull(t.event_id, ''), '/', t.stage)",
            "toUnixTimestamp64Micro(t.set_aside_at)",
            "''",
        ],
    }
}

/// The newest versions that the store has of these.
pub(crate) async fn stored(
    store: &Store,
    table: Table,
    wanted: &[&Identity],
) -> Result<HashMap<String, Version>, StoreError> {
    let mut found = HashMap::new();
    let mut in_time = wanted.to_vec();
    in_time.sort_by_key(|one| one.at);
    let mut rest = in_time.as_slice();
    while !rest.is_empty() {
        let mut bytes = 0;
        let fits = |one: &&&Identity| {
            bytes += one.id.len() + one.tenant.len() + 8;
            bytes <= KEYS_BYTES_MAX
        };
        let count = rest.iter().take_while(fits).count().max(1);
        let (some, left) = rest.split_at_checked(count).unwrap_or((rest, &[]));
        rest = left;
        let [id, time, key, number, replay] = columns(table);
        let at = |one: Option<&&Identity>| one.and_then(|one| one.at).map(within_range);
        let between = match (at(some.first()), at(some.last())) {
            (Some(from), Some(to)) => format!(
                "AND t.{time} BETWEEN fromUnixTimestamp64Micro({}, 'UTC') \
                 AND fromUnixTimestamp64Micro({}, 'UTC') ",
                from.0, to.0
            ),
            (None, _) | (_, None) => String::new(),
        };
        let sql = format!(
            "SELECT {key} AS key, max({number}) AS number, max({replay}) AS replay FROM {} AS t \
             WHERE t.tenant_id IN ({}) {between}AND t.{id} IN ({}) GROUP BY key",
            store.table(table.name()),
            list(some.iter().map(|one| one.tenant.as_str())),
            list(some.iter().map(|one| one.id.as_str())),
        );
        let rows: Vec<Stored> = store.rows(&sql, &[]).await?;
        found.extend(rows.into_iter().map(|row| (row.key, row.version)));
    }
    Ok(found)
}

/// Texts as they stand in SQL, each once.
fn list<'a>(texts: impl Iterator<Item = &'a str>) -> String {
    let mut texts: Vec<String> = texts.map(literal).collect();
    texts.sort_unstable();
    texts.dedup();
    texts.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_webhook_that_was_sent_again_stands_over_the_first() {
        let version = |replay: &str| Version {
            number: 0,
            replay: replay.into(),
        };
        assert!(version("20260512T175055Z-1f3b5c") > version(""));
        assert!(version("20260512T175055Z-1f3b5c") < version("20260513T000000Z-000000"));
        assert!(Version::number(2) > Version::number(1));
    }

    #[test]
    fn a_text_can_not_end_its_quotes() {
        let texts = ["b", "a' OR '1", "b", "\\"];
        assert_eq!(list(texts.into_iter()), r"'\\', 'a\' OR \'1', 'b'");
    }
}
