//! Registering the schemas of the topics: a step of deployment, before any service writes.

use anyhow::Context as _;
use schemas::registry::{Compatibility, Registry, RegistryError};
use schemas::topics::Topic;
use serde::Serialize;

use crate::settings::Settings;

/// One subject as it now stands.
#[derive(Debug, Serialize)]
pub(crate) struct Registered {
    pub(crate) subject: String,
    pub(crate) id: u32,
    pub(crate) compatibility: &'static str,
}

const LEVEL: Compatibility = Compatibility::FullTransitive;

/// Registers each topic's newest schema and puts its subject under the compatibility rule.
pub(crate) async fn register(settings: &Settings) -> anyhow::Result<Vec<Registered>> {
    let access = settings.registry();
    let registry = Registry::new(&access.url, &access.username, access.password.expose())?;
    let mut registered = Vec::new();
    for topic in Topic::ALL {
        let Some(record) = topic.record() else {
            continue;
        };
        let subject = topic.subject(&settings.topology().prefix);
        let id = one(&registry, &subject, record.schema_text())
            .await
            .with_context(|| format!("registering {subject}"))?;
        registered.push(Registered {
            subject,
            id,
            compatibility: LEVEL.as_str(),
        });
    }
    Ok(registered)
}

/// The rule comes first, so that it holds for this very version; where the registry does not know the
/// subject yet there is nothing to be incompatible with, and the rule follows.
async fn one(registry: &Registry, subject: &str, schema: &str) -> Result<u32, RegistryError> {
    match registry.set_compatibility(subject, LEVEL).await {
        Ok(()) => registry.register(subject, schema).await,
        Err(RegistryError::NotRegistered { .. }) => {
            let id = registry.register(subject, schema).await?;
            registry.set_compatibility(subject, LEVEL).await?;
            Ok(id)
        }
        Err(error) => Err(error),
    }
}
