//! Stage 1 of 4: webhook to raw topic.
//!
//! A 200 means that the exact bytes are safe in Kafka, with what verification said of them. Whose they
//! are is decided by the address, whether they are genuine by the carrier's own rule over the bytes.
//! Never: a 200 from memory, a second look at the same tenants file within one request, a JSON parse
//! of what no secret vouches for, a payload or a token in a log.

pub mod routes;
pub mod service;

pub mod tenants;

pub mod body;
pub mod providers;

pub mod kafka;
pub mod order_hint;
pub mod raw_log;
pub mod spool;

pub mod metrics;
pub mod outcome;
pub mod reply;
pub mod settings;

use std::{
    net::{SocketAddr, TcpListener},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use actix_web::{App, HttpServer, dev::Server};
use anyhow::Context as _;
use runtime::{blobs::Blobs, service::Context};
use schemas::topics::Topic;

use crate::{
    body::{InFlight, Limits},
    kafka::KafkaLog,
    metrics::Metrics,
    service::Service,
    settings::{Http, Settings},
    tenants::Current,
};

/// The settings file that is also the manual.
pub const DEFAULTS: &str = include_str!("../settings.default.toml");

/// What a record of the raw topic holds beside its headers; brokers take one megabyte by default.
const RECORD_BYTES_MAX: usize = 900_000;
const CONNECTIONS_WAITING_MAX: u32 = 1024;
const HEAD_WITHIN: Duration = Duration::from_secs(10);
const FLUSH_WITHIN: Duration = Duration::from_secs(2);
/// A confirmation that comes just in time still finds somebody waiting.
const CONFIRMATION_SLACK: Duration = Duration::from_millis(250);

/// Takes webhooks in until shutdown is requested, then finishes those that it has.
///
/// # Errors
/// When something can't be opened, or ends in another way than by shutdown.
pub async fn run(settings: Settings, context: Context) -> anyhow::Result<()> {
    let listener = listen(settings.http.listen)?;
    let metrics = Arc::new(Metrics::new(&context.metrics)?);
    let tenants = Arc::new(Current::empty());
    let log = KafkaLog::new(
        &settings.common.kafka,
        &Topic::Raw.name(&settings.common.topics.prefix),
        settings.http.durable_within(),
        context.health.part("kafka"),
    )?;
    let blobs = match settings.blobs.url.as_str() {
        "" => None,
        url => Some(Blobs::open(url)?),
    };
    let service = Arc::new(Service {
        tenants: Arc::clone(&tenants),
        log: Arc::new(log.clone()),
        privacy_key: settings.privacy.key.clone(),
        in_flight: InFlight::new(settings.http.in_flight_bytes_max),
        limits: Limits {
            bytes_max: settings.http.body_bytes_max,
            record_bytes_max: RECORD_BYTES_MAX,
            has_blobs: blobs.is_some(),
            within: settings.http.body_within(),
        },
        blobs,
        durable_within: settings.http.durable_within() + CONFIRMATION_SLACK,
        clock: Arc::clone(&context.clock),
        metrics: Arc::clone(&metrics),
        stopping: AtomicBool::new(false),
    });
    let reports = (context.health.part("tenants"), metrics);
    let follow = tenants::watch(
        settings.tenants.path,
        tenants,
        reports,
        context.shutdown.clone(),
    );
    context.tasks.spawn("tenants", follow);
    context
        .tasks
        .spawn("kafka", log.clone().follow(context.shutdown.clone()));

    let within = settings.common.service.shutdown_within();
    let finish = within.saturating_sub(settings.http.stop_wait() + FLUSH_WITHIN);
    let http = context.health.part("http");
    let server = server(Arc::clone(&service), listener, &settings.http, finish)?;
    let handle = server.handle();
    context
        .tasks
        .spawn("http", async move { Ok(server.await?) });
    http.ready();
    context.shutdown.requested().await;

    http.not_ready("shutting down");
    // Load balancers need a moment to see it; until then webhooks still come and are taken.
    tokio::time::sleep(settings.http.stop_wait()).await;
    service.stopping.store(true, Ordering::Relaxed);
    handle.stop(true).await;
    if let Err(error) = tokio::task::spawn_blocking(move || log.flush(FLUSH_WITHIN)).await? {
        // Nobody was told that these are safe: every request is answered by now.
        tracing::warn!(%error, "stopping with records that kafka has not confirmed");
    }
    Ok(())
}

/// Opens the webhook listener.
///
/// # Errors
/// When the address can't be had.
pub fn listen(address: SocketAddr) -> anyhow::Result<TcpListener> {
    let open = || {
        let socket = match address {
            SocketAddr::V4(_) => tokio::net::TcpSocket::new_v4()?,
            SocketAddr::V6(_) => tokio::net::TcpSocket::new_v6()?,
        };
        socket.set_reuseaddr(true)?;
        socket.bind(address)?;
        socket.listen(CONNECTIONS_WAITING_MAX)?.into_std()
    };
    open().with_context(|| format!("can't listen on {address} (http.listen)"))
}

/// The HTTP server on `listener`; signals are none of its business. Requests that have begun when it
/// is stopped get `finish` to end.
///
/// # Errors
/// When the listener can't be used.
pub fn server(
    service: Arc<Service>,
    listener: TcpListener,
    http: &Http,
    finish: Duration,
) -> anyhow::Result<Server> {
    let app = move || {
        let service = Arc::clone(&service);
        App::new().configure(|config| routes::configure(config, service))
    };
    let mut server = HttpServer::new(app);
    if http.workers > 0 {
        server = server.workers(http.workers);
    }
    let server = server
        .disable_signals()
        .shutdown_timeout(finish.as_secs().max(1))
        .client_request_timeout(HEAD_WITHIN)
        .keep_alive(Duration::from_secs(http.keep_alive_seconds))
        .listen(listener)?;
    Ok(server.run())
}
