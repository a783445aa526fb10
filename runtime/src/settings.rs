//! What an operator can turn: defaults, over them a file, over them the environment.
//!
//! Everything that is wrong is said at once, before anything opens, and without a secret's value.

pub mod catalogue;
mod defaults;
mod groups;
mod hidden;
mod layers;
mod names;
mod problems;
mod secret;
mod value;

use std::collections::BTreeSet;
use std::env;
use std::fmt::Debug;
use std::path::PathBuf;

use serde::de::DeserializeOwned;
use toml::Table;

pub use defaults::check_defaults;
pub use groups::{
    AdminSettings, BlobsSettings, ClickhouseSettings, Common, InstanceSettings, KafkaSettings,
    LogFormat, PrivacySettings, RegistrySettings, ServiceSettings, TelemetrySettings,
    TopicsSettings,
};
pub use problems::Problems;
pub use secret::Secret;

use layers::{Layers, lookup, put};

/// The settings of one service: its own groups, and [`Common`] flattened among them.
///
/// Unknown names are found before serde sees anything, so `deny_unknown_fields` is not wanted.
pub trait Settings: DeserializeOwned + Debug {
    /// The groups that every service has.
    fn common(&self) -> &Common;

    /// Adds every value that is of the right type and still cannot work.
    ///
    /// Opens nothing. The common groups are checked by [`load`].
    fn check(&self, problems: &mut Problems);
}

/// Where settings come from, weakest first.
#[derive(Debug, Clone, Default)]
pub struct Sources {
    /// The text of the service's `settings.default.toml`.
    pub defaults: &'static str,
    /// The file named by `--config`.
    pub config: Option<PathBuf>,
    /// Variables by name; those that do not begin with `WAYBILL__` are ignored.
    pub environment: Vec<(String, String)>,
}

impl Sources {
    /// The defaults, a file, and the variables of this process.
    pub fn of_process(defaults: &'static str, config: Option<PathBuf>) -> Self {
        // the replacement character that stands for a broken byte is refused in any value of ours
        let environment = env::vars_os()
            .map(|(name, value)| {
                (
                    name.to_string_lossy().into(),
                    value.to_string_lossy().into(),
                )
            })
            .collect();
        Self {
            defaults,
            config,
            environment,
        }
    }
}

/// Reads and checks settings, or says everything that is wrong with them.
pub fn load<S: Settings>(sources: &Sources) -> Result<S, Problems> {
    read(sources).2
}

/// The settings in force as TOML, secrets hidden, and what is wrong with them.
pub fn effective<S: Settings>(sources: &Sources) -> (String, Problems) {
    let (layers, secrets, settings) = read::<S>(sources);
    let mut problems = settings.err().unwrap_or_default();
    let text = toml::to_string(&hidden::hide(&layers.effective, &secrets));
    let text = text.unwrap_or_else(|_| {
        problems.add("settings", "cannot be written as TOML");
        String::new()
    });
    (text, problems)
}

type Secrets = BTreeSet<(String, String)>;

fn read<S: Settings>(sources: &Sources) -> (Layers, Secrets, Result<S, Problems>) {
    let mut problems = Problems::default();
    let layers = Layers::read(sources, &mut problems);
    let settings = typed::<S>(&layers, &mut problems);
    let secrets = hidden::secrets::<S>(&layers.defaults);
    let settings = match settings {
        Some(settings) if problems.is_empty() => Ok(settings),
        _ => Err(hidden::scrub(problems, &layers.effective, &secrets)),
    };
    (layers, secrets, settings)
}

/// The typed settings, checked; problems of type and of meaning are both added.
///
/// What could not be used stands at its default for the check, so that one wrong number hides
/// nothing else; what the check then says about it is left out.
fn typed<S: Settings>(layers: &Layers, problems: &mut Problems) -> Option<S> {
    let mut table = layers.effective.clone();
    let unfit = unfit::<S>(layers, problems);
    for (group, key) in &unfit {
        if let Some(default) = lookup(&layers.defaults, group, key) {
            put(&mut table, group, key, default.clone());
        }
    }
    let settings = match table.try_into::<S>() {
        Ok(settings) => settings,
        Err(error) => {
            problems.add("settings.default.toml", error.message());
            return None;
        }
    };
    let mut checked = Problems::default();
    settings.common().check(&mut checked);
    settings.check(&mut checked);
    let known: BTreeSet<String> = unfit
        .iter()
        .chain(&layers.refused)
        .map(|(group, key)| format!("{group}.{key}"))
        .collect();
    for (key, text) in checked.iter().filter(|(key, _)| !known.contains(*key)) {
        problems.add(key, text);
    }
    Some(settings)
}

/// Every given value that its type refuses. Serde stops at the first, so each is tried alone.
fn unfit<S: Settings>(layers: &Layers, problems: &mut Problems) -> Vec<(String, String)> {
    let mut unfit = Vec::new();
    if layers.effective.clone().try_into::<S>().is_ok() {
        return unfit;
    }
    for ((group, key), written) in &layers.given {
        let Some(value) = lookup(&layers.effective, group, key) else {
            continue;
        };
        let mut alone: Table = layers.defaults.clone();
        put(&mut alone, group, key, value.clone());
        if let Err(error) = alone.try_into::<S>() {
            problems.add(written, error.message().trim_end());
            unfit.push((group.clone(), key.clone()));
        }
    }
    unfit
}

#[cfg(test)]
mod tests;
