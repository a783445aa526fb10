//! What the store itself remembers of the sink's way through its topics: how far it came, and which
//! ranges it passed over.

use std::collections::{BTreeMap, HashSet};

use schemas::{clickhouse::literal, topics::Topic};
use serde::Deserialize;
use sha2::{Digest as _, Sha256};

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
    found_at: i64,
}

/// A gap as it is known, and when it was noted, by the clock of whoever found it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OpenGap {
    pub(crate) span: Span,
    cause: Cause,
    found_at: i64,
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
        literal(name.map_or("", |(_, name)| name))
    }

    fn all(&self) -> String {
        let names = self.topics.iter().map(|(topic, _)| self.name(*topic));
        names.collect::<Vec<_>>().join(", ")
    }

    /// Whether the table has any row.
    pub(crate) async fn has_rows(&self) -> Result<bool, StoreError> {
        let table = self.store.table(self.table.name());
        let sql = format!("SELECT toInt64(1) AS offset FROM {table} LIMIT 1");
        let rows: Vec<At> = self.store.rows(&sql, &[]).await?;
        Ok(!rows.is_empty())
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
        self.write("loads_log", columns, values.collect(), now_micros)
            .await
    }

    /// Ranges that were passed over and not closed since.
    pub(crate) async fn open_gaps(&self) -> Result<Vec<OpenGap>, StoreError> {
        // why nobody read a range of raw is not noted, and it is closed only if Kafka has it no more
        let (view, cause, found_at) = match self.table {
            Table::Receipts => ("raw_gaps", "'DELETED'", "toInt64(0)"),
            Table::Events | Table::Orders | Table::SetAside => (
                "topic_gaps",
                "g.cause",
                "toUnixTimestamp64Micro(g.found_at)",
            ),
        };
        let sql = format!(
            "SELECT g.topic AS topic, g.partition AS partition, g.first_offset AS first_offset, \
             g.last_offset AS last_offset, {cause} AS cause, {found_at} AS found_at FROM {} AS g WHERE g.topic IN ({})",
            self.store.table(view),
            self.all()
        );
        let rows: Vec<Open> = self.store.rows(&sql, &[]).await?;
        let gaps = rows.into_iter().filter_map(|row| {
            Some(OpenGap {
                span: Span {
                    partition: self.partition(&row.topic, row.partition)?,
                    first: row.first_offset,
                    last: row.last_offset,
                },
                cause: Cause::named(&row.cause)?,
                found_at: row.found_at,
            })
        });
        Ok(gaps.collect())
    }

    /// Notes what was passed over.
    pub(crate) async fn write_gaps(&self, gaps: &[Gap], now_micros: i64) -> Result<(), StoreError> {
        let values = gaps.iter();
        let values = values.map(|gap| self.gap(gap.span, gap.cause, false, now_micros));
        self.write_all_gaps(values.collect(), now_micros).await
    }

    /// Notes that nothing is to be had of these any more. Whoever found them may have had a clock that is
    /// ahead of ours.
    pub(crate) async fn close_gaps(
        &self,
        gaps: &[OpenGap],
        now_micros: i64,
    ) -> Result<(), StoreError> {
        let values = gaps.iter().map(|gap| {
            let at = now_micros.max(gap.found_at + 1);
            self.gap(gap.span, gap.cause, true, at)
        });
        self.write_all_gaps(values.collect(), now_micros).await
    }

    fn gap(&self, span: Span, cause: Cause, is_closed: bool, at: i64) -> String {
        let (topic, number) = (self.name(span.partition.topic), span.partition.number);
        let Span { first, last, .. } = span;
        format!(
            "({topic}, {number}, {first}, {last}, '{}', {is_closed}, fromUnixTimestamp64Micro({at}, 'UTC'))",
            cause.name()
        )
    }

    async fn write_all_gaps(&self, values: Vec<String>, now_micros: i64) -> Result<(), StoreError> {
        let columns = "topic, partition, first_offset, last_offset, cause, is_closed, written_at";
        self.write("gaps_log", columns, values, now_micros).await
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
    pub(crate) async fn write_places(
        &self,
        places: &[(Partition, i64)],
        now_micros: i64,
    ) -> Result<(), StoreError> {
        let values = places.iter().map(|(partition, offset)| {
            let (topic, number) = (self.name(partition.topic), partition.number);
            format!("({topic}, {number}, {offset})")
        });
        let columns = "topic, partition, offset";
        self.write("places_log", columns, values.collect(), now_micros)
            .await
    }

    /// Each table replaces by its key, so that rows may come twice; what was noted, deleted by hand and
    /// noted again must not count as the same insert, so the time is part of the token.
    async fn write(
        &self,
        table: &str,
        columns: &str,
        values: Vec<String>,
        now_micros: i64,
    ) -> Result<(), StoreError> {
        for values in values.chunks(ROWS_MAX) {
            let values = values.join(", ");
            let mut token = Sha256::new();
            token.update(now_micros.to_be_bytes());
            token.update(&values);
            let sql = format!(
                "INSERT INTO {} ({columns}) SETTINGS async_insert = 0, insert_deduplication_token = '{}' \
                 VALUES {values}",
                self.store.table(table),
                hex::encode(token.finalize()),
            );
            self.store.execute(&sql).await?;
        }
        Ok(())
    }
}
