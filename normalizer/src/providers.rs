//! What each carrier's webhooks mean. How each one proves itself is ingest's affair.

mod lalamove;

use schemas::{DeliveryEvent, Provider, Reason, set_aside::Why};

use crate::normalize::Webhook;

/// The events of one webhook; `part` and `parts` are the caller's to set.
pub(crate) fn events(webhook: &Webhook<'_>) -> Result<Vec<DeliveryEvent>, Why> {
    match webhook.headers.provider {
        Provider::Lalamove => lalamove::events(webhook),
        Provider::Ahamove | Provider::Ordatic | Provider::Sendstack | Provider::Dellyman => {
            Err(Why {
                reason: Reason::Unsupported,
                detail: format!("provider: {} is not read yet", webhook.headers.provider),
            })
        }
    }
}
