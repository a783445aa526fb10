//! How far each consumer group is behind, from what it has committed and where its topics end.

use std::{
    collections::BTreeSet,
    thread,
    time::{Duration, Instant},
};

use anyhow::Context as _;
use rdkafka::{
    Message, Offset, TopicPartitionList,
    consumer::{BaseConsumer, Consumer},
    error::KafkaError,
};
use runtime::kafka::config::assigned_consumer_config;
use schemas::topics::Topic;
use serde::Serialize;
use sink::table::Table;

use crate::settings::Settings;

const ANSWER_WITHIN: Duration = Duration::from_secs(10);
/// How far from the end a partition may be for us to look whether there is anything to read at all.
const MARKS_MAX: i64 = 32;
const LOOK_WITHIN: Duration = Duration::from_secs(3);
const POLL: Duration = Duration::from_millis(100);

/// One group on one topic, all partitions together.
#[derive(Debug, Serialize)]
pub(crate) struct Lag {
    pub(crate) group: String,
    pub(crate) topic: String,
    /// Offsets between what is committed and the end; the marks of transactions are among them, but
    /// a partition with nothing else left counts as 0.
    pub(crate) lag: i64,
}

struct End {
    topic: String,
    partition: i32,
    low: i64,
    high: i64,
}

/// A partition that is not at its end, and how far it is from it.
struct Behind {
    partition: i32,
    position: i64,
    lag: i64,
}

/// Of all groups under the prefix. Blocks, for a second or two.
pub(crate) fn all(settings: &Settings) -> anyhow::Result<Vec<Lag>> {
    let prefix = &settings.topology().prefix;
    let asking = member_of(settings, &format!("{prefix}status"))?;
    let groups = asking
        .fetch_group_list(None, ANSWER_WITHIN)
        .context("asking Kafka for its groups (WAYBILL__KAFKA__BOOTSTRAP_SERVERS)")?;
    let found = groups.groups().iter().map(|group| group.name().to_owned());
    let found = found.filter(|name| name.starts_with(prefix));
    // A broker that has just come back names none of those that it has not read yet.
    let names: BTreeSet<String> = ours(prefix).chain(found).collect();
    let ends = ends(&asking, prefix)?;
    // finding a group's coordinator takes a while, whatever the group
    thread::scope(|scope| {
        let ends = &ends;
        let asked: Vec<_> = names
            .iter()
            .map(|group| scope.spawn(move || of_group(settings, group, ends)))
            .collect();
        let mut lags = Vec::new();
        for thread in asked {
            let lag = thread
                .join()
                .map_err(|_| anyhow::anyhow!("a thread that asked panicked"))?;
            lags.extend(lag?);
        }
        Ok(lags)
    })
}

/// The groups of the stages.
fn ours(prefix: &str) -> impl Iterator<Item = String> + '_ {
    let stages = ["normalizer", "normalizer-overflow", "enricher"];
    let stages = stages.map(move |stage| format!("{prefix}{stage}"));
    let stages = stages.into_iter();
    stages.chain(Table::ALL.iter().map(move |table| table.group(prefix)))
}

/// Never subscribes, so it joins nothing.
fn member_of(settings: &Settings, group: &str) -> anyhow::Result<BaseConsumer> {
    assigned_consumer_config(settings.kafka(), group)
        .create()
        .context("making a Kafka client")
}

fn ends(asking: &BaseConsumer, prefix: &str) -> anyhow::Result<Vec<End>> {
    let metadata = asking
        .fetch_metadata(None, ANSWER_WITHIN)
        .context("asking Kafka for its topics (WAYBILL__KAFKA__BOOTSTRAP_SERVERS)")?;
    let mut ends = Vec::new();
    for name in Topic::ALL.iter().map(|topic| topic.name(prefix)) {
        let Some(topic) = metadata.topics().iter().find(|topic| topic.name() == name) else {
            continue;
        };
        for partition in topic.partitions() {
            let (low, high) = asking
                .fetch_watermarks(&name, partition.id(), ANSWER_WITHIN)
                .with_context(|| format!("asking for the end of {name}"))?;
            ends.push(End {
                topic: name.clone(),
                partition: partition.id(),
                low,
                high,
            });
        }
    }
    Ok(ends)
}

/// Only topics of which the group has committed something.
fn of_group(settings: &Settings, group: &str, ends: &[End]) -> anyhow::Result<Vec<Lag>> {
    let mut asked = TopicPartitionList::with_capacity(ends.len());
    for end in ends {
        asked.add_partition(&end.topic, end.partition);
    }
    let member = member_of(settings, group)?;
    let committed = member
        .committed_offsets(asked, ANSWER_WITHIN)
        .with_context(|| format!("asking what {group} has committed"))?;
    let position = |end: &End| match committed
        .find_partition(&end.topic, end.partition)?
        .offset()
    {
        Offset::Offset(offset) => Some(offset),
        Offset::Beginning
        | Offset::End
        | Offset::Stored
        | Offset::Invalid
        | Offset::OffsetTail(_) => None,
    };
    let mut lags: Vec<Lag> = Vec::new();
    for topic in Topic::ALL
        .iter()
        .map(|topic| topic.name(&settings.topology().prefix))
    {
        let of_topic = || ends.iter().filter(|end| end.topic == topic);
        if of_topic().all(|end| position(end).is_none()) {
            continue;
        }
        let mut behind: Vec<Behind> = of_topic()
            .map(|end| {
                let position = position(end).unwrap_or(end.low).max(end.low);
                Behind {
                    partition: end.partition,
                    position,
                    lag: end.high - position,
                }
            })
            .filter(|behind| behind.lag > 0)
            .collect();
        leave_out_marks(&member, &topic, &mut behind)?;
        let lag = behind.iter().map(|behind| behind.lag).sum();
        lags.push(Lag {
            group: group.to_owned(),
            topic,
            lag,
        });
    }
    Ok(lags)
}

/// A committed position never passes the mark that ends a transaction, so an idle topic would look
/// one behind in each partition for ever.
fn leave_out_marks(
    member: &BaseConsumer,
    topic: &str,
    behind: &mut Vec<Behind>,
) -> anyhow::Result<()> {
    let mut looked_at = TopicPartitionList::new();
    for near in behind.iter().filter(|behind| behind.lag <= MARKS_MAX) {
        looked_at.add_partition_offset(topic, near.partition, Offset::Offset(near.position))?;
    }
    let mut open = looked_at.count();
    if open == 0 {
        return Ok(());
    }
    member.assign(&looked_at)?;
    let deadline = Instant::now() + LOOK_WITHIN;
    let mut seen = Vec::new();
    while open > 0 && Instant::now() < deadline {
        let (partition, empty) = match member.poll(POLL) {
            Some(Ok(record)) => (record.partition(), false),
            Some(Err(KafkaError::PartitionEOF(partition))) => (partition, true),
            Some(Err(error)) => return Err(error).with_context(|| format!("reading {topic}")),
            None => continue,
        };
        if !seen.contains(&partition) {
            seen.push(partition);
            open -= 1;
            behind.retain(|behind| !(empty && behind.partition == partition));
        }
    }
    member.unassign()?;
    Ok(())
}
