//! Tenants in the overflow lane, and what of theirs is on the disk.

use std::collections::BTreeMap;

use super::*;
use crate::{overflow::bring_back, tenants};

const TENANTS: &str = r#"
[tenants.acme]
requests_per_second = 1
burst = 1

[[tenants.acme.endpoints]]
id = "a"
provider = "ordatic"
token = "a-token-of-22-characters"

[[tenants.acme.endpoints.secrets]]
id = "1"
value = "s"
"#;

impl Site {
    /// The tenants file is good from now on.
    fn knows_tenants(&self) {
        let file = self.folder.path().join("tenants.toml");
        std::fs::write(&file, TENANTS).unwrap();
        let tenants = tenants::load(&file).unwrap();
        self.left.mark(&tenants);
        self.tenants.store(Some(Arc::new(tenants)));
    }

    fn usage(&self) -> Arc<Usage> {
        let tenants = self.tenants.load_full().unwrap();
        let acme = tenants.all().next().unwrap();
        Arc::clone(&acme.traffic().usage)
    }

    /// The lane of one that is within the rate.
    fn lane(&self) -> Lane {
        self.usage().lane(&Rate::new(None, None)).lane()
    }

    async fn deliver_to_disk(&self, number: u8, lane: Lane) {
        let rate = match lane {
            Lane::Normal => Rate::new(None, None),
            Lane::Overflow => Rate::new(Some(1), Some(1)),
        };
        let usage = self.usage();
        if lane == Lane::Overflow {
            // Spends the rate.
            drop(usage.lane(&rate));
        }
        let ticket = usage.lane(&rate);
        assert_eq!(ticket.lane(), lane);
        self.log.up.store(false, Ordering::Relaxed);
        self.deliver_with(number, ticket).await.unwrap();
        self.log.up.store(true, Ordering::Relaxed);
    }

    /// Whether its tenant is back, now that so much of the only partition was read.
    fn is_back_at(&self, next: Option<i64>) -> bool {
        let read: BTreeMap<i32, i64> = next.map(|next| (0, next)).into_iter().collect();
        let tenants = self.tenants.load_full().unwrap();
        let all: Vec<_> = tenants.all().collect();
        bring_back(&all, &self.left, &read);
        !self.usage().overflows()
    }

    fn restarted(self) -> Self {
        self.spool.close();
        site_in(self.folder, (ROOM, self.delivery.spool_after))
    }
}

async fn left_on_disk() -> Site {
    let site = site(ROOM);
    site.knows_tenants();
    site.deliver_to_disk(1, Lane::Overflow).await;
    site.restarted()
}

#[tokio::test]
async fn a_tenant_in_overflow_stays_there_over_a_restart_while_kafka_is_away() {
    let site = left_on_disk().await;
    site.knows_tenants();
    assert_eq!(site.lane(), Lane::Overflow);
    assert!(
        !site.is_back_at(Some(100)),
        "its webhook is still on the disk"
    );
    site.drain().await;
    assert_eq!(site.taken(), [(receipt(1), true, Lane::Overflow)]);
    assert!(!site.is_back_at(None), "nobody has read it");
    assert!(site.is_back_at(Some(1)));
    site.left.mark(&site.tenants.load_full().unwrap());
    assert_eq!(site.lane(), Lane::Normal);
}

#[tokio::test]
async fn a_tenant_that_is_known_late_is_in_overflow_for_what_was_drained_before() {
    let site = left_on_disk().await;
    site.drain().await;
    site.knows_tenants();
    assert_eq!(site.lane(), Lane::Overflow);
    assert!(!site.is_back_at(None));
    assert!(site.is_back_at(Some(1)));
}

#[tokio::test]
async fn a_tenant_that_left_none_of_the_overflow_lane_starts_in_the_normal_one() {
    let site = site(ROOM);
    site.knows_tenants();
    site.deliver_to_disk(1, Lane::Normal).await;
    let site = site.restarted();
    site.knows_tenants();
    assert_eq!(site.lane(), Lane::Normal);
}

#[tokio::test]
async fn what_kafka_never_takes_holds_its_tenant_in_overflow_no_longer() {
    for is_own in [true, false] {
        let mut site = site(ROOM);
        site.knows_tenants();
        site.deliver_to_disk(1, Lane::Overflow).await;
        if !is_own {
            site = site.restarted();
            site.knows_tenants();
        }
        assert!(!site.is_back_at(Some(100)));
        *site.log.unfit.lock().unwrap() = Some(receipt(1));
        site.mood(Mood::Unfit);
        site.drain().await;
        assert!(site.folder.path().join("refused").exists());
        assert!(site.is_back_at(None), "own: {is_own}");
    }
}

#[tokio::test]
async fn what_the_disk_lost_holds_its_tenant_in_overflow_no_longer() {
    let site = site(ROOM);
    site.knows_tenants();
    site.deliver_to_disk(1, Lane::Normal).await;
    site.deliver_to_disk(2, Lane::Overflow).await;
    site.deliver_to_disk(3, Lane::Overflow).await;
    let site = site.restarted();
    site.knows_tenants();
    // Damage of the second, found when it is read.
    let file = site.folder.path().join("spool/00000000000000000001.spool");
    let mut bytes = std::fs::read(&file).unwrap();
    let half = bytes.len() / 2;
    bytes[half] ^= 1;
    std::fs::write(&file, bytes).unwrap();
    assert!(!site.is_back_at(Some(100)));
    site.drain().await;
    assert_eq!(site.taken(), [(receipt(1), true, Lane::Normal)]);
    assert!(site.is_back_at(None));
}
