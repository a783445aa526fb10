//! How far a table's partitions are loaded, written down now and then in the store: where somebody moves the
//! group's offset, Kafka forgets where it stood. What is written may lag behind, and never runs ahead.

use std::{
    collections::BTreeMap,
    pin::Pin,
    time::{Duration, Instant},
};

use runtime::clock::SharedClock;
use tokio::{runtime::Handle, time::timeout};

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

/// What was not taken comes back.
type Writing = Pin<Box<dyn Future<Output = Result<(), Loaded>> + Send>>;

pub(super) struct Progress {
    ledger: Ledger,
    clock: SharedClock,
    handle: Handle,
    /// Not written yet.
    changed: Loaded,
    writing: Option<Writing>,
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

    /// Begins to write, or goes on with it; to be called now and then.
    pub(super) fn write_if_due(&mut self) {
        if let Some(writing) = &mut self.writing {
            let looked = async { timeout(Duration::ZERO, writing).await };
            let Ok(written) = self.handle.block_on(looked) else {
                return;
            };
            self.writing = None;
            if let Err(again) = written {
                self.note(again);
            }
        }
        if self.began.elapsed() >= WRITE_EVERY && !self.changed.is_empty() {
            self.began = Instant::now();
            self.writing = Some(self.write());
        }
    }

    fn write(&mut self) -> Writing {
        let loaded = std::mem::take(&mut self.changed);
        let (ledger, now) = (self.ledger.clone(), self.clock.now_micros());
        Box::pin(async move {
            match ledger.write_loaded(&loaded, now).await {
                Ok(()) => Ok(()),
                Err(error) => {
                    let table = ledger.table().label();
                    tracing::debug!(table, %error, "how far it is loaded is not written yet");
                    Err(loaded)
                }
            }
        })
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

    /// The same, and where nothing is known of a partition that is taken up, from where on it is reckoned; that
    /// is written down at once. A table without any row was never loaded, and a partition without an offset
    /// was not either: all before is missing. Any other was loaded by a sink that wrote nothing down.
    pub(super) fn loaded_or_begun(
        &self,
        starts: &[(Partition, Option<i64>)],
    ) -> Result<Loaded, StoreError> {
        let mut loaded = self.loaded()?;
        let unknown: Vec<&(Partition, Option<i64>)> = starts
            .iter()
            .filter(|(partition, _)| !loaded.contains_key(partition))
            .collect();
        if unknown.is_empty() {
            return Ok(loaded);
        }
        let is_new = !self.within(self.ledger.has_rows())?;
        let begin = |(partition, start): &(Partition, Option<i64>)| {
            let known = start.filter(|_| !is_new);
            (*partition, known.unwrap_or(0))
        };
        let begun: Loaded = unknown.into_iter().map(begin).collect();
        let now = self.clock.now_micros();
        self.within(self.ledger.write_loaded(&begun, now))?;
        loaded.extend(begun);
        Ok(loaded)
    }

    pub(super) fn passed_over(&self, gaps: &[Gap]) -> Result<(), StoreError> {
        let now = self.clock.now_micros();
        self.within(self.ledger.write_gaps(gaps, now))
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
