//! What is called lost is just what never came out, before the drain and when all around it is gone.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

use futures_util::future::join_all;

use super::disk::{entry, opened};
use crate::spool::*;

const ENTRIES: u64 = 540;
const BODY_BYTES: usize = 1_000;
const RECORD_BYTES: usize = 1_072;

/// A spool of several segments.
async fn filled(dir: &Path) -> Spool {
    let (spool, _) = opened(dir);
    for from in (0..ENTRIES).step_by(20) {
        let appends = (from..from + 20).map(|n| spool.append(entry(n, BODY_BYTES)));
        assert!(join_all(appends).await.iter().all(Result::is_ok));
    }
    assert!(files(dir).len() > 7);
    spool
}

fn files(dir: &Path) -> Vec<PathBuf> {
    let listed = std::fs::read_dir(dir).unwrap();
    let mut files: Vec<PathBuf> = listed.map(|file| file.unwrap().path()).collect();
    files.retain(|path| path.to_str().unwrap().contains("0000"));
    files.sort();
    files
}

fn change(file: &Path, change: impl FnOnce(&mut Vec<u8>)) {
    let mut bytes = std::fs::read(file).unwrap();
    change(&mut bytes);
    std::fs::write(file, bytes).unwrap();
}

/// Flips a bit about so many records behind the front of a file.
fn flip(file: &Path, record: usize) {
    change(file, |bytes| bytes[RECORD_BYTES * record] ^= 1);
}

fn unreadable(dir: &Path) -> Vec<Unreadable> {
    let segments = inspect(dir, |_, _| ()).unwrap().segments;
    segments.iter().filter_map(|one| one.unreadable).collect()
}

/// All sequences that are called lost; each number of them is exact.
fn lost(dir: &Path) -> BTreeSet<u64> {
    let sequences = |one: Unreadable| {
        assert!(!one.is_at_least, "{one:?}");
        one.first.0..=one.last.unwrap().0
    };
    unreadable(dir).into_iter().flat_map(sequences).collect()
}

/// Takes out what there is, as a drain does.
fn drain(spool: &Spool) -> BTreeSet<u64> {
    let mut drained = BTreeSet::new();
    loop {
        let read = spool.read(None, 20_000).unwrap();
        let Some((last, _)) = read.last() else {
            return drained;
        };
        spool.settle(*last).unwrap();
        drained.extend(read.iter().map(|(sequence, _)| sequence.0));
    }
}

/// Damage of a spool that runs, which reading finds, or of one that starts.
async fn damaged(dir: &Path, is_live: bool, damage: impl FnOnce(&[PathBuf])) -> Spool {
    let spool = filled(dir).await;
    if is_live {
        damage(&files(dir));
        return spool;
    }
    spool.close();
    damage(&files(dir));
    let before = lost(dir);
    let (spool, _) = opened(dir);
    assert_eq!(lost(dir), before);
    spool
}

fn all_but(lost: &BTreeSet<u64>) -> BTreeSet<u64> {
    (1..=ENTRIES).filter(|one| !lost.contains(one)).collect()
}

#[tokio::test]
async fn a_good_segment_between_damaged_ones_is_never_called_lost() {
    for is_live in [true, false] {
        let dir = tempfile::tempdir().unwrap();
        let spool = damaged(dir.path(), is_live, |files| {
            flip(&files[2], 30);
            flip(&files[4], 20);
        })
        .await;
        let before = unreadable(dir.path());
        assert_eq!(before.len(), 2);
        let lost_before = lost(dir.path());
        assert_eq!(drain(&spool), all_but(&lost_before));
        assert_eq!(unreadable(dir.path()), before);
        spool.close();
        drop(opened(dir.path()));
        assert_eq!(unreadable(dir.path()), before);
        assert_eq!(files(dir.path()).len(), 2);
    }
}

#[tokio::test]
async fn the_number_that_a_cut_file_lost_is_known_when_all_is_drained() {
    for is_live in [true, false] {
        let dir = tempfile::tempdir().unwrap();
        let cut = |files: &[PathBuf]| {
            change(&files[3], |bytes| bytes.truncate(bytes.len() - 100));
        };
        let spool = damaged(dir.path(), is_live, cut).await;
        let before = lost(dir.path());
        assert_eq!(before.len(), 1);
        assert_eq!(drain(&spool), all_but(&before));
        assert_eq!(lost(dir.path()), before);
    }
}

#[tokio::test]
async fn what_left_a_file_before_its_damage_is_not_called_lost() {
    for is_live in [true, false] {
        let dir = tempfile::tempdir().unwrap();
        let spool = filled(dir.path()).await;
        spool.settle(Sequence(30)).unwrap();
        spool.close();
        let (mut spool, _) = opened(dir.path());
        if !is_live {
            spool.close();
        }
        flip(&files(dir.path())[0], 10);
        if !is_live {
            (spool, _) = opened(dir.path());
        }
        let lost_before = lost(dir.path());
        assert_eq!(lost_before.first(), Some(&31));
        drain(&spool);
        assert_eq!(lost(dir.path()), lost_before);
    }
}

#[tokio::test]
async fn what_was_handed_out_before_the_damage_can_be_settled_after_it() {
    let dir = tempfile::tempdir().unwrap();
    let spool = filled(dir.path()).await;
    let read = spool.read(None, 20_000).unwrap();
    let last = read.last().unwrap().0;
    // Another read loses the place at which this one stopped.
    spool.read(None, 1).unwrap();
    flip(&files(dir.path())[0], 5);
    spool.read(Some(last), 1).unwrap();
    spool.settle(last).unwrap();
    assert_eq!(lost(dir.path()).first(), Some(&(last.0 + 1)));
}

#[tokio::test]
async fn a_damaged_file_that_decays_further_has_lost_what_it_still_held() {
    for is_live in [true, false] {
        let dir = tempfile::tempdir().unwrap();
        let mut spool = damaged(dir.path(), false, |files| flip(&files[0], 40)).await;
        let before = lost(dir.path());
        if !is_live {
            spool.close();
        }
        flip(&files(dir.path())[0], 20);
        if !is_live {
            (spool, _) = opened(dir.path());
        }
        let drained = drain(&spool);
        let after = lost(dir.path());
        assert!(after.is_superset(&before) && after.len() > before.len());
        assert_eq!(drained, all_but(&after));
        assert_eq!(spool.stats().quarantined, 1);
    }
}

#[tokio::test]
async fn a_file_that_an_older_version_put_aside_is_never_called_exact() {
    let dir = tempfile::tempdir().unwrap();
    let spool = damaged(dir.path(), true, |files| {
        flip(&files[2], 30);
        change(&files[4], |bytes| bytes.truncate(bytes.len() - 100));
    })
    .await;
    let before = unreadable(dir.path());
    drain(&spool);
    spool.close();
    let old = |path: &Path| {
        let name = path.to_str().unwrap();
        PathBuf::from(name.split_once(".quarantined").unwrap().0.to_owned() + ".quarantined")
    };
    for file in files(dir.path()) {
        std::fs::rename(&file, old(&file)).unwrap();
    }
    for _ in 0..2 {
        let [flipped, cut] = unreadable(dir.path())[..] else {
            panic!("{:?}", unreadable(dir.path()));
        };
        assert!(flipped.is_at_least && cut.is_at_least);
        assert_eq!(flipped.first, before[0].first);
        // Of the last batch in it nothing says that it was promised.
        assert!(flipped.last <= before[0].last && flipped.last > Some(flipped.first));
        assert_eq!((cut.first, cut.last), (before[1].first, None));
        drop(opened(dir.path()));
    }
}

#[tokio::test]
async fn a_lost_sequence_is_never_used_again() {
    let dir = tempfile::tempdir().unwrap();
    let spool = filled(dir.path()).await;
    let last = files(dir.path()).len() - 1;
    flip(&files(dir.path())[last], 1);
    drain(&spool);
    spool.close();
    let (spool, found) = opened(dir.path());
    assert_eq!(found.before, Sequence(ENTRIES));
    let next = spool.append(entry(1, 1)).await.unwrap();
    assert_eq!(next, Sequence(ENTRIES + 1));
    assert_eq!(lost(dir.path()).last(), Some(&ENTRIES));
}
