//! Stage 1 of 4: webhook to raw topic.
//!
//! A 200 means that the exact bytes are safe in Kafka, or on disk until Kafka takes them, with what
//! verification said of them. Whose they are is decided by the address, whether they are genuine by the
//! carrier's own rule over the bytes.
//! Never: a 200 from memory, a second look at the same tenants file within one request, a JSON parse
//! of what no secret vouches for, a payload or a token in a log.

pub mod routes;
pub mod server;
pub mod service;

pub mod tenants;

mod bodies;
pub mod body;
mod judge;
pub mod providers;
pub mod proxies;
pub mod tls;

pub mod contracts;
pub mod failures;
pub mod overflow;
pub mod rates;

pub mod delivery;
pub mod drain;
pub mod kafka;
pub mod order_hint;
pub mod raw_log;
pub mod spool;

pub mod housekeeping;
pub mod metrics;
pub mod outcome;
pub mod reply;
pub mod settings;

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64},
    },
    time::Duration,
};

use anyhow::Context as _;
use runtime::{blobs::Blobs, service::Context};

use crate::{
    bodies::Bodies,
    body::{InFlight, Limits},
    delivery::{Delivery, Door, Unfit},
    drain::Drain,
    housekeeping::Housekeeping,
    kafka::KafkaLog,
    metrics::Metrics,
    overflow::LeftOver,
    proxies::Proxies,
    server::{
        ending::{self, Ending},
        listen, server,
    },
    service::Service,
    settings::Settings,
    spool::Spool,
    tenants::Current,
    tls::Certificate,
};

/// The settings file that is also the manual.
pub const DEFAULTS: &str = include_str!("../settings.default.toml");

/// What a record of the raw topic holds beside its headers; brokers take one megabyte by default.
const RECORD_BYTES_MAX: usize = 900_000;
const SEGMENT_BYTES: u64 = 64 << 20;
const FLUSH_WITHIN: Duration = Duration::from_secs(2);
/// A server that is stopped looks once a second whether its connections have ended.
const SERVER_LOOKS_WITHIN: Duration = Duration::from_secs(2);
const INHERITED_WITHIN: Duration = Duration::from_secs(2);
/// A confirmation that comes just in time still finds somebody waiting.
const CONFIRMATION_SLACK: Duration = Duration::from_millis(250);

/// Takes webhooks in until shutdown is requested, then finishes those that it has.
///
/// # Errors
/// When something can't be opened, or ends in another way than by shutdown.
pub async fn run(settings: Settings, context: Context) -> anyhow::Result<()> {
    server::allow_connections();
    settings.privacy.warn_if_short();
    let listener = listen(settings.http.listen)?;
    let certificate = settings.http.tls().map(Certificate::read).transpose()?;
    let metrics = Arc::new(Metrics::new(&context.metrics)?);
    // Known before the first is ready.
    let http = context.health.part("http");
    let (spool, left) = open_spool(&settings, &context)?;
    let log = KafkaLog::new(
        &settings.common.kafka,
        kafka::Options {
            prefix: &settings.common.topics.prefix,
            within: settings.http.durable_within(),
            part: context.health.part("kafka"),
            clock: Arc::clone(&context.clock),
            has_spool: spool.is_some(),
        },
    )?;
    let delivery = Arc::new(delivery(&settings, (&log, spool.clone()), &metrics)?);
    let service = Arc::new(service(&settings, &context, delivery, metrics)?);
    let progress = Arc::new(overflow::Progress::new(
        &settings.common.kafka,
        &settings.common.topics.prefix,
    )?);
    let left = Arc::new(left);
    beside(&settings, &context, (&service, &progress, &left), &log)?;
    // Before the first webhook is answered: whoever calls meanwhile waits in the listener's queue.
    known(&settings, &context, &service, left).await?;
    inherited(progress, &service, &context).await;

    let within = settings.common.service.shutdown_within();
    let before = settings.http.stop_wait() + ending::LAST_ANSWERS_WITHIN;
    let finish = within.saturating_sub(before + FLUSH_WITHIN + SERVER_LOOKS_WITHIN);
    let port = listener.try_clone().context("http.listen")?;
    let running = Arc::clone(&service);
    let server = server(
        running,
        listener,
        &settings.http,
        certificate.as_ref(),
        finish,
    )?;
    let handle = server.handle();
    context
        .tasks
        .spawn("http", async move { Ok(server.await?) });
    if let Some(certificate) = certificate {
        let metrics = Arc::clone(&service.metrics);
        let follow = certificate.follow(metrics, context.shutdown.clone());
        context.tasks.spawn("certificate", follow);
    }
    http.ready();
    context.shutdown.requested().await;

    http.not_ready("shutting down");
    ending::end(&service.ending, (&handle, &port), settings.http.stop_wait()).await;
    if let Err(error) = tokio::task::spawn_blocking(move || log.flush(FLUSH_WITHIN)).await? {
        // Nobody was told that these are safe: every request is answered by now.
        tracing::warn!(%error, "stopping with records that kafka has not confirmed");
    }
    if let Some(spool) = spool {
        let left = spool.stats().records;
        tokio::task::spawn_blocking(move || spool.close()).await?;
        if left > 0 {
            tracing::info!(left, "webhooks wait on the disk for the next start");
        }
    }
    Ok(())
}

fn open_spool(settings: &Settings, context: &Context) -> anyhow::Result<(Option<Spool>, LeftOver)> {
    let given = &settings.spool;
    if !given.is_set() {
        tracing::warn!("no spool (spool.dir): while Kafka is away, webhooks are answered with 503");
        return Ok((None, LeftOver::default()));
    }
    let options = spool::Options {
        dir: given.dir.clone(),
        segment_bytes: SEGMENT_BYTES,
        bytes_max: given.bytes_max,
        free_bytes_min: given.free_bytes_min,
    };
    let opened = spool::open(options, Arc::clone(&context.clock));
    let (spool, mut opened) = opened.context("spool.dir")?;
    let left = LeftOver::found(spool.clone(), &mut opened);
    if opened.torn_bytes > 0 || !opened.quarantined.is_empty() || opened.missing > 0 {
        tracing::warn!(
            ?opened,
            "what a crash tore was cut; damaged files are kept aside"
        );
    }
    tracing::info!(?opened, dir = %given.dir.display(), "spool opened");
    Ok((Some(spool), left))
}

fn delivery(
    settings: &Settings,
    (log, spool): (&KafkaLog, Option<Spool>),
    metrics: &Arc<Metrics>,
) -> anyhow::Result<Delivery> {
    let blobs = match settings.blobs.url.as_str() {
        "" => None,
        url => Some(Blobs::open(url)?),
    };
    Ok(Delivery {
        log: Arc::new(log.clone()),
        spool,
        blobs,
        door: Door::default(),
        record_bytes_max: RECORD_BYTES_MAX,
        spool_after: settings.spool.after(),
        within: settings.http.durable_within() + CONFIRMATION_SLACK,
        spooled: AtomicU64::new(0),
        disk_refused: AtomicBool::new(false),
        unfit: Unfit::default(),
        metrics: Arc::clone(metrics),
    })
}

fn service(
    settings: &Settings,
    context: &Context,
    delivery: Arc<Delivery>,
    metrics: Arc<Metrics>,
) -> anyhow::Result<Service> {
    Ok(Service {
        tenants: Arc::new(Current::empty()),
        privacy_key: settings.privacy.key.clone(),
        traces: context.traces.clone(),
        in_flight: InFlight::new(
            settings.http.in_flight_bytes_max,
            settings.http.tenant_in_flight_bytes_max,
        ),
        limits: Limits {
            bytes_max: settings.http.body_bytes_max,
            record_bytes_max: RECORD_BYTES_MAX,
            has_blobs: delivery.blobs.is_some(),
            within: settings.http.body_within(),
        },
        proxies: Proxies::parse(&settings.http.trusted_proxies).map_err(anyhow::Error::msg)?,
        failures: Arc::default(),
        delivery,
        clock: Arc::clone(&context.clock),
        metrics,
        ending: Ending::default(),
    })
}

/// Knows the tenants, and who of them is in the overflow lane because of what an earlier process left on
/// the disk, as far as the tenants file is good; what comes to be good later is treated alike.
async fn known(
    settings: &Settings,
    context: &Context,
    service: &Service,
    left: Arc<LeftOver>,
) -> anyhow::Result<()> {
    let reports = (context.health.part("tenants"), Arc::clone(&service.metrics));
    let path = settings.tenants.path.clone();
    let watch = tenants::Watch::new(path, Arc::clone(&service.tenants), reports)
        .before_use(move |tenants| left.mark(tenants));
    let follow = watch.look().await?.follow(context.shutdown.clone());
    context.tasks.spawn("tenants", follow);
    Ok(())
}

/// Webhooks wait in the listener's queue until it is known whose overflow an earlier process left, but
/// not long: with Kafka away, or much to read, that is found out while they are taken in.
async fn inherited(progress: Arc<overflow::Progress>, service: &Service, context: &Context) {
    let tenants = Arc::clone(&service.tenants);
    let (done, known) = tokio::sync::oneshot::channel::<()>();
    let shutdown = context.shutdown.clone();
    context.tasks.spawn("inherited overflow", async move {
        overflow::inherit(progress, tenants, shutdown.clone()).await?;
        drop(done);
        shutdown.requested().await;
        Ok(())
    });
    drop(tokio::time::timeout(INHERITED_WITHIN, known).await);
}

/// Starts what runs beside the server.
fn beside(
    settings: &Settings,
    context: &Context,
    (service, progress, left): (&Service, &Arc<overflow::Progress>, &Arc<LeftOver>),
    log: &KafkaLog,
) -> anyhow::Result<()> {
    let (tasks, shutdown) = (&context.tasks, &context.shutdown);
    let (tenants, metrics) = (&service.tenants, &service.metrics);
    tasks.spawn("kafka", log.clone().follow(shutdown.clone()));
    tasks.spawn(
        "overflow",
        overflow::follow(
            Arc::clone(progress),
            Arc::clone(tenants),
            Arc::clone(left),
            Arc::clone(metrics),
            shutdown.clone(),
        ),
    );
    let spool = service.delivery.spool.as_ref();
    if let Some(spool) = spool {
        let drain = Drain {
            spool: spool.clone(),
            delivery: Arc::clone(&service.delivery),
            tenants: Arc::clone(tenants),
            left: Arc::clone(left),
            refused: settings.spool.refused(),
            per_second: settings.spool.drain_per_second,
            metrics: Arc::clone(metrics),
        };
        tasks.spawn("drain", drain.run(shutdown.clone()));
    }
    let housekeeping = Housekeeping {
        delivery: Arc::clone(&service.delivery),
        spool: spool.map(|spool| (spool.clone(), settings.spool.bytes_max)),
        part: context.health.part("spool"),
        failures: Arc::clone(&service.failures),
        metrics: Arc::clone(metrics),
        clock: Arc::clone(&service.clock),
    };
    tasks.spawn("housekeeping", housekeeping.run(shutdown.clone()));
    let bodies = Bodies {
        delivery: Arc::clone(&service.delivery),
        raw_hours: settings.retention.raw_hours,
        clock: Arc::clone(&service.clock),
    };
    tasks.spawn("bodies", bodies.run(shutdown.clone()));
    Ok(())
}
