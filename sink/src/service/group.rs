//! Taking partitions up and giving them up.

use std::collections::BTreeSet;

use crate::{
    batch::{Gap, Jump, Partition, Recovery, Span, gaps, recover},
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

    /// Finds what nobody will load where the group's offset is not ours. The raw topics need none of
    /// this: each webhook's place is kept, and their offsets have no gaps of their own.
    fn look_for_gaps(&mut self, found: &Recovery) -> anyhow::Result<()> {
        self.expected = found
            .starts
            .iter()
            .filter_map(|(partition, start)| Some((*partition, (*start)?)))
            .collect();
        let is_ours =
            |one: &(Partition, Option<i64>)| one.1.is_some() && !found.moved.contains(&one.0);
        if self.parts.table == Table::Receipts || found.starts.iter().all(is_ours) {
            return Ok(());
        }
        let partitions: Vec<Partition> = found.starts.iter().map(|(one, _)| *one).collect();
        let loaded = self.progress.loaded_or_begun(&found.starts)?;
        let again = self.parts.member.again();
        let kept = again.kept(&partitions)?;
        let unread = found.starts.iter().filter(|(_, start)| start.is_none());
        let unread = unread.filter_map(|(one, _)| Some((*one, kept.get(one)?.0)));
        self.expected.extend(unread);
        let is_whole = |gap: &Gap| {
            let kept = kept.get(&gap.span.partition);
            kept.is_some_and(|(kept, _)| *kept <= gap.span.first)
        };
        let found = gaps(found, &loaded, &kept);
        let (whole, mut passed): (Vec<Gap>, Vec<Gap>) = found.into_iter().partition(is_whole);
        passed.extend(again.with_records(whole)?);
        // nothing fails from here on: whoever tries again has noted nothing twice
        for Span {
            partition, last, ..
        } in passed.iter().map(|gap| gap.span)
        {
            // told once: from here on the offset is ours again
            self.settled.insert(partition, last + 1);
            self.expected.insert(partition, last + 1);
        }
        self.gaps = passed;
        Ok(())
    }

    /// Writes down what nobody will load, before an offset behind it is committed.
    pub(super) fn write_gaps(&mut self) -> anyhow::Result<()> {
        self.look_at_jumps()?;
        if self.gaps.is_empty() {
            return Ok(());
        }
        self.progress.passed_over(&self.gaps)?;
        let (table, count) = (self.parts.table, self.gaps.len());
        self.parts.metrics.passed_over(table, count);
        for Gap { span, cause } in self.gaps.drain(..) {
            tracing::error!(
                table = table.label(),
                topic = span.partition.topic.short_name(),
                partition = span.partition.number,
                first_offset = span.first,
                last_offset = span.last,
                cause = cause.name(),
                "the sink goes on behind records that it never loaded; see `waybill audit`"
            );
        }
        Ok(())
    }

    /// Most are transactions that were aborted, or that ended side by side: Kafka has their offsets still.
    fn look_at_jumps(&mut self) -> anyhow::Result<()> {
        if self.jumps.is_empty() {
            return Ok(());
        }
        let partitions: BTreeSet<Partition> = self.jumps.iter().map(Jump::partition).collect();
        let partitions: Vec<Partition> = partitions.into_iter().collect();
        let kept = self.parts.member.kept_from(&partitions)?;
        let deleted = |jump: &Jump| Some((*jump, jump.deleted(*kept.get(&jump.partition())?)?));
        let deleted: Vec<(Jump, Gap)> = self.jumps.iter().filter_map(deleted).collect();
        if !deleted.is_empty() {
            let loaded = self.progress.loaded()?;
            let rest = deleted.into_iter().filter_map(|(jump, gap)| {
                let loaded = loaded.get(&jump.partition()).copied();
                jump.unless_loaded(gap, loaded.unwrap_or_default())
            });
            self.gaps.extend(rest);
        }
        self.jumps.clear();
        Ok(())
    }

    /// Partitions are gone: what is held of them is read again by whoever has them next.
    pub(super) fn forget(&mut self) {
        self.parts.metrics.forgotten(self.parts.table);
        self.filling.clear();
        self.pending.clear();
        self.in_flight = None;
        self.settled.clear();
        self.expected.clear();
        self.jumps.clear();
        self.gaps.clear();
        self.assigning = None;
        self.held.clear();
        self.spans.forget();
        self.blocked_since = None;
    }
}
