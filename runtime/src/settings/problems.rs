//! Everything that is wrong, said at once.

use std::fmt;

/// What is wrong with the settings, in the order in which it was found.
#[derive(Debug, Clone, Default)]
pub struct Problems(Vec<(String, String)>);

impl Problems {
    /// Adds one: `key` as in `kafka.bootstrap_servers`, and a `text` without any secret's value.
    pub fn add(&mut self, key: impl Into<String>, text: impl Into<String>) {
        self.0.push((key.into(), text.into()));
    }

    /// Whether nothing is wrong.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Key and text of each.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0
            .iter()
            .map(|(key, text)| (key.as_str(), text.as_str()))
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (key, text)) in self.iter().enumerate() {
            let line_end = if index == 0 { "" } else { "\n" };
            write!(to, "{line_end}{key}: {text}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Problems {}
