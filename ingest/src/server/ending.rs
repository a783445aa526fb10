//! How the listener comes to its end without leaving a request unanswered.
//!
//! The server reads nothing more from a connection once it is stopped, so that a request which is there
//! already would find the connection closed. Therefore each answer from the request to stop on says
//! that its connection ends, and the server is stopped when no more requests come on those that are left.

use std::{
    net::TcpListener,
    os::fd::AsRawFd as _,
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
    time::Duration,
};

use actix_web::{HttpResponse, dev::ServerHandle, http::ConnectionType};
use nix::sys::socket::{self, Shutdown};
use tokio::time::{Instant, sleep};

/// A sender across the world has its last answer by then, and its next request is here.
const QUIET: Duration = Duration::from_millis(500);
/// Whoever still sends then gets its answer late, or none.
pub(crate) const LAST_ANSWERS_WITHIN: Duration = Duration::from_secs(2);
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// The thread that accepts hears of the pause in another one.
const PAUSED_WITHIN: Duration = Duration::from_millis(1);

/// How far the end has come.
#[derive(Debug, Default)]
pub struct Ending {
    /// Connections end with their next answer.
    leaving: AtomicBool,
    /// No new webhook may begin.
    stopping: AtomicBool,
    /// Requests since connections end.
    begun: AtomicU64,
}

impl Ending {
    /// From here on each answer ends its connection.
    pub fn leave(&self) {
        self.leaving.store(true, Ordering::Relaxed);
    }

    /// From here on no webhook is taken.
    pub fn stop(&self) {
        self.leave();
        self.stopping.store(true, Ordering::Relaxed);
    }

    /// Whether webhooks are turned away.
    #[must_use]
    pub fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Relaxed)
    }

    /// Counts a request.
    pub(crate) fn begun(&self) {
        // Nobody asks before, and workers would share the number.
        if self.leaving.load(Ordering::Relaxed) {
            self.begun.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Tells the sender that its connection ends, if it does.
    pub(crate) fn answered(&self, mut answer: HttpResponse) -> HttpResponse {
        if self.leaving.load(Ordering::Relaxed) {
            answer.head_mut().set_connection_type(ConnectionType::Close);
        }
        answer
    }

    /// Returns when no request has begun for a moment, or it takes too long.
    async fn quiet(&self) {
        let begin = Instant::now();
        let (mut seen, mut since) = (self.begun.load(Ordering::Relaxed), begin);
        while since.elapsed() < QUIET && begin.elapsed() < LAST_ANSWERS_WITHIN {
            sleep(LOOK_EVERY).await;
            let now = self.begun.load(Ordering::Relaxed);
            if now != seen {
                (seen, since) = (now, Instant::now());
            }
        }
    }
}

/// Ends the listener: for as long as `wait` says webhooks are still taken; then nobody can connect any
/// more, and who is connected is told to come again. Returns when all requests are answered.
pub(crate) async fn end(
    ending: &Ending,
    (server, port): (&ServerHandle, &TcpListener),
    wait: Duration,
) {
    ending.leave();
    // Load balancers need a moment to see it; until then webhooks still come and are taken.
    sleep(wait).await;
    ending.stop();
    server.pause().await;
    sleep(PAUSED_WITHIN).await;
    // Whoever connects now learns at once that nobody is here, and may go elsewhere.
    socket::shutdown(port.as_raw_fd(), Shutdown::Both).ok();
    ending.quiet().await;
    server.stop(true).await;
}
