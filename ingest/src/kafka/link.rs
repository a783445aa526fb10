//! Whether records get through to Kafka, as delivery reports and the client's own errors tell it.

use std::sync::{
    Mutex, PoisonError,
    atomic::{AtomicBool, Ordering},
};

use rdkafka::{
    ClientContext, Message,
    error::{KafkaError, RDKafkaErrorCode},
    producer::{DeliveryResult, ProducerContext},
};
use runtime::health::Part;
use tokio::sync::{Notify, oneshot};

use crate::raw_log::{Placed, Refused};

/// Whether records get through.
pub(super) struct Link {
    part: Part,
    /// Webhooks are safe without Kafka too: its absence is no reason to take none.
    has_spool: bool,
    is_up: AtomicBool,
    /// Taken only when `is_up` changes.
    changing: Mutex<()>,
    fell: Notify,
}

impl Link {
    pub(super) fn new(part: Part, has_spool: bool) -> Self {
        part.not_ready("no broker seen yet");
        Self {
            part,
            has_spool,
            is_up: AtomicBool::new(false),
            changing: Mutex::new(()),
            fell: Notify::new(),
        }
    }

    pub(super) fn is_up(&self) -> bool {
        self.is_up.load(Ordering::Relaxed)
    }

    /// Every delivery report says so: no lock is taken unless it is news.
    pub(super) fn up(&self) {
        if self.is_up() {
            return;
        }
        let _changing = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        if !self.is_up.swap(true, Ordering::Relaxed) {
            self.part.ready();
            tracing::info!("kafka is reachable");
        }
    }

    pub(super) fn down(&self, why: &str) {
        let _changing = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        if self.has_spool {
            // Known to be away, so that nothing waits for it in vain.
            self.part.ready();
        } else {
            self.part.not_ready(why);
        }
        if self.is_up.swap(false, Ordering::Relaxed) {
            self.fell.notify_one();
            let spooled = self.has_spool;
            tracing::warn!(why, spooled, "kafka takes no records");
        }
    }

    /// Resolves when the link has fallen since the last call.
    pub(super) async fn fell(&self) {
        self.fell.notified().await;
    }

    /// What a failed record says about the link, and to whoever waits for it.
    pub(super) fn failed(&self, error: &KafkaError) -> Refused {
        match error.rdkafka_error_code() {
            Some(RDKafkaErrorCode::QueueFull) => Refused::Full,
            // The record's own fault: one sender must not take the instance out of service.
            Some(RDKafkaErrorCode::MessageSizeTooLarge | RDKafkaErrorCode::InvalidRecord) => {
                Refused::Unfit(error.to_string())
            }
            // Our clock or the broker's is wrong; that is no outage.
            Some(RDKafkaErrorCode::InvalidTimestamp) => Refused::Failed(error.to_string()),
            Some(_) | None => {
                self.down(&error.to_string());
                Refused::Failed(error.to_string())
            }
        }
    }
}

/// Passes delivery reports on to whoever waits for them.
pub(super) struct Reports(pub(super) std::sync::Arc<Link>);

impl ClientContext for Reports {
    fn error(&self, error: KafkaError, reason: &str) {
        // Known long before the first record has waited in vain.
        if error.rdkafka_error_code() == Some(RDKafkaErrorCode::AllBrokersDown) {
            self.0.down("no broker can be reached");
        }
        tracing::debug!(%error, reason, "kafka client");
    }
}

impl ProducerContext for Reports {
    type DeliveryOpaque = Box<oneshot::Sender<Result<Placed, Refused>>>;

    fn delivery(&self, result: &DeliveryResult<'_>, confirm: Self::DeliveryOpaque) {
        let outcome = match result {
            Ok(record) => {
                self.0.up();
                Ok(Placed {
                    partition: record.partition(),
                    offset: record.offset(),
                })
            }
            Err((error, _)) => Err(self.0.failed(error)),
        };
        // Nobody waits any more when the carrier went away or the wait ended.
        drop(confirm.send(outcome));
    }
}
