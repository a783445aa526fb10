//! The registry's ids of what is written here, asked for once at start.

use std::time::Duration;

use runtime::{backoff::Backoff, service::Context};
use schemas::{avro::Record, registry::Registry, topics::Topic};

use crate::settings::Settings;

/// The registry's ids of what is written here.
#[derive(Clone, Copy, Debug)]
pub struct SchemaIds {
    /// Of `DeliveryEvent`.
    pub delivery_event: u32,
    /// Of `SetAside`.
    pub set_aside: u32,
}

/// Asks until the registry answers; `None` if it is time to stop before that. Schemas are
/// registered by an operator, perhaps after this process started.
pub(crate) async fn get(
    settings: &Settings,
    context: &Context,
) -> anyhow::Result<Option<SchemaIds>> {
    let given = &settings.registry;
    let registry = Registry::new(&given.url, &given.username, given.password.expose())?;
    let health = context.health.part("registry");
    let mut backoff = Backoff::new(Duration::from_millis(200), Duration::from_secs(10));
    let prefix = &settings.common.topics.prefix;
    loop {
        let event = Topic::Canonical.subject(prefix);
        let set_aside = Topic::SetAside.subject(prefix);
        let found = tokio::try_join!(
            registry.id_of(&event, Record::DeliveryEvent.schema_text()),
            registry.id_of(&set_aside, Record::SetAside.schema_text()),
        );
        let error = match found {
            Ok((delivery_event, set_aside)) => {
                health.ready();
                return Ok(Some(SchemaIds {
                    delivery_event,
                    set_aside,
                }));
            }
            Err(error) => error,
        };
        let wait = backoff.next();
        health.not_ready(&error.to_string());
        tracing::warn!(
            error = &error as &dyn std::error::Error,
            retry_ms = wait.as_millis(),
            "no schema ids yet"
        );
        tokio::select! {
            () = tokio::time::sleep(wait) => {}
            () = context.shutdown.requested() => return Ok(None),
        }
    }
}
