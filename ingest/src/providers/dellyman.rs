//! How Dellyman signs: HMAC-SHA256 in hexadecimal, in a header. Its page signs the address alone, which
//! makes a credential that can be copied; its own plugin has the decoded body signed.

use std::{borrow::Cow, fmt};

use schemas::Assurance;

use super::{
    Unproven, Unverified, Verified,
    mac::Key,
    percent,
    presented::{self, Form, Read},
};
use crate::tenants::Secret;

/// The address as registered, with or without a slash at its end.
pub const URL: &str = "url";
/// The body after URL decoding.
pub const BODY_DECODED: &str = "body-decoded";
/// The bytes of the body.
pub const BODY: &str = "body";
/// All, in the order in which they are tried.
pub const SCHEMES: &[&str] = &[URL, BODY_DECODED, BODY];

const HEADER: Read = Read {
    name: "x-dellyman-signature",
    form: Form::Hex,
};
pub(super) const HEADERS: &[Read] = &[HEADER];

/// The secrets of one endpoint, ready for use.
pub struct Verifier {
    keys: Vec<Key>,
    schemes: Vec<&'static str>,
}

impl fmt::Debug for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Verifier")
            .field("schemes", &self.schemes)
            .finish_non_exhaustive()
    }
}

impl Verifier {
    /// With all secrets of an endpoint, and the schemes accepted there; other names are ignored.
    pub(crate) fn new(secrets: &[Secret], schemes: &[String]) -> Self {
        let accepted = |scheme: &&str| schemes.iter().any(|accepted| accepted == scheme);
        Self {
            keys: secrets.iter().filter_map(Key::of).collect(),
            schemes: SCHEMES.iter().copied().filter(accepted).collect(),
        }
    }

    pub(crate) fn verify(&self, webhook: &Unverified<'_>) -> Result<Verified, Unproven> {
        if webhook.headers.is_empty() {
            return Err(Unproven::NoHeader);
        }
        for scheme in &self.schemes {
            for message in messages(scheme, webhook) {
                for key in &self.keys {
                    let signature = key.signature(&[&message]);
                    if presented::proves(webhook.headers, HEADER.name, signature.as_bytes()) {
                        return Ok(Verified {
                            scheme,
                            secret_id: key.secret_id.clone(),
                            assurance: assurance(scheme),
                        });
                    }
                }
            }
        }
        Err(Unproven::NoMatch)
    }
}

fn assurance(scheme: &str) -> Assurance {
    match scheme {
        BODY | BODY_DECODED => Assurance::BodySigned,
        _ => Assurance::CredentialOnly,
    }
}

/// What may have been signed by a rule, likeliest first.
fn messages<'a>(scheme: &str, webhook: &Unverified<'a>) -> Vec<Cow<'a, [u8]>> {
    match scheme {
        URL => {
            let url = [webhook.origin.as_bytes(), webhook.path.as_bytes()].concat();
            let other = match url.strip_suffix(b"/") {
                Some(bare) => bare.to_vec(),
                None => [&url[..], b"/"].concat(),
            };
            vec![url.into(), other.into()]
        }
        // A plain body is read as it stands: what decoding changes would be a way to change what is signed.
        BODY_DECODED if !percent::is_encoded(webhook.body) && percent::changes(webhook.body) => {
            Vec::new()
        }
        BODY_DECODED => vec![percent::decoded(webhook.body).into()],
        _ => vec![webhook.body.into()],
    }
}

/// What Dellyman would send in which header: for tools that stand in for the carrier.
#[must_use]
pub fn sign(
    scheme: &str,
    secret: &Secret,
    webhook: &Unverified<'_>,
) -> Option<(&'static str, String)> {
    let message = messages(scheme, webhook).into_iter().next()?;
    Some((HEADER.name, Key::of(secret)?.signature(&[&message])))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::providers::Header;

    const ORIGIN: &str = "https://example.test";
    const PATH: &str = "/hooks/dellyman/t1";
    const PLAIN: &str = r#"{"status":true,"order":{"OrderID":"88601","OrderStatus":"INTRANSIT"}}"#;
    const ENCODED: &str = "%7B%22status%22%3Atrue%2C%22order%22%3A%7B%22OrderID%22%3A%2288601%22%2C%22OrderStatus%22%3A%22INTRANSIT%22%7D%7D";
    const OF_URL: &str = "ef2a345b3e184f4007a3696ef1eed377088a94481f520d0cacade50a56ac86d5";
    const OF_URL_SLASH: &str = "dfa68fb68d76396d2fc7b643e992f4be590b50e75d976b51e4135d88a95e4adc";
    const OF_BODY: &str = "2471703cc1c1d61656eb4de3e761630082df91ded22aec7d4c69783953a01a63";

    fn secret(id: &str, value: &str) -> Secret {
        Secret {
            id: id.to_owned(),
            value: runtime::settings::Secret::new(value),
            api_key: None,
            scheme: None,
        }
    }

    fn at<'a>(path: &'a str, body: &'a str) -> Unverified<'a> {
        Unverified {
            body: body.as_bytes(),
            origin: ORIGIN,
            path,
            ..Unverified::default()
        }
    }

    fn verify(
        schemes: &[&str],
        webhook: Unverified<'_>,
        signature: &str,
    ) -> Result<Verified, Unproven> {
        let schemes: Vec<String> = schemes.iter().map(|s| (*s).to_owned()).collect();
        let secrets = [secret("s0", "another"), secret("s1", "synthetic-secret-1")];
        let headers = [Header::sent(HEADER, signature.as_bytes())];
        Verifier::new(&secrets, &schemes).verify(&Unverified {
            headers: &headers,
            ..webhook
        })
    }

    fn check(webhook: Unverified<'_>, signature: &str, scheme: &'static str) {
        let expected = Verified {
            scheme,
            secret_id: "s1".into(),
            assurance: if scheme == URL {
                Assurance::CredentialOnly
            } else {
                Assurance::BodySigned
            },
        };
        assert_eq!(verify(SCHEMES, webhook, signature), Ok(expected));
    }

    #[test]
    fn the_synthetic_vectors_hold() {
        check(at(PATH, PLAIN), OF_URL, URL);
        check(at(PATH, PLAIN), OF_URL_SLASH, URL);
        check(at("/hooks/dellyman/t1/", PLAIN), OF_URL, URL);
        check(at("/hooks/dellyman/t1/", PLAIN), OF_URL_SLASH, URL);
        check(at(PATH, ENCODED), OF_BODY, BODY_DECODED);
        check(at(PATH, PLAIN), OF_BODY, BODY_DECODED);
        assert!(verify(&[BODY], at(PATH, PLAIN), OF_BODY).is_ok());
    }

    fn signed(scheme: &str, body: &str) -> String {
        let secret = secret("s1", "synthetic-secret-1");
        sign(scheme, &secret, &at(PATH, body)).unwrap().1
    }

    #[test]
    fn the_body_may_be_signed_as_it_travels() {
        check(at(PATH, ENCODED), &signed(BODY, ENCODED), BODY);
        let plus = r#"{"phone":"+234","more":"100%25"}"#;
        check(at(PATH, plus), &signed(BODY, plus), BODY);
    }

    #[test]
    fn a_plus_is_a_blank_after_decoding() {
        let signature = signed(BODY, r#"{"a": "b c+"}"#);
        check(
            at(PATH, "%7B%22a%22:+%22b+c%2B%22%7D"),
            &signature,
            BODY_DECODED,
        );
    }

    #[test]
    fn escapes_in_a_plain_body_are_not_taken_for_what_they_stand_for() {
        let escaped = PLAIN.replace("88601", "%388601");
        assert_eq!(percent::decoded(escaped.as_bytes()), PLAIN.as_bytes());
        assert_eq!(
            verify(SCHEMES, at(PATH, &escaped), OF_BODY),
            Err(Unproven::NoMatch)
        );
        let blanks = r#"{"a": "b c"}"#;
        assert_eq!(
            verify(SCHEMES, at(PATH, r#"{"a": "b+c"}"#), &signed(BODY, blanks)),
            Err(Unproven::NoMatch)
        );
    }

    #[test]
    fn a_changed_body_breaks_what_covers_it_and_not_what_does_not() {
        let changed = PLAIN.replace("88601", "88602");
        check(at(PATH, &changed), OF_URL, URL);
        assert_eq!(
            verify(SCHEMES, at(PATH, &changed), OF_BODY),
            Err(Unproven::NoMatch)
        );
    }

    #[test]
    fn another_address_breaks_the_signature_over_it() {
        for webhook in [
            at("/hooks/dellyman/t2", PLAIN),
            at("/hooks/dellyman/t1//", PLAIN),
            Unverified {
                origin: "http://example.test",
                ..at(PATH, PLAIN)
            },
        ] {
            assert_eq!(verify(SCHEMES, webhook, OF_URL), Err(Unproven::NoMatch));
        }
    }

    #[test]
    fn schemes_that_are_not_accepted_are_not_tried() {
        let narrowed = verify(&[BODY_DECODED, BODY], at(PATH, PLAIN), OF_URL);
        assert_eq!(narrowed, Err(Unproven::NoMatch));
        let narrowed = verify(&[URL], at(PATH, PLAIN), OF_BODY);
        assert_eq!(narrowed, Err(Unproven::NoMatch));
    }

    #[test]
    fn a_webhook_without_the_header_proves_nothing() {
        let verifier = Verifier::new(&[secret("s", "v")], &[URL.to_owned()]);
        assert_eq!(verifier.verify(&at(PATH, PLAIN)), Err(Unproven::NoHeader));
    }
}
