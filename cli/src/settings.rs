//! What the commands need to know of an installation: the settings of the services, from the same
//! names, with a written environment file beneath the environment.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use runtime::settings::{
    BlobsSettings, ClickhouseSettings, Common, PrivacySettings, Problems, RegistrySettings, Secret,
    Settings as _, Sources, load,
};
use serde::Deserialize;
use toml::Table;

use crate::{WrongUse, env_file};

pub(crate) const DEFAULTS: &str = include_str!("../settings.default.toml");

/// Everything that a command can be told.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "Table")]
pub(crate) struct Settings {
    common: Common,
    own: Own,
}

#[derive(Clone, Debug, Deserialize)]
struct Own {
    topics: Topology,
    retention: Retention,
    registry: RegistrySettings,
    clickhouse: ClickhouseSettings,
    tenants: TenantsFile,
    spool: SpoolFolder,
    blobs: BlobsSettings,
    privacy: PrivacySettings,
    mapping: MappingFile,
}

/// How topics are made.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Topology {
    pub(crate) prefix: String,
    pub(crate) partitions: u16,
    pub(crate) replication: u16,
    pub(crate) min_insync_replicas: u16,
}

#[derive(Clone, Debug, Deserialize)]
struct Retention {
    raw_hours: u32,
}

#[derive(Clone, Debug, Deserialize)]
struct TenantsFile {
    path: PathBuf,
}

#[derive(Clone, Debug, Deserialize)]
struct SpoolFolder {
    dir: PathBuf,
}

#[derive(Clone, Debug, Deserialize)]
struct MappingFile {
    path: PathBuf,
}

/// The group `topics` has a part that is common and a part that is ours, which `flatten` can't say.
impl TryFrom<Table> for Settings {
    type Error = toml::de::Error;

    fn try_from(table: Table) -> Result<Self, Self::Error> {
        Ok(Self {
            common: table.clone().try_into()?,
            own: table.try_into()?,
        })
    }
}

impl runtime::settings::Settings for Settings {
    fn common(&self) -> &Common {
        &self.common
    }

    fn check(&self, problems: &mut Problems) {
        let Topology {
            partitions,
            replication,
            min_insync_replicas,
            ..
        } = self.own.topics;
        for (key, number) in [
            ("partitions", partitions),
            ("replication", replication),
            ("min_insync_replicas", min_insync_replicas),
        ] {
            if number == 0 {
                problems.add(format!("topics.{key}"), "must be at least 1");
            }
        }
        if min_insync_replicas > replication {
            problems.add(
                "topics.min_insync_replicas",
                "must not be above topics.replication",
            );
        }
        if self.own.retention.raw_hours == 0 {
            problems.add("retention.raw_hours", "must be at least 1");
        }
    }
}

impl Settings {
    pub(crate) fn kafka(&self) -> &runtime::settings::KafkaSettings {
        &self.common.kafka
    }

    pub(crate) fn topology(&self) -> &Topology {
        &self.own.topics
    }

    pub(crate) fn raw_hours(&self) -> u32 {
        self.own.retention.raw_hours
    }

    pub(crate) fn registry(&self) -> &RegistrySettings {
        &self.own.registry
    }

    pub(crate) fn clickhouse(&self) -> &ClickhouseSettings {
        &self.own.clickhouse
    }

    /// `None` where none is set.
    pub(crate) fn tenants_path(&self) -> Option<&Path> {
        given(&self.own.tenants.path)
    }

    /// `None` where none is set.
    pub(crate) fn spool_dir(&self) -> Option<&Path> {
        given(&self.own.spool.dir)
    }

    /// `None` where there are no extra rows.
    pub(crate) fn mapping_path(&self) -> Option<&Path> {
        given(&self.own.mapping.path)
    }

    /// Empty where there is no blob store.
    pub(crate) fn blobs_url(&self) -> &str {
        &self.own.blobs.url
    }

    pub(crate) fn privacy_key(&self) -> &Secret {
        &self.own.privacy.key
    }
}

fn given(path: &Path) -> Option<&Path> {
    Some(path).filter(|path| !path.as_os_str().is_empty())
}

/// Where a command takes its settings from.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Where the installation is")]
pub(crate) struct Place {
    /// Settings file (TOML), over the defaults
    #[arg(long, value_name = "FILE", global = true)]
    config: Option<PathBuf>,

    /// Environment file as `waybill up` writes it; variables that are set stand over it
    /// [default: .waybill/waybill.env, if it is there]
    #[arg(long, value_name = "FILE", global = true)]
    env_file: Option<PathBuf>,
}

const ENV_FILE: &str = ".waybill/waybill.env";

impl Place {
    /// The variables of the file and, over them, those of this process.
    pub(crate) fn variables(&self) -> anyhow::Result<BTreeMap<String, String>> {
        let path = self.env_file.clone().unwrap_or_else(|| ENV_FILE.into());
        let mut variables = match std::fs::read_to_string(&path) {
            Ok(text) => env_file::read(&text),
            Err(_) if self.env_file.is_none() => BTreeMap::new(),
            Err(error) => return Err(WrongUse(format!("{}: {error}", path.display())).into()),
        };
        for (name, value) in Sources::of_process(DEFAULTS, None).environment {
            // either form of a name stands over both
            variables.remove(name.strip_suffix("_FILE").unwrap_or(&name));
            variables.remove(&format!("{name}_FILE"));
            variables.insert(name, value);
        }
        Ok(variables)
    }

    pub(crate) fn settings(&self) -> anyhow::Result<Settings> {
        of_variables(self.config.clone(), self.variables()?)
    }
}

/// Settings from these variables alone.
pub(crate) fn of_variables(
    config: Option<PathBuf>,
    variables: BTreeMap<String, String>,
) -> anyhow::Result<Settings> {
    let environment = variables.into_iter().collect();
    let sources = Sources {
        defaults: DEFAULTS,
        config,
        environment,
    };
    let settings: Settings = load(&sources)?;
    debug_assert!(!settings.common().kafka.bootstrap_servers.is_empty());
    Ok(settings)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_complete_commented_and_used() {
        if let Err(problems) = runtime::settings::check_defaults::<Settings>(DEFAULTS) {
            panic!("{problems}");
        }
    }

    #[test]
    fn a_group_that_is_shared_gives_both_parts() {
        let variables = [
            ("WAYBILL__TOPICS__PREFIX", "t1."),
            ("WAYBILL__TOPICS__PARTITIONS", "4"),
        ];
        let variables = variables.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let settings = of_variables(None, variables.into()).unwrap();
        assert_eq!(settings.topology().prefix, "t1.");
        assert_eq!(settings.topology().partitions, 4);
        assert_eq!(settings.common().topics.prefix, "t1.");
    }

    #[test]
    fn fewer_replicas_than_must_be_in_sync_are_refused() {
        let variables = [("WAYBILL__TOPICS__REPLICATION".to_owned(), "1".to_owned())];
        let error = of_variables(None, variables.into())
            .unwrap_err()
            .to_string();
        assert!(error.contains("topics.min_insync_replicas"), "{error}");
    }
}
