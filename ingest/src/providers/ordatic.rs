//! How Ordatic shows itself: by the text of its `webhookAuthHeader` in the Authorization header, as it
//! was set. It covers nothing: whoever has read one webhook can write the next.

use std::fmt;

use super::{
    Unproven, Unverified, Verified,
    presented::{self, Credential, Form, Read},
};
use crate::tenants::Secret;

/// The Authorization header is the secret, to the letter.
pub const AUTHORIZATION: &str = "authorization";
/// All, in the order in which they are tried.
pub const SCHEMES: &[&str] = &[AUTHORIZATION];

pub(super) const HEADER: Read = Read {
    name: "authorization",
    form: Form::Verbatim,
};
pub(super) const HEADERS: &[Read] = &[HEADER];

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
    /// With all secrets of an endpoint, and the schemes accepted there; other names are ignored.
    pub(crate) fn new(secrets: &[Secret], schemes: &[String]) -> Self {
        let is_accepted = schemes.iter().any(|scheme| scheme == AUTHORIZATION);
        let credentials = secrets.iter().filter(|_| is_accepted).map(|secret| {
            let value = secret.value.expose().as_bytes().to_vec();
            Credential {
                secret_id: secret.id.clone(),
                scheme: AUTHORIZATION,
                header: HEADER,
                value,
            }
        });
        Self {
            credentials: credentials.collect(),
        }
    }

    pub(crate) fn verify(&self, webhook: &Unverified<'_>) -> Result<Verified, Unproven> {
        presented::credential(&self.credentials, webhook.headers)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::providers::Header;

    fn verify(value: Option<&str>) -> Result<(&'static str, String), Unproven> {
        let secrets = ["one", "Bearer two"].map(|value| Secret {
            id: format!("id of {value}"),
            value: runtime::settings::Secret::new(value),
            api_key: None,
            scheme: None,
        });
        let headers: Vec<Header> = value
            .iter()
            .map(|value| Header::sent(HEADER, value.as_bytes()))
            .collect();
        let webhook = Unverified {
            headers: &headers,
            ..Unverified::default()
        };
        let schemes = [AUTHORIZATION.to_owned()];
        let verified = Verifier::new(&secrets, &schemes).verify(&webhook)?;
        assert_eq!(verified.assurance, schemas::Assurance::CredentialOnly);
        Ok((verified.scheme, verified.secret_id))
    }

    #[test]
    fn the_header_is_one_of_the_secrets_to_the_letter() {
        for value in ["one", "Bearer two"] {
            let expected = (AUTHORIZATION, format!("id of {value}"));
            assert_eq!(verify(Some(value)), Ok(expected));
        }
        for value in ["", "One", "Bearer one", "bearer two", "two", "one "] {
            assert_eq!(verify(Some(value)), Err(Unproven::NoMatch), "{value}");
        }
        assert_eq!(verify(None), Err(Unproven::NoHeader));
    }
}
