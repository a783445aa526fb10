//! The way back from the disk to Kafka.

use super::*;

#[tokio::test]
async fn who_comes_while_the_last_of_the_disk_leave_waits_for_them_and_needs_no_disk() {
    let site = site_with(ROOM, Duration::from_secs(20));
    site.log.up.store(false, Ordering::Relaxed);
    site.deliver(1).await.unwrap();
    site.log.up.store(true, Ordering::Relaxed);
    site.delivery.door.close();
    site.drain_during(async { site.deliver(2).await.unwrap() })
        .await;
    let expected = [(1, true), (2, false)];
    assert_eq!(
        site.taken(),
        expected.map(|(number, spooled)| (receipt(number), spooled, Lane::Normal))
    );
}

#[tokio::test]
async fn a_door_that_nobody_opens_holds_up_nobody() {
    let site = site(ROOM);
    site.log.up.store(false, Ordering::Relaxed);
    site.deliver(1).await.unwrap();
    site.delivery.door.close();
    site.deliver(2).await.unwrap();
    assert_eq!(site.spool.stats().records, 2);
    assert!(!site.delivery.door.opened(Duration::from_secs(3_600)).await);
}

#[tokio::test]
async fn the_disk_is_left_although_webhooks_keep_coming() {
    let site = site_with(ROOM, Duration::from_secs(10));
    site.log.up.store(false, Ordering::Relaxed);
    for number in 0..100 {
        site.deliver(number).await.unwrap();
    }
    site.log.up.store(true, Ordering::Relaxed);
    let is_left = || site.taken().iter().any(|(_, spooled, _)| !spooled);
    // Each begins its next one when the one before is safe: there is never nobody.
    let sender = || async {
        while !is_left() {
            site.deliver(200).await.unwrap();
        }
    };
    let senders = futures_util::future::join_all((0..16).map(|_| sender()));
    site.drain_during(async {
        senders.await;
    })
    .await;
}
