//! A sink with topics and a database of its own, and what a test may do to them.

use std::{collections::BTreeMap, net::SocketAddr, sync::Arc, time::Duration};

use rdkafka::{
    ClientConfig, Offset, TopicPartitionList,
    admin::{AdminClient, AdminOptions, NewTopic, TopicReplication},
    consumer::{BaseConsumer, CommitMode, Consumer},
    message::{Header, OwnedHeaders},
    producer::{BaseProducer, BaseRecord, Producer},
};
use runtime::{clock::SharedClock, service::Context, settings};
use schemas::{
    Order, OrderedEvent, Status,
    avro::{Encoder, Record},
    registry::Registry,
    topics::Topic,
};
use serde_json::{Value, json};
use sink::{batch::Intent, clickhouse::Store, settings::Settings, table::Table};

use crate::{
    examples::{event, headers},
    stack::{eventually, migrated, rows, stack},
};

/// One sink with its topics and its database.
pub(crate) struct Case {
    prefix: String,
    pub(crate) store: Store,
    /// Another way to the store for the service.
    pub(crate) store_address: Option<SocketAddr>,
    pub(crate) clock: Option<SharedClock>,
    producer: BaseProducer,
    pub(crate) encoders: BTreeMap<&'static str, Encoder>,
}

impl Case {
    pub(crate) async fn new() -> Self {
        Self::over(migrated().await).await
    }

    /// With topics that are named as its database is.
    pub(crate) async fn over(store: Store) -> Self {
        let prefix = format!("{}.", store.database());
        let mut config = ClientConfig::new();
        config
            .set("bootstrap.servers", stack().kafka_bootstrap())
            // as much as a broker takes by default
            .set("message.max.bytes", "1048000");
        let admin: AdminClient<_> = config.create().unwrap();
        let names: Vec<String> = Topic::ALL.iter().map(|topic| topic.name(&prefix)).collect();
        let topics: Vec<NewTopic<'_>> = names
            .iter()
            .map(|name| NewTopic::new(name, 2, TopicReplication::Fixed(1)))
            .collect();
        for made in admin
            .create_topics(&topics, &AdminOptions::new())
            .await
            .unwrap()
        {
            made.unwrap();
        }
        let registry = Registry::new(&stack().registry_url(), "", "").unwrap();
        let mut encoders = BTreeMap::new();
        for topic in [Topic::Ordered, Topic::Orders, Topic::SetAside] {
            let record = topic.record().unwrap();
            let id = registry
                .register(&topic.subject(&prefix), record.schema_text())
                .await
                .unwrap();
            encoders.insert(topic.short_name(), Encoder::new(record, id).unwrap());
        }
        assert_eq!(encoders.len(), Record::ALL.len() - 1);
        Self {
            prefix,
            store,
            store_address: None,
            clock: None,
            producer: config.create().unwrap(),
            encoders,
        }
    }

    /// What another stage has consumed.
    pub(crate) async fn pretend(&self, group: &str, topic: Topic, offsets: [i64; 2]) {
        assert!(self.moved(group, topic, offsets));
    }

    /// Moves a group's offsets by hand, once its members are gone.
    pub(crate) fn moved(&self, group: &str, topic: Topic, offsets: [i64; 2]) -> bool {
        let mut config = ClientConfig::new();
        config
            .set("bootstrap.servers", stack().kafka_bootstrap())
            .set("group.id", format!("{}{group}", self.prefix));
        let client: BaseConsumer = config.create().unwrap();
        let mut list = TopicPartitionList::new();
        for (number, offset) in (0..).zip(offsets) {
            let name = topic.name(&self.prefix);
            list.add_partition_offset(&name, number, Offset::Offset(offset))
                .unwrap();
        }
        client.commit(&list, CommitMode::Sync).is_ok()
    }

    pub(crate) fn environment(&self) -> Vec<(String, String)> {
        let other = self
            .store_address
            .map(|address| format!("http://{address}"));
        let store_url = other.unwrap_or_else(|| stack().clickhouse_url());
        [
            ("KAFKA__BOOTSTRAP_SERVERS", stack().kafka_bootstrap()),
            ("TOPICS__PREFIX", self.prefix.clone()),
            ("REGISTRY__URL", stack().registry_url()),
            ("CLICKHOUSE__URL", store_url),
            ("CLICKHOUSE__DATABASE", self.store.database().to_owned()),
            ("CLICKHOUSE__USER", stack().clickhouse_user().to_owned()),
            ("INSTANCE__ID", "0".into()),
            ("ADMIN__LISTEN", "127.0.0.1:0".into()),
            ("SINK__SLOW_FLUSH_MS", "300".into()),
            ("SINK__FLUSH_MS", "50".into()),
        ]
        .map(|(key, value)| (format!("WAYBILL__{key}"), value))
        .to_vec()
    }

    fn settings(&self) -> Settings {
        let sources = settings::Sources {
            defaults: include_str!("../../settings.default.toml"),
            config: None,
            environment: self.environment(),
        };
        settings::load(&sources).unwrap()
    }

    /// A merge would hide a row that was stored twice.
    pub(crate) async fn stop_merges(&self) {
        let sql = format!("SYSTEM STOP MERGES {}", self.store.table("events_log"));
        self.store.execute(&sql).await.unwrap();
    }

    /// Runs the service while something is waited for, then stops it as SIGTERM would.
    pub(crate) async fn while_running<T>(&self, wait: impl AsyncFnOnce(&Context) -> T) -> T {
        let mut context = Context::for_test();
        if let Some(clock) = &self.clock {
            context.clock = clock.clone();
        }
        let service = sink::run(self.settings(), context.clone());
        let (ended, result) = tokio::join!(service, async {
            let result = wait(&context).await;
            context.shutdown.request();
            result
        });
        ended.unwrap();
        context.tasks.finished().await;
        assert_eq!(context.tasks.failures(), Vec::<String>::new());
        result
    }

    pub(crate) fn send(&self, topic: Topic, partition: i32, key: &str, value: Option<&[u8]>) {
        let name = topic.name(&self.prefix);
        let mut record = BaseRecord::to(&name).partition(partition).key(key);
        record.payload = value;
        self.producer
            .send(record)
            .map_err(|(error, _)| error)
            .unwrap();
    }

    pub(crate) fn send_events(&self, partition: i32, numbers: std::ops::Range<u32>) {
        for number in numbers {
            self.send_event(
                partition,
                &event(number, "A", Status::Assigned, i64::from(number)),
            );
        }
    }

    pub(crate) fn send_event(&self, partition: i32, event: &OrderedEvent) {
        let value = self.encoders["ordered"].encode(event).unwrap();
        self.send(Topic::Ordered, partition, "acme/lalamove/A", Some(&value));
    }

    pub(crate) fn send_order(&self, order: &Order) {
        let value = self.encoders["orders"].encode(order).unwrap();
        self.send(Topic::Orders, 0, "acme/lalamove/A", Some(&value));
    }

    pub(crate) fn send_receipt(&self, number: u32, without: &str) {
        let raw = headers(number, 0);
        let mut pairs = OwnedHeaders::new();
        for (key, value) in raw.to_pairs().iter().filter(|(key, _)| key != without) {
            pairs = pairs.insert(Header {
                key,
                value: Some(value.as_bytes()),
            });
        }
        let (name, id) = (
            Topic::RawOverflow.name(&self.prefix),
            raw.receipt_id.to_string(),
        );
        let record = BaseRecord::to(&name).key(&id).payload("{}").headers(pairs);
        self.producer
            .send(record)
            .map_err(|(error, _)| error)
            .unwrap();
    }

    pub(crate) fn flush(&self) {
        self.producer.flush(Duration::from_secs(10)).unwrap();
    }

    /// Deletes the first events of a partition.
    pub(crate) async fn delete_events(&self, partition: i32, until: i64) {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", stack().kafka_bootstrap());
        let admin: AdminClient<_> = config.create().unwrap();
        let mut list = TopicPartitionList::new();
        let topic = Topic::Ordered.name(&self.prefix);
        list.add_partition_offset(&topic, partition, Offset::Offset(until))
            .unwrap();
        admin
            .delete_records(&list, &AdminOptions::new())
            .await
            .unwrap();
    }

    /// What the events' group has committed: offset and metadata of each partition.
    fn group(&self) -> BaseConsumer {
        let mut config = ClientConfig::new();
        config
            .set("bootstrap.servers", stack().kafka_bootstrap())
            .set("group.id", Table::Events.group(&self.prefix));
        config.create().unwrap()
    }

    pub(crate) fn committed(&self) -> Vec<(i64, String)> {
        let mut list = TopicPartitionList::new();
        list.add_partition_range(&Topic::Ordered.name(&self.prefix), 0, 1);
        let list = self
            .group()
            .committed_offsets(list, Duration::from_secs(10))
            .unwrap();
        let elements = list.elements();
        elements
            .iter()
            .map(|e| (e.offset().to_raw().unwrap(), e.metadata().to_owned()))
            .collect()
    }

    /// Puts the group back to where a crash would have left it, once its members are gone.
    pub(crate) async fn commit(&self, intent: &Intent, partitions: &[i32]) {
        let mut list = TopicPartitionList::new();
        let topic = Topic::Ordered.name(&self.prefix);
        for span in intent
            .spans
            .iter()
            .filter(|s| partitions.contains(&s.partition.number))
        {
            let number = span.partition.number;
            list.add_partition_offset(&topic, number, Offset::Offset(span.first))
                .unwrap();
            list.find_partition(&topic, number)
                .unwrap()
                .set_metadata(intent.metadata());
        }
        let group = Arc::new(self.group());
        eventually("the group has no members any more", || {
            group.commit(&list, CommitMode::Sync).is_ok()
        })
        .await;
    }

    pub(crate) async fn base(&self) -> Value {
        let sql = "SELECT count() AS rows, uniqExact(event_id) AS events, \
                   uniqExact(loaded_at) AS loads FROM {db}.events_log";
        rows(&self.store, sql).await[0].clone()
    }
}

pub(crate) const COUNT: &str = "SELECT count() AS n FROM {db}.events_log";

pub(crate) fn n(count: u64) -> [Value; 1] {
    [json!({ "n": count })]
}
