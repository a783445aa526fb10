//! Topics of a run and what they are filled with.

use std::time::Duration;

use rdkafka::{
    admin::{AdminClient, AdminOptions, NewTopic, TopicReplication},
    client::DefaultClientContext,
    message::{Header, OwnedHeaders},
    producer::{BaseProducer, BaseRecord, Producer},
};
use runtime::{
    kafka::{connection, producer_config},
    settings::KafkaSettings,
};

/// Makes them.
pub fn create(kafka: &KafkaSettings, names: &[&str], partitions: i32) {
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

/// One record to be written.
#[derive(Clone, Debug)]
pub struct Filling {
    /// Where.
    pub partition: i32,
    /// Key.
    pub key: String,
    /// Value.
    pub value: Vec<u8>,
    /// Headers in order.
    pub headers: Vec<(&'static str, Vec<u8>)>,
}

/// Writes them all.
pub fn produce(kafka: &KafkaSettings, topic: &str, records: impl Iterator<Item = Filling>) {
    let producer: BaseProducer = producer_config(kafka).create().unwrap();
    for filling in records {
        let mut headers = OwnedHeaders::new_with_capacity(filling.headers.len());
        for (key, value) in &filling.headers {
            headers = headers.insert(Header {
                key,
                value: Some(value),
            });
        }
        let mut record = BaseRecord::to(topic)
            .partition(filling.partition)
            .key(&filling.key)
            .payload(&filling.value)
            .headers(headers);
        while let Err((_, back)) = producer.send(record) {
            producer.poll(Duration::from_millis(5));
            record = back;
        }
        producer.poll(Duration::ZERO);
    }
    producer.flush(Duration::from_secs(60)).unwrap();
}
