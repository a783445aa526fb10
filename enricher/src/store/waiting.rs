//! Which orders hold something back until when, and how many events that are: of each tenant, and of
//! all.

use std::{collections::BTreeSet, sync::Arc};

use rustc_hash::FxHashMap;

use crate::shelf::Waits;

#[derive(Debug, Default)]
pub struct Waiting {
    deadlines: BTreeSet<(i64, Arc<str>)>,
    by_tenant: FxHashMap<Box<str>, usize>,
    all: usize,
}

fn tenant(key: &str) -> &str {
    key.split('/').next().unwrap_or_default()
}

fn count(waits: Option<Waits>) -> usize {
    waits.map_or(0, |waits| {
        usize::try_from(waits.count).unwrap_or(usize::MAX)
    })
}

impl Waiting {
    /// What of an order waits is another thing now.
    pub fn moved(&mut self, key: &Arc<str>, before: Option<Waits>, after: Option<Waits>) {
        if before == after {
            return;
        }
        if let Some(before) = before {
            self.deadlines.remove(&(before.deadline_ms, key.clone()));
        }
        if let Some(after) = after {
            self.deadlines.insert((after.deadline_ms, key.clone()));
        }
        let (before, after) = (count(before), count(after));
        self.all = (self.all + after).saturating_sub(before);
        let own = self.by_tenant.entry(tenant(key).into()).or_default();
        *own = (*own + after).saturating_sub(before);
        if *own == 0 {
            self.by_tenant.remove(tenant(key));
        }
    }

    /// The order whose hold ends first, and when.
    pub fn first(&self) -> Option<(i64, &Arc<str>)> {
        self.deadlines.first().map(|(at, key)| (*at, key))
    }

    /// Orders in which something waits.
    pub fn orders(&self) -> usize {
        self.deadlines.len()
    }

    pub fn in_all(&self) -> usize {
        self.all
    }

    /// Of the tenant to which a key belongs.
    pub fn of_tenant(&self, key: &str) -> usize {
        self.by_tenant.get(tenant(key)).copied().unwrap_or(0)
    }
}
