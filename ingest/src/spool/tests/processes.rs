//! Real processes on a real disk: killed in the middle of their work, and without room. This test binary
//! is its own child: a child's part returns at once where nobody asked for it.

use std::{
    collections::BTreeMap,
    io::{BufRead as _, BufReader, Write as _},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::Arc,
};

use bytes::Bytes;
use futures_util::future::join_all;
use runtime::clock::SystemClock;

use crate::spool::*;

const FOLDER: &str = "SPOOL_TEST_FOLDER";

fn entry(id: u64, size: usize) -> Entry {
    Entry {
        overflow: false,
        placement: id,
        headers: vec![("receipt-id".into(), id.to_string().into_bytes())],
        body: Bytes::from(vec![b'x'; size]),
    }
}

fn opened(dir: &Path, bytes_max: u64) -> (Spool, Opened) {
    let options = Options {
        dir: dir.to_owned(),
        segment_bytes: 256 * 1024,
        bytes_max,
        free_bytes_min: 0,
    };
    open(options, Arc::new(SystemClock)).unwrap()
}

/// This binary again, with only the test of this name.
fn child(test: &str, dir: &Path) -> Vec<String> {
    let path = std::env::current_exe().unwrap();
    let name = format!("spool::tests::processes::{test}");
    vec![
        "env".to_owned(),
        format!("{FOLDER}={}", dir.display()),
        path.display().to_string(),
        "--exact".to_owned(),
        name,
        "--nocapture".to_owned(),
    ]
}

fn asked_for() -> Option<PathBuf> {
    std::env::var_os(FOLDER).map(PathBuf::from)
}

/// Appends until it is killed, and says of each entry that it was promised, and where.
#[tokio::test]
async fn a_child_appends() {
    let Some(dir) = asked_for() else { return };
    let (spool, _) = opened(&dir, 1 << 30);
    let one = |lane: u64| {
        let spool = spool.clone();
        async move {
            for number in 0_u64.. {
                let id = lane * 1_000_000 + number;
                let size = usize::try_from(number % 3_000).unwrap();
                let sequence = spool.append(entry(id, size)).await.unwrap();
                let line = format!("promised {} {id}\n", sequence.0);
                std::io::stdout().write_all(line.as_bytes()).unwrap();
            }
        }
    };
    join_all((1..=16).map(one)).await;
}

#[test]
fn a_process_that_is_killed_loses_nothing_that_it_promised() {
    let dir = tempfile::tempdir().unwrap();
    for round in 0..4 {
        let line = child("a_child_appends", dir.path());
        let mut process = Command::new(&line[0])
            .args(&line[1..])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let mut promised = BTreeMap::new();
        for line in lines.map_while(Result::ok) {
            let words: Vec<&str> = line.split(' ').collect();
            let ["promised", sequence, id] = words[..] else {
                continue;
            };
            // What was printed before the kill took effect counts too.
            if let (Ok(sequence), Ok(id)) = (sequence.parse(), id.parse::<u64>()) {
                promised.insert(Sequence(sequence), id);
            }
            if promised.len() == 700 * (round + 1) {
                process.kill().unwrap();
            }
        }
        process.wait().unwrap();
        assert!(promised.len() >= 700);

        let (spool, found) = opened(dir.path(), 1 << 30);
        assert_eq!((found.quarantined.len(), found.missing), (0, 0));
        let mut read = BTreeMap::new();
        let mut last = None;
        loop {
            let more = spool.read(last, 1 << 20).unwrap();
            let Some((sequence, _)) = more.last() else {
                break;
            };
            last = Some(*sequence);
            read.extend(more.into_iter().map(|(at, entry)| (at, entry.placement)));
        }
        assert_eq!(read.len() as u64, found.records);
        for (sequence, id) in &promised {
            assert_eq!(read.get(sequence), Some(id));
        }
        // The next round starts on a folder in which something waits.
        spool.settle(*promised.keys().nth(300).unwrap()).unwrap();
    }
}

/// Fills all the room that there is, then makes some again.
async fn fill(dir: &Path, bytes_max: u64) {
    let (spool, _) = opened(dir, bytes_max);
    let mut promised = Vec::new();
    let refused = loop {
        match spool.append(entry(promised.len() as u64, 3_000)).await {
            Ok(sequence) => promised.push(sequence),
            Err(error) => break error,
        }
    };
    assert!(
        refused.is_full() || matches!(refused, SpoolError::Io { .. }),
        "{refused}"
    );
    assert!(promised.len() > 100);
    assert_eq!(spool.stats().records, promised.len() as u64);
    spool.close();

    let (spool, found) = opened(dir, bytes_max);
    assert_eq!(
        (found.records, found.quarantined.len()),
        (promised.len() as u64, 0)
    );
    let read = spool.read(None, usize::MAX).unwrap();
    assert!(read.iter().map(|(sequence, _)| sequence).eq(&promised));
    assert!(spool.append(entry(0, 100_000)).await.is_err());
    spool.settle(read.last().unwrap().0).unwrap();
    spool.append(entry(0, 3_000)).await.unwrap();
}

#[tokio::test]
async fn a_child_fills_its_disk() {
    if let Some(dir) = asked_for() {
        fill(&dir, u64::MAX).await;
    }
}

#[tokio::test]
async fn a_full_spool_refuses_and_forgets_nothing() {
    let dir = tempfile::tempdir().unwrap();
    fill(dir.path(), 1024 * 1024).await;
}

/// On a small disk of its own, which goes with the process. Needs root; else the disk is the machine's, and
/// there the limit in bytes is all that can be shown.
#[test]
fn a_full_disk_refuses_and_forgets_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let shown = dir.path().display();
    let mount = format!("mount -t tmpfs -o size=1m none {shown}");
    let run = |script: &str| {
        let mut command = Command::new("unshare");
        command
            .args(["-m", "sh", "-c", script])
            .stderr(Stdio::inherit());
        command.status().is_ok_and(|status| status.success())
    };
    if !run(&mount) {
        eprintln!("no disk of its own: not root");
        return;
    }
    let line = child("a_child_fills_its_disk", dir.path()).join(" ");
    assert!(run(&format!("{mount} && {line}")));
}
