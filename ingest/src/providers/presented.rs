//! The request headers by which carriers prove themselves, and what is kept of them.
//!
//! Whoever reads a static key, or a signature over nothing but a constant, can forge the next webhook.
//! So a header is kept as it came only where a signature over the body was found in it; anything else
//! could be such a credential, and a keyed digest stands in its place. From it an operator can still
//! tell, with the secrets and the key, whether it was right.

use std::fmt;

use hmac::Mac;
use schemas::{Assurance, TenantId};

use super::{
    Unproven, Verified,
    mac::{self, HmacSha256, TAG_BYTES},
};

/// Stands before a digest; no carrier's own value is ever kept in this form.
const DIGEST: &str = "digest:";

/// In how many ways one and the same value may be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// In one.
    Verbatim,
    /// The word before a token in any case; Base64 with or without padding.
    Authorization,
    /// Hexadecimal digits in any case.
    Hex,
}

impl Form {
    /// The one way that stands for all.
    pub(super) fn canonical(self, value: &[u8]) -> Vec<u8> {
        match self {
            Self::Verbatim => value.to_vec(),
            Self::Hex => value.trim_ascii().to_ascii_lowercase(),
            Self::Authorization => {
                let at = value.iter().position(|b| *b == b' ');
                let Some((word, rest)) = at.and_then(|at| value.split_at_checked(at)) else {
                    return value.to_vec();
                };
                let mut token = rest.trim_ascii();
                if word.eq_ignore_ascii_case(b"bearer") {
                    return [b"Bearer ", token].concat();
                }
                if !word.eq_ignore_ascii_case(b"basic") {
                    return value.to_vec();
                }
                while let Some(unpadded) = token.strip_suffix(b"=") {
                    token = unpadded;
                }
                [b"Basic ", token].concat()
            }
        }
    }
}

/// A header that a carrier's check reads.
#[derive(Clone, Copy, Debug)]
pub struct Read {
    /// In lower case.
    pub name: &'static str,
    pub(super) form: Form,
}

/// Makes the digests that stand for one tenant's credentials.
#[derive(Clone)]
pub struct DigestKey(Option<HmacSha256>);

impl DigestKey {
    /// The tenant's own key, derived from `privacy.key`.
    #[must_use]
    pub fn new(privacy_key: &runtime::settings::Secret, tenant: &TenantId) -> Self {
        let of_tenant = mac::keyed(privacy_key.expose().as_bytes()).and_then(|master| {
            let key = mac::fed(master, &[b"credentials", tenant.as_str().as_bytes()]);
            mac::keyed(&key.finalize().into_bytes())
        });
        Self(of_tenant)
    }

    fn over(&self, name: &str, value: &[u8]) -> Option<HmacSha256> {
        let key = self.0.clone()?;
        Some(mac::fed(key, &[name.as_bytes(), b"\0", value]))
    }
}

impl fmt::Debug for DigestKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DigestKey(…)")
    }
}

/// A header that came with a webhook.
#[derive(Clone)]
pub struct Header {
    name: &'static str,
    value: Value,
}

#[derive(Clone)]
enum Value {
    Sent {
        raw: Vec<u8>,
        canonical: Vec<u8>,
    },
    Digest {
        tag: [u8; TAG_BYTES],
        key: DigestKey,
    },
}

impl Header {
    /// As it came.
    #[must_use]
    pub fn sent(read: Read, value: &[u8]) -> Self {
        Self {
            name: read.name,
            value: Value::Sent {
                raw: value.to_vec(),
                canonical: read.form.canonical(value),
            },
        }
    }

    /// As a record keeps it; `None` where it is no text that [`Header::kept`] writes.
    #[must_use]
    pub fn recorded(read: Read, text: &str, key: &DigestKey) -> Option<Self> {
        let Some(digits) = text.strip_prefix(DIGEST) else {
            return Some(Self::sent(read, text.as_bytes()));
        };
        let mut tag = [0; TAG_BYTES];
        hex::decode_to_slice(digits, &mut tag).ok()?;
        Some(Self {
            name: read.name,
            value: Value::Digest {
                tag,
                key: key.clone(),
            },
        })
    }

    /// Name and text for the record of a webhook that was found to be of this assurance.
    #[must_use]
    pub fn kept(&self, assurance: Assurance, key: &DigestKey) -> Option<(String, String)> {
        let text = match &self.value {
            Value::Sent { raw, .. } if assurance == Assurance::BodySigned => {
                String::from_utf8(raw.clone()).ok()?
            }
            Value::Sent { canonical, .. } => {
                let tag = key.over(self.name, canonical)?.finalize().into_bytes();
                format!("{DIGEST}{}", hex::encode(tag))
            }
            Value::Digest { tag, .. } => format!("{DIGEST}{}", hex::encode(tag)),
        };
        Some((self.name.to_owned(), text))
    }

    /// Whether it is this value, which is given in the canonical form.
    fn is(&self, expected: &[u8]) -> bool {
        match &self.value {
            Value::Sent { canonical, .. } => mac::same(canonical, expected),
            Value::Digest { tag, key } => key
                .over(self.name, expected)
                .is_some_and(|mac| mac.verify_slice(tag).is_ok()),
        }
    }
}

impl fmt::Debug for Header {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Header({})", self.name)
    }
}

/// Whether there is a header of this name with this canonical value.
pub(super) fn proves(headers: &[Header], name: &str, expected: &[u8]) -> bool {
    let mut named = headers.iter().filter(|header| header.name == name);
    named.any(|header| header.is(expected))
}

/// A header value that proves its sender whenever it comes.
pub(super) struct Credential {
    pub(super) secret_id: String,
    pub(super) scheme: &'static str,
    pub(super) header: Read,
    pub(super) value: Vec<u8>,
}

/// The first of these credentials that came.
pub(super) fn credential(
    credentials: &[Credential],
    headers: &[Header],
) -> Result<Verified, Unproven> {
    if headers.is_empty() {
        return Err(Unproven::NoHeader);
    }
    let is_there = |one: &&Credential| {
        proves(
            headers,
            one.header.name,
            &one.header.form.canonical(&one.value),
        )
    };
    let found = credentials.iter().find(is_there).ok_or(Unproven::NoMatch)?;
    Ok(Verified {
        scheme: found.scheme,
        secret_id: found.secret_id.clone(),
        assurance: Assurance::CredentialOnly,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIGNATURE: Read = Read {
        name: "x-signature",
        form: Form::Hex,
    };

    fn key(privacy_key: &str, tenant: &str) -> DigestKey {
        let secret = runtime::settings::Secret::new(privacy_key);
        DigestKey::new(&secret, &TenantId::new(tenant).unwrap())
    }

    fn kept(value: &str, assurance: Assurance, key: &DigestKey) -> String {
        let header = Header::sent(SIGNATURE, value.as_bytes());
        header.kept(assurance, key).unwrap().1
    }

    #[test]
    fn only_a_signature_over_the_body_is_kept_as_it_came() {
        let key = key("k", "acme");
        assert_eq!(kept("AB01", Assurance::BodySigned, &key), "AB01");
        for assurance in [Assurance::CredentialOnly, Assurance::None] {
            let text = kept("AB01", assurance, &key);
            assert!(text.starts_with(DIGEST) && text.len() == DIGEST.len() + 64);
            assert!(!text.to_lowercase().contains("ab01"), "{text}");
        }
    }

    #[test]
    fn a_digest_is_the_same_for_the_same_value_and_differs_by_key_and_tenant() {
        let of = |value, key: DigestKey| kept(value, Assurance::None, &key);
        let digest = of("ab01", key("k", "acme"));
        assert_eq!(digest, of("AB01", key("k", "acme")));
        assert_ne!(digest, of("ab02", key("k", "acme")));
        assert_ne!(digest, of("ab01", key("l", "acme")));
        assert_ne!(digest, of("ab01", key("k", "bell")));
    }

    #[test]
    fn what_is_kept_can_be_checked_again() {
        let key = key("k", "acme");
        for assurance in [Assurance::BodySigned, Assurance::None] {
            let text = kept("AB01", assurance, &key);
            let header = [Header::recorded(SIGNATURE, &text, &key).unwrap()];
            assert!(proves(&header, "x-signature", b"ab01"));
            assert!(!proves(&header, "x-signature", b"ab02"));
            assert!(!proves(&header, "x-other", b"ab01"));
        }
        assert!(Header::recorded(SIGNATURE, "digest:zz", &key).is_none());
    }

    #[test]
    fn a_sender_gains_nothing_by_sending_a_digest() {
        let key = key("k", "acme");
        let digest = kept("ab01", Assurance::None, &key);
        let header = Header::sent(SIGNATURE, digest.as_bytes());
        assert!(!proves(&[header], "x-signature", b"ab01"));
    }

    #[test]
    fn one_value_written_in_two_ways_is_one() {
        let same = |form: Form, a: &str, b: &str| {
            form.canonical(a.as_bytes()) == form.canonical(b.as_bytes())
        };
        assert!(same(Form::Authorization, "bearer  t", "Bearer t"));
        assert!(same(Form::Authorization, "BASIC dTpw==", "Basic dTpw"));
        assert!(!same(Form::Authorization, "Bearer T", "Bearer t"));
        assert!(!same(Form::Authorization, "Token t=", "Token t"));
        assert!(!same(Form::Verbatim, "bearer t", "Bearer t"));
        assert!(same(Form::Hex, " AB", "ab"));
    }

    #[test]
    fn no_value_shows_in_debug_output() {
        let shown = format!(
            "{:?} {:?}",
            Header::sent(SIGNATURE, b"ab01"),
            key("kk", "acme")
        );
        assert_eq!(shown, "Header(x-signature) DigestKey(…)");
    }
}
