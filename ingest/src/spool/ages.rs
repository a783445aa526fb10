//! When records were written, well enough to tell the age of the oldest, in bounded memory.

use std::collections::VecDeque;

/// Records written within it of each other share a mark.
const APART_MICROS: i64 = 1_000_000;
const MARKS_MAX: usize = 4096;

/// Marks along the sequence. A record is never taken for younger than the mark before it.
#[derive(Debug, Default)]
pub(super) struct Ages(VecDeque<(u64, i64)>);

impl Ages {
    /// The record was written at this time. In order of sequence.
    pub(super) fn note(&mut self, sequence: u64, at: i64) {
        let is_near =
            |(_, last): &(u64, i64)| (0..APART_MICROS).contains(&at.saturating_sub(*last));
        if self.0.back().is_some_and(is_near) {
            return;
        }
        if self.0.len() == MARKS_MAX {
            let mut is_kept = false;
            self.0.retain(|_| {
                is_kept = !is_kept;
                is_kept
            });
        }
        self.0.push_back((sequence, at));
    }

    /// Everything up to here is settled.
    pub(super) fn settle(&mut self, through: u64) {
        while self
            .0
            .get(1)
            .is_some_and(|(sequence, _)| *sequence <= through.saturating_add(1))
        {
            self.0.pop_front();
        }
    }

    /// About when the oldest record was written that is not settled, if there is one.
    pub(super) fn oldest(&self) -> Option<i64> {
        self.0.front().map(|(_, at)| *at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: i64 = 1_000_000;

    #[test]
    fn the_oldest_moves_on_as_records_are_settled() {
        let mut ages = Ages::default();
        for sequence in 1..=10 {
            ages.note(sequence, SECOND * i64::try_from(sequence).unwrap());
        }
        assert_eq!(ages.oldest(), Some(SECOND));
        ages.settle(3);
        assert_eq!(ages.oldest(), Some(4 * SECOND));
    }

    #[test]
    fn a_long_outage_takes_bounded_memory_and_nothing_gets_younger() {
        let mut ages = Ages::default();
        for sequence in 1..=100_000 {
            ages.note(sequence, SECOND * i64::try_from(sequence).unwrap());
        }
        assert!(ages.0.len() <= MARKS_MAX);
        ages.settle(50_000);
        assert!(ages.oldest().unwrap() <= 50_001 * SECOND);
    }

    #[test]
    fn a_clock_that_jumps_back_makes_a_mark_of_its_own() {
        let mut ages = Ages::default();
        ages.note(1, 10 * SECOND);
        ages.note(2, SECOND);
        ages.settle(1);
        assert_eq!(ages.oldest(), Some(SECOND));
    }
}
