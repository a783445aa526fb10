//! Ingest as strangers and broken senders meet it: the real process, over real sockets. What each answer
//! looks like is tested beside the routes; here it is whether one sender can hurt another.

mod door;
mod slow;

use door::{Door, RETIRED, TENANTS, TOKEN, genuine, request, to_the_end};
use pipeline_tests::wait;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

const IDLE: u64 = 10_000;

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_idle_connections_hold_nobody_up() {
    let files = nix::sys::resource::Resource::RLIMIT_NOFILE;
    let (_, hard) = nix::sys::resource::getrlimit(files).expect("the limit");
    // the process that is started inherits it
    nix::sys::resource::setrlimit(files, hard, hard).expect("a limit up to the hard one");
    let mut door = Door::open(&[]).await;
    let count = IDLE.min(hard.saturating_sub(1_000));
    let mut idle = Vec::new();
    for _ in 0..count {
        let mut stream = door.connect().await;
        look(&mut stream).await;
        idle.push(stream);
    }
    for _ in 0..100 {
        assert_eq!(door.post().await, 200);
    }
    assert!(resident_mib(door.process.id()) < 256);
    let open = door.metric("waybill_ingest_connections ").await;
    #[expect(clippy::cast_precision_loss, reason = "a small number")]
    let count = count as f64;
    assert!(open >= count, "{open} open");
    for stream in idle.iter_mut().step_by(500) {
        look(stream).await;
    }
    drop(idle);
    door.is_well().await;
}

/// The harness starts services with none of it in their environment.
#[tokio::test(flavor = "multi_thread")]
async fn a_service_asks_its_allocator_to_give_back_soon_and_stays_the_same_process() {
    let mut door = Door::open(&[]).await;
    let environment = std::fs::read(format!("/proc/{}/environ", door.process.id()));
    let environment = String::from_utf8(environment.expect("it runs")).expect("text");
    let setting = environment
        .split('\0')
        .find(|one| one.starts_with("MIMALLOC_PURGE_DELAY="));
    assert_eq!(setting, Some("MIMALLOC_PURGE_DELAY=10"));
    door.is_well().await;
}

/// A request whose answer has no body; the connection stays open.
async fn look(stream: &mut TcpStream) {
    let head = format!("HEAD /hooks/{TOKEN} HTTP/1.1\r\nhost: x\r\n\r\n");
    stream.write_all(head.as_bytes()).await.expect("sent");
    let mut came = Vec::new();
    while !came.ends_with(b"\r\n\r\n") {
        assert!(
            matches!(stream.read_buf(&mut came).await, Ok(1..)),
            "closed"
        );
    }
    assert!(
        came.starts_with(b"HTTP/1.1 200 "),
        "{}",
        String::from_utf8_lossy(&came)
    );
}

fn resident_mib(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("it runs");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.split_whitespace().next());
    kib.and_then(|kib| kib.parse::<u64>().ok())
        .expect("a number")
        / 1024
}

#[tokio::test(flavor = "multi_thread")]
async fn heads_that_are_too_long_or_no_http_are_refused_and_harm_nobody() {
    let mut door = Door::open(&[]).await;
    let many: String = (0..500).map(|n| format!("x-{n}: a\r\n")).collect();
    let long = format!("x-long: {}\r\n", "a".repeat(300_000));
    let path = format!(
        "POST /hooks/{} HTTP/1.1\r\nhost: x\r\n\r\n",
        "a".repeat(300_000)
    );
    for bytes in [
        request(&many, b""),
        request(&long, b""),
        request("no colon\r\n", b""),
        path.into_bytes(),
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 a TLS hello".to_vec(),
        b"GET / HTTP/9.9\r\n\r\n".to_vec(),
        vec![0; 1_000],
        vec![b'a'; 300_000],
    ] {
        let mut stream = door.connect().await;
        drop(stream.write_all(&bytes).await);
        drop(stream.shutdown().await);
        let answer = to_the_end(&mut stream).await;
        let shown = String::from_utf8_lossy(&bytes[..bytes.len().min(60)]).into_owned();
        assert!(
            answer.is_empty() || answer.starts_with("HTTP/1.1 4"),
            "{shown}: {answer}"
        );
    }
    door.is_well().await;
    let accepted = "waybill_ingest_requests_total{outcome=\"accepted\"";
    assert_eq!(door.metric(accepted).await, 1.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_length_that_lies_is_no_way_in() {
    let mut door = Door::open(&[]).await;
    let body = genuine();
    let length = body.len();
    // beside, so that a body that is taken as a second request would be seen as one
    let beside = format!("GET /smuggled HTTP/1.1\r\nhost: x\r\ncontent-length: {length}\r\n\r\n");
    for (head, body, statuses) in [
        ("content-length: 99999999999\r\n", &body[..], &["413"][..]),
        ("content-length: -1\r\n", &body[..], &["400"][..]),
        ("content-length: 1, 2\r\n", &body[..], &["400"][..]),
        (
            "content-length: 3\r\ncontent-length: 4\r\n",
            &body[..],
            &["400"][..],
        ),
        (
            "content-length: 5\r\ntransfer-encoding: chunked\r\n",
            b"0\r\n\r\n",
            &["400", "200"][..],
        ),
        (
            "transfer-encoding: chunked\r\n",
            b"fffffffffffffffff\r\n",
            &["400", "413"][..],
        ),
        (
            "transfer-encoding: gzip, chunked\r\n",
            b"0\r\n\r\n",
            &["400", "200"][..],
        ),
    ] {
        let mut bytes = request(&format!("connection: close\r\n{head}"), body);
        bytes.extend(beside.as_bytes());
        let answer = door.raw(bytes).await;
        let status = answer.get(9..12).unwrap_or_default();
        assert!(statuses.contains(&status), "{head}: {answer}");
        assert_eq!(answer.matches("HTTP/1.1 ").count(), 1, "{head}: {answer}");
    }
    // less than announced, then gone
    let mut stream = door.connect().await;
    let short = request(&format!("content-length: {}\r\n", length + 10), &body);
    stream.write_all(&short).await.expect("sent");
    stream.shutdown().await.expect("half closed");
    let answer = to_the_end(&mut stream).await;
    assert!(
        answer.is_empty() || answer.starts_with("HTTP/1.1 400 "),
        "{answer}"
    );
    door.is_well().await;
    let accepted = "waybill_ingest_requests_total{outcome=\"accepted\"";
    assert_eq!(door.metric(accepted).await, 1.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn pipelined_webhooks_are_all_answered_in_turn() {
    let mut door = Door::open(&[]).await;
    let body = genuine();
    let length = format!("content-length: {}\r\n", body.len());
    let one = request(&length, &body);
    let other = request("content-length: 3\r\n", b"abc");
    let last = request(&format!("{length}connection: close\r\n"), &body);
    let answer = door.raw([one.clone(), other, one, last].concat()).await;
    let statuses: Vec<&str> = answer
        .split("HTTP/1.1 ")
        .filter_map(|answer| answer.get(..3))
        .collect();
    assert_eq!(statuses, ["200", "401", "200", "200"], "{answer}");
    door.is_well().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_address_is_answered_before_its_body_and_holds_no_room() {
    let settings = [
        ("HTTP__IN_FLIGHT_BYTES_MAX", "11000000"),
        ("HTTP__TENANT_IN_FLIGHT_BYTES_MAX", "11000000"),
    ];
    let mut door = Door::open(&settings).await;
    let head = |number: usize| {
        format!(
            "POST /hooks/guess-{number}-0123456789abcdef HTTP/1.1\r\nhost: x\r\n\
             content-length: 10000000\r\n\r\n"
        )
    };
    // all open at once: if one of them held room for its body, there would be none for the next
    let mut open = Vec::new();
    for number in 0..500 {
        let mut stream = door.connect().await;
        stream
            .write_all(head(number).as_bytes())
            .await
            .expect("sent");
        open.push(stream);
    }
    assert_eq!(door.post().await, 200);
    for mut stream in open {
        let answer = to_the_end(&mut stream).await;
        assert!(answer.starts_with("HTTP/1.1 404 "), "{answer}");
    }
    door.is_well().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn too_many_bytes_in_flight_are_answered_with_503_until_there_is_room() {
    let settings = [
        ("HTTP__IN_FLIGHT_BYTES_MAX", "150000"),
        ("HTTP__TENANT_IN_FLIGHT_BYTES_MAX", "150000"),
        ("HTTP__BODY_BYTES_MAX", "100000"),
    ];
    let mut door = Door::open(&settings).await;
    let mut holds = door.connect().await;
    let begun = request("content-length: 90000\r\nconnection: close\r\n", b"{");
    holds.write_all(&begun).await.expect("sent");
    wait::until("the first holds its room", || async {
        match door.metric("waybill_ingest_in_flight_bytes").await {
            held if held >= 90_000.0 => Ok(()),
            held => Err(format!("{held} bytes in flight")),
        }
    })
    .await;
    let answer = door.raw(request("content-length: 90000\r\n", b"{")).await;
    assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
    assert!(answer.contains("retry-after: "), "{answer}");
    assert!(answer.contains("urn:waybill:problem:busy"), "{answer}");
    // a small one still fits beside it
    assert_eq!(door.post().await, 200);
    holds.write_all(&vec![b' '; 89_999]).await.expect("sent");
    assert!(to_the_end(&mut holds).await.starts_with("HTTP/1.1 401 "));
    door.is_well().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_webhook_is_answered_by_the_contract() {
    let mut door = Door::open(&[]).await;
    let close = "connection: close\r\n";
    let whole = |line: &str, head: &str, body: &str| {
        let length = body.len();
        format!("{line} HTTP/1.1\r\nhost: x\r\n{close}{head}content-length: {length}\r\n\r\n{body}")
    };
    let known = format!("POST /hooks/{TOKEN}");
    let gone = format!("POST /hooks/{RETIRED}");
    for (request, status) in [
        (whole(&known, "", ""), "200"),
        (whole(&known, "", "{}"), "200"),
        (whole(&known, "", "{\"a\":1}"), "401"),
        (whole(&known, "content-encoding: gzip\r\n", "abc"), "415"),
        (whole(&gone, "", "{\"a\":1}"), "200"),
        (whole(&format!("GET /hooks/{TOKEN}"), "", ""), "200"),
        (whole(&format!("HEAD /hooks/{TOKEN}"), "", ""), "200"),
        (whole(&format!("PUT /hooks/{TOKEN}"), "", "x"), "405"),
        (whole("POST /hooks/nobody", "", "x"), "404"),
        (whole("GET /hooks/nobody", "", ""), "404"),
        (whole("POST /", "", "x"), "404"),
        (whole("POST /hooks/%00%ff", "", "x"), "404"),
    ] {
        let answer = door.raw(&request).await;
        assert_eq!(answer.get(9..12), Some(status), "{request}: {answer}");
        let is_problem = answer.contains("application/problem+json");
        assert_eq!(is_problem, status.starts_with('4'), "{request}: {answer}");
    }
    let large = format!("content-length: {}\r\n{close}", 10 * 1024 * 1024 + 1);
    let answer = door.raw(door::request(&large, b"x")).await;
    assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
    let chunk = format!("{:x}\r\n{}\r\n", 1 << 20, "x".repeat(1 << 20));
    let chunked = request(
        "transfer-encoding: chunked\r\n",
        chunk.repeat(11).as_bytes(),
    );
    let answer = door.raw(chunked).await;
    assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
    let accepted = "waybill_ingest_requests_total{outcome=\"accepted\"";
    assert_eq!(door.metric(accepted).await, 0.0);
    door.is_well().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_taken_before_there_are_tenants_and_a_bad_file_changes_nothing_but_is_told() {
    let good = "waybill_ingest_tenants_good";
    let mut door = Door::launch(&[]).await;
    wait::until("ingest answers", || async {
        let stream = TcpStream::connect(&door.address).await;
        stream.map(drop).map_err(|error| error.to_string())
    })
    .await;
    let answer = door
        .raw(request("content-length: 1\r\nconnection: close\r\n", b"x"))
        .await;
    assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
    assert!(answer.contains("retry-after: "), "{answer}");
    assert_eq!((door.readyz().await, door.metric(good).await), (503, 0.0));

    let becomes = async |text: String, value: f64| {
        std::fs::write(&door.tenants, text).expect("tenants file");
        wait::until("the file is noticed", || async {
            match door.metric(good).await {
                found if (found - value).abs() < 0.5 => Ok(()),
                found => Err(format!("{good} is {found}")),
            }
        })
        .await;
    };
    becomes(TENANTS.to_owned(), 1.0).await;
    assert_eq!((door.post().await, door.readyz().await), (200, 200));
    becomes(TENANTS.replace("acme-gone", "Not An Id"), 0.0).await;
    assert_eq!((door.post().await, door.readyz().await), (200, 200));
    let log = std::fs::read_to_string(door.process.log_path()).expect("log");
    let line = 1 + TENANTS
        .lines()
        .position(|line| line.contains("acme-gone"))
        .expect("there");
    assert!(log.contains(&format!("tenants.toml:{line}: ")), "{log}");
    assert!(log.contains("use up to 100 of a-z, 0-9 and -"), "{log}");
    becomes(TENANTS.to_owned(), 1.0).await;
    door.is_well().await;
}
