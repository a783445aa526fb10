use std::collections::{BTreeMap, VecDeque};

use proptest::prelude::*;
use schemas::{Micros, OrderId};

use super::*;
use crate::sample::{id, order_id};

/// Orders that talk to each other; messages between two keep their order, nothing else does.
#[derive(Default)]
struct Net {
    orders: BTreeMap<OrderId, Lineage>,
    wires: BTreeMap<(OrderId, OrderId), VecDeque<Message>>,
    sent: usize,
    limits: usize,
}

/// Half of what one event of the carrier says.
#[derive(Clone, Debug)]
enum Said {
    Replaces {
        newer: OrderId,
        older: OrderId,
        at: i64,
    },
    Superseded {
        older: OrderId,
        newer: OrderId,
        at: i64,
    },
}

impl Net {
    fn hear(&mut self, said: &Said) {
        let claim = |order_id: &OrderId, at: i64, side: &str| Claim {
            at: Micros(at),
            event_id: id(&format!("{side} {order_id} {at}")),
            order_id: order_id.clone(),
        };
        let (own, learned) = match said {
            Said::Replaces { newer, older, at } => {
                let lineage = self.orders.entry(newer.clone()).or_default();
                (newer, lineage.replaces_order(newer, claim(older, *at, "r")))
            }
            Said::Superseded { older, newer, at } => {
                let lineage = self.orders.entry(older.clone()).or_default();
                (older, lineage.is_replaced_by(older, claim(newer, *at, "s")))
            }
        };
        self.limits += usize::from(learned.limit.is_some());
        self.tell(own);
    }

    fn tell(&mut self, own: &OrderId) {
        for (to, link) in self.orders.entry(own.clone()).or_default().untold(own) {
            self.sent += 1;
            assert!(self.sent < 200_000, "messages chase each other");
            self.wires
                .entry((own.clone(), to))
                .or_default()
                .push_back(link);
        }
    }

    /// Delivers one message of the wire that `choice` picks.
    fn deliver(&mut self, choice: usize, twice: bool) -> bool {
        let wires: Vec<_> = self
            .wires
            .iter()
            .filter(|(_, queue)| !queue.is_empty())
            .map(|(k, _)| k)
            .collect();
        let Some(wire) = wires
            .get(choice % wires.len().max(1))
            .map(|wire| (*wire).clone())
        else {
            return false;
        };
        let link = self.wires.get_mut(&wire).unwrap().pop_front().unwrap();
        for _ in 0..=usize::from(twice) {
            let lineage = self.orders.entry(wire.1.clone()).or_default();
            let learned = lineage.hear(&wire.1, link.clone());
            self.limits += usize::from(learned.limit.is_some());
        }
        self.tell(&wire.1);
        true
    }

    fn settle(&mut self, mut choices: impl Iterator<Item = usize>) {
        while self.deliver(choices.next().unwrap_or(0), false) {}
    }

    fn root(&self, order: &str) -> (String, i32) {
        let own = order_id(order);
        let lineage = self.orders.get(&own).cloned().unwrap_or_default();
        (
            lineage.root().unwrap_or(&own).to_string(),
            lineage.generation(),
        )
    }
}

fn both(older: &str, newer: &str, at: i64) -> [Said; 2] {
    let (older, newer) = (order_id(older), order_id(newer));
    [
        Said::Replaces {
            newer: newer.clone(),
            older: older.clone(),
            at,
        },
        Said::Superseded { older, newer, at },
    ]
}

fn heard(said: impl IntoIterator<Item = Said>) -> Net {
    let mut net = Net::default();
    for said in said {
        net.hear(&said);
    }
    net.settle(std::iter::empty());
    net
}

#[test]
fn a_new_order_counts_its_predecessor_as_the_root_until_that_one_speaks() {
    let mut net = Net::default();
    net.hear(&both("B", "C", 2)[0]);
    assert_eq!(net.root("C"), ("B".into(), 1));
    for said in both("A", "B", 1).iter().chain(&both("B", "C", 2)) {
        net.hear(said);
    }
    net.settle(std::iter::empty());
    assert_eq!(net.root("C"), ("A".into(), 2));
    assert!(net.orders[&order_id("A")].is_chained());
}

#[test]
fn the_path_reaches_those_whose_links_only_the_newer_order_told() {
    let told: Vec<Said> = (0..3)
        .map(|n: i64| {
            let name = |n: i64| format!("{n}");
            both(&name(n), &name(n + 1), n)[0].clone()
        })
        .collect();
    for said in [told.clone(), told.into_iter().rev().collect()] {
        let net = heard(said);
        assert_eq!(net.root("3"), ("0".into(), 3));
        let successor = net.orders[&order_id("1")].replaced_by();
        assert_eq!(successor, Some(&order_id("2")));
    }
}

#[test]
fn what_the_older_order_was_told_goes_before_what_the_newer_one_says() {
    let told = both("A", "B", 5);
    let said_otherwise = both("A", "B", 1)[0].clone();
    for order in [[0, 1, 2], [2, 0, 1], [1, 2, 0], [0, 2, 1]] {
        let all = [&told[0], &told[1], &said_otherwise];
        let net = heard(order.map(|n| all[n].clone()));
        let known = &net.orders[&order_id("A")].children[0].claim;
        assert_eq!(known.at, Micros(5));
    }
}

#[test]
fn a_link_is_kept_for_an_order_that_has_no_event_yet() {
    let net = heard([both("A", "B", 1)[1].clone()]);
    assert_eq!(net.root("B"), ("A".into(), 1));
}

#[test]
fn of_several_predecessors_the_earliest_claim_wins() {
    let net = heard(both("X", "C", 5).into_iter().chain(both("B", "C", 3)));
    assert_eq!(net.root("C"), ("B".into(), 1));
    assert_eq!(net.orders[&order_id("C")].replaces(), Some(&order_id("B")));
}

#[test]
fn a_successor_hears_of_an_earlier_claim_that_is_found_later() {
    let late = [both("B", "C", 9)[1].clone(), both("X", "C", 5)[1].clone()];
    let net = heard(late.into_iter().chain([both("B", "C", 1)[1].clone()]));
    assert_eq!(net.root("C"), ("B".into(), 1));
}

#[test]
fn of_several_successors_the_earliest_is_named_and_all_share_the_root() {
    let net = heard(both("A", "C", 5).into_iter().chain(both("A", "B", 3)));
    assert_eq!(
        net.orders[&order_id("A")].replaced_by(),
        Some(&order_id("B"))
    );
    assert_eq!(
        (net.root("B"), net.root("C")),
        (("A".into(), 1), ("A".into(), 1))
    );
}

#[test]
fn an_order_that_replaces_itself_is_not_chained() {
    let net = heard(both("A", "A", 1));
    assert_eq!(net.root("A"), ("A".into(), 0));
    assert!(!net.orders[&order_id("A")].is_chained());
}

#[test]
fn a_chain_of_sixty_four_ancestors_has_one_root_and_a_longer_one_is_cut() {
    let name = |n: i64| format!("{n:03}");
    let chain = |n: i64| heard((0..n).flat_map(|n| both(&name(n), &name(n + 1), n)));
    let net = chain(64);
    assert_eq!((net.root(&name(64)), net.limits), (("000".into(), 64), 0));
    let net = chain(66);
    assert_eq!(net.root(&name(65)), (name(65), 0));
    assert_eq!(net.root(&name(66)), (name(65), 1));
    assert!(net.limits > 0);
}

#[test]
fn more_successors_than_one_order_may_have_are_left_out_and_said() {
    let name = |n: i64| format!("{n:03}");
    let net = heard((1..=65).flat_map(|n| both(&name(0), &name(n), n)));
    // one event says so, and the successor's word once more, which `OrderState::hear` passes over
    assert_eq!(net.limits, 2);
    assert_eq!(net.root(&name(64)), (name(0), 1));
    // its own event says from whom it comes
    assert_eq!(net.root(&name(65)), (name(0), 1));
}

#[test]
fn an_event_that_comes_after_the_path_grew_too_long_is_the_evidence() {
    let name = |n: i64| format!("{n:03}");
    let mut net = heard((0..66).map(|n| both(&name(n), &name(n + 1), n)[1].clone()));
    assert_eq!(net.root(&name(65)), (name(65), 0));
    let before = net.limits;
    net.hear(&both(&name(64), &name(65), 64)[0]);
    assert_eq!(net.limits, before + 1);
}

#[test]
fn a_cycle_longer_than_the_limit_is_cut_before_its_smallest_order_and_there_alone() {
    let name = |n: i64| format!("{n:03}");
    for (length, step) in [
        (66, 1),
        (70, 3),
        (100, 1),
        (100, 7),
        (100, 99),
        (130, 1),
        (200, 1),
        (260, 3),
    ] {
        let next = |n: i64| (n + step) % length;
        let net = heard((0..length).flat_map(|n| both(&name(n), &name(next(n)), n)));
        let mut at = 0;
        for place in 0..length {
            let root = net.root(&name(at));
            let depth = i32::try_from(place % 65).unwrap();
            assert_eq!(root.1, depth, "{length} {step} {place}");
            at = next(at);
        }
        assert_eq!(at, 0);
    }
}

/// What every interleaving must come to: follow the earliest claim up; a cycle starts at its
/// smallest member.
fn expected(said: &[Said]) -> BTreeMap<OrderId, (String, i32)> {
    let mut claims: BTreeMap<OrderId, Vec<Claim>> = BTreeMap::new();
    let mut all = std::collections::BTreeSet::new();
    for said in said {
        let (newer, older, at, side) = match said {
            Said::Replaces { newer, older, at } => (newer, older, *at, "r"),
            Said::Superseded { older, newer, at } => (newer, older, *at, "s"),
        };
        all.extend([newer.clone(), older.clone()]);
        if newer == older {
            continue;
        }
        // A link carries the claim of the event that names the successor.
        let named = if side == "r" { older } else { newer };
        claims.entry(newer.clone()).or_default().push(Claim {
            at: Micros(at),
            event_id: id(&format!("{side} {named} {at}")),
            order_id: older.clone(),
        });
    }
    let parent = |order: &OrderId| {
        claims
            .get(order)
            .and_then(|claims| claims.iter().min())
            .map(|c| c.order_id.clone())
    };
    let path = |order: &OrderId| {
        let mut path = vec![order.clone()];
        while let Some(up) = parent(path.last().unwrap()) {
            if let Some(met) = path.iter().position(|known| *known == up) {
                let first = path[met..].iter().min().unwrap().clone();
                // cut before the smallest: nobody goes up from it
                let cut = path.iter().position(|known| *known == first).unwrap();
                path.truncate(cut + 1);
                break;
            }
            path.push(up);
        }
        path
    };
    all.iter()
        .map(|order| {
            let path = path(order);
            let generation = i32::try_from(path.len() - 1).unwrap();
            (
                order.clone(),
                (path.last().unwrap().to_string(), generation),
            )
        })
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn every_interleaving_comes_to_the_same_roots(
        links in prop::collection::vec((0_u8..8, 0_u8..8, 0_i64..6, 0_u8..4), 1..12),
        shuffle in prop::collection::vec(any::<usize>(), 64),
        mut choices in prop::collection::vec(any::<usize>(), 400),
    ) {
        let name = |n: u8| char::from(b'A' + n).to_string();
        let said: Vec<Said> = links
            .iter()
            .flat_map(|(older, newer, at, told)| {
                let both = both(&name(*older), &name(*newer), *at);
                // both orders are told, or one of them
                both.into_iter().enumerate().filter(move |(n, _)| usize::from(*told) != *n)
            })
            .map(|(_, said)| said)
            .collect();
        let mut arrivals = said.clone();
        for (at, pick) in (0..arrivals.len()).zip(&shuffle) {
            let other = at + pick % (arrivals.len() - at);
            arrivals.swap(at, other);
        }
        let mut net = Net::default();
        for heard in &arrivals {
            net.hear(heard);
            net.hear(heard);
            let choice = choices.pop().unwrap_or(0);
            if choice % 3 > 0 {
                net.deliver(choice, choice % 5 == 0);
            }
        }
        net.settle(choices.into_iter());
        for (order, root) in expected(&said) {
            prop_assert_eq!(net.root(order.as_str()), root, "{}", order);
        }
    }
}
