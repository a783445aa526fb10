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

fn entry(number: u64, size: usize) -> Entry {
    Entry {
        overflow: number % 2 == 1,
        placement: number,
        headers: vec![("receipt-id".into(), number.to_string().into_bytes())],
        body: Bytes::from(vec![u8::try_from(number % 251).unwrap(); size]),
    }
}

fn opened(dir: &Path) -> (Spool, Opened) {
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
