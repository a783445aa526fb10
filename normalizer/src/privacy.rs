//! What happens to phones, names, addresses and plates, by the tenant's rule.

mod phones;

use std::{
    cell::OnceCell,
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

use schemas::{Keyed, PiiRule, TenantId, ids::hex_digits};

use crate::{arena::Arena, text::beginning};

/// Bytes of a pseudonym: 96 bits, so that no two of a tenant's people ever share one.
const PSEUDONYM_BYTES: usize = 12;
/// Longer ones are of no person: the rest is left out, before it is hashed or kept many times over.
const PERSONAL_BYTES_MAX: usize = 1024;
/// In place of a phone within a text.
const DROPPED: &str = "***";
/// Tenants whose derived key is kept; beyond, all are derived anew.
const KEPT_MAX: usize = 1024;

/// The key behind all pseudonyms.
#[derive(Clone)]
pub struct Privacy {
    master: Keyed,
    /// Deriving a key takes as long as three pseudonyms.
    derived: Arc<Mutex<BTreeMap<String, Keyed>>>,
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
        Self {
            master: Keyed::new(key),
            derived: Arc::default(),
        }
    }

    /// Two tenants never see the same pseudonym.
    fn key_of(&self, tenant: &str) -> Keyed {
        // What a thread left that died in here is a whole map: an entry is made outside.
        let kept = || self.derived.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(key) = kept().get(tenant) {
            return *key;
        }
        let key = self.master.tag(format!("tenant{tenant}").as_bytes());
        let key = Keyed::new(&key);
        let mut kept = kept();
        if kept.len() >= KEPT_MAX {
            kept.clear();
        }
        kept.insert(tenant.to_owned(), key);
        key
    }
}

/// One tenant's rule. Its key is asked for when the first personal text comes: most events have
/// none.
pub(crate) struct TenantPrivacy<'a> {
    privacy: &'a Privacy,
    tenant: TenantId<&'a str>,
    rule: PiiRule,
    arena: &'a Arena,
    key: OnceCell<Keyed>,
}

impl<'a> TenantPrivacy<'a> {
    pub(crate) const fn new(
        privacy: &'a Privacy,
        tenant: TenantId<&'a str>,
        rule: PiiRule,
        arena: &'a Arena,
    ) -> Self {
        Self {
            privacy,
            tenant,
            rule,
            arena,
            key: OnceCell::new(),
        }
    }

    /// What may stand in an event in place of a personal text. The same text gives the same
    /// pseudonym, so that people can still be counted.
    pub(crate) fn apply(&self, text: &'a str) -> Option<&'a str> {
        if text.is_empty() {
            return None;
        }
        let text = beginning(text, PERSONAL_BYTES_MAX);
        match self.rule {
            PiiRule::Keep => Some(text),
            PiiRule::Drop => None,
            PiiRule::Pseudonymise => {
                let key = || self.privacy.key_of(self.tenant.as_str());
                let digest = self.key.get_or_init(key).tag(text.as_bytes());
                let digest = digest.first_chunk::<PSEUDONYM_BYTES>()?;
                let mut pseudonym = *b"p_________________________";
                let (_, digits) = pseudonym.split_last_chunk_mut()?;
                *digits = hex_digits::<PSEUDONYM_BYTES, { 2 * PSEUDONYM_BYTES }>(digest);
                Some(self.arena.copied(std::str::from_utf8(&pseudonym).ok()?))
            }
        }
    }
}

impl<'a> TenantPrivacy<'a> {
    /// What may stand in an event in place of what somebody typed: the same, but for phones in it. A
    /// name in it is not known as one.
    pub(crate) fn apply_within(&self, text: &'a str) -> &'a str {
        if self.rule == PiiRule::Keep {
            return text;
        }
        let phones = phones::find(text);
        let Some(last) = phones.last() else {
            return text;
        };
        let (mut parts, mut from) = (Vec::with_capacity(2 * phones.len() + 1), 0);
        for phone in &phones {
            parts.push(text.get(from..phone.start).unwrap_or_default());
            let personal = text.get(phone.clone()).unwrap_or_default();
            parts.push(self.apply(personal).unwrap_or(DROPPED));
            from = phone.end;
        }
        parts.push(text.get(last.end..).unwrap_or_default());
        self.arena.concat(&parts)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn apply(key: &str, tenant: &str, rule: PiiRule, text: &str) -> Option<String> {
        let (privacy, arena) = (Privacy::new(key.as_bytes()), Arena::default());
        let tenant = TenantId::borrowed(tenant).unwrap();
        let rule = TenantPrivacy::new(&privacy, tenant, rule, &arena);
        rule.apply(text).map(str::to_owned)
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

    #[test]
    fn of_a_text_beyond_all_measure_the_beginning_counts() {
        let (long, longer) = (
            "é".repeat(PERSONAL_BYTES_MAX / 2),
            "é".repeat(PERSONAL_BYTES_MAX),
        );
        for rule in [PiiRule::Keep, PiiRule::Pseudonymise] {
            let of = |text| apply("k", "acme", rule, text);
            assert_eq!(of(&long), of(&longer));
            assert_ne!(of(&long), of(&long[2..]));
        }
    }

    #[test]
    fn a_phone_within_a_text_is_as_one_that_stands_alone() {
        let within = |rule| {
            let (privacy, arena) = (Privacy::new(b"k"), Arena::default());
            let tenant = TenantId::borrowed("acme").unwrap();
            let rule = TenantPrivacy::new(&privacy, tenant, rule, &arena);
            rule.apply_within("call 84977000222, or 0912 345 678!")
                .to_owned()
        };
        assert_eq!(within(PiiRule::Keep), "call 84977000222, or 0912 345 678!");
        assert_eq!(within(PiiRule::Drop), "call ***, or ***!");
        let pseudonym = |phone| apply("k", "acme", PiiRule::Pseudonymise, phone).unwrap();
        let [first, second] = ["84977000222", "0912 345 678"].map(pseudonym);
        assert_eq!(
            within(PiiRule::Pseudonymise),
            format!("call {first}, or {second}!")
        );
    }

    #[test]
    fn more_tenants_than_are_kept_get_the_pseudonyms_that_they_had() {
        let privacy = Privacy::new(b"k");
        let pseudonym = |n: usize| {
            let (tenant, arena) = (format!("t{n}"), Arena::default());
            let tenant = TenantId::borrowed(&tenant).unwrap();
            let rule = TenantPrivacy::new(&privacy, tenant, PiiRule::Pseudonymise, &arena);
            rule.apply("Ann").map(str::to_owned)
        };
        let first: Vec<_> = (0..KEPT_MAX + 5).map(pseudonym).collect();
        let again: Vec<_> = (0..KEPT_MAX + 5).map(pseudonym).collect();
        assert_eq!(first, again);
        assert!(privacy.derived.lock().unwrap().len() <= KEPT_MAX);
    }
}
