//! The question each carrier answers in its own way: did this webhook come from it?

pub mod lalamove;

use schemas::{Assurance, Provider};

use crate::tenants::Secret;

/// A webhook as it came. Nothing in it is believed.
#[derive(Clone, Copy, Debug)]
pub struct Unverified<'a> {
    /// The exact bytes.
    pub body: &'a [u8],
    /// Path of the address that the carrier called, as it knows it.
    pub path: &'a str,
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
    Envelope(#[from] lalamove::envelope::InvalidEnvelope),
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

/// How one endpoint's webhooks are checked.
#[derive(Debug)]
pub enum Verifier {
    /// By the signature inside the body.
    Lalamove(lalamove::Verifier),
}

/// Names of a carrier's signature rules; `None` for a carrier that this build can't verify.
#[must_use]
pub const fn schemes(provider: Provider) -> Option<&'static [&'static str]> {
    match provider {
        Provider::Lalamove => Some(lalamove::SCHEMES),
        Provider::Ahamove | Provider::Ordatic | Provider::Sendstack | Provider::Dellyman => None,
    }
}

impl Verifier {
    /// With an endpoint's secrets and accepted schemes; `None` as for [`schemes`].
    #[must_use]
    pub fn new(provider: Provider, secrets: &[Secret], schemes: &[String]) -> Option<Self> {
        match provider {
            Provider::Lalamove => Some(Self::Lalamove(lalamove::Verifier::new(secrets, schemes))),
            Provider::Ahamove | Provider::Ordatic | Provider::Sendstack | Provider::Dellyman => {
                None
            }
        }
    }

    /// Checks one webhook, in constant time with respect to the secrets.
    ///
    /// # Errors
    /// [`Unproven`] says what is missing or does not match.
    pub fn verify(&self, webhook: &Unverified<'_>) -> Result<Verified, Unproven> {
        match self {
            Self::Lalamove(verifier) => verifier.verify(webhook),
        }
    }

    /// Fields whose text is the order's id, best first; only a hint for placing the record.
    #[must_use]
    pub const fn order_fields(&self) -> &'static [&'static str] {
        match self {
            Self::Lalamove(_) => &["orderId", "prevOrderId"],
        }
    }
}
