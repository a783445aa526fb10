//! Ingest alone, on a Kafka of its own that a test may stop and kill.

use std::{
    collections::BTreeMap,
    process::{Command, ExitStatus, Stdio},
    sync::{Mutex, MutexGuard},
    time::{Duration, Instant},
};

use local_stack::{Options, Part, Signal, Silent, Stack};
use rdkafka::{
    ClientConfig, Message, Offset, TopicPartitionList,
    consumer::{BaseConsumer, Consumer},
    error::KafkaError,
    message::Headers,
};
use serde_json::Value;

use crate::{
    children::{Process, Service, binary, free_address},
    lalamove::Webhook,
    pipeline::{API_KEY, SECRET, TOKEN, tenants_file},
    wait,
};

/// What lies in a raw topic.
#[derive(Clone, Debug)]
pub struct Raw {
    pub offset: (i32, i64),
    pub headers: BTreeMap<String, String>,
    pub value: Vec<u8>,
}

impl Raw {
    pub fn receipt_id(&self) -> &str {
        &self.headers["receipt-id"]
    }
}

#[derive(Debug)]
pub struct Intake {
    // Ends before the stack that it uses.
    ingest: Option<Mutex<Process>>,
    stack: Stack,
    environment: Vec<(String, String)>,
    address: String,
    http: reqwest::Client,
    folder: tempfile::TempDir,
}

impl Intake {
    /// Kafka with its topics, and an ingest that is ready.
    pub async fn start(settings: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().expect("folder");
        let mut options = Options::new(folder.path().join("stack"));
        options.parts = vec![Part::Kafka];
        let start = move || Stack::start(options, &Silent).expect("Kafka starts");
        let stack = tokio::task::spawn_blocking(start).await.expect("thread");
        let tenants = folder.path().join("tenants.toml");
        std::fs::write(&tenants, tenants_file()).expect("tenants file");
        let address = free_address();
        let path = |name: &str| folder.path().join(name).display().to_string();
        let mut environment: Vec<(String, String)> = [
            ("KAFKA__BOOTSTRAP_SERVERS", stack.kafka_bootstrap()),
            ("TOPICS__PREFIX", "intake.".into()),
            ("TOPICS__PARTITIONS", "4".into()),
            ("TOPICS__REPLICATION", "1".into()),
            ("TOPICS__MIN_INSYNC_REPLICAS", "1".into()),
            ("HTTP__LISTEN", address.clone()),
            ("TENANTS__PATH", tenants.display().to_string()),
            ("PRIVACY__KEY", "intake-privacy-key-0123456789abc".into()),
            ("INSTANCE__ID", "0".into()),
            ("SPOOL__DIR", path("spool")),
            ("BLOBS__URL", format!("file://{}", path("blobs"))),
            ("TELEMETRY__LOG_FORMAT", "text".into()),
        ]
        .into_iter()
        .map(|(key, value)| (format!("WAYBILL__{key}"), value))
        .collect();
        let own = settings.iter();
        environment.extend(own.map(|(key, value)| ((*key).to_owned(), (*value).to_owned())));
        let mut intake = Self {
            ingest: None,
            stack,
            environment,
            address,
            http: reqwest::Client::new(),
            folder,
        };
        intake.apply_topics();
        intake.launch();
        intake.ready().await;
        intake
    }

    fn apply_topics(&self) {
        let variables = self.environment.iter();
        let output = Command::new(binary("waybill"))
            .args(["topics", "apply"])
            .env_clear()
            .envs(variables.map(|(key, value)| (key.as_str(), value.as_str())))
            .stdin(Stdio::null())
            .output()
            .expect("waybill starts");
        let text = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "waybill topics apply: {text}");
    }

    pub fn launch(&mut self) {
        let process = Process::start(Service::Ingest, &self.environment, self.folder.path());
        self.ingest = Some(Mutex::new(process));
    }

    fn process(&self) -> MutexGuard<'_, Process> {
        self.ingest
            .as_ref()
            .expect("launched")
            .lock()
            .expect("lock")
    }

    pub async fn ready(&self) {
        let url = format!("http://{}/readyz", self.process().admin);
        wait::until("ingest ready", || async {
            let answer = self.http.get(&url).send().await;
            let answer = answer.map_err(|error| format!("{error}\n{}", self.log_tail()))?;
            match answer.status().is_success() {
                true => Ok(()),
                false => Err(answer.text().await.unwrap_or_default()),
            }
        })
        .await;
    }

    /// kill -9.
    pub fn kill(&mut self) {
        let process = self.ingest.take().expect("launched");
        process.into_inner().expect("lock").kill();
    }

    pub fn signal(&self, signal: Signal) {
        self.process().signal(signal);
    }

    /// How it ended, if it did.
    pub fn exited(&self) -> Option<ExitStatus> {
        self.process().exited()
    }

    /// SIGTERM; the exit code.
    pub async fn terminate(&mut self) -> Option<i32> {
        self.signal(Signal::SIGTERM);
        let ended = || async { self.exited().ok_or_else(|| "still running".to_owned()) };
        wait::until("ingest ends", ended).await.code()
    }

    /// The value of a metric of ingest, summed over its labels.
    pub async fn metric(&self, name: &str) -> f64 {
        let url = format!("http://{}/metrics", self.process().admin);
        let answer = self.http.get(url).send().await.expect("metrics");
        let text = answer.text().await.expect("text");
        text.lines()
            .filter(|line| line.starts_with(name))
            .filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok())
            .sum()
    }

    pub fn signal_kafka(&self, signal: Signal) {
        self.stack.signal(Part::Kafka, signal).expect("a signal");
    }

    pub async fn restart_kafka(&self) {
        let restarted = tokio::task::block_in_place(|| self.stack.restart(Part::Kafka));
        restarted.expect("Kafka starts again");
    }

    /// Posts once; the receipt id if the answer was 200. A connection that breaks is no answer.
    pub async fn post(&self, webhook: &Webhook) -> Result<String, String> {
        let path = format!("/hooks/{TOKEN}");
        let body = webhook.body(API_KEY, SECRET, &path);
        let url = format!("http://{}{path}", self.address);
        let answer = self.http.post(url).body(body).send().await;
        let answer = answer.map_err(|error| error.to_string())?;
        if answer.status() != 200 {
            return Err(format!("answered {}", answer.status()));
        }
        let answer: Value = answer.json().await.map_err(|error| error.to_string())?;
        let receipt = answer["receipt_id"].as_str();
        receipt
            .map(str::to_owned)
            .ok_or_else(|| "no receipt".into())
    }

    /// Everything in both raw topics, in the order of each partition; an error while the broker is
    /// not itself yet.
    pub async fn raw(&self) -> Result<Vec<Raw>, String> {
        tokio::task::block_in_place(|| {
            let bootstrap = self.stack.kafka_bootstrap();
            let mut all = read(&bootstrap, "intake.raw")?;
            all.extend(read(&bootstrap, "intake.raw-overflow")?);
            Ok(all)
        })
    }

    pub fn log_tail(&self) -> String {
        self.process().log_tail()
    }
}

/// Reads a topic from its beginning to the end that it has now.
fn read(bootstrap: &str, topic: &str) -> Result<Vec<Raw>, String> {
    const WITHIN: Duration = Duration::from_secs(10);
    let told = |error: KafkaError| error.to_string();
    let consumer: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", bootstrap)
        .set("group.id", "reader-of-a-test")
        .set("enable.auto.commit", "false")
        .create()
        .map_err(told)?;
    let metadata = consumer.fetch_metadata(Some(topic), WITHIN).map_err(told)?;
    let (mut list, mut expected) = (TopicPartitionList::new(), 0);
    for partition in metadata.topics()[0].partitions() {
        let (low, high) = consumer
            .fetch_watermarks(topic, partition.id(), WITHIN)
            .map_err(told)?;
        expected += high - low;
        list.add_partition_offset(topic, partition.id(), Offset::Beginning)
            .map_err(told)?;
    }
    consumer.assign(&list).map_err(told)?;
    let (mut found, deadline) = (Vec::new(), Instant::now() + WITHIN);
    while i64::try_from(found.len()).expect("small") < expected {
        if Instant::now() > deadline {
            return Err(format!("{topic}: read {} of {expected}", found.len()));
        }
        let Some(message) = consumer.poll(Duration::from_millis(200)) else {
            continue;
        };
        let message = message.map_err(told)?;
        let headers = message.headers().into_iter().flat_map(Headers::iter);
        let text =
            |bytes: Option<&[u8]>| String::from_utf8_lossy(bytes.unwrap_or_default()).into_owned();
        found.push(Raw {
            offset: (message.partition(), message.offset()),
            headers: headers.map(|h| (h.key.to_owned(), text(h.value))).collect(),
            value: message.payload().unwrap_or_default().to_vec(),
        });
    }
    Ok(found)
}
