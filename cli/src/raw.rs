//! Reading the raw topics again: a range of time, or the records of known places.

mod bodies;

use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, Instant},
};

use anyhow::{Context as _, bail};
use rdkafka::{
    Message, Offset, TopicPartitionList,
    consumer::{BaseConsumer, Consumer as _},
    error::KafkaError,
    message::Headers as _,
};
use runtime::kafka::config::assigned_consumer_config;
use schemas::{
    Micros,
    raw_webhook::{InvalidHeader, RawHeaders},
    topics::Topic,
};

use crate::settings::Settings;

pub(crate) use bodies::Bodies;

const ANSWER_WITHIN: Duration = Duration::from_secs(10);
const POLL: Duration = Duration::from_millis(100);
/// Without a record for this long, the brokers are not answering.
const SILENCE_MAX: Duration = Duration::from_secs(30);
/// Records that are looked at together, at most.
pub(crate) const BATCH_RECORDS_MAX: usize = 1_000;
/// Offsets that are read through rather than jumped over, which costs a round trip.
const GAP_MAX: i64 = 2_000;
const BATCH_BYTES_MAX: usize = 8 << 20;
const TOPICS: [Topic; 2] = [Topic::Raw, Topic::RawOverflow];

/// Where a record stands.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    pub(crate) topic: String,
    pub(crate) partition: i32,
    pub(crate) offset: i64,
}

/// One webhook as ingest wrote it.
#[derive(Debug)]
pub(crate) struct RawRecord {
    pub(crate) place: Place,
    pub(crate) headers: Result<RawHeaders, InvalidHeader>,
    pub(crate) value: Vec<u8>,
}

/// The next offset to be read of each partition.
pub(crate) type Positions = BTreeMap<(String, i32), i64>;

/// Reads all raw partitions from a moment on, up to where they ended when it began.
pub(crate) struct Range {
    consumer: BaseConsumer,
    /// Next offset, and the end, of the partitions that have something left.
    open: BTreeMap<(String, i32), (i64, i64)>,
    positions: Positions,
}

impl Range {
    /// A record that waited in a spool stands later than its time tells, so the reading goes on to
    /// the ends. `resumed` positions take the place of the moment.
    pub(crate) fn from(
        settings: &Settings,
        since: Micros,
        resumed: Option<&Positions>,
    ) -> anyhow::Result<Self> {
        let consumer = reader(settings)?;
        let mut asked = TopicPartitionList::new();
        for (topic, partition) in partitions(&consumer, settings)? {
            asked.add_partition_offset(&topic, partition, Offset::Offset(since.millis()))?;
        }
        let found = consumer.offsets_for_times(asked, ANSWER_WITHIN).context(
            "asking Kafka where a moment stands in raw (WAYBILL__KAFKA__BOOTSTRAP_SERVERS)",
        )?;
        let mut range = Self {
            consumer,
            open: BTreeMap::new(),
            positions: Positions::new(),
        };
        for element in found.elements() {
            let (topic, partition) = (element.topic(), element.partition());
            let (low, end) = range
                .consumer
                .fetch_watermarks(topic, partition, ANSWER_WITHIN)
                .with_context(|| format!("asking for the end of {topic}"))?;
            let key = (topic.to_owned(), partition);
            let start = match resumed.and_then(|positions| positions.get(&key)) {
                Some(position) => *position,
                // nothing is as young as that
                None => element
                    .offset()
                    .to_raw()
                    .filter(|at| *at >= 0)
                    .unwrap_or(end),
            };
            let start = start.max(low);
            range.positions.insert(key.clone(), start);
            if start < end {
                range.open.insert(key, (start, end));
            }
        }
        range.assign()?;
        Ok(range)
    }

    fn assign(&self) -> anyhow::Result<()> {
        let mut assigned = TopicPartitionList::new();
        for ((topic, partition), (next, _)) in &self.open {
            assigned.add_partition_offset(topic, *partition, Offset::Offset(*next))?;
        }
        self.consumer.assign(&assigned).context("reading raw")
    }

    /// How many offsets are left.
    pub(crate) fn left(&self) -> i64 {
        self.open.values().map(|(next, end)| end - next).sum()
    }

    /// Where the next batch begins.
    pub(crate) fn positions(&self) -> &Positions {
        &self.positions
    }

    /// The next records, at most this many; none at the end. Blocks.
    pub(crate) fn batch(&mut self, records_max: usize) -> anyhow::Result<Vec<RawRecord>> {
        let mut batch = Vec::new();
        let mut bytes = 0;
        let mut heard = Instant::now();
        while !self.open.is_empty() && batch.len() < records_max && bytes < BATCH_BYTES_MAX {
            let (place, record) = match self.consumer.poll(POLL) {
                Some(Ok(message)) => {
                    let record = record(&message);
                    (record.place.clone(), Some(record))
                }
                // only marks of transactions stand before the end
                Some(Err(KafkaError::PartitionEOF(_))) => {
                    self.skip_marks()?;
                    heard = Instant::now();
                    continue;
                }
                Some(Err(error)) => return Err(error).context("reading raw"),
                None if heard.elapsed() > SILENCE_MAX => {
                    bail!("raw gives no records: is Kafka well? Nothing is lost; try again");
                }
                None => continue,
            };
            heard = Instant::now();
            let key = (place.topic, place.partition);
            let Some((next, end)) = self.open.get_mut(&key) else {
                continue;
            };
            if place.offset < *end {
                *next = place.offset + 1;
                self.positions.insert(key.clone(), *next);
                if let Some(record) = record {
                    bytes += record.value.len();
                    batch.push(record);
                }
            }
            if self.open.get(&key).is_some_and(|(next, end)| next >= end) {
                self.open.remove(&key);
            }
        }
        Ok(batch)
    }

    /// A partition whose reader stands at its end has nothing left, whatever its offsets say.
    fn skip_marks(&mut self) -> anyhow::Result<()> {
        let standing = self.consumer.position()?;
        for element in standing.elements() {
            let key = (element.topic().to_owned(), element.partition());
            let at = element.offset().to_raw().unwrap_or(-1);
            if self.open.get(&key).is_some_and(|(_, end)| at >= *end) {
                self.open.remove(&key);
            }
        }
        Ok(())
    }
}

/// The records of these places; what raw no longer has is left out. Blocks.
pub(crate) fn fetch(
    settings: &Settings,
    places: impl IntoIterator<Item = Place>,
) -> anyhow::Result<BTreeMap<Place, RawRecord>> {
    let mut wanted: BTreeMap<(String, i32), BTreeSet<i64>> = BTreeMap::new();
    for place in places {
        let partition = (place.topic, place.partition);
        wanted.entry(partition).or_default().insert(place.offset);
    }
    let consumer = reader(settings)?;
    let mut found = BTreeMap::new();
    for ((topic, partition), mut offsets) in wanted {
        let (low, end) = consumer
            .fetch_watermarks(&topic, partition, ANSWER_WITHIN)
            .with_context(|| format!("asking for the ends of {topic}"))?;
        offsets.retain(|offset| (low..end).contains(offset));
        let records = wanted_records(&consumer, (&topic, partition), offsets)?;
        found.extend(records.into_iter().map(|one| (one.place.clone(), one)));
    }
    Ok(found)
}

/// Reads on from each record to the next; only a long gap is jumped over.
fn wanted_records(
    consumer: &BaseConsumer,
    (topic, partition): (&str, i32),
    mut offsets: BTreeSet<i64>,
) -> anyhow::Result<Vec<RawRecord>> {
    let mut records = Vec::with_capacity(offsets.len());
    let mut at = None;
    let mut heard = Instant::now();
    while let Some(next) = offsets.first().copied() {
        if at.is_none_or(|at| next - at > GAP_MAX) {
            let mut place = TopicPartitionList::new();
            place.add_partition_offset(topic, partition, Offset::Offset(next))?;
            consumer.assign(&place)?;
            at = Some(next);
        }
        match consumer.poll(POLL) {
            Some(Ok(message)) => {
                heard = Instant::now();
                at = Some(message.offset());
                if offsets.contains(&message.offset()) {
                    records.push(record(&message));
                }
                offsets = offsets.split_off(&(message.offset() + 1));
            }
            Some(Err(KafkaError::PartitionEOF(_))) => break,
            Some(Err(error)) => return Err(error).context("reading raw"),
            None if heard.elapsed() > SILENCE_MAX => {
                bail!("raw gives no records: is Kafka well? Nothing is lost; try again");
            }
            None => {}
        }
    }
    Ok(records)
}

fn reader(settings: &Settings) -> anyhow::Result<BaseConsumer> {
    let group = format!("{}replay", settings.topology().prefix);
    assigned_consumer_config(settings.kafka(), &group)
        // what retention deletes while we read is no error
        .set("auto.offset.reset", "earliest")
        .create()
        .context("making a Kafka client")
}

fn partitions(consumer: &BaseConsumer, settings: &Settings) -> anyhow::Result<Vec<(String, i32)>> {
    let mut partitions = Vec::new();
    for topic in TOPICS.map(|topic| topic.name(&settings.topology().prefix)) {
        let metadata = consumer
            .fetch_metadata(Some(&topic), ANSWER_WITHIN)
            .context("asking Kafka for its topics (WAYBILL__KAFKA__BOOTSTRAP_SERVERS)")?;
        let found = metadata.topics().iter().find(|one| one.name() == topic);
        let numbers = found.into_iter().flat_map(|one| one.partitions());
        partitions.extend(numbers.map(|one| (topic.clone(), one.id())));
    }
    if partitions.is_empty() {
        bail!("there is no topic raw under this prefix: check topics.prefix");
    }
    Ok(partitions)
}

fn record(message: &impl Message) -> RawRecord {
    let pairs = message.headers().map(|headers| {
        headers
            .iter()
            .map(|header| (header.key, header.value.unwrap_or_default()))
            .collect::<Vec<_>>()
    });
    RawRecord {
        place: Place {
            topic: message.topic().to_owned(),
            partition: message.partition(),
            offset: message.offset(),
        },
        headers: RawHeaders::from_pairs(pairs.unwrap_or_default()),
        value: message.payload().unwrap_or_default().to_vec(),
    }
}
