use std::{collections::BTreeMap, fmt::Debug, fs, path::Path};

use apache_avro::schema_compatibility::SchemaCompatibility;
use serde_json::{Value, json};

use super::*;
use crate::{Assurance, DeliveryEvent, Fulfilment, Kind, OccurredAtSource, Reason, Status};
use crate::{Order, OrderedEvent, SetAside};

/// Which of its optional fields a generated value has.
#[derive(Clone, Copy, PartialEq)]
enum Optional {
    Filled,
    Empty,
}

/// Makes a value of an Avro schema, in serde's JSON form.
struct Generator {
    named: BTreeMap<String, Value>,
    optional: Optional,
    count: i64,
}

impl Generator {
    fn value(&mut self, schema: &Value, field: &str) -> Value {
        self.count += 1;
        match schema {
            Value::Array(union) if self.optional == Optional::Filled => {
                assert_eq!(union[0], "null", "optional fields have null first");
                self.value(&union[1], field)
            }
            Value::Array(_) => Value::Null,
            Value::String(name) => match name.as_str() {
                "string" => self.text(field),
                "int" | "long" => json!(self.count * 1_000_003 % i64::from(i32::MAX)),
                "double" => json!(22.5 + 1.0 / 3.0),
                "boolean" => json!(self.optional == Optional::Filled),
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
            "enum" => schema["symbols"]
                .as_array()
                .unwrap()
                .last()
                .unwrap()
                .clone(),
            "array" => {
                let items = [(); 2].map(|()| self.value(&schema["items"], field));
                if self.optional == Optional::Filled {
                    json!(items)
                } else {
                    json!([])
                }
            }
            "map" if self.optional == Optional::Filled => {
                json!({"raw.data.updatedAt": "22:59.00Z"})
            }
            "map" => json!({}),
            primitive => self.value(&json!(primitive), field),
        }
    }

    fn text(&self, field: &str) -> Value {
        match field {
            "event_id" | "set_aside_id" => json!(format!("{:032x}", self.count)),
            "receipt_id" => json!("01890a5d-ac96-774b-bcce-b302099a8057"),
            "provider" => json!("lalamove"),
            "verdict" => json!("verified"),
            _ => json!(format!("{field} of 王 №{}", self.count)),
        }
    }
}

fn json_of(record: Record, optional: Optional) -> Value {
    let schema: Value = serde_json::from_str(record.schema_text()).unwrap();
    let mut named = BTreeMap::new();
    collect_named(&schema, &mut named);
    Generator {
        named,
        optional,
        count: 0,
    }
    .value(&schema, "")
}

pub(super) fn collect_named(schema: &Value, named: &mut BTreeMap<String, Value>) {
    match schema {
        Value::Array(parts) => parts.iter().for_each(|part| collect_named(part, named)),
        Value::Object(parts) => {
            let is_named = parts
                .get("type")
                .is_some_and(|t| t == "record" || t == "enum");
            if let Some(name) = parts
                .get("name")
                .and_then(Value::as_str)
                .filter(|_| is_named)
            {
                named.insert(name.into(), schema.clone());
            }
            parts.values().for_each(|part| collect_named(part, named));
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn both<T: DeserializeOwned>(record: Record) -> [T; 2] {
    [Optional::Filled, Optional::Empty]
        .map(|optional| serde_json::from_value(json_of(record, optional)).unwrap())
}

fn decoder(schema_text: &str) -> Decoder {
    let mut decoder = Decoder::new();
    decoder.learn(7, schema_text).unwrap();
    decoder
}

fn for_each_record(mut check: impl FnMut(Record)) {
    Record::ALL.iter().copied().for_each(&mut check);
}

#[test]
fn every_field_of_a_schema_has_its_place_in_the_type_and_the_reverse() {
    fn check<T: Serialize + DeserializeOwned>(record: Record) {
        for optional in [Optional::Filled, Optional::Empty] {
            let value = json_of(record, optional);
            let typed: T = serde_json::from_value(value.clone()).unwrap();
            assert_eq!(serde_json::to_value(&typed).unwrap(), value, "{record:?}");
        }
    }
    for_each_record(|record| match record {
        Record::DeliveryEvent => check::<DeliveryEvent>(record),
        Record::OrderedEvent => check::<OrderedEvent>(record),
        Record::Order => check::<Order>(record),
        Record::SetAside => check::<SetAside>(record),
    });
}

#[test]
fn a_value_reads_back_and_a_second_implementation_agrees_on_every_byte() {
    fn check<T: Serialize + DeserializeOwned + PartialEq + Debug>(record: Record) {
        let encoder = Encoder::new(record, 7).unwrap();
        let other: serde_avro_fast::Schema = record.schema_text().parse().unwrap();
        let mut config = serde_avro_fast::ser::SerializerConfig::new(&other);
        for value in both::<T>(record) {
            let ours = encoder.encode(&value).unwrap();
            assert_eq!(ours[..5], [0, 0, 0, 0, 7]);
            assert_eq!(
                decoder(record.schema_text()).decode::<T>(&ours).unwrap(),
                value
            );

            let theirs = serde_avro_fast::to_datum(&value, Vec::new(), &mut config).unwrap();
            assert_eq!(ours[5..], theirs, "{record:?}");
            let read: T = serde_avro_fast::from_datum_slice(&ours[5..], &other).unwrap();
            assert_eq!(read, value);
        }
    }
    for_each_record(|record| match record {
        Record::DeliveryEvent => check::<DeliveryEvent>(record),
        Record::OrderedEvent => check::<OrderedEvent>(record),
        Record::Order => check::<Order>(record),
        Record::SetAside => check::<SetAside>(record),
    });
}

/// The datum of `value` as a writer with another schema would write it.
fn written_by(schema: &Value, value: &Value) -> Vec<u8> {
    let schema: serde_avro_fast::Schema = schema.to_string().parse().unwrap();
    let mut config = serde_avro_fast::ser::SerializerConfig::new(&schema);
    let mut frame = vec![0, 0, 0, 0, 7];
    frame.extend(serde_avro_fast::to_datum(value, Vec::new(), &mut config).unwrap());
    frame
}

fn field<'a>(schema: &'a mut Value, name: &str) -> &'a mut Value {
    let fields = schema["fields"].as_array_mut().unwrap();
    fields
        .iter_mut()
        .find(|field| field["name"] == name)
        .unwrap()
}

#[test]
fn a_symbol_that_a_newer_writer_added_reads_as_unknown() {
    let mut schema: Value = serde_json::from_str(Record::DeliveryEvent.schema_text()).unwrap();
    // in front, so that a reader that goes by position would take another one
    let add = |symbols: &mut Value| symbols.as_array_mut().unwrap().insert(0, json!("NEWER"));
    add(&mut field(&mut schema, "kind")["type"]["symbols"]);
    add(&mut field(&mut schema, "status")["type"][1]["symbols"]);
    let decoder = decoder(&schema.to_string());

    let mut value = json_of(Record::DeliveryEvent, Optional::Filled);
    value["kind"] = json!("NEWER");
    value["status"] = json!("NEWER");
    let read: DeliveryEvent = decoder.decode(&written_by(&schema, &value)).unwrap();
    assert_eq!(
        (read.kind, read.status),
        (Kind::Unknown, Some(Status::Unknown))
    );

    value["kind"] = json!("ORDER_EDITED");
    value["status"] = json!("AT_PICKUP");
    let read: DeliveryEvent = decoder.decode(&written_by(&schema, &value)).unwrap();
    assert_eq!(
        (read.kind, read.status),
        (Kind::OrderEdited, Some(Status::AtPickup))
    );
}

#[test]
fn a_field_that_another_writer_adds_or_leaves_out_does_not_disturb() {
    let mut schema: Value = serde_json::from_str(Record::Order.schema_text()).unwrap();
    let fields = schema["fields"].as_array_mut().unwrap();
    fields.retain(|field| field["name"] != "scheduled_at" && field["name"] != "proofs");
    let added = json!({"type": "record", "name": "Extra", "fields": [
        {"name": "words", "type": {"type": "array", "items": "string"}},
        {"name": "number", "type": ["null", "double"]},
        {"name": "colour", "type": {"type": "enum", "name": "Colour", "symbols": ["RED"]}},
    ]});
    fields.insert(
        3,
        json!({"name": "extra", "type": ["null", added], "default": null}),
    );
    let symbols = &mut field(&mut schema, "status")["type"]["symbols"];
    symbols.as_array_mut().unwrap().insert(0, json!("NEWER"));

    let mut value = json_of(Record::Order, Optional::Filled);
    let mut expected: Order = serde_json::from_value(value.clone()).unwrap();
    expected.scheduled_at = None;
    expected.proofs.clear();
    expected.status = Status::Unknown;
    value["status"] = json!("NEWER");
    value["extra"] = json!({"words": ["a", "b"], "number": 1.5, "colour": "RED"});
    let other = value.as_object_mut().unwrap();
    other.remove("scheduled_at");
    other.remove("proofs");

    let frame = written_by(&schema, &value);
    assert_eq!(
        decoder(&schema.to_string())
            .decode::<Order>(&frame)
            .unwrap(),
        expected
    );
}

#[test]
fn bytes_after_the_datum_are_an_error() {
    let [value, _] = both::<SetAside>(Record::SetAside);
    let mut frame = Encoder::new(Record::SetAside, 7)
        .unwrap()
        .encode(&value)
        .unwrap();
    frame.push(0);
    let read = decoder(Record::SetAside.schema_text()).decode::<SetAside>(&frame);
    assert!(matches!(read, Err(AvroError::Datum(7))));
}

#[test]
fn broken_bytes_are_errors_and_never_a_panic() {
    let [value, _] = both::<SetAside>(Record::SetAside);
    let frame = Encoder::new(Record::SetAside, 7)
        .unwrap()
        .encode(&value)
        .unwrap();
    let decoder = decoder(Record::SetAside.schema_text());
    for length in 0..frame.len() {
        let error = decoder.decode::<SetAside>(&frame[..length]).unwrap_err();
        let fits = match length {
            0..5 => matches!(error, AvroError::Frame),
            _ => matches!(error, AvroError::Datum(7)),
        };
        assert!(fits, "{length}: {error}");
    }
    let mut other_id = frame.clone();
    other_id[4] = 8;
    assert!(matches!(
        decoder.decode::<SetAside>(&other_id),
        Err(AvroError::UnknownSchema(8))
    ));
    for position in 5..frame.len() {
        let mut broken = frame.clone();
        broken[position] ^= 0xff;
        drop(decoder.decode::<SetAside>(&broken));
    }
}

#[test]
fn a_value_that_does_not_fit_leaves_the_buffer_as_it_was() {
    let encoder = Encoder::new(Record::SetAside, 7).unwrap();
    let mut out = b"before".to_vec();
    assert!(
        encoder
            .encode_into(&json!({"set_aside_id": 1}), &mut out)
            .is_err()
    );
    assert_eq!(out, b"before");
}

#[test]
fn every_released_version_reads_every_other_and_the_newest_is_the_one_we_write() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("avro");
    let mut released: BTreeMap<String, BTreeMap<u32, String>> = BTreeMap::new();
    for file in fs::read_dir(folder).unwrap() {
        let path = file.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        let (record, rest) = name.split_once(".v").unwrap();
        let version = rest.strip_suffix(".avsc").unwrap().parse().unwrap();
        let text = fs::read_to_string(&path).unwrap();
        released
            .entry(record.into())
            .or_default()
            .insert(version, text);
    }
    assert_eq!(released.len(), Record::ALL.len());
    for (record, versions) in &released {
        for (version, text) in versions {
            let schema = Schema::parse_str(text).unwrap();
            for (other_version, other) in versions {
                SchemaCompatibility::mutual_read(&schema, &Schema::parse_str(other).unwrap())
                    .unwrap_or_else(|e| panic!("{record} v{version} and v{other_version}: {e}"));
            }
        }
        let (_, newest) = versions.last_key_value().unwrap();
        assert!(
            Record::ALL.iter().any(|r| r.schema_text() == newest),
            "{record}"
        );
    }
}

#[test]
fn the_event_inside_an_ordered_event_is_the_event() {
    let mut event: Value = serde_json::from_str(Record::DeliveryEvent.schema_text()).unwrap();
    event.as_object_mut().unwrap().remove("namespace");
    let mut ordered: Value = serde_json::from_str(Record::OrderedEvent.schema_text()).unwrap();
    assert_eq!(field(&mut ordered, "event")["type"], event);
}

#[test]
fn optional_fields_default_to_null_and_enums_to_unknown() {
    fn check(schema: &Value) {
        match schema {
            Value::Array(union) => union.iter().for_each(check),
            Value::Object(schema) if schema["type"] == "record" => {
                for field in schema["fields"].as_array().unwrap() {
                    if field["type"].is_array() {
                        assert_eq!(field.get("default"), Some(&Value::Null), "{field}");
                    }
                    check(&field["type"]);
                }
            }
            Value::Object(schema) if schema["type"] == "enum" => {
                assert_eq!(schema["default"], "UNKNOWN");
                let symbols: Vec<&str> = schema["symbols"]
                    .as_array()
                    .unwrap()
                    .iter()
                    .flat_map(Value::as_str)
                    .collect();
                assert_eq!(symbols, known(schema["name"].as_str().unwrap()));
            }
            Value::Object(schema) => {
                schema.get("items").into_iter().for_each(check);
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }
    fn known(name: &str) -> Vec<&'static str> {
        match name {
            "Kind" => Kind::ALL.iter().map(|s| s.as_str()).collect(),
            "Status" => Status::ALL.iter().map(|s| s.as_str()).collect(),
            "Fulfilment" => Fulfilment::ALL.iter().map(|s| s.as_str()).collect(),
            "OccurredAtSource" => OccurredAtSource::ALL.iter().map(|s| s.as_str()).collect(),
            "Assurance" => Assurance::ALL.iter().map(|s| s.as_str()).collect(),
            "Reason" => Reason::ALL.iter().map(|s| s.as_str()).collect(),
            other => panic!("no type for the enum {other}"),
        }
    }
    for_each_record(|record| check(&serde_json::from_str(record.schema_text()).unwrap()));
}
