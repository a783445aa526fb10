//! Brings tenants back from the overflow lane, once the normalizer has read all of theirs there.

mod inherit;
mod left_over;

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use anyhow::Context as _;
use rdkafka::{
    Offset, TopicPartitionList,
    consumer::{BaseConsumer, Consumer},
};
use runtime::{settings::KafkaSettings, shutdown::Shutdown};
use schemas::topics::Topic;

pub use left_over::LeftOver;

use crate::{
    metrics::Metrics,
    tenants::{Current, Tenant},
};

const LOOK_EVERY: Duration = Duration::from_secs(1);
const ANSWER_WITHIN: Duration = Duration::from_secs(5);

/// How far the normalizer has read the overflow topic.
pub struct Progress {
    /// Never joins the group, only asks for its offsets.
    consumer: BaseConsumer,
    topic: String,
}

impl std::fmt::Debug for Progress {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Progress")
            .field("topic", &self.topic)
            .finish_non_exhaustive()
    }
}

impl Progress {
    /// Of the topics under `prefix`; nothing is connected yet.
    ///
    /// # Errors
    /// When librdkafka refuses the configuration.
    pub fn new(kafka: &KafkaSettings, prefix: &str) -> anyhow::Result<Self> {
        // The name that the normalizer gives its second worker's group.
        let group = format!("{prefix}normalizer-overflow");
        let mut config = runtime::kafka::config::assigned_consumer_config(kafka, &group);
        let consumer = config
            .set("auto.offset.reset", "earliest")
            .create()
            .context("the client that asks for offsets can't be made")?;
        let topic = Topic::RawOverflow.name(prefix);
        Ok(Self { consumer, topic })
    }

    /// The next offset to be read, by partition; those of which nothing was read are missing.
    fn ask(&self, partitions: &[i32]) -> Result<BTreeMap<i32, i64>, String> {
        let mut list = TopicPartitionList::new();
        for partition in partitions {
            list.add_partition(&self.topic, *partition);
        }
        let committed = self
            .consumer
            .committed_offsets(list, ANSWER_WITHIN)
            .map_err(|error| error.to_string())?;
        let of = |offset: Offset| match offset {
            Offset::Offset(next) => Some(next),
            Offset::Beginning
            | Offset::End
            | Offset::Stored
            | Offset::Invalid
            | Offset::OffsetTail(_) => None,
        };
        let elements = committed.elements();
        let known = elements
            .iter()
            .filter_map(|element| Some((element.partition(), of(element.offset())?)));
        Ok(known.collect())
    }
}

/// Puts the tenants that the process before this one left in the overflow lane back there; call it when
/// the tenants are known. While Kafka does not answer this is tried again, so whoever waits for it does
/// that for a time only.
///
/// # Errors
/// Only when a thread can't be had.
pub async fn inherit(
    progress: Arc<Progress>,
    tenants: Arc<Current>,
    shutdown: Shutdown,
) -> anyhow::Result<()> {
    while inherit::is_needed(&tenants) && !shutdown.is_requested() {
        let (progress, known) = (Arc::clone(&progress), Arc::clone(&tenants));
        match tokio::task::spawn_blocking(move || inherit::inherit(&progress, &known)).await? {
            Ok(0) => return Ok(()),
            Ok(records) => {
                tracing::info!(
                    records,
                    "the overflow topic was not read to its end before the start"
                );
                return Ok(());
            }
            Err(error) => {
                let error = format!("{error:#}");
                tracing::debug!(error, "not known yet who is in the overflow topic");
                tokio::time::sleep(LOOK_EVERY).await;
            }
        }
    }
    Ok(())
}

/// Looks every second, while any tenant overflows, until shutdown.
///
/// # Errors
/// Only when a thread can't be had.
pub async fn follow(
    progress: Arc<Progress>,
    tenants: Arc<Current>,
    left: Arc<LeftOver>,
    metrics: Arc<Metrics>,
    shutdown: Shutdown,
) -> anyhow::Result<()> {
    loop {
        tokio::select! {
            () = shutdown.requested() => return Ok(()),
            () = tokio::time::sleep(LOOK_EVERY) => {}
        }
        let (progress, tenants, left, metrics) = (
            Arc::clone(&progress),
            Arc::clone(&tenants),
            Arc::clone(&left),
            Arc::clone(&metrics),
        );
        tokio::task::spawn_blocking(move || look(&progress, &tenants, &left, &metrics)).await?;
    }
}

fn look(progress: &Progress, tenants: &Current, left: &LeftOver, metrics: &Metrics) {
    let tenants = tenants.load();
    if let Some(tenants) = tenants.as_deref() {
        left.mark(tenants);
    }
    let all = tenants.iter().flat_map(|tenants| tenants.all());
    let overflowing: Vec<_> = all
        .filter(|tenant| tenant.traffic().usage.overflows())
        .collect();
    metrics.overflowing(overflowing.len());
    if overflowing.is_empty() {
        return;
    }
    let mut partitions: Vec<i32> = overflowing
        .iter()
        .flat_map(|tenant| tenant.traffic().usage.partitions())
        .collect();
    partitions.sort_unstable();
    partitions.dedup();
    let read = if partitions.is_empty() {
        BTreeMap::new()
    } else {
        match progress.ask(&partitions) {
            Ok(read) => read,
            Err(why) => {
                tracing::debug!(why, "no answer how far the overflow topic was read");
                return;
            }
        }
    };
    bring_back(&overflowing, left, &read);
}

/// Brings those back that have nothing unread there, nor anything on its way there from the disk.
pub(crate) fn bring_back(overflowing: &[&Arc<Tenant>], left: &LeftOver, read: &BTreeMap<i32, i64>) {
    for tenant in overflowing {
        let usage = &tenant.traffic().usage;
        let next = |partition| read.get(&partition).copied();
        if !left.waits(&tenant.id) && usage.settle(next) {
            tracing::info!(tenant = %tenant.id, "back from the overflow topic");
        }
    }
}
