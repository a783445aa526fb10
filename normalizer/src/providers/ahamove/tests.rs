use std::collections::BTreeMap;

use schemas::{Kind, Micros, Provider, mapping::Mapping, raw_webhook::RawHeaders};
use serde::Deserialize;
use serde_json::{Value, json};

use super::*;
use crate::{Privacy, Rules, normalize};

#[derive(Deserialize)]
struct Rows {
    row: Vec<BTreeMap<String, toml::Value>>,
}

fn headers(service: &str, pii: &str) -> RawHeaders {
    let pairs = [
        ("receipt-id", "01890a5d-ac96-774b-bcce-b302099a8057"),
        ("tenant", "acme"),
        ("provider", "ahamove"),
        ("endpoint", "acme-ahamove"),
        ("received-at", "2022-10-14T10:45:00Z"),
        ("verdict", "verified"),
        ("assurance", "CREDENTIAL_ONLY"),
        ("pii", pii),
        ("body-sha256", ""),
        ("body-bytes", "0"),
        ("service", service),
    ];
    RawHeaders::from_pairs(pairs.map(|(name, value)| (name, value.as_bytes()))).unwrap()
}

fn event_of(headers: &RawHeaders, body: &Value) -> schemas::DeliveryEvent {
    let privacy = Privacy::new(b"key");
    let rules = Rules {
        mapping: Mapping::embedded(),
        privacy: &privacy,
        blobs_url: None,
    };
    let body = body.to_string();
    let mut events = normalize(headers, body.as_bytes(), rules).unwrap().events;
    assert_eq!(events.len(), 1);
    events.remove(0)
}

#[test]
fn every_row_of_the_mapping_decides_an_event_or_a_stop() {
    let text = include_str!("../../../../schemas/mapping.toml");
    let rows = toml::from_str::<Rows>(text).unwrap().row;
    let mut walked = 0;
    for row in rows {
        let column = |name: &str| row.get(name).and_then(|value| value.as_str());
        if column("provider") != Some(Provider::Ahamove.as_str()) {
            continue;
        }
        walked += 1;
        let kind = Kind::parse(column("kind").unwrap()).unwrap();
        let status = column("status").map(|word| Status::parse(word).unwrap());
        let word = column("provider_status").unwrap_or("NEVER_HEARD_OF");
        let headers = headers(column("service").unwrap_or("instant"), "pseudonymise");
        if let Some(path) = column("event_type") {
            let index = usize::from(path == "path[]");
            let mut stops = vec![json!({}), json!({})];
            stops[index] = json!({ "status": word });
            let body = json!({ "_id": "1", "status": "IN PROCESS", "path": stops });
            assert_eq!(
                event_of(&headers, &body).stops[index].status,
                status,
                "{row:?}"
            );
            continue;
        }
        let (sub_status, comment) = match column("sub_status") {
            Some(NO_DRIVER) => ("", "Auto cancel, no driver accepted"),
            sub_status => (sub_status.unwrap_or(""), ""),
        };
        // Failed goods leave the row's own word standing; without a return it needs delivered ones.
        let drop = if sub_status.is_empty() {
            "COMPLETED"
        } else {
            "FAILED"
        };
        let event = event_of(
            &headers,
            &json!({
                "_id": "1", "status": word, "sub_status": sub_status, "cancel_comment": comment,
                "accept_time": 1_665_742_365, "pickup_time": 1_665_742_725,
                "path": [{}, { "status": drop }],
            }),
        );
        assert_eq!((event.kind, event.status), (kind, status), "{row:?}");
        if let Some(milestone) = column("milestone") {
            let milestone = Status::parse(milestone).unwrap();
            assert!(
                event.milestones.iter().any(|m| m.status == milestone),
                "{row:?}"
            );
        }
    }
    assert!(walked >= 28, "{walked}");
}

#[test]
fn equal_snapshots_have_equal_ids_and_any_change_gives_another() {
    let headers = headers("instant", "pseudonymise");
    let base =
        json!({ "_id": "1", "status": "ASSIGNING", "order_time": 1_665_742_305, "api_key": "a" });
    let id = |change: Value| {
        let mut body = base.clone();
        for (name, value) in change.as_object().unwrap() {
            body[name] = value.clone();
        }
        event_of(&headers, &body).event_id
    };
    let same = id(json!({}));
    assert_eq!(id(json!({ "api_key": "b" })), same);
    assert_eq!(id(json!({ "order_time": 1_665_742_305.0 })), same);
    for change in [
        json!({ "status": "ACCEPTED" }),
        json!({ "order_time": 1_665_742_306 }),
        json!({ "path": [{ "status": "" }] }),
        json!({ "_id": "2" }),
    ] {
        assert_ne!(id(change.clone()), same, "{change}");
    }
}

#[test]
fn a_time_keeps_its_microseconds() {
    let body = json!({
        "_id": "1", "status": "ASSIGNING", "order_time": 1_665_742_305.930_530_5_f64,
    });
    let event = event_of(&headers("instant", "keep"), &body);
    assert_eq!(event.occurred_at, Micros(1_665_742_305_930_530));
}

#[test]
fn no_phone_and_no_key_passes_unless_personal_data_is_kept_and_the_key_never() {
    let body = json!({
        "_id": "22VMV54W", "status": "ASSIGNING", "api_key": "SECRETKEY", "user_id": "84911434061",
        "user_name": "84911434061", "supplier_name": "84911434061", "supplier_id": "84911434061",
        "shared_link": "https://x.test/share-order/22VMV54W/84911434061",
        "insurance_portal_url": "https://x.test/claim?phone=84911434061",
        "path": [{ "mobile": "84911434061", "name": "84911434061", "address": "84911434061",
            "short_address": "84911434061", "formatted_address": "84911434061",
            "remarks": "84911434061" }],
    });
    for (pii, passes) in [("pseudonymise", false), ("drop", false), ("keep", true)] {
        let event = serde_json::to_string(&event_of(&headers("instant", pii), &body)).unwrap();
        assert_eq!(event.contains("84911434061"), passes, "{pii}");
        assert!(!event.contains("SECRETKEY"), "{pii}");
        assert!(event.contains("/share-order/22VMV54W"), "{pii}");
    }
}

#[test]
fn more_stops_than_an_order_has_are_refused() {
    let body = json!({ "_id": "1", "status": "ASSIGNING", "path": vec![json!({}); 201] });
    let privacy = Privacy::new(b"key");
    let rules = Rules {
        mapping: Mapping::embedded(),
        privacy: &privacy,
        blobs_url: None,
    };
    let headers = headers("instant", "keep");
    let why = normalize(&headers, body.to_string().as_bytes(), rules).unwrap_err();
    assert_eq!(why.detail, "path has more than 200 entries");
}
