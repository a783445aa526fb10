//! Standing in for a carrier: a webhook as it would send it, and the posting of it.

use std::{path::Path, time::Duration};

use anyhow::Context as _;
use ingest::{
    providers::lalamove,
    tenants::{Endpoint, Tenants},
};
use reqwest::{Client, Url, header};
use runtime::clock::{Clock as _, SystemClock};
use schemas::Provider;
use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, Visitor},
};
use serde_json::value::RawValue;

use crate::WrongUse;

const CONNECT_WITHIN: Duration = Duration::from_secs(2);
const ANSWER_WITHIN: Duration = Duration::from_secs(30);

/// Reads a tenants file; what is wrong with it is wrong use.
pub(crate) fn tenants(path: &Path) -> anyhow::Result<Tenants> {
    Ok(ingest::tenants::load(path).map_err(|problems| {
        let problems: Vec<String> = problems.iter().map(ToString::to_string).collect();
        WrongUse(problems.join("\n"))
    })?)
}

/// The answer to one webhook.
#[derive(Clone, Debug, serde::Serialize)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) receipt_id: Option<String>,
    pub(crate) body: String,
}

/// Posts webhooks to one ingest.
pub(crate) struct Sender {
    client: Client,
    base: Url,
}

impl Sender {
    pub(crate) fn new(ingest_url: &str) -> anyhow::Result<Self> {
        let client = Client::builder()
            .connect_timeout(CONNECT_WITHIN)
            .timeout(ANSWER_WITHIN);
        let base = Url::parse(ingest_url).context("WAYBILL_INGEST_URL is not a URL")?;
        Ok(Self {
            client: client.build()?,
            base,
        })
    }

    /// The address of an endpoint at this ingest.
    pub(crate) fn address(&self, endpoint: &Endpoint) -> anyhow::Result<Url> {
        let path = format!(
            "{}/hooks/{}",
            self.base.path().trim_end_matches('/'),
            endpoint.token
        );
        self.base
            .join(&path)
            .context("no address can be made of WAYBILL_INGEST_URL")
    }

    /// A webhook with this text, with everything that proves its origin.
    pub(crate) fn signed(&self, endpoint: &Endpoint, text: &str) -> anyhow::Result<Vec<u8>> {
        let path = match endpoint.signed_path(&endpoint.token) {
            Some(path) => path,
            None => self.address(endpoint)?.path().to_owned(),
        };
        match endpoint.provider {
            Provider::Lalamove => sign_lalamove(endpoint, &path, text),
            Provider::Ahamove | Provider::Ordatic | Provider::Sendstack | Provider::Dellyman => {
                let carrier = endpoint.provider;
                Err(WrongUse(format!("webhooks of {carrier} can't be signed yet")).into())
            }
        }
    }

    pub(crate) async fn post(&self, endpoint: &Endpoint, body: Vec<u8>) -> anyhow::Result<Answer> {
        let request = self
            .client
            .post(self.address(endpoint)?)
            .header(header::CONTENT_TYPE, "application/json")
            .body(body);
        // the address holds the endpoint's token
        let answer = request
            .send()
            .await
            .map_err(reqwest::Error::without_url)
            .context("ingest gives no answer")?;
        let receipt = answer
            .headers()
            .get("x-receipt-id")
            .and_then(|value| value.to_str().ok());
        Ok(Answer {
            status: answer.status().as_u16(),
            receipt_id: receipt.map(str::to_owned),
            body: answer.text().await.map_err(reqwest::Error::without_url)?,
        })
    }
}

/// The members of an object, each with its text as it stands, in their order.
struct Members<'a>(Vec<(String, &'a RawValue)>);

impl<'de: 'a, 'a> Deserialize<'de> for Members<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct InOrder;
        impl<'de> Visitor<'de> for InOrder {
            type Value = Members<'de>;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(InOrder)
    }
}

impl Members<'_> {
    fn text(&self, name: &str) -> Option<&str> {
        self.0
            .iter()
            .find(|(found, _)| found == name)
            .map(|(_, value)| value.get())
    }
}

/// Puts api key, time and signature in front of the other members; `data` stays as it was typed,
/// because the signature covers its very bytes.
fn sign_lalamove(endpoint: &Endpoint, path: &str, text: &str) -> anyhow::Result<Vec<u8>> {
    let wrong = |why: &str| WrongUse(format!("the body {why}"));
    let members: Members<'_> = serde_json::from_str(text)
        .map_err(|error| wrong(&format!("is no JSON object: {error}")))?;
    let data = members.text("data").ok_or_else(|| wrong("has no `data`"))?;
    let secret = endpoint
        .secrets
        .first()
        .ok_or_else(|| WrongUse(format!("endpoint {} has no secret", endpoint.id)))?;
    let timestamp = match members.text("timestamp") {
        Some(own) => own.to_owned(),
        None => SystemClock.now_ms().div_euclid(1000).to_string(),
    };
    let bare = timestamp.trim_matches('"').as_bytes();
    let signature = lalamove::sign(secret.value.expose(), bare, path, data.as_bytes());

    let mut body = String::with_capacity(text.len() + 200);
    body.push('{');
    if let Some(api_key) = &secret.api_key {
        body.push_str(&format!("\"apiKey\":{},", serde_json::to_string(api_key)?));
    }
    body.push_str(&format!(
        "\"timestamp\":{timestamp},\"signature\":\"{signature}\""
    ));
    let kept = |name: &str| !matches!(name, "apiKey" | "timestamp" | "signature");
    for (name, value) in members.0.iter().filter(|(name, _)| kept(name)) {
        body.push_str(&format!(
            ",{}:{}",
            serde_json::to_string(name)?,
            value.get()
        ));
    }
    body.push('}');
    Ok(body.into_bytes())
}

/// Changes one byte of what is signed, so that the text stays JSON and the signature no longer holds.
pub(crate) fn tamper(body: &mut [u8]) -> anyhow::Result<()> {
    let mark = b"\"data\":";
    let data = body.windows(mark.len()).position(|window| window == mark);
    let changed = data.and_then(|at| {
        let signed = body.get_mut(at + mark.len()..)?;
        let digit = signed.iter().position(u8::is_ascii_digit)?;
        signed.get_mut(digit)
    });
    match changed {
        Some(digit) => {
            *digit = if *digit == b'0' { b'1' } else { b'0' };
            Ok(())
        }
        None => Err(WrongUse("there is no digit in `data` to change".into()).into()),
    }
}

#[cfg(test)]
mod tests {
    use ingest::providers::Unverified;

    use super::*;

    const TENANTS: &str = r#"
        [tenants.demo]
        name = "Demo"
        [[tenants.demo.endpoints]]
        id = "demo-hk"
        provider = "lalamove"
        token = "0123456789012345678901"
        timezone = "Asia/Hong_Kong"
        currency = "HKD"
        [[tenants.demo.endpoints.secrets]]
        id = "one"
        value = "a-secret"
        api_key = "pk_demo"
    "#;
    const BODY: &str =
        r#" {"eventId": "E1", "signature": "old", "data": { "b" : "1", "a":2.50 } }"#;

    fn sent(text: &str, change: impl FnOnce(&mut Vec<u8>)) -> (Vec<u8>, bool) {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("tenants.toml");
        std::fs::write(&file, TENANTS).unwrap();
        let tenants = ingest::tenants::load(&file).unwrap();
        let endpoint = tenants.endpoint("demo-hk").unwrap();
        let sender = Sender::new("http://127.0.0.1:1").unwrap();
        let mut body = sender.signed(endpoint, text).unwrap();
        change(&mut body);
        let address = sender.address(endpoint).unwrap();
        let webhook = Unverified {
            body: &body,
            path: address.path(),
        };
        let verified = endpoint.verifier.verify(&webhook).is_ok();
        (body, verified)
    }

    #[test]
    fn what_is_sent_verifies_and_its_data_is_as_typed() {
        let (body, verified) = sent(BODY, |_| {});
        assert!(verified);
        let body = String::from_utf8(body).unwrap();
        assert!(body.contains(r#""data":{ "b" : "1", "a":2.50 }"#), "{body}");
        assert!(
            body.contains(r#""apiKey":"pk_demo""#) && !body.contains("old"),
            "{body}"
        );
    }

    #[test]
    fn a_time_that_the_body_has_is_kept_as_it_stands() {
        for time in ["1650553157", "\"1650553157000\""] {
            let (body, verified) =
                sent(&format!(r#"{{"timestamp": {time}, "data": {{}}}}"#), |_| {});
            assert!(verified);
            assert!(
                String::from_utf8(body)
                    .unwrap()
                    .contains(&format!("\"timestamp\":{time},"))
            );
        }
    }

    #[test]
    fn one_changed_byte_leaves_json_that_does_not_verify() {
        let (body, verified) = sent(BODY, |body| tamper(body).unwrap());
        assert!(!verified);
        serde_json::from_slice::<serde_json::Value>(&body).unwrap();
    }
}
