//! What outlives a reload of the tenants file: how much a tenant sends, and when an endpoint's
//! carrier last proved itself.

use std::sync::{
    Arc, OnceLock,
    atomic::{AtomicI64, Ordering},
};

use rustc_hash::FxHashMap;
use schemas::Micros;

use super::{Endpoint, Secret, Tenant, Tenants};
use crate::rates::{Rate, Usage};

/// A tenant's rate and what it sends.
#[derive(Clone, Debug)]
pub struct Traffic {
    /// As agreed.
    pub rate: Arc<Rate>,
    /// As it is.
    pub usage: Arc<Usage>,
}

/// Made when it is first needed, unless it was taken over from the reading before.
#[derive(Clone, Debug)]
pub struct Carried<T>(OnceLock<T>);

impl<T> Default for Carried<T> {
    fn default() -> Self {
        Self(OnceLock::new())
    }
}

/// When an endpoint last proved itself; 0: not yet.
#[derive(Debug, Default)]
pub struct Proven(AtomicI64);

impl Tenant {
    /// Its rate and what it sends.
    #[must_use]
    pub fn traffic(&self) -> &Traffic {
        self.traffic.0.get_or_init(|| Traffic {
            rate: Arc::new(Rate::new(self.requests_per_second, self.burst)),
            usage: Arc::default(),
        })
    }
}

impl Endpoint {
    fn proven(&self) -> &Arc<Proven> {
        self.proven.0.get_or_init(Arc::default)
    }

    /// Notes that a webhook proved itself.
    pub fn proved(&self, now: Micros) {
        self.proven().0.store(now.0, Ordering::Relaxed);
    }

    /// When one last did, by these secrets and rules.
    #[must_use]
    pub fn proved_at(&self) -> Option<Micros> {
        let at = self.proven().0.load(Ordering::Relaxed);
        (at != 0).then_some(Micros(at))
    }

    /// Whether what proved itself to `other` does so here.
    fn believes_like(&self, other: &Self) -> bool {
        let same = |(a, b): (&Secret, &Secret)| {
            a.value.expose() == b.value.expose() && a.api_key == b.api_key && a.scheme == b.scheme
        };
        self.provider == other.provider
            && self.schemes == other.schemes
            && self.public_url == other.public_url
            && self.secrets.len() == other.secrets.len()
            && self.secrets.iter().zip(&other.secrets).all(same)
    }
}

impl Tenants {
    /// Takes over what `before` knows. Called once, before anybody uses these.
    pub fn adopt(&self, before: &Self) {
        let known: FxHashMap<&str, &Arc<Tenant>> = before
            .all()
            .map(|tenant| (tenant.id.as_str(), tenant))
            .collect();
        for tenant in self.all() {
            if let Some(old) = known.get(tenant.id.as_str()) {
                let kept = old.traffic();
                let agreed = |tenant: &Tenant| (tenant.requests_per_second, tenant.burst);
                let rate = if agreed(tenant) == agreed(old) {
                    Arc::clone(&kept.rate)
                } else {
                    Arc::new(Rate::new(tenant.requests_per_second, tenant.burst))
                };
                let usage = Arc::clone(&kept.usage);
                drop(tenant.traffic.0.set(Traffic { rate, usage }));
            }
        }
        let known: FxHashMap<&str, &Arc<Endpoint>> = before
            .endpoints()
            .iter()
            .map(|endpoint| (endpoint.id.as_str(), endpoint))
            .collect();
        for endpoint in self.endpoints() {
            if let Some(old) = known.get(endpoint.id.as_str())
                && endpoint.believes_like(old)
            {
                drop(endpoint.proven.0.set(Arc::clone(old.proven())));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::raw_log::Lane;

    fn read(rate: u32, secret: &str) -> Tenants {
        let folder = tempfile::TempDir::new().unwrap();
        let file = folder.path().join("tenants.toml");
        let text = format!(
            "[tenants.acme]\nrequests_per_second = {rate}\nburst = 1\n[[tenants.acme.endpoints]]\nid = \"a\"\n\
             provider = \"ordatic\"\ntoken = \"a-token-of-22-characters\"\n\
             [[tenants.acme.endpoints.secrets]]\nid = \"1\"\nvalue = \"{secret}\"\n"
        );
        std::fs::write(&file, text).unwrap();
        super::super::load(&file).unwrap()
    }

    fn lane(tenants: &Tenants) -> Lane {
        let tenant = tenants.all().next().unwrap();
        let Traffic { rate, usage } = tenant.traffic();
        usage.lane(rate).lane()
    }

    #[test]
    fn a_tenant_that_overflows_does_so_after_a_reload_too() {
        let before = read(1, "s");
        assert_eq!(
            (lane(&before), lane(&before)),
            (Lane::Normal, Lane::Overflow)
        );
        for rate in [1, 1_000] {
            let after = read(rate, "s");
            after.adopt(&before);
            assert_eq!(lane(&after), Lane::Overflow);
        }
        assert_eq!(lane(&read(1, "s")), Lane::Normal);
    }

    #[test]
    fn a_proof_counts_only_as_long_as_the_secrets_are_those_that_it_was_made_with() {
        let before = read(1, "s");
        before.endpoints()[0].proved(Micros(5));
        let (same, other) = (read(2, "s"), read(2, "t"));
        same.adopt(&before);
        other.adopt(&before);
        assert_eq!(same.endpoints()[0].proved_at(), Some(Micros(5)));
        assert_eq!(other.endpoints()[0].proved_at(), None);
    }
}
