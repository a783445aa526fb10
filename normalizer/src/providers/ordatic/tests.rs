use std::collections::BTreeMap;

use schemas::{Status, mapping::Mapping, raw_webhook::RawHeaders};
use serde::Deserialize;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::*;
use crate::{Privacy, Rules, normalize};

#[derive(Deserialize)]
struct Rows {
    row: Vec<BTreeMap<String, toml::Value>>,
}

fn normalized(body: &Value, blobs_url: Option<&str>) -> Normalized {
    normalized_for(body, blobs_url, PiiRule::Keep)
}

fn normalized_for(body: &Value, blobs_url: Option<&str>, pii: PiiRule) -> Normalized {
    let pairs = [
        ("receipt-id", "01890a5d-ac96-774b-bcce-b302099a8057"),
        ("tenant", "acme"),
        ("provider", "ordatic"),
        ("endpoint", "acme-ordatic"),
        ("received-at", "2026-05-12T18:00:00Z"),
        ("verdict", "verified"),
        ("assurance", "CREDENTIAL_ONLY"),
        ("pii", pii.as_str()),
        ("body-sha256", ""),
        ("body-bytes", "0"),
    ];
    let headers =
        RawHeaders::from_pairs(pairs.map(|(name, value)| (name, value.as_bytes()))).unwrap();
    let privacy = Privacy::new(b"key");
    let rules = Rules {
        mapping: Mapping::embedded(),
        privacy: &privacy,
        blobs_url,
    };
    let body = body.to_string();
    normalize(&headers, body.as_bytes(), rules).unwrap()
}

fn webhook(event_type: &str, proof: &str) -> Value {
    json!({ "eventType": event_type, "storeId": "s", "data": {
        "orderId": "1", "proofDelivery": proof, "refund": { "id": "r" },
    } })
}

#[test]
fn every_row_of_the_mapping_decides_an_event() {
    let text = include_str!("../../../../schemas/mapping.toml");
    let rows = toml::from_str::<Rows>(text).unwrap().row;
    let mut walked = 0;
    for row in rows {
        let column = |name: &str| row.get(name).and_then(|value| value.as_str());
        if column("provider") != Some("ordatic") {
            continue;
        }
        walked += 1;
        let status = |name: &str| column(name).map(|word| Status::parse(word).unwrap());
        let body = webhook(column("event_type").unwrap(), "done");
        let event = &normalized(&body, None).events[0];
        let kind = Kind::parse(column("kind").unwrap()).unwrap();
        assert_eq!(
            (event.kind, event.status),
            (kind, status("status")),
            "{row:?}"
        );
        let milestone = event.milestones.first().map(|milestone| milestone.status);
        assert_eq!(milestone, status("milestone"), "{row:?}");
        let ends = row
            .get("final")
            .is_some_and(|value| value.as_bool() == Some(true));
        let may_end = event.status.is_some_and(Status::is_final);
        assert_eq!(ends, may_end, "{row:?}");
    }
    assert_eq!(walked, 13);
}

#[test]
fn an_image_is_handed_on_under_its_hash_and_only_where_there_is_a_store() {
    const GIF: &str = "R0lGODlhAQABAAAAACw=";
    let body = webhook("rider-proof-delivery", GIF);
    let found = normalized(&body, Some("s3://bucket/prefix"));
    let [blob] = found.blobs.as_slice() else {
        panic!("{} blobs", found.blobs.len())
    };
    let proof = &found.events[0].proofs[0];
    let sha256 = hex::encode(Sha256::digest(&blob.bytes));
    assert_eq!(proof.sha256.as_deref(), Some(sha256.as_str()));
    assert_eq!(proof.bytes, Some(blob.bytes.len() as i64));
    assert_eq!(proof.media_type.as_deref(), Some("image/gif"));
    assert_eq!(blob.path, format!("proofs/acme/{sha256}"));
    assert_eq!(proof.uri, format!("s3://bucket/prefix/{}", blob.path));

    let without = normalized(&body, None);
    assert!(without.blobs.is_empty());
    let described = &without.events[0].proofs[0];
    assert!(
        described.uri.starts_with("ni:///sha-256;"),
        "{}",
        described.uri
    );
    assert_eq!(described.sha256, proof.sha256);
    assert_eq!(without.events[0].event_id, found.events[0].event_id);
}

#[test]
fn an_image_of_megabytes_leaves_an_event_of_hundreds_of_bytes() {
    use base64::Engine as _;
    let mut image = b"\x89PNG\r\n\x1a\n".to_vec();
    image.resize(3_000_000, 7);
    let proof = base64::engine::general_purpose::STANDARD.encode(&image);
    let found = normalized(&webhook("rider-proof-delivery", &proof), Some("file:///b"));
    assert_eq!(found.blobs[0].bytes, image);
    assert!(serde_json::to_string(&found.events).unwrap().len() < 2_000);
}

#[test]
fn content_makes_the_id_and_spelling_does_not() {
    let id = |body: &Value| normalized(body, None).events[0].event_id;
    let base =
        json!({ "eventType": "rider-picking", "storeId": "s", "data": { "orderId": "1", "a": 2 } });
    let turned =
        json!({ "data": { "a": 2, "orderId": "1" }, "storeId": "s", "eventType": "rider-picking" });
    assert_eq!(id(&base), id(&turned));
    for (place, value) in [
        ("/eventType", "rider-created"),
        ("/storeId", "t"),
        ("/data/orderId", "2"),
        ("/data/a", "2"),
    ] {
        let mut other = base.clone();
        *other.pointer_mut(place).unwrap() = value.into();
        assert_ne!(id(&base), id(&other), "{place}");
    }
}

#[test]
fn what_somebody_wrote_as_a_proof_is_stored_only_for_a_tenant_who_keeps_it() {
    let text = format!("Maria, 0912345678, {}", "Odos Ermou 7 ".repeat(40));
    let body = webhook("rider-proof-delivery", &text);
    for (pii, expected) in [
        (PiiRule::Keep, 1),
        (PiiRule::Pseudonymise, 0),
        (PiiRule::Drop, 0),
    ] {
        let found = normalized_for(&body, Some("file:///b"), pii);
        assert_eq!(found.blobs.len(), expected, "{pii:?}");
        let event = serde_json::to_string(&found.events).unwrap();
        assert!(
            !event.contains("Maria") && !event.contains("0912345678"),
            "{pii:?}"
        );
    }
}

#[test]
fn a_phone_in_a_part_of_a_refund_is_as_one_in_its_reason() {
    const PHONE: &str = "+34661238816";
    let typed = format!("call {PHONE}");
    let mut body = webhook("rider-refund", "");
    body["data"]["refund"] = json!({
        "id": "r", "date": typed, "totalRiderRefund": 1, "reason": typed,
        "refundItems": [{ "reason": typed, "partyAtFault": typed, "items": [{ "name": typed }] }],
        "refundFees": [{ "code": typed, "name": typed, "amount": typed }],
    });
    for (pii, expected) in [
        (PiiRule::Keep, true),
        (PiiRule::Pseudonymise, false),
        (PiiRule::Drop, false),
    ] {
        let found = normalized_for(&body, None, pii);
        let event = serde_json::to_string(&found.events).unwrap();
        assert_eq!(event.contains(&PHONE[3..]), expected, "{pii:?} {event}");
    }
}
