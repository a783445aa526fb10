//! How Lalamove signs: HMAC-SHA256 over timestamp, method, path and the JSON of `data`, in hexadecimal,
//! inside the body. The envelope around `data` is not covered.
//!
//! Nobody has said whether `data` travels in the very form that was signed, so a second form is tried:
//! as JavaScript would write it. Keys are never sorted. A timestamp's age is no reason to refuse:
//! retries go on for a day.

pub mod envelope;

use std::fmt;

use hmac::Mac;
use schemas::Assurance;

use crate::{
    providers::{
        Unproven, Unverified, Verified,
        body_fields::{self, InvalidBody},
        compact,
        mac::{self, HmacSha256, TAG_BYTES},
    },
    tenants::Secret,
};
use envelope::Envelope;

/// The bytes of `data` as they came.
pub const DATA_RAW: &str = "data-raw";
/// `data` written again without blanks and needless escapes.
pub const DATA_COMPACT: &str = "data-compact";
/// All, in the order in which they are tried.
pub const SCHEMES: &[&str] = &[DATA_RAW, DATA_COMPACT];

/// The secrets of one endpoint, ready for use.
pub struct Verifier {
    keys: Vec<Key>,
    schemes: Vec<&'static str>,
}

struct Key {
    secret_id: String,
    api_key: Option<String>,
    mac: HmacSha256,
}

impl fmt::Debug for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let secrets: Vec<&str> = self.keys.iter().map(|key| key.secret_id.as_str()).collect();
        f.debug_struct("Verifier")
            .field("secrets", &secrets)
            .field("schemes", &self.schemes)
            .finish()
    }
}

impl Verifier {
    /// With all secrets of an endpoint, and the schemes accepted there; other names are ignored.
    pub(crate) fn new(secrets: &[Secret], schemes: &[String]) -> Self {
        let keys = secrets.iter().filter_map(|secret| {
            Some(Key {
                secret_id: secret.id.clone(),
                api_key: secret.api_key.clone(),
                mac: mac::keyed(secret.value.expose().as_bytes())?,
            })
        });
        Self {
            keys: keys.collect(),
            schemes: SCHEMES
                .iter()
                .copied()
                .filter(|scheme| schemes.iter().any(|accepted| accepted == scheme))
                .collect(),
        }
    }

    pub(crate) fn verify(&self, webhook: &Unverified<'_>) -> Result<Verified, Unproven> {
        let envelope = Envelope::read(webhook.body)?;
        let tag = decoded(envelope.signature).ok_or(Unproven::SignatureForm)?;
        let account = envelope.api_key.as_deref();
        let keys: Vec<&Key> = self
            .keys
            .iter()
            .filter(|key| key.api_key.is_none() || key.api_key.as_deref() == account)
            .collect();
        if keys.is_empty() {
            return Err(Unproven::UnknownAccount);
        }
        for scheme in &self.schemes {
            let compacted;
            let data = if *scheme == DATA_COMPACT {
                compacted = compact::compact(envelope.data);
                compacted.as_slice()
            } else {
                envelope.data
            };
            for key in &keys {
                let mac = fed(key.mac.clone(), envelope.timestamp, webhook.path, data);
                if mac.verify_slice(&tag).is_ok() {
                    return Ok(Verified {
                        scheme,
                        secret_id: key.secret_id.clone(),
                        assurance: Assurance::BodySigned,
                    });
                }
            }
        }
        Err(Unproven::NoMatch)
    }
}

/// What Lalamove would put into `signature`: for tools that stand in for the carrier.
#[must_use]
pub fn sign(secret: &str, timestamp: &[u8], path: &str, data: &[u8]) -> String {
    let key = mac::keyed(secret.as_bytes());
    let tag = key.map(|key| fed(key, timestamp, path, data).finalize().into_bytes());
    tag.map(hex::encode).unwrap_or_default()
}

/// The body with api key, time and signature in front of its other fields, which stay as they are
/// written. Its own time is kept; without one it is `seconds`.
///
/// # Errors
/// When the body lacks what is to be signed.
pub fn signed_body(
    scheme: &str,
    secret: &Secret,
    webhook: &Unverified<'_>,
    seconds: i64,
) -> Result<Vec<u8>, InvalidBody> {
    let mut fields = Vec::new();
    body_fields::each(webhook.body, |name, value| {
        fields.push((name, value));
        Ok(())
    })?;
    let field = |name: &[u8]| fields.iter().find(|(n, _)| *n == name).map(|(_, v)| *v);
    let data = field(b"\"data\"").ok_or(InvalidBody::Missing("data"))?;
    let own = field(b"\"timestamp\"").map(<[u8]>::to_vec);
    let timestamp = own.unwrap_or_else(|| seconds.to_string().into_bytes());
    let digits = body_fields::quoted(&timestamp).unwrap_or(&timestamp);
    let compacted;
    let covered = if scheme == DATA_COMPACT {
        compacted = compact::compact(data);
        &compacted
    } else {
        data
    };
    let signature = sign(secret.value.expose(), digits, webhook.path, covered);

    let mut body = b"{".to_vec();
    if let Some(api_key) = &secret.api_key {
        body.extend(format!("\"apiKey\":{},", serde_json::Value::from(&**api_key)).into_bytes());
    }
    body.extend(b"\"timestamp\":");
    body.extend(&timestamp);
    body.extend(format!(",\"signature\":\"{signature}\"").into_bytes());
    for (name, value) in fields {
        let is_ours = [&b"\"apiKey\""[..], b"\"timestamp\"", b"\"signature\""].contains(&name);
        if !is_ours {
            body.extend([b",", name, b":", value].concat());
        }
    }
    body.push(b'}');
    Ok(body)
}

fn fed(key: HmacSha256, timestamp: &[u8], path: &str, data: &[u8]) -> HmacSha256 {
    let head = b"\r\nPOST\r\n";
    mac::fed(key, &[timestamp, head, path.as_bytes(), b"\r\n\r\n", data])
}

fn decoded(signature: &[u8]) -> Option<[u8; TAG_BYTES]> {
    let mut tag = [0; TAG_BYTES];
    hex::decode_to_slice(signature, &mut tag).ok()?;
    Some(tag)
}

#[cfg(test)]
mod tests;
