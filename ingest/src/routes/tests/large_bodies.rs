//! Bodies that no record holds.

use runtime::blobs::Blobs;

use super::*;

fn site(blobs: Option<Blobs>) -> Site {
    let limits = Limits {
        bytes_max: 200_000,
        record_bytes_max: 1_000,
        has_blobs: blobs.is_some(),
        within: Duration::from_secs(10),
    };
    Site::of(&tenants_text(), limits, 1 << 20, blobs)
}

fn large(token: &str, bytes: usize) -> String {
    let data = format!(
        r#"{{"order":{{"orderId":"o1"}},"proof":"{}"}}"#,
        "x".repeat(bytes)
    );
    let path = format!("/hooks/{token}");
    let signature = lalamove::sign(SECRET, b"1650553157", &path, data.as_bytes());
    format!(r#"{{"timestamp":1650553157,"signature":"{signature}","data":{data}}}"#)
}

#[actix_web::test]
async fn a_body_that_no_record_holds_lies_in_the_blob_store_when_it_is_answered() {
    let folder = tempfile::TempDir::new().unwrap();
    let blobs = Blobs::open(&format!("file://{}", folder.path().display())).unwrap();
    let site = site(Some(blobs.clone()));
    // Below and above the size from which bodies are hashed beside the worker.
    for bytes in [1_000, 100_000] {
        let body = large(QUARANTINE, bytes);
        receipt(site.post(QUARANTINE, body.clone()).await).await;
        let (headers, value, placement) = site.written().pop().unwrap();
        assert!(value.is_empty());
        assert_eq!(placement, order_hint::placement(b"o1"));
        assert_eq!(headers.verdict, Verdict::Verified);
        assert_eq!(headers.body_bytes, body.len() as u64);
        let path = headers.body_ref.unwrap();
        assert_eq!(path, format!("bodies/acme/{}", headers.body_sha256));
        assert_eq!(blobs.get(&path).await.unwrap(), body.as_bytes());
    }
    receipt(site.post(OFF, vec![b'x'; 1_000]).await).await;
    let (headers, value, _) = site.written().pop().unwrap();
    assert_eq!((headers.body_ref, value.len()), (None, 1_000));
    assert_eq!(site.service.in_flight.bytes(), 0);
}

#[actix_web::test]
async fn what_is_refused_writes_no_blob() {
    let folder = tempfile::TempDir::new().unwrap();
    let blobs = Blobs::open(&format!("file://{}", folder.path().display())).unwrap();
    let site = site(Some(blobs));
    let forged = large(REQUIRED, 1_000).replace("\"o1\"", "\"o2\"");
    problem(site.post(REQUIRED, forged).await, 401, "refused").await;
    problem(site.post(OFF, vec![b'x'; 200_001]).await, 413, "too-large").await;
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    assert!(site.written().is_empty());
}

#[actix_web::test]
async fn without_the_blob_store_a_large_body_is_answered_with_503_and_a_small_one_is_taken() {
    let folder = tempfile::TempDir::new().unwrap();
    let blobs = Blobs::open(&format!("file://{}", folder.path().display())).unwrap();
    // A file stands where the store wants a folder.
    std::fs::write(folder.path().join("bodies"), "").unwrap();
    let site = site(Some(blobs));
    problem(site.post(OFF, vec![b'x'; 1_001]).await, 503, "not-durable").await;
    assert!(site.written().is_empty());
    receipt(site.post(OFF, vec![b'x'; 1_000]).await).await;
    assert_eq!(site.service.in_flight.bytes(), 0);
}

#[actix_web::test]
async fn a_blob_alone_is_no_reason_for_a_200() {
    let folder = tempfile::TempDir::new().unwrap();
    let blobs = Blobs::open(&format!("file://{}", folder.path().display())).unwrap();
    let site = site(Some(blobs));
    for fault in [Fault::Full, Fault::NotDelivered, Fault::Silent] {
        site.fault(fault);
        problem(site.post(OFF, vec![b'x'; 1_001]).await, 503, "not-durable").await;
    }
}
