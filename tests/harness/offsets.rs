//! Accidents with offsets: moved by hand, or deleted by Kafka.

use std::time::Duration;

use rdkafka::{
    ClientConfig, Offset, TopicPartitionList,
    admin::{AdminClient, AdminOptions},
    consumer::{BaseConsumer, CommitMode, Consumer as _},
    error::KafkaError,
    producer::{BaseProducer, BaseRecord, Producer as _},
};

use crate::{Pipeline, stack, wait};

fn client(group: &str) -> ClientConfig {
    let mut config = ClientConfig::new();
    config
        .set("bootstrap.servers", stack::shared().kafka_bootstrap())
        // what a transaction that is under way has written counts as being there
        .set("isolation.level", "read_uncommitted")
        .set("group.id", group);
    config
}

/// One past the last record of each partition.
fn ends(consumer: &BaseConsumer, topic: &str) -> TopicPartitionList {
    let mut ends = TopicPartitionList::new();
    for partition in 0..4 {
        let (_, end) = consumer
            .fetch_watermarks(topic, partition, Duration::from_secs(10))
            .unwrap();
        ends.add_partition_offset(topic, partition, Offset::Offset(end))
            .unwrap();
    }
    ends
}

/// How many committed records a topic has.
pub fn records(pipeline: &Pipeline, topic: &str) -> usize {
    let reader: BaseConsumer = client("audit-counts")
        .set("isolation.level", "read_committed")
        .set("enable.partition.eof", "true")
        .create()
        .unwrap();
    let name = format!("{}{topic}", pipeline.prefix);
    let mut all = TopicPartitionList::new();
    for partition in 0..4 {
        all.add_partition_offset(&name, partition, Offset::Beginning)
            .unwrap();
    }
    reader.assign(&all).unwrap();
    let (mut found, mut ended) = (0, 0);
    while ended < 4 {
        match reader.poll(Duration::from_secs(10)).expect("an end") {
            Ok(_) => found += 1,
            Err(KafkaError::PartitionEOF(_)) => ended += 1,
            Err(error) => panic!("{error}"),
        }
    }
    found
}

/// Moves a group's offsets past everything that stands in a topic, as a careless operator might.
pub async fn skip(pipeline: &Pipeline, topic: &str, group: &str) {
    let group = format!("{}{group}", pipeline.prefix);
    let consumer: BaseConsumer = client(&group).create().unwrap();
    let ends = ends(&consumer, &format!("{}{topic}", pipeline.prefix));
    // refused while the group still counts its member in
    wait::until("the offsets are moved", || async {
        let moved = consumer.commit(&ends, CommitMode::Sync);
        moved.map_err(|error| error.to_string())
    })
    .await;
}

/// Writes a record that nobody can read, in a transaction that is under way until it is ended.
pub fn unreadable(pipeline: &Pipeline, topic: &str) -> BaseProducer {
    let producer: BaseProducer = ClientConfig::new()
        .set("bootstrap.servers", stack::shared().kafka_bootstrap())
        .set("transactional.id", format!("{}unreadable", pipeline.prefix))
        .create()
        .unwrap();
    let time_max = Duration::from_secs(30);
    producer.init_transactions(time_max).unwrap();
    producer.begin_transaction().unwrap();
    let topic = format!("{}{topic}", pipeline.prefix);
    let record = BaseRecord::to(&topic)
        .partition(0)
        .key("no key")
        .payload("no frame");
    producer.send(record).map_err(|(error, _)| error).unwrap();
    producer.flush(time_max).unwrap();
    producer
}

/// Deletes everything that stands in a topic now.
pub async fn delete(pipeline: &Pipeline, topic: &str) {
    let config = client("deletes");
    let admin: AdminClient<_> = config.create().unwrap();
    let topic = format!("{}{topic}", pipeline.prefix);
    let all = ends(&config.create().unwrap(), &topic);
    let deleted = admin.delete_records(&all, &AdminOptions::new()).await;
    deleted.unwrap();
}
