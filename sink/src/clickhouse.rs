//! The store: queries, inserts of prepared blocks, and which of its answers are worth another try.

use std::{fmt, time::Duration};

use clickhouse::{Client, Compression, insert_formatted::CompressedData};
use runtime::settings::ClickhouseSettings;
use schemas::clickhouse::quoted;
use serde::de::DeserializeOwned;

use crate::codes::{self, Nature};

const SEND_TIME_MAX: Duration = Duration::from_secs(30);
const ANSWER_TIME_MAX: Duration = Duration::from_secs(120);
const QUERY_TIME_MAX: Duration = Duration::from_secs(60);
/// A body is compressed and sent in pieces of this size.
const CHUNK_BYTES: usize = 1 << 20;
/// The server's own words in our errors, in characters.
const MESSAGE_CHARS_MAX: usize = 300;

/// The store did not do what was asked.
#[derive(Debug, thiserror::Error)]
#[error("{text}")]
pub struct StoreError {
    code: Option<u32>,
    nature: Nature,
    text: String,
}

impl StoreError {
    /// The server's error code, if it was the server that answered.
    pub const fn code(&self) -> Option<u32> {
        self.code
    }

    pub const fn nature(&self) -> Nature {
        self.nature
    }

    pub(crate) fn new(text: impl Into<String>) -> Self {
        Self {
            code: None,
            nature: Nature::Temporary,
            text: text.into(),
        }
    }

    /// Nothing but a person helps.
    pub(crate) fn misconfigured(text: impl Into<String>) -> Self {
        Self {
            nature: Nature::Misconfigured,
            ..Self::new(text)
        }
    }

    fn answered(text: &str) -> Self {
        let code = text
            .strip_prefix("Code: ")
            .and_then(|rest| rest.split(|c: char| !c.is_ascii_digit()).next())
            .and_then(|digits| digits.parse().ok());
        Self {
            code,
            nature: code.map_or(Nature::Temporary, codes::nature),
            text: text.chars().take(MESSAGE_CHARS_MAX).collect(),
        }
    }

    /// Of an insert: the server may quote a row in any message that is not known to be without, and
    /// payloads are not logged.
    fn without_values(mut self) -> Self {
        match (self.code, self.nature()) {
            (Some(code), Nature::RowRefused) => {
                self.text = format!("a row does not fit its table (code {code})");
            }
            (Some(code), Nature::Temporary) if !codes::quotes_no_row(code) => {
                self.text = format!("the store answers code {code}; its own log says more");
            }
            _ => {}
        }
        self
    }
}

impl From<clickhouse::error::Error> for StoreError {
    fn from(error: clickhouse::error::Error) -> Self {
        if let clickhouse::error::Error::BadResponse(text) = &error {
            return Self::answered(text);
        }
        Self::new(chain(&error))
    }
}

/// The crate's messages repeat their cause at most once; a person needs the last one.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        let words = inner.to_string();
        if !text.contains(&words) {
            text.push_str(": ");
            text.push_str(&words);
        }
        cause = inner.source();
    }
    text
}

/// One database of one server, over HTTP.
#[derive(Clone)]
pub struct Store {
    client: Client,
    database: String,
    cluster: Option<String>,
    says_deduplicate_insert: bool,
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store")
            .field("database", &self.database)
            .finish_non_exhaustive()
    }
}

impl Store {
    /// Opens no connection.
    pub fn new(settings: &ClickhouseSettings) -> Self {
        let mut client = Client::default()
            .with_url(&settings.url)
            .with_compression(Compression::Lz4)
            .with_product_info("waybill", env!("CARGO_PKG_VERSION"));
        if !settings.user.is_empty() {
            client = client
                .with_user(&settings.user)
                .with_password(settings.password.expose());
        }
        Self {
            client,
            database: settings.database.clone(),
            cluster: Some(settings.cluster.clone()).filter(|name| !name.is_empty()),
            says_deduplicate_insert: false,
        }
    }

    /// From 26.2 on, this setting overrides the older one; before, it is unknown and refused.
    pub(crate) const fn saying_deduplicate_insert(mut self, known: bool) -> Self {
        self.says_deduplicate_insert = known;
        self
    }

    pub fn database(&self) -> &str {
        &self.database
    }

    /// Whose replicas statements that define something run on.
    pub fn cluster(&self) -> Option<&str> {
        self.cluster.as_deref()
    }

    /// A table of the database, as it stands in SQL.
    pub fn table(&self, name: &str) -> String {
        format!("{}.{}", quoted(&self.database), quoted(name))
    }

    /// Runs a statement that gives no rows.
    ///
    /// # Errors
    /// [`StoreError`], as in every call here.
    pub async fn execute(&self, sql: &str) -> Result<(), StoreError> {
        self.execute_within(QUERY_TIME_MAX, sql).await
    }

    /// The same for a statement that may take longer.
    pub(crate) async fn execute_within(&self, time: Duration, sql: &str) -> Result<(), StoreError> {
        within(time, self.client.query_raw(sql).execute()).await
    }

    /// The rows of a query, by column name.
    ///
    /// # Errors
    /// As above; a row that does not read as `T` included.
    pub async fn rows<T: DeserializeOwned>(
        &self,
        sql: &str,
        parameters: &[(&str, &str)],
    ) -> Result<Vec<T>, StoreError> {
        let mut query = self
            .client
            .query_raw(sql)
            .with_setting("output_format_json_quote_64bit_integers", "0");
        for (name, value) in parameters {
            query = query.param(name, value);
        }
        let text = within(QUERY_TIME_MAX, async {
            query.fetch_bytes("JSONEachRow")?.collect().await
        })
        .await?;
        serde_json::Deserializer::from_slice(&text)
            .into_iter()
            .collect::<Result<_, _>>()
            .map_err(|error| {
                StoreError::new(format!("an answer of the store can't be read: {error}"))
            })
    }

    /// Inserts one block in the Native format: all of them or none, and once for each token. The settings that
    /// this depends on are sent with every insert, since servers' defaults have changed before.
    ///
    /// # Errors
    /// As above. The outcome is unknown unless the server answered; the same call is then safe.
    pub async fn insert(
        &self,
        table: &str,
        columns: &[&str],
        token: &str,
        body: Vec<u8>,
    ) -> Result<(), StoreError> {
        let sent = self.send(table, columns, token, &body).await;
        sent.map_err(|error| StoreError::from(error).without_values())
    }

    async fn send(
        &self,
        table: &str,
        columns: &[&str],
        token: &str,
        body: &[u8],
    ) -> Result<(), clickhouse::error::Error> {
        let columns = columns
            .iter()
            .map(|name| quoted(name))
            .collect::<Vec<_>>()
            .join(", ");
        let sql = format!(
            "INSERT INTO {} ({columns}) FORMAT Native",
            self.table(table)
        );
        let mut insert = self
            .client
            .insert_formatted_with(sql)
            .with_timeouts(Some(SEND_TIME_MAX), Some(ANSWER_TIME_MAX))
            .with_setting("insert_deduplication_token", token);
        for (name, value) in INSERT_SETTINGS {
            insert = insert.with_setting(*name, *value);
        }
        if self.says_deduplicate_insert {
            insert = insert.with_setting("deduplicate_insert", "enable");
        }
        for chunk in body.chunks(CHUNK_BYTES) {
            insert
                .send_compressed(CompressedData::new(chunk, Compression::Lz4)?)
                .await?;
        }
        insert.end().await
    }
}

/// What makes an insert one block that is deduplicated and acknowledged when it is stored.
const INSERT_SETTINGS: &[(&str, &str)] = &[
    ("async_insert", "0"),
    ("insert_deduplicate", "1"),
    ("deduplicate_blocks_in_dependent_materialized_views", "1"),
    ("max_insert_threads", "1"),
    // rows of one key melt when parts merge, and views don't wait for it; here it costs a fifth of the time
    ("optimize_on_insert", "0"),
    ("max_insert_block_size", "1048576"),
    ("min_insert_block_size_rows", "1048576"),
    ("min_insert_block_size_bytes", "268435456"),
    // months of our own clock: many of them in one block means a long replay, and is no reason to stop
    ("max_partitions_per_insert_block", "0"),
    // a replicated table that lost its keeper answers soon, and we try again
    ("insert_keeper_max_retries", "3"),
];

async fn within<T>(
    time: Duration,
    call: impl Future<Output = Result<T, clickhouse::error::Error>>,
) -> Result<T, StoreError> {
    match tokio::time::timeout(time, call).await {
        Ok(result) => Ok(result?),
        Err(_) => Err(StoreError::new(format!(
            "no answer within {} s",
            time.as_secs()
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_servers_code_decides_what_an_answer_means() {
        let check = |text: &str, code: Option<u32>, nature: Nature| {
            let error = StoreError::answered(text);
            assert_eq!((error.code(), error.nature()), (code, nature), "{text}");
        };
        check(
            "Code: 252. DB::Exception: Too many parts",
            Some(252),
            Nature::Temporary,
        );
        check(
            "Code: 241. DB::Exception: Memory limit",
            Some(241),
            Nature::Temporary,
        );
        check(
            "Code: 60. DB::Exception: Unknown table",
            Some(60),
            Nature::Misconfigured,
        );
        check(
            "Code: 516. DB::Exception: Authentication failed",
            Some(516),
            Nature::Misconfigured,
        );
        check(
            "Code: 117. DB::Exception: Incorrect data 'secret'",
            Some(117),
            Nature::RowRefused,
        );
        check("<html>bad gateway</html>", None, Nature::Temporary);
    }

    #[test]
    fn a_refused_value_is_not_repeated_in_the_error() {
        let error = StoreError::answered("Code: 117. DB::Exception: Incorrect data '+852 1234'");
        let error = error.without_values();
        assert!(!error.to_string().contains("852"), "{error}");
        // of a code that nobody foresaw, too
        let error = StoreError::answered("Code: 9999. DB::Exception: Bad value '+852 1234'");
        let error = error.without_values();
        assert_eq!(
            (error.code(), error.nature()),
            (Some(9999), Nature::Temporary)
        );
        assert!(!error.to_string().contains("852"), "{error}");
        let error = StoreError::answered("Code: 252. DB::Exception: Too many parts");
        assert!(
            error
                .without_values()
                .to_string()
                .contains("Too many parts")
        );
    }
}
