//! The one configuration of each client. Every option that order or durability depends on is
//! written out, even where it equals librdkafka's default.

use rdkafka::ClientConfig;

use crate::settings::KafkaSettings;

/// How long an open transaction may live, milliseconds. A crash holds readers back for this long, and until the
/// broker looks (every 10 s unless it is set up otherwise), where nobody comes back under the same name.
pub const TRANSACTION_TIMEOUT_MS: u32 = 15_000;

/// How long a record may wait for its delivery report inside a transaction, milliseconds.
pub const MESSAGE_TIMEOUT_MS: u32 = 10_000;

/// Brokers, security and names.
#[must_use]
pub fn connection(settings: &KafkaSettings) -> ClientConfig {
    let mut config = ClientConfig::new();
    config
        .set("bootstrap.servers", &settings.bootstrap_servers)
        .set("client.id", "waybill")
        // A broker that comes back is found within a second; librdkafka's ten stall a demo.
        .set("reconnect.backoff.ms", "50")
        .set("reconnect.backoff.max.ms", "1000")
        .set("socket.keepalive.enable", "true")
        // A host that vanished closes nothing: librdkafka's minute on its last connection is a minute of outage.
        .set("socket.timeout.ms", "10000")
        .set("socket.connection.setup.timeout.ms", "10000")
        // Topics are made by `waybill topics apply`, with their settings, never in passing.
        .set("allow.auto.create.topics", "false");
    let optional = [
        ("security.protocol", settings.security_protocol.as_str()),
        ("sasl.mechanism", settings.sasl_mechanism.as_str()),
        ("sasl.username", settings.sasl_username.as_str()),
        ("sasl.password", settings.sasl_password.expose()),
        ("ssl.ca.location", settings.ssl_ca_location.as_str()),
    ];
    for (key, value) in optional {
        if !value.is_empty() {
            config.set(key, value);
        }
    }
    config
}

/// An idempotent producer that waits for all in-sync replicas.
#[must_use]
pub fn producer_config(settings: &KafkaSettings) -> ClientConfig {
    let mut config = connection(settings);
    config
        .set("enable.idempotence", "true")
        .set("acks", "all")
        .set("max.in.flight.requests.per.connection", "5")
        // The partition that Java clients choose: an order stays in one, whoever writes.
        .set("partitioner", "murmur2_random")
        .set("compression.codec", "zstd")
        .set("compression.level", "1")
        .set("linger.ms", "5")
        .set("message.timeout.ms", MESSAGE_TIMEOUT_MS.to_string())
        .set("message.max.bytes", "2097152")
        .set("queue.buffering.max.messages", "100000")
        .set("queue.buffering.max.kbytes", "65536");
    config
}

/// A transactional producer. `id` is stable per slot, so that a successor aborts what a crashed
/// owner left open; what fences a live one is the consumer's generation.
#[must_use]
pub fn transactional_config(settings: &KafkaSettings, id: &str) -> ClientConfig {
    let mut config = producer_config(settings);
    config
        .set("transactional.id", id)
        .set("transaction.timeout.ms", TRANSACTION_TIMEOUT_MS.to_string())
        // A transaction drains before it commits: lingering would only add to its length.
        .set("linger.ms", "1");
    config
}

/// A read_committed member of a group that never stores or commits by itself.
#[must_use]
pub fn consumer_config(settings: &KafkaSettings, group: &str, instance: &str) -> ClientConfig {
    let mut config = assigned_consumer_config(settings, group);
    config
        .set("group.protocol", "classic")
        // Eager: the revoke comes before the generation moves, so that work can still be committed.
        .set("partition.assignment.strategy", "range")
        .set("group.instance.id", instance)
        .set("session.timeout.ms", "10000")
        .set("heartbeat.interval.ms", "1000")
        .set("max.poll.interval.ms", "300000");
    config
}

/// A read_committed reader that is told its partitions and joins no group. `group` only satisfies
/// the client, which wants a name.
#[must_use]
pub fn assigned_consumer_config(settings: &KafkaSettings, group: &str) -> ClientConfig {
    let mut config = connection(settings);
    config
        .set("group.id", group)
        .set("isolation.level", "read_committed")
        .set("enable.auto.commit", "false")
        .set("enable.auto.offset.store", "false")
        .set("auto.offset.reset", "error")
        .set("enable.partition.eof", "true")
        .set("fetch.wait.max.ms", "100")
        // After a pause or a full queue, fetching resumes at once instead of after a second.
        .set("fetch.queue.backoff.ms", "20")
        // Compressed, of each partition and of one answer: what was asked for is unpacked whole, however
        // full the queue is. A larger batch comes alone.
        .set("fetch.message.max.bytes", "524288")
        .set("fetch.max.bytes", "4194304")
        // Bounds what waits in memory between broker and stage, of each partition.
        .set("queued.min.messages", "20000")
        .set("queued.max.messages.kbytes", "2048");
    config
}

#[cfg(test)]
mod tests {
    #[test]
    fn what_managed_kafka_asks_for_is_compiled_in() {
        let config = rdkafka::ClientConfig::new().create_native_config().unwrap();
        let features = config.get("builtin.features").unwrap();
        let has = |wanted: &str| features.split(',').any(|feature| feature == wanted);
        for wanted in [
            "ssl",
            "sasl_plain",
            "sasl_scram",
            "zstd",
            "lz4",
            "gzip",
            "snappy",
        ] {
            assert!(has(wanted), "{wanted} is missing of {features}");
        }
    }
}
