//! How far the whole pipeline has come. Pure: offsets in, questions and an answer out.
//!
//! A mark is the ends of the raw topics at some moment. It goes through the stages: once every
//! consumer of a stage has passed the ends that its topics had then, the ends of the next stage's
//! topics are taken. When the sink itself has passed the last ones, everything below the mark has
//! its receipt and all its outcomes in the store, or never will.

use std::{collections::BTreeMap, time::Duration};

use schemas::topics::Topic;

use crate::{batch::Partition, table::Table};

/// An event may wait in the enricher, consumed and not released, for as long as its hold: seconds.
/// Only receipts older than five minutes are looked at, so this much patience costs nothing.
const HOLD_MAX: Duration = Duration::from_secs(60);

/// Whoever reads a topic and moves its group's offsets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Consumer {
    Normalizer,
    NormalizerOverflow,
    Enricher,
    Sink(SinkTable),
}

/// The tables that hold receipts, of either raw topic, and outcomes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum SinkTable {
    Receipts,
    OverflowReceipts,
    Events,
    SetAside,
}

impl Consumer {
    pub const ALL: &'static [Self] = &[
        Self::Normalizer,
        Self::NormalizerOverflow,
        Self::Enricher,
        Self::Sink(SinkTable::Receipts),
        Self::Sink(SinkTable::OverflowReceipts),
        Self::Sink(SinkTable::Events),
        Self::Sink(SinkTable::SetAside),
    ];

    /// As in `frontiers_log`, and after the prefix the name of its group.
    pub fn name(self) -> String {
        match self {
            Self::Normalizer => "normalizer".into(),
            Self::NormalizerOverflow => "normalizer-overflow".into(),
            Self::Enricher => "enricher".into(),
            Self::Sink(SinkTable::Receipts | SinkTable::OverflowReceipts) => {
                Table::Receipts.group("")
            }
            Self::Sink(SinkTable::Events) => Table::Events.group(""),
            Self::Sink(SinkTable::SetAside) => Table::SetAside.group(""),
        }
    }

    pub const fn topic(self) -> Topic {
        match self {
            Self::Normalizer | Self::Sink(SinkTable::Receipts) => Topic::Raw,
            Self::NormalizerOverflow | Self::Sink(SinkTable::OverflowReceipts) => {
                Topic::RawOverflow
            }
            Self::Enricher => Topic::Canonical,
            Self::Sink(SinkTable::Events) => Topic::Ordered,
            Self::Sink(SinkTable::SetAside) => Topic::SetAside,
        }
    }
}

/// Consumers that are passed together, in flow order.
const STAGES: [&[Consumer]; 3] = [
    &[
        Consumer::Normalizer,
        Consumer::NormalizerOverflow,
        Consumer::Sink(SinkTable::Receipts),
        Consumer::Sink(SinkTable::OverflowReceipts),
    ],
    &[Consumer::Enricher],
    &[
        Consumer::Sink(SinkTable::Events),
        Consumer::Sink(SinkTable::SetAside),
    ],
];

pub type Ends = BTreeMap<Partition, i64>;

/// A mark on its way.
#[derive(Clone, Debug)]
pub struct Mark {
    raw: Ends,
    stage: usize,
    began_ms: i64,
    waiting: Vec<(Consumer, Partition, i64)>,
}

/// What a mark needs next.
#[derive(Clone, Debug, PartialEq)]
pub enum Need {
    /// Whether these consumers have passed these ends: tell [`Mark::passed`] of those that have.
    Passed(Vec<(Consumer, Partition, i64)>),
    /// The ends of these topics now: tell [`Mark::enter`].
    Ends(Vec<Topic>),
    /// Time.
    Patience,
    /// Nothing: everything in raw below these offsets is settled.
    Settled(Ends),
}

impl Mark {
    /// The topics whose ends begin a mark.
    pub const START: [Topic; 2] = [Topic::Raw, Topic::RawOverflow];

    pub fn begin(raw: Ends, now_ms: i64) -> Self {
        let mut mark = Self {
            raw: raw.clone(),
            stage: 0,
            began_ms: now_ms,
            waiting: Vec::new(),
        };
        mark.wait_for(&raw);
        mark
    }

    /// Goes on to the next stage, whose topics end there now.
    pub fn enter(&mut self, ends: &Ends, now_ms: i64) {
        self.stage += 1;
        self.began_ms = now_ms;
        self.wait_for(ends);
    }

    fn wait_for(&mut self, ends: &Ends) {
        let consumers = STAGES.get(self.stage).copied().unwrap_or_default();
        self.waiting = ends
            .iter()
            .flat_map(|(partition, end)| {
                let readers = consumers.iter().filter(|c| c.topic() == partition.topic);
                readers.map(|consumer| (*consumer, *partition, *end))
            })
            .collect();
    }

    pub fn passed(&mut self, consumer: Consumer, partition: Partition) {
        self.waiting
            .retain(|(c, p, _)| (*c, *p) != (consumer, partition));
    }

    pub fn need(&self, now_ms: i64) -> Need {
        if !self.waiting.is_empty() {
            return Need::Passed(self.waiting.clone());
        }
        let held = STAGES
            .get(self.stage)
            .is_some_and(|stage| stage.contains(&Consumer::Enricher));
        let passed_ms = u64::try_from(now_ms.saturating_sub(self.began_ms)).unwrap_or(0);
        if held && Duration::from_millis(passed_ms) < HOLD_MAX {
            return Need::Patience;
        }
        match STAGES.get(self.stage + 1) {
            Some(next) => Need::Ends(next.iter().map(|consumer| consumer.topic()).collect()),
            None => Need::Settled(self.raw.clone()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RAW: Partition = Partition {
        topic: Topic::Raw,
        number: 0,
    };
    const CANONICAL: Partition = Partition {
        topic: Topic::Canonical,
        number: 0,
    };
    const ORDERED: Partition = Partition {
        topic: Topic::Ordered,
        number: 0,
    };
    const ASIDE: Partition = Partition {
        topic: Topic::SetAside,
        number: 0,
    };
    const EVENTS: Consumer = Consumer::Sink(SinkTable::Events);

    #[test]
    fn a_mark_settles_once_every_stage_has_passed_what_the_stage_before_wrote() {
        let mut mark = Mark::begin(Ends::from([(RAW, 10)]), 0);
        let receipts = Consumer::Sink(SinkTable::Receipts);
        assert_eq!(
            mark.need(0),
            Need::Passed(vec![(Consumer::Normalizer, RAW, 10), (receipts, RAW, 10)])
        );
        mark.passed(Consumer::Normalizer, RAW);
        assert_eq!(mark.need(0), Need::Passed(vec![(receipts, RAW, 10)]));
        mark.passed(receipts, RAW);
        assert_eq!(mark.need(1), Need::Ends(vec![Topic::Canonical]));
        mark.enter(&Ends::from([(CANONICAL, 25)]), 1);
        mark.passed(Consumer::Enricher, CANONICAL);
        assert_eq!(mark.need(60_000), Need::Patience);
        assert_eq!(
            mark.need(60_001),
            Need::Ends(vec![Topic::Ordered, Topic::SetAside])
        );
        mark.enter(&Ends::from([(ORDERED, 24), (ASIDE, 3)]), 60_001);
        mark.passed(EVENTS, ORDERED);
        let aside = (Consumer::Sink(SinkTable::SetAside), ASIDE, 3);
        assert_eq!(mark.need(60_001), Need::Passed(vec![aside]));
        mark.passed(aside.0, ASIDE);
        assert_eq!(mark.need(60_002), Need::Settled(Ends::from([(RAW, 10)])));
    }

    #[test]
    fn overflow_is_waited_for_as_raw_is() {
        let overflow = Partition {
            topic: Topic::RawOverflow,
            number: 0,
        };
        let mark = Mark::begin(Ends::from([(RAW, 1), (overflow, 2)]), 0);
        let expected = vec![
            (Consumer::Normalizer, RAW, 1),
            (Consumer::Sink(SinkTable::Receipts), RAW, 1),
            (Consumer::NormalizerOverflow, overflow, 2),
            (Consumer::Sink(SinkTable::OverflowReceipts), overflow, 2),
        ];
        assert_eq!(mark.need(0), Need::Passed(expected));
    }
}
