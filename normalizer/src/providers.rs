//! What each carrier's webhooks mean. How each one proves itself is ingest's affair.

mod ahamove;
mod dellyman;
mod lalamove;
mod ordatic;
mod sendstack;
mod snapshot;

use schemas::{Provider, delivery_event::Draft, set_aside::Why};

use crate::normalize::{Normalized, Webhook};

/// The events of one webhook; `part` and `parts` are the caller's to set.
pub(crate) fn events(webhook: Webhook<'_>) -> Result<Normalized<Draft<'_>>, Why> {
    match webhook.headers.provider {
        Provider::Lalamove => lalamove::events(webhook).map(Normalized::from),
        Provider::Ahamove => ahamove::events(webhook).map(Normalized::from),
        Provider::Dellyman => dellyman::events(webhook).map(Normalized::from),
        Provider::Ordatic => ordatic::events(webhook),
        Provider::Sendstack => sendstack::events(webhook).map(Normalized::from),
    }
}
