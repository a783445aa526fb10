//! What strangers, broken carriers and forgers send: an answer, an outcome, and nothing falls over.

use pipeline_tests::{
    Pipeline, Service, Webhook,
    checks::everything_is_accounted_for,
    model::{History, START},
    pipeline::{API_KEY, REQUIRED_TOKEN, SECRET, TOKEN},
};

/// A body whose `data` is these bytes, rightly signed.
fn signed(data: &[u8]) -> Vec<u8> {
    use std::io::Write;
    let path = format!("/hooks/{TOKEN}");
    let mut body = Vec::new();
    let mut mac_input = format!("{START}\r\nPOST\r\n{path}\r\n\r\n").into_bytes();
    mac_input.extend_from_slice(data);
    let signature = hmac_hex(&mac_input);
    write!(body, "{{\"apiKey\":\"{API_KEY}\",\"timestamp\":{START},\"signature\":\"{signature}\",\"eventId\":\"{}\",\"eventType\":\"ORDER_STATUS_CHANGED\",\"eventVersion\":\"v3\",\"data\":", uuid::Uuid::now_v7()).unwrap();
    body.extend_from_slice(data);
    body.push(b'}');
    body
}

fn hmac_hex(message: &[u8]) -> String {
    use hmac::{Hmac, KeyInit, Mac};
    let mut mac = Hmac::<sha2::Sha256>::new_from_slice(SECRET.as_bytes()).unwrap();
    mac.update(message);
    hex::encode(mac.finalize().into_bytes())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_signature_is_kept_and_set_aside_or_refused_as_the_endpoint_says() {
    let mut pipeline = Pipeline::start().await;
    let webhook = &History::delivered(1).webhooks[0];
    let wrong = webhook.body(API_KEY, "sk_of_somebody_else", &format!("/hooks/{TOKEN}"));
    let (status, answer) = pipeline.post_bytes(TOKEN, wrong).await;
    assert_eq!(status, 200, "{answer}");
    let receipt = answer["receipt_id"].as_str().unwrap().to_owned();

    let wrong = webhook.body(
        API_KEY,
        "sk_of_somebody_else",
        &format!("/hooks/{REQUIRED_TOKEN}"),
    );
    let (status, answer) = pipeline.post_bytes(REQUIRED_TOKEN, wrong).await;
    assert_eq!(status, 401, "{answer}");
    let (status, _) = pipeline
        .post_bytes("a-token-that-nobody-has-000000", b"{}".to_vec())
        .await;
    assert_eq!(status, 404);

    let aside = format!(
        "SELECT count() FROM set_aside WHERE reason = 'SIGNATURE_FAILED' AND toString(receipt_id) = '{receipt}'"
    );
    pipeline.wait_count(&aside, 1).await;
    pipeline
        .wait_count("SELECT count() FROM receipts WHERE verdict = 'failed'", 1)
        .await;
    assert_eq!(
        pipeline.store.count("SELECT count() FROM events").await,
        Ok(0)
    );
    everything_is_accounted_for(&pipeline, 1).await;
    assert!(pipeline.alive(Service::Ingest));
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_that_make_no_sense_are_answered_and_set_aside_with_the_field_that_is_wrong() {
    let mut pipeline = Pipeline::start().await;
    let deep = format!("{}1{}", "[".repeat(10_000), "]".repeat(10_000));
    let rightly_signed: Vec<Vec<u8>> = [
        b"{}".to_vec(),
        b"null".to_vec(),
        b"[]".to_vec(),
        b"\"text\"".to_vec(),
        br#"{"order":{}}"#.to_vec(),
        br#"{"order":{"orderId":17,"status":"ON_GOING"},"updatedAt":9}"#.to_vec(),
        br#"{"order":{"orderId":true,"status":"ON_GOING"}}"#.to_vec(),
        br#"{"order":{"orderId":"5","status":{"a":1}}}"#.to_vec(),
        br#"{"order":{"orderId":"6","status":"ON_GOING","price":{"totalPrice":1e999}}}"#.to_vec(),
        b"{\"order\":{\"orderId\":\"\xff\xfe\",\"status\":\"ON_GOING\"}}".to_vec(),
        deep.into_bytes(),
    ]
    .iter()
    .map(|data| signed(data))
    .collect();
    let mut kept = 0;
    for body in &rightly_signed {
        let (status, answer) = pipeline.post_bytes(TOKEN, body.clone()).await;
        assert_eq!(status, 200, "{answer}");
        kept += 1;
    }
    let unsigned: [&[u8]; 6] = [
        b"{",
        b"not json",
        b"\xff\xfe\xfd",
        b"[1,2,3]",
        b"{\"data\":",
        b"null",
    ];
    for body in unsigned {
        let (status, answer) = pipeline.post_bytes(TOKEN, body.to_vec()).await;
        assert_eq!(status, 200, "{answer}");
        kept += 1;
        let (status, _) = pipeline.post_bytes(REQUIRED_TOKEN, body.to_vec()).await;
        assert_eq!(status, 401);
    }
    for probe in [b"".as_slice(), b"{}"] {
        let (status, answer) = pipeline.post_bytes(TOKEN, probe.to_vec()).await;
        assert_eq!(status, 200, "{answer}");
    }

    everything_is_accounted_for(&pipeline, kept).await;
    let nameless = "SELECT count() FROM set_aside WHERE detail = ''";
    assert_eq!(pipeline.store.count(nameless).await, Ok(0));
    for service in Service::ALL {
        assert!(pipeline.alive(service), "{}", service.name());
        assert_eq!(pipeline.readyz(service).await, 200, "{}", service.name());
    }
    // And it still works.
    pipeline.post_all(&History::delivered(2).webhooks).await;
    pipeline
        .wait_count(
            "SELECT count() FROM orders WHERE order_id = '100000000002' AND status = 'DELIVERED'",
            1,
        )
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn words_that_the_carrier_invents_pass_as_unknown_and_change_no_status() {
    let pipeline = Pipeline::start().await;
    let order = "51000001";
    let status = |after, before, now| Webhook::status(order, START + after, before, now);
    pipeline
        .post_all(&[
            status(0, "", "ASSIGNING_DRIVER"),
            status(10, "ASSIGNING_DRIVER", "TELEPORTING"),
            Webhook::new(
                "ORDER_GIFT_WRAPPED",
                START + 20,
                &serde_json::json!({"order": {"orderId": order}}),
            ),
        ])
        .await;
    pipeline.wait_count("SELECT count() FROM events", 3).await;
    pipeline
        .wait_count(
            "SELECT count() FROM orders WHERE status = 'ASSIGNING' AND version = 3",
            1,
        )
        .await;
    pipeline
        .wait_count("SELECT count() FROM events WHERE provider_status = 'TELEPORTING' AND status = 'UNKNOWN'", 1)
        .await;
    pipeline
        .wait_count("SELECT count() FROM events WHERE provider_event_type = 'ORDER_GIFT_WRAPPED' AND kind = 'UNKNOWN'", 1)
        .await;
}
