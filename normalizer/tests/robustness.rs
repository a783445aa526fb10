//! Whatever is done to a valid webhook, it gives events or a reason: never a panic, never anything
//! that depends on the run, and never a value of the payload in the reason.

#![expect(clippy::unwrap_used, reason = "a test that can't go on has failed")]

use std::{
    cell::RefCell,
    fs,
    hash::{BuildHasher, Hasher, RandomState},
    path::Path,
    sync::LazyLock,
};

use normalizer::{Arena, Privacy, Rules, drafts, normalize};
use proptest::{prelude::*, sample::Index, test_runner::RngSeed};
use schemas::{
    Provider, Reason,
    avro::{Encoder, Record},
    delivery_event::Draft,
    mapping::Mapping,
    raw_webhook::RawHeaders,
};
use serde_json::{Value, json};

thread_local! {
    static WORKERS: RefCell<Arena> = RefCell::default();
}

const CASES: u32 = 6_000;
/// Stands in every mutated text, so that a reason that quotes one is found out.
const MARK: &str = "mark\u{7}é";

fn headers(provider: Provider) -> RawHeaders {
    let pairs = [
        ("receipt-id", "01890a5d-ac96-774b-bcce-b302099a8057"),
        ("tenant", "acme"),
        ("provider", provider.as_str()),
        ("endpoint", "acme-hk"),
        ("received-at", "2026-05-12T17:50:55.250000Z"),
        ("verdict", "verified"),
        ("assurance", "BODY_SIGNED"),
        ("pii", "keep"),
        ("body-sha256", ""),
        ("body-bytes", "0"),
    ];
    RawHeaders::from_pairs(pairs.map(|(name, value)| (name, value.as_bytes()))).unwrap()
}

static BODIES: LazyLock<Vec<(Provider, Value)>> = LazyLock::new(|| {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures");
    let mut bodies = Vec::new();
    for provider in Provider::ALL {
        let folder = fs::read_dir(root.join(provider.as_str()))
            .into_iter()
            .flatten();
        let mut paths: Vec<_> = folder.map(|entry| entry.unwrap().path()).collect();
        paths.sort();
        for path in paths {
            if !path.to_string_lossy().ends_with(".canonical.json") {
                let text = fs::read_to_string(path).unwrap();
                let fixture: Value = serde_json::from_str(&text).unwrap();
                bodies.extend(fixture.get("body").map(|body| (*provider, body.clone())));
            }
        }
    }
    bodies
});

/// As a form writes it.
fn encoded(body: &str) -> String {
    body.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

fn check(provider: Provider, body: &[u8]) -> Result<(), TestCaseError> {
    let privacy = Privacy::new(b"key");
    let rules = Rules {
        mapping: Mapping::embedded(),
        privacy: &privacy,
        blobs_url: Some("file:///blobs"),
    };
    let headers = headers(provider);
    let outcome = normalize(&headers, body, rules);
    prop_assert_eq!(&outcome, &normalize(&headers, body, rules));
    // What a worker remembers of the webhooks before makes no difference.
    let borrowed = headers.as_borrowed();
    let again = WORKERS.with_borrow_mut(|arena| {
        arena.reset();
        let drafts = drafts(arena, &borrowed, body, rules)?;
        Ok(drafts.events.iter().map(Draft::owned).collect::<Vec<_>>())
    });
    prop_assert_eq!(
        again.as_ref(),
        outcome.as_ref().map(|normalized| &normalized.events)
    );
    match outcome {
        Ok(normalized) => {
            let events = normalized.events;
            prop_assert!(!events.is_empty());
            let encoder = Encoder::new(Record::DeliveryEvent, 1).unwrap();
            for (part, event) in (1..).zip(&events) {
                prop_assert_eq!((event.part, event.parts as usize), (part, events.len()));
                prop_assert!(event.occurred_at.0 <= event.received_at.0 + 5_000_000);
                prop_assert!(encoder.encode(event).is_ok());
            }
        }
        Err(why) => {
            prop_assert!(matches!(
                why.reason,
                Reason::Malformed | Reason::MissingField
            ));
            prop_assert!(!why.detail.contains("mark"), "{}", why.detail);
            prop_assert!(why.detail.len() < 200, "{}", why.detail);
        }
    }
    Ok(())
}

fn anything() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(|number| json!(number)),
        Just(json!(MARK)),
        Just(json!("")),
        Just(json!("1e999")),
        Just(json!("9999-12-31T23:59.00Z")),
        Just(json!("x".repeat(3_000))),
        Just(json!([MARK, {}, [[]]])),
        Just(json!({ "mark": [1], "status": {} })),
        "\\PC{0,20}".prop_map(|text| Value::from(format!("{MARK}{text}"))),
    ]
}

/// Every place in the body, deepest last.
fn places(value: &Value, path: &str, found: &mut Vec<String>) {
    found.push(path.to_owned());
    match value {
        Value::Object(fields) => {
            for (name, inner) in fields {
                places(
                    inner,
                    &format!("{path}/{}", name.replace('~', "~0").replace('/', "~1")),
                    found,
                );
            }
        }
        Value::Array(items) => {
            for (index, inner) in items.iter().enumerate() {
                places(inner, &format!("{path}/{index}"), found);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// Another seed each run, printed with a failure; `PROPTEST_RNG_SEED` runs one again.
fn config() -> ProptestConfig {
    static SEED: LazyLock<u64> = LazyLock::new(|| {
        let given = std::env::var("PROPTEST_RNG_SEED").ok();
        let seed = given.and_then(|text| text.parse().ok());
        let seed = seed.unwrap_or_else(|| RandomState::new().build_hasher().finish());
        eprintln!("PROPTEST_RNG_SEED={seed}");
        seed
    });
    ProptestConfig {
        cases: CASES,
        failure_persistence: None,
        rng_seed: RngSeed::Fixed(*SEED),
        ..ProptestConfig::default()
    }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn values_of_any_kind_in_any_place_give_events_or_a_reason(
        body: Index,
        changes in prop::collection::vec((any::<Index>(), anything(), any::<bool>()), 1..5),
    ) {
        let (provider, mut body) = body.get(&BODIES).clone();
        for (place, value, remove) in changes {
            let mut all = Vec::new();
            places(&body, "", &mut all);
            let place = place.get(&all);
            match place.rsplit_once('/') {
                Some((parent, name)) if remove => {
                    if let Some(Value::Object(fields)) = body.pointer_mut(parent) {
                        fields.shift_remove(name);
                    }
                }
                _ => *body.pointer_mut(place).unwrap() = value,
            }
        }
        let body = body.to_string();
        check(provider, body.as_bytes())?;
        if provider == Provider::Dellyman {
            check(provider, encoded(&body).as_bytes())?;
        }
    }

    #[test]
    fn bytes_lost_doubled_or_changed_give_events_or_a_reason(
        body: Index,
        changes in prop::collection::vec((any::<Index>(), any::<u8>(), 0..3_u8), 1..6),
    ) {
        let (provider, body) = body.get(&BODIES);
        let mut bytes = body.to_string().into_bytes();
        for (place, byte, how) in changes {
            if bytes.is_empty() {
                break;
            }
            let place = place.index(bytes.len());
            match how {
                0 => bytes[place] = byte,
                1 => bytes.truncate(place),
                _ => bytes.insert(place, byte),
            }
        }
        check(*provider, &bytes)?;
    }

    #[test]
    fn bytes_of_any_kind_give_a_reason(body: Index, bytes: Vec<u8>) {
        check(body.get(&BODIES).0, &bytes)?;
    }
}
