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
    /// Taken only when `is_up` changes, and while it is not; holds what was told of its absence.
    told: Mutex<Option<Cause>>,
    fell: Notify,
}

/// What kind of thing keeps records from getting through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cause {
    /// None of the brokers answers.
    Brokers,
    /// A topic is missing, or is not ours to write.
    Topic,
    /// A topic has no leader.
    Leader,
    /// Records fail, whatever the cause: all that is known until somebody has looked.
    Records,
}

/// Why records don't get through.
pub(super) type Absence = (Cause, String);

impl Link {
    pub(super) fn new(part: Part, has_spool: bool) -> Self {
        part.not_ready("no broker seen yet");
        Self {
            part,
            has_spool,
            is_up: AtomicBool::new(false),
            told: Mutex::new(None),
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
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        if !self.is_up.swap(true, Ordering::Relaxed) {
            *told = None;
            self.part.ready();
            tracing::info!("kafka is reachable");
        }
    }

    pub(super) fn down(&self, cause: Cause, why: &str) {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        if self.has_spool {
            // Known to be away, so that nothing waits for it in vain.
            self.part.ready();
        } else {
            self.part.not_ready(why);
        }
        if self.is_up.swap(false, Ordering::Relaxed) {
            self.fell.notify_one();
        }
        // It may have been away since the start. Failing records are no news beside what a look has found.
        let is_news = match *told {
            None => true,
            Some(before) => cause != before && cause != Cause::Records,
        };
        if is_news {
            *told = Some(cause);
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
                self.down(Cause::Records, &error.to_string());
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
            self.0.down(Cause::Brokers, "no broker can be reached");
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

#[cfg(test)]
mod tests {
    use std::sync::{Arc, atomic::AtomicUsize};

    use runtime::health::Health;
    use tracing::{Event, Level, Metadata, Subscriber, span};

    use super::*;

    /// Counts warnings.
    struct Warnings(Arc<AtomicUsize>);

    impl Subscriber for Warnings {
        fn enabled(&self, metadata: &Metadata<'_>) -> bool {
            *metadata.level() == Level::WARN
        }

        fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
            span::Id::from_u64(1)
        }

        fn record(&self, _: &span::Id, _: &span::Record<'_>) {}

        fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}

        fn event(&self, _: &Event<'_>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }

        fn enter(&self, _: &span::Id) {}

        fn exit(&self, _: &span::Id) {}
    }

    #[test]
    fn an_absence_is_told_once_from_the_start_on_and_again_after_an_end() {
        let link = Link::new(Health::default().part("kafka"), true);
        let warnings = Arc::new(AtomicUsize::new(0));
        let told = || warnings.load(Ordering::Relaxed);
        tracing::subscriber::with_default(Warnings(Arc::clone(&warnings)), || {
            link.down(Cause::Brokers, "no answer");
            link.down(Cause::Brokers, "no answer");
            assert_eq!(told(), 1);
            link.up();
            link.down(Cause::Brokers, "no answer");
            link.down(Cause::Brokers, "no answer");
            assert_eq!(told(), 2);
        });
    }

    #[test]
    fn another_kind_of_cause_is_told_again_and_failing_records_are_not() {
        let link = Link::new(Health::default().part("kafka"), true);
        let warnings = Arc::new(AtomicUsize::new(0));
        let told = |cause, all| {
            link.down(cause, "for this");
            assert_eq!(warnings.load(Ordering::Relaxed), all, "{cause:?}");
        };
        tracing::subscriber::with_default(Warnings(Arc::clone(&warnings)), || {
            told(Cause::Records, 1);
            told(Cause::Brokers, 2);
            told(Cause::Records, 2);
            told(Cause::Brokers, 2);
            told(Cause::Leader, 3);
            told(Cause::Topic, 4);
        });
    }
}
