//! Whose webhooks these are: tenants, their endpoints, tokens and secrets, as of one reading of the
//! tenants file. A snapshot never changes; a reload makes another.

mod adopt;
mod endpoint;
mod fields;
mod file;
mod reload;
mod secrets;

use std::{fmt, path::Path, path::PathBuf, sync::Arc};

use rustc_hash::FxHashMap;
use schemas::{EndpointId, PiiRule, Provider, TenantId};

use crate::providers::Verifier;
pub use adopt::{Carried, Proven, Traffic};
pub use reload::{Current, Watch};

/// A company whose webhooks are taken in.
#[derive(Clone, Debug)]
pub struct Tenant {
    /// Name of its table in the file.
    pub id: TenantId,
    /// For people.
    pub name: Option<String>,
    /// What becomes of phones, names, addresses and plates.
    pub pii: PiiRule,
    /// Above it webhooks go to the overflow topic; per instance.
    pub requests_per_second: Option<u32>,
    /// How many may come at once before that.
    pub burst: Option<u32>,
    /// See [`Tenant::traffic`].
    pub traffic: Carried<Traffic>,
}

/// What is done with a webhook that proves nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verification {
    /// It is refused with 401.
    Required,
    /// It is kept and set aside.
    Quarantine,
    /// Nothing is checked.
    Off,
}

/// A secret shared with a carrier.
#[derive(Clone, Debug)]
pub struct Secret {
    /// Names it in records and reports.
    pub id: String,
    /// The secret itself.
    pub value: runtime::settings::Secret,
    /// The identifier inside the body that goes with it.
    pub api_key: Option<String>,
    /// The one rule that it goes with, where a carrier's secrets differ in that.
    pub scheme: Option<&'static str>,
}

/// One webhook address of one tenant at one carrier.
pub struct Endpoint {
    /// Whose it is.
    pub tenant: Arc<Tenant>,
    /// Unique among all tenants.
    pub id: EndpointId,
    /// Who calls it.
    pub provider: Provider,
    /// Last segment of its path.
    pub token: String,
    /// Tokens still accepted while the address is being changed.
    pub previous_tokens: Vec<String>,
    /// The address as registered with the carrier, if it is not the one that we are called at.
    pub public_url: Option<String>,
    /// What is done with a webhook that proves nothing.
    pub verification: Verification,
    /// Everything is answered with 200 and nothing is written.
    pub retired: bool,
    /// Names of the accepted signature rules.
    pub schemes: Vec<String>,
    /// Time zone of the carrier's local times.
    pub timezone: Option<String>,
    /// Currency of amounts that come without one.
    pub currency: Option<String>,
    /// Which of the carrier's services sends here, where its words mean different things by it.
    pub service: Option<&'static str>,
    /// All secrets that are valid now.
    pub secrets: Vec<Secret>,
    /// Made of secrets and schemes.
    pub verifier: Verifier,
    /// See [`Endpoint::proved_at`].
    pub proven: Carried<Arc<Proven>>,
}

/// An address as a carrier knows it, for one of an endpoint's tokens.
#[derive(Clone, PartialEq, Eq)]
pub struct SignedAddress {
    /// Scheme and host: `https://example.com`.
    pub origin: String,
    /// From the slash after the host on.
    pub path: String,
}

impl fmt::Debug for SignedAddress {
    /// The path holds a token.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SignedAddress")
            .field("origin", &self.origin)
            .finish_non_exhaustive()
    }
}

impl Endpoint {
    /// The address that the carrier signs when it calls the one with `token`; `None`: that of the
    /// request. Where the registered address ends in one of our tokens, it is read with this one in its
    /// place, so that both addresses verify while one replaces the other.
    #[must_use]
    pub fn signed_address(&self, token: &str) -> Option<SignedAddress> {
        let (origin, path) = self.public_url.as_deref().and_then(split)?;
        let (bare, slash) = match path.strip_suffix('/') {
            Some(bare) => (bare, "/"),
            None => (path, ""),
        };
        let mut tokens = std::iter::once(&self.token).chain(&self.previous_tokens);
        let path = match bare.rsplit_once('/') {
            Some((before, last)) if tokens.any(|own| own == last) => {
                format!("{before}/{token}{slash}")
            }
            _ => path.to_owned(),
        };
        Some(SignedAddress {
            origin: origin.to_owned(),
            path,
        })
    }

    /// The path of [`Endpoint::signed_address`].
    #[must_use]
    pub fn signed_path(&self, token: &str) -> Option<String> {
        self.signed_address(token).map(|address| address.path)
    }
}

/// Scheme with host, and path, of an absolute http(s) URL without query and fragment.
pub(crate) fn split(url: &str) -> Option<(&str, &str)> {
    let (scheme, rest) = url.split_once("://")?;
    if !matches!(scheme, "http" | "https") {
        return None;
    }
    let host = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (origin, rest) = url.split_at_checked(scheme.len() + "://".len() + host)?;
    let path = rest.split(['?', '#']).next()?;
    if host == 0 {
        return None;
    }
    Some((origin, if path.is_empty() { "/" } else { path }))
}

impl fmt::Debug for Endpoint {
    /// Tokens and the URL that holds one are left out: whoever has them can post.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Endpoint")
            .field("tenant", &self.tenant.id)
            .field("id", &self.id)
            .field("provider", &self.provider)
            .finish_non_exhaustive()
    }
}

/// What a token leads to.
#[derive(Clone, Debug)]
pub struct Address {
    /// Where the webhook goes.
    pub endpoint: Arc<Endpoint>,
    /// See [`Endpoint::signed_address`].
    pub signed: Option<Arc<SignedAddress>>,
}

/// All tenants of one reading.
#[derive(Debug, Default)]
pub struct Tenants {
    by_token: FxHashMap<Box<str>, Address>,
    endpoints: Vec<Arc<Endpoint>>,
    tenants: FxHashMap<TenantId, Arc<Tenant>>,
}

impl Tenants {
    pub(crate) fn new(endpoints: Vec<Arc<Endpoint>>) -> Self {
        let mut by_token = FxHashMap::default();
        let mut tenants = FxHashMap::default();
        for endpoint in &endpoints {
            if !tenants.contains_key(&endpoint.tenant.id) {
                tenants.insert(endpoint.tenant.id.clone(), Arc::clone(&endpoint.tenant));
            }
            for token in std::iter::once(&endpoint.token).chain(&endpoint.previous_tokens) {
                let address = Address {
                    endpoint: Arc::clone(endpoint),
                    signed: endpoint.signed_address(token).map(Arc::new),
                };
                by_token.insert(token.as_str().into(), address);
            }
        }
        Self {
            by_token,
            endpoints,
            tenants,
        }
    }

    /// The endpoint behind the last segment of a path.
    #[must_use]
    pub fn by_token(&self, token: &str) -> Option<&Address> {
        self.by_token.get(token)
    }

    /// The endpoint of this id.
    #[must_use]
    pub fn endpoint(&self, id: &str) -> Option<&Arc<Endpoint>> {
        self.endpoints
            .iter()
            .find(|endpoint| endpoint.id.as_str() == id)
    }

    /// All tenants that have endpoints.
    pub fn all(&self) -> impl Iterator<Item = &Arc<Tenant>> {
        self.tenants.values()
    }

    /// The tenant of this id, if it has endpoints.
    #[must_use]
    pub fn tenant(&self, id: &TenantId) -> Option<&Arc<Tenant>> {
        self.tenants.get(id)
    }

    /// All endpoints, in the order of the files.
    #[must_use]
    pub fn endpoints(&self) -> &[Arc<Endpoint>] {
        &self.endpoints
    }
}

/// Something wrong with a tenants file. Holds no token and no secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// In which file, or which folder.
    pub file: PathBuf,
    /// On which line, from 1.
    pub line: Option<usize>,
    /// What is wrong.
    pub text: String,
    /// What to do about it.
    pub cure: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.file.display())?;
        if let Some(line) = self.line {
            write!(f, ":{line}")?;
        }
        write!(f, ": {}: {}", self.text, self.cure)
    }
}

/// Reads a tenants file, or all `*.toml` files of a folder as one.
///
/// # Errors
/// Every [`Problem`] found; nothing is taken from a file that has one.
pub fn load(path: &Path) -> Result<Tenants, Vec<Problem>> {
    file::read(path, file::Haste::All).outcome
}

#[cfg(test)]
mod tests;
