//! The question each carrier answers in its own way: did this webhook come from it?

pub mod ahamove;
pub mod dellyman;
pub mod lalamove;
pub mod ordatic;
pub mod sendstack;

pub mod body_fields;
mod compact;
mod mac;
pub mod percent;
pub mod presented;
pub mod sign;

use std::borrow::Cow;

use schemas::{Assurance, Provider};

use crate::tenants::Secret;
use presented::{Header, Read};

/// A webhook as it came. Nothing in it is believed.
#[derive(Clone, Copy, Debug, Default)]
pub struct Unverified<'a> {
    /// The exact bytes.
    pub body: &'a [u8],
    /// Scheme and host of the address that the carrier called, as it knows it: `https://example.com`.
    pub origin: &'a str,
    /// Path of that address.
    pub path: &'a str,
    /// Those of its headers that [`headers`] names.
    pub headers: &'a [Header],
}

/// What a proof consisted of. Only a carrier's check makes one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified {
    /// The rule that matched.
    pub scheme: &'static str,
    /// The secret that matched.
    pub secret_id: String,
    /// What the proof covers.
    pub assurance: Assurance,
}

/// Why a webhook proves nothing. Never holds a value from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unproven {
    /// What should be signed can't be found.
    #[error(transparent)]
    Body(#[from] body_fields::InvalidBody),
    /// The header by which the carrier proves itself is not there.
    #[error("the header that proves its origin is missing")]
    NoHeader,
    /// The signature is not of the form that the carrier sends.
    #[error("the signature has the wrong form")]
    SignatureForm,
    /// No secret goes with the account that the webhook names.
    #[error("no secret goes with the account that it names")]
    UnknownAccount,
    /// No secret gives this signature by any accepted rule.
    #[error("no secret gives this signature")]
    NoMatch,
}

impl Unproven {
    /// Whether it may be the endpoint's own carrier, with a secret other than ours. Who shows no proof
    /// at all, or names an account that is not ours, is somebody else.
    pub(crate) const fn may_be_the_carrier(&self) -> bool {
        match self {
            Self::NoMatch | Self::SignatureForm => true,
            Self::Body(_) | Self::NoHeader | Self::UnknownAccount => false,
        }
    }
}

/// How one endpoint's webhooks are checked.
#[derive(Debug)]
pub enum Verifier {
    /// By the signature inside the body.
    Lalamove(lalamove::Verifier),
    /// By a static header of one of three kinds.
    Ahamove(ahamove::Verifier),
    /// By a static header.
    Ordatic(ordatic::Verifier),
    /// By a signature in a header.
    Sendstack(sendstack::Verifier),
    /// By a signature in a header.
    Dellyman(dellyman::Verifier),
}

/// Names of a carrier's signature rules.
#[must_use]
pub const fn schemes(provider: Provider) -> &'static [&'static str] {
    match provider {
        Provider::Lalamove => lalamove::SCHEMES,
        Provider::Ahamove => ahamove::SCHEMES,
        Provider::Ordatic => ordatic::SCHEMES,
        Provider::Sendstack => sendstack::SCHEMES,
        Provider::Dellyman => dellyman::SCHEMES,
    }
}

/// The headers that a carrier's check reads, and a record keeps.
#[must_use]
pub const fn headers(provider: Provider) -> &'static [Read] {
    match provider {
        Provider::Lalamove => &[],
        Provider::Ahamove => ahamove::HEADERS,
        Provider::Ordatic => ordatic::HEADERS,
        Provider::Sendstack => sendstack::HEADERS,
        Provider::Dellyman => dellyman::HEADERS,
    }
}

/// Whether a carrier signs scheme and host of the address that it calls.
#[must_use]
pub const fn signs_origin(provider: Provider) -> bool {
    match provider {
        Provider::Dellyman => true,
        Provider::Lalamove | Provider::Ahamove | Provider::Ordatic | Provider::Sendstack => false,
    }
}

impl Verifier {
    /// With an endpoint's secrets and accepted schemes.
    #[must_use]
    pub fn new(provider: Provider, secrets: &[Secret], schemes: &[String]) -> Self {
        match provider {
            Provider::Lalamove => Self::Lalamove(lalamove::Verifier::new(secrets, schemes)),
            Provider::Ahamove => Self::Ahamove(ahamove::Verifier::new(secrets, schemes)),
            Provider::Ordatic => Self::Ordatic(ordatic::Verifier::new(secrets, schemes)),
            Provider::Sendstack => Self::Sendstack(sendstack::Verifier::new(secrets, schemes)),
            Provider::Dellyman => Self::Dellyman(dellyman::Verifier::new(secrets, schemes)),
        }
    }

    /// Checks one webhook, in constant time with respect to the secrets.
    ///
    /// # Errors
    /// [`Unproven`] says what is missing or does not match.
    pub fn verify(&self, webhook: &Unverified<'_>) -> Result<Verified, Unproven> {
        match self {
            Self::Lalamove(verifier) => verifier.verify(webhook),
            Self::Ahamove(verifier) => verifier.verify(webhook),
            Self::Ordatic(verifier) => verifier.verify(webhook),
            Self::Sendstack(verifier) => verifier.verify(webhook),
            Self::Dellyman(verifier) => verifier.verify(webhook),
        }
    }

    /// Fields whose text is the order's id, best first; only a hint for placing the record.
    #[must_use]
    pub const fn order_fields(&self) -> &'static [&'static str] {
        match self {
            Self::Lalamove(_) => &["orderId", "prevOrderId"],
            Self::Ahamove(_) => &["_id"],
            Self::Ordatic(_) => &["orderId"],
            // The first is the delivery's, which all webhooks of its drops share.
            Self::Sendstack(_) => &["id"],
            Self::Dellyman(_) => &["OrderID"],
        }
    }

    /// The beginning of a body in the form in which its fields can be read.
    #[must_use]
    pub fn readable<'a>(&self, head: &'a [u8]) -> Cow<'a, [u8]> {
        match self {
            Self::Dellyman(_) if percent::is_encoded(head) => percent::decoded(head).into(),
            Self::Lalamove(_)
            | Self::Ahamove(_)
            | Self::Ordatic(_)
            | Self::Sendstack(_)
            | Self::Dellyman(_) => head.into(),
        }
    }
}
