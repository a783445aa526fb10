//! The loop of one table: take records, write down what will be inserted, insert it, move on.
//!
//! While one block is being inserted the next one fills. Offsets move only past what the store
//! acknowledged, in the same call that writes down the next intent. With the store away nothing
//! grows: a full batch waits, fetching is paused, and the group is still served.

use std::{
    collections::{BTreeMap, VecDeque},
    future::Future,
    pin::Pin,
    sync::Arc,
    time::{Duration, Instant},
};

use progress::Progress;
use rdkafka::message::OwnedMessage;
use runtime::{
    backoff::Backoff, clock::SharedClock, health::Part, shutdown::Shutdown, traces::Traces,
};
use spans::Spans;
use tokio::runtime::Handle;

use crate::{
    asides::Asides,
    batch::{Block, Filling, Gap, Intent, Jump, Limits, Partition, Row},
    clickhouse::StoreError,
    decode::Decode,
    ledger::Ledger,
    loader::Loader,
    metrics::Metrics,
    source::Member,
    table::Table,
};

mod blocks;
mod group;
mod progress;
mod records;
mod spans;

/// How long one look at Kafka or at the insert may take before the other has its turn.
const TURN: Duration = Duration::from_millis(50);
/// How long a block that is being inserted is waited for when its partitions are taken away.
const FINISH_TIME_MAX: Duration = Duration::from_secs(10);
/// A block that the store has had for so long is a reason not to be ready: a store that hangs says nothing.
const PENDING_MAX: Duration = Duration::from_secs(15);

type Loading = Pin<Box<dyn Future<Output = Result<Vec<Row>, StoreError>> + Send>>;

/// A block on its way.
struct InFlight {
    block: Arc<Block>,
    began: Instant,
    step: Step,
}

enum Step {
    Loading(Loading),
    /// Stored but for these rows; what is set aside is still to be written.
    Stored(Vec<Row>),
}

/// What a worker is made of.
pub(crate) struct Parts {
    pub(crate) table: Table,
    pub(crate) limits: Limits,
    pub(crate) member: Member,
    pub(crate) loader: Loader,
    pub(crate) ledger: Ledger,
    pub(crate) decode: Decode,
    pub(crate) asides: Asides,
    pub(crate) metrics: Metrics,
    pub(crate) part: Part,
    pub(crate) clock: SharedClock,
    pub(crate) shutdown: Shutdown,
    pub(crate) handle: Handle,
    pub(crate) traces: Traces,
}

pub(crate) struct Worker {
    parts: Parts,
    started: Instant,
    filling: Filling,
    /// Found pending when partitions were taken up; loaded before anything else.
    pending: VecDeque<(Intent, bool)>,
    in_flight: Option<InFlight>,
    /// One past what is stored, for each partition whose offset has not moved yet.
    settled: BTreeMap<Partition, i64>,
    /// Assigned and not taken up yet.
    assigning: Option<Vec<Partition>>,
    /// Taken from Kafka and not into a batch yet.
    held: VecDeque<OwnedMessage>,
    blocked_since: Option<Instant>,
    paused: bool,
    spans: Spans,
    progress: Progress,
    /// What comes next of each partition.
    expected: BTreeMap<Partition, i64>,
    /// Offsets that were stepped over since the last commit.
    jumps: Vec<Jump>,
    /// What nobody will load, and is not written down yet.
    gaps: Vec<Gap>,
    /// The group has moved on without us: what still arrives is not ours.
    fenced_since: Option<Instant>,
    backoff: Backoff,
    try_again_at: Option<Instant>,
    /// What does not answer.
    silent: Option<&'static str>,
    /// When trouble of reading was told last.
    warned: Option<Instant>,
}

impl Worker {
    pub(crate) fn new(parts: Parts) -> Self {
        Self {
            started: Instant::now(),
            filling: Filling::new(parts.table, parts.limits),
            pending: VecDeque::new(),
            in_flight: None,
            settled: BTreeMap::new(),
            assigning: None,
            held: VecDeque::new(),
            blocked_since: None,
            paused: false,
            spans: Spans::new(parts.traces.clone()),
            expected: BTreeMap::new(),
            jumps: Vec::new(),
            gaps: Vec::new(),
            progress: Progress::new(
                parts.ledger.clone(),
                parts.clock.clone(),
                parts.handle.clone(),
            ),
            fenced_since: None,
            backoff: Backoff::new(Duration::from_millis(50), Duration::from_secs(5)),
            try_again_at: None,
            silent: None,
            warned: None,
            parts,
        }
    }

    /// Runs until shutdown is requested, then finishes what it holds.
    pub(crate) fn run(mut self) -> anyhow::Result<()> {
        while !self.parts.shutdown.is_requested() {
            self.follow_group()?;
            self.move_on()?;
            self.take_records()?;
            self.progress.write_if_due();
            self.look_for_silence();
        }
        self.parts.part.not_ready("stopping");
        self.drain()
    }

    /// What does not answer tells no error either.
    fn look_for_silence(&mut self) {
        let is_late = |block: &InFlight| block.began.elapsed() > PENDING_MAX;
        let silent = if self.parts.member.is_away() {
            Some("no broker answers")
        } else if self.in_flight.as_ref().is_some_and(is_late) {
            Some("the store does not answer")
        } else {
            None
        };
        if silent == self.silent {
            return;
        }
        self.silent = silent;
        match silent {
            Some(why) => self.parts.part.not_ready(why),
            // Who has other reasons to wait has told them.
            None if self.assigning.is_none() && self.try_again_at.is_none() => {
                self.parts.part.ready();
            }
            None => {}
        }
    }

    fn wait(&self, time: Duration) {
        self.parts.handle.block_on(tokio::time::sleep(time));
    }

    fn now_ms(&self) -> i64 {
        i64::try_from(self.started.elapsed().as_millis()).unwrap_or(i64::MAX)
    }

    fn may_try(&self) -> bool {
        self.try_again_at.is_none_or(|at| Instant::now() >= at)
    }

    fn try_later(&mut self, what: &str, error: &dyn std::fmt::Display) {
        let pause = self.backoff.next();
        self.try_again_at = Some(Instant::now() + pause);
        self.parts.metrics.retry(self.parts.table);
        self.parts.part.not_ready(&format!("{what}: {error}"));
        let (table, ms) = (self.parts.table.label(), pause.as_millis());
        tracing::warn!(table, %error, retry_in_ms = ms, "{what}");
    }

    fn succeeded(&mut self) {
        if self.try_again_at.take().is_some() {
            self.backoff.reset();
            self.parts.part.ready();
        }
    }
}
