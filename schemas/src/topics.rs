//! The topics, in the order in which an event meets them: key, value, who writes, who reads.

use crate::avro::Record;

/// One topic of the pipeline.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Topic {
    /// The exact bytes received. Key: receipt id. ingest → normalizer, sink.
    Raw,
    /// The same, of tenants above their rate. ingest → normalizer at its own pace, sink.
    RawOverflow,
    /// `DeliveryEvent`, one set for each raw record. Key: order or account. normalizer → enricher.
    Canonical,
    /// `OrderedEvent`, once for each event id and revision. Key: order or account. enricher → sink.
    Ordered,
    /// `Order`, the newest state; null when forgotten. Key: order. enricher → sink. Compacted.
    Orders,
    /// `SetAside`. Key: receipt id. normalizer, enricher, sink → sink, `waybill set-aside`.
    SetAside,
    /// Ancestors on their way down a chain. Key: order. enricher → enricher. Internal.
    EnricherLinks,
    /// The whole state of each order. Key: order. enricher → enricher. Internal, compacted.
    EnricherChangelog,
}

/// Which clock stamps a topic's records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stamp {
    /// The producer's: raw keeps the time of receipt.
    CreateTime,
    /// The broker's: windows are measured against it.
    LogAppendTime,
}

/// How a topic is cleaned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cleanup {
    /// Old segments go.
    Delete,
    /// The newest record of a key stays; the lag (milliseconds) keeps history for slow readers.
    Compact { lag_ms: i64 },
}

const DAY_MS: i64 = 24 * 3600 * 1000;

impl Topic {
    /// All, in flow order.
    pub const ALL: &'static [Topic] = &[
        Self::Raw,
        Self::RawOverflow,
        Self::Canonical,
        Self::Ordered,
        Self::Orders,
        Self::SetAside,
        Self::EnricherLinks,
        Self::EnricherChangelog,
    ];

    /// The name without the prefix.
    #[must_use]
    pub const fn short_name(self) -> &'static str {
        match self {
            Self::Raw => "raw",
            Self::RawOverflow => "raw-overflow",
            Self::Canonical => "canonical",
            Self::Ordered => "ordered",
            Self::Orders => "orders",
            Self::SetAside => "set-aside",
            Self::EnricherLinks => "enricher-links",
            Self::EnricherChangelog => "enricher-changelog",
        }
    }

    /// The full name under a prefix such as `waybill.`.
    #[must_use]
    pub fn name(self, prefix: &str) -> String {
        format!("{prefix}{}", self.short_name())
    }

    /// The Avro record in its value; `None` where the value is bytes of another kind.
    #[must_use]
    pub const fn record(self) -> Option<Record> {
        match self {
            Self::Canonical => Some(Record::DeliveryEvent),
            Self::Ordered => Some(Record::OrderedEvent),
            Self::Orders => Some(Record::Order),
            Self::SetAside => Some(Record::SetAside),
            Self::Raw | Self::RawOverflow | Self::EnricherLinks | Self::EnricherChangelog => None,
        }
    }

    /// Which clock stamps its records.
    #[must_use]
    pub const fn stamp(self) -> Stamp {
        match self {
            Self::Canonical | Self::Ordered | Self::EnricherLinks => Stamp::LogAppendTime,
            Self::Raw
            | Self::RawOverflow
            | Self::Orders
            | Self::SetAside
            | Self::EnricherChangelog => Stamp::CreateTime,
        }
    }

    /// How it is cleaned.
    #[must_use]
    pub const fn cleanup(self) -> Cleanup {
        match self {
            Self::Orders => Cleanup::Compact { lag_ms: DAY_MS },
            Self::EnricherChangelog => Cleanup::Compact { lag_ms: 0 },
            Self::Raw
            | Self::RawOverflow
            | Self::Canonical
            | Self::Ordered
            | Self::SetAside
            | Self::EnricherLinks => Cleanup::Delete,
        }
    }

    /// The registry subject of its value.
    #[must_use]
    pub fn subject(self, prefix: &str) -> String {
        format!("{}-value", self.name(prefix))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn topics_that_share_partitions_by_key_are_named_as_the_contract_names_them() {
        let names: Vec<String> = Topic::ALL.iter().map(|t| t.name("waybill.")).collect();
        assert_eq!(
            names,
            [
                "waybill.raw",
                "waybill.raw-overflow",
                "waybill.canonical",
                "waybill.ordered",
                "waybill.orders",
                "waybill.set-aside",
                "waybill.enricher-links",
                "waybill.enricher-changelog",
            ]
        );
    }

    #[test]
    fn the_asyncapi_document_has_each_topic_and_each_schema() {
        let document = include_str!("../asyncapi.yaml");
        let addresses: Vec<&str> = document
            .lines()
            .filter_map(|line| line.trim().strip_prefix("address: "))
            .collect();
        let names: Vec<String> = Topic::ALL.iter().map(|t| t.name("waybill.")).collect();
        assert_eq!(addresses, names);
        for record in ["delivery_event", "ordered_event", "order", "set_aside"] {
            assert!(
                document.contains(&format!("avro/{record}.v1.avsc")),
                "{record}"
            );
        }
    }
}
