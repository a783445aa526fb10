//! A client for any registry with Confluent's HTTP interface: ids to schemas and back.
//!
//! Services only look up, once for each id; registering is a deploy step (`waybill schemas
//! register`). Nothing is cached and nothing is tried again in here: the caller knows what may wait.

use std::{fmt, time::Duration};

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::{Client, Method, StatusCode, Url};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

const CONNECT_TIME_MAX: Duration = Duration::from_secs(2);
const CALL_TIME_MAX: Duration = Duration::from_secs(10);
/// What may stand in one segment of a path as it is.
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');
/// A registry's own words in our errors, in characters.
const MESSAGE_CHARS_MAX: usize = 500;

/// How a subject's versions must fit each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compatibility {
    /// Every version reads every other one: stages may be upgraded and downgraded in any order.
    FullTransitive,
}

impl Compatibility {
    /// The level's name in the registry.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::FullTransitive => "FULL_TRANSITIVE",
        }
    }
}

impl fmt::Display for Compatibility {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Why the registry did not give what was asked for. No variant holds a credential.
#[derive(Debug, thiserror::Error)]
pub enum RegistryError {
    /// The base URL can't be used.
    #[error("the registry's URL is not an http or https address")]
    Url,
    /// No HTTP client could be made, such as for want of certificates.
    #[error("no HTTP client for the registry")]
    Client(#[source] reqwest::Error),
    /// No answer within the limits, or a broken one.
    #[error("the registry gives no answer")]
    NoAnswer(#[source] reqwest::Error),
    /// The registry does not have this schema under this subject.
    #[error("the schema is not registered under {subject}; run `waybill schemas register`")]
    NotRegistered { subject: String },
    /// The registry has no schema with this id.
    #[error("the registry knows no schema id {0}")]
    UnknownId(u32),
    /// The schema breaks the compatibility rule of its subject.
    #[error("the schema does not fit the earlier versions of {subject}: {message}")]
    Incompatible { subject: String, message: String },
    /// The level was set and yet another one is in force.
    #[error("{subject} has compatibility {found}, although {wanted} was set")]
    Level {
        subject: String,
        wanted: Compatibility,
        found: String,
    },
    /// Any other answer that is not a success.
    #[error("the registry answers {status}: {message}")]
    Refused { status: u16, message: String },
    /// A success whose body is not what the interface promises.
    #[error("the registry's answer to {call} can't be read: is this the base URL of its API?")]
    Answer { call: &'static str },
}

impl RegistryError {
    /// Whether the same call may succeed later without anybody changing anything.
    #[must_use]
    pub fn is_temporary(&self) -> bool {
        match self {
            Self::NoAnswer(_) => true,
            Self::Refused { status, .. } => matches!(status, 408 | 429 | 500..=599),
            Self::Url
            | Self::Client(_)
            | Self::NotRegistered { .. }
            | Self::UnknownId(_)
            | Self::Incompatible { .. }
            | Self::Level { .. }
            | Self::Answer { .. } => false,
        }
    }
}

/// One registry.
#[derive(Clone)]
pub struct Registry {
    client: Client,
    base: Url,
    credentials: Option<(String, Option<String>)>,
}

impl fmt::Debug for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Registry")
            .field("host", &self.base.host_str())
            .finish_non_exhaustive()
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct SchemaText<'a> {
    schema: &'a str,
    /// Always said: some registries guess from the text, and guess wrong.
    schema_type: &'static str,
}

impl<'a> SchemaText<'a> {
    const fn avro(schema: &'a str) -> Self {
        Self {
            schema,
            schema_type: "AVRO",
        }
    }
}

#[derive(Deserialize)]
struct Id {
    id: u32,
}

#[derive(Deserialize)]
struct Schema {
    schema: String,
}

#[derive(Serialize)]
struct SetLevel {
    compatibility: &'static str,
}

/// Registries differ in the name of this one field.
#[derive(Deserialize)]
struct Level {
    #[serde(alias = "compatibility", rename = "compatibilityLevel")]
    level: String,
}

#[derive(Deserialize)]
struct Problem {
    #[serde(default)]
    message: String,
}

impl Registry {
    /// A client of the registry whose API has this base URL, as this user; an empty name is nobody's.
    /// Opens no connection.
    ///
    /// # Errors
    /// [`RegistryError::Url`] or [`RegistryError::Client`].
    pub fn new(url: &str, username: &str, password: &str) -> Result<Self, RegistryError> {
        let base = Url::parse(url).map_err(|_| RegistryError::Url)?;
        if !matches!(base.scheme(), "http" | "https") || base.cannot_be_a_base() {
            return Err(RegistryError::Url);
        }
        let client = Client::builder()
            .connect_timeout(CONNECT_TIME_MAX)
            .timeout(CALL_TIME_MAX)
            .build()
            .map_err(RegistryError::Client)?;
        let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        let credentials = some(username).map(|name| (name, some(password)));
        Ok(Self {
            client,
            base,
            credentials,
        })
    }

    /// The id under which exactly this schema is registered. Registers nothing.
    ///
    /// # Errors
    /// [`RegistryError::NotRegistered`] if it is not; [`RegistryError::is_temporary`] tells what
    /// may be asked again.
    pub async fn id_of(&self, subject: &str, schema_text: &str) -> Result<u32, RegistryError> {
        let body = SchemaText::avro(schema_text);
        match self
            .call(Method::POST, &["subjects", subject], Some(&body))
            .await?
        {
            (StatusCode::NOT_FOUND, _) => Err(not_registered(subject)),
            answer => read::<Id>(answer, "subjects").map(|found| found.id),
        }
    }

    /// The schema behind an id.
    ///
    /// # Errors
    /// [`RegistryError::UnknownId`] if there is none.
    pub async fn schema_by_id(&self, id: u32) -> Result<String, RegistryError> {
        let path = ["schemas", "ids", &id.to_string()];
        match self.call(Method::GET, &path, None::<&()>).await? {
            (StatusCode::NOT_FOUND, _) => Err(RegistryError::UnknownId(id)),
            answer => read::<Schema>(answer, "schemas/ids").map(|found| found.schema),
        }
    }

    /// Registers a schema as the newest version of a subject; one that is there keeps its id.
    ///
    /// # Errors
    /// [`RegistryError::Incompatible`] if the subject's rule forbids it.
    pub async fn register(&self, subject: &str, schema_text: &str) -> Result<u32, RegistryError> {
        let body = SchemaText::avro(schema_text);
        match self
            .call(
                Method::POST,
                &["subjects", subject, "versions"],
                Some(&body),
            )
            .await?
        {
            (StatusCode::CONFLICT, body) => Err(RegistryError::Incompatible {
                subject: subject.to_owned(),
                message: message(&body),
            }),
            answer => read::<Id>(answer, "subjects/versions").map(|found| found.id),
        }
    }

    /// Sets a subject's level and reads it back: a level that is not in force is worse than none.
    /// Some registries know a subject only once it has a version.
    ///
    /// # Errors
    /// [`RegistryError::NotRegistered`] where the subject does not exist yet;
    /// [`RegistryError::Level`] if another level is in force afterwards.
    pub async fn set_compatibility(
        &self,
        subject: &str,
        level: Compatibility,
    ) -> Result<(), RegistryError> {
        let path = ["config", subject];
        let body = SetLevel {
            compatibility: level.as_str(),
        };
        match self.call(Method::PUT, &path, Some(&body)).await? {
            (StatusCode::NOT_FOUND, _) => return Err(not_registered(subject)),
            answer => read::<serde::de::IgnoredAny>(answer, "config")?,
        };
        let answer = self.call(Method::GET, &path, None::<&()>).await?;
        let found = read::<Level>(answer, "config")?.level;
        if found == level.as_str() {
            Ok(())
        } else {
            Err(RegistryError::Level {
                subject: subject.to_owned(),
                wanted: level,
                found,
            })
        }
    }

    async fn call<B: Serialize + Sync>(
        &self,
        method: Method,
        path: &[&str],
        body: Option<&B>,
    ) -> Result<(StatusCode, Vec<u8>), RegistryError> {
        let mut request = self.client.request(method, self.address(path)?);
        if let Some((username, password)) = &self.credentials {
            request = request.basic_auth(username, password.as_ref());
        }
        if let Some(body) = body {
            request = request.json(body);
        }
        // a URL can hold a password
        let no_answer = |error: reqwest::Error| RegistryError::NoAnswer(error.without_url());
        let answer = request.send().await.map_err(no_answer)?;
        let status = answer.status();
        let body = answer.bytes().await.map_err(no_answer)?;
        Ok((status, body.to_vec()))
    }

    fn address(&self, path: &[&str]) -> Result<Url, RegistryError> {
        let mut text = self.base.as_str().trim_end_matches('/').to_owned();
        for part in path {
            text.push('/');
            text.extend(utf8_percent_encode(part, SEGMENT));
        }
        Url::parse(&text).map_err(|_| RegistryError::Url)
    }
}

fn not_registered(subject: &str) -> RegistryError {
    RegistryError::NotRegistered {
        subject: subject.to_owned(),
    }
}

fn read<T: DeserializeOwned>(
    (status, body): (StatusCode, Vec<u8>),
    call: &'static str,
) -> Result<T, RegistryError> {
    if !status.is_success() {
        let message = message(&body);
        return Err(RegistryError::Refused {
            status: status.as_u16(),
            message,
        });
    }
    serde_json::from_slice(&body).map_err(|_| RegistryError::Answer { call })
}

fn message(body: &[u8]) -> String {
    let text = match serde_json::from_slice::<Problem>(body) {
        Ok(problem) => problem.message,
        Err(_) => String::from_utf8_lossy(body).into_owned(),
    };
    text.chars().take(MESSAGE_CHARS_MAX).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn registry(url: &str) -> Registry {
        Registry::new(url, "me", "secret").unwrap()
    }

    #[test]
    fn a_subject_stands_in_the_address_under_the_base_with_or_without_a_slash() {
        for base in [
            "http://host:1/apis/ccompat/v7",
            "http://host:1/apis/ccompat/v7/",
        ] {
            let address = registry(base)
                .address(&["subjects", "a b/c-value"])
                .unwrap();
            assert_eq!(
                address.as_str(),
                "http://host:1/apis/ccompat/v7/subjects/a%20b%2Fc-value"
            );
        }
    }

    #[test]
    fn what_is_no_web_address_is_refused() {
        for url in ["", "host:8081", "ftp://host/", "/apis"] {
            assert!(
                matches!(Registry::new(url, "", ""), Err(RegistryError::Url)),
                "{url}"
            );
        }
    }

    #[test]
    fn a_client_never_shows_its_password() {
        let shown = format!("{:?}", registry("http://other:word@host:1/"));
        assert!(
            !shown.contains("secret") && !shown.contains("word"),
            "{shown}"
        );
    }

    #[test]
    fn a_level_is_read_under_either_name_and_a_problem_by_its_message() {
        for body in [
            r#"{"compatibilityLevel":"NONE"}"#,
            r#"{"compatibility":"NONE"}"#,
        ] {
            let read = read::<Level>((StatusCode::OK, body.into()), "config");
            assert_eq!(read.unwrap().level, "NONE");
        }
        let body = br#"{"error_code":50001,"message":"the store is away"}"#.to_vec();
        let error = read::<Level>((StatusCode::INTERNAL_SERVER_ERROR, body), "config")
            .err()
            .unwrap();
        assert!(error.is_temporary());
        assert!(
            error.to_string().ends_with("500: the store is away"),
            "{error}"
        );
    }
}
