//! Bodies that are too large, compressed, slow, or never end.

use super::*;

#[actix_web::test]
async fn a_large_body_is_refused_whether_or_not_its_length_is_announced() {
    let site = Site::open();
    let chunked = |chunks: usize| {
        let chunk = format!("1f4\r\n{}\r\n", "x".repeat(500));
        let head = "host: x\r\nconnection: close\r\ntransfer-encoding: chunked";
        raw(
            site.address,
            format!(
                "POST /hooks/{OFF} HTTP/1.1\r\n{head}\r\n\r\n{}0\r\n\r\n",
                chunk.repeat(chunks)
            ),
        )
    };
    problem(site.post(OFF, vec![b'x'; 2_001]).await, 413, "too-large").await;
    let answer = chunked(3).await;
    assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
    problem(site.post(OFF, vec![b'x'; 1_001]).await, 413, "needs-blobs").await;
    assert!(site.written().is_empty());
    receipt(site.post(OFF, vec![b'x'; 1_000]).await).await;
    let answer = chunked(2).await;
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    assert_eq!(site.written()[1].1.len(), 1_000);
    assert_eq!(site.service.in_flight.bytes(), 0);
}

#[actix_web::test]
async fn a_compressed_body_is_refused_and_identity_is_not() {
    let site = Site::open();
    for (encoding, is_taken) in [
        ("gzip", false),
        ("identity, gzip", false),
        ("Identity", true),
    ] {
        let request = site
            .request(Method::POST, OFF)
            .header("content-encoding", encoding);
        let response = request.body("{\"a\":1}").send().await.unwrap();
        if is_taken {
            receipt(response).await;
        } else {
            problem(response, 415, "encoded").await;
        }
    }
}

/// A body that is announced and does not come.
const STALLED: [&str; 2] = ["content-length: 10", "transfer-encoding: chunked"];

/// Sends the bytes and gives back all that is answered until the connection ends.
async fn raw(address: SocketAddr, request: String) -> String {
    actix_web::rt::task::spawn_blocking(move || {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        stream
            .set_read_timeout(Some(Duration::from_secs(20)))
            .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    })
    .await
    .unwrap()
}

#[actix_web::test]
async fn a_body_that_does_not_come_in_time_is_given_up() {
    let limits = Limits {
        bytes_max: 2_000,
        record_bytes_max: 1_000,
        has_blobs: false,
        within: Duration::from_millis(50),
    };
    let site = Site::with(limits, 1 << 20);
    for framing in STALLED {
        let head = format!("POST /hooks/{OFF} HTTP/1.1\r\nhost: x\r\n{framing}\r\n\r\n");
        let answer = raw(site.address, head).await;
        assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
        assert!(answer.contains("urn:waybill:problem:slow"), "{answer}");
    }
    assert_eq!(site.service.in_flight.bytes(), 0);
}

#[actix_web::test]
async fn nobody_holds_a_connection_by_a_body_that_never_ends() {
    let site = Site::open();
    for target in [
        "POST /hooks/nobody",
        "PUT /hooks/nobody",
        "POST /",
        "GET /hooks/nobody",
    ] {
        for framing in STALLED {
            let head = format!("{target} HTTP/1.1\r\nhost: x\r\n{framing}\r\n\r\n");
            let answer = raw(site.address, head).await;
            assert!(answer.starts_with("HTTP/1.1 40"), "{answer}");
        }
    }
}

#[actix_web::test]
async fn a_body_that_is_framed_wrongly_is_refused_without_harm() {
    let site = Site::open();
    let head = format!(
        "POST /hooks/{OFF} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n"
    );
    let answer = raw(site.address, head).await;
    assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
    receipt(site.post(OFF, "x").await).await;
}

#[actix_web::test]
async fn a_webhook_that_kafka_does_not_confirm_is_answered_with_503() {
    let site = Site::open();
    for fault in [Fault::Full, Fault::NotDelivered, Fault::Silent] {
        site.fault(fault);
        problem(site.post(OFF, "x").await, 503, "not-durable").await;
    }
    assert_eq!(site.service.in_flight.bytes(), 0);
    *site.log.fault.lock().unwrap() = None;
    receipt(site.post(OFF, "x").await).await;
}

#[actix_web::test]
async fn too_many_bytes_in_flight_are_answered_with_503() {
    let limits = Limits {
        bytes_max: 1 << 20,
        record_bytes_max: 1 << 20,
        has_blobs: false,
        within: Duration::from_secs(10),
    };
    let site = Site::with(limits, 20_000);
    receipt(site.post(OFF, vec![b'x'; 10_000]).await).await;
    problem(site.post(OFF, vec![b'x'; 20_000]).await, 503, "busy").await;
}

#[actix_web::test]
async fn without_tenants_and_when_stopping_everything_is_answered_with_503() {
    let site = Site::open();
    let tenants = site.service.tenants.swap(None);
    problem(site.post(OFF, "{}").await, 503, "no-tenants").await;
    site.service.tenants.store(tenants);
    receipt(site.post(OFF, "{}").await).await;
    site.service.ending.stop();
    problem(site.post(OFF, "{}").await, 503, "stopping").await;
}

#[actix_web::test]
async fn a_webhook_that_has_begun_is_finished_when_the_server_stops() {
    let site = Site::with(
        Limits {
            bytes_max: 2_000,
            record_bytes_max: 1_000,
            has_blobs: false,
            within: Duration::from_secs(10),
        },
        1 << 20,
    );
    let mut stream = tokio::net::TcpStream::connect(site.address).await.unwrap();
    let head = format!("POST /hooks/{OFF} HTTP/1.1\r\nhost: x\r\ncontent-length: 4\r\n\r\nab");
    tokio::io::AsyncWriteExt::write_all(&mut stream, head.as_bytes())
        .await
        .unwrap();
    while site.service.in_flight.bytes() == 0 {
        tokio::task::yield_now().await;
    }
    let stopped = site.handle.stop(true);
    tokio::io::AsyncWriteExt::write_all(&mut stream, b"cd")
        .await
        .unwrap();
    let mut answer = String::new();
    tokio::io::AsyncReadExt::read_to_string(&mut stream, &mut answer)
        .await
        .unwrap();
    stopped.await;
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    assert_eq!(site.written()[0].1, b"abcd");
}

#[actix_web::test]
async fn requests_are_counted_by_outcome_and_carrier() {
    let site = Site::open();
    receipt(site.post(OFF, "x").await).await;
    receipt(site.post(QUARANTINE, genuine(QUARANTINE)).await).await;
    problem(site.post("nobody", "x").await, 404, "unknown-token").await;
    let metrics = site.metrics();
    for (outcome, provider) in [
        ("unverified", "lalamove"),
        ("accepted", "lalamove"),
        ("unknown-token", "none"),
    ] {
        let line = format!(
            "waybill_ingest_requests_total{{outcome=\"{outcome}\",provider=\"{provider}\"}} 1"
        );
        assert!(metrics.contains(&line), "{metrics}");
    }
    let scheme = "waybill_ingest_signatures_total{provider=\"lalamove\",scheme=\"data-raw\"} 1";
    assert!(metrics.contains(scheme), "{metrics}");
}
