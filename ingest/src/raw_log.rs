//! What a 200 rests on: a place where a webhook is safe.

use schemas::raw_webhook::RawHeaders;
use tokio::sync::oneshot;

/// Which raw topic a webhook goes to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Lane {
    /// `raw`.
    #[default]
    Normal,
    /// `raw-overflow`: its tenant sends more than was agreed, and delays nobody else there.
    Overflow,
}

/// One webhook on its way to a raw topic.
#[derive(Clone, Copy, Debug)]
pub struct Record<'a> {
    /// What is known about it.
    pub headers: &'a RawHeaders,
    /// The exact bytes.
    pub body: &'a [u8],
    /// Records with the same number come to lie in the same partition.
    pub placement: u64,
    /// Which topic.
    pub lane: Lane,
}

/// Where a webhook came to lie.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Placed {
    /// Of the lane's topic.
    pub partition: i32,
    /// In that partition.
    pub offset: i64,
}

/// Why a webhook is not safe. Holds nothing of it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// More waits already than may wait.
    #[error("too much waits already")]
    Full,
    /// Where records go is not known yet.
    #[error("the topic's partitions are not known")]
    Unplaced,
    /// The record's own fault: another attempt ends alike.
    #[error("not taken: {0}")]
    Unfit(String),
    /// It was tried, and failed.
    #[error("not delivered: {0}")]
    Failed(String),
}

/// Told once the webhook is safe, or known not to be. A sender that is dropped means not safe.
pub type Confirmation = oneshot::Receiver<Result<Placed, Refused>>;

/// Takes webhooks in durably.
pub trait RawLog: Send + Sync {
    /// Hands a record over without ever waiting; whether it is safe is told later.
    ///
    /// # Errors
    /// [`Refused`] when it can't even be handed over.
    fn append(&self, record: &Record<'_>) -> Result<Confirmation, Refused>;

    /// Whether the last thing heard of the log was good. While it is not, waiting for confirmations
    /// would be in vain.
    fn is_up(&self) -> bool;
}
