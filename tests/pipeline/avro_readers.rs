//! A downstream service reads the Avro topics as Confluent's clients do: frame, registry, datum.

use std::{collections::BTreeMap, time::Duration};

use pipeline_tests::{Pipeline, model::History, stack};
use rdkafka::{
    ClientConfig, Message,
    consumer::{BaseConsumer, Consumer},
    message::Headers,
};

/// Reads a topic read_committed until `count` values were seen.
fn values(pipeline: &Pipeline, topic: &str, count: usize) -> Vec<Vec<u8>> {
    let consumer: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", stack::shared().kafka_bootstrap())
        .set("group.id", format!("{}reader", pipeline.prefix))
        .set("isolation.level", "read_committed")
        .set("auto.offset.reset", "earliest")
        .create()
        .unwrap();
    consumer
        .subscribe(&[&format!("{}{topic}", pipeline.prefix)])
        .unwrap();
    let started = std::time::Instant::now();
    let mut values = Vec::new();
    while values.len() < count {
        assert!(
            started.elapsed() < Duration::from_secs(60),
            "{topic}: {} values",
            values.len()
        );
        if let Some(Ok(message)) = consumer.poll(Duration::from_millis(200)) {
            values.push(message.payload().unwrap_or_default().to_vec());
        }
    }
    values
}

/// The pipeline's topics, without their prefix.
pub(crate) fn topics(pipeline: &Pipeline) -> Vec<String> {
    let client: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", stack::shared().kafka_bootstrap())
        .create()
        .unwrap();
    let metadata = client
        .fetch_metadata(None, Duration::from_secs(60))
        .unwrap();
    let names = metadata.topics().iter();
    let ours = names.filter_map(|topic| topic.name().strip_prefix(&pipeline.prefix));
    ours.map(str::to_owned).collect()
}

/// Everything that stands in a topic now, up to the ends of its partitions: keys, values and headers.
pub(crate) fn all_bytes(pipeline: &Pipeline, topic: &str) -> Vec<u8> {
    let consumer: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", stack::shared().kafka_bootstrap())
        .set("group.id", format!("{}all-reader", pipeline.prefix))
        .set("enable.partition.eof", "true")
        .set("auto.offset.reset", "earliest")
        .create()
        .unwrap();
    let name = format!("{}{topic}", pipeline.prefix);
    let mut assignment = rdkafka::TopicPartitionList::new();
    let metadata = consumer
        .fetch_metadata(Some(&name), Duration::from_secs(60))
        .unwrap();
    let partitions = metadata.topics()[0].partitions();
    for partition in partitions {
        assignment
            .add_partition_offset(&name, partition.id(), rdkafka::Offset::Beginning)
            .unwrap();
    }
    consumer.assign(&assignment).unwrap();
    let started = std::time::Instant::now();
    let (mut bytes, mut ended) = (Vec::new(), 0);
    while ended < partitions.len() {
        assert!(
            started.elapsed() < Duration::from_secs(60),
            "{topic}: {ended} partitions ended"
        );
        match consumer.poll(Duration::from_millis(200)) {
            Some(Ok(message)) => {
                bytes.extend_from_slice(message.key().unwrap_or_default());
                bytes.extend_from_slice(message.payload().unwrap_or_default());
                for header in message.headers().into_iter().flat_map(Headers::iter) {
                    bytes.extend_from_slice(header.value.unwrap_or_default());
                }
            }
            Some(Err(rdkafka::error::KafkaError::PartitionEOF(_))) => ended += 1,
            Some(Err(_)) | None => {}
        }
    }
    bytes
}

#[tokio::test(flavor = "multi_thread")]
async fn canonical_ordered_and_orders_read_by_the_schemas_in_the_registry() {
    let pipeline = Pipeline::start().await;
    let history = History::delivered(1);
    pipeline.post_all(&history.webhooks).await;
    pipeline.wait_count("SELECT count() FROM events", 4).await;

    for (topic, record, count) in [
        ("canonical", "DeliveryEvent", 4),
        ("ordered", "OrderedEvent", 4),
        ("orders", "Order", 1),
    ] {
        let read = tokio::task::block_in_place(|| values(&pipeline, topic, count));
        let mut schemas: BTreeMap<u32, String> = BTreeMap::new();
        for value in read {
            assert_eq!(value[0], 0, "{topic}: magic byte");
            let id = u32::from_be_bytes(value[1..5].try_into().unwrap());
            if let std::collections::btree_map::Entry::Vacant(unknown) = schemas.entry(id) {
                let url = format!("{}/schemas/ids/{id}", stack::shared().registry_url());
                let answer: serde_json::Value =
                    reqwest::get(url).await.unwrap().json().await.unwrap();
                unknown.insert(answer["schema"].as_str().unwrap().to_owned());
            }
            let schema: serde_avro_fast::Schema = schemas[&id].parse().unwrap();
            let datum: serde_json::Value =
                serde_avro_fast::from_datum_slice(&value[5..], &schema).unwrap();
            let event = datum.get("event").unwrap_or(&datum);
            assert_eq!(event["order_id"], history.order.as_str(), "{topic}");
            assert!(schemas[&id].contains(&format!("\"{record}\"")), "{topic}");
        }
    }
}
