//! The raw topic's record: the body untouched as the value, everything else as headers.
//!
//! With the bytes, the public URL and the secrets, the headers let an operator verify again later.

use std::borrow::Cow;

use crate::{
    event_time::Micros,
    ids::{EndpointId, Provider, ReceiptId, TenantId},
    symbols::{Assurance, PiiRule, Verdict},
};

/// Headers of one raw record (CONTRACT §5), all UTF-8 text on the wire.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "CONTRACT gives each header's meaning")]
pub struct RawHeaders<T = String> {
    pub receipt_id: ReceiptId,
    pub tenant: TenantId<T>,
    pub provider: Provider,
    pub endpoint: EndpointId<T>,
    pub received_at: Micros,
    pub verdict: Verdict,
    pub assurance: Assurance,
    /// Which rule matched; absent where none did.
    pub signature_scheme: Option<T>,
    /// Which secret matched; absent where none did.
    pub secret_id: Option<T>,
    pub content_type: Option<T>,
    pub timezone: Option<T>,
    pub currency: Option<T>,
    pub service: Option<T>,
    pub pii: PiiRule,
    /// Lower-case hex.
    pub body_sha256: T,
    pub body_bytes: u64,
    /// The record waited on ingest's disk.
    pub spooled: bool,
    /// Where the body lies if the value is empty.
    pub body_ref: Option<T>,
    pub traceparent: Option<T>,
    /// Set by a replay.
    pub replay_id: Option<T>,
    /// Request headers that carry a signature, by lower-case name.
    pub http: Vec<(T, T)>,
}

/// A raw record's header that is missing or unreadable. It never holds the value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidHeader {
    /// A header that every record has is not there.
    #[error("header {0} is missing")]
    Missing(&'static str),
    /// It is there and can't be read.
    #[error("header {0} has the wrong form")]
    Form(&'static str),
}

const HTTP_PREFIX: &str = "http-";

impl RawHeaders {
    /// As name and value, in a fixed order; absent ones are left out.
    #[must_use]
    pub fn to_pairs(&self) -> Vec<(Cow<'static, str>, Cow<'_, str>)> {
        let mut pairs: Vec<(Cow<'static, str>, Cow<'_, str>)> = vec![
            ("receipt-id".into(), self.receipt_id.to_string().into()),
            ("tenant".into(), self.tenant.as_str().into()),
            ("provider".into(), self.provider.as_str().into()),
            ("endpoint".into(), self.endpoint.as_str().into()),
            ("received-at".into(), self.received_at.to_string().into()),
            ("verdict".into(), self.verdict.as_str().into()),
            ("assurance".into(), self.assurance.as_str().into()),
            ("pii".into(), self.pii.as_str().into()),
            ("body-sha256".into(), self.body_sha256.as_str().into()),
            ("body-bytes".into(), self.body_bytes.to_string().into()),
            (
                "spooled".into(),
                if self.spooled { "true" } else { "false" }.into(),
            ),
        ];
        let optional = [
            ("signature-scheme", &self.signature_scheme),
            ("secret-id", &self.secret_id),
            ("content-type", &self.content_type),
            ("timezone", &self.timezone),
            ("currency", &self.currency),
            ("service", &self.service),
            ("body-ref", &self.body_ref),
            ("traceparent", &self.traceparent),
            ("replay-id", &self.replay_id),
        ];
        for (name, value) in optional {
            if let Some(value) = value {
                pairs.push((name.into(), value.as_str().into()));
            }
        }
        for (name, value) in &self.http {
            pairs.push((format!("{HTTP_PREFIX}{name}").into(), value.as_str().into()));
        }
        pairs
    }

    /// Reads headers back; unknown ones are ignored, so that a newer ingest can add some.
    ///
    /// # Errors
    /// [`InvalidHeader`] names the first header that is missing or unreadable.
    pub fn from_pairs<'a>(
        pairs: impl IntoIterator<Item = (&'a str, &'a [u8])>,
    ) -> Result<Self, InvalidHeader> {
        RawHeaders::borrowed(pairs).map(|headers| headers.map(|text| (*text).to_owned()))
    }

    /// The same headers, to be looked at.
    #[must_use]
    pub fn as_borrowed(&self) -> RawHeaders<&str> {
        self.map(String::as_str)
    }
}

impl<'a> RawHeaders<&'a str> {
    /// As [`RawHeaders::from_pairs`], where the texts stay where they are.
    ///
    /// # Errors
    /// As [`RawHeaders::from_pairs`].
    pub fn borrowed(
        pairs: impl IntoIterator<Item = (&'a str, &'a [u8])>,
    ) -> Result<Self, InvalidHeader> {
        let mut found = Found::default();
        for (name, value) in pairs {
            found.add(name, value);
        }
        let optional = |value: Option<&'a [u8]>| value.and_then(text);
        Ok(Self {
            receipt_id: parsed(found.receipt_id, "receipt-id", ReceiptId::of_text)?,
            tenant: parsed(found.tenant, "tenant", |v| {
                TenantId::borrowed(text(v)?).ok()
            })?,
            provider: parsed(found.provider, "provider", Provider::of_bytes)?,
            endpoint: parsed(found.endpoint, "endpoint", |v| {
                EndpointId::borrowed(text(v)?).ok()
            })?,
            received_at: parsed(found.received_at, "received-at", Micros::of_text)?,
            verdict: parsed(found.verdict, "verdict", Verdict::of_bytes)?,
            assurance: parsed(found.assurance, "assurance", Assurance::of_bytes)?,
            pii: parsed(found.pii, "pii", PiiRule::of_bytes)?,
            body_sha256: parsed(found.body_sha256, "body-sha256", text)?,
            body_bytes: parsed(found.body_bytes, "body-bytes", number)?,
            spooled: found.spooled == Some(b"true"),
            signature_scheme: optional(found.signature_scheme),
            secret_id: optional(found.secret_id),
            content_type: optional(found.content_type),
            timezone: optional(found.timezone),
            currency: optional(found.currency),
            service: optional(found.service),
            body_ref: optional(found.body_ref),
            traceparent: optional(found.traceparent),
            replay_id: optional(found.replay_id),
            http: found.http,
        })
    }
}

impl<T: AsRef<str>> RawHeaders<T> {
    /// The same headers, their texts in another form.
    fn map<'s, U>(&'s self, form: impl Fn(&'s T) -> U) -> RawHeaders<U> {
        let optional = |text: &'s Option<T>| text.as_ref().map(&form);
        RawHeaders {
            receipt_id: self.receipt_id,
            tenant: self.tenant.map(&form),
            provider: self.provider,
            endpoint: self.endpoint.map(&form),
            received_at: self.received_at,
            verdict: self.verdict,
            assurance: self.assurance,
            signature_scheme: optional(&self.signature_scheme),
            secret_id: optional(&self.secret_id),
            content_type: optional(&self.content_type),
            timezone: optional(&self.timezone),
            currency: optional(&self.currency),
            service: optional(&self.service),
            pii: self.pii,
            body_sha256: form(&self.body_sha256),
            body_bytes: self.body_bytes,
            spooled: self.spooled,
            body_ref: optional(&self.body_ref),
            traceparent: optional(&self.traceparent),
            replay_id: optional(&self.replay_id),
            http: self
                .http
                .iter()
                .map(|(name, value)| (form(name), form(value)))
                .collect(),
        }
    }
}

/// The headers of one record as they came. Of one that came twice the first holds.
/// Which of them are texts is asked of those that are wanted as texts.
#[derive(Default)]
struct Found<'a> {
    receipt_id: Option<&'a [u8]>,
    tenant: Option<&'a [u8]>,
    provider: Option<&'a [u8]>,
    endpoint: Option<&'a [u8]>,
    received_at: Option<&'a [u8]>,
    verdict: Option<&'a [u8]>,
    assurance: Option<&'a [u8]>,
    signature_scheme: Option<&'a [u8]>,
    secret_id: Option<&'a [u8]>,
    content_type: Option<&'a [u8]>,
    timezone: Option<&'a [u8]>,
    currency: Option<&'a [u8]>,
    service: Option<&'a [u8]>,
    pii: Option<&'a [u8]>,
    body_sha256: Option<&'a [u8]>,
    body_bytes: Option<&'a [u8]>,
    spooled: Option<&'a [u8]>,
    body_ref: Option<&'a [u8]>,
    traceparent: Option<&'a [u8]>,
    replay_id: Option<&'a [u8]>,
    http: Vec<(&'a str, &'a str)>,
}

impl<'a> Found<'a> {
    /// The length tells most names apart, and costs nothing to compare.
    fn add(&mut self, name: &'a str, value: &'a [u8]) {
        let place = match (name.len(), name) {
            (3, "pii") => &mut self.pii,
            (6, "tenant") => &mut self.tenant,
            (7, "verdict") => &mut self.verdict,
            (7, "service") => &mut self.service,
            (7, "spooled") => &mut self.spooled,
            (8, "provider") => &mut self.provider,
            (8, "endpoint") => &mut self.endpoint,
            (8, "timezone") => &mut self.timezone,
            (8, "currency") => &mut self.currency,
            (8, "body-ref") => &mut self.body_ref,
            (9, "assurance") => &mut self.assurance,
            (9, "secret-id") => &mut self.secret_id,
            (9, "replay-id") => &mut self.replay_id,
            (10, "receipt-id") => &mut self.receipt_id,
            (10, "body-bytes") => &mut self.body_bytes,
            (11, "received-at") => &mut self.received_at,
            (11, "body-sha256") => &mut self.body_sha256,
            (11, "traceparent") => &mut self.traceparent,
            (12, "content-type") => &mut self.content_type,
            (16, "signature-scheme") => &mut self.signature_scheme,
            (_, other) => {
                if let (Some(name), Some(value)) = (other.strip_prefix(HTTP_PREFIX), text(value)) {
                    self.http.push((name, value));
                }
                return;
            }
        };
        place.get_or_insert(value);
    }
}

fn text(value: &[u8]) -> Option<&str> {
    std::str::from_utf8(value).ok()
}

fn number(digits: &[u8]) -> Option<u64> {
    text(digits)?.parse().ok()
}

fn parsed<'a, T>(
    value: Option<&'a [u8]>,
    name: &'static str,
    parse: impl FnOnce(&'a [u8]) -> Option<T>,
) -> Result<T, InvalidHeader> {
    let value = value.ok_or(InvalidHeader::Missing(name))?;
    parse(value).ok_or(InvalidHeader::Form(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers() -> RawHeaders {
        RawHeaders {
            receipt_id: "01890a5d-ac96-774b-bcce-b302099a8057".parse().unwrap(),
            tenant: TenantId::new("acme").unwrap(),
            provider: Provider::Lalamove,
            endpoint: EndpointId::new("acme-hk").unwrap(),
            received_at: Micros(1_650_553_157_000_001),
            verdict: Verdict::Verified,
            assurance: Assurance::BodySigned,
            signature_scheme: Some("data-raw".into()),
            secret_id: Some("2026-11".into()),
            content_type: None,
            timezone: Some("Asia/Hong_Kong".into()),
            currency: Some("HKD".into()),
            service: None,
            pii: PiiRule::Pseudonymise,
            body_sha256: "00".repeat(32),
            body_bytes: 12,
            spooled: false,
            body_ref: None,
            traceparent: None,
            replay_id: None,
            http: vec![("x-signature".into(), "abc".into())],
        }
    }

    fn read(pairs: &[(Cow<'static, str>, Cow<'_, str>)]) -> Result<RawHeaders, InvalidHeader> {
        RawHeaders::from_pairs(pairs.iter().map(|(n, v)| (n.as_ref(), v.as_bytes())))
    }

    #[test]
    fn headers_read_back_as_written() {
        assert_eq!(read(&headers().to_pairs()), Ok(headers()));
    }

    #[test]
    fn a_missing_or_broken_header_is_named() {
        let headers = headers();
        let without: Vec<_> = headers
            .to_pairs()
            .into_iter()
            .filter(|(name, _)| name != "tenant")
            .collect();
        assert_eq!(read(&without), Err(InvalidHeader::Missing("tenant")));
        let broken: Vec<_> = headers
            .to_pairs()
            .into_iter()
            .map(|(n, v)| {
                if n == "verdict" {
                    (n, "maybe".into())
                } else {
                    (n, v)
                }
            })
            .collect();
        assert_eq!(read(&broken), Err(InvalidHeader::Form("verdict")));
    }
}
