//! Connections on which nothing begins.
//!
//! The server times the head of a connection's first request only: who has made one request may begin
//! the next and never end it, and holds what it has sent of it for ever. Here each worker closes its
//! connections on which no request has begun for longer than it keeps idle ones, with time for a head.

use std::{
    any::Any,
    cell::{Cell, RefCell},
    net::SocketAddr,
    os::fd::{AsRawFd as _, RawFd},
    rc::{Rc, Weak},
    time::{Duration, Instant},
};

use actix_tls::accept::rustls_0_23::TlsStream;
use actix_web::{HttpRequest, dev::Extensions, rt::net::TcpStream};
use nix::sys::socket::{self, Shutdown, SockaddrStorage};

use crate::metrics::Connections;

const LOOK_EVERY: Duration = Duration::from_secs(2);

thread_local! {
    /// Of this worker; a connection lives and ends in one.
    static OPEN: RefCell<Vec<Weak<Connection>>> = const { RefCell::new(Vec::new()) };
}

/// One connection.
#[derive(Debug)]
struct Connection {
    descriptor: RawFd,
    peer: SocketAddr,
    /// When its last request ended, or it was opened.
    since: Cell<Instant>,
    under_way: Cell<u32>,
    /// Some request's head came to its end.
    is_used: Cell<bool>,
    counted: Connections,
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.counted.closed(self.is_used.get());
    }
}

impl Connection {
    fn is_idle_for(&self, most: Duration) -> bool {
        self.under_way.get() == 0 && self.since.get().elapsed() > most
    }

    /// Its reader finds the end of the stream. Requests that are kept for reuse may keep this alive a
    /// little longer than the connection itself, whose number somebody else may have by then.
    fn close(&self) {
        let peer = socket::getpeername::<SockaddrStorage>(self.descriptor);
        let is_same = peer.is_ok_and(|peer| match self.peer {
            SocketAddr::V4(own) => peer
                .as_sockaddr_in()
                .is_some_and(|peer| (peer.ip(), peer.port()) == (*own.ip(), own.port())),
            SocketAddr::V6(own) => peer
                .as_sockaddr_in6()
                .is_some_and(|peer| (peer.ip(), peer.port()) == (*own.ip(), own.port())),
        });
        if is_same {
            socket::shutdown(self.descriptor, Shutdown::Both).ok();
        }
    }
}

/// Told of each connection that is opened.
pub(super) fn opened(io: &dyn Any, data: &mut Extensions, counted: &Connections) {
    let stream = match io.downcast_ref::<TcpStream>() {
        Some(stream) => Some(stream),
        None => io
            .downcast_ref::<TlsStream<TcpStream>>()
            .map(|tls| tls.get_ref().0),
    };
    let Some(stream) = stream else { return };
    let Ok(peer) = stream.peer_addr() else { return };
    counted.opened();
    let connection = Rc::new(Connection {
        descriptor: stream.as_raw_fd(),
        peer,
        since: Cell::new(Instant::now()),
        under_way: Cell::new(0),
        is_used: Cell::new(false),
        counted: counted.clone(),
    });
    OPEN.with_borrow_mut(|open| open.push(Rc::downgrade(&connection)));
    data.insert(connection);
}

/// A request that is being answered.
#[derive(Debug)]
pub(crate) struct UnderWay(Option<Rc<Connection>>);

impl UnderWay {
    pub(crate) fn begin(request: &HttpRequest) -> Self {
        let connection = request.conn_data::<Rc<Connection>>().cloned();
        if let Some(connection) = &connection {
            connection.under_way.set(connection.under_way.get() + 1);
            connection.is_used.set(true);
        }
        Self(connection)
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        if let Some(connection) = &self.0 {
            let left = connection.under_way.get().saturating_sub(1);
            connection.under_way.set(left);
            connection.since.set(Instant::now());
        }
    }
}

/// Closes those of this worker on which no request begins, as long as the worker lives.
pub(super) async fn watch(most: Duration) {
    loop {
        actix_web::rt::time::sleep(LOOK_EVERY).await;
        OPEN.with_borrow_mut(|open| {
            open.retain(|connection| {
                let Some(connection) = connection.upgrade() else {
                    return false;
                };
                let is_idle = connection.is_idle_for(most);
                if is_idle {
                    connection.close();
                }
                !is_idle
            });
        });
    }
}
