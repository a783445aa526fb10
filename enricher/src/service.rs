//! The flow: decode, decide, encode, settle. Kafka's part is `runtime::kafka::exactly_once`.

mod changelog;
mod loading;
mod output;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::{Duration, Instant},
};

use runtime::{
    clock::{SharedClock, SystemClock},
    kafka::exactly_once::{Failure, Incoming, Outgoing, Stage},
};
use schemas::{
    DeliveryEvent, Micros, OrderKey, Reason,
    avro::{AvroError, Decoder},
    set_aside::{About, Source, Why},
    topics::Topic,
};

pub use self::{
    changelog::{Changelog, Each, KafkaChangelog, LogRecord, MemoryChangelog},
    loading::{DiskShelves, MemoryShelves, Shelves},
    output::SchemaIds,
};
use self::{
    loading::{Loaded, Owned, Sources},
    output::{Cause, Outputs},
};
use crate::{
    codec::decode_message,
    effects::Effects,
    metrics::{Metrics, Pending},
    outcome::Outcome,
    partition::{Appended, Partition, Rules},
};

/// Why a schema id has no text.
#[derive(Debug, thiserror::Error)]
pub enum NoSchema {
    /// The registry says that there is none.
    #[error("the registry does not know it")]
    Unknown,
    /// The registry can't be asked now.
    #[error("{0}")]
    NotNow(String),
    /// The registry can't be asked at all.
    #[error(transparent)]
    Never(anyhow::Error),
}

/// The writer's schema behind an id.
pub type Schemas = Box<dyn FnMut(u32) -> Result<String, NoSchema> + Send>;

/// The worker's stage: the partitions that are ours, and what turns bytes into types and back.
#[expect(missing_debug_implementations, reason = "the encoders have none")]
pub struct Enricher {
    canonical: Arc<str>,
    links: String,
    rules: Arc<Rules>,
    partitions: BTreeMap<i32, Owned>,
    /// Whose shelves turned out to be wrong.
    distrusted: BTreeSet<i32>,
    decoder: Decoder,
    schemas: Schemas,
    changelog: Box<dyn Changelog>,
    shelves: Box<dyn Shelves>,
    clock: SharedClock,
    outputs: Outputs,
    effects: Effects,
    metrics: Metrics,
    pending: Pending,
    /// When the size of the state was looked at last.
    sized: Option<Instant>,
}

const SIZE_EVERY: Duration = Duration::from_secs(2);

impl Enricher {
    /// A stage of the topics under `prefix`; it knows no schema and has an empty changelog.
    ///
    /// # Errors
    /// If an embedded schema is not Avro, which a test of `schemas` rules out.
    pub fn new(
        prefix: &str,
        ids: SchemaIds,
        rules: Arc<Rules>,
        metrics: Metrics,
    ) -> Result<Self, AvroError> {
        Ok(Self {
            canonical: Topic::Canonical.name(prefix).into(),
            links: Topic::EnricherLinks.name(prefix),
            rules,
            partitions: BTreeMap::new(),
            distrusted: BTreeSet::new(),
            decoder: Decoder::new(),
            schemas: Box::new(|_| Err(NoSchema::Unknown)),
            changelog: Box::new(MemoryChangelog::default()),
            shelves: Box::new(MemoryShelves),
            clock: Arc::new(SystemClock),
            outputs: Outputs::new(prefix, ids)?,
            effects: Effects::default(),
            metrics,
            pending: Pending::default(),
            sized: None,
        })
    }

    /// Where writers' schemas come from.
    #[must_use]
    pub fn with_schemas(mut self, schemas: Schemas) -> Self {
        self.schemas = schemas;
        self
    }

    /// Where the state of assigned partitions comes from.
    #[must_use]
    pub fn with_changelog(mut self, changelog: Box<dyn Changelog>) -> Self {
        self.changelog = changelog;
        self
    }

    /// Where the committed state lies, and the clock that says how old it is. No decision about an
    /// order hangs on that clock.
    #[must_use]
    pub fn with_shelves(mut self, shelves: Box<dyn Shelves>, clock: SharedClock) -> Self {
        self.shelves = shelves;
        self.clock = clock;
        self
    }

    fn load(&mut self, partition: i32) -> Result<Owned, Failure> {
        let mut sources = Sources {
            changelog: self.changelog.as_mut(),
            shelves: self.shelves.as_mut(),
            now_ms: self.clock.now_ms(),
        };
        let distrusted = self.distrusted.contains(&partition);
        let loaded = sources.load(partition, &self.rules, distrusted)?;
        self.distrusted.remove(&partition);
        let Loaded {
            owned,
            records,
            from_shelf,
        } = loaded;
        self.metrics.restored(records);
        let kept = owned.partition.store().shelf().len();
        tracing::info!(partition, records, kept, from_shelf, "state restored");
        Ok(owned)
    }

    /// What was read of a damaged shelf must not leave.
    fn check(&mut self, number: i32) -> Result<(), Failure> {
        let Some(owned) = self.partitions.get(&number) else {
            return Ok(());
        };
        let Some(fault) = owned.partition.store().fault() else {
            return Ok(());
        };
        tracing::warn!(
            partition = number,
            error = fault as &dyn std::error::Error,
            "local state is damaged"
        );
        self.distrusted.insert(number);
        Err(Failure::Reload("local state is damaged".into()))
    }

    /// The event of a canonical record, or why it is none.
    fn decode(&mut self, value: &[u8]) -> Result<Result<DeliveryEvent, String>, Failure> {
        let again = match self.decoder.decode(value) {
            Ok(event) => return Ok(Ok(event)),
            Err(AvroError::UnknownSchema(id)) => id,
            Err(error) => return Ok(Err(error.to_string())),
        };
        let text = match (self.schemas)(again) {
            Ok(text) => text,
            Err(NoSchema::Unknown) => {
                return Ok(Err(format!("schema id {again} is not registered")));
            }
            Err(NoSchema::NotNow(why)) => return Err(Failure::Retry(why)),
            Err(NoSchema::Never(error)) => return Err(Failure::Stop(error)),
        };
        let learned = self.decoder.learn(again, &text);
        Ok(learned
            .and_then(|()| self.decoder.decode(value))
            .map_err(|error| error.to_string()))
    }

    fn event(&mut self, record: &Incoming<'_>) -> Result<(), Failure> {
        let Some(key) = record.key.and_then(|key| std::str::from_utf8(key).ok()) else {
            return self.undecodable(record, "key: is not text".into());
        };
        let Some(value) = record.value else {
            return self.undecodable(record, "value: is missing".into());
        };
        let event = match self.decode(value)? {
            Ok(event) => event,
            Err(why) => return self.undecodable(record, format!("value: {why}")),
        };
        let partition = own(&mut self.partitions, record.partition)?;
        if !partition.knows(key) && key.parse() != Ok(event.key()) {
            return self.undecodable(record, "key: does not name the event's order".into());
        }
        partition.event(key, event, appended(record, value), &mut self.effects);
        self.check(record.partition)
    }

    fn message(&mut self, record: &Incoming<'_>) -> Result<(), Failure> {
        let key = record.key.and_then(|key| std::str::from_utf8(key).ok());
        let Some(key) = key.and_then(|key| key.parse::<OrderKey>().ok()) else {
            return self.undecodable(record, "key: names no order".into());
        };
        let value = record.value.unwrap_or_default();
        let message = match decode_message(value) {
            Ok(message) => message,
            Err(error) => return self.undecodable(record, format!("value: {error}")),
        };
        let partition = own(&mut self.partitions, record.partition)?;
        partition.message(&key, message, appended(record, value), &mut self.effects);
        self.check(record.partition)
    }

    #[expect(clippy::unnecessary_wraps, reason = "it ends functions that may fail")]
    fn undecodable(&mut self, record: &Incoming<'_>, detail: String) -> Result<(), Failure> {
        let reason = Reason::Undecodable;
        let about = About::nothing_but_its_place(source(record));
        self.effects.outcomes.push(Outcome::SetAside(reason));
        self.effects.set_aside.push((about, Why { reason, detail }));
        Ok(())
    }

    /// Writes what the transaction leaves of a partition.
    fn settle(&mut self, number: i32, out: &mut Outgoing) -> Result<(), Failure> {
        let Some(owned) = self.partitions.get_mut(&number) else {
            return Ok(());
        };
        let (outputs, mut written) = (&self.outputs, false);
        let settled = owned.partition.settle(|settled| {
            written = true;
            outputs.settled(number, settled, out)
        });
        settled.map_err(Failure::from)?;
        if written && let Some(id) = owned.wanted_identity(self.clock.now_micros(), number) {
            out.send(outputs.identity(number, id)?);
        }
        Ok(())
    }

    fn report(&mut self) {
        let partitions = || self.partitions.values().map(|owned| &owned.partition);
        self.metrics.state(partitions());
        if self.sized.is_none_or(|at| at.elapsed() > SIZE_EVERY) {
            self.sized = Some(Instant::now());
            self.metrics.size(partitions());
        }
    }

    /// Writes what a step wants written.
    fn emit(
        &mut self,
        partition: i32,
        source: Source<'_>,
        cause: Option<Cause<'_>>,
        out: &mut Outgoing,
    ) -> Result<(), Failure> {
        self.pending.count(&self.effects);
        for (key, event) in &self.effects.ordered {
            let ordered = self.outputs.ordered(partition, key, event)?;
            out.send(Cause::told(cause, ordered));
        }
        for (about, why) in self.effects.set_aside.drain(..) {
            out.send(self.outputs.set_aside(about, why, source)?);
        }
        self.effects.clear();
        Ok(())
    }
}

fn own(partitions: &mut BTreeMap<i32, Owned>, number: i32) -> Result<&mut Partition, Failure> {
    let not_ours = || Failure::Stop(anyhow::anyhow!("partition {number} is not assigned"));
    let owned = partitions.get_mut(&number).ok_or_else(not_ours)?;
    Ok(&mut owned.partition)
}

fn appended(record: &Incoming<'_>, value: &[u8]) -> Appended {
    Appended {
        at_ms: record.timestamp_ms,
        bytes: value.len(),
    }
}

fn source<'a>(record: &Incoming<'a>) -> Source<'a> {
    Source {
        topic: record.topic,
        partition: record.partition,
        offset: record.offset,
        appended_at: Micros::from_millis(record.timestamp_ms),
    }
}

impl Stage for Enricher {
    fn assigned(&mut self, partitions: &[i32]) -> Result<(), Failure> {
        self.partitions.clear();
        self.metrics.restoring(partitions.len());
        for number in partitions {
            let partition = self.load(*number)?;
            self.partitions.insert(*number, partition);
        }
        self.changelog.rest();
        self.sized = None;
        self.report();
        Ok(())
    }

    fn revoked(&mut self, partitions: &[i32]) {
        for number in partitions {
            self.partitions.remove(number);
        }
        self.report();
    }

    fn record(&mut self, record: &Incoming<'_>, out: &mut Outgoing) -> Result<(), Failure> {
        self.effects.clear();
        if record.topic == &*self.canonical {
            self.event(record)?;
        } else if record.topic == self.links {
            self.message(record)?;
        } else {
            let topic = record.topic;
            return Err(Failure::Stop(anyhow::anyhow!(
                "{topic} is no input of ours"
            )));
        }
        let cause = Cause::of(record);
        self.emit(record.partition, source(record), cause, out)
    }

    fn advance(&mut self, partition: i32, now_ms: i64, out: &mut Outgoing) -> Result<(), Failure> {
        self.effects.clear();
        own(&mut self.partitions, partition)?.advance(now_ms, &mut self.effects);
        self.check(partition)?;
        let canonical = Arc::clone(&self.canonical);
        // What time released was read long ago; all that is known of its place is the partition.
        let source = Source {
            topic: &canonical,
            partition,
            offset: -1,
            appended_at: Micros::from_millis(now_ms),
        };
        self.emit(partition, source, None, out)
    }

    fn to_write(&self) -> usize {
        self.partitions.values().map(Owned::to_write).sum()
    }

    fn deadline_ms(&self, partition: i32) -> Option<i64> {
        self.partitions.get(&partition)?.partition.deadline_ms()
    }

    fn before_commit(&mut self, out: &mut Outgoing) -> Result<(), Failure> {
        let numbers: Vec<i32> = self.partitions.keys().copied().collect();
        for number in numbers {
            self.check(number)?;
            self.settle(number, out)?;
        }
        Ok(())
    }

    fn watched_topic(&self) -> Option<Arc<str>> {
        Some(self.outputs.changelog())
    }

    fn written(&mut self, partition: i32, offset: i64) {
        if let Some(owned) = self.partitions.get_mut(&partition) {
            owned.written(offset);
        }
    }

    fn committed(&mut self) {
        let now_ms = self.clock.now_ms();
        for owned in self.partitions.values_mut() {
            owned.committed(now_ms);
        }
        self.pending.commit(&self.metrics);
        self.report();
    }

    fn discarded(&mut self) {
        self.partitions.values_mut().for_each(Owned::discarded);
        self.pending.discard();
    }
}

#[cfg(test)]
mod tests;
