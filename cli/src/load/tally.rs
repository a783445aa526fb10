//! What came of the requests.

use std::{collections::BTreeMap, time::Duration};

use schemas::Provider;

use super::{histogram::Histogram, http::Failed, mix::Kind};

/// Counts of one worker, or of all.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tally {
    /// From the intended time of sending to the answer; failures count until they were known.
    pub(crate) latency: Histogram,
    /// The same since the last look.
    pub(crate) lately: Histogram,
    pub(crate) answers: BTreeMap<u16, u64>,
    pub(crate) failed: BTreeMap<Failed, u64>,
    pub(crate) kinds: BTreeMap<Kind, u64>,
    pub(crate) carriers: BTreeMap<&'static str, u64>,
    /// Answers that a healthy ingest does not give to such a webhook.
    pub(crate) unexpected: u64,
}

impl Tally {
    pub(super) fn add(
        &mut self,
        (kind, provider): (Kind, Provider),
        outcome: Result<u16, Failed>,
        took: Duration,
    ) {
        self.latency.add(took);
        self.lately.add(took);
        *self.kinds.entry(kind).or_default() += 1;
        *self.carriers.entry(provider.as_str()).or_default() += 1;
        match outcome {
            Ok(status) => *self.answers.entry(status).or_default() += 1,
            Err(why) => *self.failed.entry(why).or_default() += 1,
        }
        let is_expected = match kind {
            Kind::Story | Kind::Duplicate => outcome == Ok(200),
            // refused, or kept and set aside
            Kind::Forged => matches!(outcome, Ok(200 | 401)),
        };
        self.unexpected += u64::from(!is_expected);
    }

    pub(crate) fn merge(&mut self, other: &Self) {
        self.latency.merge(&other.latency);
        self.lately.merge(&other.lately);
        add_up(&mut self.answers, &other.answers);
        add_up(&mut self.failed, &other.failed);
        add_up(&mut self.kinds, &other.kinds);
        add_up(&mut self.carriers, &other.carriers);
        self.unexpected += other.unexpected;
    }

    /// How many requests ended, one way or the other.
    pub(crate) fn ended(&self) -> u64 {
        self.answers.values().sum::<u64>() + self.failed.values().sum::<u64>()
    }
}

fn add_up<K: Copy + Ord>(sums: &mut BTreeMap<K, u64>, more: &BTreeMap<K, u64>) {
    for (key, count) in more {
        *sums.entry(*key).or_default() += count;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_forgery_may_be_refused_and_nothing_else_may() {
        let mut tally = Tally::default();
        for (kind, outcome) in [
            (Kind::Story, Ok(200)),
            (Kind::Forged, Ok(401)),
            (Kind::Forged, Ok(200)),
        ] {
            tally.add((kind, Provider::Ahamove), outcome, Duration::ZERO);
        }
        assert_eq!(tally.unexpected, 0);
        for (kind, outcome) in [
            (Kind::Story, Ok(401)),
            (Kind::Duplicate, Ok(503)),
            (Kind::Forged, Ok(404)),
            (Kind::Story, Err(Failed::Broken)),
        ] {
            tally.add((kind, Provider::Ahamove), outcome, Duration::ZERO);
        }
        let mut sum = tally.clone();
        sum.merge(&tally);
        assert_eq!((tally.unexpected, tally.ended()), (4, 7));
        assert_eq!((sum.unexpected, sum.ended()), (8, 14));
    }
}
