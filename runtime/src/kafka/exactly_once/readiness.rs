//! What a worker tells whoever asks whether it can do its job.

use crate::health::Part;

/// What is known about that.
#[derive(Debug, Default)]
pub(super) struct Readiness {
    /// None in tests of the loop.
    part: Option<Part>,
    has_joined: bool,
    is_away: bool,
    is_stuck: bool,
}

impl Readiness {
    /// Not ready until it has partitions.
    pub(super) fn new(part: Part) -> Self {
        let readiness = Self {
            part: Some(part),
            ..Self::default()
        };
        readiness.tell();
        readiness
    }

    /// It has taken partitions up, be they none.
    pub(super) fn joined(&mut self) {
        self.has_joined = true;
        self.tell();
    }

    /// Whether no broker answers.
    pub(super) fn away(&mut self, is_away: bool) {
        if std::mem::replace(&mut self.is_away, is_away) != is_away {
            self.tell();
        }
    }

    /// Whether no transaction gets through.
    pub(super) fn stuck(&mut self, is_stuck: bool) {
        if std::mem::replace(&mut self.is_stuck, is_stuck) != is_stuck {
            self.tell();
        }
    }

    fn tell(&self) {
        let Some(part) = &self.part else { return };
        if self.is_away {
            part.not_ready("no broker answers");
        } else if !self.has_joined {
            part.not_ready("not yet a member of its group");
        } else if self.is_stuck {
            part.not_ready("no transaction gets through; the log says why");
        } else {
            part.ready();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::health::Health;

    #[test]
    fn it_is_ready_with_partitions_a_broker_and_transactions_that_get_through() {
        let health = Health::default();
        let mut readiness = Readiness::new(health.part("worker"));
        let why = || health.not_ready().pop().map(|(_, why)| why);
        assert_eq!(why().as_deref(), Some("not yet a member of its group"));
        readiness.away(true);
        readiness.away(false);
        assert_eq!(why().as_deref(), Some("not yet a member of its group"));
        readiness.joined();
        assert_eq!(why(), None);
        readiness.stuck(true);
        readiness.away(true);
        assert_eq!(why().as_deref(), Some("no broker answers"));
        readiness.away(false);
        assert!(why().is_some_and(|why| why.starts_with("no transaction gets through")));
        readiness.stuck(false);
        assert_eq!(why(), None);
    }
}
