//! When may a partition's time follow the wall clock? Only when every record that was appended
//! before the clock was read has been handed out. Pure: facts in, decision out.
//!
//! An open transaction upstream is not idleness, so the last stable offset must have reached the
//! high watermark. The end-of-partition offset tells how far fetching came (it passes commit
//! markers, which a consumer's position does not); the length of the queue at that moment tells
//! how many more happenings must be handed out before it is the stage's turn.

use std::collections::HashMap;

/// What the client's statistics say about one partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fetched {
    /// The last end of partition that fetching reached.
    pub eof_offset: i64,
    /// How many happenings waited in the queue at that moment.
    pub queued: u64,
}

/// Ends of a partition, read after the wall clock was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ends {
    /// One past the last appended record.
    pub high_watermark: i64,
    /// One past the last record whose transaction has ended.
    pub last_stable: i64,
}

/// What to do next for a partition that wants its time moved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Read the wall clock, then both ends, then tell [`CaughtUp::target`].
    AskEnds,
    /// Nothing to do until more happened.
    Wait,
    /// All records appended before this instant (milliseconds) were handed out.
    Advance(i64),
}

#[derive(Clone, Copy, Debug)]
struct Target {
    end: i64,
    sampled_ms: i64,
}

#[derive(Clone, Copy, Debug, Default)]
struct Progress {
    target: Option<Target>,
    fetched: Option<Fetched>,
    handed_out: u64,
}

/// One per assignment.
#[derive(Debug, Default)]
pub struct CaughtUp {
    partitions: HashMap<i32, Progress>,
}

impl CaughtUp {
    /// Forgets everything: after a rewind or another assignment.
    pub fn clear(&mut self) {
        self.partitions.clear();
    }

    /// New statistics of a partition.
    pub fn fetched(&mut self, partition: i32, fetched: Fetched) {
        let progress = self.partitions.entry(partition).or_default();
        progress.fetched = Some(fetched);
        progress.handed_out = 0;
    }

    /// One more happening was taken from the queue, of whatever partition.
    pub fn handed_out(&mut self) {
        for progress in self.partitions.values_mut() {
            progress.handed_out = progress.handed_out.saturating_add(1);
        }
    }

    /// The queue was found empty.
    pub fn drained(&mut self) {
        for progress in self.partitions.values_mut() {
            progress.handed_out = u64::MAX;
        }
    }

    /// The ends of a partition, with the instant at which the clock was read before them.
    pub fn target(&mut self, partition: i32, ends: Ends, sampled_ms: i64) {
        let progress = self.partitions.entry(partition).or_default();
        progress.target = (ends.last_stable >= ends.high_watermark).then_some(Target {
            end: ends.high_watermark,
            sampled_ms,
        });
    }

    /// What the partition needs so that its time may reach `wanted_ms`.
    pub fn step(&mut self, partition: i32, wanted_ms: i64) -> Step {
        let progress = self.partitions.entry(partition).or_default();
        let Some(target) = progress.target.filter(|t| t.sampled_ms >= wanted_ms) else {
            return Step::AskEnds;
        };
        match progress.fetched {
            Some(fetched)
                if fetched.eof_offset >= target.end && progress.handed_out >= fetched.queued =>
            {
                progress.target = None;
                Step::Advance(target.sampled_ms)
            }
            _ => Step::Wait,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const AT: i64 = 1_000;

    fn asked(ends: Ends) -> CaughtUp {
        let mut caught_up = CaughtUp::default();
        assert_eq!(caught_up.step(0, AT), Step::AskEnds);
        caught_up.target(0, ends, AT);
        caught_up
    }

    #[test]
    fn time_moves_once_the_end_was_fetched_and_handed_out() {
        let mut caught_up = asked(Ends {
            high_watermark: 10,
            last_stable: 10,
        });
        caught_up.fetched(
            0,
            Fetched {
                eof_offset: 10,
                queued: 2,
            },
        );
        caught_up.handed_out();
        assert_eq!(caught_up.step(0, AT), Step::Wait);
        caught_up.handed_out();
        assert_eq!(caught_up.step(0, AT), Step::Advance(AT));
        assert_eq!(caught_up.step(0, AT), Step::AskEnds);
    }

    #[test]
    fn an_older_end_of_partition_does_not_count() {
        let mut caught_up = asked(Ends {
            high_watermark: 10,
            last_stable: 10,
        });
        caught_up.fetched(
            0,
            Fetched {
                eof_offset: 7,
                queued: 0,
            },
        );
        caught_up.drained();
        assert_eq!(caught_up.step(0, AT), Step::Wait);
    }

    #[test]
    fn an_open_transaction_upstream_is_not_idleness() {
        let mut caught_up = asked(Ends {
            high_watermark: 10,
            last_stable: 8,
        });
        caught_up.fetched(
            0,
            Fetched {
                eof_offset: 10,
                queued: 0,
            },
        );
        assert_eq!(caught_up.step(0, AT), Step::AskEnds);
    }

    #[test]
    fn a_clock_read_before_the_deadline_is_read_again() {
        let mut caught_up = asked(Ends {
            high_watermark: 10,
            last_stable: 10,
        });
        assert_eq!(caught_up.step(0, AT + 1), Step::AskEnds);
    }
}
