//! What a carrier's words mean: rows of data, not code (`mapping.toml`, CONTRACT §6).

mod ending;

use std::{collections::HashMap, sync::LazyLock};

use serde::Deserialize;
use sha2::{Digest, Sha256};

pub use self::ending::Ending;
use crate::{
    ids::Provider,
    symbols::{Kind, Status},
};

/// What one row says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Meaning {
    /// What happened.
    pub kind: Kind,
    /// The order's status, if the words say something about it.
    pub status: Option<Status>,
    /// Whether the order ends with it.
    pub is_final: bool,
    /// What else the words prove.
    pub milestone: Option<Status>,
}

/// The carrier's words. What a carrier does not have is `None`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Words<'a> {
    /// `instant`, `warehouse`.
    pub service: Option<&'a str>,
    /// The event's type, empty for carriers without one.
    pub event_type: &'a str,
    /// The status word.
    pub provider_status: Option<&'a str>,
    /// The second status word.
    pub sub_status: Option<&'a str>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    provider: Provider,
    service: Option<String>,
    event_type: Option<String>,
    provider_status: Option<String>,
    sub_status: Option<String>,
    kind: String,
    status: Option<String>,
    #[serde(default)]
    r#final: bool,
    milestone: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    version: Option<String>,
    #[serde(default)]
    row: Vec<Row>,
}

/// A mapping file that can't be used.
#[derive(Debug, thiserror::Error)]
pub enum MappingError {
    /// Not TOML, or an unknown key.
    #[error("the mapping is not of the form of schemas/mapping.toml: {0}")]
    Form(String),
    /// A word that is not of our vocabulary.
    #[error("row {row} of the mapping: {word} is not a known {what}")]
    Word {
        /// Counted from 1.
        row: usize,
        /// As written.
        word: String,
        /// Kind or status.
        what: &'static str,
    },
    /// Two rows say something about exactly the same words.
    #[error("row {row} of the mapping repeats the words of an earlier row")]
    Twice {
        /// Counted from 1.
        row: usize,
    },
}

type RowKey = (
    Provider,
    Option<String>,
    Option<String>,
    Option<String>,
    Option<String>,
);

/// All rows; the most specific one that fits wins.
#[derive(Clone, Debug)]
pub struct Mapping {
    /// By the provider's place in [`Provider::ALL`].
    rows: [Vec<(Row, Meaning)>; Provider::ALL.len()],
    version: String,
}

impl Mapping {
    /// The rows that come with this build.
    #[must_use]
    pub fn embedded() -> &'static Self {
        static EMBEDDED: LazyLock<Mapping> = LazyLock::new(|| {
            // A test parses the file; were it broken, no row would match and all would be UNKNOWN.
            Mapping::parse(include_str!("../mapping.toml"), None).unwrap_or_else(|_| Mapping {
                rows: Default::default(),
                version: "none".into(),
            })
        });
        &EMBEDDED
    }

    /// The embedded rows with extra ones over them.
    ///
    /// # Errors
    /// [`MappingError`] names the row.
    pub fn with_extra(extra: &str) -> Result<Self, MappingError> {
        Self::parse(include_str!("../mapping.toml"), Some(extra))
    }

    fn parse(base: &str, extra: Option<&str>) -> Result<Self, MappingError> {
        let file = |text: &str| -> Result<File, MappingError> {
            toml::from_str(text).map_err(|error| MappingError::Form(error.message().to_owned()))
        };
        let base = file(base)?;
        let mut version = base.version.unwrap_or_default();
        let mut rows = keyed(base.row)?;
        if let Some(text) = extra {
            let digest = Sha256::digest(text.as_bytes());
            version = format!(
                "{version}+{}",
                hex::encode(digest.get(..4).unwrap_or_default())
            );
            rows.extend(keyed(file(text)?.row)?);
        }
        let mut by_provider: [Vec<(Row, Meaning)>; Provider::ALL.len()] = Default::default();
        for (_, row) in rows {
            if let Some(rows) = by_provider.get_mut(row.0.provider as usize) {
                rows.push(row);
            }
        }
        for rows in &mut by_provider {
            rows.sort_by_key(|(row, _)| std::cmp::Reverse(specificity(row)));
        }
        Ok(Self {
            rows: by_provider,
            version,
        })
    }

    /// Version of the embedded file and hash of any extra rows.
    #[must_use]
    pub fn version(&self) -> &str {
        &self.version
    }

    /// The most specific row for these words; `None` where the carrier says something new.
    #[must_use]
    pub fn find(&self, provider: Provider, words: Words<'_>) -> Option<Meaning> {
        let fits = |rule: &Option<String>, word: Option<&str>| {
            rule.as_deref().is_none_or(|rule| word == Some(rule))
        };
        self.rows
            .get(provider as usize)?
            .iter()
            .find(|(row, _)| {
                fits(&row.service, words.service)
                    && fits(&row.event_type, Some(words.event_type))
                    && fits(&row.provider_status, words.provider_status)
                    && fits(&row.sub_status, words.sub_status)
            })
            .map(|(_, meaning)| *meaning)
    }
}

/// More columns named wins; among equals the later column (the status words) wins.
fn specificity(row: &Row) -> (usize, u8) {
    let named = [
        &row.service,
        &row.event_type,
        &row.provider_status,
        &row.sub_status,
    ];
    let weight = named
        .iter()
        .enumerate()
        .map(|(i, c)| u8::from(c.is_some()) << i)
        .sum();
    (
        named.iter().filter(|column| column.is_some()).count(),
        weight,
    )
}

fn keyed(rows: Vec<Row>) -> Result<HashMap<RowKey, (Row, Meaning)>, MappingError> {
    let mut keyed = HashMap::new();
    for (index, row) in rows.into_iter().enumerate() {
        let number = index + 1;
        let meaning = meaning(&row, number)?;
        let key = (
            row.provider,
            row.service.clone(),
            row.event_type.clone(),
            row.provider_status.clone(),
            row.sub_status.clone(),
        );
        if keyed.insert(key, (row, meaning)).is_some() {
            return Err(MappingError::Twice { row: number });
        }
    }
    Ok(keyed)
}

fn meaning(row: &Row, number: usize) -> Result<Meaning, MappingError> {
    let status = |word: &Option<String>| match word {
        None => Ok(None),
        Some(word) => Status::parse(word)
            .map(Some)
            .ok_or_else(|| MappingError::Word {
                row: number,
                word: word.clone(),
                what: "status",
            }),
    };
    Ok(Meaning {
        kind: Kind::parse(&row.kind).ok_or_else(|| MappingError::Word {
            row: number,
            word: row.kind.clone(),
            what: "kind",
        })?,
        status: status(&row.status)?,
        is_final: row.r#final,
        milestone: status(&row.milestone)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const BASE: &str = r#"
        version = "7"
        [[row]]
        provider = "lalamove"
        event_type = "A"
        kind = "UNKNOWN"
        [[row]]
        provider = "lalamove"
        event_type = "A"
        provider_status = "DONE"
        kind = "ORDER_STATUS_CHANGED"
        status = "DELIVERED"
        final = true
    "#;

    #[test]
    fn the_embedded_rows_parse() {
        Mapping::parse(include_str!("../mapping.toml"), None).unwrap();
        assert_ne!(Mapping::embedded().version(), "none");
    }

    #[test]
    fn the_most_specific_row_wins_and_extra_rows_replace_and_change_the_version() {
        let words = Words {
            event_type: "A",
            provider_status: Some("DONE"),
            ..Words::default()
        };
        let base = Mapping::parse(BASE, None).unwrap();
        let found = base.find(Provider::Lalamove, words).unwrap();
        assert_eq!(
            (found.status, found.is_final),
            (Some(Status::Delivered), true)
        );
        assert_eq!(
            base.find(
                Provider::Lalamove,
                Words {
                    event_type: "B",
                    ..words
                }
            ),
            None
        );
        let extra = BASE.replace("DELIVERED", "FAILED");
        let over = Mapping::parse(BASE, Some(&extra)).unwrap();
        let found = over.find(Provider::Lalamove, words).unwrap();
        assert_eq!(found.status, Some(Status::Failed));
        assert!(over.version().starts_with("7+"));
    }

    #[test]
    fn a_word_that_we_do_not_have_is_refused_with_its_row() {
        let error = Mapping::parse(&BASE.replace("DELIVERED", "GONE"), None).unwrap_err();
        assert!(matches!(error, MappingError::Word { row: 2, .. }));
    }
}
