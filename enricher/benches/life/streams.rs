//! The peer: what one would write on Kafka Streams (`tests/peers/streams`), on the same topic.

use std::{
    io::{BufRead, BufReader},
    path::Path,
    process::{Command, Stdio},
    time::Duration,
};

use crate::report;

/// After so much of the records the compiler of Java has seen what matters.
const WARM: usize = 5;

/// One line of the peer: records so far, milliseconds, CPU milliseconds, resident KiB.
fn numbers(line: &str) -> Option<[u64; 4]> {
    let numbers: Vec<u64> = line
        .split(' ')
        .map_while(|word| word.parse().ok())
        .collect();
    numbers.try_into().ok()
}

/// Runs it to the end; `jars`: the folder to which `make bench-enricher` copies what it needs.
pub(crate) fn run(jars: &Path, brokers: &str, topics: [&str; 2], events: usize, folder: &Path) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut child = Command::new("java")
        .args(["-Xmx1g", "-XX:+UseSerialGC", "-cp"])
        .arg(jars.join("*"))
        .arg("-Dorg.slf4j.simpleLogger.defaultLogLevel=warn")
        .arg(root.join("tests/peers/streams/Reorder.java"))
        .args([brokers, topics[0], topics[1]])
        .arg(folder.join("streams"))
        .arg(events.to_string())
        .arg(root.join("schemas/avro/delivery_event.v1.avsc"))
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let seen: Vec<[u64; 4]> = lines.filter_map(|line| numbers(&line.unwrap())).collect();
    assert!(child.wait().unwrap().success(), "the peer failed");
    let last = seen.last().unwrap();
    let report = |name, since: [u64; 4]| {
        let [records, took, cpu, _] = [0, 1, 2, 3].map(|at| last[at] - since[at].min(last[at]));
        let took = Duration::from_millis(took);
        report(name, records as usize, took, cpu, last[3] / 1024);
    };
    report("Kafka Streams", [0; 4]);
    report("  its second half", seen[WARM - 1]);
}
