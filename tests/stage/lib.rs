//! What the benches of stages on a real Kafka share: topics and what fills them, a worker in a process
//! of its own, the loop that only copies, and a peer on Kafka Streams.

pub mod peer;
pub mod process;
pub mod topics;
pub mod worker;

use std::time::Duration;

use runtime::settings::{Settings, Sources};

/// A service's settings as its defaults and these variables have them.
pub fn settings<S: Settings>(defaults: &'static str, given: &[(&str, &str)]) -> S {
    let given = given.iter();
    let sources = Sources {
        defaults,
        environment: given
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect(),
        ..Sources::default()
    };
    runtime::settings::load(&sources).unwrap()
}

/// What somebody did with so many records, from the first on.
#[derive(Clone, Copy, Debug)]
pub struct Done {
    /// Until the last was committed.
    pub took: Duration,
    /// CPU of the process meanwhile.
    pub cpu_ms: u64,
    /// Its own memory at the end.
    pub memory_mib: u64,
    /// From the start of the process until the last was committed.
    pub since_start: Duration,
}

/// Prints one line.
pub fn report(name: &str, records: usize, done: Done) {
    println!(
        "{name:<18} {:>7.0} records/s, {:>5.1} s of CPU a million, {:>4} MiB",
        records as f64 / done.took.as_secs_f64(),
        done.cpu_ms as f64 * 1_000.0 / records as f64,
        done.memory_mib,
    );
}
