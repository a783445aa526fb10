//! Where reading goes on: what the group says, and what to make of it.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

use super::again;
use crate::kafka::exactly_once::{LogError, Positions};

/// A position that lies outside of its partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Outside<'a> {
    pub(super) topic: &'a str,
    pub(super) partition: i32,
    pub(super) group: &'a str,
    /// Where reading would go on.
    pub(super) next: i64,
    /// Of the first record that is there, and behind the last one.
    pub(super) ends: (i64, i64),
    /// The topic is written in transactions.
    pub(super) has_markers: bool,
}

impl Outside<'_> {
    /// The end of a transaction takes an offset that no reader is handed. Where Kafka deletes all of a
    /// partition that was read to its end, the position of the group is that of the last end: one before the
    /// first offset that is left. A record that was not read would have an end of its own behind it.
    pub(super) fn is_read(&self) -> bool {
        self.has_markers && self.next + 1 == self.ends.0
    }

    /// Why nobody but an operator can go on.
    pub(super) fn told(&self) -> String {
        let Self {
            topic,
            partition,
            group,
            next,
            ends: (begin, end),
            has_markers: _,
        } = *self;
        let (what, to) = if next < begin {
            let what = format!(
                "offsets {next} to {} were deleted before they were read, unless they were ends of transactions only",
                begin - 1
            );
            (what, "--to-earliest")
        } else {
            let what = format!(
                "the topic ends at {end}: it was made anew (then --to-earliest), or lost its last records (then --to-latest)"
            );
            (what, "--to-…")
        };
        format!(
            "partition {partition} of {topic}: {group} goes on at offset {next}, and {what}. Stop all \
             instances, wait until the group has no member (10 s), move it on with kafka-consumer-groups \
             --group {group} --topic {topic}:{partition} --reset-offsets {to} --execute, and start \
             them. `waybill audit` then names what is missing, as far as the store knows of it"
        )
    }
}

/// What the group says of each partition; -1 where it says nothing, and never did to us.
///
/// # Errors
/// Where it once said something: its coordinator has not found its memory again, and reading from the
/// beginning would write everything once more.
pub(super) fn positions(
    found: &TopicPartitionList,
    known: &mut BTreeSet<(Arc<str>, i32)>,
) -> Result<Positions, LogError> {
    let mut positions = BTreeMap::new();
    for element in found.elements() {
        element.error().map_err(|error| again(&error))?;
        let place = (Arc::from(element.topic()), element.partition());
        let offset = element.offset().to_raw().filter(|offset| *offset >= 0);
        if offset.is_some() {
            known.insert(place.clone());
        } else if known.contains(&place) {
            return Err(LogError::Abort(format!(
                "the group has no position in partition {} of {} any more and had one before; it is \
                 asked again, and a restart would begin at the topic's first record",
                place.1, place.0
            )));
        }
        positions.insert(place, offset.unwrap_or(-1));
    }
    Ok(positions)
}

/// Where to read, of those that are `wanted`.
pub(super) fn assignment(
    positions: &Positions,
    wanted: impl Fn(&str) -> bool,
) -> Result<TopicPartitionList, LogError> {
    let mut list = TopicPartitionList::new();
    for ((topic, partition), offset) in positions {
        if wanted(topic) {
            let offset = if *offset < 0 {
                Offset::Beginning
            } else {
                Offset::Offset(*offset)
            };
            list.add_partition_offset(topic, *partition, offset)
                .map_err(|error| again(&error))?;
        }
    }
    Ok(list)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outside(next: i64, ends: (i64, i64), has_markers: bool) -> Outside<'static> {
        Outside {
            topic: "waybill.canonical",
            partition: 2,
            group: "waybill.enricher",
            next,
            ends,
            has_markers,
        }
    }

    #[test]
    fn only_the_end_of_a_transaction_is_passed_over() {
        assert!(outside(554, (555, 555), true).is_read());
        assert!(outside(554, (555, 900), true).is_read());
        assert!(!outside(553, (555, 555), true).is_read());
        assert!(!outside(554, (555, 555), false).is_read());
        assert!(!outside(556, (0, 555), true).is_read());
    }

    #[test]
    fn an_operator_is_told_what_is_missing_and_how_to_go_on() {
        let told = outside(550, (555, 600), true).told();
        assert!(told.contains("partition 2 of waybill.canonical"), "{told}");
        assert!(told.contains("550 to 554 were deleted before"), "{told}");
        let command =
            "--group waybill.enricher --topic waybill.canonical:2 --reset-offsets --to-earliest";
        assert!(told.contains(command), "{told}");
        let told = outside(700, (0, 600), true).told();
        assert!(told.contains("the topic ends at 600"), "{told}");
    }

    #[test]
    fn a_position_that_was_there_is_not_taken_for_none() {
        let list = |offset: Offset| {
            let mut list = TopicPartitionList::new();
            list.add_partition_offset("in", 0, offset).unwrap();
            list
        };
        let mut known = BTreeSet::new();
        let first = positions(&list(Offset::Invalid), &mut known).unwrap();
        assert_eq!(first[&(Arc::from("in"), 0)], -1);
        let then = positions(&list(Offset::Offset(7)), &mut known).unwrap();
        assert_eq!(then[&(Arc::from("in"), 0)], 7);
        let lost = positions(&list(Offset::Invalid), &mut known);
        assert!(matches!(lost, Err(LogError::Abort(_))));
    }
}
