//! The transactional producer. Every call has one of three failures: abort and read again, nobody
//! knows what happened, or going on would be wrong.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicI64, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use rdkafka::{
    ClientContext, TopicPartitionList,
    consumer::ConsumerGroupMetadata,
    error::{KafkaError, RDKafkaErrorCode},
    message::{BorrowedMessage, Header, Message, OwnedHeaders},
    producer::{BaseProducer, BaseRecord, DeliveryResult, Producer, ProducerContext},
    util::Timeout,
};

use crate::{
    clock::{Clock, SystemClock},
    kafka::{
        config::{MESSAGE_TIMEOUT_MS, TRANSACTION_TIMEOUT_MS, transactional_config},
        exactly_once::{LogError, Output},
        reports::{serve, serve_all},
    },
    settings::KafkaSettings,
    telemetry,
};

/// How long a record waits for room in the producer's queue.
const QUEUE_FULL_MAX: Duration = Duration::from_millis(MESSAGE_TIMEOUT_MS as u64);

#[derive(Debug, Default)]
struct Deliveries {
    failed: AtomicU64,
    /// The topic whose offsets are wanted, and the last one in each of its partitions since the
    /// transaction began; none where one of them was not told.
    watched: Option<Arc<str>>,
    written: Mutex<BTreeMap<i32, Option<i64>>>,
}

impl Deliveries {
    fn delivered(&self, message: &BorrowedMessage<'_>) {
        if self.watched.as_deref() != Some(message.topic()) {
            return;
        }
        let mut written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
        let offset = Some(message.offset()).filter(|offset| *offset >= 0);
        let last = written.entry(message.partition()).or_insert(offset);
        *last = last.zip(offset).map(|(last, offset)| last.max(offset));
    }
}

struct Context(Arc<Deliveries>);

impl ClientContext for Context {}

impl ProducerContext for Context {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): Self::DeliveryOpaque) {
        match result {
            Ok(message) => self.0.delivered(message),
            Err(_) => {
                self.0.failed.fetch_add(1, Ordering::AcqRel);
            }
        }
    }
}

pub(super) struct Transactions {
    settings: KafkaSettings,
    id: String,
    producer: Option<BaseProducer<Context>>,
    deliveries: Arc<Deliveries>,
    watched: Option<Arc<str>>,
    /// When the transaction began: the time of its records, where a topic keeps that of their making.
    began_ms: i64,
    watchdog: Watchdog,
}

impl Transactions {
    pub(super) fn connect(settings: &KafkaSettings, id: &str) -> anyhow::Result<Self> {
        Ok(Self {
            settings: settings.clone(),
            id: id.to_owned(),
            producer: None,
            deliveries: Arc::default(),
            watched: None,
            began_ms: 0,
            watchdog: Watchdog::start()?,
        })
    }

    /// Tells the offsets of this topic from the next producer on; there is none before partitions are
    /// taken up.
    pub(super) fn watch(&mut self, topic: Arc<str>) {
        self.watched = Some(topic);
    }

    /// The last offset in each partition of the watched topic since the transaction began.
    pub(super) fn written(&self) -> Vec<(i32, i64)> {
        let written = &self.deliveries.written;
        let written = written.lock().unwrap_or_else(PoisonError::into_inner);
        let known = written.iter();
        known
            .filter_map(|(partition, last)| Some((*partition, (*last)?)))
            .collect()
    }

    fn producer(&self) -> Result<&BaseProducer<Context>, LogError> {
        self.producer
            .as_ref()
            .ok_or_else(|| LogError::Unknown("no producer yet".into()))
    }

    /// A new producer with the same id: its init ends whatever an earlier one left open.
    pub(super) fn renew(&mut self) -> Result<(), LogError> {
        self.producer = None;
        self.deliveries = Arc::new(Deliveries {
            watched: self.watched.clone(),
            ..Deliveries::default()
        });
        let config = transactional_config(&self.settings, &self.id);
        let producer: BaseProducer<Context> = config
            .create_with_context(Context(self.deliveries.clone()))
            .map_err(|error| LogError::Stop(error.to_string()))?;
        let limit = Duration::from_millis(u64::from(TRANSACTION_TIMEOUT_MS));
        self.watchdog
            .watched(|| producer.init_transactions(limit))
            .map_err(|error| LogError::Unknown(format!("init: {error}")))?;
        self.producer = Some(producer);
        Ok(())
    }

    /// Has a producer, and with it ended whatever an earlier one of the same id left open.
    pub(super) fn ready(&mut self) -> Result<(), LogError> {
        match self.producer {
            Some(_) => Ok(()),
            None => self.renew(),
        }
    }

    pub(super) fn begin(&mut self) -> Result<(), LogError> {
        self.ready()?;
        self.began_ms = SystemClock.now_ms();
        self.deliveries.failed.store(0, Ordering::Release);
        let written = self.deliveries.written.lock();
        written.unwrap_or_else(PoisonError::into_inner).clear();
        self.producer()?
            .begin_transaction()
            .map_err(|error| class("begin", &error))
    }

    pub(super) fn send(&mut self, output: &Output) -> Result<(), LogError> {
        let producer = self.producer()?;
        let mut record: BaseRecord<'_, [u8], [u8]> =
            BaseRecord::to(&output.topic).key(output.key.as_slice());
        // Without it the client would look at the clock for each record.
        record = record.timestamp(self.began_ms);
        if let Some(value) = &output.value {
            record = record.payload(value);
        }
        if let Some(partition) = output.partition {
            record = record.partition(partition);
        }
        if !output.headers.is_empty() {
            let headers = OwnedHeaders::new_with_capacity(output.headers.len());
            record = record.headers(output.headers.iter().fold(
                headers,
                |headers, (key, value)| {
                    headers.insert(Header {
                        key,
                        value: Some(value),
                    })
                },
            ));
        }
        let mut full_since = None;
        loop {
            let (error, back) = match producer.send(record) {
                Ok(()) => return Ok(()),
                Err(refused) => refused,
            };
            let is_full = KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull);
            let since = *full_since.get_or_insert_with(Instant::now);
            if error != is_full || since.elapsed() > QUEUE_FULL_MAX {
                return Err(class("send", &error));
            }
            serve(producer);
            record = back;
        }
    }

    /// Drains first: a commit with records in flight costs librdkafka's whole flush slice.
    pub(super) fn commit(
        &mut self,
        positions: &TopicPartitionList,
        metadata: &dyn Fn() -> Option<ConsumerGroupMetadata>,
    ) -> Result<(), LogError> {
        let producer = self.producer()?;
        let until = Instant::now() + Duration::from_millis(u64::from(TRANSACTION_TIMEOUT_MS));
        if !serve_all(producer, until) {
            return Err(LogError::Unknown(
                "records were not delivered in time".into(),
            ));
        }
        let failed = self.deliveries.failed.load(Ordering::Acquire);
        if failed > 0 {
            return Err(LogError::Abort(format!(
                "{failed} records were not delivered"
            )));
        }
        let metadata = metadata()
            .ok_or_else(|| LogError::Abort("the consumer is not a member of its group".into()))?;
        self.watchdog
            .watched(|| producer.send_offsets_to_transaction(positions, &metadata, Timeout::Never))
            .map_err(|error| class("offsets", &error))?;
        self.watchdog
            .watched(|| producer.commit_transaction(Timeout::Never))
            .map_err(|error| class("commit", &error))
    }

    pub(super) fn abort(&mut self) -> Result<(), LogError> {
        let producer = self.producer()?;
        self.watchdog
            .watched(|| producer.abort_transaction(Timeout::Never))
            .map_err(|error| LogError::Unknown(format!("abort: {error}")))
    }
}

/// What an error of a transactional call means for the transaction.
fn class(call: &str, error: &KafkaError) -> LogError {
    let text = format!("{call}: {error}");
    if let KafkaError::Transaction(cause) = error
        && cause.txn_requires_abort()
    {
        return LogError::Abort(text);
    }
    if let KafkaError::MessageProduction(RDKafkaErrorCode::MessageSizeTooLarge) = error {
        return LogError::Stop(format!(
            "{text}: a record of ours is larger than the topic takes"
        ));
    }
    // Fenced by a successor with our name, a broken sequence, a lost connection: a new producer
    // decides. If a successor is alive, its generation refuses our commits, which are then aborted.
    LogError::Unknown(text)
}

/// Ends the process when a call to Kafka hangs: what waits for ever holds partitions for ever.
struct Watchdog {
    started: Instant,
    /// Milliseconds after `started` at which the call under way began; 0 when there is none.
    since_ms: Arc<AtomicI64>,
}

impl Watchdog {
    fn start() -> anyhow::Result<Self> {
        let started = Instant::now();
        let since_ms = Arc::new(AtomicI64::new(0));
        let watched = Arc::downgrade(&since_ms);
        let limit_ms = 2 * i64::from(TRANSACTION_TIMEOUT_MS);
        std::thread::Builder::new()
            .name("kafka-watchdog".into())
            .spawn(move || {
                while let Some(since_ms) = watched.upgrade() {
                    let since = since_ms.load(Ordering::Acquire);
                    drop(since_ms);
                    if since > 0 && elapsed_ms(started) - since > limit_ms {
                        tracing::error!(
                            "a call to Kafka hangs, the process ends so that another can go on"
                        );
                        telemetry::close();
                        std::process::exit(1);
                    }
                    std::thread::park_timeout(Duration::from_secs(1));
                }
            })?;
        Ok(Self { started, since_ms })
    }

    fn watched<T>(&self, call: impl FnOnce() -> T) -> T {
        self.since_ms
            .store(elapsed_ms(self.started).max(1), Ordering::Release);
        let result = call();
        self.since_ms.store(0, Ordering::Release);
        result
    }
}

fn elapsed_ms(since: Instant) -> i64 {
    i64::try_from(since.elapsed().as_millis()).unwrap_or(i64::MAX)
}
