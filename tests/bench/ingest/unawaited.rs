//! Ingest that answers as soon as a record was handed to the producer: what the wait for Kafka costs.
//! Made of ingest's library, so that the product has no such switch.

use std::{
    process::ExitCode,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64},
    },
    time::Duration,
};

use ingest::{
    body::{InFlight, Limits},
    delivery::{Delivery, Door, Unfit},
    kafka::{self, KafkaLog},
    metrics::Metrics,
    proxies::Proxies,
    raw_log::{Confirmation, Placed, RawLog, Record, Refused},
    server::{self, ending::Ending},
    service::Service,
    settings::Settings,
    tenants::{self, Current},
};
use runtime::service::Context;
use tokio::sync::oneshot;

const RECORD_BYTES_MAX: usize = 900_000;

/// Confirms what is only on its way.
struct Unawaited(KafkaLog);

impl RawLog for Unawaited {
    fn append(&self, record: &Record<'_>) -> Result<Confirmation, Refused> {
        drop(self.0.append(record)?);
        let (confirm, confirmation) = oneshot::channel();
        drop(confirm.send(Ok(Placed::default())));
        Ok(confirmation)
    }

    fn is_up(&self) -> bool {
        self.0.is_up()
    }
}

pub(crate) fn main() -> ExitCode {
    runtime::service::main("ingest", ingest::DEFAULTS, run)
}

async fn run(settings: Settings, context: Context) -> anyhow::Result<()> {
    let listener = server::listen(settings.http.listen)?;
    let metrics = Arc::new(Metrics::new(&context.metrics)?);
    let options = kafka::Options {
        prefix: &settings.common.topics.prefix,
        within: settings.http.durable_within(),
        part: context.health.part("kafka"),
        clock: Arc::clone(&context.clock),
        has_spool: false,
    };
    let log = KafkaLog::new(&settings.common.kafka, options)?;
    let delivery = Delivery {
        log: Arc::new(Unawaited(log.clone())),
        spool: None,
        blobs: None,
        door: Door::default(),
        record_bytes_max: RECORD_BYTES_MAX,
        spool_after: settings.spool.after(),
        within: settings.http.durable_within(),
        spooled: AtomicU64::new(0),
        disk_refused: AtomicBool::new(false),
        unfit: Unfit::default(),
        metrics: Arc::clone(&metrics),
    };
    let http = &settings.http;
    let service = Arc::new(Service {
        tenants: Arc::new(Current::empty()),
        delivery: Arc::new(delivery),
        privacy_key: settings.privacy.key.clone(),
        traces: runtime::traces::Traces::default(),
        in_flight: InFlight::new(http.in_flight_bytes_max, http.tenant_in_flight_bytes_max),
        limits: Limits {
            bytes_max: http.body_bytes_max,
            record_bytes_max: RECORD_BYTES_MAX,
            has_blobs: false,
            within: http.body_within(),
        },
        proxies: Proxies::parse(&http.trusted_proxies).map_err(anyhow::Error::msg)?,
        failures: Arc::default(),
        clock: Arc::clone(&context.clock),
        metrics: Arc::clone(&metrics),
        ending: Ending::default(),
    });
    let (tasks, shutdown) = (&context.tasks, &context.shutdown);
    let reports = (context.health.part("tenants"), metrics);
    let (path, all) = (settings.tenants.path.clone(), Arc::clone(&service.tenants));
    let follow = tenants::Watch::new(path, all, reports).follow(shutdown.clone());
    tasks.spawn("tenants", follow);
    tasks.spawn("kafka", log.follow(shutdown.clone()));
    let finish = Duration::from_secs(1);
    let server = server::server(service, listener, &settings.http, None, finish)?;
    tasks.spawn("http", async move { Ok(server.await?) });
    shutdown.requested().await;
    Ok(())
}
