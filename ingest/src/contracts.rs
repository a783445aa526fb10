//! What each carrier expects of whoever receives its webhooks: what it takes for success, how often it
//! tries again, and what it does when that was in vain. From the carriers' own documents; what they
//! leave open is left open here.

use schemas::Provider;

/// What a carrier takes for a success.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Success {
    /// 200 and nothing else.
    Exactly200,
    /// Any 2xx.
    Any2xx,
    /// It does not say. 200 is right everywhere.
    Unknown,
}

/// What happens to a webhook that every attempt failed for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GivesUp {
    /// The webhook is lost and the address is switched off: no webhook comes any more, until somebody
    /// registers it again.
    DisablesAddress,
    /// The webhook is lost.
    LosesWebhook,
    /// It is kept, and sent again by hand.
    WaitsForPeople,
    /// It does not say.
    Unknown,
}

/// One carrier's terms.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Contract {
    /// What counts as delivered.
    pub success: Success,
    /// How often one webhook is tried in all; `None`: it does not say.
    pub attempts: Option<u32>,
    /// Within how many hours; `None`: it does not say.
    pub window_hours: Option<u32>,
    /// And then.
    pub gives_up: GivesUp,
    /// Fields of the body that are the same in every attempt, and tell one webhook from another; none:
    /// the whole body is the same.
    pub identity: &'static [&'static str],
}

/// The terms of a carrier.
#[must_use]
pub const fn of(provider: Provider) -> Contract {
    match provider {
        // Ten attempts in a day with growing gaps; after the tenth failure the URL is disabled. Whether
        // an attempt is signed afresh is not known, so that its id stands for it.
        Provider::Lalamove => Contract {
            success: Success::Exactly200,
            attempts: Some(10),
            window_hours: Some(24),
            gives_up: GivesUp::DisablesAddress,
            identity: &["eventId", "eventType"],
        },
        // Failed ones can be sent again from the partner portal, by hand.
        Provider::Ahamove => Contract {
            success: Success::Exactly200,
            attempts: None,
            window_hours: None,
            gives_up: GivesUp::WaitsForPeople,
            identity: &[],
        },
        // Three attempts in all; what failed must be asked for through its API.
        Provider::Ordatic => Contract {
            success: Success::Any2xx,
            attempts: Some(3),
            window_hours: None,
            gives_up: GivesUp::LosesWebhook,
            identity: &[],
        },
        Provider::Sendstack | Provider::Dellyman => Contract {
            success: Success::Unknown,
            attempts: None,
            window_hours: None,
            gives_up: GivesUp::Unknown,
            identity: &[],
        },
    }
}

impl Contract {
    /// How long a failed attempt counts, microseconds: a day where the carrier does not say.
    #[must_use]
    pub const fn window_micros(self) -> i64 {
        let hours = match self.window_hours {
            Some(hours) => hours,
            None => 24,
        };
        hours as i64 * 3_600_000_000
    }

    /// Whether this answer is one that the carrier takes for a success.
    #[must_use]
    pub const fn is_success(self, status: u16) -> bool {
        match self.success {
            Success::Exactly200 | Success::Unknown => status == 200,
            Success::Any2xx => status >= 200 && status < 300,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outcome::{Disposition, Outcome};

    #[test]
    fn what_we_answer_for_what_is_done_is_a_success_for_every_carrier_and_nothing_else_is() {
        for outcome in Outcome::ALL {
            let status = match outcome.disposition() {
                Disposition::Done => 200,
                Disposition::Retry(problem) | Disposition::Refuse(problem) => problem.status,
            };
            let is_done = outcome.disposition() == Disposition::Done;
            for provider in Provider::ALL {
                assert_eq!(of(*provider).is_success(status), is_done, "{outcome:?}");
            }
        }
    }

    #[test]
    fn the_terms_are_those_that_the_carriers_publish() {
        let lalamove = of(Provider::Lalamove);
        assert_eq!(lalamove.attempts, Some(10));
        assert_eq!(lalamove.window_micros(), 24 * 3_600_000_000);
        assert_eq!(lalamove.gives_up, GivesUp::DisablesAddress);
        assert_eq!(of(Provider::Ordatic).attempts, Some(3));
        assert!(of(Provider::Ordatic).is_success(204));
        assert!(!of(Provider::Ahamove).is_success(204));
        assert_eq!(of(Provider::Dellyman).attempts, None);
    }
}
