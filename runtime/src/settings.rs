//! What an operator can turn: defaults, over them a file, over them the environment.

pub mod catalogue;
mod groups;
mod problems;
mod secret;

use std::fmt::Debug;
use std::path::PathBuf;

use serde::de::DeserializeOwned;

pub use groups::{
    AdminSettings, BlobsSettings, ClickhouseSettings, Common, InstanceSettings, KafkaSettings,
    LogFormat, PrivacySettings, RegistrySettings, ServiceSettings, TelemetrySettings,
    TopicsSettings,
};
pub use problems::Problems;
pub use secret::Secret;

/// The settings of one service.
pub trait Settings: DeserializeOwned + Debug {
    /// The groups that every service has.
    fn common(&self) -> &Common;

    /// Adds every value that is of the right type and still cannot work.
    fn check(&self, problems: &mut Problems);
}

/// Where settings come from, weakest first.
#[derive(Debug, Clone, Default)]
pub struct Sources {
    /// The text of the service's `settings.default.toml`.
    pub defaults: &'static str,
    /// The file named by `--config`.
    pub config: Option<PathBuf>,
    /// Variables by name; those without our prefix are ignored.
    pub environment: Vec<(String, String)>,
}

/// Reads and checks settings, or says everything that is wrong with them.
pub fn load<S: Settings>(_sources: &Sources) -> Result<S, Problems> {
    let mut problems = Problems::default();
    problems.add("settings", "not read yet");
    Err(problems)
}
