use std::{path::Path, sync::Arc};

use bytes::Bytes;
use runtime::clock::ManualClock;

use crate::spool::*;

fn options(dir: &Path) -> Options {
    Options {
        dir: dir.to_owned(),
        segment_bytes: 64 * 1024,
        bytes_max: 1 << 30,
        free_bytes_min: 0,
    }
}

pub(super) fn entry(number: u64, size: usize) -> Entry {
    Entry {
        overflow: number % 2 == 1,
        placement: number,
        headers: vec![("receipt-id".into(), number.to_string().into_bytes())],
        body: Bytes::from(vec![u8::try_from(number % 251).unwrap(); size]),
    }
}

pub(super) fn opened(dir: &Path) -> (Spool, Opened) {
    open(options(dir), Arc::new(ManualClock::at_ms(5_000))).unwrap()
}

#[tokio::test]
async fn what_is_appended_comes_out_in_order_and_stays_until_it_is_settled() {
    let dir = tempfile::tempdir().unwrap();
    let (spool, found) = opened(dir.path());
    assert_eq!(found, Opened::default());
    assert!(spool.is_empty());
    let appends: Vec<_> = (0..500).map(|n| spool.append(entry(n, 1_000))).collect();
    assert!(!spool.is_empty());
    for append in appends {
        append.await.unwrap();
    }
    spool.arrived().await;
    let stats = spool.stats();
    assert_eq!(
        (stats.records, stats.oldest_at),
        (500, Some(Micros(5_000_000)))
    );
    let mut last = None;
    let mut read = Vec::new();
    loop {
        let more = spool.read(last, 20_000).unwrap();
        let Some((sequence, _)) = more.last() else {
            break;
        };
        last = Some(*sequence);
        read.extend(more.into_iter().map(|(_, entry)| entry));
    }
    assert_eq!(read, (0..500).map(|n| entry(n, 1_000)).collect::<Vec<_>>());
    spool.settle(Sequence(200)).unwrap();
    spool.close();

    let (spool, found) = opened(dir.path());
    assert_eq!(found.records, 300);
    assert_eq!(spool.read(None, 1).unwrap()[0].1, entry(200, 1_000));
    spool.settle(Sequence(500)).unwrap();
    assert!(spool.is_empty());
    assert_eq!(spool.stats().bytes, 0);
    drop(spool);
    let mut left: Vec<_> = std::fs::read_dir(dir.path())
        .unwrap()
        .flatten()
        .map(|e| e.file_name())
        .collect();
    left.sort();
    assert_eq!(left, ["cursor", "lock"]);
}

#[tokio::test]
async fn a_folder_belongs_to_one_and_anybody_may_look() {
    let dir = tempfile::tempdir().unwrap();
    let (spool, _) = opened(dir.path());
    spool.append(entry(1, 10)).await.unwrap();
    let refused = open(options(dir.path()), Arc::new(ManualClock::at_ms(0))).unwrap_err();
    let own = std::process::id().to_string();
    assert!(
        matches!(&refused, SpoolError::Locked { holder, .. } if *holder == own),
        "{refused}"
    );
    let mut seen = Vec::new();
    let inspection = inspect(dir.path(), |sequence, entry| {
        seen.push((sequence, entry.placement));
    });
    assert_eq!(seen, [(Sequence(1), 1)]);
    assert!(inspection.unwrap().is_sound());
    assert_eq!(peek(dir.path()).unwrap().records, 1);
    spool.close();
    spool.close();
    assert!(matches!(
        spool.append(entry(2, 1)).await,
        Err(SpoolError::Closed)
    ));
    assert!(matches!(spool.settle(Sequence(1)), Err(SpoolError::Closed)));
    assert_eq!(opened(dir.path()).1.records, 1);
    let nowhere = dir.path().join("nowhere");
    assert!(matches!(peek(&nowhere), Err(SpoolError::NoFolder { .. })));
    assert!(!nowhere.exists());
}

#[tokio::test]
async fn at_its_limit_it_refuses_and_takes_again_once_it_is_drained() {
    let dir = tempfile::tempdir().unwrap();
    let mut options = options(dir.path());
    options.bytes_max = 200_000;
    let (spool, _) = open(options, Arc::new(ManualClock::at_ms(0))).unwrap();
    let mut taken = 0;
    while spool.append(entry(taken, 10_000)).await.is_ok() {
        taken += 1;
    }
    assert!((15..20).contains(&taken), "{taken}");
    assert!(spool.stats().bytes <= 200_000);
    let refused = spool.append(entry(0, 10_000)).await.unwrap_err();
    assert!(refused.is_full(), "{refused}");
    assert!(spool.was_full() && !spool.was_full());
    // A part is enough: limits of segments are made so.
    spool.settle(Sequence(taken - 2)).unwrap();
    spool.append(entry(0, 10_000)).await.unwrap();
}

#[tokio::test]
async fn what_was_not_there_wakes_who_waits_for_it() {
    let dir = tempfile::tempdir().unwrap();
    let (spool, _) = opened(dir.path());
    let (_, appended) = tokio::join!(spool.arrived(), spool.append(entry(1, 1)));
    let first = appended.unwrap();
    spool.arrived().await;
    let (_, appended) = tokio::join!(spool.arrived_behind(first), spool.append(entry(2, 1)));
    spool.settle(appended.unwrap()).unwrap();
    assert!(spool.is_empty());
}

#[tokio::test]
async fn a_damaged_file_is_kept_and_reading_goes_on_behind_it() {
    let dir = tempfile::tempdir().unwrap();
    let (spool, _) = opened(dir.path());
    for id in 0..100 {
        spool.append(entry(id, 5_000)).await.unwrap();
    }
    let name = "00000000000000000001.spool";
    let path = dir.path().join(name);
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[12_000] ^= 1;
    std::fs::write(&path, &bytes).unwrap();
    let unreadable = || {
        let found = inspect(dir.path(), |_, _| ()).unwrap();
        assert!(!found.is_sound());
        let mut damaged = found.segments.iter().filter_map(|one| one.unreadable);
        (damaged.next().unwrap(), damaged.next())
    };
    let (told, other) = unreadable();
    assert_eq!(
        (told.first, told.is_at_least, other),
        (Sequence(3), false, None)
    );

    let lost = |spool: &Spool| {
        let first = spool.read(None, 1 << 20).unwrap();
        let read = spool
            .read(first.last().map(|(at, _)| *at), 1 << 20)
            .unwrap();
        let read = first.into_iter().chain(read).map(|(_, e)| e.placement);
        let read: Vec<u64> = read.collect();
        assert!(
            read.is_sorted() && read[..2] == [0, 1] && read.contains(&99),
            "{read:?}"
        );
        100 - read.len()
    };
    // While it runs, and after a restart.
    let lost_live = lost(&spool);
    assert!((5..20).contains(&lost_live), "{lost_live}");
    assert_eq!(told.records(), lost_live as u64);
    assert_eq!(spool.stats().quarantined, 1);
    assert_eq!(unreadable(), (told, None));
    spool.close();
    let (spool, found) = opened(dir.path());
    let name = format!(
        "00000000000000000001.quarantined.3-to-{}",
        2 + told.records()
    );
    assert_eq!(found.quarantined, [name]);
    assert_eq!(lost(&spool), lost_live);
    spool.settle(Sequence(100)).unwrap();
    assert!(spool.is_empty());
    // What came after it is in Kafka and gone, and the number is still known.
    assert_eq!(unreadable(), (told, None));
    let kept = std::fs::read(dir.path().join(&found.quarantined[0])).unwrap();
    assert_eq!(kept, bytes);
}
