//! Stage 2 of 4: raw topic to canonical topic.
//!
//! Promises: each raw record yields its events exactly once, or one set-aside that names what stood
//! in the way; the same record gives the same events in every run; no handover code, api key or
//! signature passes, and personal data only by the tenant's rule.
//! Never: reads a clock, keeps state between records, drops what it does not understand.

pub mod service;

pub mod blobs;
pub mod normalize;
pub mod privacy;

mod amount;
mod arena;
mod event_time;
mod json;
mod providers;
mod tree;

pub mod metrics;
mod outcome;
mod proof;
mod schema_ids;
pub mod settings;
mod text;

use std::{fs, sync::Arc};

use anyhow::Context as _;
use runtime::{
    blobs::Blobs,
    kafka::exactly_once::{self, Options},
    service::Context,
};
use schemas::{mapping::Mapping, topics::Topic};

pub use self::{
    arena::Arena,
    blobs::BlobStore,
    metrics::Metrics,
    normalize::{Blob, Normalized, Room, Rules, drafts, normalize},
    privacy::Privacy,
    schema_ids::SchemaIds,
    service::Normalizer,
    settings::Settings,
};

const WORKERS: [(&str, Topic); 2] = [
    ("normalizer", Topic::Raw),
    ("normalizer-overflow", Topic::RawOverflow),
];

/// Starts both workers, which run until shutdown: raw, and raw-overflow at its own pace, so that a
/// tenant above its rate delays nobody else.
///
/// # Errors
/// If the extra mapping rows can't be used, or a worker can't be set up.
pub async fn run(settings: Settings, context: Context) -> anyhow::Result<()> {
    settings.privacy.warn_if_short();
    let mapping = Arc::new(mapping(&settings.mapping.path)?);
    tracing::info!(version = mapping.version(), "mapping read");
    let metrics = Metrics::new(&context.metrics)?;
    for (name, _) in WORKERS {
        // Known before the registry answers, so that its answer alone makes nothing ready.
        context.health.part(name);
    }
    let Some(ids) = schema_ids::get(&settings, &context).await? else {
        return Ok(());
    };
    let blobs = blob_store(&settings.blobs.url)?;
    let prefix = &settings.common.topics.prefix;
    for (name, input) in WORKERS {
        let privacy = Privacy::new(settings.privacy.key.expose().as_bytes());
        let mapping = Arc::clone(&mapping);
        let mut stage = Normalizer::new(prefix, ids, mapping, privacy, metrics.clone())?
            .with_blobs(blobs.clone());
        let options = Options {
            name,
            kafka: settings.common.kafka.clone(),
            group: format!("{prefix}{name}"),
            instance: settings.common.instance.resolved(),
            primary: input.name(prefix),
            companions: Vec::new(),
            tracks_time: false,
            has_markers: false,
        };
        let worker = context.clone();
        context.tasks.spawn_thread(name, move || {
            exactly_once::run(&options, &mut stage, &worker)
        });
    }
    Ok(())
}

fn mapping(path: &str) -> anyhow::Result<Mapping> {
    if path.is_empty() {
        return Ok(Mapping::embedded().clone());
    }
    let extra = fs::read_to_string(path).with_context(|| format!("mapping.path: {path}"))?;
    Mapping::with_extra(&extra).with_context(|| format!("mapping.path: {path}"))
}

fn blob_store(url: &str) -> anyhow::Result<Option<BlobStore>> {
    if url.is_empty() {
        return Ok(None);
    }
    let blobs = Blobs::open(url)?;
    Ok(Some(BlobStore::new(
        blobs,
        tokio::runtime::Handle::current(),
    )))
}
