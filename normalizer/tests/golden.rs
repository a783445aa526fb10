//! Each documented payload, each trap, and each kind of refusal, to its exact canonical form.
//!
//! `fixtures/<provider>/<case>.json` is one raw record:
//! - `about`: one sentence, for the reader;
//! - `headers`: headers of the raw topic by name; `received-at` always, the others where they differ
//!   from `headers()` below;
//! - `body`: the webhook's JSON, taken byte for byte as it stands in the file; or `body_text`: a
//!   string with the body's text, for bodies that are not JSON or whose spelling matters.
//!
//! `<case>.canonical.json` is the outcome: `events`, without fields that are null or empty and with
//! instants as RFC 3339, or `set_aside` with its reason and detail. `make golden` rewrites them.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that can't go on has failed"
)]

use std::{
    collections::BTreeMap,
    env, fs,
    path::{Path, PathBuf},
};

use normalizer::{Arena, Privacy, Rules, drafts, normalize};
use schemas::{
    Kind, Micros, Provider, Reason, Status,
    avro::{Decoder, Encoder, Record},
    mapping::Mapping,
    raw_webhook::RawHeaders,
};
use serde::Deserialize;
use serde_json::{Value, json, value::RawValue};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Fixture {
    about: String,
    headers: BTreeMap<String, String>,
    body: Option<Box<RawValue>>,
    body_text: Option<String>,
}

fn headers(provider: &str, over: &BTreeMap<String, String>) -> RawHeaders {
    let mut all: BTreeMap<String, String> = [
        ("receipt-id", "01890a5d-ac96-774b-bcce-b302099a8057"),
        ("tenant", "acme"),
        ("provider", provider),
        ("endpoint", "acme-endpoint"),
        ("verdict", "verified"),
        ("assurance", "BODY_SIGNED"),
        ("pii", "pseudonymise"),
        ("body-sha256", ""),
        ("body-bytes", "0"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .into();
    all.extend(over.clone());
    RawHeaders::from_pairs(
        all.iter()
            .map(|(name, value)| (name.as_str(), value.as_bytes())),
    )
    .unwrap()
}

fn fixtures() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures");
    let mut cases: Vec<PathBuf> = Provider::ALL
        .iter()
        .filter_map(|provider| fs::read_dir(root.join(provider.as_str())).ok())
        .flatten()
        .map(|entry| entry.unwrap().path())
        .filter(|path| !path.to_string_lossy().ends_with(".canonical.json"))
        .collect();
    cases.sort();
    assert!(!cases.is_empty());
    cases
}

/// Headers and body.
fn input(path: &Path) -> (RawHeaders, String) {
    let fixture: Fixture = serde_json::from_str(&fs::read_to_string(path).unwrap())
        .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    assert!(!fixture.about.is_empty(), "{}", path.display());
    let provider = path
        .parent()
        .unwrap()
        .file_name()
        .unwrap()
        .to_str()
        .unwrap();
    let body = fixture
        .body_text
        .unwrap_or_else(|| fixture.body.unwrap().get().to_owned());
    (headers(provider, &fixture.headers), body)
}

fn rules(privacy: &Privacy) -> Rules<'_> {
    Rules {
        mapping: Mapping::embedded(),
        privacy,
        blobs_url: Some("file:///blobs"),
    }
}

fn outcome(path: &Path) -> Result<Vec<schemas::DeliveryEvent>, schemas::set_aside::Why> {
    let (headers, body) = input(path);
    let privacy = Privacy::new(b"golden");
    normalize(&headers, body.as_bytes(), rules(&privacy)).map(|normalized| normalized.events)
}

/// Leaves out what says nothing, and writes instants so that a person can check them.
fn readable(name: &str, value: Value) -> Value {
    let is_instant = name == "at" || name.ends_with("_at") || name.starts_with("window_");
    match value {
        Value::Number(number) if is_instant => {
            Value::String(Micros(number.as_i64().unwrap()).to_string())
        }
        Value::Array(items) => items.into_iter().map(|item| readable("", item)).collect(),
        Value::Object(fields) => fields
            .into_iter()
            .filter(|(_, value)| !matches!(value, Value::Null))
            .filter(|(_, value)| !value.as_array().is_some_and(Vec::is_empty))
            .map(|(name, value)| {
                let value = readable(&name, value);
                (name, value)
            })
            .collect(),
        other @ (Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_)) => other,
    }
}

#[test]
fn every_case_gives_exactly_its_golden_form() {
    let update = env::var_os("UPDATE_GOLDEN").is_some();
    let mut differences = Vec::new();
    for path in fixtures() {
        let found = match outcome(&path) {
            Ok(events) => json!({ "events": events }),
            Err(why) => json!({ "set_aside": { "reason": why.reason, "detail": why.detail } }),
        };
        let found = serde_json::to_string_pretty(&readable("", found)).unwrap() + "\n";
        let golden = path.with_extension("canonical.json");
        if update {
            fs::write(&golden, &found).unwrap();
        } else if fs::read_to_string(&golden).unwrap_or_default() != found {
            differences.push(format!("{}: expected\n{found}", golden.display()));
        }
    }
    assert!(differences.is_empty(), "{}", differences.join("\n"));
    for folder in fixtures().iter().filter_map(|path| path.parent()) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path().to_string_lossy().into_owned();
            if let Some(case) = path.strip_suffix(".canonical.json") {
                assert!(
                    Path::new(&format!("{case}.json")).exists(),
                    "{path} has no case"
                );
            }
        }
    }
}

/// The numbered traps of each carrier's payloads, as `trap-NN-…`.
const fn traps(provider: Provider) -> usize {
    match provider {
        Provider::Lalamove => 14,
        Provider::Ahamove | Provider::Sendstack | Provider::Dellyman => 7,
        Provider::Ordatic => 5,
    }
}

#[test]
fn every_trap_has_a_case_of_its_name() {
    let cases: Vec<String> = fixtures()
        .iter()
        .map(|path| path.to_string_lossy().into_owned())
        .collect();
    for provider in Provider::ALL {
        for trap in 1..=traps(*provider) {
            let name = format!("/{provider}/trap-{trap:02}-");
            assert!(cases.iter().any(|case| case.contains(&name)), "{name}");
        }
    }
}

#[test]
fn the_avro_form_of_every_case_is_the_same_to_a_second_implementation() {
    let text = Record::DeliveryEvent.schema_text();
    let encoder = Encoder::new(Record::DeliveryEvent, 1).unwrap();
    let schema: serde_avro_fast::Schema = text.parse().unwrap();
    let mut config = serde_avro_fast::ser::SerializerConfig::new(&schema);
    for path in fixtures() {
        for event in outcome(&path).unwrap_or_default() {
            let value = encoder.encode(&event).unwrap();
            let (_, datum) = Decoder::frame(&value).unwrap();
            let read: schemas::DeliveryEvent =
                serde_avro_fast::from_datum_slice(datum, &schema).unwrap();
            assert_eq!(read, event, "{}", path.display());
            let written = serde_avro_fast::to_datum_vec(&event, &mut config).unwrap();
            assert_eq!(written, datum, "{}", path.display());
        }
    }
}

#[test]
fn an_event_whose_texts_lie_elsewhere_has_the_bytes_of_one_that_owns_them() {
    let encoder = Encoder::new(Record::DeliveryEvent, 1).unwrap();
    let (privacy, mut arena) = (Privacy::new(b"golden"), Arena::default());
    let mut compared = 0;
    for path in fixtures() {
        let (headers, body) = input(&path);
        let owned = outcome(&path).unwrap_or_default();
        arena.reset();
        let headers = headers.as_borrowed();
        let drafts = drafts(&arena, &headers, body.as_bytes(), rules(&privacy));
        let drafts = drafts.map(|drafts| drafts.events).unwrap_or_default();
        assert_eq!(drafts.len(), owned.len(), "{}", path.display());
        for (draft, owned) in drafts.iter().zip(&owned) {
            let bytes = encoder.encode(owned).unwrap();
            assert_eq!(encoder.encode(draft).unwrap(), bytes, "{}", path.display());
            compared += 1;
        }
    }
    assert!(compared > 100, "{compared}");
}

#[test]
fn no_handover_code_api_key_or_signature_passes_and_no_personal_text_unless_kept() {
    let never = [
        "4711",
        "pk_test_acme",
        "made when it is sent",
        "<API_KEY",
        "25496",
        "\"6440\"",
        "\"4205\"",
    ];
    let personal = [
        "Siti",
        "+6012345678",
        "Jalan",
        "TestDriver",
        "+85288888888",
        "VP7815702",
        "84911434061",
        "84xxxxxxxxx",
        "09xxxxxxxx",
        "0900000000",
        "call me",
        "Thái",
        "Bao",
        "Babatope",
        "07055667789",
        "Allen Avenue",
        "Ayomide",
        "Queen street",
        "Marina",
        "Tolu",
        "Ngozi",
        "09081111111",
        "09081234353",
        "2349081234354",
    ];
    for path in fixtures() {
        let Ok(events) = outcome(&path) else { continue };
        let text = serde_json::to_string(&events).unwrap();
        for word in never {
            assert!(!text.contains(word), "{}: {word}", path.display());
        }
        let kept = path.to_string_lossy().contains("-kept");
        for word in personal {
            assert!(kept || !text.contains(word), "{}: {word}", path.display());
        }
    }
}

#[test]
fn a_webhook_of_another_carrier_is_never_an_event() {
    let mut pairs = BTreeMap::new();
    for path in fixtures() {
        if outcome(&path).is_err() {
            continue;
        }
        let (own, body) = input(&path);
        let privacy = Privacy::new(b"golden");
        let received_at = own.received_at.to_string();
        for other in Provider::ALL.iter().filter(|other| **other != own.provider) {
            let over = BTreeMap::from([("received-at".into(), received_at.clone())]);
            let headers = headers(other.as_str(), &over);
            let found = normalize(&headers, body.as_bytes(), rules(&privacy));
            let told = format!("{} at {}", path.display(), other.as_str());
            let why = found.map(|found| found.events).expect_err(&told);
            assert!(
                matches!(why.reason, Reason::Malformed | Reason::MissingField),
                "{told}: {why:?}"
            );
            assert!(!why.detail.is_empty(), "{told}");
            *pairs.entry((own.provider, *other)).or_insert(0) += 1;
        }
    }
    assert_eq!(pairs.len(), 20);
}

/// The rows as the file has them; what they mean is asked of the normalizer.
#[derive(Deserialize)]
struct Rows {
    row: Vec<BTreeMap<String, toml::Value>>,
}

#[test]
fn every_row_of_the_mapping_decides_an_event() {
    let text = include_str!("../../schemas/mapping.toml");
    let rows = toml::from_str::<Rows>(text).unwrap().row;
    let mut walked = 0;
    for row in rows {
        let column = |name: &str| row.get(name).and_then(|value| value.as_str());
        if column("provider") != Some("lalamove") {
            continue;
        }
        let kind = Kind::parse(column("kind").unwrap()).unwrap();
        let status = column("status").map(|word| Status::parse(word).unwrap());
        let event_type = column("event_type").unwrap();
        let word = column("provider_status").unwrap_or("NEVER_HEARD_OF");
        let stop = event_type == "stops[].POD";
        let event_type = if stop {
            "POD_STATUS_CHANGED"
        } else {
            event_type
        };
        let body = json!({
            "eventId": "e", "eventType": event_type, "timestamp": 1_778_608_253,
            "data": {
                "order": {
                    "orderId": "2", "status": word,
                    "stops": if stop { json!([{ "POD": { "status": word } }]) } else { json!([]) },
                },
                "prevOrderId": "1",
                "balance": { "amount": "1", "currency": "MYR" },
            },
        });
        let over = BTreeMap::from([("received-at".into(), "2026-05-12T18:00:00Z".into())]);
        let (privacy, body) = (Privacy::new(b"golden"), body.to_string());
        let headers = headers("lalamove", &over);
        let normalized = normalize(&headers, body.as_bytes(), rules(&privacy)).unwrap();
        let events = normalized.events;
        let event = events.iter().find(|event| event.kind == kind).unwrap();
        let found = if stop {
            event.stops[0].status
        } else {
            event.status
        };
        assert_eq!(found, status, "{row:?}");
        walked += 1;
    }
    assert!(walked >= 22, "{walked}");
}
