use std::collections::BTreeMap;

use schemas::{Kind, Status, mapping::Mapping, raw_webhook::RawHeaders};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{Privacy, Rules, normalize};

#[derive(Deserialize)]
struct Rows {
    row: Vec<BTreeMap<String, toml::Value>>,
}

fn event_of(body: &str) -> schemas::DeliveryEvent {
    let pairs = [
        ("receipt-id", "01890a5d-ac96-774b-bcce-b302099a8057"),
        ("tenant", "acme"),
        ("provider", "dellyman"),
        ("endpoint", "acme-dellyman"),
        ("received-at", "2022-12-08T15:46:00Z"),
        ("verdict", "verified"),
        ("assurance", "CREDENTIAL_ONLY"),
        ("pii", "keep"),
        ("body-sha256", ""),
        ("body-bytes", "0"),
    ];
    let headers =
        RawHeaders::from_pairs(pairs.map(|(name, value)| (name, value.as_bytes()))).unwrap();
    let privacy = Privacy::new(b"key");
    let rules = Rules {
        mapping: Mapping::embedded(),
        privacy: &privacy,
        blobs_url: None,
    };
    let mut events = normalize(&headers, body.as_bytes(), rules).unwrap().events;
    assert_eq!(events.len(), 1);
    events.remove(0)
}

#[test]
fn every_row_of_the_mapping_decides_an_event_or_a_package() {
    let text = include_str!("../../../../schemas/mapping.toml");
    let rows = toml::from_str::<Rows>(text).unwrap().row;
    let mut walked = 0;
    for row in rows {
        let column = |name: &str| row.get(name).and_then(|value| value.as_str());
        if column("provider") != Some("dellyman") {
            continue;
        }
        walked += 1;
        let kind = Kind::parse(column("kind").unwrap()).unwrap();
        let status = column("status").map(|word| Status::parse(word).unwrap());
        let word = column("provider_status").unwrap_or("NEVER_HEARD_OF");
        let of_package = column("event_type").is_some();
        let body = json!({ "order": {
            "OrderID": 1, "OrderStatus": if of_package { "INTRANSIT" } else { word },
            "PickedUpAt": "2022-12-08 14:45:30", "Packages": [{ "PackageStatus": word }],
        } });
        let event = event_of(&body.to_string());
        if of_package {
            assert_eq!(event.stops[0].status, status, "{row:?}");
            continue;
        }
        assert_eq!((event.kind, event.status), (kind, status), "{row:?}");
        if let Some(milestone) = column("milestone") {
            let milestone = Status::parse(milestone).unwrap();
            assert!(
                event.milestones.iter().any(|m| m.status == milestone),
                "{row:?}"
            );
        }
    }
    assert!(walked >= 9, "{walked}");
}

#[test]
fn a_package_word_that_only_orders_have_is_unknown() {
    let body = json!({ "order": {
        "OrderID": 1, "OrderStatus": "INTRANSIT", "Packages": [{ "PackageStatus": "ASSIGNED" }],
    } });
    assert_eq!(
        event_of(&body.to_string()).stops[0].status,
        Some(Status::Unknown)
    );
}

#[test]
fn a_body_has_one_id_however_it_is_wrapped_and_whatever_its_handover_code() {
    let body = |code: &str| -> Value {
        json!({ "order": {
            "OrderID": "1", "OrderStatus": "PENDING", "Note": "a b",
            "Packages": [{ "PackageID": "2", "DeliveryCode": code }],
        } })
    };
    let plain = body("25496").to_string();
    let id = event_of(&plain).event_id;
    let encoded: String = plain.bytes().map(|byte| format!("%{byte:02X}")).collect();
    for same in [
        body("11111").to_string(),
        encoded.replace("%20", "+"),
        format!("payload={encoded}"),
        format!("{encoded}="),
    ] {
        assert_eq!(event_of(&same).event_id, id, "{same}");
    }
    assert!(
        !serde_json::to_string(&event_of(&plain))
            .unwrap()
            .contains("25496")
    );
}
