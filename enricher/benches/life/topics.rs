//! Topics of a run and what they are filled with.

use std::time::Duration;

use rdkafka::{
    admin::{AdminClient, AdminOptions, NewTopic, TopicReplication},
    client::DefaultClientContext,
    producer::{BaseProducer, BaseRecord, Producer},
};
use runtime::{
    kafka::{connection, producer_config},
    settings::{KafkaSettings, Sources},
};

pub(crate) fn settings(brokers: String) -> KafkaSettings {
    let variable = ("WAYBILL__KAFKA__BOOTSTRAP_SERVERS".to_owned(), brokers);
    let sources = Sources {
        defaults: enricher::settings::DEFAULTS,
        environment: [variable].into_iter().collect(),
        ..Sources::default()
    };
    let settings: enricher::Settings = runtime::settings::load(&sources).unwrap();
    settings.common.kafka
}

pub(crate) fn create(kafka: &KafkaSettings, names: &[String], partitions: i32) {
    let admin: AdminClient<DefaultClientContext> = connection(kafka).create().unwrap();
    let topics: Vec<_> = names
        .iter()
        .map(|name| {
            let topic = NewTopic::new(name, partitions, TopicReplication::Fixed(1));
            topic.set("message.timestamp.type", "LogAppendTime")
        })
        .collect();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let made = runtime.block_on(admin.create_topics(&topics, &AdminOptions::new()));
    assert!(made.unwrap().iter().all(Result::is_ok));
}

/// Topic, partition, key and value.
pub(crate) type Filling = (String, i32, String, Vec<u8>);

pub(crate) fn produce(kafka: &KafkaSettings, records: impl Iterator<Item = Filling>) {
    let producer: BaseProducer = producer_config(kafka).create().unwrap();
    for (topic, partition, key, value) in records {
        let mut record = BaseRecord::to(&topic)
            .partition(partition)
            .key(&key)
            .payload(&value);
        while let Err((_, back)) = producer.send(record) {
            producer.poll(Duration::from_millis(5));
            record = back;
        }
        producer.poll(Duration::ZERO);
    }
    producer.flush(Duration::from_secs(60)).unwrap();
}
