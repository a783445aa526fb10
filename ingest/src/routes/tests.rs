//! Every line of the answers' table, over a real socket.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    path::PathBuf,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use actix_web::dev::ServerHandle;
use reqwest::{Client, Method, RequestBuilder, Response, StatusCode};
use runtime::{blobs::Blobs, clock::ManualClock, settings::Secret};
use schemas::{Assurance, Micros, Verdict, raw_webhook::RawHeaders};
use tokio::sync::oneshot;

use crate::{
    body::{InFlight, Limits},
    delivery::{Delivery, Door, Unfit},
    metrics::Metrics,
    order_hint,
    providers::lalamove,
    proxies::Proxies,
    raw_log::{Confirmation, Placed, RawLog, Record, Refused},
    server::ending::Ending,
    service::Service,
    settings::Http,
    tenants::{self, Current},
    tls::Certificate,
};

mod addresses;
mod bodies;
mod carriers;
mod ending;
mod large_bodies;
mod unproven;

const NOW: Micros = Micros(1_650_553_157_000_001);
const SECRET: &str = "synthetic-secret-1";
const QUARANTINE: &str = "quarantine-quarantine-q";
const REQUIRED: &str = "required-required-requi";
const OFF: &str = "off-off-off-off-off-off";
const RETIRED: &str = "retired-retired-retired";
const REWRITTEN: &str = "rewritten-rewritten-rew";

/// Headers, body, and what chooses the partition.
type Written = (RawHeaders, Vec<u8>, u64);

/// A log that remembers, and does as it is told.
#[derive(Default)]
struct Memory {
    records: Mutex<Vec<Written>>,
    fault: Mutex<Option<Fault>>,
    /// Confirmations that are never given.
    kept: Mutex<Vec<oneshot::Sender<Result<Placed, Refused>>>>,
}

#[derive(Clone, Copy)]
enum Fault {
    Full,
    NotDelivered,
    Silent,
}

impl RawLog for Memory {
    fn append(&self, record: &Record<'_>) -> Result<Confirmation, Refused> {
        let (confirm, confirmation) = oneshot::channel();
        match *self.fault.lock().unwrap() {
            Some(Fault::Full) => return Err(Refused::Full),
            Some(Fault::NotDelivered) => {
                confirm
                    .send(Err(Refused::Failed("no replica".into())))
                    .unwrap();
            }
            Some(Fault::Silent) => self.kept.lock().unwrap().push(confirm),
            None => {
                let copy = (
                    record.headers.clone(),
                    record.body.to_vec(),
                    record.placement,
                );
                self.records.lock().unwrap().push(copy);
                confirm.send(Ok(Placed::default())).unwrap();
            }
        }
        Ok(confirmation)
    }

    fn is_up(&self) -> bool {
        true
    }
}

pub(crate) struct Site {
    service: Arc<Service>,
    log: Arc<Memory>,
    registry: prometheus::Registry,
    address: SocketAddr,
    handle: ServerHandle,
    /// The listener, as the server has it.
    port: TcpListener,
    client: Client,
}

fn tenants_text() -> String {
    let endpoint = |id: &str, token: &str, more: &str| {
        format!(
            "[[tenants.acme.endpoints]]\nid = \"{id}\"\nprovider = \"lalamove\"\ntoken = \"{token}\"\n\
             {more}\n[[tenants.acme.endpoints.secrets]]\nid = \"s1\"\nvalue = \"{SECRET}\"\n"
        )
    };
    [
        endpoint(
            "quarantine",
            QUARANTINE,
            "timezone = \"Asia/Hong_Kong\"\ncurrency = \"HKD\"",
        ),
        endpoint("required", REQUIRED, "verification = \"required\""),
        endpoint("off", OFF, "verification = \"off\""),
        endpoint("retired", RETIRED, "retired = true"),
        endpoint(
            "rewritten",
            REWRITTEN,
            "public_url = \"https://hooks.example.com/from/outside\"",
        ),
    ]
    .concat()
}

impl Site {
    fn open() -> Self {
        let limits = Limits {
            bytes_max: 2_000,
            record_bytes_max: 1_000,
            has_blobs: false,
            within: Duration::from_secs(10),
        };
        Self::with(limits, 1 << 20)
    }

    fn with(limits: Limits, in_flight_bytes_max: usize) -> Self {
        Self::of(&tenants_text(), limits, in_flight_bytes_max, None)
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    fn of(
        tenants_text: &str,
        limits: Limits,
        in_flight_bytes_max: usize,
        blobs: Option<Blobs>,
    ) -> Self {
        Self::over((tenants_text, blobs), limits, in_flight_bytes_max, None)
    }

    fn over(
        (tenants_text, blobs): (&str, Option<Blobs>),
        limits: Limits,
        in_flight_bytes_max: usize,
        certificate: Option<&Arc<Certificate>>,
    ) -> Self {
        let folder = tempfile::TempDir::new().unwrap();
        let file = folder.path().join("tenants.toml");
        std::fs::write(&file, tenants_text).unwrap();
        let log = Arc::new(Memory::default());
        let registry = prometheus::Registry::new();
        let metrics = Arc::new(Metrics::new(&registry).unwrap());
        let delivery = Delivery {
            log: Arc::clone(&log) as Arc<dyn RawLog>,
            spool: None,
            blobs,
            door: Door::default(),
            record_bytes_max: limits.record_bytes_max,
            spool_after: Duration::from_millis(50),
            within: Duration::from_millis(50),
            spooled: AtomicU64::new(0),
            disk_refused: AtomicBool::new(false),
            unfit: Unfit::default(),
            metrics: Arc::clone(&metrics),
        };
        let service = Arc::new(Service {
            tenants: Arc::new(Current::from_pointee(tenants::load(&file).unwrap())),
            delivery: Arc::new(delivery),
            privacy_key: Secret::new("a-key"),
            traces: runtime::traces::Traces::default(),
            in_flight: InFlight::new(in_flight_bytes_max, in_flight_bytes_max),
            limits,
            proxies: Proxies::parse("127.0.0.1").unwrap(),
            failures: Arc::default(),
            clock: Arc::new(ManualClock::at_micros(NOW.0)),
            metrics,
            ending: Ending::default(),
        });
        let http = Http {
            listen: "127.0.0.1:0".parse().unwrap(),
            workers: 1,
            body_bytes_max: 0,
            body_seconds_max: 0,
            in_flight_bytes_max: 0,
            durable_ms_max: 0,
            keep_alive_seconds: 5,
            stop_wait_seconds: 0,
            tenant_in_flight_bytes_max: 0,
            connections_max: 100,
            trusted_proxies: String::new(),
            tls_certificate: PathBuf::new(),
            tls_key: PathBuf::new(),
        };
        let listener = crate::listen(http.listen).unwrap();
        let address = listener.local_addr().unwrap();
        let port = listener.try_clone().unwrap();
        let finish = Duration::from_secs(5);
        let server =
            crate::server(Arc::clone(&service), listener, &http, certificate, finish).unwrap();
        let handle = server.handle();
        drop(actix_web::rt::spawn(server));
        Self {
            service,
            log,
            registry,
            address,
            handle,
            port,
            client: Client::new(),
        }
    }

    fn request(&self, method: Method, token: &str) -> RequestBuilder {
        self.client
            .request(method, format!("http://{}/hooks/{token}", self.address))
    }

    async fn post(&self, token: &str, body: impl Into<reqwest::Body>) -> Response {
        self.request(Method::POST, token)
            .body(body)
            .send()
            .await
            .unwrap()
    }

    fn written(&self) -> Vec<Written> {
        self.log.records.lock().unwrap().clone()
    }

    fn fault(&self, fault: Fault) {
        *self.log.fault.lock().unwrap() = Some(fault);
    }

    fn metrics(&self) -> String {
        prometheus::TextEncoder::new()
            .encode_to_string(&self.registry.gather())
            .unwrap()
    }
}

/// A site that speaks TLS.
pub(crate) fn tls_site(certificate: &Arc<Certificate>) -> Site {
    let limits = Limits {
        bytes_max: 2_000,
        record_bytes_max: 1_000,
        has_blobs: false,
        within: Duration::from_secs(10),
    };
    Site::over((&tenants_text(), None), limits, 1 << 20, Some(certificate))
}

fn signed(path: &str) -> String {
    let data = r#"{"order":{"orderId":"1471722666401517645"}}"#;
    let signature = lalamove::sign(SECRET, b"1650553157", path, data.as_bytes());
    format!(r#"{{"apiKey":"pk_1","timestamp":1650553157,"signature":"{signature}","data":{data}}}"#)
}

fn genuine(token: &str) -> String {
    signed(&format!("/hooks/{token}"))
}

fn forged(token: &str) -> String {
    genuine(token).replace("1471722666401517645", "1471722666401517646")
}

async fn receipt(response: Response) -> String {
    assert_eq!(response.status(), StatusCode::OK);
    let header = response.headers()["x-receipt-id"]
        .to_str()
        .unwrap()
        .to_owned();
    assert_eq!(
        response.text().await.unwrap(),
        format!(r#"{{"receipt_id":"{header}"}}"#)
    );
    header
}

async fn problem(response: Response, status: u16, kind: &str) {
    assert_eq!(response.status().as_u16(), status);
    assert_eq!(
        response.headers()["content-type"],
        "application/problem+json"
    );
    assert_eq!(
        response.headers().contains_key("retry-after"),
        status == 503
    );
    let body: serde_json::Value = serde_json::from_str(&response.text().await.unwrap()).unwrap();
    assert_eq!(body["type"], format!("urn:waybill:problem:{kind}"));
    assert_eq!(body["status"], status);
    assert!(body["title"].is_string() && body["detail"].is_string());
}

#[actix_web::test]
async fn a_genuine_webhook_is_stored_as_it_came_and_answered_with_its_receipt() {
    let site = Site::open();
    let request = site
        .request(Method::POST, QUARANTINE)
        .body(genuine(QUARANTINE));
    let request = request
        .header("content-type", "application/json")
        .header("cookie", "a=b");
    let id = receipt(request.send().await.unwrap()).await;
    let (headers, body, placement) = site.written().remove(0);
    assert_eq!(body, genuine(QUARANTINE).into_bytes());
    assert_eq!(placement, order_hint::placement(b"1471722666401517645"));
    assert_eq!(headers.receipt_id.to_string(), id);
    assert_eq!(headers.received_at, NOW);
    assert_eq!(
        (headers.verdict, headers.assurance),
        (Verdict::Verified, Assurance::BodySigned)
    );
    assert_eq!(headers.signature_scheme.as_deref(), Some("data-raw"));
    assert_eq!(headers.secret_id.as_deref(), Some("s1"));
    assert_eq!(headers.tenant.as_str(), "acme");
    assert_eq!(headers.endpoint.as_str(), "quarantine");
    assert_eq!(headers.content_type.as_deref(), Some("application/json"));
    assert_eq!(headers.timezone.as_deref(), Some("Asia/Hong_Kong"));
    assert_eq!(headers.currency.as_deref(), Some("HKD"));
    assert_eq!(headers.body_bytes, body.len() as u64);
    assert_eq!(headers.body_sha256.len(), 64);
    assert!(headers.http.is_empty());
}

#[actix_web::test]
async fn a_receipt_id_is_a_uuid_of_the_time_of_receipt() {
    let site = Site::open();
    let id = receipt(site.post(QUARANTINE, genuine(QUARANTINE)).await).await;
    let id = uuid::Uuid::parse_str(&id).unwrap();
    assert_eq!(id.get_version_num(), 7);
    let (seconds, nanos) = id.get_timestamp().unwrap().to_unix();
    assert_eq!(
        seconds * 1000 + u64::from(nanos / 1_000_000),
        NOW.millis().unsigned_abs()
    );
}
