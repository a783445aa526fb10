use std::{collections::BTreeMap, fmt::Debug};

use apache_avro::{Schema, reader::datum::GenericDatumReader, writer::datum::GenericDatumWriter};
use proptest::prelude::*;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::{Value, json};

use super::*;
use crate::{
    DeliveryEvent, Order, OrderedEvent, SetAside,
    avro::{AvroError, Decoder, Encoder, Record, tests::collect_named},
};

/// Draws a value of an Avro schema, in serde's JSON form; what it draws follows from the seed.
struct Draw {
    named: BTreeMap<String, Value>,
    seed: u64,
}

impl Draw {
    fn below(&mut self, end: u64) -> u64 {
        self.seed ^= self.seed << 13;
        self.seed ^= self.seed >> 7;
        self.seed ^= self.seed << 17;
        self.seed % end
    }

    fn value(&mut self, schema: &Value, field: &str) -> Value {
        match schema {
            Value::Array(_) if self.below(3) == 0 => Value::Null,
            Value::Array(union) => self.value(&union[1], field),
            Value::String(name) => match name.as_str() {
                "string" => self.text(field),
                "int" => json!(self.number() as i32),
                "long" => json!(self.number()),
                "double" => json!(self.number() as f64 / 1024.0),
                "boolean" => json!(self.below(2) == 0),
                name => {
                    let schema = self.named[name].clone();
                    self.value(&schema, field)
                }
            },
            Value::Object(complex) => self.complex(complex, field),
            Value::Null | Value::Bool(_) | Value::Number(_) => panic!("not a schema: {schema}"),
        }
    }

    fn complex(&mut self, schema: &serde_json::Map<String, Value>, field: &str) -> Value {
        match schema["type"].as_str().unwrap() {
            "record" => {
                let fields = schema["fields"].as_array().unwrap().iter().map(|field| {
                    let name = field["name"].as_str().unwrap();
                    (name.to_owned(), self.value(&field["type"], name))
                });
                Value::Object(fields.collect())
            }
            "enum" => {
                let symbols = schema["symbols"].as_array().unwrap();
                symbols[self.below(symbols.len() as u64) as usize].clone()
            }
            "array" => {
                let items = 0..self.below(4);
                items.map(|_| self.value(&schema["items"], field)).collect()
            }
            "map" => {
                let items = 0..self.below(70);
                let items = items.map(|n| (format!("{field}.{n}"), self.text(field)));
                Value::Object(items.collect())
            }
            primitive => self.value(&json!(primitive), field),
        }
    }

    /// Small and large ones of either sign.
    fn number(&mut self) -> i64 {
        let bits = self.below(64);
        let number = self.below(u64::MAX) >> bits;
        number
            .cast_signed()
            .wrapping_mul(if bits.is_multiple_of(2) { 1 } else { -1 })
    }

    fn text(&mut self, field: &str) -> Value {
        match field {
            "event_id" | "set_aside_id" => json!(format!("{:032x}", self.below(u64::MAX))),
            "receipt_id" => json!("01890a5d-ac96-774b-bcce-b302099a8057"),
            "provider" => json!("ahamove"),
            "verdict" => json!("unverified"),
            _ => json!("é王x".repeat(1 + self.below(30) as usize)),
        }
    }
}

fn drawn<T: DeserializeOwned>(record: Record, seed: u64) -> T {
    let schema: Value = serde_json::from_str(record.schema_text()).unwrap();
    let (mut named, seed) = (BTreeMap::new(), seed | 1);
    collect_named(&schema, &mut named);
    serde_json::from_value(Draw { named, seed }.value(&schema, "")).unwrap()
}

/// All three write the same bytes, and each reads them.
fn check<T: Serialize + DeserializeOwned + PartialEq + Debug>(
    record: Record,
    seed: u64,
) -> Result<(), TestCaseError> {
    let value: T = drawn(record, seed);
    let frame = Encoder::new(record, 7).unwrap().encode(&value).unwrap();
    let datum = &frame[5..];

    let schema = Schema::parse_str(record.schema_text()).unwrap();
    let writer = GenericDatumWriter::builder(&schema).build().unwrap();
    prop_assert_eq!(&writer.write_ser_to_vec(&value).unwrap(), datum);
    let reader = GenericDatumReader::builder(&schema).build().unwrap();
    prop_assert_eq!(&reader.read_deser::<T>(&mut &*datum).unwrap(), &value);

    let other: serde_avro_fast::Schema = record.schema_text().parse().unwrap();
    let mut config = serde_avro_fast::ser::SerializerConfig::new(&other);
    let theirs = serde_avro_fast::to_datum_vec(&value, &mut config).unwrap();
    prop_assert_eq!(&theirs, datum);

    let mut decoder = Decoder::new();
    decoder.learn(7, record.schema_text()).unwrap();
    prop_assert_eq!(&decoder.decode::<T>(&frame).unwrap(), &value);
    for end in (5..frame.len()).step_by(7) {
        prop_assert!(decoder.decode::<T>(&frame[..end]).is_err());
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 64,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn two_libraries_write_the_same_bytes_and_read_ours(seed: u64) {
        for record in Record::ALL {
            match record {
                Record::DeliveryEvent => check::<DeliveryEvent>(*record, seed)?,
                Record::OrderedEvent => check::<OrderedEvent>(*record, seed)?,
                Record::Order => check::<Order>(*record, seed)?,
                Record::SetAside => check::<SetAside>(*record, seed)?,
            }
        }
    }

    #[test]
    fn bytes_that_were_changed_give_a_value_or_an_error(
        seed: u64,
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        let event: DeliveryEvent = drawn(Record::DeliveryEvent, seed);
        let mut frame = Encoder::new(Record::DeliveryEvent, 7).unwrap().encode(&event).unwrap();
        for (place, byte) in changes {
            let place = 5 + place.index(frame.len() - 5);
            frame[place] = byte;
        }
        let mut decoder = Decoder::new();
        decoder.learn(7, Record::DeliveryEvent.schema_text()).unwrap();
        match decoder.decode::<DeliveryEvent>(&frame) {
            Ok(_) | Err(AvroError::Datum(7)) => {}
            other => prop_assert!(false, "{other:?}"),
        }
    }
}

#[derive(Debug, Deserialize, PartialEq, Serialize)]
struct Lists {
    list: Vec<i64>,
    map: BTreeMap<String, bool>,
}

const LISTS: Root<'static> = Root {
    name: "Lists",
    fields: 2,
};

#[test]
fn a_list_may_come_in_blocks_and_a_block_may_tell_its_size() {
    let read = |datum: &[u8]| read::<Lists>(datum, LISTS);
    let expected = Lists {
        list: vec![1, -1, 64],
        map: [("a".to_owned(), true)].into(),
    };
    // 2 items, then 1 item of 2 bytes, then none; -1 item of 3 bytes, then none
    let blocks = [4, 2, 1, 1, 4, 0x80, 1, 0, 1, 6, 2, b'a', 1, 0];
    assert_eq!(read(&blocks).unwrap(), expected);
    let mut out = Vec::new();
    write(&expected, LISTS, &mut out).unwrap();
    assert_eq!(out, [6, 2, 1, 0x80, 1, 0, 2, 2, b'a', 1, 0]);
    assert_eq!(read(&out).unwrap(), expected);
}

#[test]
fn lengths_that_can_not_be_are_errors() {
    const MOST: [u8; 10] = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1];
    let read = |datum: &[u8]| read::<Lists>(datum, LISTS);
    // so many items, so many bytes to pass, a text of so many bytes, a number without an end
    for datum in [
        [MOST.as_slice(), &[2]].concat(),
        [[1].as_slice(), &MOST, &[2]].concat(),
        [[0, 2].as_slice(), &MOST].concat(),
        [[2].as_slice(), &[0xff; 11]].concat(),
        vec![0, 2, 2, b'a', 2, 0],
    ] {
        assert!(read(&datum).is_err(), "{datum:?}");
    }
    assert!(read(&[0, 0]).is_ok());
    assert!(read(&[0, 0, 0]).is_err());
}

#[test]
fn a_type_that_is_not_the_record_is_refused() {
    let mut out = Vec::new();
    let other = Root { fields: 3, ..LISTS };
    let lists = Lists {
        list: vec![],
        map: BTreeMap::new(),
    };
    assert_eq!(write(&lists, other, &mut out), Err(OTHER_RECORD));
    assert_eq!(write(&vec![1_i64], LISTS, &mut out), Err(NO_SUCH_TYPE));
    assert_eq!(write(&Some(&lists), LISTS, &mut out), Err(NO_SUCH_TYPE));
    assert_eq!(out, b"");
    assert_eq!(read::<Lists>(&[0, 0], other), Err(OTHER_RECORD));
    assert_eq!(read::<Vec<i64>>(&[0], LISTS), Err(NO_SUCH_TYPE));
}
