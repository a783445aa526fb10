//! Bringing the topics of an installation to what they should be, as often as wanted.

mod config;

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use anyhow::Context as _;
use rdkafka::{
    admin::{
        AdminClient, AdminOptions, AlterConfig, ConfigResource, ConfigSource, NewTopic,
        ResourceSpecifier, TopicReplication,
    },
    client::DefaultClientContext,
    error::RDKafkaErrorCode,
    metadata::MetadataTopic,
};
use schemas::topics::Topic;
use serde::Serialize;

use crate::settings::{Settings, Topology};
use config::config;

const ANSWER_WITHIN: Duration = Duration::from_secs(10);
/// Until every partition of a new topic has a leader.
const LEADERS_WITHIN: Duration = Duration::from_secs(20);
const LOOK_AGAIN: Duration = Duration::from_millis(50);

/// What was done about one topic.
#[derive(Debug, Serialize)]
pub(crate) struct Applied {
    pub(crate) topic: String,
    pub(crate) partitions: u16,
    pub(crate) outcome: Outcome,
    /// Settings that were not as they should be.
    pub(crate) corrected: Vec<Drift>,
    /// What is not as it should be and can't be changed from here.
    pub(crate) warning: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Outcome {
    Created,
    Corrected,
    Unchanged,
}

#[derive(Debug, Serialize)]
pub(crate) struct Drift {
    pub(crate) key: String,
    pub(crate) found: Option<String>,
    pub(crate) set: String,
}

#[derive(Debug, thiserror::Error)]
pub(crate) enum TopicsError {
    #[error(
        "the number of partitions can't be changed, because each order's place hangs on it: {}; \
         set topics.partitions to what is there, or use another topics.prefix",
        .0.join(", ")
    )]
    Partitions(Vec<String>),
    #[error("Kafka refuses {what}: {code}")]
    Refused {
        what: String,
        code: RDKafkaErrorCode,
    },
    #[error("{} has no leader for every partition yet", .0)]
    NoLeader(String),
}

/// Creates what is missing and corrects what differs. Nothing is changed if a number of partitions
/// differs.
pub(crate) async fn apply(settings: &Settings) -> anyhow::Result<Vec<Applied>> {
    let admin: AdminClient<DefaultClientContext> = runtime::kafka::connection(settings.kafka())
        .create()
        .context("making a Kafka client")?;
    let topology = settings.topology();
    let there = existing(&admin, topology)?;
    refuse_other_partitions(&there, topology)?;

    let (old, new): (Vec<Topic>, Vec<Topic>) = Topic::ALL
        .iter()
        .partition(|topic| there.contains_key(&topic.name(&topology.prefix)));
    let mut applied = create(&admin, &new, settings).await?;
    applied.extend(correct(&admin, &old, settings).await?);
    for done in &mut applied {
        if let Some(found) = there.get(&done.topic)
            && found.replication != topology.replication
        {
            done.warning = Some(format!(
                "has {} replicas instead of {}: reassign its partitions with Kafka's own tools",
                found.replication, topology.replication
            ));
        }
    }
    wait_for_leaders(&admin, topology).await?;
    Ok(applied)
}

struct Found {
    partitions: usize,
    replication: u16,
}

fn existing(
    admin: &AdminClient<DefaultClientContext>,
    topology: &Topology,
) -> anyhow::Result<BTreeMap<String, Found>> {
    let metadata = admin
        .inner()
        .fetch_metadata(None, ANSWER_WITHIN)
        .context("asking Kafka for its topics (WAYBILL__KAFKA__BOOTSTRAP_SERVERS)")?;
    let ours: Vec<String> = Topic::ALL
        .iter()
        .map(|topic| topic.name(&topology.prefix))
        .collect();
    let found = |topic: &MetadataTopic| Found {
        partitions: topic.partitions().len(),
        replication: topic
            .partitions()
            .iter()
            .map(|partition| u16::try_from(partition.replicas().len()).unwrap_or(u16::MAX))
            .min()
            .unwrap_or(0),
    };
    let topics = metadata
        .topics()
        .iter()
        .filter(|topic| ours.iter().any(|our| our == topic.name()));
    Ok(topics
        .map(|topic| (topic.name().to_owned(), found(topic)))
        .collect())
}

fn refuse_other_partitions(
    there: &BTreeMap<String, Found>,
    topology: &Topology,
) -> Result<(), TopicsError> {
    let wanted = usize::from(topology.partitions);
    let others: Vec<String> = there
        .iter()
        .filter(|(_, found)| found.partitions != wanted)
        .map(|(name, found)| format!("{name} has {}, not {wanted}", found.partitions))
        .collect();
    if others.is_empty() {
        Ok(())
    } else {
        Err(TopicsError::Partitions(others))
    }
}

async fn create(
    admin: &AdminClient<DefaultClientContext>,
    topics: &[Topic],
    settings: &Settings,
) -> anyhow::Result<Vec<Applied>> {
    if topics.is_empty() {
        return Ok(Vec::new());
    }
    let topology = settings.topology();
    let wanted: Vec<(String, BTreeMap<&str, String>)> = topics
        .iter()
        .map(|topic| {
            (
                topic.name(&topology.prefix),
                config(*topic, topology, settings.raw_hours()),
            )
        })
        .collect();
    let new: Vec<NewTopic<'_>> = wanted
        .iter()
        .map(|(name, config)| {
            let replication = TopicReplication::Fixed(i32::from(topology.replication));
            let new = NewTopic::new(name, i32::from(topology.partitions), replication);
            config
                .iter()
                .fold(new, |new, (key, value)| new.set(key, value))
        })
        .collect();
    let results = admin
        .create_topics(&new, &options())
        .await
        .context("creating topics")?;
    for result in results {
        match result {
            // made by another process just now: the next run looks at its settings
            Ok(_) | Err((_, RDKafkaErrorCode::TopicAlreadyExists)) => {}
            Err((name, code)) => {
                return Err(TopicsError::Refused {
                    what: format!("to create {name}"),
                    code,
                }
                .into());
            }
        }
    }
    Ok(wanted
        .into_iter()
        .map(|(topic, _)| done(topic, topology, Outcome::Created))
        .collect())
}

fn done(topic: String, topology: &Topology, outcome: Outcome) -> Applied {
    let partitions = topology.partitions;
    Applied {
        topic,
        partitions,
        outcome,
        corrected: Vec::new(),
        warning: None,
    }
}

async fn correct(
    admin: &AdminClient<DefaultClientContext>,
    topics: &[Topic],
    settings: &Settings,
) -> anyhow::Result<Vec<Applied>> {
    if topics.is_empty() {
        return Ok(Vec::new());
    }
    let topology = settings.topology();
    let names: Vec<String> = topics
        .iter()
        .map(|topic| topic.name(&topology.prefix))
        .collect();
    let asked: Vec<ResourceSpecifier<'_>> = names
        .iter()
        .map(|name| ResourceSpecifier::Topic(name))
        .collect();
    let answers = admin
        .describe_configs(&asked, &options())
        .await
        .context("asking for topic settings")?;
    let mut applied = Vec::new();
    for ((topic, name), answer) in topics.iter().zip(&names).zip(answers) {
        let found = answer.map_err(|code| TopicsError::Refused {
            what: format!("to show the settings of {name}"),
            code,
        })?;
        let wanted = config(*topic, topology, settings.raw_hours());
        let corrected = drifts(&wanted, &found);
        if corrected.is_empty() {
            applied.push(done(name.clone(), topology, Outcome::Unchanged));
            continue;
        }
        alter(admin, name, &wanted, &found).await?;
        applied.push(Applied {
            corrected,
            ..done(name.clone(), topology, Outcome::Corrected)
        });
    }
    Ok(applied)
}

fn drifts(wanted: &BTreeMap<&str, String>, found: &ConfigResource) -> Vec<Drift> {
    wanted
        .iter()
        .map(|(key, set)| {
            let found = found.get(key).and_then(|entry| entry.value.clone());
            Drift {
                key: (*key).to_owned(),
                found,
                set: set.clone(),
            }
        })
        .filter(|drift| drift.found.as_ref() != Some(&drift.set))
        .collect()
}

/// The call replaces all settings of the topic, so those that somebody else has set go along.
async fn alter(
    admin: &AdminClient<DefaultClientContext>,
    name: &str,
    wanted: &BTreeMap<&'static str, String>,
    found: &ConfigResource,
) -> anyhow::Result<()> {
    let mut all: BTreeMap<&str, &str> = found
        .entries
        .iter()
        .filter(|entry| entry.source == ConfigSource::DynamicTopic)
        .filter_map(|entry| Some((entry.name.as_str(), entry.value.as_deref()?)))
        .collect();
    all.extend(wanted.iter().map(|(key, value)| (*key, value.as_str())));
    let request = AlterConfig::new(ResourceSpecifier::Topic(name));
    let request = all
        .iter()
        .fold(request, |request, (key, value)| request.set(key, value));
    let results = admin
        .alter_configs([&request], &options())
        .await
        .context("correcting a topic")?;
    for result in results {
        result.map_err(|(_, code)| TopicsError::Refused {
            what: format!("to change the settings of {name}"),
            code,
        })?;
    }
    Ok(())
}

/// A service that starts before would find no leader and back off.
async fn wait_for_leaders(
    admin: &AdminClient<DefaultClientContext>,
    topology: &Topology,
) -> anyhow::Result<()> {
    let deadline = Instant::now() + LEADERS_WITHIN;
    for topic in Topic::ALL {
        let name = topic.name(&topology.prefix);
        loop {
            let metadata = admin.inner().fetch_metadata(Some(&name), ANSWER_WITHIN)?;
            let led = metadata.topics().first().is_some_and(|topic| {
                topic.partitions().len() == usize::from(topology.partitions)
                    && topic
                        .partitions()
                        .iter()
                        .all(|partition| partition.leader() >= 0)
            });
            if led {
                break;
            }
            if Instant::now() > deadline {
                return Err(TopicsError::NoLeader(name).into());
            }
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    }
    Ok(())
}

fn options() -> AdminOptions {
    AdminOptions::new()
        .request_timeout(Some(ANSWER_WITHIN))
        .operation_timeout(Some(ANSWER_WITHIN))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn topology() -> Topology {
        Topology {
            prefix: "t.".into(),
            partitions: 4,
            replication: 3,
            min_insync_replicas: 2,
        }
    }

    #[test]
    fn another_number_of_partitions_is_refused_by_name() {
        let found = Found {
            partitions: 12,
            replication: 3,
        };
        let there = BTreeMap::from([("t.raw".to_owned(), found)]);
        let error = refuse_other_partitions(&there, &topology())
            .unwrap_err()
            .to_string();
        assert!(error.contains("t.raw has 12, not 4"), "{error}");
    }
}
