//! Posting webhooks as carriers do.

use serde_json::Value;

use super::{API_KEY, Pipeline, SECRET, TOKEN};
use crate::{lalamove::Webhook, wait};

impl Pipeline {
    /// Posts raw bytes; returns status and parsed body.
    pub async fn post_bytes(&self, token: &str, body: Vec<u8>) -> (u16, Value) {
        self.post_with(token, body, &[]).await
    }

    /// The same with headers, as carriers prove themselves that don't sign in the body.
    pub async fn post_with(
        &self,
        token: &str,
        body: Vec<u8>,
        headers: &[(&str, String)],
    ) -> (u16, Value) {
        let url = format!("http://{}/hooks/{token}", self.ingest);
        let mut request = self
            .http
            .post(url)
            .header("content-type", "application/json");
        for (name, value) in headers {
            request = request.header(*name, value);
        }
        let answer = request.body(body).send().await.expect("ingest answers");
        let status = answer.status().as_u16();
        let text = answer.text().await.unwrap_or_default();
        (
            status,
            serde_json::from_str(&text).unwrap_or(Value::String(text)),
        )
    }

    /// Posts as a carrier that comes again until it is told 200; returns the receipt id.
    pub async fn post_until_taken(&self, webhook: &Webhook) -> String {
        let path = format!("/hooks/{TOKEN}");
        let url = format!("http://{}{path}", self.ingest);
        let body = webhook.body(API_KEY, SECRET, &path);
        wait::until("the webhook is taken", || async {
            let answer = self.http.post(&url).body(body.clone()).send().await;
            let answer = answer.map_err(|error| error.to_string())?;
            if answer.status().as_u16() != 200 {
                return Err(format!("answered {}", answer.status()));
            }
            let answer: Value = answer.json().await.map_err(|error| error.to_string())?;
            answer["receipt_id"]
                .as_str()
                .map(str::to_owned)
                .ok_or_else(|| "no receipt".into())
        })
        .await
    }

    /// Posts a webhook signed as the carrier would; returns the receipt id.
    pub async fn post(&self, webhook: &Webhook) -> String {
        let path = format!("/hooks/{TOKEN}");
        let (status, answer) = self
            .post_bytes(TOKEN, webhook.body(API_KEY, SECRET, &path))
            .await;
        assert_eq!(status, 200, "{answer}");
        answer["receipt_id"]
            .as_str()
            .expect("receipt id")
            .to_owned()
    }

    pub async fn post_all(&self, webhooks: &[Webhook]) -> Vec<String> {
        let mut receipts = Vec::with_capacity(webhooks.len());
        for webhook in webhooks {
            receipts.push(self.post(webhook).await);
        }
        receipts
    }
}
