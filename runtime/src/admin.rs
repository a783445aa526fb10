//! The listener for operators: `/healthz`, `/readyz`, `/metrics`.

mod process;

use std::net::{SocketAddr, TcpListener};
use std::time::Duration;

use actix_web::http::header::ContentType;
use actix_web::web::{self, Data, ServiceConfig};
use actix_web::{App, HttpResponse, HttpServer};
use anyhow::Context as _;
use prometheus::{Encoder, TextEncoder};
use tracing::info;

use crate::service::Context;
use crate::settings::AdminSettings;

/// Probes and one scraper; more than these is a mistake that must not cost memory.
const CONNECTIONS_MAX: usize = 64;
const KEEP_ALIVE: Duration = Duration::from_secs(30);

/// Opens the listener until the process ends; the chosen port is in the answer and in the log.
pub(crate) fn start(settings: &AdminSettings, context: &Context) -> anyhow::Result<SocketAddr> {
    process::register(&context.metrics)?;
    let listener = TcpListener::bind(settings.listen)
        .with_context(|| format!("cannot listen on admin.listen {}", settings.listen))?;
    let address = listener
        .local_addr()
        .context("cannot tell the admin listener's address")?;
    let shared = context.clone();
    let server = HttpServer::new(move || App::new().configure(routes(shared.clone())))
        .workers(1)
        .worker_max_blocking_threads(1)
        .max_connections(CONNECTIONS_MAX)
        .keep_alive(KEEP_ALIVE)
        .disable_signals()
        .listen(listener)
        .context("cannot serve the admin listener")?
        .run();
    context
        .tasks
        .spawn_servant("admin", async { Ok(server.await?) });
    info!(%address, "admin listener open");
    Ok(address)
}

fn routes(context: Context) -> impl FnOnce(&mut ServiceConfig) {
    move |app| {
        app.app_data(Data::new(context))
            .route("/healthz", web::get().to(healthz))
            .route("/readyz", web::get().to(readyz))
            .route("/metrics", web::get().to(metrics));
    }
}

async fn healthz() -> HttpResponse {
    text(HttpResponse::Ok(), "alive\n".to_owned())
}

/// One line for every part that is not ready.
async fn readyz(context: Data<Context>) -> HttpResponse {
    if context.shutdown.is_requested() {
        return text(
            HttpResponse::ServiceUnavailable(),
            "service: stopping\n".to_owned(),
        );
    }
    let not_ready = context.health.not_ready();
    if not_ready.is_empty() {
        return text(HttpResponse::Ok(), "ready\n".to_owned());
    }
    let lines = not_ready
        .into_iter()
        .map(|(name, why)| format!("{name}: {why}\n"))
        .collect();
    text(HttpResponse::ServiceUnavailable(), lines)
}

async fn metrics(context: Data<Context>) -> HttpResponse {
    let encoder = TextEncoder::new();
    let mut body = Vec::new();
    match encoder.encode(&context.metrics.gather(), &mut body) {
        Ok(()) => HttpResponse::Ok()
            .content_type(encoder.format_type())
            .body(body),
        Err(error) => text(
            HttpResponse::InternalServerError(),
            format!("metrics cannot be shown: {error}\n"),
        ),
    }
}

fn text(mut response: actix_web::HttpResponseBuilder, body: String) -> HttpResponse {
    response.content_type(ContentType::plaintext()).body(body)
}

#[cfg(test)]
mod tests;
