//! How far each consumer group is behind, from what it has committed and where its topics end.

use std::time::Duration;

use anyhow::Context as _;
use rdkafka::{
    Offset, TopicPartitionList,
    consumer::{BaseConsumer, Consumer},
};
use schemas::topics::Topic;
use serde::Serialize;

use crate::settings::Settings;

const ANSWER_WITHIN: Duration = Duration::from_secs(10);

/// One group on one topic, all partitions together.
#[derive(Debug, Serialize)]
pub(crate) struct Lag {
    pub(crate) group: String,
    pub(crate) topic: String,
    /// Offsets between what is committed and the end, the marks of transactions among them: a group
    /// that has read everything may stand one behind in each partition.
    pub(crate) lag: i64,
}

struct End {
    topic: String,
    partition: i32,
    low: i64,
    high: i64,
}

/// Of all groups under the prefix. Blocks; a partition takes about a millisecond.
pub(crate) fn all(settings: &Settings) -> anyhow::Result<Vec<Lag>> {
    let prefix = &settings.topology().prefix;
    let asking = member_of(settings, &format!("{prefix}status"))?;
    let groups = asking
        .fetch_group_list(None, ANSWER_WITHIN)
        .context("asking Kafka for its groups")?;
    let mut names: Vec<String> = groups
        .groups()
        .iter()
        .map(|group| group.name().to_owned())
        .filter(|name| name.starts_with(prefix))
        .collect();
    names.sort();
    let ends = ends(&asking, prefix)?;
    let mut lags = Vec::new();
    for group in names {
        lags.extend(of_group(settings, &group, &ends)?);
    }
    Ok(lags)
}

/// Never subscribes, so it joins nothing.
fn member_of(settings: &Settings, group: &str) -> anyhow::Result<BaseConsumer> {
    let mut config = runtime::kafka::connection(settings.kafka());
    config
        .set("group.id", group)
        .set("enable.auto.commit", "false")
        .set("isolation.level", "read_uncommitted");
    config.create().context("making a Kafka client")
}

fn ends(asking: &BaseConsumer, prefix: &str) -> anyhow::Result<Vec<End>> {
    let metadata = asking
        .fetch_metadata(None, ANSWER_WITHIN)
        .context("asking Kafka for its topics")?;
    let ours: Vec<String> = Topic::ALL.iter().map(|topic| topic.name(prefix)).collect();
    let mut ends = Vec::new();
    for topic in metadata
        .topics()
        .iter()
        .filter(|topic| ours.iter().any(|our| our == topic.name()))
    {
        for partition in topic.partitions() {
            let (low, high) = asking
                .fetch_watermarks(topic.name(), partition.id(), ANSWER_WITHIN)
                .with_context(|| format!("asking for the end of {}", topic.name()))?;
            ends.push(End {
                topic: topic.name().to_owned(),
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
    let committed = member_of(settings, group)?
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
        let lag = of_topic()
            .map(|end| end.high - position(end).unwrap_or(end.low).max(end.low))
            .sum();
        lags.push(Lag {
            group: group.to_owned(),
            topic,
            lag,
        });
    }
    Ok(lags)
}
