//! Taking partitions up and giving them up.

use crate::{batch::recover, source::Event};

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
