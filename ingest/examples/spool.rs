//! How fast the spool makes 1 KB entries safe, beside its floor on the same disk: a loop that appends as
//! much and syncs. `cargo run --release -p ingest --example spool [FOLDER]`

#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "it is run by hand, prints, and may panic"
)]

use std::{
    fs::File,
    io::Write as _,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use futures_util::future::join_all;
use ingest::spool::{self, Entry, Options, Sequence, Spool};
use runtime::clock::SystemClock;

const BODY_BYTES: usize = 1024;
const FOR: Duration = Duration::from_secs(5);
const READ_BYTES: usize = 1024 * 1024;

fn main() {
    let folder = std::env::args_os().nth(1).map_or_else(
        || std::env::temp_dir().join(format!("waybill-spool-{}", std::process::id())),
        PathBuf::from,
    );
    std::fs::create_dir_all(&folder).unwrap();
    println!(
        "{:<44} {:>10} {:>9} {:>9}",
        "", "entries/s", "p50 ms", "p99 ms"
    );
    floor(&folder, 1);
    floor(&folder, 64);
    floor(&folder, 512);
    for appenders in [1, 64, 512] {
        appended(&folder.join(appenders.to_string()), appenders);
    }
    std::fs::remove_dir_all(&folder).unwrap();
}

fn show(what: &str, entries: usize, within: Duration, mut waits: Vec<Duration>) {
    waits.sort();
    let at = |share: usize| {
        waits
            .get(waits.len() * share / 100)
            .map_or(0.0, Duration::as_secs_f64)
    };
    let count = u32::try_from(entries).unwrap();
    println!(
        "{what:<44} {:>10.0} {:>9.2} {:>9.2}",
        f64::from(count) / within.as_secs_f64(),
        at(50) * 1e3,
        at(99) * 1e3
    );
}

/// Nothing but the disk: as many entries at a time, one sync.
fn floor(folder: &Path, at_a_time: usize) {
    let path = folder.join("floor");
    let mut file = File::create(&path).unwrap();
    let bytes = vec![b'x'; BODY_BYTES * at_a_time];
    let (started, mut waits) = (Instant::now(), Vec::new());
    while started.elapsed() < FOR {
        let since = Instant::now();
        file.write_all(&bytes).unwrap();
        file.sync_data().unwrap();
        waits.push(since.elapsed());
    }
    let entries = waits.len() * at_a_time;
    show(
        &format!("floor: write and fdatasync, {at_a_time} a time"),
        entries,
        started.elapsed(),
        waits,
    );
    std::fs::remove_file(path).unwrap();
}

fn entry(number: u64) -> Entry {
    let headers = (0..15).map(|n| (format!("header-{n}"), b"a value of some length".to_vec()));
    Entry {
        overflow: false,
        placement: number,
        headers: headers.collect(),
        body: Bytes::from_static(&[b'x'; BODY_BYTES]),
    }
}

fn appended(folder: &Path, appenders: u64) {
    let options = Options {
        dir: folder.to_owned(),
        segment_bytes: 64 * 1024 * 1024,
        bytes_max: 1 << 40,
        free_bytes_min: 0,
    };
    let (spool, _) = spool::open(options, Arc::new(SystemClock)).unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .build()
        .unwrap();
    let started = Instant::now();
    let lane = |number: u64| {
        let spool = spool.clone();
        async move {
            let mut waits = Vec::new();
            while started.elapsed() < FOR {
                let since = Instant::now();
                spool.append(entry(number)).await.unwrap();
                waits.push(since.elapsed());
            }
            waits
        }
    };
    let waits = runtime
        .block_on(join_all((0..appenders).map(lane)))
        .concat();
    show(
        &format!("spool: {appenders} appenders"),
        waits.len(),
        started.elapsed(),
        waits,
    );
    drained(&spool);
}

fn drained(spool: &Spool) {
    let (started, mut entries) = (Instant::now(), 0);
    let mut waits = Vec::new();
    let mut through: Option<Sequence> = None;
    while !spool.is_empty() {
        let since = Instant::now();
        let read = spool.read(through, READ_BYTES).unwrap();
        through = read.last().map(|(sequence, _)| *sequence);
        spool.settle(through.unwrap()).unwrap();
        entries += read.len();
        waits.push(since.elapsed());
    }
    show(
        "       read and settled again, 1 MiB a time",
        entries,
        started.elapsed(),
        waits,
    );
}
