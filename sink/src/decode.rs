//! A Kafka record to the row of its table, or to what is set aside instead.

use std::{collections::HashMap, str::from_utf8};

use rdkafka::{
    Message, Timestamp,
    message::{Header, Headers},
};
use schemas::{
    Micros, Order, OrderKey, OrderedEvent, Reason, SetAside,
    avro::{AvroError, Decoder},
    ids::Subject,
    raw_webhook::RawHeaders,
    registry::{Registry, RegistryError},
    set_aside::{About, Source, Stage, Why},
};
use serde::de::DeserializeOwned;
use tokio::runtime::Handle;

use crate::{
    batch::{Partition, Written},
    identity::Identity,
    row::{self, Place, Rows},
    table::Table,
};

/// How long an id that the registry does not know is not asked for again.
const UNKNOWN_ID_MS: i64 = 30_000;

/// The registry must be asked again before this record can be read.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Waiting(String);

/// Why a record can't be read, for a person; names no value.
#[derive(Debug)]
struct Undecodable(String);

enum Failure {
    Waiting(Waiting),
    Undecodable(Undecodable),
}

/// Reads the records of one table.
pub(crate) struct Decode {
    table: Table,
    decoder: Decoder,
    registry: Registry,
    handle: Handle,
    unknown_ids: HashMap<u32, i64>,
}

impl Decode {
    pub(crate) fn new(table: Table, registry: Registry, handle: Handle) -> Self {
        Self {
            table,
            decoder: Decoder::new(),
            registry,
            handle,
            unknown_ids: HashMap::new(),
        }
    }

    /// Adds the record's row to those of its table.
    pub(crate) fn write<M: Message>(
        &mut self,
        partition: Partition,
        record: &M,
        now_ms: i64,
        to: &mut Rows,
    ) -> Result<Written, Waiting> {
        let place = Place {
            topic: record.topic(),
            partition: record.partition(),
            offset: record.offset(),
        };
        let written = match (&mut *to, record.payload()) {
            (Rows::Receipts(to), _) => {
                return Ok(match headers(record) {
                    Some(headers) => {
                        row::receipt::write(to, &headers, partition.topic, place);
                        Written::Row
                    }
                    // the normalizer sets it aside
                    None => Written::Nothing,
                });
            }
            (_, None) => return Ok(Written::Nothing),
            (Rows::Events(to), Some(value)) => self
                .read::<OrderedEvent>(value, now_ms)
                .map(|event| row::event::write(to, &event, place)),
            (Rows::Orders(to), Some(value)) => self
                .read::<Order>(value, now_ms)
                .map(|order| row::order::write(to, &order, place)),
            (Rows::SetAside(to), Some(value)) => self
                .read::<SetAside>(value, now_ms)
                .map(|aside| row::set_aside::write(to, &aside, place)),
        };
        match written {
            Ok(()) => Ok(Written::Row),
            Err(Failure::Waiting(waiting)) => Err(waiting),
            Err(Failure::Undecodable(Undecodable(detail))) => {
                let why = Why {
                    reason: Reason::Undecodable,
                    detail,
                };
                let aside = set_aside(by_place(record), why, record);
                if let Rows::SetAside(to) = to {
                    // its row is written here: through the topic it would come back for ever
                    row::set_aside::write(to, &aside, place);
                    return Ok(Written::Row);
                }
                Ok(Written::Aside(Box::new(aside)))
            }
        }
    }

    /// What is set aside for a record whose row the store refuses; none where even that would be
    /// refused again.
    pub(crate) fn refused<M: Message>(&mut self, record: &M, now_ms: i64) -> Option<SetAside> {
        let value = record.payload().unwrap_or_default();
        let about = match self.table {
            Table::Receipts => headers(record).map(|headers| About::receipt(&headers)),
            Table::Events => match self.read::<OrderedEvent>(value, now_ms) {
                Ok(ordered) => Some(About::event(&ordered.event)),
                Err(_) => None,
            },
            Table::Orders => None,
            Table::SetAside => match self.read::<SetAside>(value, now_ms) {
                Ok(aside) if aside.stage == Stage::Sink.as_str() => return None,
                Ok(_) | Err(_) => None,
            },
        };
        Some(set_aside(
            about.unwrap_or_else(|| by_place(record)),
            self.why_refused(),
            record,
        ))
    }

    /// The same for a record that Kafka has no more.
    pub(crate) fn refused_at(&self, topic: &str, partition: i32, offset: i64) -> SetAside {
        let source = Source {
            topic,
            partition,
            offset,
            appended_at: Micros(0),
        };
        let about = About::nothing_but_its_place(source);
        SetAside::new(Stage::Sink, about, self.why_refused(), source)
    }

    fn why_refused(&self) -> Why {
        let detail = format!("a column of {} does not take the record", self.table.name());
        Why {
            reason: Reason::RejectedByStore,
            detail,
        }
    }

    /// What the record's row is known by, if it can be read.
    pub(crate) fn identity<M: Message>(
        &mut self,
        record: &M,
        now_ms: i64,
    ) -> Result<Option<Identity>, Waiting> {
        let value = record.payload().unwrap_or_default();
        let found = match self.table {
            Table::Receipts => return Ok(headers(record).as_ref().map(Identity::of_receipt)),
            Table::Events => self
                .read(value, now_ms)
                .map(|event| Identity::of_event(&event)),
            Table::Orders => self
                .read(value, now_ms)
                .map(|order| Identity::of_order(&order)),
            Table::SetAside => self
                .read(value, now_ms)
                .map(|aside| Identity::of_set_aside(&aside)),
        };
        match found {
            Ok(identity) => Ok(Some(identity)),
            Err(Failure::Undecodable(_)) => Ok(None),
            Err(Failure::Waiting(waiting)) => Err(waiting),
        }
    }

    fn read<T: DeserializeOwned>(&mut self, value: &[u8], now_ms: i64) -> Result<T, Failure> {
        match self.decoder.decode(value) {
            Err(AvroError::UnknownSchema(id)) => {
                self.learn(id, now_ms)?;
                self.decoder
                    .decode(value)
                    .map_err(|error| undecodable(&error))
            }
            result => result.map_err(|error| undecodable(&error)),
        }
    }

    fn learn(&mut self, id: u32, now_ms: i64) -> Result<(), Failure> {
        self.unknown_ids.retain(|_, until_ms| *until_ms > now_ms);
        if self.unknown_ids.contains_key(&id) {
            return Err(undecodable(&RegistryError::UnknownId(id)));
        }
        let text = match self.handle.block_on(self.registry.schema_by_id(id)) {
            Ok(text) => text,
            Err(error @ RegistryError::UnknownId(_)) => {
                self.unknown_ids
                    .insert(id, now_ms.saturating_add(UNKNOWN_ID_MS));
                return Err(undecodable(&error));
            }
            // a wrong address or password says nothing about the record
            Err(error) => return Err(Failure::Waiting(Waiting(error.to_string()))),
        };
        self.decoder
            .learn(id, &text)
            .map_err(|error| undecodable(&error))
    }
}

fn undecodable(error: &dyn std::error::Error) -> Failure {
    Failure::Undecodable(Undecodable(error.to_string()))
}

fn headers<M: Message>(record: &M) -> Option<RawHeaders> {
    let headers = record.headers()?;
    let pairs = headers
        .iter()
        .filter_map(|Header { key, value }| Some((key, value?)));
    RawHeaders::from_pairs(pairs).ok()
}

fn appended_at<M: Message>(record: &M) -> Micros {
    match record.timestamp() {
        Timestamp::CreateTime(ms) | Timestamp::LogAppendTime(ms) => Micros::from_millis(ms),
        Timestamp::NotAvailable => Micros(0),
    }
}

fn source<M: Message>(record: &M) -> Source<'_> {
    Source {
        topic: record.topic(),
        partition: record.partition(),
        offset: record.offset(),
        appended_at: appended_at(record),
    }
}

/// Its place stands for its receipt; whose it is, the key may still tell.
fn by_place<M: Message>(record: &M) -> About {
    let mut about = About::nothing_but_its_place(source(record));
    let key = record
        .key()
        .and_then(|key| from_utf8(key).ok())
        .and_then(|key| key.parse().ok());
    if let Some(OrderKey {
        tenant,
        provider,
        subject,
    }) = key
    {
        about.tenant_id = tenant.to_string();
        about.provider = provider.as_str().to_owned();
        match subject {
            Subject::Order(order) => about.order_id = Some(order.to_string()),
            Subject::Account(endpoint) => about.endpoint_id = endpoint.to_string(),
        }
    }
    about
}

fn set_aside<M: Message>(about: About, why: Why, record: &M) -> SetAside {
    SetAside::new(Stage::Sink, about, why, source(record))
}
