//! The loop itself: when a transaction opens, closes, and what follows a failure.

use std::{
    collections::BTreeSet,
    sync::Arc,
    time::{Duration, Instant},
};

use super::{
    Log, LogError, Options, Outgoing, Polled, Stage,
    pace::{Pace, Run},
    readiness::Readiness,
    spans::Spans,
    transaction::{Metrics, Open, Trouble, wait},
};
use crate::{
    backoff::Backoff, clock::SharedClock, kafka::log::KafkaLog, service::Context,
    shutdown::Shutdown,
};

const IDLE_POLL: Duration = Duration::from_millis(50);
/// Outputs go to the producer so many at a time: each partition's share is then a batch worth
/// compressing and a request, where the lingering of a few would be many.
const SEND_MIN: usize = 4_096;
const SEND_BYTES_MIN: usize = 2 * 1024 * 1024;
/// How often deadlines of partitions are looked at.
const TIME_STEP: Duration = Duration::from_millis(20);

/// Runs a stage until shutdown: drains, commits and returns.
///
/// # Errors
/// When the stage or Kafka says that going on is wrong.
pub fn run<S: Stage>(options: &Options, stage: &mut S, context: &Context) -> anyhow::Result<()> {
    let metrics = Metrics::new(options.name, &context.metrics)?;
    let readiness = Readiness::new(context.health.part(options.name));
    let mut log = KafkaLog::connect(options, context.clock.clone())?;
    let mut worker = Worker::new(&mut log, stage, context.clock.clone(), metrics);
    worker.readiness = readiness;
    worker.spans = Spans::new(options.name, context.traces.clone());
    let result = worker.run(&context.shutdown);
    log.close();
    result
}

pub(super) struct Worker<'a, L, S> {
    log: &'a mut L,
    stage: &'a mut S,
    clock: SharedClock,
    metrics: Metrics,
    readiness: Readiness,
    out: Outgoing,
    open: Option<Open>,
    owned: BTreeSet<i32>,
    /// Assigned and not yet taken up: loading failed and is tried again.
    wanted: Option<Vec<i32>>,
    time_looked_at: Instant,
    pace: Pace,
    pub(super) backoff: Backoff,
    spans: Spans,
    /// Names of the input topics, so that a record's position costs no allocation.
    topics: Vec<Arc<str>>,
}

impl<'a, L: Log, S: Stage> Worker<'a, L, S> {
    pub(super) fn new(
        log: &'a mut L,
        stage: &'a mut S,
        clock: SharedClock,
        metrics: Metrics,
    ) -> Self {
        Self {
            log,
            stage,
            clock,
            metrics,
            readiness: Readiness::default(),
            out: Outgoing::default(),
            open: None,
            owned: BTreeSet::new(),
            wanted: None,
            time_looked_at: Instant::now(),
            pace: Pace::default(),
            backoff: Backoff::new(Duration::from_millis(50), Duration::from_secs(5)),
            spans: Spans::default(),
            topics: Vec::new(),
        }
    }

    pub(super) fn run(&mut self, shutdown: &Shutdown) -> anyhow::Result<()> {
        if let Some(topic) = self.stage.watched_topic() {
            self.log.watch(topic);
        }
        while !shutdown.is_requested() {
            if let Err(trouble) = self.turn() {
                self.recover(trouble, shutdown)?;
            }
        }
        // What is open was consumed already: it leaves with us.
        match self.commit() {
            Ok(()) => Ok(()),
            Err(Trouble::Stop(error)) => Err(error),
            Err(Trouble::Abort(why) | Trouble::Renew(why)) => {
                tracing::warn!(%why, "last transaction not committed, its input will be read again");
                self.discard(); // our successor ends it; an abort could wait for brokers
                Ok(())
            }
        }
    }

    /// One step: poll, decide, and commit when it is time.
    fn turn(&mut self) -> Result<(), Trouble> {
        if let Some(partitions) = self.wanted.clone() {
            self.take_up(&partitions)?;
        }
        let wait = self.open.as_ref().map_or(IDLE_POLL, |open| {
            // The first idle poll comes back at once, so that idleness is seen.
            if open.went_idle {
                open.time_left()
            } else {
                Duration::ZERO
            }
        });
        let mut run = Run::begin(self.bytes());
        let mut polled = self.poll(wait)?;
        while polled == Polled::Record {
            let bytes = self.bytes();
            if !run.goes_on(bytes) || self.is_reached(bytes) {
                break;
            }
            polled = self.poll(Duration::ZERO)?;
        }
        let is_idle = polled == Polled::Idle;
        match polled {
            Polled::Record | Polled::Event => {}
            Polled::Idle => {
                if let Some(open) = &mut self.open {
                    open.went_idle = true;
                }
            }
            Polled::Assigned(partitions) => {
                self.commit()?;
                self.wanted = Some(partitions);
            }
            Polled::Revoked { lost } => self.give_up(lost)?,
        }
        self.look_around(is_idle);
        self.advance_time()?;
        if self.is_reached(self.bytes()) || self.open.as_ref().is_some_and(Open::is_over) {
            self.commit()?;
        }
        Ok(())
    }

    /// What is to be told of the brokers and of failures that have passed.
    fn look_around(&mut self, is_idle: bool) {
        let is_quiet = is_idle && self.open.is_none();
        self.pace.quiet(is_quiet, Instant::now());
        self.readiness.stuck(self.pace.is_stuck());
        self.readiness.away(self.log.is_away());
    }

    /// What the open transaction has read and written, and will write.
    fn bytes(&self) -> usize {
        let sent = self.out.bytes + self.open.as_ref().map_or(0, |open| open.bytes);
        sent + self.stage.to_write()
    }

    fn is_reached(&self, bytes: usize) -> bool {
        let open = self.open.as_ref();
        open.is_some_and(|open| self.pace.is_reached(open.records, bytes))
    }

    fn poll(&mut self, wait: Duration) -> Result<Polled, Trouble> {
        let mut outcome = Ok(());
        let (stage, out, open, topics, spans) = (
            &mut *self.stage,
            &mut self.out,
            &mut self.open,
            &mut self.topics,
            &mut self.spans,
        );
        let clock = &self.clock;
        let polled = self.log.poll(wait, &mut |record| {
            let open = open.get_or_insert_with(Open::new);
            open.records += 1;
            open.bytes += record.value.map_or(0, <[u8]>::len);
            let topic = interned(topics, record.topic);
            open.positions
                .insert((topic, record.partition), record.offset + 1);
            let (traced, written) = (spans.begin(record, clock), out.pending.len());
            outcome = stage.record(record, out);
            if let Some(traced) = traced {
                let written = out.pending.get_mut(written..).unwrap_or_default();
                spans.pass_on(traced, record, written);
            }
        })?;
        outcome?;
        if self.out.pending.len() >= SEND_MIN || self.out.bytes >= SEND_BYTES_MIN {
            self.flush()?;
        }
        Ok(polled)
    }

    /// Hands what the stage wants written to the producer.
    fn flush(&mut self) -> Result<(), Trouble> {
        if self.out.pending.is_empty() {
            return Ok(());
        }
        let open = self.open.get_or_insert_with(Open::new);
        if !open.begun {
            self.log.begin()?;
            open.begun = true;
        }
        open.bytes += std::mem::take(&mut self.out.bytes);
        for output in self.out.pending.drain(..) {
            self.log.send(&output)?;
        }
        Ok(())
    }

    /// Moves the time of partitions that wait for it and are known to be caught up.
    fn advance_time(&mut self) -> Result<(), Trouble> {
        if self.time_looked_at.elapsed() < TIME_STEP || self.wanted.is_some() {
            return Ok(());
        }
        self.time_looked_at = Instant::now();
        let now_ms = self.clock.now_ms();
        let owned: Vec<i32> = self.owned.iter().copied().collect();
        for partition in owned {
            let Some(wanted_ms) = self.stage.deadline_ms(partition).filter(|at| *at <= now_ms)
            else {
                continue;
            };
            if let Some(reached_ms) = self.log.caught_up(partition, wanted_ms)? {
                let open = self.open.get_or_insert_with(Open::new);
                // Repeating the position carries the fence: a stale owner's commit is refused.
                if let Some((place, offset)) = self.log.position(partition) {
                    open.positions.entry(place).or_insert(offset);
                }
                self.stage.advance(partition, reached_ms, &mut self.out)?;
            }
            if self.is_reached(self.bytes()) {
                break;
            }
        }
        Ok(())
    }

    fn commit(&mut self) -> Result<(), Trouble> {
        if self.open.is_none() {
            return Ok(());
        }
        self.stage.before_commit(&mut self.out)?;
        self.flush()?;
        let Some(open) = &mut self.open else {
            return Ok(());
        };
        if !open.begun {
            self.log.begin()?;
            open.begun = true;
        }
        self.log.commit(&open.positions)?;
        self.metrics.committed.inc();
        self.metrics
            .records
            .inc_by(u64::try_from(open.records).unwrap_or(0));
        self.open = None;
        for (partition, offset) in self.log.written() {
            self.stage.written(partition, offset);
        }
        self.stage.committed();
        self.spans.committed(&self.clock);
        self.backoff.reset();
        self.pace.committed();
        self.readiness.stuck(false);
        Ok(())
    }

    /// Positions first, state second: a predecessor's commit that is still under way is then in both.
    fn take_up(&mut self, partitions: &[i32]) -> Result<(), Trouble> {
        self.log.load_positions(partitions)?;
        self.stage
            .revoked(&self.owned.iter().copied().collect::<Vec<_>>());
        self.owned.clear();
        self.stage.assigned(partitions)?;
        self.owned = partitions.iter().copied().collect();
        self.log.take_up()?;
        self.wanted = None;
        self.readiness.joined();
        tracing::info!(partitions = partitions.len(), "partitions taken up");
        Ok(())
    }

    fn give_up(&mut self, lost: bool) -> Result<(), Trouble> {
        if lost {
            self.abort()?;
        } else if let Err(trouble) = self.commit() {
            match trouble {
                Trouble::Abort(why) => {
                    tracing::warn!(%why, "transaction aborted while giving partitions up");
                    self.abort()?;
                }
                Trouble::Renew(_) | Trouble::Stop(_) => {
                    self.forget();
                    self.log.give_up()?;
                    return Err(trouble);
                }
            }
        }
        self.forget();
        self.log.give_up()?;
        Ok(())
    }

    fn forget(&mut self) {
        let owned: Vec<i32> = std::mem::take(&mut self.owned).into_iter().collect();
        self.stage.revoked(&owned);
        self.wanted = None;
    }

    /// Ends the open transaction without effect.
    fn abort(&mut self) -> Result<(), Trouble> {
        self.out.clear();
        self.discard();
        if let Some(open) = self.open.take()
            && open.begun
        {
            self.metrics.aborted.inc();
            self.log.abort()?;
        }
        Ok(())
    }

    fn discard(&mut self) {
        self.stage.discarded();
        self.spans.discarded();
    }

    fn recover(&mut self, trouble: Trouble, shutdown: &Shutdown) -> anyhow::Result<()> {
        let records = self.open.as_ref().map_or(0, |open| open.records);
        self.pace.failed(records, self.bytes());
        self.readiness.stuck(self.pace.is_stuck());
        let renew = match trouble {
            Trouble::Stop(error) => {
                // The producer's end aborts what is open; the successor's init would as well.
                self.discard();
                return Err(error);
            }
            Trouble::Abort(why) => {
                tracing::warn!(%why, "transaction aborted, its input is read again");
                match self.abort() {
                    Ok(()) => self.log.rewind().is_err(),
                    Err(Trouble::Stop(error)) => return Err(error),
                    Err(Trouble::Abort(_) | Trouble::Renew(_)) => true,
                }
            }
            Trouble::Renew(why) => {
                tracing::warn!(%why, "outcome of a transaction is not known, state is loaded anew");
                true
            }
        };
        wait(self.backoff.next(), shutdown);
        if renew {
            self.renew(shutdown)?;
        }
        Ok(())
    }

    /// A new producer decides what was open; then positions and state come from the log again.
    fn renew(&mut self, shutdown: &Shutdown) -> anyhow::Result<()> {
        self.out.clear();
        self.open = None;
        self.discard();
        while !shutdown.is_requested() {
            self.metrics.renewed.inc();
            match self.log.renew() {
                Ok(()) => break,
                Err(LogError::Stop(why)) => return Err(anyhow::anyhow!(why)),
                Err(LogError::Abort(why) | LogError::Unknown(why)) => {
                    tracing::warn!(%why, "no new producer yet");
                    self.readiness.away(true);
                    wait(self.backoff.next(), shutdown);
                }
            }
        }
        if !self.owned.is_empty() {
            self.wanted = Some(self.owned.iter().copied().collect());
        }
        Ok(())
    }
}

fn interned(topics: &mut Vec<Arc<str>>, name: &str) -> Arc<str> {
    if let Some(known) = topics.iter().find(|known| known.as_ref() == name) {
        return known.clone();
    }
    let name: Arc<str> = Arc::from(name);
    topics.push(name.clone());
    name
}
