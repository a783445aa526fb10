//! Stage 3 of 4: canonical topic to ordered topic, and the newest state of each order.
//!
//! Promises: an order's events leave in event-time order with a sequence without gaps; what comes
//! too late leaves marked and corrects the order; an event leaves once for each revision; chains of
//! replaced orders have one root, whatever arrived first. Output, state and input offsets are one
//! Kafka transaction, so a crash neither repeats nor loses any of it.
//! Never: reads a clock, drops what comes late, lets a backlog end a hold.

pub mod service;

pub mod partition;
pub mod shelf;
pub mod store;

pub mod effects;
pub mod order;

pub mod lineage;
pub mod reorder;
pub mod snapshot;
pub mod status;

pub mod account;
pub mod content;
pub mod fact;
pub mod place;

pub mod codec;

pub mod metrics;
pub mod outcome;
pub mod settings;

#[cfg(test)]
mod sample;

use std::{path::Path, sync::Arc, time::Duration};

use runtime::{
    backoff::Backoff,
    kafka::exactly_once::{self, Options},
    service::Context,
};
use schemas::{
    avro::Record,
    registry::{Registry, RegistryError},
    topics::Topic,
};
use tokio::runtime::Handle;

pub use self::{metrics::Metrics, settings::Settings};
use self::{
    partition::Rules,
    service::{DiskShelves, Enricher, KafkaChangelog, MemoryShelves, NoSchema, SchemaIds, Shelves},
};

const NAME: &str = "enricher";

/// Starts the worker; it runs until shutdown.
///
/// # Errors
/// If the registry's address can't be used, or the worker can't be set up.
pub async fn run(settings: Settings, context: Context) -> anyhow::Result<()> {
    let metrics = Metrics::new(&context.metrics)?;
    let registry = registry(&settings)?;
    let prefix = settings.common.topics.prefix.clone();
    let Some(ids) = schema_ids(&registry, &prefix, &context).await? else {
        return Ok(());
    };
    let options = Options {
        name: NAME,
        kafka: settings.common.kafka.clone(),
        group: format!("{prefix}{NAME}"),
        instance: settings.common.instance.resolved(),
        primary: Topic::Canonical.name(&prefix),
        companions: vec![Topic::EnricherLinks.name(&prefix)],
        tracks_time: true,
        has_markers: true,
    };
    let changelog = KafkaChangelog::new(
        settings.common.kafka.clone(),
        Topic::EnricherChangelog.name(&prefix),
    );
    let rules: Arc<Rules> = Arc::new(settings.window.rules());
    let shelves = shelves(
        &settings.state.dir,
        &format!("{prefix}{NAME}-{}", options.instance),
    );
    let schemas = schemas_of(registry, Handle::current());
    let mut stage = Enricher::new(&prefix, ids, rules, metrics)?
        .with_schemas(schemas)
        .with_shelves(shelves, context.clock.clone())
        .with_changelog(Box::new(changelog));
    let worker = context.clone();
    context.tasks.spawn_thread(NAME, move || {
        exactly_once::run(&options, &mut stage, &worker)
    });
    Ok(())
}

/// Instances on one machine may share `state.dir`: each has a folder of its own in it.
fn shelves(folder: &str, own: &str) -> Box<dyn Shelves> {
    if folder.is_empty() {
        return Box::new(MemoryShelves);
    }
    let plain = |c: char| {
        if c.is_ascii_alphanumeric() || "-_.".contains(c) {
            c
        } else {
            '_'
        }
    };
    let own: String = own.chars().map(plain).collect();
    Box::new(DiskShelves(Path::new(folder).join(own)))
}

fn registry(settings: &Settings) -> Result<Registry, RegistryError> {
    let given = &settings.registry;
    Registry::new(&given.url, &given.username, given.password.expose())
}

/// Schemas by id, asked for on the worker's own thread.
fn schemas_of(registry: Registry, handle: Handle) -> service::Schemas {
    Box::new(move |id| {
        handle.block_on(registry.schema_by_id(id)).map_err(|error| {
            if matches!(error, RegistryError::UnknownId(_)) {
                NoSchema::Unknown
            } else if error.is_temporary() {
                NoSchema::NotNow(error.to_string())
            } else {
                NoSchema::Never(error.into())
            }
        })
    })
}

/// Asks until the registry answers; `None` if it is time to stop before that. Schemas are
/// registered by an operator, perhaps after this process started.
async fn schema_ids(
    registry: &Registry,
    prefix: &str,
    context: &Context,
) -> anyhow::Result<Option<SchemaIds>> {
    let health = context.health.part("registry");
    let mut backoff = Backoff::new(Duration::from_millis(200), Duration::from_secs(10));
    let subjects = [Topic::Ordered, Topic::Orders, Topic::SetAside].map(|t| t.subject(prefix));
    let [ordered, orders, set_aside] = &subjects;
    loop {
        let found = tokio::try_join!(
            registry.id_of(ordered, Record::OrderedEvent.schema_text()),
            registry.id_of(orders, Record::Order.schema_text()),
            registry.id_of(set_aside, Record::SetAside.schema_text()),
        );
        let error = match found {
            Ok((ordered_event, order, set_aside)) => {
                health.ready();
                return Ok(Some(SchemaIds {
                    ordered_event,
                    order,
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
