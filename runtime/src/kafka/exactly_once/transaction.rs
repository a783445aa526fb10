//! The open transaction, when it is full, and what an error means for it.

use std::time::{Duration, Instant};

use super::{Failure, LogError, Positions};
use crate::shutdown::Shutdown;

/// With more input at hand: worth a longer transaction.
const OPEN_WITH_LAG: Duration = Duration::from_millis(200);
/// Input went idle: what came together leaves together.
const OPEN_IDLE: Duration = Duration::from_millis(25);
pub(super) struct Open {
    since: Instant,
    pub(super) records: usize,
    pub(super) bytes: usize,
    pub(super) went_idle: bool,
    pub(super) begun: bool,
    pub(super) positions: Positions,
}

impl Open {
    pub(super) fn new() -> Self {
        Self {
            since: Instant::now(),
            records: 0,
            bytes: 0,
            went_idle: false,
            begun: false,
            positions: Positions::new(),
        }
    }

    pub(super) fn time_left(&self) -> Duration {
        let limit = if self.went_idle {
            OPEN_IDLE
        } else {
            OPEN_WITH_LAG
        };
        limit.saturating_sub(self.since.elapsed())
    }

    /// How much it may hold is another's matter.
    pub(super) fn is_over(&self) -> bool {
        self.time_left().is_zero()
    }
}

/// Waits, but no longer than until shutdown is asked for.
pub(super) fn wait(duration: Duration, shutdown: &Shutdown) {
    let until = Instant::now() + duration;
    while !shutdown.is_requested() && Instant::now() < until {
        std::thread::park_timeout(Duration::from_millis(10).min(duration));
    }
}

/// What went wrong in one turn.
#[derive(Debug)]
pub(super) enum Trouble {
    Abort(String),
    Renew(String),
    Stop(anyhow::Error),
}

impl From<LogError> for Trouble {
    fn from(error: LogError) -> Self {
        match error {
            LogError::Abort(why) => Self::Abort(why),
            LogError::Unknown(why) => Self::Renew(why),
            LogError::Stop(why) => Self::Stop(anyhow::anyhow!(why)),
        }
    }
}

impl From<Failure> for Trouble {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Retry(why) => Self::Abort(why),
            Failure::Reload(why) => Self::Renew(why),
            Failure::Stop(error) => Self::Stop(error),
        }
    }
}

#[derive(Clone, Debug)]
pub(super) struct Metrics {
    pub(super) records: prometheus::IntCounter,
    pub(super) committed: prometheus::IntCounter,
    pub(super) aborted: prometheus::IntCounter,
    pub(super) renewed: prometheus::IntCounter,
}

impl Metrics {
    pub(super) fn new(name: &str, registry: &prometheus::Registry) -> anyhow::Result<Self> {
        // A service may run several workers (`normalizer`, `normalizer-overflow`): one name, a label.
        let service = name.split('-').next().unwrap_or(name);
        let counter = |what: &str, help: &str| -> anyhow::Result<prometheus::IntCounter> {
            let opts = prometheus::Opts::new(format!("waybill_{service}_{what}"), help)
                .const_label("worker", name);
            let counter = prometheus::IntCounter::with_opts(opts)?;
            registry.register(Box::new(counter.clone()))?;
            Ok(counter)
        };
        Ok(Self {
            records: counter("input_records_total", "records of committed transactions")?,
            committed: counter("transactions_committed_total", "transactions committed")?,
            aborted: counter(
                "transactions_aborted_total",
                "transactions aborted and read again",
            )?,
            renewed: counter(
                "producers_renewed_total",
                "producers replaced after a failure",
            )?,
        })
    }
}
