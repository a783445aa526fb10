//! How far a table's partitions are loaded, written down now and then in the store: where somebody moves the
//! group's offset, Kafka forgets where it stood. What is written may lag behind, and never runs ahead.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use runtime::clock::SharedClock;
use tokio::{runtime::Handle, task::JoinHandle, time::timeout};

use crate::{
    batch::{Gap, Partition},
    clickhouse::StoreError,
    ledger::Ledger,
};

const WRITE_EVERY: Duration = Duration::from_secs(5);
/// The group is not served meanwhile.
const ANSWER_TIME_MAX: Duration = Duration::from_secs(10);
/// For the last write of a process; without it, a gap would only be named longer than it is.
const LAST_TIME_MAX: Duration = Duration::from_secs(2);

/// One past what is loaded, of each partition.
type Loaded = BTreeMap<Partition, i64>;

pub(super) struct Progress {
    ledger: Ledger,
    clock: SharedClock,
    handle: Handle,
    /// Not written yet.
    changed: Loaded,
    writing: Option<JoinHandle<Result<(), Loaded>>>,
    began: Instant,
}

impl Progress {
    pub(super) fn new(ledger: Ledger, clock: SharedClock, handle: Handle) -> Self {
        Self {
            ledger,
            clock,
            handle,
            changed: Loaded::new(),
            writing: None,
            began: Instant::now(),
        }
    }

    /// The offsets of these are committed.
    pub(super) fn note(&mut self, settled: Loaded) {
        for (partition, next) in settled {
            let known = self.changed.entry(partition).or_insert(next);
            *known = next.max(*known);
        }
    }

    pub(super) fn write_if_due(&mut self) {
        if self.began.elapsed() < WRITE_EVERY || !self.has_written() || self.changed.is_empty() {
            return;
        }
        self.began = Instant::now();
        let writing = self.write();
        self.writing = Some(self.handle.spawn(writing));
    }

    /// Whether nothing is under way. What was not taken is written next time.
    fn has_written(&mut self) -> bool {
        match self.writing.take_if(|writing| writing.is_finished()) {
            Some(done) => {
                if let Ok(Err(again)) = self.handle.block_on(done) {
                    self.note(again);
                }
                true
            }
            None => self.writing.is_none(),
        }
    }

    fn write(&mut self) -> impl Future<Output = Result<(), Loaded>> + Send + use<> {
        let loaded = std::mem::take(&mut self.changed);
        let (ledger, now) = (self.ledger.clone(), self.clock.now_micros());
        async move {
            match ledger.write_loaded(&loaded, now).await {
                Ok(()) => Ok(()),
                Err(error) => {
                    let table = ledger.table().label();
                    tracing::debug!(table, %error, "how far it is loaded is not written yet");
                    Err(loaded)
                }
            }
        }
    }

    /// Nothing is noted any more.
    pub(super) fn close(mut self) {
        let under_way = self.writing.take();
        let last = (!self.changed.is_empty()).then(|| self.write());
        let all = async {
            if let Some(under_way) = under_way {
                under_way.await.ok();
            }
            if let Some(last) = last {
                last.await.ok();
            }
        };
        self.handle
            .block_on(async { timeout(LAST_TIME_MAX, all).await.ok() });
    }

    /// What the store knows of all partitions, whoever loaded them.
    pub(super) fn loaded(&self) -> Result<Loaded, StoreError> {
        self.within(self.ledger.loaded())
    }

    pub(super) fn passed_over(&self, gaps: &[Gap]) -> Result<(), StoreError> {
        let now = self.clock.now_micros();
        self.within(self.ledger.write_gaps(gaps, false, now))
    }

    fn within<T>(
        &self,
        call: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        let answer = self
            .handle
            .block_on(async { timeout(ANSWER_TIME_MAX, call).await });
        answer.unwrap_or_else(|_| Err(StoreError::new("the store does not answer")))
    }
}
