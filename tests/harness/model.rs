//! What must come out, worked out apart from the product: histories and their expected ends.

use crate::Webhook;

/// A carrier's clock in 2022: before the receipt, whatever our own clock says.
pub const START: i64 = 1_650_500_000;

/// The life of one order: seconds after its start, status before, status.
#[derive(Clone, Debug)]
pub struct History {
    pub order: String,
    pub webhooks: Vec<Webhook>,
    pub status: &'static str,
}

const HAPPY: [(i64, &str, &str); 4] = [
    (0, "", "ASSIGNING_DRIVER"),
    (78, "ASSIGNING_DRIVER", "ON_GOING"),
    (428, "ON_GOING", "PICKED_UP"),
    (432, "PICKED_UP", "COMPLETED"),
];

impl History {
    fn of(order: String, steps: &[(i64, &str, &str)], status: &'static str) -> Self {
        let webhooks = steps
            .iter()
            .map(|(after, before, now)| Webhook::status(&order, START + after, before, now))
            .collect();
        Self {
            order,
            webhooks,
            status,
        }
    }

    pub fn delivered(number: usize) -> Self {
        Self::of(format!("10000000{number:04}"), &HAPPY, "DELIVERED")
    }

    /// A driver drops the job, another takes it.
    pub fn delivered_by_a_second_driver(number: usize) -> Self {
        let steps = [
            (0, "", "ASSIGNING_DRIVER"),
            (10, "ASSIGNING_DRIVER", "ON_GOING"),
            (60, "ON_GOING", "ASSIGNING_DRIVER"),
            (90, "ASSIGNING_DRIVER", "ON_GOING"),
            (300, "ON_GOING", "PICKED_UP"),
            (500, "PICKED_UP", "COMPLETED"),
        ];
        Self::of(format!("20000000{number:04}"), &steps, "DELIVERED")
    }

    pub fn expired(number: usize) -> Self {
        let steps = [
            (0, "", "ASSIGNING_DRIVER"),
            (7200, "ASSIGNING_DRIVER", "EXPIRED"),
        ];
        Self::of(format!("30000000{number:04}"), &steps, "EXPIRED")
    }

    /// A mix, numbered so that no two share an order.
    pub fn mixed(count: usize) -> Vec<Self> {
        (0..count)
            .map(|number| match number % 3 {
                0 => Self::delivered(number),
                1 => Self::delivered_by_a_second_driver(number),
                _ => Self::expired(number),
            })
            .collect()
    }
}

/// All webhooks of the histories in an order that a seed decides, some of them twice.
pub fn shuffled_with_duplicates(histories: &[History], seed: u64) -> Vec<Webhook> {
    let mut random = Random(seed);
    let mut all: Vec<Webhook> = histories.iter().flat_map(|h| h.webhooks.clone()).collect();
    let twice: Vec<Webhook> = all
        .iter()
        .filter(|_| random.below(5) == 0)
        .cloned()
        .collect();
    all.extend(twice);
    for last in (1..all.len()).rev() {
        all.swap(last, random.below(last + 1));
    }
    all
}

/// SplitMix64: the same seed gives the same run everywhere.
#[derive(Debug)]
pub struct Random(pub u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    pub fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.next() % limit as u64).expect("below the limit")
    }
}
