//! Busy connections when the process is asked to stop.

use std::{sync::atomic::AtomicUsize, time::Instant};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use super::*;
use crate::server::ending;

const CLIENTS: usize = 40;
const ENDS_WITHIN: Duration = Duration::from_secs(10);

/// One answer, to its end.
async fn answer(stream: &mut TcpStream) -> String {
    let (mut read, mut piece) = (Vec::new(), [0; 2_048]);
    loop {
        let text = String::from_utf8_lossy(&read);
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head
                .lines()
                .find_map(|line| line.strip_prefix("content-length: "));
            if body.len() == length.unwrap().parse::<usize>().unwrap() {
                return text.into_owned();
            }
        }
        let more = stream.read(&mut piece).await.unwrap();
        assert_ne!(more, 0, "a request without an answer, after {read:?}");
        read.extend_from_slice(&piece[..more]);
    }
}

/// Sends the next webhook as soon as it has the last one's answer, until it is told to leave; gives the
/// last answer.
async fn busy(address: SocketAddr, answered: Arc<AtomicUsize>) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let body = genuine(OFF);
    let length = body.len();
    let request =
        format!("POST /hooks/{OFF} HTTP/1.1\r\nhost: x\r\ncontent-length: {length}\r\n\r\n{body}");
    loop {
        stream.write_all(request.as_bytes()).await.unwrap();
        let answer = answer(&mut stream).await;
        answered.fetch_add(1, Ordering::Relaxed);
        if answer.contains("\r\nconnection: close\r\n") {
            assert_eq!(stream.read(&mut [0; 16]).await.unwrap(), 0);
            return answer;
        }
    }
}

async fn check(wait: Duration) {
    let site = Site::open();
    let answered = Arc::new(AtomicUsize::new(0));
    let clients: Vec<_> = (0..CLIENTS)
        .map(|_| actix_web::rt::spawn(busy(site.address, Arc::clone(&answered))))
        .collect();
    // Each of them has some answers by then.
    while answered.load(Ordering::Relaxed) < CLIENTS * 10 {
        tokio::task::yield_now().await;
    }
    let begin = Instant::now();
    ending::end(&site.service.ending, (&site.handle, &site.port), wait).await;
    assert!(begin.elapsed() < ENDS_WITHIN, "{:?}", begin.elapsed());
    assert!(TcpStream::connect(site.address).await.is_err());
    let mut taken = 0;
    for client in clients {
        let last = client.await.unwrap();
        let is_taken = last.starts_with("HTTP/1.1 200 ");
        let is_sent_away = last.starts_with("HTTP/1.1 503 ") && last.contains("\r\nretry-after: ");
        assert!(is_taken || is_sent_away, "{last}");
        taken += usize::from(is_taken);
    }
    // While webhooks are still taken who is answered is told to leave.
    assert!(wait.is_zero() || taken > 0, "all were sent away");
}

#[actix_web::test]
async fn busy_connections_end_with_an_answer_that_says_so() {
    check(Duration::ZERO).await;
}

#[actix_web::test]
async fn busy_connections_end_while_webhooks_are_still_taken() {
    check(Duration::from_millis(300)).await;
}

#[actix_web::test]
async fn a_webhook_that_comes_on_a_connection_from_before_is_told_to_come_again() {
    let site = Site::open();
    let mut stream = TcpStream::connect(site.address).await.unwrap();
    let request = format!("POST /hooks/{OFF} HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n\r\n{{}}");
    stream.write_all(request.as_bytes()).await.unwrap();
    assert!(answer(&mut stream).await.starts_with("HTTP/1.1 200 "));
    let end = ending::end(
        &site.service.ending,
        (&site.handle, &site.port),
        Duration::ZERO,
    );
    let late = async {
        while TcpStream::connect(site.address).await.is_ok() {
            tokio::task::yield_now().await;
        }
        stream.write_all(request.as_bytes()).await.unwrap();
        answer(&mut stream).await
    };
    let ((), late) = tokio::join!(end, late);
    assert!(late.starts_with("HTTP/1.1 503 "), "{late}");
    assert!(late.contains("\r\nretry-after: ") && late.contains("\r\nconnection: close\r\n"));
}
