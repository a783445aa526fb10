//! Whether the service can do its job: the sum of its parts.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

const STARTING: &str = "starting";

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
        let part = Part {
            name,
            parts: Arc::clone(&self.0),
        };
        let mut parts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        parts
            .entry(name)
            .or_insert_with(|| Some(STARTING.to_owned()));
        drop(parts);
        part
    }

    /// Name and reason of every part that is not ready; empty means ready.
    ///
    /// Without any part nothing is known yet, so that is not ready either. Add all parts before
    /// the first of them can become ready.
    pub fn not_ready(&self) -> Vec<(&'static str, String)> {
        let parts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if parts.is_empty() {
            return vec![("service", STARTING.to_owned())];
        }
        parts
            .iter()
            .filter_map(|(name, why)| Some((*name, why.clone()?)))
            .collect()
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_without_parts_is_not_ready() {
        assert!(!Health::default().is_ready());
    }

    #[test]
    fn a_service_is_ready_only_while_every_part_is() {
        let health = Health::default();
        let (kafka, spool) = (health.part("kafka"), health.part("spool"));
        assert_eq!(health.not_ready().len(), 2);
        kafka.ready();
        assert!(!health.is_ready());
        spool.ready();
        assert!(health.is_ready());
        kafka.not_ready("no broker answers");
        assert_eq!(
            health.not_ready(),
            [("kafka", "no broker answers".to_owned())]
        );
    }

    #[test]
    fn the_same_name_is_the_same_part_and_keeps_its_state() {
        let health = Health::default();
        health.part("kafka").ready();
        health.part("kafka");
        assert!(health.is_ready());
    }
}
