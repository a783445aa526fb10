//! Bytes to types and back; the only place that knows Avro.
//!
//! Values are framed as Confluent's tools expect: 0x00, the schema id (4 bytes, big endian), the
//! datum. Readers decode by the writer's schema; what a newer writer added is ignored, and what it
//! left out comes from serde defaults. `read_deser` never meets a reader schema: it panics with one.
//!
//! What is of our own newest schemas, in and out, goes through `datum`; apache-avro says what a
//! schema is and reads whatever another version wrote.

mod datum;

use std::{collections::BTreeMap, sync::LazyLock};

use apache_avro::{Schema, reader::datum::GenericDatumReader};
use serde::{Serialize, de::DeserializeOwned};

use self::datum::Root;

/// The records that cross a topic as Avro.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Record {
    /// `waybill.DeliveryEvent`
    DeliveryEvent,
    /// `waybill.OrderedEvent`
    OrderedEvent,
    /// `waybill.Order`
    Order,
    /// `waybill.SetAside`
    SetAside,
}

impl Record {
    /// All of them.
    pub const ALL: &'static [Record] = &[
        Self::DeliveryEvent,
        Self::OrderedEvent,
        Self::Order,
        Self::SetAside,
    ];

    /// The text of the newest released schema.
    #[must_use]
    pub const fn schema_text(self) -> &'static str {
        match self {
            Self::DeliveryEvent => include_str!("../avro/delivery_event.v1.avsc"),
            Self::OrderedEvent => include_str!("../avro/ordered_event.v1.avsc"),
            Self::Order => include_str!("../avro/order.v1.avsc"),
            Self::SetAside => include_str!("../avro/set_aside.v1.avsc"),
        }
    }

    fn schema(self) -> &'static Result<Schema, apache_avro::Error> {
        static SCHEMAS: LazyLock<[Result<Schema, apache_avro::Error>; 4]> = LazyLock::new(|| {
            [
                Record::DeliveryEvent,
                Record::OrderedEvent,
                Record::Order,
                Record::SetAside,
            ]
            .map(|record| Schema::parse_str(record.schema_text()))
        });
        let [delivery_event, ordered_event, order, set_aside] = &*SCHEMAS;
        match self {
            Self::DeliveryEvent => delivery_event,
            Self::OrderedEvent => ordered_event,
            Self::Order => order,
            Self::SetAside => set_aside,
        }
    }
}

/// Why bytes and types do not meet. No variant holds data of a record.
#[derive(Debug, thiserror::Error)]
pub enum AvroError {
    /// A schema text is not a schema.
    #[error("the schema is not valid Avro: {0}")]
    Schema(String),
    /// A value does not fit its schema: an error of ours.
    #[error("the value does not fit its schema")]
    Encode(#[source] datum::Unfit),
    /// Shorter than a frame, or another first byte.
    #[error("the value is not framed as 0x00, schema id, datum")]
    Frame,
    /// The frame names a schema that this decoder has not been given yet.
    #[error("schema id {0} is not known yet")]
    UnknownSchema(u32),
    /// The datum does not read by the writer's schema.
    #[error("the datum does not read by schema id {0}")]
    Datum(u32),
}

fn not_avro(error: &apache_avro::Error) -> AvroError {
    AvroError::Schema(error.to_string())
}

/// Writes one kind of record with one registry id.
#[derive(Clone, Copy, Debug)]
pub struct Encoder {
    root: Root<'static>,
    schema_id: u32,
}

impl Encoder {
    /// For a record whose schema the registry knows under `schema_id`.
    ///
    /// # Errors
    /// [`AvroError::Schema`] if the embedded schema does not parse, which a test rules out.
    pub fn new(record: Record, schema_id: u32) -> Result<Self, AvroError> {
        let schema = record.schema().as_ref().map_err(not_avro)?;
        let root = root(schema).ok_or_else(|| AvroError::Schema("it is not a record".into()))?;
        Ok(Self { root, schema_id })
    }

    /// Appends the framed value to `out`.
    ///
    /// # Errors
    /// [`AvroError::Encode`] if the value is not of this record; `out` is then as it was.
    pub fn encode_into<T: Serialize>(&self, value: &T, out: &mut Vec<u8>) -> Result<(), AvroError> {
        let start = out.len();
        out.push(0);
        out.extend_from_slice(&self.schema_id.to_be_bytes());
        datum::write(value, self.root, out).map_err(|unfit| {
            out.truncate(start);
            AvroError::Encode(unfit)
        })
    }

    /// The framed value.
    ///
    /// # Errors
    /// As [`Encoder::encode_into`].
    pub fn encode<T: Serialize>(&self, value: &T) -> Result<Vec<u8>, AvroError> {
        let mut out = Vec::with_capacity(1024);
        self.encode_into(value, &mut out)?;
        Ok(out)
    }
}

/// Reads records by the schemas that it has been given, keyed by registry id.
#[derive(Default)]
#[expect(
    missing_debug_implementations,
    reason = "the reader of apache-avro has none"
)]
pub struct Decoder {
    readers: BTreeMap<u32, Readers>,
}

impl Decoder {
    /// Knows no schema yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Splits a value into schema id and datum.
    ///
    /// # Errors
    /// [`AvroError::Frame`].
    pub fn frame(value: &[u8]) -> Result<(u32, &[u8]), AvroError> {
        match value {
            [0, a, b, c, d, datum @ ..] => Ok((u32::from_be_bytes([*a, *b, *c, *d]), datum)),
            _ => Err(AvroError::Frame),
        }
    }

    /// Learns the schema behind an id. The schema lives as long as the process; a registry has few.
    ///
    /// # Errors
    /// [`AvroError::Schema`].
    pub fn learn(&mut self, schema_id: u32, schema_text: &str) -> Result<(), AvroError> {
        if self.readers.contains_key(&schema_id) {
            return Ok(());
        }
        let schema = Schema::parse_str(schema_text).map_err(|e| not_avro(&e))?;
        let schema: &'static Schema = Box::leak(Box::new(schema));
        let direct = GenericDatumReader::builder(schema)
            .build()
            .map_err(|e| not_avro(&e))?;
        let ours = Record::ALL
            .iter()
            .filter_map(|record| record.schema().as_ref().ok())
            .find(|ours| ours.name() == schema.name());
        let readers = Readers {
            own: ours
                .filter(|ours| ours.canonical_form() == schema.canonical_form())
                .and_then(root),
            direct,
            resolving: ours.and_then(|ours| {
                GenericDatumReader::builder(schema)
                    .reader_schema(ours)
                    .build()
                    .ok()
            }),
        };
        self.readers.insert(schema_id, readers);
        Ok(())
    }

    /// Reads one framed value.
    ///
    /// # Errors
    /// [`AvroError::UnknownSchema`] asks the caller to [`Decoder::learn`] and come again;
    /// [`AvroError::Frame`] and [`AvroError::Datum`] are final.
    pub fn decode<T: DeserializeOwned>(&self, value: &[u8]) -> Result<T, AvroError> {
        let (schema_id, datum) = Self::frame(value)?;
        let readers = self
            .readers
            .get(&schema_id)
            .ok_or(AvroError::UnknownSchema(schema_id))?;
        readers.read(datum).ok_or(AvroError::Datum(schema_id))
    }
}

/// A record's name and size, as serde's derived code knows them.
fn root(schema: &'static Schema) -> Option<Root<'static>> {
    let Schema::Record(record) = schema else {
        return None;
    };
    Some(Root {
        name: record.name.name(),
        fields: record.fields.len(),
    })
}

struct Readers {
    /// The schema's bytes are laid out as those of our newest one.
    own: Option<Root<'static>>,
    direct: GenericDatumReader<'static>,
    /// Several times slower. `None` where the schema is of none of our records.
    resolving: Option<GenericDatumReader<'static>>,
}

impl Readers {
    /// Straight into the type. For another version's schema that fails where a newer writer added a
    /// field that holds a record or an enum, because apache-avro can't skip those; then by way of
    /// our own schema.
    fn read<T: DeserializeOwned>(&self, datum: &[u8]) -> Option<T> {
        if let Some(root) = self.own {
            return datum::read(datum, root).ok();
        }
        let mut rest = datum;
        match self.direct.read_deser(&mut rest) {
            Ok(value) => return rest.is_empty().then_some(value),
            Err(_) => rest = datum,
        }
        let value = self.resolving.as_ref()?.read_value(&mut rest).ok()?;
        apache_avro::from_value(&value)
            .ok()
            .filter(|_| rest.is_empty())
    }
}

#[cfg(test)]
mod tests;
