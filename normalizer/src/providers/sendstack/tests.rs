use std::collections::{BTreeMap, BTreeSet};

use schemas::{Status, mapping::Mapping, raw_webhook::RawHeaders};
use serde::Deserialize;
use serde_json::{Value, json};

use super::*;
use crate::{Privacy, Rules, normalize};

#[derive(Deserialize)]
struct Rows {
    row: Vec<BTreeMap<String, toml::Value>>,
}

fn try_events(body: &Value, mapping: &Mapping) -> Result<Vec<schemas::DeliveryEvent>, Why> {
    let pairs = [
        ("receipt-id", "01890a5d-ac96-774b-bcce-b302099a8057"),
        ("tenant", "acme"),
        ("provider", "sendstack"),
        ("endpoint", "acme-sendstack"),
        ("received-at", "2023-08-22T19:00:00Z"),
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
        mapping,
        privacy: &privacy,
        blobs_url: None,
    };
    let body = body.to_string();
    normalize(&headers, body.as_bytes(), rules).map(|normalized| normalized.events)
}

fn events_of(body: &Value) -> Vec<schemas::DeliveryEvent> {
    try_events(body, Mapping::embedded()).unwrap()
}

fn webhook() -> Value {
    json!({
        "eventType": "order.new", "id": "delivery", "createdAt": "2023-08-22T17:08:31.117Z",
        "webhookId": "w", "drops": [{
            "id": "drop", "status": "PENDING", "pickupOtp": "648213", "dropoffOtp": "420597",
        }],
    })
}

#[test]
fn every_row_of_the_mapping_decides_an_event() {
    let text = include_str!("../../../../schemas/mapping.toml");
    let rows = toml::from_str::<Rows>(text).unwrap().row;
    let mut walked = 0;
    for row in rows {
        let column = |name: &str| row.get(name).and_then(|value| value.as_str());
        if column("provider") != Some("sendstack") {
            continue;
        }
        walked += 1;
        let mut body = webhook();
        body["eventType"] = column("event_type").unwrap_or("never.heard.of").into();
        let word = column("provider_status").unwrap_or("NEVER_HEARD_OF");
        body["drops"][0]["status"] = word.into();
        let event = &events_of(&body)[0];
        let kind = Kind::parse(column("kind").unwrap()).unwrap();
        let status = column("status").map(|word| Status::parse(word).unwrap());
        assert_eq!((event.kind, event.status), (kind, status), "{row:?}");
        assert_eq!(
            event.order_id.is_none(),
            kind == Kind::TelemetryAlert,
            "{row:?}"
        );
    }
    assert_eq!(walked, 7);
}

#[test]
fn a_new_word_of_a_drop_can_be_taught_by_an_extra_row() {
    let row = r#"
        [[row]]
        provider = "sendstack"
        provider_status = "DELIVERED"
        kind = "ORDER_STATUS_CHANGED"
        status = "DELIVERED"
        final = true
    "#;
    let mapping = Mapping::with_extra(row).unwrap();
    let mut body = webhook();
    body["eventType"] = "never.heard.of".into();
    body["drops"][0]["status"] = "DELIVERED".into();
    let at = "2023-08-22T18:30:00Z";
    body["drops"][0]["statusTimestamps"] = json!([{ "status": "DELIVERED", "timestamp": at }]);
    let event = &try_events(&body, &mapping).unwrap()[0];
    let found = (event.kind, event.status, event.occurred_at);
    let expected = (
        Kind::OrderStatusChanged,
        Some(Status::Delivered),
        at.parse().unwrap(),
    );
    assert_eq!(found, expected);
    let proved: Vec<_> = event.milestones.iter().map(|known| known.status).collect();
    assert_eq!(proved, [Status::Created, Status::Delivered]);
}

#[test]
fn an_extra_rows_milestone_is_proved_and_its_status_holds_without_a_word() {
    let row = r#"
        [[row]]
        provider = "sendstack"
        event_type = "drop.on.its.way"
        kind = "ORDER_STATUS_CHANGED"
        status = "IN_TRANSIT"
        milestone = "PICKED_UP"
    "#;
    let mapping = Mapping::with_extra(row).unwrap();
    let mut body = webhook();
    body["eventType"] = "drop.on.its.way".into();
    let picked_up = |body: &Value| {
        let event = try_events(body, &mapping).unwrap().remove(0);
        let milestones = event.milestones.iter();
        let of_pickup = milestones.filter(|known| known.status == Status::PickedUp);
        let at: Vec<_> = of_pickup.map(|known| known.at).collect();
        (event.status, at, event.occurred_at)
    };
    for word in [Value::Null, "ON_ITS_WAY".into()] {
        body["drops"][0]["status"] = word;
        let (status, at, occurred_at) = picked_up(&body);
        assert_eq!(status, Some(Status::InTransit));
        assert_eq!(at, [occurred_at]);
    }
}

#[test]
fn a_note_without_drops_concerns_the_account_and_one_with_drops_their_orders() {
    let row = |kind: &str| {
        let columns = r#"provider = "sendstack", event_type = "note.new", kind ="#;
        Mapping::with_extra(&format!("row = [{{ {columns} '{kind}' }}]")).unwrap()
    };
    let mut body = webhook();
    body["eventType"] = "note.new".into();
    body["drops"][0]["status"] = Value::Null;
    let mut without = body.clone();
    without["drops"] = json!([]);
    for kind in [Kind::NoteAdded, Kind::BalanceChanged, Kind::Unknown] {
        let mapping = row(kind.as_str());
        let of_order = &try_events(&body, &mapping).unwrap()[0];
        let of_account = &try_events(&without, &mapping).unwrap()[0];
        assert_eq!((of_order.kind, of_account.kind), (kind, kind));
        assert!(of_order.order_id.is_some());
        assert!(of_account.order_id.is_none());
    }
    let why = try_events(&without, &row("SCHEDULE_CHANGED")).unwrap_err();
    assert_eq!(why.detail, "drops is missing");
}

#[test]
fn what_a_creation_time_proves_is_the_creation() {
    let mut body = webhook();
    body["eventType"] = "never.heard.of".into();
    let created = |body: &Value| {
        let milestones = events_of(body).remove(0).milestones;
        let created = milestones.iter().find(|it| it.status == Status::Created);
        created.map(|it| it.at)
    };
    let at = |text: &str| Some(text.parse().unwrap());
    assert_eq!(created(&body), at("2023-08-22T17:08:31.117Z"));
    body["createdAt"] = Value::Null;
    assert_eq!(created(&body), None);
    body["drops"][0]["id"] = "64e4eb8e450a1b56879f8fa7".into();
    assert_eq!(created(&body), at("2023-08-22T17:08:30Z"));
}

#[test]
fn no_one_time_code_passes_anywhere() {
    let mut unknown = webhook();
    unknown["eventType"] = "never.heard.of".into();
    let mut alert = webhook();
    alert["eventType"] = "GEOFENCE_IN".into();
    let mut broken = webhook();
    broken["drops"][0]["id"] = json!({ "pickupOtp": "648213" });
    for body in [webhook(), unknown, alert, broken] {
        let found = match try_events(&body, Mapping::embedded()) {
            Ok(events) => serde_json::to_string(&events).unwrap(),
            Err(why) => why.detail,
        };
        assert!(
            !found.contains("648213") && !found.contains("420597"),
            "{found}"
        );
    }
}

#[test]
fn what_is_said_makes_the_id_and_the_subscription_and_the_codes_do_not() {
    let id = |body: &Value| events_of(body)[0].event_id;
    let base = id(&webhook());
    for place in ["/webhookId", "/drops/0/pickupOtp", "/drops/0/dropoffOtp"] {
        let mut same = webhook();
        *same.pointer_mut(place).unwrap() = "other".into();
        assert_eq!(id(&same), base, "{place}");
    }
    for place in ["/eventType", "/id", "/createdAt", "/drops/0/status"] {
        let mut other = webhook();
        *other.pointer_mut(place).unwrap() = "other".into();
        assert_ne!(id(&other), base, "{place}");
    }
}

#[test]
fn each_drop_is_an_order_of_its_own_with_an_id_of_its_own() {
    let mut body = webhook();
    body["drops"] = (0..DROPS_MAX).map(|n| json!({ "id": n })).collect();
    let events = events_of(&body);
    let ids: BTreeSet<_> = events.iter().map(|event| event.event_id).collect();
    assert_eq!((events.len(), ids.len()), (DROPS_MAX, DROPS_MAX));
    assert!(
        events
            .iter()
            .all(|event| event.parent_id.as_deref() == Some("delivery"))
    );

    body["drops"] = (0..=DROPS_MAX).map(|n| json!({ "id": n })).collect();
    let why = try_events(&body, Mapping::embedded()).unwrap_err();
    assert!(why.detail.starts_with("drops "), "{}", why.detail);
}

/// Its form is not documented: a code for the door may stand there, and a name.
#[test]
fn of_the_times_of_changes_only_times_pass() {
    let mut body = webhook();
    body["drops"][0]["statusTimestamps"] = json!({
        "DELIVERED": "2023-08-22T18:30:00Z", "LOST": "2023-08-22T18:31:00",
        "dropoffOtp": "ZQ4205", "pickupOtp": 1692729031, "riderName": "Ann", "code": "648213",
    });
    let event = &events_of(&body)[0];
    let kept: Vec<&str> = event
        .attributes
        .keys()
        .filter_map(|name| name.strip_prefix("raw.drops[0].statusTimestamps."))
        .collect();
    assert_eq!(kept, ["DELIVERED", "LOST"]);
}
