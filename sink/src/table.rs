//! The four tables that are loaded, and the topics that they are loaded from.

use schemas::topics::Topic;

use crate::{native, row};

/// One loaded table; each has its own consumer group and its own blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Table {
    Events,
    Orders,
    Receipts,
    SetAside,
}

impl Table {
    pub const ALL: &'static [Self] = &[Self::Events, Self::Orders, Self::Receipts, Self::SetAside];

    pub const fn name(self) -> &'static str {
        match self {
            Self::Events => "events_log",
            Self::Orders => "orders_log",
            Self::Receipts => "receipts_log",
            Self::SetAside => "set_aside_log",
        }
    }

    /// As in metrics, in group names and in the names of threads.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Events => "events",
            Self::Orders => "orders",
            Self::Receipts => "receipts",
            Self::SetAside => "set-aside",
        }
    }

    pub const fn topics(self) -> &'static [Topic] {
        match self {
            Self::Events => &[Topic::Ordered],
            Self::Orders => &[Topic::Orders],
            Self::Receipts => &[Topic::Raw, Topic::RawOverflow],
            Self::SetAside => &[Topic::SetAside],
        }
    }

    /// In the order of a block.
    pub fn columns(self) -> Vec<&'static str> {
        match self {
            Self::Events => native::names::<row::event::Columns>(),
            Self::Orders => native::names::<row::order::Columns>(),
            Self::Receipts => native::names::<row::receipt::Columns>(),
            Self::SetAside => native::names::<row::set_aside::Columns>(),
        }
    }

    /// What analysts wait for is loaded often; the rest seldom, so that the store makes fewer parts.
    pub const fn is_urgent(self) -> bool {
        match self {
            Self::Events | Self::Orders => true,
            Self::Receipts | Self::SetAside => false,
        }
    }

    pub fn group(self, prefix: &str) -> String {
        format!("{prefix}sink-{}", self.label())
    }
}
