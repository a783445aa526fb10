//! Which order continues which. Pure.
//!
//! Orders of one chain live under different keys, so each tells its successors the path that leads
//! to them, and adopts the path of its chosen predecessor. One that knows a predecessor by its own
//! event and has not heard of it says so to it, in case the predecessor was never told. A path is a function of what is known in
//! the end, not of the order in which it came: claims are ranked by (occurred_at, event_id), links
//! of one sender by a version. A path that meets itself is a cycle; it is cut before its smallest
//! order id, by every member in the same way, so that no message chases another. One that is longer than a
//! path may be shows by the smallest order that was cut off from it.

mod message;

use schemas::OrderId;
use serde::{Deserialize, Serialize};

pub use message::{Claim, Evidence, Link, Message, Successor};

/// Longest path of ancestors.
pub const ANCESTORS_MAX: usize = 64;
/// Most predecessors, and most successors, that one order may claim.
const CLAIMS_MAX: usize = 64;
/// How often an order may lose its path for being too long before it stays without one, so that every
/// chain comes to rest, whatever is told in it.
const CUTS_MAX: u8 = 8;

/// Why a link was left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    /// One more predecessor or successor than an order may claim.
    NoRoom,
    /// The path through the chosen predecessor.
    PathTooLong,
}

/// What learning something changed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Learned {
    /// A link or the path is another now.
    pub changed: bool,
    /// A link was left out.
    pub limit: Option<Limit>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Parent {
    #[serde(rename = "c")]
    claim: Claim,
    #[serde(rename = "v", default, skip_serializing_if = "Option::is_none")]
    version: Option<u64>,
    #[serde(rename = "p", default, skip_serializing_if = "Vec::is_empty")]
    ancestors: Vec<OrderId>,
    #[serde(rename = "b", default, skip_serializing_if = "Option::is_none")]
    beyond: Option<OrderId>,
    /// It is still to be told that this order continues it.
    #[serde(rename = "u", default, skip_serializing_if = "is_false")]
    untold: bool,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Child {
    #[serde(rename = "c")]
    claim: Claim,
    /// Known by its own word alone; what an event of this order says goes before that.
    #[serde(rename = "w", default, skip_serializing_if = "is_false")]
    by_word: bool,
    /// The version of the path that it was told last.
    #[serde(rename = "v", default, skip_serializing_if = "Option::is_none")]
    told: Option<u64>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
fn is_false(value: &bool) -> bool {
    !*value
}

/// An order's place among the orders that it continues and that continue it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Lineage {
    #[serde(rename = "a", skip_serializing_if = "Vec::is_empty")]
    parents: Vec<Parent>,
    #[serde(rename = "d", skip_serializing_if = "Vec::is_empty")]
    children: Vec<Child>,
    /// Ancestors, first order first.
    #[serde(rename = "p", skip_serializing_if = "Vec::is_empty")]
    path: Vec<OrderId>,
    /// The smallest of those that were cut off before the path. Told on, it shows the smallest order of a circle
    /// that is longer than any path that it comes before itself.
    #[serde(rename = "b", skip_serializing_if = "Option::is_none")]
    beyond: Option<OrderId>,
    #[serde(rename = "v")]
    version: u64,
    #[serde(rename = "c")]
    cuts: u8,
    #[serde(rename = "x")]
    is_cut: bool,
}

impl Lineage {
    pub fn is_empty(&self) -> bool {
        self.parents.is_empty() && self.children.is_empty()
    }

    /// Whether any link is known. Links are never forgotten, so neither is this.
    pub fn is_chained(&self) -> bool {
        !self.is_empty()
    }

    /// The first order of the chain, if it is another one.
    pub fn root(&self) -> Option<&OrderId> {
        self.path.first()
    }

    pub fn generation(&self) -> i32 {
        i32::try_from(self.path.len()).unwrap_or(i32::MAX)
    }

    /// The chosen predecessor.
    pub fn replaces(&self) -> Option<&OrderId> {
        self.parents.first().map(|parent| &parent.claim.order_id)
    }

    /// The chosen successor.
    pub fn replaced_by(&self) -> Option<&OrderId> {
        self.children.first().map(|child| &child.claim.order_id)
    }

    /// An event of this order says which order it continues.
    pub fn replaces_order(&mut self, own: &OrderId, claim: Claim) -> Learned {
        let (older, said) = (claim.order_id.clone(), claim.clone());
        let known = self.predecessor(&older).map(|parent| parent.claim.clone());
        let learned = self.parent(own, claim, None);
        // One that told its path knows its successor, but perhaps by a later claim.
        if known.is_none_or(|known| said < known)
            && let Some(parent) = self.predecessor(&older)
        {
            parent.untold = true;
        }
        // The event is the evidence, even if the path that leads here grew too long before it came.
        let is_chosen = self.replaces() == Some(&older);
        let too_long = (self.is_cut && is_chosen).then_some(Limit::PathTooLong);
        Learned {
            limit: learned.limit.or(too_long),
            ..learned
        }
    }

    fn predecessor(&mut self, older: &OrderId) -> Option<&mut Parent> {
        let mut parents = self.parents.iter_mut();
        parents.find(|parent| parent.claim.order_id == *older)
    }

    /// An event of this order says which order continues it.
    pub fn is_replaced_by(&mut self, own: &OrderId, claim: Claim) -> Learned {
        self.child(own, claim, false)
    }

    fn child(&mut self, own: &OrderId, claim: Claim, by_word: bool) -> Learned {
        if claim.order_id == *own {
            return Learned::default();
        }
        let before = self.replaced_by().cloned();
        let was_empty = self.is_empty();
        let count = self.children.len();
        let mut children = self.children.iter_mut();
        let known = children.find(|child| child.claim.order_id == claim.order_id);
        let is_new = known.is_none();
        let new = Child {
            claim,
            by_word,
            told: None,
        };
        match known {
            // The successor ranks its predecessors by this claim, so it is told again.
            Some(child) if (new.by_word, &new.claim) < (child.by_word, &child.claim) => {
                *child = new;
            }
            Some(_) => {}
            None if count >= CLAIMS_MAX => {
                return Learned {
                    changed: false,
                    limit: Some(Limit::NoRoom),
                };
            }
            None => self.children.push(new),
        }
        self.children.sort_by(|a, b| a.claim.cmp(&b.claim));
        let chosen = self.replaced_by() != before.as_ref();
        Learned {
            changed: is_new || was_empty || chosen,
            limit: None,
        }
    }

    /// Another order of the chain says something.
    pub fn hear(&mut self, own: &OrderId, message: Message) -> Learned {
        match message {
            Message::Link(link) => {
                let path = Path {
                    version: link.version,
                    ancestors: link.ancestors,
                    beyond: link.beyond,
                };
                self.parent(own, link.claim, Some(path))
            }
            Message::Successor(said) => self.child(own, said.claim, true),
        }
    }

    /// What the orders around this one have not been told yet.
    pub fn untold(&mut self, own: &OrderId) -> Vec<(OrderId, Message)> {
        let Self {
            parents,
            children,
            path,
            beyond,
            version,
            ..
        } = self;
        let mut messages = Vec::new();
        let from_here = |claim: &Claim| Claim {
            order_id: own.clone(),
            ..claim.clone()
        };
        for parent in parents.iter_mut().filter(|parent| parent.untold) {
            parent.untold = false;
            let to = parent.claim.order_id.clone();
            let said = Successor {
                claim: from_here(&parent.claim),
                evidence: None,
            };
            messages.push((to, Message::Successor(said)));
        }
        for child in children
            .iter_mut()
            .filter(|child| child.told != Some(*version))
        {
            let again = child.told.replace(*version).is_some();
            let link = Link {
                claim: from_here(&child.claim),
                version: *version,
                ancestors: path.iter().chain([own]).cloned().collect(),
                beyond: beyond.clone(),
                again,
                evidence: None,
            };
            messages.push((child.claim.order_id.clone(), Message::Link(link)));
        }
        messages
    }

    fn parent(&mut self, own: &OrderId, claim: Claim, path: Option<Path>) -> Learned {
        if claim.order_id == *own {
            return Learned::default();
        }
        let chosen = self.replaces().cloned();
        let was_empty = self.is_empty();
        let known = self
            .parents
            .iter()
            .position(|parent| parent.claim.order_id == claim.order_id);
        let at = match known {
            Some(at) => at,
            None if self.parents.len() >= CLAIMS_MAX => {
                return Learned {
                    changed: false,
                    limit: Some(Limit::NoRoom),
                };
            }
            None => {
                let parent = Parent {
                    claim: claim.clone(),
                    version: None,
                    ancestors: Vec::new(),
                    beyond: None,
                    untold: false,
                };
                self.parents.push(parent);
                self.parents.len() - 1
            }
        };
        if let Some(parent) = self.parents.get_mut(at) {
            if claim < parent.claim {
                parent.claim = claim;
            }
            if let Some(path) = path
                && parent.version.is_none_or(|known| known < path.version)
            {
                parent.version = Some(path.version);
                parent.ancestors = path.ancestors;
                parent.beyond = path.beyond;
            }
        }
        self.parents.sort_by(|a, b| a.claim.cmp(&b.claim));
        let (moved, cut_now) = self.resolve(own);
        Learned {
            changed: moved || was_empty || self.replaces() != chosen.as_ref(),
            limit: cut_now.then_some(Limit::PathTooLong),
        }
    }

    /// Adopts the path of the chosen predecessor. Says whether it is another one than before, and
    /// whether it was cut just now.
    fn resolve(&mut self, own: &OrderId) -> (bool, bool) {
        let (mut path, mut beyond) = self
            .parents
            .first()
            .map_or_else(Default::default, |parent| adopt(own, parent));
        let is_cut = path.len() > ANCESTORS_MAX || (self.cuts >= CUTS_MAX && !path.is_empty());
        let cut_now = is_cut && !self.is_cut;
        if is_cut {
            beyond = beyond.into_iter().chain(path.drain(..)).min();
        }
        if cut_now {
            self.cuts = self.cuts.saturating_add(1);
        }
        if self.cuts >= CUTS_MAX {
            // it stays the first, so that nothing that was told of a circle which is no more goes round for ever
            beyond = None;
        }
        self.is_cut = is_cut;
        let moved = path != self.path;
        if moved || beyond != self.beyond {
            self.path = path;
            self.beyond = beyond;
            self.version += 1;
        }
        (moved, cut_now)
    }
}

/// What a predecessor says of its own path.
struct Path {
    version: u64,
    ancestors: Vec<OrderId>,
    beyond: Option<OrderId>,
}

/// The path to `own` through its predecessor, and the smallest order that was cut off before it. What the
/// predecessor did not say yet is left open: it counts as the first order until it speaks.
fn adopt(own: &OrderId, parent: &Parent) -> (Vec<OrderId>, Option<OrderId>) {
    let Parent {
        ancestors, beyond, ..
    } = parent;
    if ancestors.is_empty() {
        return (vec![parent.claim.order_id.clone()], None);
    }
    let Some(met) = ancestors.iter().position(|order| order == own) else {
        // the way up from here comes to itself again, and nothing on it is smaller
        let is_least = beyond.as_ref() == Some(own) && ancestors.iter().all(|order| order > own);
        return if is_least {
            (Vec::new(), None)
        } else {
            (ancestors.clone(), beyond.clone())
        };
    };
    // From its own name on, the path is the whole cycle.
    let cycle = ancestors.iter().skip(met);
    let first = cycle.clone().min();
    if first == Some(own) {
        return (Vec::new(), None);
    }
    let from_first = cycle.skip_while(|order| Some(*order) != first);
    (from_first.cloned().collect(), None)
}

#[cfg(test)]
mod tests;
