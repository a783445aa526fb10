//! Senders that never come to an end, in each part of a request.

use pipeline_tests::wait::{self, DEADLINE};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    task::JoinSet,
    time::timeout,
};

use super::{
    door::{Door, TOKEN, TRICKLE, request},
    look,
};

/// How many at once of each kind of bad sender.
const MANY: usize = 40;

/// Sends the beginning, then byte by byte what is not enough, until the server has had enough.
async fn trickle(mut stream: TcpStream, begin: Vec<u8>, byte: &'static [u8]) -> String {
    if stream.write_all(&begin).await.is_err() {
        return String::new();
    }
    let (mut reads, mut writes) = stream.split();
    let mut came = Vec::new();
    let mut beat = tokio::time::interval(TRICKLE);
    let enough = async {
        loop {
            tokio::select! {
                read = reads.read_buf(&mut came) => if !matches!(read, Ok(1..)) { break },
                _ = beat.tick() => drop(writes.write_all(byte).await),
            }
        }
    };
    timeout(DEADLINE, enough).await.expect("given up in time");
    String::from_utf8_lossy(&came).into_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn slow_heads_and_slow_bodies_are_given_up_while_others_are_served() {
    let mut door = Door::open(&[("HTTP__BODY_SECONDS_MAX", "2")]).await;
    let (mut heads, mut bodies) = (JoinSet::new(), JoinSet::new());
    let no_end = format!("POST /hooks/{TOKEN} HTTP/1.1\r\nhost: x\r\nx-slow: ").into_bytes();
    for _ in 0..MANY {
        heads.spawn(trickle(door.connect().await, no_end.clone(), b"a"));
        let announced = request("content-length: 5000\r\n", b"{");
        bodies.spawn(trickle(door.connect().await, announced, b" "));
        let chunked = request("transfer-encoding: chunked\r\n", b"");
        bodies.spawn(trickle(door.connect().await, chunked, b"1\r\n \r\n"));
    }
    let mut answers = (Vec::new(), Vec::new());
    while answers.0.len() < MANY || answers.1.len() < 2 * MANY {
        assert_eq!(door.post().await, 200);
        while let Some(answer) = heads.try_join_next() {
            answers.0.push(answer.expect("no panic"));
        }
        while let Some(answer) = bodies.try_join_next() {
            answers.1.push(answer.expect("no panic"));
        }
    }
    for answer in answers.0 {
        assert!(
            answer.is_empty() || answer.starts_with("HTTP/1.1 408 "),
            "{answer}"
        );
    }
    for answer in answers.1 {
        assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
        assert!(answer.contains("urn:waybill:problem:slow"), "{answer}");
    }
    let many = f64::from(u16::try_from(MANY).expect("few"));
    wait::until(
        "the heads that never ended are told, and nobody else",
        || async {
            let unused = door.metric("waybill_ingest_connections_unused_total").await;
            #[expect(clippy::float_cmp, reason = "a count")]
            let is_all = unused == many;
            is_all
                .then_some(())
                .ok_or_else(|| format!("{unused} of {many}"))
        },
    )
    .await;
    door.is_well().await;
}

/// The server itself times the head of the first request only.
#[tokio::test(flavor = "multi_thread")]
async fn a_second_request_that_never_ends_is_given_up_too() {
    let mut door = Door::open(&[("HTTP__KEEP_ALIVE_SECONDS", "1")]).await;
    let mut slow = JoinSet::new();
    for _ in 0..MANY {
        let mut stream = door.connect().await;
        look(&mut stream).await;
        slow.spawn(trickle(
            stream,
            b"POST /hooks/x HTTP/1.1\r\nx-slow: ".to_vec(),
            b"a",
        ));
    }
    while !slow.is_empty() {
        assert_eq!(door.post().await, 200);
        while let Some(answer) = slow.try_join_next() {
            let answer = answer.expect("no panic");
            assert!(
                answer.is_empty() || answer.starts_with("HTTP/1.1 4"),
                "{answer}"
            );
        }
    }
    door.is_well().await;
}
