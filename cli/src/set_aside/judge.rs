//! Whether a webhook that was set aside gives events today.

use ingest::{
    providers::{
        self, Unverified,
        presented::{DigestKey, Header},
    },
    tenants::{Endpoint, Tenants, Verification},
};
use runtime::settings::Secret;
use schemas::{Assurance, Verdict, raw_webhook::RawHeaders};

use super::Row;
use crate::{raw::RawRecord, replay::Today};

/// Today's tenants file and today's mapping.
pub(crate) struct Judge<'a> {
    pub(crate) today: &'a Today,
    pub(crate) tenants: Option<&'a Tenants>,
    pub(crate) privacy_key: &'a Secret,
    pub(crate) replay_id: &'a str,
}

/// What a second look gives.
pub(crate) enum Judged {
    /// It goes through again with these headers.
    Good(Box<RawHeaders>),
    /// Why it stays where it is.
    Bad(String),
}

impl Judge<'_> {
    pub(crate) async fn judged(&self, row: &Row, record: &RawRecord) -> anyhow::Result<Judged> {
        let known = match &record.headers {
            Ok(headers) if headers.receipt_id.to_string() == row.receipt_id => headers,
            Ok(_) => return Ok(bad("raw has another webhook in its place")),
            Err(header) => return Ok(Judged::Bad(header.to_string())),
        };
        if row.stage == "sink" {
            return Ok(bad(
                "the store refused its row, which no reading of the webhook changes: correct the table",
            ));
        }
        let mut headers = known.clone();
        headers.replay_id = Some(self.replay_id.to_owned());
        let endpoint = self.endpoint(known);
        if headers.verdict == Verdict::Failed {
            let body = match self.today.bodies.of(record, known).await? {
                Ok(body) => body,
                Err(why) => return Ok(Judged::Bad(why.detail)),
            };
            if let Err(why) = self.verify(endpoint, &mut headers, &body) {
                return Ok(Judged::Bad(why));
            }
        }
        if let Some(endpoint) = endpoint {
            // no event was made of it yet, so what was missing may be added; the rule for personal
            // data stays that of the day of receipt
            headers.timezone.clone_from(&endpoint.timezone);
            headers.currency.clone_from(&endpoint.currency);
            headers.service = endpoint.service.map(str::to_owned);
        }
        Ok(match self.today.normalized(record, &headers).await? {
            Ok(_) => Judged::Good(Box::new(headers)),
            Err(why) => Judged::Bad(format!("{}: {}", why.reason.as_str(), why.detail)),
        })
    }

    fn endpoint(&self, headers: &RawHeaders) -> Option<&Endpoint> {
        let endpoint = self.tenants?.endpoint(headers.endpoint.as_str())?;
        let is_same = endpoint.tenant.id == headers.tenant && endpoint.provider == headers.provider;
        is_same.then_some(endpoint)
    }

    /// As ingest does, over the bytes, headers and address of the day, with the secrets of today.
    fn verify(
        &self,
        endpoint: Option<&Endpoint>,
        headers: &mut RawHeaders,
        body: &[u8],
    ) -> Result<(), String> {
        let endpoint = endpoint
            .ok_or("its endpoint is not in the tenants file, so that nothing can verify it")?;
        if endpoint.verification == Verification::Off {
            headers.verdict = Verdict::Unverified;
            headers.assurance = Assurance::None;
            return Ok(());
        }
        let key = DigestKey::new(self.privacy_key, &headers.tenant);
        let kept = |read: &providers::presented::Read| {
            let (_, text) = headers.http.iter().find(|(name, _)| name == read.name)?;
            Header::recorded(*read, text, &key)
        };
        let came: Vec<Header> = providers::headers(headers.provider)
            .iter()
            .filter_map(kept)
            .collect();
        let (mut why, mut is_addressed) = (None, false);
        for token in std::iter::once(&endpoint.token).chain(&endpoint.previous_tokens) {
            let signed = endpoint.signed_address(token);
            is_addressed |= signed.is_some();
            let path = signed
                .as_ref()
                .map_or_else(|| format!("/hooks/{token}"), |address| address.path.clone());
            let webhook = Unverified {
                body,
                origin: signed
                    .as_ref()
                    .map_or("", |address| address.origin.as_str()),
                path: &path,
                headers: &came,
            };
            match endpoint.verifier.verify(&webhook) {
                Ok(verified) => {
                    headers.verdict = Verdict::Verified;
                    headers.assurance = verified.assurance;
                    headers.signature_scheme = Some(verified.scheme.to_owned());
                    headers.secret_id = Some(verified.secret_id);
                    return Ok(());
                }
                Err(unproven) => why = Some(unproven),
            }
        }
        let why = why.map_or_else(String::new, |why| why.to_string());
        // the address that the carrier called is not kept: it holds the token
        let cure = if providers::signs_origin(headers.provider) && !is_addressed {
            "; where the carrier signs the address, set the endpoint's public_url"
        } else {
            ""
        };
        Err(format!("it still does not verify: {why}{cure}"))
    }
}

fn bad(why: &str) -> Judged {
    Judged::Bad(why.to_owned())
}
