//! A block's way: intent, insert, what is set aside, offsets.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::ControlFlow,
    sync::Arc,
    time::{Duration, Instant},
};

use rdkafka::Message;
use schemas::{Micros, SetAside};

use crate::{
    batch::{Block, Filling, Intent, Jump, Partition, Row, Span},
    loader::Load,
    outcome::Outcome,
    row::Rows,
    source::NotCommitted,
    table::Table,
};

use super::{FINISH_TIME_MAX, InFlight, Loading, Parts, Step, TURN, Worker};

/// A quiet table's offsets move at once, a busy one's with its next intent if that comes so soon.
const NEXT_INTENT_SOON: Duration = Duration::from_secs(1);

impl Worker {
    pub(super) fn move_on(&mut self) -> anyhow::Result<()> {
        if self.in_flight.is_some() {
            // with nothing to take meanwhile, the insert has the whole turn
            let turn = if self.is_blocked() {
                TURN
            } else {
                Duration::ZERO
            };
            self.look_at_insert(turn)?;
        }
        if self.in_flight.is_none() && self.may_try() {
            self.start_next()?;
        }
        Ok(())
    }

    fn start_next(&mut self) -> anyhow::Result<()> {
        if !self.pending.is_empty() {
            if self.settled.is_empty() || self.commit(None)? {
                self.start_pending()?;
            }
            return Ok(());
        }
        let now_ms = self.now_ms();
        if self.filling.is_due(now_ms) || (!self.held.is_empty() && !self.filling.is_empty()) {
            return self.start_filled();
        }
        let soon = self
            .filling
            .closes_in(now_ms)
            .is_some_and(|left| left <= NEXT_INTENT_SOON);
        if !self.settled.is_empty() && !soon {
            self.commit(None)?;
        }
        Ok(())
    }

    /// The intent stands in Kafka before the first byte goes to the store.
    fn start_filled(&mut self) -> anyhow::Result<()> {
        let loaded_at = Micros(self.parts.clock.now_micros());
        let Some(intent) = self.filling.intent(loaded_at) else {
            return Ok(());
        };
        if !self.commit(Some(&intent))? {
            return Ok(());
        }
        let adjusted = self.filling.take_adjusted();
        self.parts.metrics.adjusted(self.parts.table, adjusted);
        let block = self.filling.close(intent);
        self.start(block, false);
        Ok(())
    }

    fn start_pending(&mut self) -> anyhow::Result<()> {
        let Some((intent, look_first)) = self.pending.front().cloned() else {
            return Ok(());
        };
        match self.read_block(&intent) {
            Ok(block) => {
                if self.parts.table != Table::Receipts {
                    self.jumps
                        .extend(intent.spans.iter().copied().map(Jump::over));
                }
                self.pending.pop_front();
                self.succeeded();
                self.start(block, look_first);
            }
            Err(error) => self.try_later("a pending block can't be read again yet", &error),
        }
        Ok(())
    }

    fn start(&mut self, block: Block, look_first: bool) {
        let block = Arc::new(block);
        let load = Load {
            block: Arc::clone(&block),
            look_first,
        };
        let loading: Loading = Box::pin(self.parts.loader.clone().load(load));
        self.in_flight = Some(InFlight {
            block,
            began: Instant::now(),
            step: Step::Loading(loading),
        });
    }

    /// The same ranges give the same bytes.
    fn read_block(&mut self, intent: &Intent) -> anyhow::Result<Block> {
        let now_ms = self.now_ms();
        let Parts {
            decode,
            member,
            limits,
            table,
            metrics,
            ..
        } = &mut self.parts;
        let mut filling = Filling::new(*table, *limits);
        member.again().read(&intent.spans, |partition, record| {
            let write = |to: &mut Rows| decode.write(partition, record, now_ms, to);
            filling.record(partition, record.offset(), now_ms, write)?;
            Ok(ControlFlow::Continue(()))
        })?;
        metrics.received(*table, filling.records());
        Ok(filling.close(intent.clone()))
    }

    fn look_at_insert(&mut self, turn: Duration) -> anyhow::Result<()> {
        let Some(in_flight) = &mut self.in_flight else {
            return Ok(());
        };
        let seconds = in_flight.began.elapsed().as_secs_f64();
        self.parts.metrics.pending(self.parts.table, seconds);
        if let Step::Loading(loading) = &mut in_flight.step {
            let looked = self
                .parts
                .handle
                .block_on(async { tokio::time::timeout(turn, loading).await });
            match looked {
                Err(_) => return Ok(()),
                Ok(result) => in_flight.step = Step::Stored(result?),
            }
        }
        if self.may_try() {
            self.settle(seconds)?;
        }
        Ok(())
    }

    /// Writes what is set aside; only then may the offsets move.
    fn settle(&mut self, seconds: f64) -> anyhow::Result<()> {
        let Some(InFlight {
            block,
            step: Step::Stored(refused),
            ..
        }) = &self.in_flight
        else {
            return Ok(());
        };
        let (block, refused) = (Arc::clone(block), refused.clone());
        let written = self.refused(&refused).and_then(|mut asides| {
            asides.extend(block.asides.iter().cloned());
            self.parts.asides.write(&asides)
        });
        if let Err(error) = written {
            self.try_later("what is set aside can't be written yet", &error);
            return Ok(());
        }
        self.succeeded();
        for span in &block.intent.spans {
            self.settled.insert(span.partition, span.last + 1);
        }
        self.count(&block, refused.len());
        self.parts.metrics.loaded(self.parts.table, seconds);
        let (table, now) = (self.parts.table.label(), self.parts.clock.now_micros());
        self.spans.settled(table, &block.intent.spans, now);
        self.in_flight = None;
        Ok(())
    }

    /// Each partition is read once, from its first refused row to its last: one by one, a block of
    /// thousands would take longer than the group waits for us.
    fn refused(&mut self, rows: &[Row]) -> anyhow::Result<Vec<SetAside>> {
        let now_ms = self.now_ms();
        let Parts {
            decode,
            member,
            table,
            ..
        } = &mut self.parts;
        let mut places: BTreeMap<Partition, BTreeSet<i64>> = BTreeMap::new();
        for row in rows {
            places.entry(row.partition).or_default().insert(row.offset);
        }
        let spans = places.iter().filter_map(|(partition, offsets)| {
            Some(Span {
                partition: *partition,
                first: *offsets.first()?,
                last: *offsets.last()?,
            })
        });
        let mut asides = Vec::new();
        let spans: Vec<Span> = spans.collect();
        let mut tell = |partition: Partition, offset: i64, aside: Option<SetAside>| {
            let (table, set_aside) = (table.label(), aside.is_some());
            tracing::error!(table, ?partition, offset, set_aside, "row refused");
            asides.extend(aside);
        };
        member.again().read(&spans, |partition, record| {
            let offset = record.offset();
            if places
                .get_mut(&partition)
                .is_some_and(|p| p.remove(&offset))
            {
                tell(partition, offset, decode.refused(record, now_ms));
            }
            Ok(ControlFlow::Continue(()))
        })?;
        // Kafka has deleted it meanwhile
        for (partition, offsets) in places {
            for offset in offsets {
                let aside =
                    decode.refused_at(member.name(partition.topic), partition.number, offset);
                tell(partition, offset, Some(aside));
            }
        }
        Ok(asides)
    }

    fn count(&self, block: &Block, refused: usize) {
        let Parts { metrics, table, .. } = &self.parts;
        let nothing = match table {
            Table::Receipts => Outcome::UnreadableReceipt,
            Table::Events | Table::Orders | Table::SetAside => Outcome::Tombstone,
        };
        metrics.settled(
            *table,
            Outcome::Loaded,
            block.rows.len().saturating_sub(refused),
        );
        metrics.settled(*table, Outcome::RejectedByStore, refused);
        metrics.settled(*table, Outcome::Undecodable, block.asides.len());
        metrics.settled(*table, nothing, block.nothing);
    }

    /// Whether the commit happened. If not, it is tried again or everything was given up.
    fn commit(&mut self, next: Option<&Intent>) -> anyhow::Result<bool> {
        if let Err(error) = self.write_gaps() {
            self.try_later("what was passed over is not written down yet", &error);
            return Ok(false);
        }
        match self.parts.member.commit(&self.settled, next) {
            Ok(()) => {
                let settled = std::mem::take(&mut self.settled);
                self.progress.note(settled);
                self.succeeded();
                Ok(true)
            }
            Err(NotCommitted::Fenced) => {
                tracing::warn!(
                    table = self.parts.table.label(),
                    "the group has moved on without us"
                );
                self.forget();
                self.fenced_since = Some(Instant::now());
                self.parts.part.not_ready("waiting for the group");
                Ok(false)
            }
            Err(NotCommitted::Unknown(error)) => {
                self.try_later("offsets not committed yet", &error);
                Ok(false)
            }
            Err(NotCommitted::Stop(error)) => {
                Err(anyhow::Error::new(error).context("another process has this instance id"))
            }
        }
    }
    /// Waits for the block that is being inserted, and moves the offsets past it.
    pub(super) fn finish(&mut self, time_max: Duration) -> anyhow::Result<()> {
        let deadline = Instant::now() + time_max;
        while self.in_flight.is_some() && Instant::now() < deadline {
            self.look_at_insert(TURN)?;
            if !self.may_try() {
                self.wait(TURN);
            }
        }
        if self.in_flight.is_none() && !self.settled.is_empty() {
            self.commit(None)?;
        }
        Ok(())
    }

    /// The last work of this process: what was taken is loaded, if the store takes it soon.
    pub(super) fn drain(mut self) -> anyhow::Result<()> {
        self.finish(FINISH_TIME_MAX)?;
        if self.in_flight.is_none() && self.pending.is_empty() {
            self.start_filled()?;
            self.finish(FINISH_TIME_MAX)?;
        }
        self.forget();
        self.progress.close();
        Ok(())
    }
}
