//! Loads again what the store should have and has not: rows that somebody deleted, that a table refused
//! before it was corrected, or that a group was moved past. Stands beside a running sink: it joins no
//! group and moves no offset, and it leaves a key alone of which a row as new as the record's is there.

use std::{collections::HashMap, ops::ControlFlow, sync::Arc, time::Duration};

use anyhow::Context as _;
use rdkafka::{
    Message, Offset, TopicPartitionList,
    consumer::{BaseConsumer, Consumer as _},
    message::BorrowedMessage,
};
use runtime::{
    clock::{Clock as _, SystemClock},
    health::Health,
    kafka::config::assigned_consumer_config,
};
use schemas::{Micros, registry::Registry, topics::Topic};
use tokio::runtime::Handle;

use crate::{
    again::Again,
    asides::Asides,
    batch::{Block, Filling, Limits, Partition, Row, Span},
    check,
    clickhouse::{Store, StoreError},
    decode::Decode,
    identity::{Identity, stored},
    ledger::{Ledger, OpenGap},
    loader::Loader,
    metrics::Metrics,
    row::Rows,
    table::Table,
};

mod terms;

pub use terms::{Installation, Reloaded, Wanted};

const ANSWER_TIME_MAX: Duration = Duration::from_secs(10);
const ASKING_REGISTRY: &str = "the registry can't be asked (WAYBILL__REGISTRY__URL)";
const ASKING: &str = "asking the store which ranges were passed over";
const LIMITS: Limits = Limits {
    rows_max: 50_000,
    bytes_max: 16 << 20,
    open_max: Duration::MAX,
};
/// Refused and unreadable records beyond are counted only.
const NAMED_MAX: usize = 100;

/// What is read of a partition.
#[derive(Clone, Copy, Debug)]
struct Range {
    partition: Partition,
    /// None where nothing is as young as was asked for.
    first: Option<i64>,
    /// One past what the group has passed.
    end: i64,
}

impl Range {
    fn span(&self) -> Option<Span> {
        let first = self.first.filter(|first| *first < self.end)?;
        Some(Span {
            partition: self.partition,
            first,
            last: self.end - 1,
        })
    }
}

/// One table's topics, read again.
struct Reload<'a> {
    from: Installation<'a>,
    handle: &'a Handle,
    table: Table,
    reader: BaseConsumer,
    loader: Loader,
    ledger: Ledger,
    decode: Decode,
    filling: Filling,
    /// Of the rows in `filling`.
    identities: HashMap<(Partition, i64), Identity>,
    /// What was passed over, as it stood when this began.
    open: Vec<OpenGap>,
    /// None where what can't be read is told only.
    asides: Option<Asides>,
    done: Reloaded,
}

/// Reads the records of a table's topics that were written since then and that the table's group has
/// passed, and inserts those rows that are not there. Blocks, and must not be called on a thread of the
/// runtime; `progress` is told after every block.
///
/// # Errors
/// Where Kafka, the registry or the store can't be asked; what was loaded until then stays.
pub fn reload(
    from: Installation<'_>,
    wanted: Wanted,
    handle: &Handle,
    mut progress: impl FnMut(&Reloaded),
) -> anyhow::Result<Reloaded> {
    let Wanted { table, since, .. } = wanted;
    let mut reload = Reload::new(from, wanted, handle)?;
    let again = Again::new(from.kafka, &table.group(from.prefix), from.prefix);
    let mut read = Vec::new();
    for topic in table.topics() {
        read.extend(reload.ranges(*topic, since)?);
    }
    let spans: Vec<Span> = read.iter().filter_map(Range::span).collect();
    again.read(&spans, |partition, record| {
        if reload.is_full_with(partition, record)? {
            reload.flush()?;
            progress(&reload.done);
        }
        Ok(ControlFlow::Continue(()))
    })?;
    reload.flush()?;
    reload.close_gaps(&read)?;
    progress(&reload.done);
    Ok(reload.done)
}

impl<'a> Reload<'a> {
    fn new(from: Installation<'a>, wanted: Wanted, handle: &'a Handle) -> anyhow::Result<Self> {
        let (table, access) = (wanted.table, from.registry);
        let registry = Registry::new(&access.url, &access.username, access.password.expose())?;
        let asides = wanted.sets_unreadable_aside.then(|| {
            let (kafka, prefix) = (from.kafka.clone(), from.prefix.to_owned());
            Asides::new(kafka, prefix, registry.clone(), handle.clone())
        });
        let (store, shapes) = handle
            .block_on(check::check(Store::new(from.clickhouse)))
            .context("the store can't take rows (WAYBILL__CLICKHOUSE__URL)")?;
        let loader = Loader {
            store: store.clone(),
            shapes: Arc::new(shapes),
            table,
            prefix: from.prefix.to_owned(),
            metrics: Metrics::new(&prometheus::Registry::new())?,
            part: Health::default().part("reload"),
        };
        let config = assigned_consumer_config(from.kafka, &table.group(from.prefix));
        let ledger = Ledger::new(store, table, from.prefix);
        let open = handle.block_on(ledger.open_gaps()).context(ASKING)?;
        let gaps_open = open.len() as u64;
        Ok(Self {
            from,
            handle,
            table,
            reader: config.create().context("making a Kafka client")?,
            loader,
            ledger,
            decode: Decode::new(table, registry, handle.clone()),
            filling: Filling::new(table, LIMITS),
            identities: HashMap::new(),
            open,
            asides,
            done: Reloaded {
                gaps_open,
                ..Reloaded::default()
            },
        })
    }

    /// The partitions of a topic with what the group has passed since then.
    fn ranges(&self, topic: Topic, since: Micros) -> anyhow::Result<Vec<Range>> {
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
            let number = start.partition();
            ranges.push(Range {
                partition: Partition { topic, number },
                first: start.offset().to_raw().filter(|at| *at >= 0),
                end,
            });
        }
        Ok(ranges)
    }

    /// Takes a record; says whether that is enough for a block.
    fn is_full_with(
        &mut self,
        partition: Partition,
        record: &BorrowedMessage<'_>,
    ) -> anyhow::Result<bool> {
        let identity = self.decode.identity(record, 0).context(ASKING_REGISTRY)?;
        let is_unreadable = identity.is_none() && record.payload().is_some();
        if self.table == Table::SetAside && is_unreadable && self.asides.is_none() {
            // the row in its place would be taken for it by whoever asks the right registry later
            self.done.unreadable += 1;
            self.is_not_loaded(record.topic(), partition.number, record.offset());
            return Ok(false);
        }
        let write = |to: &mut Rows| self.decode.write(partition, record, 0, to);
        let taken = self.filling.record(partition, record.offset(), 0, write);
        taken.context(ASKING_REGISTRY)?;
        let place = (partition, record.offset());
        self.identities.extend(identity.map(|one| (place, one)));
        Ok(self.filling.is_full())
    }

    /// Inserts what is missing of the records that were taken.
    fn flush(&mut self) -> anyhow::Result<()> {
        let records = self.filling.records();
        let loaded_at = Micros(SystemClock.now_micros());
        let Some(intent) = self.filling.intent(loaded_at) else {
            return Ok(());
        };
        let block = self.filling.close(intent);
        let identities = std::mem::take(&mut self.identities);
        let filled = self.handle.block_on(async {
            let (inserted, refused) = self.fill(&block, &identities).await?;
            let places = match self.table {
                Table::Receipts => self.places(&block, &refused).await?,
                Table::Events | Table::Orders | Table::SetAside => 0,
            };
            Ok::<_, StoreError>((inserted, refused, places))
        });
        let (inserted, refused, places) = filled.with_context(|| {
            let table = self.table.name();
            format!("{table} takes no rows; what was loaded until now stays, so try again")
        })?;
        let done = &mut self.done;
        done.places += places as u64;
        done.records += records as u64;
        done.there += (block.rows.len() - inserted - refused.len()) as u64;
        done.loaded += inserted as u64;
        done.without_row += block.nothing as u64;
        done.unreadable += block.asides.len() as u64;
        done.refused += refused.len() as u64;
        let refused = refused.iter().map(|row| {
            let topic = row.partition.topic.name(self.from.prefix);
            (topic, row.partition.number, row.offset)
        });
        let mut not_loaded: Vec<(String, i32, i64)> = refused.collect();
        if let Some(asides) = &mut self.asides {
            let written = asides.write(&block.asides);
            written.context("setting aside what can't be read; try again")?;
            done.set_aside += block.asides.len() as u64;
        } else {
            let places = block.asides.into_iter();
            not_loaded.extend(
                places.map(|one| (one.source_topic, one.source_partition, one.source_offset)),
            );
        }
        for (topic, number, offset) in not_loaded {
            self.is_not_loaded(&topic, number, offset);
        }
        Ok(())
    }

    /// The gap where it stands stays open.
    fn is_not_loaded(&mut self, topic: &str, number: i32, offset: i64) {
        self.open.retain(|OpenGap { span, .. }| {
            let is_there = span.partition.number == number
                && span.partition.topic.name(self.from.prefix) == topic;
            !(is_there && (span.first..=span.last).contains(&offset))
        });
        if self.done.not_loaded_at.len() < NAMED_MAX {
            let place = format!("{topic}/{number}/{offset}");
            self.done.not_loaded_at.push(place);
        }
    }

    /// Inserts the rows of a block whose keys the store does not have, or only as they were before. Of two
    /// records with one key the newer counts. Gives how many were inserted, and which are refused.
    async fn fill(
        &self,
        block: &Block,
        identities: &HashMap<(Partition, i64), Identity>,
    ) -> Result<(usize, Vec<Row>), StoreError> {
        let mut there = self.loader.look(&block.intent).await?;
        if self.table == Table::SetAside {
            // at the place of what could not be read once stands a row that says so
            there.retain(|place| !identities.contains_key(place));
        }
        let missing = block.without(&there);
        let identity = |row: &Row| identities.get(&(row.partition, row.offset));
        let wanted: Vec<&Identity> = missing.rows.iter().filter_map(identity).collect();
        let mut newest = stored(&self.loader.store, self.table, &wanted).await?;
        // from the last to the first: of two equal ones the store would keep the last
        let mut rows: Vec<&Row> = missing.rows.iter().collect();
        rows.sort_by_key(|row| identity(row).map(|one| &one.version));
        for row in rows.into_iter().rev() {
            let Some(Identity { key, version, .. }) = identity(row) else {
                continue;
            };
            if newest.get(key).is_some_and(|known| known >= version) {
                there.insert((row.partition, row.offset));
            } else {
                newest.insert(key.clone(), version.clone());
            }
        }
        let rest = block.without(&there);
        let refused = self.loader.rest(&rest).await?;
        Ok((rest.rows.len() - refused.len(), refused))
    }

    /// A place that somebody deleted would be a gap for ever: its receipt stands, so no insert notes it.
    async fn places(&self, block: &Block, refused: &[Row]) -> Result<usize, StoreError> {
        let mut missing = Vec::new();
        for span in &block.intent.spans {
            let known = self.ledger.places(*span).await?;
            let rows = block.rows.iter().filter(|row| {
                let is_new = row.partition == span.partition && !known.contains(&row.offset);
                is_new && !refused.contains(row)
            });
            missing.extend(rows.map(|row| (row.partition, row.offset)));
        }
        let now = SystemClock.now_micros();
        self.ledger.write_places(&missing, now).await?;
        Ok(missing.len())
    }

    /// A range counts as read if all of it was that Kafka still has, and every record of it became what it
    /// should. Of a raw topic it must be gone from Kafka: what was read there has its place noted, and is no
    /// gap any more.
    fn close_gaps(&mut self, read: &[Range]) -> anyhow::Result<()> {
        if self.table == Table::Receipts {
            // what was read is shorter by it
            let open = self.handle.block_on(self.ledger.open_gaps());
            self.open = open.context(ASKING)?;
            self.done.gaps_open = self.open.len() as u64;
        }
        let mut closed = Vec::new();
        for gap in std::mem::take(&mut self.open) {
            let Span {
                partition,
                first,
                last,
            } = gap.span;
            let Some(range) = read.iter().find(|range| range.partition == partition) else {
                continue;
            };
            let name = partition.topic.name(self.from.prefix);
            let ends = self
                .reader
                .fetch_watermarks(&name, partition.number, ANSWER_TIME_MAX);
            let (kept, log_end) = ends.with_context(|| format!("asking Kafka about {name}"))?;
            let from = range.first.unwrap_or(log_end);
            let is_read = from <= first.max(kept) && range.end > last;
            if kept > last || (is_read && self.table != Table::Receipts) {
                closed.push(gap);
            }
        }
        let written = self.ledger.close_gaps(&closed, SystemClock.now_micros());
        let written = self.handle.block_on(written);
        written.context("noting which ranges are read now; try again")?;
        self.done.gaps_closed = closed.len() as u64;
        self.done.gaps_open -= self.done.gaps_closed;
        Ok(())
    }
}
