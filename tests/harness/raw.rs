//! Raw records written without ingest: of another time, as after a long outage.

use std::time::Duration;

use rdkafka::{
    ClientConfig,
    message::{Header, OwnedHeaders},
    producer::{BaseProducer, BaseRecord, Producer as _},
};

use crate::{
    Pipeline, Webhook,
    pipeline::{API_KEY, SECRET, TOKEN},
    stack,
};

/// Writes webhooks as received at an RFC 3339 instant; returns their receipt ids.
pub fn write(pipeline: &Pipeline, received_at: &str, webhooks: &[Webhook]) -> Vec<String> {
    let producer: BaseProducer = ClientConfig::new()
        .set("bootstrap.servers", stack::shared().kafka_bootstrap())
        .set("acks", "all")
        .create()
        .expect("a producer");
    let topic = format!("{}raw", pipeline.prefix);
    let receipts: Vec<String> = webhooks
        .iter()
        .map(|webhook| {
            let receipt = uuid::Uuid::now_v7().to_string();
            let body = webhook.body(API_KEY, SECRET, &format!("/hooks/{TOKEN}"));
            let bytes = body.len().to_string();
            let headers = [
                ("receipt-id", receipt.as_str()),
                ("tenant", "acme"),
                ("provider", "lalamove"),
                ("endpoint", "acme-lalamove"),
                ("received-at", received_at),
                ("verdict", "verified"),
                ("assurance", "BODY_SIGNED"),
                ("signature-scheme", "data-raw"),
                ("secret-id", "2026-11"),
                ("timezone", "Asia/Hong_Kong"),
                ("currency", "HKD"),
                ("pii", "pseudonymise"),
                ("body-sha256", "00"),
                ("body-bytes", bytes.as_str()),
            ];
            let headers = headers
                .iter()
                .fold(OwnedHeaders::new(), |headers, (key, value)| {
                    headers.insert(Header {
                        key,
                        value: Some(*value),
                    })
                });
            let record = BaseRecord::to(&topic)
                .partition(0)
                .key(receipt.as_bytes())
                .payload(body.as_slice())
                .headers(headers);
            producer
                .send(record)
                .map_err(|(error, _)| error)
                .expect("sent");
            receipt
        })
        .collect();
    producer.flush(Duration::from_secs(30)).expect("written");
    receipts
}
