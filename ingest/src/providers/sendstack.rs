//! How Sendstack signs: HMAC-SHA256 in hexadecimal, in a header. Its two published rules differ: the
//! older one covers the body, the current one nothing but `webhookId`, which looks like the id of the
//! subscription: then the signature is the same on every webhook, and a credential that can be copied.

use std::{borrow::Cow, fmt};

use schemas::Assurance;

use super::{
    Unproven, Unverified, Verified,
    body_fields::{self, InvalidBody},
    compact,
    mac::Key,
    presented::{self, Form, Read},
};
use crate::tenants::Secret;

/// `webhookId` as JSON, with its quotes: what the sample code of the current rule computes.
pub const WEBHOOK_ID_QUOTED: &str = "webhook-id-quoted";
/// `webhookId` without quotes: what the text of the current rule says.
pub const WEBHOOK_ID: &str = "webhook-id";
/// The bytes of the body.
pub const BODY: &str = "body";
/// The body written again without blanks and needless escapes.
pub const BODY_COMPACT: &str = "body-compact";
/// All, in the order in which they are tried.
pub const SCHEMES: &[&str] = &[WEBHOOK_ID_QUOTED, WEBHOOK_ID, BODY, BODY_COMPACT];

const ID_FIELD: &str = "webhookId";
/// Those that were seen have 24 digits.
const ID_BYTES_MAX: usize = 128;

const HEADER: Read = Read {
    name: "x-sendstack-signature",
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
        let mut why = Unproven::NoMatch;
        for scheme in &self.schemes {
            let message = match message(scheme, webhook.body) {
                Ok(message) => message,
                Err(missing) => {
                    why = missing.into();
                    continue;
                }
            };
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
        Err(why)
    }
}

fn assurance(scheme: &str) -> Assurance {
    match scheme {
        BODY | BODY_COMPACT => Assurance::BodySigned,
        _ => Assurance::CredentialOnly,
    }
}

fn is_id(text: &str) -> bool {
    let is_of_id = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    (1..=ID_BYTES_MAX).contains(&text.len()) && text.bytes().all(is_of_id)
}

/// What is signed by a rule.
fn message<'a>(scheme: &str, body: &'a [u8]) -> Result<Cow<'a, [u8]>, InvalidBody> {
    let id = || {
        let id = body_fields::only(body, ID_FIELD)?.ok_or(InvalidBody::Missing(ID_FIELD))?;
        // Any text would do as an id otherwise, a body that was signed as a whole too.
        let text = body_fields::text(id).filter(|text| is_id(text));
        Ok((id, text.ok_or(InvalidBody::Form(ID_FIELD))?))
    };
    Ok(match scheme {
        WEBHOOK_ID_QUOTED => Cow::Owned(compact::compact(id()?.0)),
        WEBHOOK_ID => Cow::Owned(id()?.1.into_owned().into_bytes()),
        BODY_COMPACT => Cow::Owned(compact::compact(body)),
        _ => Cow::Borrowed(body),
    })
}

/// What Sendstack would send in which header: for tools that stand in for the carrier.
///
/// # Errors
/// When the body lacks what is to be signed.
pub fn sign(
    scheme: &str,
    secret: &Secret,
    body: &[u8],
) -> Result<Option<(&'static str, String)>, InvalidBody> {
    let message = message(scheme, body)?;
    Ok(Key::of(secret).map(|key| (HEADER.name, key.signature(&[&message]))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::providers::Header;

    const BODY_TEXT: &str = r#"{"eventType":"order.new","webhookId":"66faa977606e413be093c02f"}"#;
    const QUOTED: &str = "70d77903bf7ff9e13e36ab44cb7916b555ae972e104e3a20df5e77a92abae757";
    const BARE: &str = "0905d9d9771f727927e1a8c869a38256bc4efc7874ff0ef0dd73fcbd128b2405";

    fn secret(id: &str, value: &str) -> Secret {
        Secret {
            id: id.to_owned(),
            value: runtime::settings::Secret::new(value),
            api_key: None,
            scheme: None,
        }
    }

    fn secrets() -> [Secret; 2] {
        [secret("s0", "another"), secret("s1", "synthetic-secret-1")]
    }

    fn verify(schemes: &[&str], body: &str, signature: &str) -> Result<Verified, Unproven> {
        let schemes: Vec<String> = schemes.iter().map(|s| (*s).to_owned()).collect();
        let headers = [Header::sent(HEADER, signature.as_bytes())];
        Verifier::new(&secrets(), &schemes).verify(&Unverified {
            body: body.as_bytes(),
            headers: &headers,
            ..Unverified::default()
        })
    }

    fn check(body: &str, signature: &str, scheme: &'static str, assurance: Assurance) {
        let expected = Verified {
            scheme,
            secret_id: "s1".into(),
            assurance,
        };
        assert_eq!(verify(SCHEMES, body, signature), Ok(expected));
    }

    fn signed(scheme: &str, body: &str) -> String {
        sign(scheme, &secrets()[1], body.as_bytes())
            .unwrap()
            .unwrap()
            .1
    }

    #[test]
    fn the_synthetic_vectors_hold() {
        let only = Assurance::CredentialOnly;
        check(BODY_TEXT, QUOTED, WEBHOOK_ID_QUOTED, only);
        check(BODY_TEXT, &QUOTED.to_uppercase(), WEBHOOK_ID_QUOTED, only);
        check(BODY_TEXT, BARE, WEBHOOK_ID, only);
    }

    #[test]
    fn a_signature_over_the_body_says_that_it_covers_it() {
        let blank = BODY_TEXT.replace("\":", "\": ");
        let covered = Assurance::BodySigned;
        check(&blank, &signed(BODY, &blank), BODY, covered);
        check(&blank, &signed(BODY, BODY_TEXT), BODY_COMPACT, covered);
        check("[1]", &signed(BODY, "[1]"), BODY, covered);
    }

    #[test]
    fn a_changed_body_breaks_what_covers_it_and_not_what_does_not() {
        let changed = BODY_TEXT.replace("order.new", "order.old");
        assert!(verify(SCHEMES, &changed, QUOTED).is_ok());
        let signature = signed(BODY, BODY_TEXT);
        assert_eq!(
            verify(SCHEMES, &changed, &signature),
            Err(Unproven::NoMatch)
        );
    }

    #[test]
    fn schemes_that_are_not_accepted_are_not_tried() {
        assert!(verify(&[WEBHOOK_ID], BODY_TEXT, BARE).is_ok());
        let narrowed = verify(&[BODY, BODY_COMPACT], BODY_TEXT, QUOTED);
        assert_eq!(narrowed, Err(Unproven::NoMatch));
        let covered = signed(BODY, BODY_TEXT);
        assert!(verify(&[BODY], BODY_TEXT, &covered).is_ok());
        assert!(verify(&[WEBHOOK_ID], BODY_TEXT, &covered).is_err());
    }

    #[test]
    fn an_id_that_stands_there_twice_or_is_no_text_proves_nothing() {
        let ids = &[WEBHOOK_ID_QUOTED, WEBHOOK_ID];
        let twice = BODY_TEXT.replace('{', r#"{"webhookId":"x","#);
        assert_eq!(
            verify(ids, &twice, QUOTED),
            Err(Unproven::Body(InvalidBody::Twice(ID_FIELD)))
        );
        assert_eq!(
            verify(ids, r#"{"webhookId":1}"#, QUOTED),
            Err(Unproven::Body(InvalidBody::Form(ID_FIELD)))
        );
        assert_eq!(
            verify(
                ids,
                r#"{"a":{"webhookId":"66faa977606e413be093c02f"}}"#,
                QUOTED
            ),
            Err(Unproven::Body(InvalidBody::Missing(ID_FIELD)))
        );
    }

    #[test]
    fn a_signature_over_a_body_proves_no_other_body_that_has_it_as_its_id() {
        let signature = signed(BODY, BODY_TEXT);
        let id = serde_json::Value::from(BODY_TEXT);
        let forged = format!(r#"{{"eventType":"order.new","webhookId":{id}}}"#);
        assert_eq!(
            verify(&[WEBHOOK_ID], &forged, &signature),
            Err(Unproven::Body(InvalidBody::Form(ID_FIELD)))
        );
        assert!(verify(SCHEMES, &forged, &signature).is_err());
    }

    #[test]
    fn what_is_no_signature_proves_nothing() {
        for signature in ["", "zz", &QUOTED[1..], &format!("{QUOTED}00")] {
            assert_eq!(
                verify(SCHEMES, BODY_TEXT, signature),
                Err(Unproven::NoMatch)
            );
        }
        let bare = Verifier::new(&secrets(), &[BODY.to_owned()]);
        let webhook = Unverified {
            body: BODY_TEXT.as_bytes(),
            ..Unverified::default()
        };
        assert_eq!(bare.verify(&webhook), Err(Unproven::NoHeader));
    }
}
