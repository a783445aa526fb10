//! Standing in for a carrier: what it would send to an endpoint.

use schemas::Provider;

use super::{Unverified, ahamove, body_fields::InvalidBody, dellyman, lalamove, sendstack};
use crate::tenants::{Endpoint, Secret};

/// A webhook before it proves anything.
#[derive(Clone, Copy, Debug)]
pub struct Unsigned<'a> {
    /// Its text; for Lalamove without api key, time and signature, or with others in their place.
    pub body: &'a [u8],
    /// The whole address that it is posted to; where the endpoint has a `public_url`, that is signed.
    pub address: &'a str,
    /// Seconds since 1970, for carriers that send the time.
    pub seconds: i64,
}

/// A webhook as the carrier sends it.
#[derive(Clone, PartialEq, Eq)]
pub struct Signed {
    /// The bytes to post.
    pub body: Vec<u8>,
    /// The headers to post them with, beside the content type.
    pub headers: Vec<(&'static str, String)>,
}

impl std::fmt::Debug for Signed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Signed").finish_non_exhaustive()
    }
}

/// Why a webhook can't be signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unsignable {
    /// The body lacks what every accepted rule signs.
    #[error(transparent)]
    Body(#[from] InvalidBody),
    /// The secret goes with no rule that the endpoint accepts.
    #[error("the secret goes with no scheme that the endpoint accepts")]
    NoScheme,
    /// It is not the address of an endpoint.
    #[error("the address is no http(s) URL")]
    Address,
}

/// Signs by the endpoint's first accepted rule that the secret and the body allow.
///
/// # Errors
/// [`Unsignable`] says what is in the way.
pub fn sign(
    endpoint: &Endpoint,
    secret: &Secret,
    webhook: &Unsigned<'_>,
) -> Result<Signed, Unsignable> {
    let (origin, path) = crate::tenants::split(webhook.address).ok_or(Unsignable::Address)?;
    let token = path.rsplit('/').next().unwrap_or_default();
    let registered = endpoint.signed_address(token);
    let sent = Unverified {
        body: webhook.body,
        origin: registered.as_ref().map_or(origin, |r| &r.origin),
        path: registered.as_ref().map_or(path, |r| &r.path),
        headers: &[],
    };
    let mut why = Unsignable::NoScheme;
    let own = |scheme: &&String| secret.scheme.is_none_or(|own| own == scheme.as_str());
    for scheme in endpoint.schemes.iter().filter(own) {
        match by(endpoint.provider, scheme, secret, (&sent, webhook.seconds)) {
            Ok(Some(signed)) => return Ok(signed),
            Ok(None) => {}
            Err(missing) => why = missing.into(),
        }
    }
    Err(why)
}

fn by(
    provider: Provider,
    scheme: &str,
    secret: &Secret,
    (sent, seconds): (&Unverified<'_>, i64),
) -> Result<Option<Signed>, InvalidBody> {
    let header = match provider {
        Provider::Lalamove => {
            let body = lalamove::signed_body(scheme, secret, sent, seconds)?;
            return Ok(Some(Signed {
                body,
                headers: Vec::new(),
            }));
        }
        Provider::Ahamove => ahamove::sign(scheme, secret.value.expose()),
        Provider::Ordatic => Some(("authorization", secret.value.expose().to_owned())),
        Provider::Sendstack => sendstack::sign(scheme, secret, sent.body)?,
        Provider::Dellyman => dellyman::sign(scheme, secret, sent),
    };
    Ok(header.map(|header| Signed {
        body: sent.body.to_vec(),
        headers: vec![header],
    }))
}

#[cfg(test)]
mod tests;
