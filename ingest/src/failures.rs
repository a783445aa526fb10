//! Failures that carriers were answered with, counted as the carriers count them: per endpoint, how
//! many attempts are left to the webhook that failed most often. An alarm can so be given long before
//! the last of them switches an address off.
//!
//! A wrong signature is a failure of ours only while nothing proves itself at the endpoint: then our
//! secret may be the wrong one. Beside proofs it is a stranger's, and does not count; nor does at any
//! time what shows no proof at all, or names an account that is not ours.

use std::sync::{
    Mutex, PoisonError,
    atomic::{AtomicUsize, Ordering},
};

use rustc_hash::FxHashMap;
use schemas::{EndpointId, Micros, Provider, TenantId};

use crate::{
    contracts::{self, Contract},
    order_hint,
    outcome::{Disposition, Outcome},
    tenants::Endpoint,
};

/// Failed webhooks known of one endpoint; over it the one with the fewest attempts is forgotten.
const WEBHOOKS_MAX: usize = 256;

/// What a failed attempt was about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum About {
    /// A webhook that was read: a hash of what its attempts have in common.
    Webhook(u64),
    /// One that was refused unread, for its announced length.
    Length(u64),
    /// One that was refused unread, for a state of ours. A success ends it.
    Unread,
}

impl About {
    /// Of a webhook that was read.
    #[must_use]
    pub fn body(contract: Contract, body: &[u8]) -> Self {
        let found = contract
            .identity
            .iter()
            .filter_map(|field| order_hint::find(body, &[field]));
        let (mut hash, mut fields) = (0_u64, 0);
        for value in found {
            hash = hash.rotate_left(17) ^ order_hint::placement(value);
            fields += 1;
        }
        if fields == 0 || fields < contract.identity.len() {
            hash = order_hint::placement(body);
        }
        Self::Webhook(hash)
    }
}

/// An endpoint that something failed for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failing {
    /// Whose carrier.
    pub provider: Provider,
    /// Whose endpoint.
    pub tenant: TenantId,
    /// Which one.
    pub endpoint: EndpointId,
}

impl Failing {
    /// Names an endpoint.
    #[must_use]
    pub fn at(endpoint: &Endpoint) -> Self {
        Self {
            provider: endpoint.provider,
            tenant: endpoint.tenant.id.clone(),
            endpoint: endpoint.id.clone(),
        }
    }
}

/// What is known of one endpoint.
#[derive(Debug)]
struct Failed {
    at: Failing,
    attempts: FxHashMap<About, Attempts>,
}

#[derive(Clone, Copy, Debug)]
struct Attempts {
    count: u32,
    first_at: Micros,
    /// Proved nothing: a stranger's, once something proves itself.
    unproven: bool,
}

impl Failed {
    fn of(endpoint: &Endpoint) -> Self {
        Self {
            at: Failing::at(endpoint),
            attempts: FxHashMap::default(),
        }
    }

    fn forget_before(&mut self, at: Micros) {
        self.attempts.retain(|_, attempts| attempts.first_at > at);
    }

    fn fail(&mut self, about: About, unproven: bool, now: Micros) {
        if self.attempts.len() >= WEBHOOKS_MAX && !self.attempts.contains_key(&about) {
            let least = self
                .attempts
                .iter()
                .min_by_key(|(_, a)| (a.count, a.first_at));
            if let Some(least) = least.map(|(about, _)| *about) {
                self.attempts.remove(&least);
            }
        }
        let attempts = self.attempts.entry(about).or_insert(Attempts {
            count: 0,
            first_at: now,
            unproven,
        });
        attempts.count = attempts.count.saturating_add(1);
    }

    fn most(&self) -> u32 {
        let counts = self.attempts.values().map(|attempts| attempts.count);
        counts.max().unwrap_or_default()
    }
}

/// How many attempts are left to an endpoint's webhooks, where that changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Left {
    /// As many as the carrier makes, or it does not say how many it makes.
    All,
    /// This many.
    Only(u32),
}

/// All endpoints that something failed for.
#[derive(Debug, Default)]
pub struct Failures {
    /// So that a success costs nothing while nothing failed.
    endpoints: AtomicUsize,
    failed: Mutex<FxHashMap<EndpointId, Failed>>,
}

impl Failures {
    /// Notes an answer, and tells how many attempts are left where that may have changed. It is told
    /// before the next answer is noted, so that the last word is the newest.
    pub fn answered(
        &self,
        (endpoint, outcome): (&Endpoint, Outcome),
        about: impl FnOnce(Contract) -> About,
        now: Micros,
        tell: impl FnOnce(Left),
    ) {
        let contract = contracts::of(endpoint.provider);
        let Some(attempts_max) = contract.attempts else {
            return;
        };
        let since = Micros(now.0.saturating_sub(contract.window_micros()));
        let unproven = outcome == Outcome::Refused;
        let is_ours = match outcome.disposition() {
            Disposition::Done => false,
            Disposition::Retry(_) => true,
            Disposition::Refuse(_) => !unproven || endpoint.proved_at().is_none_or(|at| at < since),
        };
        // Quarantined is a 200 to who knows whom.
        let is_success = matches!(outcome, Outcome::Accepted | Outcome::Unverified);
        let nothing_failed = self.endpoints.load(Ordering::Relaxed) == 0;
        if !is_ours && (!is_success || nothing_failed) {
            return;
        }
        // Before the lock: a body may be long.
        let about = about(contract);
        let mut all = self.failed.lock().unwrap_or_else(PoisonError::into_inner);
        let left = if is_ours {
            let failed = all
                .entry(endpoint.id.clone())
                .or_insert_with(|| Failed::of(endpoint));
            failed.forget_before(since);
            failed.fail(about, unproven, now);
            Some(Left::Only(attempts_max.saturating_sub(failed.most())))
        } else {
            succeeded(&mut all, endpoint, about, since).map(|most| match most {
                0 => Left::All,
                most => Left::Only(attempts_max.saturating_sub(most)),
            })
        };
        self.endpoints.store(all.len(), Ordering::Relaxed);
        if let Some(left) = left {
            tell(left);
        }
    }

    /// Forgets what happened before the carriers' windows, at endpoints where nothing happens any more
    /// too; gives those of which nothing is left.
    pub fn sweep(&self, now: Micros) -> Vec<Failing> {
        let mut all = self.failed.lock().unwrap_or_else(PoisonError::into_inner);
        let mut over = Vec::new();
        all.retain(|_, failed| {
            let window = contracts::of(failed.at.provider).window_micros();
            failed.forget_before(Micros(now.0.saturating_sub(window)));
            let is_over = failed.attempts.is_empty();
            if is_over {
                over.push(failed.at.clone());
            }
            !is_over
        });
        self.endpoints.store(all.len(), Ordering::Relaxed);
        over
    }
}

/// The most attempts that any webhook has used, now that this one came through.
fn succeeded(
    all: &mut FxHashMap<EndpointId, Failed>,
    endpoint: &Endpoint,
    about: About,
    since: Micros,
) -> Option<u32> {
    let failed = all.get_mut(&endpoint.id)?;
    failed.forget_before(since);
    failed
        .attempts
        .retain(|of, attempts| *of != about && *of != About::Unread && !attempts.unproven);
    let most = failed.most();
    if most == 0 {
        all.remove(&endpoint.id);
    }
    Some(most)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    const HOUR: i64 = 3_600_000_000;
    const NOW: Micros = Micros(100 * HOUR);

    fn endpoint(provider: &str) -> Arc<Endpoint> {
        let folder = tempfile::TempDir::new().unwrap();
        let file = folder.path().join("tenants.toml");
        let text = format!(
            "[tenants.acme]\n[[tenants.acme.endpoints]]\nid = \"a\"\nprovider = \"{provider}\"\n\
             token = \"a-token-of-22-characters\"\n\
             [[tenants.acme.endpoints.secrets]]\nid = \"1\"\nvalue = \"s\"\n"
        );
        std::fs::write(&file, text).unwrap();
        Arc::clone(&crate::tenants::load(&file).unwrap().endpoints()[0])
    }

    /// Answers about webhook `number`.
    fn answer(failures: &Failures, to: &Endpoint, outcome: Outcome, number: u64) -> Option<Left> {
        at(failures, (to, outcome), About::Webhook(number), NOW)
    }

    fn at(
        failures: &Failures,
        answer: (&Endpoint, Outcome),
        about: About,
        now: Micros,
    ) -> Option<Left> {
        let mut told = None;
        failures.answered(answer, |_| about, now, |left| told = Some(left));
        told
    }

    #[test]
    fn attempts_of_one_webhook_add_up_and_those_of_many_do_not() {
        let (failures, to) = (Failures::default(), endpoint("lalamove"));
        for number in 0..50 {
            let left = answer(&failures, &to, Outcome::NotDurable, number);
            assert_eq!(left, Some(Left::Only(9)));
        }
        for count in 2..=10 {
            let left = answer(&failures, &to, Outcome::NotDurable, 7);
            assert_eq!(left, Some(Left::Only(10 - count)));
        }
        assert_eq!(
            answer(&failures, &to, Outcome::NotDurable, 7),
            Some(Left::Only(0))
        );
    }

    #[test]
    fn a_success_ends_its_own_webhook_s_count_and_that_of_what_was_not_read() {
        let (failures, to) = (Failures::default(), endpoint("lalamove"));
        assert_eq!(answer(&failures, &to, Outcome::Accepted, 1), None);
        answer(&failures, &to, Outcome::NotDurable, 1);
        answer(&failures, &to, Outcome::NotDurable, 1);
        answer(&failures, &to, Outcome::NotDurable, 2);
        at(&failures, (&to, Outcome::Busy), About::Unread, NOW);
        assert_eq!(
            answer(&failures, &to, Outcome::Accepted, 1),
            Some(Left::Only(9))
        );
        assert_eq!(
            answer(&failures, &to, Outcome::Accepted, 2),
            Some(Left::All)
        );
        assert_eq!(answer(&failures, &to, Outcome::Accepted, 3), None);
    }

    #[test]
    fn a_stranger_s_wrong_signatures_are_no_failures_of_ours_and_a_wrong_secret_s_are() {
        let (failures, to) = (Failures::default(), endpoint("lalamove"));
        assert_eq!(
            answer(&failures, &to, Outcome::Refused, 1),
            Some(Left::Only(9))
        );
        // Quarantined is no proof; a proof takes back what was held against us.
        assert_eq!(answer(&failures, &to, Outcome::Quarantined, 2), None);
        assert_eq!(
            answer(&failures, &to, Outcome::Accepted, 3),
            Some(Left::All)
        );
        to.proved(NOW);
        for _ in 0..1_000 {
            assert_eq!(answer(&failures, &to, Outcome::Refused, 1), None);
        }
        let later = Micros(NOW.0 + 25 * HOUR);
        let left = at(&failures, (&to, Outcome::Refused), About::Webhook(2), later);
        assert_eq!(left, Some(Left::Only(9)));
    }

    #[test]
    fn what_failed_before_the_carrier_s_window_is_forgotten() {
        let (failures, to) = (Failures::default(), endpoint("lalamove"));
        for _ in 0..9 {
            answer(&failures, &to, Outcome::NotDurable, 1);
        }
        let later = Micros(NOW.0 + 25 * HOUR);
        let left = at(
            &failures,
            (&to, Outcome::NotDurable),
            About::Webhook(1),
            later,
        );
        assert_eq!(left, Some(Left::Only(9)));
        assert!(failures.sweep(later).is_empty());
        assert_eq!(
            failures.sweep(Micros(later.0 + 25 * HOUR)),
            [Failing::at(&to)]
        );
        assert!(failures.failed.lock().unwrap().is_empty());
    }

    #[test]
    fn carriers_that_name_no_number_of_attempts_have_none_left_to_count() {
        let (failures, to) = (Failures::default(), endpoint("dellyman"));
        assert_eq!(answer(&failures, &to, Outcome::NotDurable, 1), None);
    }

    #[test]
    fn what_is_known_of_an_endpoint_has_a_limit_and_keeps_the_worst() {
        let (failures, to) = (Failures::default(), endpoint("lalamove"));
        for _ in 0..6 {
            answer(&failures, &to, Outcome::NotDurable, 0);
        }
        for number in 1..2_000 {
            let left = answer(&failures, &to, Outcome::NotDurable, number);
            assert_eq!(left, Some(Left::Only(4)));
        }
        let all = failures.failed.lock().unwrap();
        assert_eq!(all.values().next().unwrap().attempts.len(), WEBHOOKS_MAX);
    }

    #[test]
    fn attempts_are_told_by_the_event_s_id_and_else_by_the_whole_body() {
        let lalamove = contracts::of(schemas::Provider::Lalamove);
        let about = |body: &str| About::body(lalamove, body.as_bytes());
        let first = about(r#"{"eventId":"E","eventType":"T","timestamp":1,"signature":"a"}"#);
        let again = about(r#"{"eventId":"E","eventType":"T","timestamp":2,"signature":"b"}"#);
        let other = about(r#"{"eventId":"E","eventType":"U","timestamp":1,"signature":"a"}"#);
        assert_eq!(first, again);
        assert_ne!(first, other);
        assert_ne!(about(r#"{"eventId":"E"}"#), about(r#"{"eventId":"E" }"#));
    }
}
