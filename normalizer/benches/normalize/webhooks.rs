//! Documented webhooks of the carriers, and the headers that ingest gives them.

use std::path::Path;

use schemas::Provider;
use serde::Deserialize;
use serde_json::value::RawValue;

pub(crate) const CASES: [(Provider, &str); 9] = [
    (Provider::Lalamove, "seed-on-going"),
    (Provider::Lalamove, "seed-driver-assigned"),
    (Provider::Lalamove, "seed-replaced"),
    (Provider::Lalamove, "order-created"),
    (Provider::Lalamove, "pod-delivered"),
    (Provider::Ahamove, "seed-assigning"),
    (Provider::Ordatic, "rider-created"),
    (Provider::Sendstack, "order-new-personal-data-dropped"),
    (Provider::Dellyman, "seed-intransit-package-delivered"),
];

#[derive(Deserialize)]
struct Fixture {
    body: Box<RawValue>,
}

pub(crate) fn headers(provider: Provider) -> [(&'static str, &'static [u8]); 14] {
    let (timezone, currency): (&[u8], &[u8]) = match provider {
        Provider::Lalamove => (b"Asia/Hong_Kong", b"HKD"),
        Provider::Ahamove => (b"Asia/Ho_Chi_Minh", b"VND"),
        Provider::Ordatic => (b"Europe/Madrid", b"EUR"),
        Provider::Sendstack | Provider::Dellyman => (b"Africa/Lagos", b"NGN"),
    };
    [
        ("timezone", timezone),
        ("currency", currency),
        ("receipt-id", b"01890a5d-ac96-774b-bcce-b302099a8057"),
        ("tenant", b"acme"),
        ("provider", provider.as_str().as_bytes()),
        ("endpoint", b"acme-lalamove-hk"),
        ("received-at", b"2026-05-12T17:50:55.250000Z"),
        ("verdict", b"verified"),
        ("assurance", b"BODY_SIGNED"),
        ("pii", b"pseudonymise"),
        (
            "body-sha256",
            b"9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        ),
        ("body-bytes", b"700"),
        ("signature-scheme", b"data-raw"),
        ("secret-id", b"2026-11"),
    ]
}

/// As it came: without the whitespace that makes a fixture readable.
pub(crate) fn body(provider: Provider, case: &str) -> String {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures");
    let folder = fixtures.join(provider.as_str());
    let text = std::fs::read_to_string(folder.join(format!("{case}.json"))).expect("a fixture");
    let fixture: Fixture = serde_json::from_str(&text).expect("a fixture");
    let value: serde_json::Value = serde_json::from_str(fixture.body.get()).expect("JSON");
    value.to_string()
}
