//! Webhooks that Kafka refuses for what they are: told when it begins, and not with each.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

/// A carrier comes again within minutes.
const OVER_AFTER: Duration = Duration::from_secs(600);

/// When the last one was refused.
#[derive(Debug, Default)]
pub struct Unfit(Mutex<Option<Instant>>);

impl Unfit {
    /// Whether none was refused for a while before this one.
    pub(super) fn begins(&self, now: Instant) -> bool {
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        last.replace(now)
            .is_none_or(|last| now.saturating_duration_since(last) > OVER_AFTER)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_of_refusals_is_told_once() {
        let (unfit, begin) = (Unfit::default(), Instant::now());
        let told = [0, 1, 300, 900, 1_501].map(|at| unfit.begins(begin + Duration::from_secs(at)));
        assert_eq!(told, [true, false, false, false, true]);
    }
}
