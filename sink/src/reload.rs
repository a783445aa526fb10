//! Loads again what the store should have and has not: rows that somebody deleted, that a table refused
//! before it was corrected, or that a group was moved past. Stands beside a running sink: it joins no
//! group and moves no offset, rows that are there are left alone, and keys replace what comes twice.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context as _, bail};
use rdkafka::{
    Message, Offset, TopicPartitionList,
    consumer::{BaseConsumer, Consumer as _},
    error::KafkaError,
    message::BorrowedMessage,
};
use runtime::{
    clock::{Clock as _, SystemClock},
    health::Health,
    kafka::config::assigned_consumer_config,
    settings::{ClickhouseSettings, KafkaSettings, RegistrySettings},
};
use schemas::{Micros, registry::Registry, topics::Topic};
use serde::Serialize;
use tokio::runtime::Handle;

use crate::{
    batch::{Filling, Limits, Partition},
    check,
    clickhouse::Store,
    decode::Decode,
    loader::Loader,
    metrics::Metrics,
    row::Rows,
    table::Table,
};

const ANSWER_TIME_MAX: Duration = Duration::from_secs(10);
/// Without a record or the end of the partition for so long, the brokers are not answering.
const SILENCE_MAX: Duration = Duration::from_secs(30);
const LIMITS: Limits = Limits {
    rows_max: 50_000,
    bytes_max: 16 << 20,
    open_max: Duration::MAX,
};
/// Refused rows beyond are counted only.
const NAMED_MAX: usize = 100;

/// Where everything is.
#[derive(Clone, Copy, Debug)]
pub struct Installation<'a> {
    pub kafka: &'a KafkaSettings,
    /// Of topics and groups.
    pub prefix: &'a str,
    pub registry: &'a RegistrySettings,
    pub clickhouse: &'a ClickhouseSettings,
}

/// What came of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Reloaded {
    /// Records that were read.
    pub records: u64,
    /// Of these, the ones whose row is there.
    pub there: u64,
    /// Rows that were inserted. A row that a newer one of the same key has replaced is among them, and is
    /// replaced again.
    pub loaded: u64,
    /// Records that give no row: tombstones, and those that can't be read.
    pub without_row: u64,
    /// Rows that the store still refuses.
    pub refused: u64,
    /// Where the first of these stand.
    pub refused_at: Vec<String>,
}

/// One table's topics, read again.
struct Reload<'a> {
    from: Installation<'a>,
    handle: &'a Handle,
    table: Table,
    reader: BaseConsumer,
    loader: Loader,
    decode: Decode,
    filling: Filling,
    done: Reloaded,
}

/// Reads the records of a table's topics that were written from `since` on and that the table's group has
/// passed, and inserts those rows that are not there. Blocks, and must not be called on a thread of the
/// runtime; `progress` is told after every block.
///
/// # Errors
/// Where Kafka, the registry or the store can't be asked; what was loaded until then stays.
pub fn reload(
    from: Installation<'_>,
    table: Table,
    since: Micros,
    handle: &Handle,
    mut progress: impl FnMut(&Reloaded),
) -> anyhow::Result<Reloaded> {
    let mut reload = Reload::new(from, table, handle)?;
    for topic in table.topics() {
        for (partition, start, end) in reload.ranges(*topic, since)? {
            reload.range(partition, (start, end), &mut progress)?;
        }
    }
    reload.flush()?;
    progress(&reload.done);
    Ok(reload.done)
}

impl<'a> Reload<'a> {
    fn new(from: Installation<'a>, table: Table, handle: &'a Handle) -> anyhow::Result<Self> {
        let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        let access = from.registry;
        let password = some(access.password.expose());
        let registry = Registry::new(&access.url, some(&access.username), password)?;
        let (store, shapes) = handle
            .block_on(check::check(Store::new(from.clickhouse)))
            .context("the store can't take rows (WAYBILL__CLICKHOUSE__URL)")?;
        let loader = Loader {
            store,
            shapes: Arc::new(shapes),
            table,
            prefix: from.prefix.to_owned(),
            metrics: Metrics::new(&prometheus::Registry::new())?,
            part: Health::default().part("reload"),
        };
        let mut config = assigned_consumer_config(from.kafka, &table.group(from.prefix));
        // what retention deletes while we read is no error
        config.set("auto.offset.reset", "earliest");
        Ok(Self {
            from,
            handle,
            table,
            reader: config.create().context("making a Kafka client")?,
            loader,
            decode: Decode::new(table, registry, handle.clone()),
            filling: Filling::new(table, LIMITS),
            done: Reloaded::default(),
        })
    }

    /// The partitions of a topic with what the group has passed since then.
    fn ranges(&self, topic: Topic, since: Micros) -> anyhow::Result<Vec<(Partition, i64, i64)>> {
        let name = topic.name(self.from.prefix);
        let asking = || format!("asking Kafka about {name} (WAYBILL__KAFKA__BOOTSTRAP_SERVERS)");
        let metadata = self.reader.fetch_metadata(Some(&name), ANSWER_TIME_MAX);
        let metadata = metadata.with_context(asking)?;
        let mut since_then = TopicPartitionList::new();
        let mut passed = TopicPartitionList::new();
        for partition in metadata.topics().iter().flat_map(|one| one.partitions()) {
            let at = Offset::Offset(since.millis().max(0));
            since_then.add_partition_offset(&name, partition.id(), at)?;
            passed.add_partition(&name, partition.id());
        }
        let passed = self.reader.committed_offsets(passed, ANSWER_TIME_MAX);
        let passed = passed.with_context(asking)?;
        let starts = self.reader.offsets_for_times(since_then, ANSWER_TIME_MAX);
        let mut ranges = Vec::new();
        for start in starts.with_context(asking)?.elements() {
            let end = passed.find_partition(&name, start.partition());
            let end = end.and_then(|end| end.offset().to_raw()).unwrap_or(0);
            // none where nothing is as young as that
            let start_at = start.offset().to_raw().filter(|at| *at >= 0);
            if let Some(first) = start_at.filter(|first| *first < end) {
                let number = start.partition();
                ranges.push((Partition { topic, number }, first, end));
            }
        }
        Ok(ranges)
    }

    fn range(
        &mut self,
        partition: Partition,
        (first, end): (i64, i64),
        progress: &mut impl FnMut(&Reloaded),
    ) -> anyhow::Result<()> {
        let name = partition.topic.name(self.from.prefix);
        let mut place = TopicPartitionList::new();
        place.add_partition_offset(&name, partition.number, Offset::Offset(first))?;
        self.reader.assign(&place)?;
        let mut heard_at = Instant::now();
        loop {
            let reader = &self.reader;
            match reader.poll(Duration::from_millis(100)) {
                Some(Ok(record)) if record.partition() == partition.number => {
                    heard_at = Instant::now();
                    if record.offset() >= end {
                        return Ok(());
                    }
                    take((&mut self.filling, &mut self.decode), partition, &record)?;
                }
                Some(Err(KafkaError::PartitionEOF(number))) if number == partition.number => {
                    return Ok(());
                }
                Some(Err(error)) => return Err(error).with_context(|| format!("reading {name}")),
                Some(Ok(_)) | None => {}
            }
            if self.filling.is_full() {
                self.flush()?;
                progress(&self.done);
            }
            if heard_at.elapsed() > SILENCE_MAX {
                bail!("{name} gives no records: is Kafka well? Nothing is lost; try again");
            }
        }
    }

    /// Inserts what is missing of the records that were taken.
    fn flush(&mut self) -> anyhow::Result<()> {
        let records = self.filling.records();
        let loaded_at = Micros(SystemClock.now_micros());
        let Some(intent) = self.filling.intent(loaded_at) else {
            return Ok(());
        };
        let block = self.filling.close(intent);
        let filled = self.handle.block_on(self.loader.fill(&block));
        let filled = filled.with_context(|| {
            let table = self.table.name();
            format!("{table} takes no rows; what was loaded until now stays, so try again")
        })?;
        let done = &mut self.done;
        done.records += records as u64;
        done.there += filled.there as u64;
        done.loaded += filled.inserted as u64;
        done.without_row += (block.nothing + block.asides.len()) as u64;
        done.refused += filled.refused.len() as u64;
        let room = NAMED_MAX.saturating_sub(done.refused_at.len());
        done.refused_at
            .extend(filled.refused.iter().take(room).map(|row| {
                let topic = row.partition.topic.name(self.from.prefix);
                format!("{topic}/{}/{}", row.partition.number, row.offset)
            }));
        Ok(())
    }
}

fn take(
    (filling, decode): (&mut Filling, &mut Decode),
    partition: Partition,
    record: &BorrowedMessage<'_>,
) -> anyhow::Result<()> {
    let write = |to: &mut Rows| decode.write(partition, record, 0, to);
    filling
        .record(partition, record.offset(), 0, write)
        .context("the registry can't be asked (WAYBILL__REGISTRY__URL)")
}
