//! What is written, to which topic and partition.

use std::sync::Arc;

use runtime::{
    kafka::exactly_once::{Failure, Incoming, Outgoing, Output},
    traces,
};
use schemas::{
    OrderedEvent, SetAside,
    avro::{AvroError, Encoder, Record},
    set_aside::{About, Source, Stage, Why},
    topics::Topic,
};

use crate::{
    codec::{CodecError, IDENTITY_KEY, encode_identity, encode_message},
    partition::{Settled, Snapshot},
};

/// The registry's ids of what is written here.
#[derive(Clone, Copy, Debug)]
pub struct SchemaIds {
    /// Of `OrderedEvent`.
    pub ordered_event: u32,
    /// Of `Order`.
    pub order: u32,
    /// Of `SetAside`.
    pub set_aside: u32,
}

/// Encoders and topics.
pub(super) struct Outputs {
    ordered: (Arc<str>, Encoder),
    orders: (Arc<str>, Encoder),
    set_aside: (Arc<str>, Encoder),
    links: Arc<str>,
    changelog: Arc<str>,
}

/// Why what a transaction leaves can't be written.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unwritten {
    #[error(transparent)]
    State(#[from] CodecError),
    #[error(transparent)]
    Event(#[from] AvroError),
}

impl From<Unwritten> for Failure {
    fn from(error: Unwritten) -> Self {
        Self::Stop(error.into())
    }
}

fn stop(error: impl Into<anyhow::Error>) -> Failure {
    Failure::Stop(error.into())
}

impl Outputs {
    pub(super) fn new(prefix: &str, ids: SchemaIds) -> Result<Self, AvroError> {
        let name = |topic: Topic| Arc::<str>::from(topic.name(prefix));
        Ok(Self {
            ordered: (
                name(Topic::Ordered),
                Encoder::new(Record::OrderedEvent, ids.ordered_event)?,
            ),
            orders: (name(Topic::Orders), Encoder::new(Record::Order, ids.order)?),
            set_aside: (
                name(Topic::SetAside),
                Encoder::new(Record::SetAside, ids.set_aside)?,
            ),
            links: name(Topic::EnricherLinks),
            changelog: name(Topic::EnricherChangelog),
        })
    }

    pub(super) fn ordered(
        &self,
        partition: i32,
        key: &str,
        event: &OrderedEvent,
    ) -> Result<Output, Failure> {
        let (topic, encoder) = &self.ordered;
        let value = encoder.encode(event).map_err(stop)?;
        Ok(output(topic, Some(partition), key, Some(value)))
    }

    pub(super) fn set_aside(
        &self,
        about: About,
        why: Why,
        source: Source<'_>,
    ) -> Result<Output, Failure> {
        let (topic, encoder) = &self.set_aside;
        let set_aside = SetAside::new(Stage::Enricher, about, why, source);
        let value = encoder.encode(&set_aside).map_err(stop)?;
        Ok(output(topic, None, &set_aside.receipt_id, Some(value)))
    }

    pub(super) fn changelog(&self) -> Arc<str> {
        Arc::clone(&self.changelog)
    }

    /// The record by which a partition of the changelog can be known again.
    pub(super) fn identity(&self, partition: i32, id: [u8; 16]) -> Result<Output, Failure> {
        let value = encode_identity(id).map_err(stop)?;
        Ok(output(
            &self.changelog,
            Some(partition),
            IDENTITY_KEY,
            Some(value),
        ))
    }

    /// Writes what a transaction leaves of one key.
    pub(super) fn settled(
        &self,
        partition: i32,
        settled: Settled<'_>,
        out: &mut Outgoing,
    ) -> Result<(), Unwritten> {
        let Settled {
            key,
            snapshot,
            record,
            messages,
        } = settled;
        let (topic, encoder) = &self.orders;
        let snapshot = match snapshot {
            Snapshot::Unchanged => None,
            Snapshot::Forgotten => Some(None),
            Snapshot::Is(order) => Some(Some(encoder.encode(&order)?)),
        };
        if let Some(value) = snapshot {
            out.send(output(topic, Some(partition), key, value));
        }
        // Another order's partition is another one: murmur2 of its key, as in canonical.
        for (other, message) in messages {
            let (key, value) = (other.to_string(), encode_message(&message)?);
            out.send(output(&self.links, None, &key, Some(value)));
        }
        let value = record.map(<[u8]>::to_vec);
        out.send(output(&self.changelog, Some(partition), key, value));
        Ok(())
    }
}

/// A record that belongs to a trace.
#[derive(Clone, Copy)]
pub(super) struct Cause<'a> {
    key: &'a [u8],
    trace: &'a [u8],
}

impl<'a> Cause<'a> {
    pub(super) fn of(record: &Incoming<'a>) -> Option<Self> {
        Some(Self {
            key: record.key?,
            trace: traces::header(record.headers)?,
        })
    }

    /// Adds the trace, except to what time released meanwhile of other orders.
    pub(super) fn told(cause: Option<Self>, mut output: Output) -> Output {
        if let Some(cause) = cause.filter(|cause| cause.key == output.key) {
            let header = (traces::HEADER.to_owned(), cause.trace.to_vec());
            output.headers.push(header);
        }
        output
    }
}

fn output(topic: &Arc<str>, partition: Option<i32>, key: &str, value: Option<Vec<u8>>) -> Output {
    Output {
        topic: Arc::clone(topic),
        partition,
        key: key.as_bytes().to_vec(),
        value,
        headers: Vec::new(),
    }
}
