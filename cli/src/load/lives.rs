//! The lives of orders, as the carriers tell them: which webhooks come, how long after the beginning,
//! and how many orders go that way.

use schemas::Provider;

/// A text in `cli/load`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Body {
    LalamoveStatus,
    LalamoveCanceled,
    LalamoveCanceledBySupport,
    LalamoveDriver,
    LalamoveReplaced,
    AhamoveStatus,
    AhamoveCompleted,
    AhamoveCancelled,
    OrdaticEvent,
    SendstackNew,
    DellymanStatus,
    DellymanCompleted,
}

impl Body {
    /// All, in the order of declaration.
    pub(super) const ALL: &'static [(Self, &'static str)] = &[
        (
            Self::LalamoveStatus,
            include_str!("../../load/lalamove-status.json"),
        ),
        (
            Self::LalamoveCanceled,
            include_str!("../../load/lalamove-canceled.json"),
        ),
        (
            Self::LalamoveCanceledBySupport,
            include_str!("../../load/lalamove-canceled-by-support.json"),
        ),
        (
            Self::LalamoveDriver,
            include_str!("../../load/lalamove-driver.json"),
        ),
        (
            Self::LalamoveReplaced,
            include_str!("../../load/lalamove-replaced.json"),
        ),
        (
            Self::AhamoveStatus,
            include_str!("../../load/ahamove-status.json"),
        ),
        (
            Self::AhamoveCompleted,
            include_str!("../../load/ahamove-completed.json"),
        ),
        (
            Self::AhamoveCancelled,
            include_str!("../../load/ahamove-cancelled.json"),
        ),
        (
            Self::OrdaticEvent,
            include_str!("../../load/ordatic-event.json"),
        ),
        (
            Self::SendstackNew,
            include_str!("../../load/sendstack-new.json"),
        ),
        (
            Self::DellymanStatus,
            include_str!("../../load/dellyman-status.json"),
        ),
        (
            Self::DellymanCompleted,
            include_str!("../../load/dellyman-completed.json"),
        ),
    ];
}

/// Which of a life's two orders a webhook is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Of {
    First,
    /// The one that takes the first one's place.
    Second,
}

/// One webhook of a life.
#[derive(Clone, Copy, Debug)]
pub(super) struct Step {
    /// Seconds after the beginning.
    pub(super) after: i64,
    pub(super) of: Of,
    pub(super) body: Body,
    pub(super) word: &'static str,
    pub(super) before: &'static str,
}

/// One way in which orders go.
#[derive(Debug)]
pub(super) struct Life {
    /// How many orders of a hundred go this way, where none is replaced.
    pub(super) percent: usize,
    pub(super) steps: &'static [Step],
}

impl Life {
    /// Seconds from its first webhook to its last.
    pub(super) fn seconds(&self) -> i64 {
        self.steps.last().map_or(0, |last| last.after)
    }
}

const fn step(after: i64, body: Body, word: &'static str, before: &'static str) -> Step {
    Step {
        after,
        of: Of::First,
        body,
        word,
        before,
    }
}

const fn second(step: Step) -> Step {
    Step {
        of: Of::Second,
        ..step
    }
}

/// The lives of a carrier's orders; their percents add up to a hundred.
pub(super) const fn of(provider: Provider) -> &'static [Life] {
    match provider {
        Provider::Lalamove => LALAMOVE,
        Provider::Ahamove => AHAMOVE,
        Provider::Ordatic => ORDATIC,
        Provider::Sendstack => SENDSTACK,
        Provider::Dellyman => DELLYMAN,
    }
}

/// The life of an order that the carrier replaces by another, where it does such a thing.
pub(super) const fn replaced(provider: Provider) -> Option<&'static Life> {
    match provider {
        Provider::Lalamove => Some(&LALAMOVE_REPLACED),
        Provider::Ahamove | Provider::Ordatic | Provider::Sendstack | Provider::Dellyman => None,
    }
}

const ASSIGNING: Step = step(0, Body::LalamoveStatus, "ASSIGNING_DRIVER", "");
const LALAMOVE: &[Life] = &[
    Life {
        percent: 85,
        steps: &[
            ASSIGNING,
            step(78, Body::LalamoveStatus, "ON_GOING", "ASSIGNING_DRIVER"),
            step(78, Body::LalamoveDriver, "", ""),
            step(428, Body::LalamoveStatus, "PICKED_UP", "ON_GOING"),
            step(1032, Body::LalamoveStatus, "COMPLETED", "PICKED_UP"),
        ],
    },
    Life {
        percent: 10,
        steps: &[
            ASSIGNING,
            step(60, Body::LalamoveCanceled, "CANCELED", "ASSIGNING_DRIVER"),
        ],
    },
    Life {
        percent: 5,
        steps: &[
            ASSIGNING,
            step(7200, Body::LalamoveStatus, "EXPIRED", "ASSIGNING_DRIVER"),
        ],
    },
];
const LALAMOVE_REPLACED: Life = Life {
    percent: 0,
    steps: &[
        ASSIGNING,
        step(78, Body::LalamoveStatus, "ON_GOING", "ASSIGNING_DRIVER"),
        step(600, Body::LalamoveCanceledBySupport, "CANCELED", "ON_GOING"),
        second(step(645, Body::LalamoveStatus, "ASSIGNING_DRIVER", "")),
        second(step(755, Body::LalamoveReplaced, "", "")),
        second(step(
            800,
            Body::LalamoveStatus,
            "ON_GOING",
            "ASSIGNING_DRIVER",
        )),
        second(step(1200, Body::LalamoveStatus, "PICKED_UP", "ON_GOING")),
        second(step(1700, Body::LalamoveStatus, "COMPLETED", "PICKED_UP")),
    ],
};

const AHAMOVE: &[Life] = &[
    Life {
        percent: 90,
        steps: &[
            step(0, Body::AhamoveStatus, "ASSIGNING", ""),
            step(86, Body::AhamoveStatus, "ACCEPTED", ""),
            step(671, Body::AhamoveStatus, "IN PROCESS", ""),
            step(1999, Body::AhamoveCompleted, "COMPLETED", ""),
        ],
    },
    Life {
        percent: 10,
        steps: &[
            step(0, Body::AhamoveStatus, "ASSIGNING", ""),
            step(80, Body::AhamoveCancelled, "CANCELLED", ""),
        ],
    },
];

/// This carrier sends no time of its own.
const ORDATIC: &[Life] = &[
    Life {
        percent: 90,
        steps: &[
            step(0, Body::OrdaticEvent, "order-accepted", ""),
            step(0, Body::OrdaticEvent, "rider-created", ""),
            step(0, Body::OrdaticEvent, "order-in-kitchen", ""),
            step(0, Body::OrdaticEvent, "rider-picking", ""),
            step(0, Body::OrdaticEvent, "rider-delivering", ""),
            step(0, Body::OrdaticEvent, "rider-completed", ""),
        ],
    },
    Life {
        percent: 10,
        steps: &[
            step(0, Body::OrdaticEvent, "order-in-kitchen", ""),
            step(0, Body::OrdaticEvent, "order-picked-up", ""),
        ],
    },
];

/// Only one of its payloads is documented.
const SENDSTACK: &[Life] = &[Life {
    percent: 100,
    steps: &[step(0, Body::SendstackNew, "", "")],
}];

const DELLYMAN: &[Life] = &[Life {
    percent: 100,
    steps: &[
        step(0, Body::DellymanStatus, "PENDING", ""),
        step(240, Body::DellymanStatus, "ASSIGNED", ""),
        step(900, Body::DellymanStatus, "INTRANSIT", ""),
        step(2400, Body::DellymanCompleted, "COMPLETED", ""),
    ],
}];

/// Order ids in the carrier's form, of a number below 2^56 that no other order has.
pub(super) fn order_id(provider: Provider, number: u64) -> String {
    match provider {
        Provider::Lalamove => (1_000_000_000_000_000_000 + number).to_string(),
        Provider::Ahamove => in_base_36(number),
        Provider::Ordatic | Provider::Sendstack => format!("65{number:022x}"),
        Provider::Dellyman => number.to_string(),
    }
}

fn in_base_36(mut number: u64) -> String {
    let mut digits = Vec::new();
    while number > 0 || digits.len() < 8 {
        let digit = u32::try_from(number % 36).unwrap_or_default();
        digits.push(
            char::from_digit(digit, 36)
                .unwrap_or('0')
                .to_ascii_uppercase(),
        );
        number /= 36;
    }
    digits.iter().rev().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_carrier_has_lives_that_are_told_in_order_and_share_a_hundred() {
        for provider in Provider::ALL {
            let lives = of(*provider);
            assert_eq!(lives.iter().map(|life| life.percent).sum::<usize>(), 100);
            for life in lives.iter().chain(replaced(*provider)) {
                assert!(life.steps.is_sorted_by_key(|step| step.after));
                assert!(!life.steps.is_empty());
            }
        }
    }

    #[test]
    fn texts_stand_at_their_own_places() {
        for (index, (body, _)) in Body::ALL.iter().enumerate() {
            assert_eq!(*body as usize, index);
        }
    }

    #[test]
    fn ids_have_the_carriers_form_and_differ() {
        let last = (1 << 56) - 1;
        for (provider, first, longest) in [
            (Provider::Lalamove, "1000000000000000007", 19),
            (Provider::Ahamove, "00000007", 11),
            (Provider::Ordatic, "650000000000000000000007", 24),
            (Provider::Dellyman, "7", 17),
        ] {
            assert_eq!(order_id(provider, 7), first);
            assert_eq!(order_id(provider, last).len(), longest);
        }
    }
}
