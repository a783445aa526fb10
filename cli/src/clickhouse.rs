//! Asking ClickHouse over HTTP. What a view answers is read row by row into types of ours.

use std::time::Duration;

use anyhow::{Context as _, bail};
use reqwest::{Client, Url};
use runtime::settings::ClickhouseSettings;
use serde::de::DeserializeOwned;

const CONNECT_WITHIN: Duration = Duration::from_secs(2);
const ANSWER_WITHIN: Duration = Duration::from_secs(30);
const MESSAGE_CHARS_MAX: usize = 600;

/// One server, one database, one user.
pub(crate) struct Clickhouse {
    client: Client,
    access: ClickhouseSettings,
    url: Url,
}

impl Clickhouse {
    pub(crate) fn new(access: &ClickhouseSettings) -> anyhow::Result<Self> {
        let client = Client::builder()
            .connect_timeout(CONNECT_WITHIN)
            .timeout(ANSWER_WITHIN);
        Ok(Self {
            client: client.build()?,
            url: Url::parse(&access.url).context("clickhouse.url is not a URL")?,
            access: access.clone(),
        })
    }

    /// The rows of a query; `parameters` stand in it as `{name:Type}`, so nothing is ever quoted here.
    pub(crate) async fn rows<T: DeserializeOwned>(
        &self,
        query: &str,
        parameters: &[(&str, &str)],
    ) -> anyhow::Result<Vec<T>> {
        let mut url = self.url.clone();
        {
            let mut pairs = url.query_pairs_mut();
            pairs
                .append_pair("database", &self.access.database)
                .append_pair("default_format", "JSONEachRow")
                .append_pair("output_format_json_quote_64bit_integers", "0")
                .append_pair("output_format_json_quote_decimals", "1")
                .append_pair("readonly", "2");
            for (name, value) in parameters {
                pairs.append_pair(&format!("param_{name}"), &escaped(value));
            }
        }
        let answer = self
            .client
            .post(url)
            .header("X-ClickHouse-User", &self.access.user)
            .header("X-ClickHouse-Key", self.access.password.expose())
            .body(query.to_owned())
            .send()
            .await
            .map_err(reqwest::Error::without_url)
            .context("ClickHouse gives no answer")?;
        let status = answer.status();
        let text = answer.text().await.map_err(reqwest::Error::without_url)?;
        if !status.is_success() {
            let message: String = text.trim().chars().take(MESSAGE_CHARS_MAX).collect();
            bail!("ClickHouse answers {}: {message}", status.as_u16());
        }
        let rows = text
            .lines()
            .filter(|line| !line.is_empty())
            .map(serde_json::from_str);
        rows.collect::<Result<_, _>>()
            .context("reading ClickHouse's answer")
    }
}

/// A parameter's text is read as a TSV field.
fn escaped(value: &str) -> String {
    let mut escaped = String::with_capacity(value.len());
    for c in value.chars() {
        match c {
            '\\' => escaped.push_str("\\\\"),
            '\t' => escaped.push_str("\\t"),
            '\n' => escaped.push_str("\\n"),
            c => escaped.push(c),
        }
    }
    escaped
}
