//! Stage 4 of 4: topics to ClickHouse.
//!
//! Promises: each record of `ordered`, `orders`, `set-aside` and the raw topics is one row of its
//! table, through crashes, retries and rebalances. What will be inserted is written down in Kafka
//! first, so a batch is a function of offsets; the store takes each batch once; keys that replace
//! absorb whatever is older than its memory. A record that can't be a row is set aside.
//!
//! Never: moves an offset past what the store did not acknowledge; names a batch by a clock alone;
//! changes a record's content; reads a webhook's body.

pub mod outcome;
pub mod settings;
pub mod table;

pub mod batch;
pub mod native;
pub mod row;

pub mod check;
pub mod clickhouse;
pub mod codes;
pub mod migrate;
pub mod reload;

mod again;
mod asides;
mod condition;
mod decode;
pub mod frontier;
mod identity;
mod ledger;
mod loader;
pub mod metrics;
mod observer;
mod service;
mod source;

use std::{sync::Arc, time::Duration};

use anyhow::Context as _;
use runtime::{backoff::Backoff, service::Context};
use schemas::registry::Registry;
use tokio::runtime::Handle;

use crate::{
    asides::Asides,
    check::Shapes,
    clickhouse::Store,
    condition::Condition,
    decode::Decode,
    ledger::Ledger,
    loader::Loader,
    metrics::Metrics,
    observer::Observer,
    service::{Parts, Worker},
    settings::Settings,
    source::Member,
    table::Table,
};

/// Starts one worker for each table and returns when all of them are drained.
///
/// # Errors
/// Whatever keeps a worker from ever working; temporary trouble is waited for.
pub async fn run(settings: Settings, context: Context) -> anyhow::Result<()> {
    let Some((store, shapes)) = checked(&settings, &context).await? else {
        return Ok(());
    };
    let metrics = Metrics::new(&context.metrics)?;
    for table in Table::ALL {
        let parts = parts(*table, &settings, &context, (&store, &shapes), &metrics)?;
        let name = format!("sink-{}", table.label());
        context
            .tasks
            .spawn_thread(name, move || Worker::new(parts).run());
    }
    let condition = Condition {
        store: store.clone(),
        metrics: metrics.clone(),
        shutdown: context.shutdown.clone(),
    };
    context.tasks.spawn("sink-condition", condition.run());
    let observer = Observer {
        kafka: settings.common.kafka.clone(),
        prefix: settings.common.topics.prefix.clone(),
        store,
        clock: context.clock.clone(),
        shutdown: context.shutdown.clone(),
        handle: Handle::current(),
    };
    context
        .tasks
        .spawn_thread("sink-observer", move || observer.run());
    context.shutdown.requested().await;
    Ok(())
}

/// Waits for the store, and refuses one that would load rows twice or not at all.
async fn checked(
    settings: &Settings,
    context: &Context,
) -> anyhow::Result<Option<(Store, Arc<Shapes>)>> {
    let part = context.health.part("schema");
    let mut backoff = Backoff::new(Duration::from_millis(200), Duration::from_secs(5));
    loop {
        match check::check(Store::new(&settings.clickhouse)).await {
            Ok((store, shapes)) => {
                part.ready();
                return Ok(Some((store, Arc::new(shapes))));
            }
            Err(error) if error.is_temporary() => {
                let error = anyhow::Error::new(error);
                part.not_ready("the store can't be asked");
                tracing::warn!(error = format!("{error:#}"), "store not checked yet");
            }
            Err(error) => return Err(error).context("nothing can be loaded"),
        }
        tokio::select! {
            () = context.shutdown.requested() => return Ok(None),
            () = tokio::time::sleep(backoff.next()) => {}
        }
    }
}

fn parts(
    table: Table,
    settings: &Settings,
    context: &Context,
    (store, shapes): (&Store, &Arc<Shapes>),
    metrics: &Metrics,
) -> anyhow::Result<Parts> {
    let Settings {
        common,
        registry,
        sink,
        ..
    } = settings;
    let registry = Registry::new(
        &registry.url,
        &registry.username,
        registry.password.expose(),
    )?;
    let handle = Handle::current();
    let prefix = common.topics.prefix.clone();
    let part = context.health.part(table.label());
    let instance = common.instance.resolved();
    let kafka = &common.kafka;
    Ok(Parts {
        table,
        limits: sink.limits(table),
        member: Member::join(kafka, &prefix, table, &instance)?,
        loader: Loader {
            store: store.clone(),
            shapes: Arc::clone(shapes),
            table,
            prefix: prefix.clone(),
            metrics: metrics.clone(),
            part: part.clone(),
        },
        ledger: Ledger::new(store.clone(), table, &prefix),
        decode: Decode::new(table, registry.clone(), handle.clone()),
        asides: Asides::new(kafka.clone(), prefix, registry, handle.clone()),
        metrics: metrics.clone(),
        part,
        clock: context.clock.clone(),
        shutdown: context.shutdown.clone(),
        handle,
        traces: context.traces.clone(),
    })
}
