//! Whether the service can do its job: the sum of its parts.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

type Parts = Arc<Mutex<BTreeMap<&'static str, Option<String>>>>;

/// All parts of a service that must be ready before it is.
#[derive(Debug, Clone, Default)]
pub struct Health(Parts);

/// One part of a service, and whether it is ready.
#[derive(Debug, Clone)]
pub struct Part {
    name: &'static str,
    parts: Parts,
}

impl Health {
    /// Adds a part, not ready until it says so. The same name twice is the same part.
    pub fn part(&self, name: &'static str) -> Part {
        let part = Part { name, parts: Arc::clone(&self.0) };
        let mut parts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        parts.entry(name).or_insert_with(|| Some("starting".to_owned()));
        drop(parts);
        part
    }

    /// Name and reason of every part that is not ready; empty means ready.
    pub fn not_ready(&self) -> Vec<(&'static str, String)> {
        let parts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        parts.iter().filter_map(|(name, why)| Some((*name, why.clone()?))).collect()
    }

    /// Whether every part is ready.
    pub fn is_ready(&self) -> bool {
        self.not_ready().is_empty()
    }
}

impl Part {
    /// This part can do its job.
    pub fn ready(&self) {
        self.set(None);
    }

    /// This part cannot do its job; `why` is shown to operators, so it holds no secret.
    pub fn not_ready(&self, why: &str) {
        self.set(Some(why.to_owned()));
    }

    fn set(&self, why: Option<String>) {
        let mut parts = self.parts.lock().unwrap_or_else(PoisonError::into_inner);
        parts.insert(self.name, why);
    }
}
