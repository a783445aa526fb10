//! A body, read whole: within a size, within a time, and within what may be held at once.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use actix_web::web;
use bytes::{Bytes, BytesMut};
use futures_util::StreamExt;

use crate::{outcome::Outcome, rates::Usage};

/// What a request costs beside its body: connection, headers, the record's own copy.
pub(crate) const REQUEST_BYTES: usize = 8 * 1024;

/// Bytes held for requests that are not answered yet: in all, and of one tenant, so that nobody takes
/// all the room.
#[derive(Clone, Debug)]
pub struct InFlight {
    held: Arc<AtomicUsize>,
    bytes_max: usize,
    tenant_bytes_max: usize,
}

impl InFlight {
    /// Nothing held; never more than `bytes_max`, nor more than `tenant_bytes_max` of one tenant.
    #[must_use]
    pub fn new(bytes_max: usize, tenant_bytes_max: usize) -> Self {
        Self {
            held: Arc::default(),
            bytes_max,
            tenant_bytes_max,
        }
    }

    /// Reserves the room of a request of a tenant with `body_bytes`; `None` when there is not enough.
    #[must_use]
    pub fn reserve(&self, body_bytes: usize, usage: &Arc<Usage>) -> Option<Permit> {
        let mut permit = Permit {
            in_flight: self.clone(),
            usage: Arc::clone(usage),
            bytes: 0,
        };
        permit
            .cover(REQUEST_BYTES.saturating_add(body_bytes))
            .then_some(permit)
    }

    /// How much is held.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.held.load(Ordering::Relaxed)
    }
}

/// Room of one request, free again when this is dropped.
#[derive(Debug)]
pub struct Permit {
    in_flight: InFlight,
    usage: Arc<Usage>,
    bytes: usize,
}

impl Permit {
    /// Extends the room to `bytes` in all, if that much is there.
    fn cover(&mut self, bytes: usize) -> bool {
        let more = bytes.saturating_sub(self.bytes);
        let in_flight = &self.in_flight;
        if !add(&self.usage.held, more, in_flight.tenant_bytes_max) {
            return false;
        }
        if !add(&in_flight.held, more, in_flight.bytes_max) {
            self.usage.held.fetch_sub(more, Ordering::Relaxed);
            return false;
        }
        self.bytes += more;
        true
    }
}

/// Adds, unless the sum would be over the limit.
fn add(held: &AtomicUsize, more: usize, limit: usize) -> bool {
    let room = |held: usize| held.checked_add(more).filter(|sum| *sum <= limit);
    held.fetch_update(Ordering::Relaxed, Ordering::Relaxed, room)
        .is_ok()
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.in_flight.held.fetch_sub(self.bytes, Ordering::Relaxed);
        self.usage.held.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

/// How long and how large a body may be.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Over it: 413.
    pub bytes_max: usize,
    /// Over it a record holds no body: it needs a blob store.
    pub record_bytes_max: usize,
    /// Without one: 413.
    pub has_blobs: bool,
    /// For the whole body; over it: 408.
    pub within: Duration,
}

impl Limits {
    /// Whether a body of this length passes.
    ///
    /// # Errors
    /// [`Outcome::TooLarge`] or [`Outcome::NeedsBlobs`].
    pub const fn admit(&self, bytes: usize) -> Result<(), Outcome> {
        if bytes > self.bytes_max {
            Err(Outcome::TooLarge)
        } else if bytes > self.record_bytes_max && !self.has_blobs {
            Err(Outcome::NeedsBlobs)
        } else {
            Ok(())
        }
    }
}

/// Reads a body to its end. A body that came in one piece is not copied.
///
/// # Errors
/// The [`Outcome`] that the request ends with.
pub async fn read(
    payload: &mut web::Payload,
    limits: Limits,
    permit: &mut Permit,
) -> Result<Bytes, Outcome> {
    tokio::time::timeout(limits.within, collect(payload, limits, permit))
        .await
        .unwrap_or(Err(Outcome::Slow))
}

async fn collect(
    payload: &mut web::Payload,
    limits: Limits,
    permit: &mut Permit,
) -> Result<Bytes, Outcome> {
    let mut first = Bytes::new();
    let mut rest = BytesMut::new();
    while let Some(chunk) = payload.next().await {
        let chunk = chunk.map_err(|_| Outcome::Incomplete)?;
        let length = first.len() + rest.len() + chunk.len();
        limits.admit(length)?;
        if !permit.cover(REQUEST_BYTES + length) {
            return Err(Outcome::Busy);
        }
        if first.is_empty() && rest.is_empty() {
            first = chunk;
            continue;
        }
        if rest.is_empty() {
            rest.extend_from_slice(&std::mem::take(&mut first));
        }
        rest.extend_from_slice(&chunk);
    }
    Ok(if rest.is_empty() {
        first
    } else {
        rest.freeze()
    })
}

/// Whether the carrier only tries the address: nothing, or an empty object.
#[must_use]
pub fn is_probe(body: &[u8]) -> bool {
    let inner = body.trim_ascii();
    let object = inner
        .strip_prefix(b"{")
        .and_then(|rest| rest.strip_suffix(b"}"));
    inner.is_empty() || object.is_some_and(|fields| fields.trim_ascii().is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_nothing_and_an_empty_object_are_probes() {
        for body in ["", " \r\n", "{}", " { \n } "] {
            assert!(is_probe(body.as_bytes()), "{body:?}");
        }
        for body in ["{", "}", "[]", "null", r#"{"a":1}"#, "{}{}", "\u{feff}{}"] {
            assert!(!is_probe(body.as_bytes()), "{body:?}");
        }
    }

    #[test]
    fn room_is_refused_when_it_is_not_there_and_comes_back() {
        let (one, two) = (Arc::default(), Arc::default());
        let in_flight = InFlight::new(2 * REQUEST_BYTES + 100, 2 * REQUEST_BYTES + 50);
        let first = in_flight.reserve(50, &one).unwrap();
        assert!(in_flight.reserve(1, &one).is_none(), "the tenant's room");
        assert!(in_flight.reserve(51, &two).is_none(), "all room");
        let mut second = in_flight.reserve(0, &two).unwrap();
        assert!(!second.cover(REQUEST_BYTES + 51));
        drop(first);
        assert!(second.cover(REQUEST_BYTES + 51));
        drop(second);
        assert_eq!(in_flight.bytes(), 0);
        assert_eq!(one.held.load(Ordering::Relaxed), 0);
        assert_eq!(two.held.load(Ordering::Relaxed), 0);
        assert!(in_flight.reserve(usize::MAX, &one).is_none());
    }
}
