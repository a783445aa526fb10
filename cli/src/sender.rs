//! Standing in for a carrier: a webhook as it would send it, and the posting of it.

use std::{path::Path, time::Duration};

use anyhow::Context as _;
use ingest::{
    providers::{
        self, Unproven, Unverified,
        presented::{Header, Read},
        sign::{Signed, Unsigned, sign},
    },
    tenants::{Endpoint, Tenants},
};
use reqwest::{Client, Url, header};
use runtime::clock::{Clock as _, SystemClock};
use schemas::{Assurance, Provider};

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

    /// A webhook with this body, with everything that proves its origin.
    pub(crate) fn signed(&self, endpoint: &Endpoint, body: &[u8]) -> anyhow::Result<Signed> {
        let secret = endpoint
            .secrets
            .first()
            .ok_or_else(|| WrongUse(format!("endpoint {} has no secret", endpoint.id)))?;
        let address = self.address(endpoint)?;
        let webhook = Unsigned {
            body,
            address: address.as_str(),
            seconds: SystemClock.now_ms().div_euclid(1000),
        };
        Ok(sign(endpoint, secret, &webhook)
            .map_err(|why| WrongUse(format!("it can't be signed: {why}")))?)
    }

    /// Changes one byte as a forger would, so that the proof no longer holds: of the body if the proof
    /// covers it, else of the credential.
    pub(crate) fn tamper(
        &self,
        endpoint: &Endpoint,
        signed: &mut Signed,
    ) -> anyhow::Result<Tampered> {
        if self.assurance(endpoint, signed)? == Ok(Assurance::CredentialOnly)
            && let Some((name, value)) = signed.headers.first_mut()
        {
            *value = changed_credential(value).ok_or_else(|| {
                WrongUse("there is nothing in the credential to change".to_owned())
            })?;
            return Ok(Tampered::Credential(name));
        }
        let covered = match endpoint.provider {
            Provider::Lalamove => &b"\"data\":"[..],
            Provider::Ahamove | Provider::Ordatic | Provider::Sendstack | Provider::Dellyman => b"",
        };
        change_digit(&mut signed.body, covered)?;
        Ok(Tampered::Body)
    }

    /// What the proof covers, as ingest will see it.
    fn assurance(
        &self,
        endpoint: &Endpoint,
        signed: &Signed,
    ) -> anyhow::Result<Result<Assurance, Unproven>> {
        let address = self.address(endpoint)?;
        let origin = address.origin().ascii_serialization();
        let registered = endpoint.signed_address(&endpoint.token);
        let header = |read: &Read| {
            let (_, value) = signed.headers.iter().find(|(name, _)| *name == read.name)?;
            Some(Header::sent(*read, value.as_bytes()))
        };
        let headers: Vec<Header> = providers::headers(endpoint.provider)
            .iter()
            .filter_map(header)
            .collect();
        let webhook = Unverified {
            body: &signed.body,
            origin: registered.as_ref().map_or(&origin, |r| &r.origin),
            path: registered.as_ref().map_or(address.path(), |r| &r.path),
            headers: &headers,
        };
        let verified = endpoint.verifier.verify(&webhook);
        Ok(verified.map(|verified| verified.assurance))
    }

    pub(crate) async fn post(
        &self,
        endpoint: &Endpoint,
        webhook: Signed,
    ) -> anyhow::Result<Answer> {
        let mut request = self
            .client
            .post(self.address(endpoint)?)
            .header(header::CONTENT_TYPE, "application/json");
        for (name, value) in webhook.headers {
            request = request.header(name, value);
        }
        let request = request.body(webhook.body);
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

/// What was changed after signing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tampered {
    /// A digit of the body.
    Body,
    /// A letter of this header: the carrier's proof does not cover the body.
    Credential(&'static str),
}

impl std::fmt::Display for Tampered {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Body => f.write_str("one digit of the body was changed after signing"),
            Self::Credential(header) => write!(
                f,
                "one letter of the header {header} was changed: what the carrier proves does not \
                 cover the body, so a changed body would be accepted"
            ),
        }
    }
}

/// Another digit in the place of the first one behind `mark`; not zero, so that JSON stays JSON.
fn change_digit(body: &mut [u8], mark: &[u8]) -> anyhow::Result<()> {
    let mut starts = (0..=body.len()).filter(|at| {
        let rest = body.get(*at..).unwrap_or_default();
        rest.starts_with(mark)
    });
    let start = starts.next().map(|at| at + mark.len());
    let covered = start.and_then(|start| body.get_mut(start..));
    let digit = covered.and_then(|bytes| bytes.iter_mut().find(|b| b.is_ascii_digit()));
    let digit = digit.ok_or_else(|| WrongUse("there is no digit to change".to_owned()))?;
    *digit = if *digit == b'9' { b'8' } else { b'9' };
    Ok(())
}

/// Another letter or digit at the beginning of the last word, where a key, a token and a signature stand.
fn changed_credential(value: &str) -> Option<String> {
    let word = value.rfind(' ').map_or(0, |at| at + 1);
    let place = value
        .get(word..)?
        .find(|c: char| c.is_ascii_alphanumeric())?
        + word;
    let (before, rest) = value.split_at_checked(place)?;
    let other = if rest.starts_with('0') { '1' } else { '0' };
    Some(format!("{before}{other}{}", rest.get(1..)?))
}

#[cfg(test)]
mod tests;
