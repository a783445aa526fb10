//! What an earlier process left of the overflow lane on the disk. Its tenants are in that lane from the
//! start on, and stay there until all of it has left the disk and was read: what comes next would overtake
//! it otherwise.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use schemas::TenantId;

use crate::{
    raw_log::Placed,
    spool::{Opened, Sequence, Spool},
    tenants::Tenants,
};

/// Whose webhooks of the overflow lane an earlier process left on the disk.
#[derive(Debug, Default)]
pub struct LeftOver {
    spool: Option<Spool>,
    /// Whatever has a place up to here is of an earlier process.
    before: Sequence,
    tenants: Mutex<BTreeMap<TenantId, Left>>,
}

/// What is left of one tenant.
#[derive(Debug)]
struct Left {
    /// Its last entry. Entries are not counted: one that is damaged or set aside never comes to lie in Kafka.
    last: Sequence,
    /// Newest offset by partition, of what came to lie in Kafka while nobody knew the tenant.
    newest: BTreeMap<i32, i64>,
}

impl LeftOver {
    /// As it was found at the start, and is not needed there any more.
    pub fn found(spool: Spool, opened: &mut Opened) -> Self {
        let left = |(tenant, last)| {
            let newest = BTreeMap::new();
            Some((TenantId::new(tenant).ok()?, Left { last, newest }))
        };
        let overflowing = std::mem::take(&mut opened.overflowing);
        let tenants = overflowing.into_iter().filter_map(left).collect();
        Self {
            spool: Some(spool),
            before: opened.before,
            tenants: Mutex::new(tenants),
        }
    }

    fn tenants(&self) -> MutexGuard<'_, BTreeMap<TenantId, Left>> {
        self.tenants.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_on_disk(&self, left: &Left) -> bool {
        let spool = self.spool.as_ref();
        spool.is_some_and(|spool| spool.has_up_to(left.last))
    }

    /// Whether an entry is of this process.
    #[must_use]
    pub fn is_own(&self, sequence: Sequence) -> bool {
        sequence > self.before
    }

    /// Whether something of this tenant is still on the disk.
    #[must_use]
    pub fn waits(&self, tenant: &TenantId) -> bool {
        let tenants = self.tenants();
        tenants
            .get(tenant)
            .is_some_and(|left| self.is_on_disk(left))
    }

    /// An entry came to lie in the overflow lane, of a tenant that is not known now.
    pub fn keep(&self, tenant: &TenantId, placed: Placed) {
        if let Some(left) = self.tenants().get_mut(tenant) {
            let newest = left.newest.entry(placed.partition);
            let newest = newest.or_insert(placed.offset);
            *newest = placed.offset.max(*newest);
        }
    }

    /// Puts those of these tenants into the overflow lane of whom something is left; before they are used,
    /// and again while they are.
    pub fn mark(&self, known: &Tenants) {
        self.tenants().retain(|id, left| {
            let waits = self.is_on_disk(left);
            let Some(tenant) = known.tenant(id) else {
                return waits || !left.newest.is_empty();
            };
            let usage = &tenant.traffic().usage;
            if waits {
                usage.inherit();
            }
            for (partition, offset) in std::mem::take(&mut left.newest) {
                usage.drained(Placed { partition, offset }, false);
            }
            waits
        });
    }
}
