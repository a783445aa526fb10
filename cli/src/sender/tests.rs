use super::*;
use crate::demo;

const TENANTS: &str = r#"
    [tenants.demo]
    name = "Demo"
    [[tenants.demo.endpoints]]
    id = "lalamove"
    provider = "lalamove"
    token = "0123456789012345678901"
    secrets = [{ id = "one", value = "a-secret", api_key = "pk_demo" }]
    [[tenants.demo.endpoints]]
    id = "ahamove"
    provider = "ahamove"
    token = "0123456789012345678902"
    secrets = [{ id = "one", value = "user:password", scheme = "basic" }]
    [[tenants.demo.endpoints]]
    id = "ordatic"
    provider = "ordatic"
    token = "0123456789012345678903"
    secrets = [{ id = "one", value = "Bearer 0abc" }]
    [[tenants.demo.endpoints]]
    id = "sendstack"
    provider = "sendstack"
    token = "0123456789012345678904"
    secrets = [{ id = "one", value = "a-secret" }]
    [[tenants.demo.endpoints]]
    id = "dellyman"
    provider = "dellyman"
    token = "0123456789012345678905"
    public_url = "https://example.test/hooks/0123456789012345678905"
    secrets = [{ id = "one", value = "a-secret" }]
    [[tenants.demo.endpoints]]
    id = "sendstack-body"
    provider = "sendstack"
    token = "0123456789012345678906"
    schemes = ["body"]
    secrets = [{ id = "one", value = "a-secret" }]
    [[tenants.demo.endpoints]]
    id = "dellyman-body"
    provider = "dellyman"
    token = "0123456789012345678907"
    schemes = ["body"]
    secrets = [{ id = "one", value = "a-secret" }]
"#;
const BODY: &str = r#" {"eventId": "E1", "signature": "old", "data": { "b" : "1", "a":2.50 } }"#;

fn tenants() -> Tenants {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("tenants.toml");
    std::fs::write(&file, TENANTS).unwrap();
    super::tenants(&file).unwrap()
}

/// The proof as ingest sees it, before and after somebody tampered with it.
fn check(endpoint: &str, body: &[u8]) -> (Signed, Tampered) {
    let tenants = tenants();
    let endpoint = tenants.endpoint(endpoint).unwrap();
    let sender = Sender::new("http://127.0.0.1:1").unwrap();
    let signed = sender.signed(endpoint, body).unwrap();
    assert!(sender.assurance(endpoint, &signed).unwrap().is_ok());
    let mut changed = signed.clone();
    let what = sender.tamper(endpoint, &mut changed).unwrap();
    assert!(sender.assurance(endpoint, &changed).unwrap().is_err());
    serde_json::from_slice::<serde_json::Value>(&changed.body).unwrap();
    let lengths = |signed: &Signed| {
        let headers: Vec<usize> = signed.headers.iter().map(|(_, v)| v.len()).collect();
        (signed.body.len(), headers)
    };
    assert_eq!(lengths(&changed), lengths(&signed));
    (signed, what)
}

#[test]
fn what_every_carrier_sends_verifies_until_one_byte_is_changed() {
    for (endpoint, changed) in [
        ("lalamove", Tampered::Body),
        ("ahamove", Tampered::Credential("authorization")),
        ("ordatic", Tampered::Credential("authorization")),
        ("sendstack", Tampered::Credential("x-sendstack-signature")),
        ("dellyman", Tampered::Credential("x-dellyman-signature")),
        ("sendstack-body", Tampered::Body),
        ("dellyman-body", Tampered::Body),
    ] {
        let provider = tenants().endpoint(endpoint).unwrap().provider;
        for webhook in demo::of(provider).webhooks {
            let (_, what) = check(endpoint, webhook.body.as_bytes());
            assert_eq!(what, changed, "{endpoint}");
        }
    }
}

#[test]
fn what_is_sent_for_lalamove_has_its_data_as_typed() {
    let body = check("lalamove", BODY.as_bytes()).0.body;
    let body = String::from_utf8(body).unwrap();
    assert!(body.contains(r#""data":{ "b" : "1", "a":2.50 }"#), "{body}");
    assert!(
        body.contains(r#""apiKey":"pk_demo""#) && !body.contains("old"),
        "{body}"
    );
}

#[test]
fn a_time_that_the_body_has_is_kept_as_it_stands() {
    for time in ["1650553157", "\"1650553157000\""] {
        let body = format!(r#"{{"timestamp": {time}, "data": {{"a": 1}}}}"#);
        let sent = check("lalamove", body.as_bytes()).0.body;
        let sent = String::from_utf8(sent).unwrap();
        assert!(sent.contains(&format!("\"timestamp\":{time},")), "{sent}");
    }
}

#[test]
fn other_carriers_bodies_are_sent_as_they_are() {
    for endpoint in ["ahamove", "ordatic", "dellyman"] {
        assert_eq!(check(endpoint, BODY.as_bytes()).0.body, BODY.as_bytes());
    }
}

#[test]
fn a_body_without_what_is_signed_is_wrong_use() {
    let tenants = tenants();
    let sender = Sender::new("http://127.0.0.1:1").unwrap();
    let error = sender.signed(tenants.endpoint("lalamove").unwrap(), b"{}");
    assert!(error.unwrap_err().is::<WrongUse>());
}
