//! Whether any broker answers, as a client's statistics tell it: a consumer that nobody answers waits in
//! silence, and would look as one that has nothing to do.

use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use rdkafka::Statistics;

/// A member of a group hears from its broker every second, unless it waits until the others have joined:
/// a rebalance that takes longer looks like this too, and nothing is done meanwhile either way.
const SILENCE_MAX: Duration = Duration::from_secs(10);
/// Brokers close idle connections, and are back within moments.
const AWAY_TOLD: Duration = Duration::from_secs(3);

/// Since when no broker answers.
#[derive(Debug, Default)]
pub struct Reach(Mutex<Option<Instant>>);

impl Reach {
    /// Newer statistics; to be told every second or more often.
    pub fn heard(&self, statistics: &Statistics) {
        let brokers = statistics.brokers.values();
        let answers = brokers
            .map(|broker| (broker.state.as_str(), broker.rxidle))
            .any(|(state, idle)| answers(state, idle));
        self.at(answers, Instant::now());
    }

    /// Whether none answers for some seconds now.
    #[must_use]
    pub fn is_away(&self) -> bool {
        self.is_away_at(Instant::now())
    }

    fn at(&self, answers: bool, now: Instant) {
        let mut since = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *since = if answers { None } else { since.or(Some(now)) };
    }

    fn is_away_at(&self, now: Instant) -> bool {
        let since = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        since.is_some_and(|since| now.saturating_duration_since(since) >= AWAY_TOLD)
    }
}

/// By the state of a connection and the microseconds since something came over it; a negative number
/// means never.
fn answers(state: &str, idle_us: i64) -> bool {
    let silence_max = i64::try_from(SILENCE_MAX.as_micros()).unwrap_or(i64::MAX);
    state == "UP" && (0..silence_max).contains(&idle_us)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_broker_answers_that_is_connected_and_not_silent() {
        assert!(answers("UP", 0) && answers("UP", 9_000_000));
        assert!(!answers("UP", 10_000_000) && !answers("UP", -1) && !answers("DOWN", 0));
    }

    #[test]
    fn a_moment_without_an_answer_is_no_absence() {
        let (reach, begin) = (Reach::default(), Instant::now());
        let after = |seconds| begin + Duration::from_secs(seconds);
        assert!(!reach.is_away_at(after(100)));
        reach.at(false, after(1));
        reach.at(false, after(3));
        assert!(!reach.is_away_at(after(3)) && reach.is_away_at(after(4)));
        reach.at(true, after(5));
        assert!(!reach.is_away_at(after(100)));
    }
}
