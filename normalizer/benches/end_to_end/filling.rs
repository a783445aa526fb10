//! The raw topic: the carriers' webhooks in turn, each of an order of its own and with its own ids.

use normalizer::{Privacy, Rules, normalize};
use schemas::{Provider, mapping::Mapping, raw_webhook::RawHeaders};
use serde_json::Value;
use stage_bench::topics::Filling;

use crate::webhooks::{CASES, body, headers};

/// Where a carrier's ids stand.
const fn ids(provider: Provider) -> &'static [&'static str] {
    match provider {
        Provider::Lalamove => &["/eventId", "/data/order/orderId", "/data/prevOrderId"],
        Provider::Ahamove => &["/_id"],
        Provider::Ordatic => &["/data/orderId"],
        Provider::Sendstack => &["/id", "/drops/0/id"],
        Provider::Dellyman => &["/order/OrderID"],
    }
}

/// The ids end differently in each; those that the webhook lacks are left out.
fn renamed(provider: Provider, body: &Value, number: usize) -> Value {
    let mut body = body.clone();
    for (place, id) in (1..).zip(ids(provider)) {
        if let Some(id) = body.pointer_mut(id) {
            *id = Value::String(format!("1471722{place}{number:09}"));
        }
    }
    body
}

/// As ingest writes them.
fn raw_headers(provider: Provider, receipt: &str, bytes: usize) -> Vec<(&'static str, Vec<u8>)> {
    let fixed = headers(provider).into_iter();
    let mut all: Vec<_> = fixed.map(|(name, value)| (name, value.to_vec())).collect();
    for (name, value) in &mut all {
        match *name {
            "receipt-id" => *value = receipt.as_bytes().to_vec(),
            "body-bytes" => *value = bytes.to_string().into_bytes(),
            _ => {}
        }
    }
    let trace = b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    all.extend([
        ("spooled", b"false".to_vec()),
        ("content-type", b"application/json".to_vec()),
        ("traceparent", trace.to_vec()),
    ]);
    all
}

/// So many.
pub(crate) fn records(webhooks: usize, partitions: i32) -> impl Iterator<Item = Filling> {
    let bodies = CASES.map(|(provider, case)| {
        let value: Value = serde_json::from_str(&body(provider, case)).unwrap();
        (provider, value)
    });
    (0..webhooks).map(move |number| {
        let (provider, body) = &bodies[number % bodies.len()];
        let value = renamed(*provider, body, number).to_string().into_bytes();
        let receipt = format!("01890a5d-ac96-774b-bcce-{number:012x}");
        Filling {
            partition: i32::try_from(number).unwrap() % partitions,
            headers: raw_headers(*provider, &receipt, value.len()),
            key: receipt,
            value,
        }
    })
}

/// Each of the webhooks gives events: what is set aside would be cheap.
pub(crate) fn check() {
    let privacy = Privacy::new(b"bench");
    let rules = Rules {
        mapping: Mapping::embedded(),
        privacy: &privacy,
        blobs_url: None,
    };
    for record in records(CASES.len(), 1) {
        let pairs = record.headers.iter();
        let headers = RawHeaders::from_pairs(pairs.map(|(name, value)| (*name, &**value)));
        let events = normalize(&headers.unwrap(), &record.value, rules).unwrap();
        assert!(!events.events.is_empty());
    }
}
