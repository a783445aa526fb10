//! The flow: decode, normalize, encode, settle. Kafka's part is `runtime::kafka::exactly_once`.

use std::sync::Arc;

use runtime::{
    kafka::exactly_once::{Failure, Incoming, Outgoing, Output, Stage},
    traces,
};
use schemas::{
    Micros, SetAside,
    avro::{AvroError, Encoder, Record},
    delivery_event::Draft,
    mapping::Mapping,
    raw_webhook::RawHeaders,
    set_aside::{self, About, Source, Why},
    topics::Topic,
};

use crate::{
    arena::Arena,
    blobs::{self, BlobStore, NoBody},
    metrics::{Metrics, Pending},
    normalize::{Blob, Room, Rules, drafts},
    outcome::{Disposition, Outcome, Written},
    privacy::Privacy,
    schema_ids::SchemaIds,
};

/// One worker's stage; it keeps nothing between records but counts.
#[expect(missing_debug_implementations, reason = "the encoders have none")]
pub struct Normalizer {
    mapping: Arc<Mapping>,
    privacy: Privacy,
    blobs: Option<BlobStore>,
    canonical: Arc<str>,
    set_aside: Arc<str>,
    events: Encoder,
    set_asides: Encoder,
    arena: Arena,
    metrics: Metrics,
    pending: Pending,
}

impl Normalizer {
    /// A stage that writes under `prefix`.
    ///
    /// # Errors
    /// If an embedded schema is not Avro, which a test of `schemas` rules out.
    pub fn new(
        prefix: &str,
        ids: SchemaIds,
        mapping: Arc<Mapping>,
        privacy: Privacy,
        metrics: Metrics,
    ) -> Result<Self, AvroError> {
        Ok(Self {
            mapping,
            privacy,
            blobs: None,
            canonical: Topic::Canonical.name(prefix).into(),
            set_aside: Topic::SetAside.name(prefix).into(),
            events: Encoder::new(Record::DeliveryEvent, ids.delivery_event)?,
            set_asides: Encoder::new(Record::SetAside, ids.set_aside)?,
            arena: Arena::default(),
            metrics,
            pending: Pending::default(),
        })
    }

    /// The same stage with a store for bodies and images.
    #[must_use]
    pub fn with_blobs(self, blobs: Option<BlobStore>) -> Self {
        Self { blobs, ..self }
    }

    /// What becomes of one webhook, and the images that must lie in the store before it does.
    fn outcome(
        &self,
        headers: &RawHeaders<&str>,
        value: &[u8],
    ) -> Result<(Outcome, Vec<Blob>), Failure> {
        let body = match blobs::body(self.blobs.as_ref(), headers, value) {
            Ok(body) => body,
            Err(NoBody::Never(why)) => return Ok((Outcome::Refused(why), Vec::new())),
            Err(NoBody::Later(why)) => return Err(Failure::Retry(why)),
        };
        let rules = Rules {
            mapping: &self.mapping,
            privacy: &self.privacy,
            blobs_url: self.blobs.as_ref().map(BlobStore::url),
        };
        Ok(match drafts(&self.arena, headers, &body, rules) {
            Ok(drafts) => (self.written(&drafts.events), drafts.blobs),
            Err(why) => (Outcome::Refused(why), Vec::new()),
        })
    }

    fn written(&self, events: &[Draft<'_>]) -> Outcome {
        let (mut written, mut room) = (Vec::with_capacity(events.len()), Room::default());
        for event in events {
            match self.events.encode(event) {
                Ok(value) => {
                    if let Err(why) = room.take(value.len()) {
                        return Outcome::Refused(why);
                    }
                    written.push(Written {
                        provider: event.provider,
                        kind: event.kind,
                        key: event.key_text(),
                        value,
                    });
                }
                Err(error) => return Outcome::Unwritable(error),
            }
        }
        Outcome::Normalized(written)
    }

    fn settle(
        &mut self,
        outcome: Outcome,
        record: &Incoming<'_>,
        about: impl FnOnce() -> About,
        out: &mut Outgoing,
    ) -> Result<(), Failure> {
        let disposition = outcome.disposition();
        self.pending.record(disposition.label());
        match disposition {
            Disposition::Done(events) => {
                let headers = trace(record);
                for event in events {
                    self.pending.event(event.provider, event.kind);
                    out.send(Output {
                        topic: Arc::clone(&self.canonical),
                        partition: None,
                        key: event.key.into_bytes(),
                        value: Some(event.value),
                        headers: headers.clone(),
                    });
                }
            }
            Disposition::SetAside(why) => out.send(self.aside(record, about(), why)?),
        }
        Ok(())
    }

    fn aside(&self, record: &Incoming<'_>, about: About, why: Why) -> Result<Output, Failure> {
        let key = about.receipt_id.clone().into_bytes();
        let set_aside = SetAside::new(set_aside::Stage::Normalizer, about, why, source(record));
        let value = self
            .set_asides
            .encode(&set_aside)
            .map_err(|e| Failure::Stop(e.into()))?;
        Ok(Output {
            topic: Arc::clone(&self.set_aside),
            partition: None,
            key,
            value: Some(value),
            headers: trace(record),
        })
    }
}

fn source<'a>(record: &Incoming<'a>) -> Source<'a> {
    Source {
        topic: record.topic,
        partition: record.partition,
        offset: record.offset,
        appended_at: Micros::from_millis(record.timestamp_ms),
    }
}

/// What can be told of a record whose headers can't be read as a whole. Its place stands for its receipt,
/// also where that can be read: no receipt is counted of such a record.
fn about_foreign(record: &Incoming<'_>) -> About {
    let header = |name: &str| {
        let (_, value) = record.headers.iter().find(|(known, _)| *known == name)?;
        std::str::from_utf8(value)
            .ok()
            .filter(|text| text.len() <= 256)
            .map(str::to_owned)
    };
    let mut about = About::nothing_but_its_place(source(record));
    about.tenant_id = header("tenant").unwrap_or_default();
    about.provider = header("provider").unwrap_or_default();
    about.endpoint_id = header("endpoint").unwrap_or_default();
    if let Some(received_at) = header("received-at").and_then(|text| text.parse().ok()) {
        about.received_at = received_at;
    }
    about
}

/// The trace that ingest began goes on.
fn trace(record: &Incoming<'_>) -> Vec<(String, Vec<u8>)> {
    let parent = traces::header(record.headers);
    let parent = parent.map(|value| (traces::HEADER.to_owned(), value.to_vec()));
    parent.into_iter().collect()
}

impl Stage for Normalizer {
    fn assigned(&mut self, _partitions: &[i32]) -> Result<(), Failure> {
        Ok(())
    }

    fn revoked(&mut self, _partitions: &[i32]) {}

    fn record(&mut self, record: &Incoming<'_>, out: &mut Outgoing) -> Result<(), Failure> {
        self.arena.reset();
        match RawHeaders::borrowed(record.headers.iter().copied()) {
            Ok(headers) => {
                let (outcome, blobs) = self.outcome(&headers, record.value.unwrap_or_default())?;
                if let Some(store) = &self.blobs {
                    store.put(blobs)?;
                }
                self.settle(outcome, record, || About::receipt(&headers), out)
            }
            Err(header) => self.settle(
                Outcome::Foreign(header),
                record,
                || about_foreign(record),
                out,
            ),
        }
    }

    fn committed(&mut self) {
        self.pending.commit(&self.metrics);
    }

    fn discarded(&mut self) {
        self.pending.discard();
    }
}

#[cfg(test)]
mod tests;
