//! What a 200 rests on: a place where a webhook is safe.

use schemas::raw_webhook::RawHeaders;
use tokio::sync::oneshot;

/// One webhook on its way to the raw topic.
#[derive(Clone, Copy, Debug)]
pub struct Record<'a> {
    /// What is known about it.
    pub headers: &'a RawHeaders,
    /// The exact bytes.
    pub body: &'a [u8],
    /// Records with the same text here come to lie in the same partition.
    pub beside: &'a [u8],
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
    /// It was tried, and failed.
    #[error("not delivered: {0}")]
    Failed(String),
}

/// Told once the webhook is safe, or known not to be. A sender that is dropped means not safe.
pub type Confirmation = oneshot::Receiver<Result<(), Refused>>;

/// Takes webhooks in durably.
pub trait RawLog: Send + Sync {
    /// Hands a record over without ever waiting; whether it is safe is told later.
    ///
    /// # Errors
    /// [`Refused`] when it can't even be handed over.
    fn append(&self, record: &Record<'_>) -> Result<Confirmation, Refused>;
}
