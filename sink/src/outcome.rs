//! Everything that can happen to a record here, and what follows from it. This is the only place
//! that decides.

use schemas::Reason;

use crate::{clickhouse::StoreError, codes::Nature};

/// What follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Disposition {
    /// It is where it belongs; go on.
    Done,
    /// Temporary: hold the partitions, ask again later.
    Retry,
    /// The record is bad: write it to the set-aside topic, go on.
    SetAside(Reason),
    /// We are wrong or misconfigured: exit.
    Stop,
}

/// What happened to a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// It is a row of the store.
    Loaded,
    /// An order was forgotten upstream; its row stays.
    Tombstone,
    /// The headers of a raw record can't be read; the normalizer sets it aside.
    UnreadableReceipt,
    /// Its bytes are not what its schema says, or nobody knows its schema.
    Undecodable,
    /// The store takes every other row of its block, but not this one.
    RejectedByStore,
    /// The store, the registry or Kafka can't be asked now.
    Unavailable,
    /// The store can be asked and will never take anything: no such table, no such user.
    Misconfigured,
}

impl Outcome {
    pub const ALL: &'static [Self] = &[
        Self::Loaded,
        Self::Tombstone,
        Self::UnreadableReceipt,
        Self::Undecodable,
        Self::RejectedByStore,
        Self::Unavailable,
        Self::Misconfigured,
    ];

    pub const fn label(self) -> &'static str {
        match self {
            Self::Loaded => "loaded",
            Self::Tombstone => "tombstone",
            Self::UnreadableReceipt => "unreadable_receipt",
            Self::Undecodable => "undecodable",
            Self::RejectedByStore => "rejected_by_store",
            Self::Unavailable => "unavailable",
            Self::Misconfigured => "misconfigured",
        }
    }

    pub const fn disposition(self) -> Disposition {
        match self {
            Self::Loaded | Self::Tombstone | Self::UnreadableReceipt => Disposition::Done,
            Self::Undecodable => Disposition::SetAside(Reason::Undecodable),
            Self::RejectedByStore => Disposition::SetAside(Reason::RejectedByStore),
            Self::Unavailable => Disposition::Retry,
            Self::Misconfigured => Disposition::Stop,
        }
    }
}

impl From<&StoreError> for Outcome {
    fn from(error: &StoreError) -> Self {
        match error.nature() {
            Nature::Temporary => Self::Unavailable,
            Nature::RowRefused => Self::RejectedByStore,
            Nature::Misconfigured => Self::Misconfigured,
        }
    }
}
