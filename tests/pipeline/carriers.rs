//! The other four carriers, end to end, each with a life of its own making.

use pipeline_tests::{Pipeline, carriers::Carrier, checks::everything_is_accounted_for, wait};
use serde_json::{Value, json};

const ORDERED: f64 = 1_665_742_305.930_530_5;

fn ahamove(status: &str, times: &[(&str, f64)], dropoff: &str) -> String {
    let mut body = json!({
        "_id": "22VMV54W", "status": status, "sub_status": "", "service_id": "SGN-BIKE",
        "create_time": ORDERED, "order_time": ORDERED,
        "accept_time": 0, "board_time": 0, "pickup_time": 0, "complete_time": 0, "cancel_time": 0,
        "total_pay": 33_000, "total_price": 33_000, "currency": "VND",
        "supplier_id": "84900000001", "supplier_name": "Planted Driver Name",
        "api_key": "planted-api-key", "shared_link": "https://cloud.example.test/share/84911434061",
        "path": [
            {"address": "1 Planted Pickup Street", "name": "Planted Sender", "mobile": "84911434061", "status": ""},
            {"address": "2 Planted Dropoff Street", "name": "Planted Receiver", "mobile": "84911434062", "status": dropoff},
        ],
    });
    for (field, value) in times {
        body[*field] = json!(value);
    }
    body.to_string()
}

fn ordatic(event_type: &str, order: &str) -> String {
    json!({"eventType": event_type, "storeId": "store-1", "data": {"orderId": order}}).to_string()
}

fn sendstack(webhook_id: &str) -> String {
    json!({
        "eventType": "order.new", "id": "64e4eb8f1f2c5a0012345678", "batchId": "B-1",
        "pickup": {"address": "3 Planted Lagos Road", "pickupName": "Planted Shop", "pickupNumber": "09081111111"},
        "drops": [{
            "id": "64e4eb8e1f2c5a0012345679", "trackingId": "TRK-1", "status": "PENDING",
            "recipientName": "Planted Recipient", "recipientNumber": "09082222222",
            "pickupOtp": "6440planted", "dropoffOtp": "4205planted", "amount": "1500",
            "statusTimestamps": [],
        }],
        "createdAt": "2023-08-22T17:08:31.117Z", "webhookId": webhook_id,
    })
    .to_string()
}

fn dellyman(status: &str, picked_up_at: &str) -> String {
    json!({
        "status": true, "message": "successful",
        "order": {
            "OrderID": "88601", "OrderCode": "ORD-88601", "OrderStatus": status,
            "OrderedAt": "2022-12-08 13:40:00", "AssignedAt": "2022-12-08 15:45:18",
            "PickedUpAt": picked_up_at, "DeliveredAt": "", "OrderPrice": "1000.00",
            "Packages": [{"PackageID": 8_955_533_996_i64, "PackageStatus": "PENDING", "CustomerPhone": "09083333333"}],
        },
    })
    .to_string()
}

async fn post_a_life_of_each(pipeline: &Pipeline) -> usize {
    let at = |seconds: f64| ORDERED + seconds;
    let ahamove_life = [
        ahamove(
            "COMPLETED",
            &[
                ("accept_time", at(60.0)),
                ("pickup_time", at(300.0)),
                ("complete_time", at(900.0)),
            ],
            "COMPLETED",
        ),
        ahamove("ASSIGNING", &[], ""),
        ahamove(
            "IN PROCESS",
            &[("accept_time", at(60.0)), ("pickup_time", at(300.0))],
            "",
        ),
        ahamove("ACCEPTED", &[("accept_time", at(60.0))], ""),
        ahamove("ASSIGNING", &[], ""),
    ];
    let mut posted = 0;
    for body in &ahamove_life {
        Carrier::Ahamove.post(pipeline, body).await;
        posted += 1;
    }
    for event in [
        "order-accepted",
        "rider-created",
        "rider-picking",
        "rider-delivering",
        "rider-completed",
    ] {
        Carrier::Ordatic
            .post(pipeline, &ordatic(event, "OD-1"))
            .await;
        posted += 1;
    }
    Carrier::Ordatic
        .post(pipeline, &ordatic("order-picked-up", "OD-2"))
        .await;
    for webhook_id in ["66faa977606e413be093c02f", "66faa977606e413be093c030"] {
        Carrier::Sendstack
            .post(pipeline, &sendstack(webhook_id))
            .await;
    }
    Carrier::Dellyman
        .post(pipeline, &dellyman("INTRANSIT", "2022-12-08 14:45:30"))
        .await;
    Carrier::Dellyman
        .post(pipeline, &dellyman("ASSIGNED", ""))
        .await;
    posted + 5
}

#[tokio::test(flavor = "multi_thread")]
async fn every_carrier_of_the_documents_ends_in_the_tables_with_its_meaning() {
    let pipeline = Pipeline::start().await;
    let posted = post_a_life_of_each(&pipeline).await;
    let expected = [
        json!({"provider": "ahamove", "order_id": "22VMV54W", "status": "DELIVERED", "events": 4}),
        json!({"provider": "dellyman", "order_id": "88601", "status": "IN_TRANSIT", "events": 2}),
        json!({"provider": "ordatic", "order_id": "OD-1", "status": "DELIVERED", "events": 5}),
        json!({"provider": "ordatic", "order_id": "OD-2", "status": "DELIVERED", "events": 1}),
        json!({"provider": "sendstack", "order_id": "64e4eb8e1f2c5a0012345679", "status": "CREATED", "events": 1}),
    ];
    wait::until("each carrier's order", || async {
        let found = pipeline
            .store
            .rows("SELECT provider, order_id, status, event_count AS events FROM orders ORDER BY provider, order_id")
            .await?;
        if found == expected { Ok(()) } else { Err(Value::from(found).to_string()) }
    })
    .await;
    everything_is_accounted_for(&pipeline, posted).await;
    pipeline
        .wait_count(
            "SELECT count() FROM set_aside WHERE reason = 'DUPLICATE'",
            2,
        )
        .await;
    // A takeaway is no delivery.
    pipeline
        .wait_count(
            "SELECT count() FROM deliveries WHERE provider = 'ordatic'",
            1,
        )
        .await;
    let assurance = "SELECT count() FROM receipts WHERE provider = 'sendstack' AND assurance = 'BODY_SIGNED' AND signature_scheme = 'body'";
    pipeline.wait_count(assurance, 2).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_proof_is_refused_by_each_carrier_that_must_prove_itself() {
    let pipeline = Pipeline::start().await;
    let bodies = [
        (Carrier::Ahamove, ahamove("ASSIGNING", &[], "")),
        (Carrier::Ordatic, ordatic("rider-created", "OD-1")),
        (Carrier::Sendstack, sendstack("66faa977606e413be093c02f")),
        (Carrier::Dellyman, dellyman("ASSIGNED", "")),
    ];
    for (carrier, body) in &bodies {
        assert_eq!(
            carrier.forge(&pipeline, body).await,
            401,
            "{}",
            carrier.name()
        );
    }
    for (carrier, body) in &bodies {
        carrier.post(&pipeline, body).await;
    }
    everything_is_accounted_for(&pipeline, bodies.len()).await;
    pipeline.wait_count("SELECT count() FROM events", 4).await;
}

/// What must never leave the raw topic under the tenant's rule, which is to pseudonymise.
const PLANTED: [&str; 15] = [
    "Planted Driver Name",
    "planted-api-key",
    "84911434061",
    "84911434062",
    "Planted Pickup",
    "Planted Dropoff",
    "Planted Sender",
    "Planted Receiver",
    "Planted Recipient",
    "Planted Shop",
    "6440planted",
    "4205planted",
    "09081111111",
    "09082222222",
    "09083333333",
];

/// An order of the lives. What is searched shows it where orders are told of, or it could not show what
/// is planted either.
const ORDER: &str = "22VMV54W";
const TELL_OF_ORDERS: [&str; 7] = [
    "raw",
    "canonical",
    "ordered",
    "orders",
    "enricher-changelog",
    "events_log",
    "orders_log",
];

/// Filled by replays and by what the sink is moved past, which nothing here is, or after some seconds.
const MAY_BE_EMPTY: [&str; 3] = ["replays_log", "gaps_log", "loads_log"];

#[tokio::test(flavor = "multi_thread")]
async fn personal_data_and_handover_secrets_stand_in_no_topic_but_raw_no_table_and_no_log() {
    let pipeline = Pipeline::start().await;
    let posted = post_a_life_of_each(&pipeline).await;
    everything_is_accounted_for(&pipeline, posted).await;

    let mut searched = Vec::new();
    for topic in tokio::task::block_in_place(|| crate::avro_readers::topics(&pipeline)) {
        let read = || crate::avro_readers::all_bytes(&pipeline, &topic);
        let bytes = tokio::task::block_in_place(read);
        match topic.as_str() {
            "raw" => assert!(contains(&bytes, PLANTED[0]), "raw is whole"),
            "raw-overflow" => {}
            _ => shows_nothing(&topic, &bytes),
        }
        searched.push((topic, bytes));
    }
    let tables = "SELECT name FROM system.tables
        WHERE database = currentDatabase() AND engine LIKE '%MergeTree'";
    for table in pipeline.store.rows(tables).await.unwrap() {
        let table = table["name"].as_str().unwrap().to_owned();
        let all = format!("SELECT * FROM {table}");
        let rows = pipeline.store.rows(&all).await.unwrap();
        assert!(
            !rows.is_empty() || MAY_BE_EMPTY.contains(&table.as_str()),
            "{table} is empty"
        );
        let bytes = Value::from(rows).to_string().into_bytes();
        shows_nothing(&table, &bytes);
        searched.push((table, bytes));
    }
    for place in TELL_OF_ORDERS {
        let mut named = searched.iter().filter(|(name, _)| name == place);
        assert!(
            named.any(|(_, bytes)| contains(bytes, ORDER)),
            "{place} tells of no order"
        );
    }
    let files = std::fs::read_dir(pipeline.folder()).unwrap();
    let logs = files.map(|entry| entry.unwrap().path());
    let logs = logs.filter(|path| path.extension().is_some_and(|extension| extension == "log"));
    let logs: Vec<_> = logs.collect();
    assert!(logs.len() >= 4, "a log of each service: {logs:?}");
    for log in logs {
        shows_nothing(&log.display().to_string(), &std::fs::read(&log).unwrap());
    }
}

fn shows_nothing(place: &str, bytes: &[u8]) {
    for planted in PLANTED {
        assert!(!contains(bytes, planted), "{planted:?} stands in {place}");
    }
}

fn contains(bytes: &[u8], text: &str) -> bool {
    bytes
        .windows(text.len())
        .any(|window| window == text.as_bytes())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_too_large_for_kafka_goes_by_the_blob_store_and_becomes_its_event() {
    let pipeline = Pipeline::start().await;
    let padding = "x".repeat(1_500_000);
    let body = json!({
        "eventType": "rider-created", "storeId": "store-1",
        "data": {"orderId": "OD-BIG", "unknownPadding": padding},
    });
    Carrier::Ordatic.post(&pipeline, &body.to_string()).await;
    pipeline
        .wait_count(
            "SELECT count() FROM orders WHERE order_id = 'OD-BIG' AND status = 'ASSIGNED'",
            1,
        )
        .await;
    everything_is_accounted_for(&pipeline, 1).await;
}
