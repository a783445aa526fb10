use std::{
    collections::BTreeMap,
    fs::File,
    io::BufWriter,
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use ingest::{
    providers::{self, Unverified, presented::Header},
    tenants::Tenants,
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    task::JoinSet,
};

use super::*;

/// A server that knows the carriers' rules and nothing else: 200 with a receipt, or 401.
struct Server {
    url: String,
    tenants: Arc<Tenants>,
    taken: Arc<AtomicUsize>,
}

impl Server {
    async fn start() -> (Self, JoinSet<()>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let server = Self {
            url: format!("http://{}", listener.local_addr().unwrap()),
            tenants: Arc::new(sample::tenants()),
            taken: Arc::default(),
        };
        let (url, tenants, taken) = (
            server.url.clone(),
            server.tenants.clone(),
            server.taken.clone(),
        );
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let (url, tenants, taken) = (url.clone(), tenants.clone(), taken.clone());
                connections.spawn(serve(
                    stream,
                    Facts {
                        url,
                        tenants,
                        taken,
                    },
                ));
            }
        });
        (server, tasks)
    }

    async fn load(&self, rate: Option<u32>, shares: Shares, receipts: Option<File>) -> Load {
        Load {
            target: Target::of(&self.url).await.unwrap(),
            sender: Sender::new(&self.url).unwrap(),
            endpoints: self.tenants.endpoints().to_vec(),
            shares,
            seed: 3,
            rate,
            lasts: Duration::from_millis(200),
            connections: 8,
            threads: 2,
            body_bytes: 0,
            acknowledged: receipts.map(|file| Mutex::new(BufWriter::new(file))),
        }
    }
}

struct Facts {
    url: String,
    tenants: Arc<Tenants>,
    taken: Arc<AtomicUsize>,
}

async fn serve(mut stream: TcpStream, facts: Facts) {
    let mut came = Vec::new();
    loop {
        let request = loop {
            if let Some((request, rest)) = request(&came) {
                came = rest;
                break request;
            }
            if !matches!(stream.read_buf(&mut came).await, Ok(1..)) {
                return;
            }
        };
        let number = facts.taken.fetch_add(1, Ordering::Relaxed);
        let answer = if is_proven(&request, &facts) {
            format!("HTTP/1.1 200 OK\r\ncontent-length: 2\r\nx-receipt-id: r{number}\r\n\r\n{{}}")
        } else {
            "HTTP/1.1 401 Unauthorized\r\ncontent-length: 0\r\n\r\n".to_owned()
        };
        stream.write_all(answer.as_bytes()).await.unwrap();
    }
}

struct Request {
    path: String,
    headers: BTreeMap<String, String>,
    body: Vec<u8>,
}

fn request(came: &[u8]) -> Option<(Request, Vec<u8>)> {
    let end = came.windows(4).position(|four| four == b"\r\n\r\n")?;
    let head = std::str::from_utf8(&came[..end]).unwrap();
    let (line, rest) = head.split_once("\r\n").unwrap();
    let headers = rest
        .split("\r\n")
        .map(|line| line.split_once(": ").unwrap());
    let headers: BTreeMap<String, String> = headers
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    let length: usize = headers["content-length"].parse().unwrap();
    let body = came.get(end + 4..end + 4 + length)?.to_vec();
    let path = line.split(' ').nth(1).unwrap().to_owned();
    let rest = came[end + 4 + length..].to_vec();
    Some((
        Request {
            path,
            headers,
            body,
        },
        rest,
    ))
}

fn is_proven(request: &Request, facts: &Facts) -> bool {
    let token = request.path.strip_prefix("/hooks/").unwrap();
    let endpoint = &facts.tenants.by_token(token).unwrap().endpoint;
    let header = |read: &providers::presented::Read| {
        let value = request.headers.get(read.name)?;
        Some(Header::sent(*read, value.as_bytes()))
    };
    let headers: Vec<Header> = providers::headers(endpoint.provider)
        .iter()
        .filter_map(header)
        .collect();
    let webhook = Unverified {
        body: &request.body,
        origin: &facts.url,
        path: &request.path,
        headers: &headers,
    };
    endpoint.verifier.verify(&webhook).is_ok()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_webhook_proves_itself_but_the_forged_ones_and_all_are_accounted_for() {
    let (server, _tasks) = Server::start().await;
    let folder = tempfile::tempdir().unwrap();
    let receipts = folder.path().join("receipts");
    let shares = Shares {
        duplicates: 0.1,
        disorder: 0.1,
        replacements: 0.2,
        bad_signatures: 0.2,
    };
    let file = File::create(&receipts).unwrap();
    let mut running = server.load(Some(1_000), shares, Some(file)).await.start();
    running.ended().await.unwrap();
    running.shared.flush().unwrap();

    let tally = running.shared.look();
    assert_eq!((tally.ended(), running.shared.unsent()), (200, 0));
    assert_eq!(tally.unexpected, 0, "{:?}", tally.answers);
    assert_eq!(tally.carriers.len(), 5);
    let forged = tally.kinds[&mix::Kind::Forged];
    assert!(forged > 0);
    assert_eq!(
        tally.answers,
        BTreeMap::from([(200, 200 - forged), (401, forged)])
    );
    let receipts = std::fs::read_to_string(receipts).unwrap();
    let distinct: std::collections::HashSet<&str> = receipts.lines().collect();
    assert_eq!(distinct.len() as u64, 200 - forged);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_closed_loop_sends_as_much_as_is_answered() {
    let (server, _tasks) = Server::start().await;
    let mut running = server.load(None, Shares::default(), None).await.start();
    running.ended().await.unwrap();
    let tally = running.shared.look();
    assert!(tally.ended() > 8, "{}", tally.ended());
    assert_eq!(tally.ended(), server.taken.load(Ordering::Relaxed) as u64);
    assert_eq!((tally.unexpected, running.shared.unsent()), (0, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_not_there_is_told_at_once() {
    let (server, mut tasks) = Server::start().await;
    tasks.shutdown().await;
    let mut running = server
        .load(Some(1_000), Shares::default(), None)
        .await
        .start();
    let error = running.ended().await.unwrap_err().to_string();
    assert!(error.contains("can't be reached"), "{error}");
}
