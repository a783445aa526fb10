//! The real ingest alone, before a real Kafka, and raw connections to it.

use std::{path::PathBuf, process::Stdio, time::Duration};

use pipeline_tests::{
    Service, Webhook,
    children::{Process, binary, free_address},
    model::START,
    stack, wait,
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

pub(super) const TOKEN: &str = "limits-token-0123456789abcdef";
const API_KEY: &str = "pk_test_limits";
const SECRET: &str = "sk_test_limits_secret";

pub(super) const TENANTS: &str = r#"
[tenants.acme]

[[tenants.acme.endpoints]]
id = "acme-lalamove"
provider = "lalamove"
token = "limits-token-0123456789abcdef"
verification = "required"

[[tenants.acme.endpoints.secrets]]
id = "2026-11"
value = "sk_test_limits_secret"
api_key = "pk_test_limits"

[[tenants.acme.endpoints]]
id = "acme-gone"
provider = "lalamove"
token = "limits-retired-0123456789abcdef"
retired = true
"#;
pub(super) const RETIRED: &str = "limits-retired-0123456789abcdef";

pub(super) struct Door {
    pub(super) process: Process,
    pub(super) address: String,
    pub(super) http: reqwest::Client,
    pub(super) tenants: PathBuf,
    _folder: tempfile::TempDir,
}

impl Door {
    /// Ready, with settings of the test's own.
    pub(super) async fn open(settings: &[(&str, &str)]) -> Self {
        let mut door = Self::launch(settings).await;
        std::fs::write(&door.tenants, TENANTS).expect("tenants file");
        door.ready().await;
        door
    }

    /// Started, without a tenants file.
    pub(super) async fn launch(settings: &[(&str, &str)]) -> Self {
        let stack = tokio::task::spawn_blocking(stack::shared)
            .await
            .expect("stack");
        let folder = tempfile::tempdir().expect("folder");
        let tenants = folder.path().join("tenants.toml");
        let address = free_address();
        let id = uuid::Uuid::now_v7().simple().to_string();
        let path = |name: &str| folder.path().join(name).display().to_string();
        let own = [
            ("KAFKA__BOOTSTRAP_SERVERS", stack.kafka_bootstrap()),
            (
                "TOPICS__PREFIX",
                format!("l{}.", id.get(22..).expect("ten digits")),
            ),
            ("TOPICS__PARTITIONS", "2".into()),
            ("TOPICS__REPLICATION", "1".into()),
            ("TOPICS__MIN_INSYNC_REPLICAS", "1".into()),
            ("HTTP__LISTEN", address.clone()),
            ("TENANTS__PATH", tenants.display().to_string()),
            ("PRIVACY__KEY", "limits-privacy-key-0123456789abcdef".into()),
            ("INSTANCE__ID", "0".into()),
            ("SPOOL__DIR", path("spool")),
            ("TELEMETRY__LOG_FORMAT", "text".into()),
        ];
        let own = own.map(|(key, value)| (key, value)).into_iter();
        let theirs = settings
            .iter()
            .map(|(key, value)| (*key, (*value).to_owned()));
        let environment: Vec<(String, String)> = own
            .chain(theirs)
            .map(|(key, value)| (format!("WAYBILL__{key}"), value))
            .collect();
        let applied = tokio::process::Command::new(binary("waybill"))
            .args(["topics", "apply"])
            .env_clear()
            .envs(environment.iter().cloned())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .status();
        assert!(
            applied.await.expect("waybill starts").success(),
            "topics apply"
        );
        Self {
            process: Process::start(Service::Ingest, &environment, folder.path()),
            address,
            http: reqwest::Client::new(),
            tenants,
            _folder: folder,
        }
    }

    async fn ready(&mut self) {
        let status = self.process.exited();
        assert!(
            status.is_none(),
            "ended with {status:?}:\n{}",
            self.process.log_tail()
        );
        wait::until("ingest ready", || async {
            match self.readyz().await {
                200 => Ok(()),
                status => Err(format!("{status}\n{}", self.process.log_tail())),
            }
        })
        .await;
    }

    pub(super) async fn readyz(&self) -> u16 {
        let url = format!("http://{}/readyz", self.process.admin);
        let answer = self.http.get(url).send().await;
        answer.map_or(0, |answer| answer.status().as_u16())
    }

    /// The value of a metric, summed over its labels.
    pub(super) async fn metric(&self, name: &str) -> f64 {
        let url = format!("http://{}/metrics", self.process.admin);
        let text = self
            .http
            .get(url)
            .send()
            .await
            .expect("metrics")
            .text()
            .await;
        let text = text.expect("text");
        let lines = text.lines().filter(|line| line.starts_with(name));
        lines
            .filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok())
            .sum()
    }

    /// A genuine webhook; gives its answer's status.
    pub(super) async fn post(&self) -> u16 {
        let url = format!("http://{}/hooks/{TOKEN}", self.address);
        let answer = self.http.post(url).body(genuine()).send().await;
        answer.expect("ingest answers").status().as_u16()
    }

    pub(super) async fn connect(&self) -> TcpStream {
        TcpStream::connect(&self.address)
            .await
            .expect("a connection")
    }

    /// Sends the bytes, and gives all that is answered until the server ends the connection.
    pub(super) async fn raw(&self, bytes: impl AsRef<[u8]>) -> String {
        let mut stream = self.connect().await;
        // the server may have ended it before everything was sent
        drop(stream.write_all(bytes.as_ref()).await);
        to_the_end(&mut stream).await
    }

    /// Everything still works.
    pub(super) async fn is_well(&mut self) {
        assert!(
            self.process.exited().is_none(),
            "{}",
            self.process.log_tail()
        );
        assert_eq!(self.post().await, 200);
        wait::until("nothing is held any more", || async {
            match self.metric("waybill_ingest_in_flight_bytes").await {
                0.0 => Ok(()),
                held => Err(format!("{held} bytes in flight")),
            }
        })
        .await;
    }
}

/// What comes until the connection ends, in whatever way it ends.
pub(super) async fn to_the_end(stream: &mut TcpStream) -> String {
    let mut came = Vec::new();
    let all = async { while matches!(stream.read_buf(&mut came).await, Ok(1..)) {} };
    let ended = tokio::time::timeout(wait::DEADLINE, all).await;
    assert!(
        ended.is_ok(),
        "still open: {}",
        String::from_utf8_lossy(&came)
    );
    String::from_utf8_lossy(&came).into_owned()
}

pub(super) fn genuine() -> Vec<u8> {
    let webhook = Webhook::status("800000000001", START, "", "ASSIGNING_DRIVER");
    webhook.body(API_KEY, SECRET, &format!("/hooks/{TOKEN}"))
}

/// A whole request to the known address, with this head beside the host and this body.
pub(super) fn request(head: &str, body: &[u8]) -> Vec<u8> {
    let head = format!("POST /hooks/{TOKEN} HTTP/1.1\r\nhost: x\r\n{head}\r\n");
    [head.as_bytes(), body].concat()
}

/// How slowly a slow sender sends.
pub(super) const TRICKLE: Duration = Duration::from_millis(50);
