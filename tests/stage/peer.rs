//! A peer: what one would write on Kafka Streams (`tests/peers/streams`), on the same topic.

use std::{
    io::{BufRead, BufReader},
    path::Path,
    process::{Command, Stdio},
    time::Duration,
};

use crate::{Done, report};

/// After so many tenths of the records the compiler of Java has seen what matters.
const WARM: usize = 5;

/// What a peer is started with.
#[derive(Clone, Copy, Debug)]
pub struct Peer<'a> {
    /// Its sources; the first has the main class.
    pub sources: &'a [&'a str],
    /// The folder to which `make` copies what it needs.
    pub jars: &'a Path,
    /// Of Kafka.
    pub brokers: &'a str,
    /// From, to.
    pub topics: [&'a str; 2],
    /// So many.
    pub records: usize,
    /// For its classes and its state.
    pub folder: &'a Path,
}

/// One line of the peer: records so far, milliseconds, CPU milliseconds, KiB.
fn numbers(line: &str) -> Option<[u64; 4]> {
    let numbers: Vec<u64> = line
        .split(' ')
        .map_while(|word| word.parse().ok())
        .collect();
    numbers.try_into().ok()
}

/// Compiles it, runs it to the end and prints two lines.
pub fn run(peer: &Peer<'_>) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let (classes, jars) = (peer.folder.join("classes"), peer.jars.join("*"));
    let sources = peer.sources.iter();
    let compiled = Command::new("javac")
        .arg("-d")
        .arg(&classes)
        .arg("-cp")
        .arg(&jars)
        .args(sources.map(|name| root.join(format!("tests/peers/streams/{name}.java"))))
        .status();
    assert!(compiled.unwrap().success(), "the peer does not compile");
    let mut child = Command::new("java")
        .args(["-Xmx1g", "-XX:+UseSerialGC", "-cp"])
        .arg(format!("{}:{}", classes.display(), jars.display()))
        .arg("-Dorg.slf4j.simpleLogger.defaultLogLevel=warn")
        .args([
            peer.sources[0],
            peer.brokers,
            peer.topics[0],
            peer.topics[1],
        ])
        .arg(peer.folder.join("streams"))
        .arg(peer.records.to_string())
        .arg(root.join("schemas/avro/delivery_event.v1.avsc"))
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let seen: Vec<[u64; 4]> = lines.filter_map(|line| numbers(&line.unwrap())).collect();
    assert!(child.wait().unwrap().success(), "the peer failed");
    let last = seen.last().unwrap();
    let part = |name, since: [u64; 4]| {
        let [records, took, cpu_ms, _] = [0, 1, 2, 3].map(|at| last[at] - since[at].min(last[at]));
        let done = Done {
            took: Duration::from_millis(took),
            cpu_ms,
            memory_mib: last[3] / 1024,
            since_start: Duration::from_millis(last[1]),
        };
        report(name, usize::try_from(records).unwrap(), done);
    };
    part("Kafka Streams", [0; 4]);
    part("  its second half", seen[WARM - 1]);
}
