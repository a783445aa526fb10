//! The HTTP server and its listener.

pub mod ending;
pub(crate) mod idle;

use std::{
    net::{SocketAddr, TcpListener},
    sync::Arc,
    time::Duration,
};

use actix_web::{App, HttpServer, dev::Server};
use anyhow::Context as _;
use nix::sys::resource::{Resource, getrlimit, setrlimit};

use crate::{routes, service::Service, settings::Http, tls::Certificate};

const CONNECTIONS_WAITING_MAX: u32 = 1024;
/// Head of a request, TLS included: a sender that dawdles holds nothing but a connection.
const HEAD_WITHIN: Duration = Duration::from_secs(10);

/// How long a sender that is turned away may go on sending: a connection that is cut while it does can
/// cost it the answer.
const ANSWER_WITHIN: Duration = Duration::from_secs(5);

/// Some systems allow a billion, and some programs then count them all.
const FILES_MAX: u64 = 1 << 20;

/// Each connection is an open file, and systems begin with as few as 1024.
pub(crate) fn allow_connections() {
    let files = Resource::RLIMIT_NOFILE;
    let raised = getrlimit(files).and_then(|(soft, hard)| {
        let wanted = hard.min(FILES_MAX).max(soft);
        setrlimit(files, wanted, hard)
    });
    if let Err(error) = raised {
        tracing::warn!(%error, "the limit of open files stays as it is");
    }
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

/// The HTTP server on `listener`, with TLS if there is a certificate; signals are none of its business.
/// Requests that have begun when it is stopped get `finish` to end.
///
/// # Errors
/// When the listener or the certificate can't be used.
pub fn server(
    service: Arc<Service>,
    listener: TcpListener,
    http: &Http,
    certificate: Option<&Arc<Certificate>>,
    finish: Duration,
) -> anyhow::Result<Server> {
    let keep_alive = Duration::from_secs(http.keep_alive_seconds);
    let counted = service.metrics.connections().clone();
    // called once in each worker
    let app = move || {
        drop(actix_web::rt::spawn(idle::watch(keep_alive + HEAD_WITHIN)));
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
        .client_disconnect_timeout(ANSWER_WITHIN)
        .max_connections(http.connections_max)
        .on_connect(move |io, data| idle::opened(io, data, &counted))
        .keep_alive(keep_alive);
    let server = match certificate {
        Some(certificate) => server.listen_rustls_0_23(listener, certificate.config()?)?,
        None => server.listen(listener)?,
    };
    Ok(server.run())
}
