use schemas::{
    DeliveryEvent, EndpointId, PiiRule, Provider, Reason, ReceiptId, TenantId, Verdict,
    avro::Decoder, symbols::Assurance,
};

use super::*;
use crate::normalize::VALUE_BYTES_MAX;

const IDS: SchemaIds = SchemaIds {
    delivery_event: 7,
    set_aside: 8,
};
const RECEIPT: &str = "01890a5d-ac96-774b-bcce-b302099a8057";
const REPLACED: &[u8] = br#"{"apiKey":"pk","timestamp":1650610078,"eventId":"e","eventType":
    "ORDER_REPLACED","data":{"order":{"orderId":"2"},"prevOrderId":"1"}}"#;

fn stage(registry: &prometheus::Registry) -> Normalizer {
    let mapping = Arc::new(Mapping::embedded().clone());
    let metrics = Metrics::new(registry).unwrap();
    Normalizer::new("t.", IDS, mapping, Privacy::new(b"key"), metrics).unwrap()
}

fn headers(provider: Provider) -> RawHeaders {
    RawHeaders {
        receipt_id: RECEIPT.parse::<ReceiptId>().unwrap(),
        tenant: TenantId::new("acme").unwrap(),
        provider,
        endpoint: EndpointId::new("acme-hk").unwrap(),
        received_at: "2022-04-22T06:48:00.000000Z".parse().unwrap(),
        verdict: Verdict::Verified,
        assurance: Assurance::BodySigned,
        signature_scheme: None,
        secret_id: None,
        content_type: None,
        timezone: None,
        currency: None,
        service: None,
        pii: PiiRule::Pseudonymise,
        body_sha256: "00".repeat(32),
        body_bytes: 0,
        spooled: false,
        body_ref: None,
        traceparent: Some("00-trace".into()),
        replay_id: None,
        http: Vec::new(),
    }
}

fn feed(stage: &mut Normalizer, headers: &RawHeaders, body: Option<&[u8]>) -> Vec<Output> {
    let pairs = headers.to_pairs();
    let pairs: Vec<(&str, &[u8])> = pairs
        .iter()
        .map(|(name, value)| (name.as_ref(), value.as_bytes()))
        .collect();
    feed_pairs(stage, &pairs, body)
}

fn feed_pairs(stage: &mut Normalizer, pairs: &[(&str, &[u8])], body: Option<&[u8]>) -> Vec<Output> {
    let mut out = Outgoing::default();
    let record = Incoming {
        topic: "t.raw",
        partition: 3,
        offset: 42,
        timestamp_ms: 1_650_610_080_000,
        key: Some(RECEIPT.as_bytes()),
        value: body,
        headers: pairs,
    };
    stage.record(&record, &mut out).unwrap();
    out.take()
}

fn decode<T: serde::de::DeserializeOwned>(record: Record, id: u32, output: &Output) -> T {
    let mut decoder = Decoder::new();
    decoder.learn(id, record.schema_text()).unwrap();
    decoder.decode(output.value.as_deref().unwrap()).unwrap()
}

fn aside(output: &Output) -> SetAside {
    assert_eq!(&*output.topic, "t.set-aside");
    decode(Record::SetAside, IDS.set_aside, output)
}

#[test]
fn each_event_goes_to_canonical_under_the_key_of_its_own_order_and_keeps_the_trace() {
    let outputs = feed(
        &mut stage(&prometheus::Registry::new()),
        &headers(Provider::Lalamove),
        Some(REPLACED),
    );
    let keys: Vec<&[u8]> = outputs.iter().map(|output| output.key.as_slice()).collect();
    assert_eq!(keys, [b"acme/lalamove/2".as_slice(), b"acme/lalamove/1"]);
    for (part, output) in (1..).zip(&outputs) {
        assert_eq!((&*output.topic, output.partition), ("t.canonical", None));
        assert_eq!(
            output.headers,
            [("traceparent".to_owned(), b"00-trace".to_vec())]
        );
        let event: DeliveryEvent = decode(Record::DeliveryEvent, IDS.delivery_event, output);
        assert_eq!((event.part, event.parts), (part, 2));
        assert_eq!(event.key().to_string().into_bytes(), output.key);
    }
}

#[test]
fn a_text_that_would_stand_in_a_thousand_events_does_not_fill_the_memory() {
    let text = "x".repeat(100_000);
    let drops: Vec<_> = (0..1000).map(|id| format!("{{\"id\":\"{id}\"}}")).collect();
    let pickup =
        ["address", "pickupName", "pickupNumber"].map(|name| format!("\"{name}\":\"{text}\""));
    let body = format!(
        "{{\"eventType\":\"order.new\",\"webhookId\":\"w\",\"pickup\":{{{}}},\"drops\":[{}]}}",
        pickup.join(","),
        drops.join(",")
    );
    for pii in [PiiRule::Keep, PiiRule::Pseudonymise] {
        let mut headers = headers(Provider::Sendstack);
        headers.pii = pii;
        let mut stage = stage(&prometheus::Registry::new());
        let outputs = feed(&mut stage, &headers, Some(body.as_bytes()));
        assert_eq!((&*outputs[0].topic, outputs.len()), ("t.canonical", 1_000));
        let values = outputs.iter().filter_map(|output| output.value.as_ref());
        assert!(values.map(Vec::len).sum::<usize>() < 5_000_000);
    }
    let mut room = Room::default();
    let taken = (0..20).map(|_| room.take(VALUE_BYTES_MAX).is_ok());
    assert_eq!(taken.filter(|taken| *taken).count(), 9);
}

#[test]
fn what_gives_no_event_is_set_aside_once_under_its_receipt() {
    let check = |change: &dyn Fn(&mut RawHeaders), body: Option<&[u8]>, reason, word: &str| {
        let mut headers = headers(Provider::Lalamove);
        change(&mut headers);
        let outputs = feed(&mut stage(&prometheus::Registry::new()), &headers, body);
        let [output] = outputs.as_slice() else {
            panic!("{} outputs", outputs.len())
        };
        let found = aside(output);
        assert_eq!(output.key, RECEIPT.as_bytes());
        assert_eq!(
            (found.receipt_id.as_str(), found.tenant_id.as_str()),
            (RECEIPT, "acme")
        );
        assert_eq!(
            (found.reason, found.part, found.parts),
            (reason, 1, 1),
            "{}",
            found.detail
        );
        assert!(found.detail.contains(word), "{}", found.detail);
        assert!(found.replayable);
        assert_eq!((found.source_partition, found.source_offset), (3, 42));
    };
    let body = Some(REPLACED);
    check(&|_| {}, Some(b"{"), Reason::Malformed, "body");
    check(&|_| {}, Some(b""), Reason::Malformed, "body");
    check(&|_| {}, None, Reason::Malformed, "body");
    check(&|_| {}, Some(b"\"\xff\""), Reason::Malformed, "UTF-8");
    check(
        &|h| h.verdict = Verdict::Failed,
        body,
        Reason::SignatureFailed,
        "signature",
    );
    check(
        &|h| h.body_ref = Some("bodies/acme/00".into()),
        None,
        Reason::Unsupported,
        "body-ref",
    );
}

#[test]
fn a_record_that_is_not_ours_is_set_aside_with_what_can_be_told_of_it() {
    let mut stage = stage(&prometheus::Registry::new());
    let outputs = feed_pairs(&mut stage, &[], Some(b"{}"));
    let found = aside(&outputs[0]);
    assert_eq!(
        (found.reason, found.receipt_id.as_str()),
        (Reason::Malformed, "t.raw/3/42")
    );
    assert_eq!(found.detail, "header receipt-id is missing");

    let pairs = [
        ("receipt-id", RECEIPT.as_bytes()),
        ("tenant", b"acme".as_slice()),
    ];
    let found = aside(&feed_pairs(&mut stage, &pairs, Some(b"{}"))[0]);
    // nobody counts a receipt of it, and an outcome without one would be missed for ever
    assert_eq!(
        (found.receipt_id.as_str(), found.tenant_id.as_str()),
        ("t.raw/3/42", "acme")
    );
    assert_eq!(found.detail, "header provider is missing");
}

#[test]
fn an_event_too_large_for_canonical_is_set_aside() {
    let long = "x".repeat(VALUE_BYTES_MAX);
    let edited = |link: &str, reason: &str| {
        format!(
            r#"{{"eventId":"e","eventType":"ORDER_EDITED","data":{{
            "order":{{"orderId":"1","shareLink":"{link}"}},"editReason":"{reason}"}}}}"#
        )
    };
    let mut stage = stage(&prometheus::Registry::new());
    let mut fed = |body: String| {
        let outputs = feed(
            &mut stage,
            &headers(Provider::Lalamove),
            Some(body.as_bytes()),
        );
        outputs.into_iter().next().unwrap()
    };
    assert_eq!(aside(&fed(edited(&long, "r"))).reason, Reason::TooLarge);
    // A reason is cut, as every carrier's is.
    let cut = fed(edited("https://x", &long));
    assert_eq!(&*cut.topic, "t.canonical");
}

#[test]
fn records_count_when_their_transaction_is_in_the_log_and_not_before() {
    let registry = prometheus::Registry::new();
    let mut stage = stage(&registry);
    let counted = || -> Vec<(String, u64)> {
        let families = registry.gather();
        let family = families
            .iter()
            .find(|family| family.name() == crate::metrics::RECORDS);
        let counters = family
            .map(|family| family.get_metric().to_vec())
            .unwrap_or_default();
        let read = |m: &prometheus::proto::Metric| {
            (
                m.get_label()[0].value().to_owned(),
                m.get_counter().get_value() as u64,
            )
        };
        counters.iter().map(read).collect()
    };
    let headers = headers(Provider::Lalamove);
    feed(&mut stage, &headers, Some(REPLACED));
    stage.discarded();
    feed(&mut stage, &headers, Some(REPLACED));
    feed(&mut stage, &headers, Some(b"{"));
    assert_eq!(counted(), []);
    stage.committed();
    assert_eq!(
        counted(),
        [("malformed".to_owned(), 1), ("normalized".to_owned(), 1)]
    );
}

fn with_store(folder: &tempfile::TempDir, waiting: &tokio::runtime::Runtime) -> Normalizer {
    let url = format!("file://{}", folder.path().display());
    let blobs = runtime::blobs::Blobs::open(&url).unwrap();
    let store = BlobStore::new(blobs, waiting.handle().clone());
    stage(&prometheus::Registry::new()).with_blobs(Some(store))
}

#[test]
fn a_body_from_the_blob_store_gives_the_same_events_as_one_in_the_record() {
    use sha2::{Digest, Sha256};
    let (folder, waiting) = (
        tempfile::tempdir().unwrap(),
        tokio::runtime::Runtime::new().unwrap(),
    );
    let mut stage = with_store(&folder, &waiting);
    let mut headers = headers(Provider::Lalamove);
    headers.body_sha256 = hex::encode(Sha256::digest(REPLACED));
    let inline = feed(&mut stage, &headers, Some(REPLACED));
    headers.body_ref = Some("bodies/acme/x".into());
    std::fs::create_dir_all(folder.path().join("bodies/acme")).unwrap();
    let file = folder.path().join("bodies/acme/x");

    let missing = aside(&feed(&mut stage, &headers, None)[0]);
    assert_eq!(missing.reason, Reason::Undecodable);
    std::fs::write(&file, REPLACED).unwrap();
    let fetched = feed(&mut stage, &headers, None);
    let values = |outputs: &[Output]| outputs.iter().map(|o| o.value.clone()).collect::<Vec<_>>();
    assert_eq!(values(&fetched), values(&inline));
    std::fs::write(&file, b"{}").unwrap();
    let altered = aside(&feed(&mut stage, &headers, None)[0]);
    assert_eq!(altered.reason, Reason::Undecodable);
    assert!(altered.detail.contains("body-ref") && altered.replayable);
}

#[test]
fn an_image_lies_in_the_store_before_its_event_does_in_the_log() {
    const PROOF: &[u8] =
        br#"{"eventType":"rider-proof-delivery","storeId":"s","data":{"orderId":"1",
        "proofDelivery":"R0lGODlhAQABAAAAACw="}}"#;
    let (folder, waiting) = (
        tempfile::tempdir().unwrap(),
        tokio::runtime::Runtime::new().unwrap(),
    );
    let mut stage = with_store(&folder, &waiting);
    let outputs = feed(&mut stage, &headers(Provider::Ordatic), Some(PROOF));
    let event: DeliveryEvent = decode(Record::DeliveryEvent, IDS.delivery_event, &outputs[0]);
    let path = event.proofs[0].uri.strip_prefix("file://").unwrap();
    let stored = std::fs::read(path).unwrap();
    assert!(stored.starts_with(b"GIF89a"));
    assert_eq!(event.proofs[0].bytes, Some(stored.len() as i64));
}
