//! Taking partitions up and giving them up.

use std::collections::BTreeMap;

use crate::{
    batch::{Cause, Partition, Recovery, Span, gaps, recover},
    source::Event,
    table::Table,
};

use super::{FINISH_TIME_MAX, Worker};

/// Tables remember 10 000 tokens, five minutes at 33 blocks a second; an older block is looked for.
const TOKEN_AGE_MAX: i64 = 5 * 60 * 1_000_000;

impl Worker {
    pub(super) fn follow_group(&mut self) -> anyhow::Result<()> {
        while let Some(event) = self.parts.member.take_event() {
            match event {
                Event::Assigned(partitions) => {
                    self.parts.metrics.rebalance(self.parts.table);
                    self.assigning = Some(partitions);
                }
                Event::Revoked => {
                    if !self.parts.member.is_lost() {
                        self.finish(FINISH_TIME_MAX)?;
                    }
                    self.forget();
                    self.parts.member.unassign();
                }
            }
        }
        if self.assigning.is_some() && self.may_try() {
            self.take_up()?;
        }
        Ok(())
    }

    /// Learns from Kafka what was pending, and reads on behind it.
    fn take_up(&mut self) -> anyhow::Result<()> {
        let Some(partitions) = self.assigning.take() else {
            return Ok(());
        };
        let committed = match self.parts.member.committed(&partitions) {
            Ok(committed) => committed,
            Err(error) => {
                self.assigning = Some(partitions);
                self.try_later("committed offsets not known", &error);
                return Ok(());
            }
        };
        let found = recover(&committed);
        if let Err(error) = self.look_for_gaps(&found) {
            self.assigning = Some(partitions);
            self.try_later("what was passed over is not known", &error);
            return Ok(());
        }
        let (table, partitions) = (self.parts.table.label(), found.starts.len());
        let (whole, parts) = (found.whole.len(), found.parts.len());
        tracing::info!(table, partitions, whole, parts, "partitions taken up");
        for partition in &found.unreadable {
            tracing::warn!(
                table,
                ?partition,
                "metadata of the commit not read; loading from there"
            );
        }
        self.parts
            .metrics
            .recovered(self.parts.table, whole + parts);
        let oldest = self.parts.clock.now_micros().saturating_sub(TOKEN_AGE_MAX);
        self.pending.extend(found.whole.into_iter().map(|intent| {
            let forgotten = intent.loaded_at.0 < oldest;
            (intent, forgotten)
        }));
        self.pending
            .extend(found.parts.into_iter().map(|intent| (intent, true)));
        self.parts.member.assign(&found.starts)?;
        self.paused = false;
        self.fenced_since = None;
        self.succeeded();
        self.parts.part.ready();
        Ok(())
    }

    /// Writes down what nobody will load, before anything is committed behind it. The raw topics need none of
    /// this: each webhook's place is kept, and their offsets have no gaps of their own.
    fn look_for_gaps(&mut self, found: &Recovery) -> anyhow::Result<()> {
        if self.parts.table == Table::Receipts || found.starts.is_empty() {
            return Ok(());
        }
        let partitions: Vec<Partition> = found.starts.iter().map(|(one, _)| *one).collect();
        let is_known = found.moved.is_empty() && found.starts.iter().all(|(_, at)| at.is_some());
        let loaded = if is_known {
            BTreeMap::new()
        } else {
            self.progress.loaded()?
        };
        let kept = self.parts.member.kept(&partitions)?;
        // where nothing was ever committed, what is moved past later is reckoned from here
        let unread = found.starts.iter().filter(|(_, start)| start.is_none());
        let begun = unread.map(|(one, _)| (*one, kept.get(one).copied().unwrap_or(0)));
        self.progress.note(begun.collect());
        let mut passed = Vec::new();
        for gap in gaps(found, &loaded, &kept) {
            if gap.cause == Cause::Deleted || self.parts.member.has_records(gap.span)? {
                passed.push(gap);
            }
        }
        if !passed.is_empty() {
            tracing::error!(
                table = self.parts.table.label(),
                ?passed,
                "the sink goes on behind records that it never loaded; see `waybill audit`"
            );
            self.parts
                .metrics
                .passed_over(self.parts.table, passed.len());
            self.progress.passed_over(&passed)?;
        }
        // told once: from here on the offset is ours again
        let pending = || found.whole.iter().chain(&found.parts);
        for Span {
            partition, last, ..
        } in passed.iter().map(|gap| gap.span)
        {
            if !pending().any(|intent| intent.partitions().any(|one| one == partition)) {
                self.settled.insert(partition, last + 1);
            }
        }
        Ok(())
    }

    /// Partitions are gone: what is held of them is read again by whoever has them next.
    pub(super) fn forget(&mut self) {
        self.parts.metrics.forgotten(self.parts.table);
        self.filling.clear();
        self.pending.clear();
        self.in_flight = None;
        self.settled.clear();
        self.assigning = None;
        self.held.clear();
        self.spans.forget();
        self.blocked_since = None;
    }
}
