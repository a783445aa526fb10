use std::fmt;

/// One of the three programs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Part {
    Kafka,
    Registry,
    Clickhouse,
}

impl Part {
    pub const ALL: [Self; 3] = [Self::Kafka, Self::Registry, Self::Clickhouse];

    /// Names its folder, its log file and its place in messages.
    pub fn name(self) -> &'static str {
        match self {
            Self::Kafka => "kafka",
            Self::Registry => "registry",
            Self::Clickhouse => "clickhouse",
        }
    }
}

impl fmt::Display for Part {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.pad(self.name())
    }
}
