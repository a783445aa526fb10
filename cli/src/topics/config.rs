//! What each topic should be like: everything that order, durability or life depend on is written out.

use std::collections::BTreeMap;

use schemas::topics::{Cleanup, Stamp, Topic};

use crate::settings::Topology;

const HOUR_MS: i64 = 3_600_000;
const DAY_MS: i64 = 24 * HOUR_MS;
/// Batches of one-megabyte records pass, and nothing larger than our readers fetch.
const MESSAGE_BYTES_MAX: &str = "2097152";

/// The settings of one topic.
pub(super) fn config(
    topic: Topic,
    topology: &Topology,
    raw_hours: u32,
) -> BTreeMap<&'static str, String> {
    let mut config = BTreeMap::from([
        (
            "min.insync.replicas",
            topology.min_insync_replicas.to_string(),
        ),
        ("unclean.leader.election.enable", "false".to_owned()),
        ("compression.type", "producer".to_owned()),
        ("max.message.bytes", MESSAGE_BYTES_MAX.to_owned()),
        ("message.timestamp.type", stamp(topic).to_owned()),
    ]);
    match topic.cleanup() {
        Cleanup::Delete => {
            config.insert("cleanup.policy", "delete".to_owned());
            config.insert("retention.ms", retention_ms(topic, raw_hours).to_string());
        }
        Cleanup::Compact { lag_ms } => config.extend([
            ("cleanup.policy", "compact".to_owned()),
            ("min.compaction.lag.ms", lag_ms.to_string()),
            // how long a reader that was away can still learn of a deletion
            ("delete.retention.ms", DAY_MS.to_string()),
            // only closed segments are compacted, and what is not is read again at each restore
            ("segment.bytes", "134217728".to_owned()),
            ("min.cleanable.dirty.ratio", "0.2".to_owned()),
        ]),
    }
    config
}

const fn stamp(topic: Topic) -> &'static str {
    match topic.stamp() {
        Stamp::CreateTime => "CreateTime",
        Stamp::LogAppendTime => "LogAppendTime",
    }
}

fn retention_ms(topic: Topic, raw_hours: u32) -> i64 {
    match topic {
        Topic::Raw | Topic::RawOverflow => i64::from(raw_hours) * HOUR_MS,
        // a link is read within seconds; a week covers a long stop
        Topic::EnricherLinks => 7 * DAY_MS,
        Topic::Canonical
        | Topic::Ordered
        | Topic::Orders
        | Topic::SetAside
        | Topic::EnricherChangelog => 14 * DAY_MS,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn topology() -> Topology {
        Topology {
            prefix: "t.".into(),
            partitions: 4,
            replication: 3,
            min_insync_replicas: 2,
        }
    }

    #[test]
    fn raw_lives_as_long_as_the_setting_says_and_nothing_compacted_is_deleted_by_time() {
        let raw = config(Topic::Raw, &topology(), 5);
        assert_eq!(raw["retention.ms"], "18000000");
        let orders = config(Topic::Orders, &topology(), 5);
        assert_eq!(orders["cleanup.policy"], "compact");
        assert_eq!(orders["min.compaction.lag.ms"], "86400000");
        assert!(!orders.contains_key("retention.ms"));
    }

    #[test]
    fn windows_are_measured_by_the_brokers_clock_and_receipts_by_ours() {
        let check = |topic: Topic, expected: &str| {
            assert_eq!(
                config(topic, &topology(), 1)["message.timestamp.type"],
                expected
            );
        };
        check(Topic::Canonical, "LogAppendTime");
        check(Topic::Ordered, "LogAppendTime");
        check(Topic::Raw, "CreateTime");
    }
}
