//! Brings the three parts into the cache, once.

use std::path::PathBuf;
use std::thread::{self, ScopedJoinHandle};

use crate::archive::{Classes, Trial};
use crate::cache::Cache;
use crate::child::Invocation;
use crate::error::Error;
use crate::install;
use crate::kafka;
use crate::options::{ClickhouseOptions, KafkaOptions};
use crate::part::Part;
use crate::place::Place;
use crate::progress::Progress;
use crate::registry;
use crate::tools::{self, Java, Needs};
use crate::versions;

/// Where everything is that a stack runs.
#[derive(Clone, Debug)]
pub struct Parts {
    pub(crate) cache: Cache,
    java: Java,
    kafka: (PathBuf, Classes),
    registry: (PathBuf, Classes),
    clickhouse: PathBuf,
}

/// Downloads what is missing, all three at once, verifies it and prepares fast starts. Takes about a
/// minute the first time and a sixth of a second later.
pub fn fetch(progress: &dyn Progress) -> Result<Parts, Error> {
    let package = versions::clickhouse_package(std::env::consts::OS, std::env::consts::ARCH)?;
    let cache = Cache::open()?;
    let kafka_name = format!("kafka-{}", versions::KAFKA);
    let registry_name = format!("registry-{}", versions::REGISTRY);
    let clickhouse_name = format!("clickhouse-{}", versions::CLICKHOUSE);
    let java = tools::check(Needs {
        maven: !cache.holds(&kafka_name) || !cache.holds(&registry_name),
        npm: !cache.holds(&clickhouse_name),
    })?;

    let trial = Trial {
        cache: &cache,
        java: &java,
        progress,
    };

    let fetch_kafka = || {
        let folder = cache.obtain(Part::Kafka, &kafka_name, progress, |folder| {
            install::kafka(folder, &java, progress)
        })?;
        let invocation = |place: &Place, classes: &Classes| {
            kafka::invocation(&java, &folder, place, &KafkaOptions::default(), classes)
        };
        let classes = trial.obtain(Part::Kafka, &folder, invocation)?;
        Ok((folder, classes))
    };
    let fetch_registry = || {
        let folder = cache.obtain(Part::Registry, &registry_name, progress, |folder| {
            install::registry(folder, progress)
        })?;
        let invocation =
            |place: &Place, classes: &Classes| registry::invocation(&java, &folder, place, classes);
        let classes = trial.obtain(Part::Registry, &folder, invocation)?;
        Ok((folder, classes))
    };
    let fetch_clickhouse = || {
        let folder = cache.obtain(Part::Clickhouse, &clickhouse_name, progress, |folder| {
            install::clickhouse(folder, &package, progress)
        })?;
        Ok(folder.join(install::LIBCHDB))
    };
    let (kafka, registry, clickhouse) = thread::scope(|scope| {
        let kafka = scope.spawn(fetch_kafka);
        let registry = scope.spawn(fetch_registry);
        let clickhouse = scope.spawn(fetch_clickhouse);
        (
            join(Part::Kafka, kafka),
            join(Part::Registry, registry),
            join(Part::Clickhouse, clickhouse),
        )
    });
    Ok(Parts {
        kafka: kafka?,
        registry: registry?,
        clickhouse: clickhouse?,
        java: java.clone(),
        cache: cache.clone(),
    })
}

fn join<T>(part: Part, thread: ScopedJoinHandle<'_, Result<T, Error>>) -> Result<T, Error> {
    thread
        .join()
        .unwrap_or_else(|_| Err(Error::fetch(part, "its thread panicked")))
}

impl Parts {
    pub(crate) fn invocation(
        &self,
        part: Part,
        place: &Place,
        kafka_options: &KafkaOptions,
        clickhouse_options: &ClickhouseOptions,
    ) -> Result<Invocation, Error> {
        match part {
            Part::Kafka => {
                let (folder, classes) = &self.kafka;
                kafka::invocation(&self.java, folder, place, kafka_options, classes)
            }
            Part::Registry => {
                let (folder, classes) = &self.registry;
                registry::invocation(&self.java, folder, place, classes)
            }
            Part::Clickhouse => {
                crate::clickhouse::invocation(&self.clickhouse, place, clickhouse_options)
            }
        }
    }
}
