//! What the store itself remembers of the sink's way through its topics: how far it came, and which
//! ranges it passed over.

use std::collections::{BTreeMap, HashSet};

use schemas::topics::Topic;
use serde::Deserialize;

use crate::{
    batch::{Cause, Gap, Partition, Span},
    clickhouse::{Store, StoreError},
    table::Table,
};

/// Of one statement.
const ROWS_MAX: usize = 5_000;

/// Of one table's topics.
#[derive(Clone, Debug)]
pub(crate) struct Ledger {
    store: Store,
    table: Table,
    /// Each topic's full name, as it stands in rows.
    topics: Vec<(Topic, String)>,
}

#[derive(Deserialize)]
struct Loaded {
    topic: String,
    partition: i32,
    next_offset: i64,
}

#[derive(Deserialize)]
struct At {
    offset: i64,
}

#[derive(Deserialize)]
struct Open {
    topic: String,
    partition: i32,
    first_offset: i64,
    last_offset: i64,
    cause: String,
}

impl Ledger {
    pub(crate) fn new(store: Store, table: Table, prefix: &str) -> Self {
        let topics = table.topics().iter();
        Self {
            store,
            table,
            topics: topics.map(|topic| (*topic, topic.name(prefix))).collect(),
        }
    }

    pub(crate) const fn table(&self) -> Table {
        self.table
    }

    fn partition(&self, name: &str, number: i32) -> Option<Partition> {
        let (topic, _) = self.topics.iter().find(|(_, known)| known == name)?;
        Some(Partition {
            topic: *topic,
            number,
        })
    }

    fn name(&self, topic: Topic) -> String {
        let name = self.topics.iter().find(|(known, _)| *known == topic);
        Store::literal(name.map_or("", |(_, name)| name))
    }

    fn all(&self) -> String {
        let names = self.topics.iter().map(|(topic, _)| self.name(*topic));
        names.collect::<Vec<_>>().join(", ")
    }

    /// One past what was loaded at least.
    pub(crate) async fn loaded(&self) -> Result<BTreeMap<Partition, i64>, StoreError> {
        let sql = format!(
            "SELECT l.topic AS topic, l.partition AS partition, max(l.next_offset) AS next_offset FROM {} AS l \
             WHERE l.topic IN ({}) GROUP BY l.topic, l.partition",
            self.store.table("loads_log"),
            self.all()
        );
        let rows: Vec<Loaded> = self.store.rows(&sql, &[]).await?;
        let known = rows
            .into_iter()
            .filter_map(|row| Some((self.partition(&row.topic, row.partition)?, row.next_offset)));
        Ok(known.collect())
    }

    pub(crate) async fn write_loaded(
        &self,
        loaded: &BTreeMap<Partition, i64>,
        now_micros: i64,
    ) -> Result<(), StoreError> {
        let values = loaded.iter().map(|(partition, next)| {
            let (topic, number) = (self.name(partition.topic), partition.number);
            format!("({topic}, {number}, {next}, fromUnixTimestamp64Micro({now_micros}, 'UTC'))")
        });
        let columns = "topic, partition, next_offset, written_at";
        self.write("loads_log", columns, values.collect()).await
    }

    /// Ranges that were passed over and not closed since.
    pub(crate) async fn open_gaps(&self) -> Result<Vec<Gap>, StoreError> {
        // why nobody read a range of raw is not noted, and it is closed only if Kafka has it no more
        let (view, cause) = match self.table {
            Table::Receipts => ("raw_gaps", "'DELETED'"),
            Table::Events | Table::Orders | Table::SetAside => ("topic_gaps", "g.cause"),
        };
        let sql = format!(
            "SELECT g.topic AS topic, g.partition AS partition, g.first_offset AS first_offset, \
             g.last_offset AS last_offset, {cause} AS cause FROM {} AS g WHERE g.topic IN ({})",
            self.store.table(view),
            self.all()
        );
        let rows: Vec<Open> = self.store.rows(&sql, &[]).await?;
        let gaps = rows.into_iter().filter_map(|row| {
            Some(Gap {
                span: Span {
                    partition: self.partition(&row.topic, row.partition)?,
                    first: row.first_offset,
                    last: row.last_offset,
                },
                cause: Cause::named(&row.cause)?,
            })
        });
        Ok(gaps.collect())
    }

    pub(crate) async fn write_gaps(
        &self,
        gaps: &[Gap],
        is_closed: bool,
        now_micros: i64,
    ) -> Result<(), StoreError> {
        let values = gaps.iter().map(|Gap { span, cause }| {
            let (topic, number) = (self.name(span.partition.topic), span.partition.number);
            let Span { first, last, .. } = span;
            format!(
                "({topic}, {number}, {first}, {last}, '{}', {is_closed}, \
                 fromUnixTimestamp64Micro({now_micros}, 'UTC'))",
                cause.name()
            )
        });
        let columns = "topic, partition, first_offset, last_offset, cause, is_closed, written_at";
        self.write("gaps_log", columns, values.collect()).await
    }

    /// Where in a range webhooks are known to have stood.
    pub(crate) async fn places(&self, span: Span) -> Result<HashSet<i64>, StoreError> {
        let sql = format!(
            "SELECT DISTINCT p.offset AS offset FROM {} AS p \
             WHERE p.topic = {} AND p.partition = {} AND p.offset BETWEEN {} AND {}",
            self.store.table("places_log"),
            self.name(span.partition.topic),
            span.partition.number,
            span.first,
            span.last
        );
        let rows: Vec<At> = self.store.rows(&sql, &[]).await?;
        Ok(rows.into_iter().map(|row| row.offset).collect())
    }

    /// Notes where webhooks stood.
    pub(crate) async fn write_places(&self, places: &[(Partition, i64)]) -> Result<(), StoreError> {
        let values = places.iter().map(|(partition, offset)| {
            let (topic, number) = (self.name(partition.topic), partition.number);
            format!("({topic}, {number}, {offset})")
        });
        let columns = "topic, partition, offset";
        self.write("places_log", columns, values.collect()).await
    }

    async fn write(
        &self,
        table: &str,
        columns: &str,
        values: Vec<String>,
    ) -> Result<(), StoreError> {
        for values in values.chunks(ROWS_MAX) {
            let sql = format!(
                "INSERT INTO {} ({columns}) SETTINGS async_insert = 0 VALUES {}",
                self.store.table(table),
                values.join(", ")
            );
            self.store.execute(&sql).await?;
        }
        Ok(())
    }
}
