//! What happens to phones, names, addresses and plates, by the tenant's rule.

use std::{cell::OnceCell, fmt};

use hmac::{Hmac, KeyInit, Mac};
use schemas::{PiiRule, TenantId};
use sha2::Sha256;

type HmacSha256 = Hmac<Sha256>;

/// Hex digits of a pseudonym: 96 bits, so that no two of a tenant's people ever share one.
const PSEUDONYM_DIGITS: usize = 24;

/// The key behind all pseudonyms.
#[derive(Clone)]
pub struct Privacy {
    master: HmacSha256,
}

impl fmt::Debug for Privacy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Privacy(…)")
    }
}

impl Privacy {
    /// From `privacy.key`.
    #[must_use]
    pub fn new(key: &[u8]) -> Self {
        Self { master: keyed(key) }
    }

    /// One tenant's rule, under its own key: two tenants never see the same pseudonym.
    pub(crate) fn of<'a>(&'a self, tenant: &'a TenantId, rule: PiiRule) -> TenantPrivacy<'a> {
        TenantPrivacy {
            master: &self.master,
            tenant,
            rule,
            key: OnceCell::new(),
        }
    }
}

/// HMAC takes a key of any length.
fn keyed(key: &[u8]) -> HmacSha256 {
    HmacSha256::new_from_slice(key).unwrap_or_else(|_| HmacSha256::new(&Default::default()))
}

/// One tenant's rule. Its key is derived when the first personal text comes: most events have none.
pub(crate) struct TenantPrivacy<'a> {
    master: &'a HmacSha256,
    tenant: &'a TenantId,
    rule: PiiRule,
    key: OnceCell<HmacSha256>,
}

impl TenantPrivacy<'_> {
    /// What may stand in an event in place of a personal text. The same text gives the same
    /// pseudonym, so that people can still be counted.
    pub(crate) fn apply(&self, text: &str) -> Option<String> {
        if text.is_empty() {
            return None;
        }
        match self.rule {
            PiiRule::Keep => Some(text.to_owned()),
            PiiRule::Drop => None,
            PiiRule::Pseudonymise => {
                let mut mac = self.key.get_or_init(|| self.derived()).clone();
                mac.update(text.as_bytes());
                let digest = hex::encode(mac.finalize().into_bytes());
                Some(format!(
                    "p_{}",
                    digest.get(..PSEUDONYM_DIGITS).unwrap_or_default()
                ))
            }
        }
    }

    fn derived(&self) -> HmacSha256 {
        let mut key = self.master.clone();
        key.update(b"tenant");
        key.update(self.tenant.as_str().as_bytes());
        keyed(&key.finalize().into_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn apply(key: &str, tenant: &str, rule: PiiRule, text: &str) -> Option<String> {
        Privacy::new(key.as_bytes())
            .of(&TenantId::new(tenant).unwrap(), rule)
            .apply(text)
    }

    #[test]
    fn a_pseudonym_is_stable_and_differs_by_key_tenant_and_text() {
        let phone = "+85288888888";
        let pseudonym = apply("k", "acme", PiiRule::Pseudonymise, phone).unwrap();
        assert_eq!(
            pseudonym,
            apply("k", "acme", PiiRule::Pseudonymise, phone).unwrap()
        );
        assert!(
            pseudonym.starts_with("p_") && pseudonym.len() == 26,
            "{pseudonym}"
        );
        for (key, tenant, text) in [
            ("l", "acme", phone),
            ("k", "b", phone),
            ("k", "acme", "+852"),
        ] {
            assert_ne!(
                pseudonym,
                apply(key, tenant, PiiRule::Pseudonymise, text).unwrap()
            );
        }
    }

    #[test]
    fn keep_keeps_drop_drops_and_an_empty_text_is_nobody() {
        assert_eq!(apply("k", "acme", PiiRule::Keep, "Ann"), Some("Ann".into()));
        assert_eq!(apply("k", "acme", PiiRule::Drop, "Ann"), None);
        assert_eq!(apply("k", "acme", PiiRule::Pseudonymise, ""), None);
    }
}
