//! The normalizer's settings; `settings.default.toml` is their manual.

use runtime::{
    blobs,
    settings::{self, BlobsSettings, Common, PrivacySettings, Problems, RegistrySettings},
};
use schemas::registry::Registry;
use serde::Deserialize;

/// The manual, and the defaults.
pub const DEFAULTS: &str = include_str!("../settings.default.toml");

/// All groups of the normalizer.
#[derive(Clone, Debug, Deserialize)]
pub struct Settings {
    /// What every service has.
    #[serde(flatten)]
    pub common: Common,
    /// Where schema ids come from.
    pub registry: RegistrySettings,
    /// The key of the pseudonyms.
    pub privacy: PrivacySettings,
    /// What the carriers' words mean.
    pub mapping: MappingSettings,
    /// Where large bodies lie.
    pub blobs: BlobsSettings,
}

/// What the carriers' words mean.
#[derive(Clone, Debug, Deserialize)]
pub struct MappingSettings {
    /// File of extra rows; empty means none.
    pub path: String,
}

impl settings::Settings for Settings {
    fn common(&self) -> &Common {
        &self.common
    }

    fn check(&self, problems: &mut Problems) {
        if Registry::new(&self.registry.url, "", "").is_err() {
            let text = "must be the http or https address of the registry's API";
            problems.add("registry.url", text);
        }
        if !self.blobs.url.is_empty() && blobs::check(&self.blobs.url).is_err() {
            let text = "must be file:///…, s3://bucket/prefix, gs://… or az://…, or empty";
            problems.add("blobs.url", text);
        }
        if let Err(error) = crate::mapping(&self.mapping.path) {
            let why = format!("{}: {}", self.mapping.path, error.root_cause());
            problems.add("mapping.path", why);
        }
        // Without a key, anybody could compute the pseudonym of a phone number.
        if self.privacy.key.is_empty() {
            let text = "must be given: pseudonyms are made with it, and it must stay the same";
            problems.add("privacy.key", text);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_fit_the_type_and_every_key_is_explained() {
        settings::check_defaults::<Settings>(DEFAULTS).unwrap();
    }

    #[test]
    fn an_empty_key_and_a_registry_without_address_are_said_at_once() {
        let sources = settings::Sources {
            defaults: DEFAULTS,
            ..Default::default()
        };
        let problems = settings::load::<Settings>(&sources)
            .unwrap_err()
            .to_string();
        assert!(problems.contains("privacy.key"), "{problems}");
    }

    #[test]
    fn rows_that_cannot_be_used_are_said_with_everything_else() {
        let folder = tempfile::tempdir().unwrap();
        let rows = folder.path().join("rows.toml");
        std::fs::write(&rows, "[[row]]\nprovider = \"dhl\"\nkind = \"UNKNOWN\"\n").unwrap();
        for (path, word) in [
            ("/nowhere", "/nowhere: "),
            (rows.to_str().unwrap(), "unknown variant"),
        ] {
            let sources = settings::Sources {
                defaults: DEFAULTS,
                environment: [("WAYBILL__MAPPING__PATH".into(), path.into())].into(),
                ..Default::default()
            };
            let problems = settings::load::<Settings>(&sources)
                .unwrap_err()
                .to_string();
            assert!(problems.contains("privacy.key"), "{problems}");
            assert!(
                problems.contains("mapping.path: ") && problems.contains(word),
                "{problems}"
            );
        }
    }
}
