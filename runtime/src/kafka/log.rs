//! The loop's Kafka: one group member for the primary topic, readers for companions, one
//! transactional producer. Blocking; owned by one thread.

mod consumer;
mod positions;
mod producer;

use std::{
    cell::Cell,
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::{Duration, Instant},
};

use rdkafka::{
    consumer::{BaseConsumer, Consumer},
    error::{KafkaError, RDKafkaErrorCode},
    topic_partition_list::{Offset, TopicPartitionList},
};

use self::{
    consumer::{Event, Member, consumed, hand_over},
    positions::Outside,
    producer::Transactions,
};
use super::{
    caught_up::{CaughtUp, Ends, Step},
    config::assigned_consumer_config,
    exactly_once::{Incoming, Log, LogError, Options, Output, Polled, Positions},
};
use crate::clock::SharedClock;

/// How long a question to the brokers may take before it is asked again.
const ASK: Duration = Duration::from_secs(10);

/// Records of the primary topic between two looks at the companions, while those have nothing.
const COMPANIONS_EVERY: u32 = 64;
/// So many records of theirs in a row, then the group's member is served: only so does it hear that its
/// partitions are gone.
const COMPANIONS_IN_A_ROW: u32 = 256;

/// How often the ends of a partition are asked for, at most.
const ENDS_EVERY: Duration = Duration::from_millis(50);

pub(crate) struct KafkaLog {
    group: String,
    primary: Arc<str>,
    companions: Vec<Arc<str>>,
    member: Member,
    companion: Option<BaseConsumer>,
    /// Records of the primary topic since the companions were looked at.
    since_companions: u32,
    companions_in_a_row: u32,
    /// Sees the high watermark where the member sees the last stable offset.
    uncommitted: Option<BaseConsumer>,
    producer: Transactions,
    /// Committed positions of everything that is owned.
    committed: Positions,
    /// Where the group ever had a position.
    known: BTreeSet<(Arc<str>, i32)>,
    has_markers: bool,
    caught_up: CaughtUp,
    ends_asked: BTreeMap<i32, Instant>,
    clock: SharedClock,
    warned: Cell<Option<Instant>>,
}

impl KafkaLog {
    pub(crate) fn connect(options: &Options, clock: SharedClock) -> anyhow::Result<Self> {
        let companion = if options.companions.is_empty() {
            None
        } else {
            Some(assigned_consumer_config(&options.kafka, &options.group).create()?)
        };
        let uncommitted = if options.tracks_time {
            let mut config = assigned_consumer_config(&options.kafka, &options.group);
            config.set("isolation.level", "read_uncommitted");
            Some(config.create()?)
        } else {
            None
        };
        let id = format!("{}-{}", options.group, options.instance);
        Ok(Self {
            group: options.group.clone(),
            primary: Arc::from(options.primary.as_str()),
            companions: options
                .companions
                .iter()
                .map(|name| Arc::from(name.as_str()))
                .collect(),
            producer: Transactions::connect(&options.kafka, &id)?,
            member: Member::join(options)?,
            companion,
            since_companions: COMPANIONS_EVERY,
            companions_in_a_row: 0,
            uncommitted,
            committed: Positions::new(),
            known: BTreeSet::new(),
            has_markers: options.has_markers,
            caught_up: CaughtUp::default(),
            ends_asked: BTreeMap::new(),
            clock,
            warned: Cell::new(None),
        })
    }

    /// (Re)assigns everything at the committed positions; what was fetched beyond them is dropped.
    fn assign(&mut self) -> Result<(), LogError> {
        // A transaction that failed because the group has moved on fails again, until the member hears of it.
        self.since_companions = 0;
        self.caught_up.clear();
        self.ends_asked.clear();
        let wanted = |of_primary: bool| {
            positions::assignment(&self.committed, |topic| {
                (*topic == *self.primary) == of_primary
            })
        };
        self.member
            .consumer
            .assign(&wanted(true)?)
            .map_err(|e| again(&e))?;
        if let Some(companion) = &self.companion {
            companion.assign(&wanted(false)?).map_err(|e| again(&e))?;
        }
        Ok(())
    }

    /// Some position lies outside of its partition. Those that only the ends of transactions lie behind are
    /// moved on.
    fn outside(&mut self, error: &KafkaError) -> LogError {
        let mut moved = 0;
        for ((topic, partition), next) in &mut self.committed {
            if *next < 0 {
                continue;
            }
            let ends = self
                .member
                .consumer
                .fetch_watermarks(topic, *partition, ASK);
            let ends = match ends {
                Ok(ends) if (ends.0..=ends.1).contains(next) => continue,
                Ok(ends) => ends,
                Err(error) => return again(&error),
            };
            let outside = Outside {
                topic,
                partition: *partition,
                group: &self.group,
                next: *next,
                ends,
                has_markers: self.has_markers,
            };
            if !outside.is_read() {
                return LogError::Stop(outside.told());
            }
            *next = ends.0;
            moved += 1;
        }
        LogError::Abort(match moved {
            0 => format!("the consumer has no offset to go on at: {error}"),
            moved => format!(
                "Kafka deleted the ends of transactions up to which {moved} partitions were read"
            ),
        })
    }

    /// What an error of a consumer means.
    fn consumed(&mut self, error: &KafkaError) -> Result<Polled, LogError> {
        if error.rdkafka_error_code() == Some(RDKafkaErrorCode::AutoOffsetReset) {
            return Err(self.outside(error));
        }
        consumed(error, &self.warned)
    }

    fn ends(&self, partition: i32) -> Result<Option<Ends>, LogError> {
        let Some(uncommitted) = &self.uncommitted else {
            return Ok(None);
        };
        let end = |consumer: &dyn Fn() -> Result<(i64, i64), KafkaError>| match consumer() {
            Ok((_, end)) => Some(end),
            Err(error) => {
                tracing::debug!(%error, partition, "ends of a partition not known");
                None
            }
        };
        // The high watermark first: the last stable offset must then reach what it was.
        let high = end(&|| uncommitted.fetch_watermarks(&self.primary, partition, ASK));
        let stable = end(&|| {
            self.member
                .consumer
                .fetch_watermarks(&self.primary, partition, ASK)
        });
        Ok(high.zip(stable).map(|(high_watermark, last_stable)| Ends {
            high_watermark,
            last_stable,
        }))
    }
}

pub(super) fn again(error: &KafkaError) -> LogError {
    LogError::Abort(error.to_string())
}

impl Log for KafkaLog {
    fn poll(
        &mut self,
        wait: Duration,
        on_record: &mut dyn FnMut(&Incoming<'_>),
    ) -> Result<Polled, LogError> {
        if let Some(companion) = &self.companion
            && self.since_companions >= COMPANIONS_EVERY
        {
            let failed = match companion.poll(Duration::ZERO) {
                Some(Ok(message)) => {
                    hand_over(&message, on_record);
                    self.companions_in_a_row += 1;
                    if self.companions_in_a_row >= COMPANIONS_IN_A_ROW {
                        self.since_companions = 0;
                    }
                    return Ok(Polled::Record);
                }
                Some(Err(error)) => Some(error),
                None => {
                    self.since_companions = 0;
                    None
                }
            };
            if let Some(error) = failed {
                self.consumed(&error)?;
            }
        }
        self.since_companions += 1;
        self.companions_in_a_row = 0;
        let polled = match self.member.consumer.poll(wait) {
            Some(Ok(message)) => {
                hand_over(&message, on_record);
                Ok(Polled::Record)
            }
            Some(Err(error)) => Err(error),
            None => {
                // Before the next wait the companions are asked.
                self.since_companions = COMPANIONS_EVERY;
                Ok(Polled::Idle)
            }
        };
        let polled = polled.or_else(|error| self.consumed(&error));
        match &polled {
            Ok(Polled::Idle) => self.caught_up.drained(),
            _ => self.caught_up.handed_out(),
        }
        // The record, if there was one, is in the open transaction before its partition is left.
        match self.member.take_event() {
            Some(Event::Fetched(fetched)) => {
                for (partition, fetched) in fetched {
                    self.caught_up.fetched(partition, fetched);
                }
                polled
            }
            Some(Event::Assigned(partitions)) => Ok(Polled::Assigned(partitions)),
            Some(Event::Revoked) => Ok(Polled::Revoked {
                lost: self.member.consumer.assignment_lost(),
            }),
            None => polled,
        }
    }

    fn load_positions(&mut self, partitions: &[i32]) -> Result<(), LogError> {
        let mut wanted = TopicPartitionList::new();
        for topic in std::iter::once(&self.primary).chain(&self.companions) {
            for partition in partitions {
                wanted.add_partition(topic, *partition);
            }
        }
        self.committed.clear();
        // Before anything is asked of the log: what a process of our name left open holds its readers, us among them,
        // until it is ended.
        self.producer.ready()?;
        if partitions.is_empty() {
            return Ok(());
        }
        let found = self
            .member
            .consumer
            .committed_offsets(wanted, ASK)
            .map_err(|error| again(&error))?;
        self.committed = positions::positions(&found, &mut self.known)?;
        Ok(())
    }

    fn take_up(&mut self) -> Result<(), LogError> {
        self.assign()
    }

    fn give_up(&mut self) -> Result<(), LogError> {
        self.committed.clear();
        self.caught_up.clear();
        if let Some(companion) = &self.companion {
            companion.unassign().map_err(|error| again(&error))?;
        }
        self.member
            .consumer
            .unassign()
            .map_err(|error| again(&error))
    }

    fn is_away(&self) -> bool {
        self.member.is_away()
    }

    fn begin(&mut self) -> Result<(), LogError> {
        self.producer.begin()
    }

    fn send(&mut self, output: &Output) -> Result<(), LogError> {
        self.producer.send(output)
    }

    fn watch(&mut self, topic: Arc<str>) {
        self.producer.watch(topic);
    }

    fn written(&self) -> Vec<(i32, i64)> {
        self.producer.written()
    }

    fn commit(&mut self, positions: &Positions) -> Result<(), LogError> {
        let mut list = TopicPartitionList::new();
        for ((topic, partition), offset) in positions {
            list.add_partition_offset(topic, *partition, Offset::Offset(*offset))
                .map_err(|error| again(&error))?;
        }
        let metadata = || self.member.consumer.group_metadata();
        self.producer.commit(&list, &metadata)?;
        for (place, offset) in positions {
            let before = self.committed.insert(place.clone(), *offset);
            if before.is_none_or(|before| before < 0) {
                self.known.insert(place.clone());
            }
        }
        Ok(())
    }

    fn abort(&mut self) -> Result<(), LogError> {
        self.producer.abort()
    }

    fn rewind(&mut self) -> Result<(), LogError> {
        if self.committed.is_empty() {
            return Ok(());
        }
        self.assign()
    }

    fn renew(&mut self) -> Result<(), LogError> {
        self.producer.renew()
    }

    fn position(&self, partition: i32) -> Option<((Arc<str>, i32), i64)> {
        let place = (self.primary.clone(), partition);
        let offset = self
            .committed
            .get(&place)
            .copied()
            .filter(|offset| *offset >= 0)?;
        Some((place, offset))
    }

    fn caught_up(&mut self, partition: i32, wanted_ms: i64) -> Result<Option<i64>, LogError> {
        match self.caught_up.step(partition, wanted_ms) {
            Step::Advance(reached_ms) => return Ok(Some(reached_ms)),
            Step::Wait => return Ok(None),
            Step::AskEnds => {}
        }
        let asked = self.ends_asked.get(&partition);
        if asked.is_some_and(|at| at.elapsed() < ENDS_EVERY) {
            return Ok(None);
        }
        self.ends_asked.insert(partition, Instant::now());
        let sampled_ms = self.clock.now_ms();
        if let Some(ends) = self.ends(partition)? {
            self.caught_up.target(partition, ends, sampled_ms);
        }
        match self.caught_up.step(partition, wanted_ms) {
            Step::Advance(reached_ms) => Ok(Some(reached_ms)),
            Step::Wait | Step::AskEnds => Ok(None),
        }
    }

    fn close(&mut self) {
        self.member.closing();
    }
}
