//! Writes what this service sets aside to the set-aside topic, before any offset moves past it.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use rdkafka::{
    ClientContext,
    producer::{BaseProducer, BaseRecord, DeliveryResult, Producer, ProducerContext},
};
use runtime::{
    kafka::{
        producer_config,
        reports::{serve, serve_all},
    },
    settings::KafkaSettings,
};
use schemas::{
    SetAside,
    avro::{Encoder, Record},
    registry::Registry,
    topics::Topic,
};
use tokio::runtime::Handle;

/// Longer than a record may wait for its delivery report.
const DELIVERY_TIME_MAX: Duration = Duration::from_secs(15);

#[derive(Clone, Debug, Default)]
struct Reports {
    failed: Arc<AtomicU64>,
}

impl ClientContext for Reports {}

impl ProducerContext for Reports {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        if result.is_err() {
            self.failed.fetch_add(1, Ordering::AcqRel);
        }
    }
}

/// Opened when there is something to write; for most processes that is never.
pub(crate) struct Asides {
    kafka: KafkaSettings,
    prefix: String,
    registry: Registry,
    handle: Handle,
    open: Option<(BaseProducer<Reports>, Reports, Encoder)>,
}

impl Asides {
    pub(crate) fn new(
        kafka: KafkaSettings,
        prefix: String,
        registry: Registry,
        handle: Handle,
    ) -> Self {
        Self {
            kafka,
            prefix,
            registry,
            handle,
            open: None,
        }
    }

    /// Returns once all of them are acknowledged. After an error some may be; their ids are
    /// functions of their records, so that writing them again adds nothing.
    pub(crate) fn write(&mut self, asides: &[SetAside]) -> anyhow::Result<()> {
        if asides.is_empty() {
            return Ok(());
        }
        let result = self.write_all(asides);
        if result.is_err() {
            // an idempotent producer may have stopped for good
            self.open = None;
        }
        result
    }

    fn write_all(&mut self, asides: &[SetAside]) -> anyhow::Result<()> {
        let topic = Topic::SetAside.name(&self.prefix);
        if self.open.is_none() {
            self.open = Some(self.opened()?);
        }
        let Some((producer, reports, encoder)) = &self.open else {
            anyhow::bail!("no producer");
        };
        let deadline = Instant::now() + DELIVERY_TIME_MAX;
        reports.failed.store(0, Ordering::Release);
        let mut value = Vec::new();
        for aside in asides {
            value.clear();
            encoder.encode_into(aside, &mut value)?;
            while producer.in_flight_count() > 1000 && Instant::now() < deadline {
                serve(producer);
            }
            let record = BaseRecord::to(&topic)
                .key(&aside.receipt_id)
                .payload(&value);
            producer.send(record).map_err(|(error, _)| error)?;
        }
        anyhow::ensure!(
            serve_all(producer, deadline),
            "records not acknowledged in time"
        );
        let failed = reports.failed.load(Ordering::Acquire);
        anyhow::ensure!(failed == 0, "{failed} records not written");
        Ok(())
    }

    fn opened(&self) -> anyhow::Result<(BaseProducer<Reports>, Reports, Encoder)> {
        let subject = Topic::SetAside.subject(&self.prefix);
        let schema = Record::SetAside;
        let id = self
            .handle
            .block_on(self.registry.id_of(&subject, schema.schema_text()))?;
        let reports = Reports::default();
        let producer = producer_config(&self.kafka).create_with_context(reports.clone())?;
        Ok((producer, reports, Encoder::new(schema, id)?))
    }
}
