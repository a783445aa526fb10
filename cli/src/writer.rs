//! Writing records again, as ingest and the normalizer would: all of them or an error.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::{Context as _, bail};
use rdkafka::{
    ClientContext,
    config::FromClientConfigAndContext as _,
    error::{KafkaError, RDKafkaErrorCode},
    message::{Header, OwnedHeaders},
    producer::{BaseProducer, BaseRecord, DeliveryResult, Producer as _, ProducerContext},
};
use runtime::kafka::producer_config;
use schemas::{
    DeliveryEvent,
    avro::{Encoder, Record},
    raw_webhook::RawHeaders,
    registry::Registry,
    topics::Topic,
};

use crate::{raw::RawRecord, settings::Settings};

const WRITTEN_WITHIN: Duration = Duration::from_secs(60);
const REPLAY_HEADER: &str = "replay-id";

#[derive(Clone, Debug, Default)]
struct Reports(Arc<AtomicU64>);

impl ClientContext for Reports {}

impl ProducerContext for Reports {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): Self::DeliveryOpaque) {
        if result.is_err() {
            self.0.fetch_add(1, Ordering::AcqRel);
        }
    }
}

/// What a replay writes goes through here. No transaction: whatever an interrupted replay writes
/// again has its receipt's ids, and the enricher counts it as repeated.
pub(crate) struct Writer {
    producer: BaseProducer<Reports>,
    failed: Reports,
    events: Encoder,
    canonical: String,
}

impl Writer {
    pub(crate) async fn new(settings: &Settings) -> anyhow::Result<Self> {
        let access = settings.registry();
        let registry = Registry::new(&access.url, &access.username, access.password.expose())?;
        let prefix = &settings.topology().prefix;
        let schema = Record::DeliveryEvent;
        let id = registry
            .id_of(&Topic::Canonical.subject(prefix), schema.schema_text())
            .await?;
        let failed = Reports::default();
        let producer = BaseProducer::from_config_and_context(
            &producer_config(settings.kafka()),
            failed.clone(),
        )
        .context("making a Kafka producer")?;
        Ok(Self {
            producer,
            failed,
            events: Encoder::new(schema, id)?,
            canonical: Topic::Canonical.name(prefix),
        })
    }

    /// An event, on its way to the enricher.
    pub(crate) fn event(&self, event: &DeliveryEvent) -> anyhow::Result<()> {
        let value = self.events.encode(event)?;
        let key = event.key().to_string();
        let replay = event.replay_id.as_deref().unwrap_or_default();
        let headers = OwnedHeaders::new_with_capacity(1).insert(Header {
            key: REPLAY_HEADER,
            value: Some(replay),
        });
        let record = BaseRecord::to(&self.canonical)
            .key(key.as_bytes())
            .payload(value.as_slice())
            .headers(headers);
        self.send(record)
    }

    /// A webhook, beside where it stands already, with other headers and the same bytes.
    pub(crate) fn webhook(&self, record: &RawRecord, headers: &RawHeaders) -> anyhow::Result<()> {
        let key = headers.receipt_id.to_string();
        let pairs = headers.to_pairs();
        let written = pairs.iter().fold(
            OwnedHeaders::new_with_capacity(pairs.len()),
            |written, (key, value)| {
                written.insert(Header {
                    key,
                    value: Some(value.as_bytes()),
                })
            },
        );
        let record = BaseRecord::to(&record.place.topic)
            .partition(record.place.partition)
            .key(key.as_bytes())
            .payload(record.value.as_slice())
            .timestamp(headers.received_at.millis())
            .headers(written);
        self.send(record)
    }

    fn send(&self, record: BaseRecord<'_, [u8], [u8]>) -> anyhow::Result<()> {
        let mut record = record;
        let until = Instant::now() + WRITTEN_WITHIN;
        loop {
            match self.producer.send(record) {
                Ok(()) => return Ok(()),
                Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), back))
                    if Instant::now() < until =>
                {
                    self.producer.poll(Duration::from_millis(10));
                    record = back;
                }
                Err((error, _)) => return Err(error).context("writing to Kafka"),
            }
        }
    }

    /// Until everything is written. Blocks.
    pub(crate) fn written(&self) -> anyhow::Result<()> {
        let until = Instant::now() + WRITTEN_WITHIN;
        while self.producer.in_flight_count() > 0 {
            if Instant::now() > until {
                bail!("Kafka takes no records; what was written is not written twice by a resume");
            }
            self.producer.poll(Duration::from_millis(5));
        }
        let failed = self.failed.0.load(Ordering::Acquire);
        if failed > 0 {
            bail!("{failed} records were not taken by Kafka; resume once it is well");
        }
        Ok(())
    }
}
