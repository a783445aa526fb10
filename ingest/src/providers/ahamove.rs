//! How Ahamove shows itself: by a static header of one of three kinds, as agreed with it beforehand.
//! It covers nothing: whoever has read one webhook can write the next.

use std::fmt;

use super::{
    Unproven, Unverified, Verified,
    presented::{self, Credential, Form, Read},
};
use crate::tenants::Secret;

/// `apikey: <value>`, or `Authorization: <value>`: the carrier's page names both.
pub const APIKEY: &str = "apikey";
/// `Authorization: Bearer <value>`.
pub const BEARER: &str = "bearer";
/// `Authorization: Basic <value in Base64>`, where the value is `user:password`.
pub const BASIC: &str = "basic";
/// All, in the order in which they are tried.
pub const SCHEMES: &[&str] = &[APIKEY, BEARER, BASIC];

const APIKEY_HEADER: Read = Read {
    name: "apikey",
    form: Form::Verbatim,
};
const AUTHORIZATION: Read = Read {
    name: "authorization",
    form: Form::Authorization,
};
pub(super) const HEADERS: &[Read] = &[APIKEY_HEADER, AUTHORIZATION];

/// The secrets of one endpoint, ready for use.
pub struct Verifier {
    credentials: Vec<Credential>,
}

impl fmt::Debug for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Verifier").finish_non_exhaustive()
    }
}

impl Verifier {
    /// With all secrets of an endpoint, each in its own scheme, or where it has none in any that is
    /// accepted there.
    pub(crate) fn new(secrets: &[Secret], schemes: &[String]) -> Self {
        let accepted = |scheme: &str| schemes.iter().any(|accepted| accepted == scheme);
        let mut credentials = Vec::new();
        for scheme in SCHEMES.iter().copied().filter(|scheme| accepted(scheme)) {
            let of_scheme = |secret: &&Secret| secret.scheme.is_none_or(|own| own == scheme);
            for secret in secrets.iter().filter(of_scheme) {
                for (header, value) in values(scheme, secret.value.expose()) {
                    credentials.push(Credential {
                        secret_id: secret.id.clone(),
                        scheme,
                        header,
                        value,
                    });
                }
            }
        }
        Self { credentials }
    }

    pub(crate) fn verify(&self, webhook: &Unverified<'_>) -> Result<Verified, Unproven> {
        presented::credential(&self.credentials, webhook.headers)
    }
}

/// What Ahamove would send in which header: for tools that stand in for the carrier.
#[must_use]
pub fn sign(scheme: &str, secret: &str) -> Option<(&'static str, String)> {
    let (header, value) = values(scheme, secret).into_iter().next()?;
    Some((header.name, String::from_utf8(value).ok()?))
}

/// The headers by which a secret shows, the usual one first.
fn values(scheme: &str, secret: &str) -> Vec<(Read, Vec<u8>)> {
    let bytes = secret.as_bytes();
    match scheme {
        BEARER => vec![(AUTHORIZATION, [b"Bearer ", bytes].concat())],
        BASIC => vec![(
            AUTHORIZATION,
            format!("Basic {}", base64(bytes)).into_bytes(),
        )],
        APIKEY => vec![
            (APIKEY_HEADER, bytes.to_vec()),
            (AUTHORIZATION, bytes.to_vec()),
        ],
        _ => Vec::new(),
    }
}

/// Base64 of RFC 4648, with padding.
fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for group in bytes.chunks(3) {
        let bits = (0..3).fold(0_usize, |bits, at| {
            bits << 8 | usize::from(group.get(at).copied().unwrap_or_default())
        });
        for digit in 0..4 {
            let value = DIGITS.get(bits >> (18 - 6 * digit) & 63);
            text.push(match value {
                Some(value) if digit <= group.len() => char::from(*value),
                Some(_) | None => '=',
            });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::providers::Header;

    fn secret(id: &str, scheme: Option<&'static str>, value: &str) -> Secret {
        Secret {
            id: id.to_owned(),
            value: runtime::settings::Secret::new(value),
            api_key: None,
            scheme,
        }
    }

    fn three() -> Vec<Secret> {
        vec![
            secret("a", Some(APIKEY), "KJhb4seu82"),
            secret("b", Some(BEARER), "tok"),
            secret("c", Some(BASIC), "Aladdin:open sesame"),
        ]
    }

    fn verify(
        secrets: &[Secret],
        schemes: &[&str],
        headers: &[(Read, &str)],
    ) -> Result<(&'static str, String), Unproven> {
        let schemes: Vec<String> = schemes.iter().map(|s| (*s).to_owned()).collect();
        let headers: Vec<Header> = headers
            .iter()
            .map(|(read, value)| Header::sent(*read, value.as_bytes()))
            .collect();
        let webhook = Unverified {
            body: b"{\"_id\":\"22VMV54W\"}",
            headers: &headers,
            ..Unverified::default()
        };
        let verified = Verifier::new(secrets, &schemes).verify(&webhook)?;
        assert_eq!(verified.assurance, schemas::Assurance::CredentialOnly);
        Ok((verified.scheme, verified.secret_id))
    }

    #[test]
    fn each_scheme_is_known_by_its_header() {
        for (header, value, expected) in [
            (APIKEY_HEADER, "KJhb4seu82", (APIKEY, "a")),
            (AUTHORIZATION, "KJhb4seu82", (APIKEY, "a")),
            (AUTHORIZATION, "Bearer tok", (BEARER, "b")),
            (AUTHORIZATION, "bearer tok", (BEARER, "b")),
            (
                AUTHORIZATION,
                "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==",
                (BASIC, "c"),
            ),
            (
                AUTHORIZATION,
                "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ",
                (BASIC, "c"),
            ),
        ] {
            let found = verify(&three(), SCHEMES, &[(header, value)]);
            assert_eq!(found, Ok((expected.0, expected.1.to_owned())), "{value}");
        }
    }

    #[test]
    fn a_value_in_the_wrong_scheme_or_header_proves_nothing() {
        for (header, value) in [
            (AUTHORIZATION, "Bearer KJhb4seu82"),
            (AUTHORIZATION, "tok"),
            (APIKEY_HEADER, "tok"),
            (APIKEY_HEADER, "Bearer tok"),
            (APIKEY_HEADER, "kjhb4seu82"),
            (APIKEY_HEADER, "KJhb4seu8"),
            (APIKEY_HEADER, "KJhb4seu822"),
            (APIKEY_HEADER, ""),
            (AUTHORIZATION, "Aladdin:open sesame"),
            (AUTHORIZATION, "Basic qWxhZGRpbjpvcGVuIHNlc2FtZQ=="),
        ] {
            let found = verify(&three(), SCHEMES, &[(header, value)]);
            assert_eq!(found, Err(Unproven::NoMatch), "{value}");
        }
        assert_eq!(verify(&three(), SCHEMES, &[]), Err(Unproven::NoHeader));
    }

    #[test]
    fn every_secret_is_tried_and_the_one_that_matched_is_named() {
        let secrets = [
            secret("old", Some(APIKEY), "one"),
            secret("new", Some(APIKEY), "two"),
        ];
        for (value, id) in [("one", "old"), ("two", "new")] {
            let found = verify(&secrets, SCHEMES, &[(APIKEY_HEADER, value)]);
            assert_eq!(found, Ok((APIKEY, id.to_owned())));
        }
        let both = [(AUTHORIZATION, "Bearer other"), (APIKEY_HEADER, "two")];
        assert!(verify(&secrets, SCHEMES, &both).is_ok());
    }

    #[test]
    fn schemes_that_are_not_accepted_are_not_tried() {
        let bearer = [(AUTHORIZATION, "Bearer tok")];
        assert!(verify(&three(), &[BEARER], &bearer).is_ok());
        assert_eq!(
            verify(&three(), &[APIKEY, BASIC], &bearer),
            Err(Unproven::NoMatch)
        );
    }

    #[test]
    fn a_secret_without_a_scheme_stands_for_all_that_are_accepted() {
        let any = [secret("a", None, "u:p")];
        for (header, value, scheme) in [
            (APIKEY_HEADER, "u:p", APIKEY),
            (AUTHORIZATION, "Bearer u:p", BEARER),
            (AUTHORIZATION, "Basic dTpw", BASIC),
        ] {
            let found = verify(&any, SCHEMES, &[(header, value)]);
            assert_eq!(found, Ok((scheme, "a".to_owned())));
        }
    }

    #[test]
    fn base64_is_that_of_the_standard() {
        for (plain, text) in [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foobar", "Zm9vYmFy"),
        ] {
            assert_eq!(base64(plain.as_bytes()), text);
        }
        assert_eq!(base64(&[0xfb, 0xff, 0xfe]), "+//+");
    }

    #[test]
    fn signing_gives_what_verification_accepts() {
        for one in three() {
            let scheme = one.scheme.unwrap();
            let (name, value) = sign(scheme, one.value.expose()).unwrap();
            let header = *HEADERS.iter().find(|read| read.name == name).unwrap();
            let found = verify(&[one], SCHEMES, &[(header, &value)]);
            assert_eq!(found.unwrap().0, scheme);
        }
    }
}
