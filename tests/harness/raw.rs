//! Raw records written without ingest: of another time, as after a long outage, or of endpoints as
//! they were once.

use std::time::Duration;

use rdkafka::{
    ClientConfig,
    message::{Header, OwnedHeaders},
    producer::{BaseProducer, BaseRecord, Producer as _},
};

use crate::{
    Pipeline, Webhook,
    model::History,
    pipeline::{API_KEY, SECRET, TOKEN},
    stack,
};

/// A webhook of `acme` that verified.
#[derive(Clone, Debug)]
pub struct Came {
    pub provider: &'static str,
    pub endpoint: &'static str,
    /// RFC 3339.
    pub received_at: String,
    pub currency: Option<&'static str>,
    pub body: Vec<u8>,
}

impl Came {
    pub fn lalamove(received_at: &str, webhook: &Webhook) -> Self {
        Self {
            provider: "lalamove",
            endpoint: "acme-lalamove",
            received_at: received_at.to_owned(),
            currency: Some("HKD"),
            body: webhook.body(API_KEY, SECRET, &format!("/hooks/{TOKEN}")),
        }
    }

    pub fn ordatic(received_at: &str, body: &str) -> Self {
        Self {
            provider: "ordatic",
            endpoint: "acme-ordatic",
            received_at: received_at.to_owned(),
            currency: Some("EUR"),
            body: body.as_bytes().to_vec(),
        }
    }

    fn headers(&self, receipt: &str) -> OwnedHeaders {
        let bytes = self.body.len().to_string();
        let mut headers = vec![
            ("receipt-id", receipt),
            ("tenant", "acme"),
            ("provider", self.provider),
            ("endpoint", self.endpoint),
            ("received-at", &self.received_at),
            ("verdict", "verified"),
            ("assurance", "BODY_SIGNED"),
            ("signature-scheme", "data-raw"),
            ("secret-id", "2026-11"),
            ("timezone", "Asia/Hong_Kong"),
            ("pii", "pseudonymise"),
            ("body-sha256", "00"),
            ("body-bytes", &bytes),
        ];
        headers.extend(self.currency.map(|currency| ("currency", currency)));
        headers
            .iter()
            .fold(OwnedHeaders::new(), |headers, (key, value)| {
                headers.insert(Header {
                    key,
                    value: Some(*value),
                })
            })
    }
}

/// An instant so many seconds ago, by the store's clock.
pub async fn ago(pipeline: &Pipeline, seconds: u32) -> String {
    let sql =
        format!("SELECT formatDateTime(now('UTC') - {seconds}, '%Y-%m-%dT%H:%i:%SZ') AS then");
    let then = pipeline.store.value(&sql).await.expect("the store's clock");
    then.as_str().expect("text").to_owned()
}

/// Writes webhooks into one partition, in this order; returns their receipt ids.
pub fn write(pipeline: &Pipeline, webhooks: &[Came]) -> Vec<String> {
    let producer: BaseProducer = ClientConfig::new()
        .set("bootstrap.servers", stack::shared().kafka_bootstrap())
        .set("acks", "all")
        .create()
        .expect("a producer");
    let topic = format!("{}raw", pipeline.prefix);
    let send = |came: &Came| {
        let receipt = uuid::Uuid::now_v7().to_string();
        let record = BaseRecord::to(&topic)
            .partition(0)
            .key(receipt.as_bytes())
            .payload(came.body.as_slice())
            .headers(came.headers(&receipt));
        let sent = producer.send(record).map_err(|(error, _)| error);
        sent.expect("sent");
        receipt
    };
    let receipts = webhooks.iter().map(send).collect();
    producer
        .flush(Duration::from_secs(30))
        .expect("all of them written");
    receipts
}

/// Writes the webhooks of an order's life, all received at one moment; returns their receipt ids.
pub fn history(pipeline: &Pipeline, received_at: &str, history: &History) -> Vec<String> {
    let webhooks = history.webhooks.iter();
    let came: Vec<Came> = webhooks
        .map(|one| Came::lalamove(received_at, one))
        .collect();
    write(pipeline, &came)
}
