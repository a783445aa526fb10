//! The member of the group. Rebalances are only noted inside librdkafka's callback; the loop takes
//! partitions up and gives them up afterwards, in plain sight, with its transaction in hand.

use std::{
    cell::Cell,
    collections::VecDeque,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use rdkafka::{
    ClientContext, Statistics, TopicPartitionList,
    consumer::{BaseConsumer, Consumer, ConsumerContext},
    error::KafkaError,
    message::Headers as _,
    types::RDKafkaRespErr,
    util::Timeout,
};

use crate::kafka::{
    caught_up::Fetched,
    config::consumer_config,
    exactly_once::{Incoming, LogError, Options, Polled},
    reach::Reach,
};

/// How often trouble of the consumer is logged, at most.
const WARN_EVERY: Duration = Duration::from_secs(5);

/// What librdkafka told us while it was polled.
#[derive(Debug)]
pub(super) enum Event {
    Assigned(Vec<i32>),
    Revoked,
    Fetched(Vec<(i32, Fetched)>),
}

#[derive(Debug)]
pub(super) struct Context {
    primary: String,
    tracks_time: bool,
    events: Mutex<VecDeque<Event>>,
    closing: AtomicBool,
    reach: Reach,
}

impl Context {
    fn push(&self, event: Event) {
        let mut events = self.events.lock().unwrap_or_else(PoisonError::into_inner);
        // Statistics that nobody took yet are outdated by newer ones.
        if matches!(event, Event::Fetched(_)) {
            events.retain(|waiting| !matches!(waiting, Event::Fetched(_)));
        }
        events.push_back(event);
    }
}

impl ClientContext for Context {
    fn stats(&self, statistics: Statistics) {
        self.reach.heard(&statistics);
        if !self.tracks_time {
            return;
        }
        let Some(topic) = statistics.topics.get(&self.primary) else {
            return;
        };
        let fetched = topic
            .partitions
            .values()
            .filter(|p| p.partition >= 0)
            .map(|p| {
                let queued = u64::try_from(p.fetchq_cnt).unwrap_or(0);
                (
                    p.partition,
                    Fetched {
                        eof_offset: p.eof_offset,
                        queued,
                    },
                )
            })
            .collect();
        self.push(Event::Fetched(fetched));
    }
}

impl ConsumerContext for Context {
    fn rebalance(
        &self,
        consumer: &BaseConsumer<Self>,
        error: RDKafkaRespErr,
        partitions: &mut TopicPartitionList,
    ) {
        let assigned = error == RDKafkaRespErr::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS;
        if self.closing.load(Ordering::Acquire) {
            // Nobody polls for us any more: answer at once, or closing never ends.
            if let Err(error) = consumer.unassign() {
                tracing::warn!(%error, "partitions not given up while closing");
            }
        } else if assigned {
            let partitions = partitions
                .elements()
                .iter()
                .map(|e| e.partition())
                .collect();
            self.push(Event::Assigned(partitions));
        } else {
            self.push(Event::Revoked);
        }
    }

    fn main_queue_min_poll_interval(&self) -> Timeout {
        Timeout::After(Duration::from_millis(50))
    }
}

/// Hands one message on, headers included.
pub(super) fn hand_over(message: &impl rdkafka::Message, on_record: &mut dyn FnMut(&Incoming<'_>)) {
    let headers: Vec<(&str, &[u8])> = message.headers().map_or_else(Vec::new, |headers| {
        headers
            .iter()
            .map(|h| (h.key, h.value.unwrap_or_default()))
            .collect()
    });
    on_record(&Incoming {
        topic: message.topic(),
        partition: message.partition(),
        offset: message.offset(),
        timestamp_ms: message.timestamp().to_millis().unwrap_or_default(),
        key: message.key(),
        value: message.payload(),
        headers: &headers,
    });
}

/// An error that a consumer reports instead of a record.
pub(super) fn consumed(
    error: &KafkaError,
    warned: &Cell<Option<Instant>>,
) -> Result<Polled, LogError> {
    if matches!(error, KafkaError::PartitionEOF(_)) {
        return Ok(Polled::Event);
    }
    if let KafkaError::MessageConsumptionFatal(code) = error {
        return Err(LogError::Stop(format!(
            "the consumer was ended by the cluster: {code}; is another process running with the \
             same instance id, or was the broker away for longer than a session lasts?"
        )));
    }
    // Brokers away, a leader that moves: librdkafka keeps trying, records will come. It says so many
    // times a second; once is enough for a log.
    if warned.get().is_none_or(|at| at.elapsed() > WARN_EVERY) {
        warned.set(Some(Instant::now()));
        tracing::warn!(%error, "the consumer has trouble and goes on");
    }
    Ok(Polled::Event)
}

pub(super) struct Member {
    pub(super) consumer: BaseConsumer<Context>,
}

impl Member {
    pub(super) fn join(options: &Options) -> anyhow::Result<Self> {
        let instance = format!("{}-{}", options.group, options.instance);
        let mut config = consumer_config(&options.kafka, &options.group, &instance);
        let statistics_ms = if options.tracks_time { "100" } else { "1000" };
        config.set("statistics.interval.ms", statistics_ms);
        let context = Context {
            primary: options.primary.clone(),
            events: Mutex::default(),
            tracks_time: options.tracks_time,
            closing: AtomicBool::new(false),
            reach: Reach::default(),
        };
        let consumer: BaseConsumer<Context> = config.create_with_context(context)?;
        consumer.subscribe(&[&options.primary])?;
        Ok(Self { consumer })
    }

    pub(super) fn take_event(&self) -> Option<Event> {
        let context = self.consumer.client().context();
        context
            .events
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .pop_front()
    }

    pub(super) fn is_away(&self) -> bool {
        self.consumer.client().context().reach.is_away()
    }

    pub(super) fn closing(&self) {
        self.consumer
            .client()
            .context()
            .closing
            .store(true, Ordering::Release);
        // A rebalance that was noted and never answered would keep the group waiting.
        if let Err(error) = self.consumer.unassign() {
            tracing::warn!(%error, "partitions not given up while closing");
        }
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        self.closing();
    }
}
