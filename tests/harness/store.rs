//! Questions to ClickHouse, as an analyst would ask them.

use serde_json::Value;

/// One database on one server.
#[derive(Clone, Debug)]
pub struct Store {
    url: String,
    database: String,
    user: Option<(String, String)>,
    http: reqwest::Client,
}

impl Store {
    pub fn new(url: String, database: String) -> Self {
        Self {
            url,
            database,
            user: None,
            http: reqwest::Client::new(),
        }
    }

    /// The same, asked by somebody else.
    #[must_use]
    pub fn as_user(&self, user: &str, password: &str) -> Self {
        Self {
            user: Some((user.to_owned(), password.to_owned())),
            ..self.clone()
        }
    }

    /// The rows of a query, as JSON objects; 64-bit numbers come as numbers.
    pub async fn rows(&self, sql: &str) -> Result<Vec<Value>, String> {
        let mut request = self
            .http
            .post(format!(
                "{}/?output_format_json_quote_64bit_integers=0",
                self.url
            ))
            .header("X-ClickHouse-Database", &self.database)
            .header("X-ClickHouse-Format", "JSONEachRow")
            .body(sql.to_owned());
        if let Some((user, password)) = &self.user {
            request = request
                .header("X-ClickHouse-User", user)
                .header("X-ClickHouse-Key", password);
        }
        let answer = request.send().await.map_err(|error| error.to_string())?;
        let good = answer.status().is_success();
        let text = answer.text().await.map_err(|error| error.to_string())?;
        if !good {
            return Err(text);
        }
        text.lines()
            .map(|line| serde_json::from_str(line).map_err(|e| e.to_string()))
            .collect()
    }

    /// The first column of the only row.
    pub async fn value(&self, sql: &str) -> Result<Value, String> {
        let rows = self.rows(sql).await?;
        let row = rows.first().and_then(Value::as_object).ok_or("no row")?;
        row.values()
            .next()
            .cloned()
            .ok_or_else(|| "no column".into())
    }

    /// The only number.
    pub async fn count(&self, sql: &str) -> Result<i64, String> {
        self.value(sql)
            .await?
            .as_i64()
            .ok_or_else(|| "not a number".into())
    }
}
