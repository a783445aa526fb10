//! A worker that runs until it committed so many records, in a process of its own.

use std::{
    process::{Command, Stdio},
    sync::Arc,
    time::{Duration, Instant},
};

use runtime::{
    clock::SystemClock,
    health::Health,
    kafka::exactly_once::{self, Failure, Incoming, Options, Outgoing, Output, Stage},
    service::{Context, allocator::GIVES_BACK},
    shutdown::Shutdown,
    tasks::Tasks,
    traces::Traces,
};

use crate::{
    Done,
    process::{cpu_ms, memory_mib},
};

/// The word by which a bench's program knows that it is a worker.
pub const WORKER: &str = "--worker";

/// Starts this program anew, with these words behind [`WORKER`].
pub fn start(words: &[&str]) -> Done {
    let started = Instant::now();
    let output = Command::new(std::env::current_exe().unwrap())
        .arg(WORKER)
        .args(words)
        .env(GIVES_BACK.0, GIVES_BACK.1)
        .stderr(Stdio::inherit())
        .output()
        .unwrap();
    assert!(output.status.success(), "the worker failed");
    let text = String::from_utf8(output.stdout).unwrap();
    let numbers: Vec<u64> = text
        .split_whitespace()
        .map(|n| n.parse().unwrap())
        .collect();
    let [took, cpu_ms, memory_mib, closing] = numbers.try_into().unwrap();
    Done {
        took: Duration::from_millis(took),
        cpu_ms,
        memory_mib,
        since_start: started.elapsed() - Duration::from_millis(closing),
    }
}

/// Runs the stage in this process and prints what [`start`] reads.
pub fn run<S: Stage>(options: &Options, stage: S, records: u64) {
    let shutdown = Shutdown::new();
    let context = Context {
        shutdown: shutdown.clone(),
        health: Health::default(),
        tasks: Tasks::new(shutdown.clone()),
        metrics: prometheus::Registry::new(),
        traces: Traces::default(),
        clock: Arc::new(SystemClock),
    };
    let mut timed = Timed {
        inner: stage,
        wanted: records,
        seen: 0,
        began: None,
        took: (Duration::ZERO, 0),
        ended: None,
        shutdown,
    };
    exactly_once::run(options, &mut timed, &context).unwrap();
    let (took, cpu) = timed.took;
    let closing = timed.ended.map_or(Duration::ZERO, |at| at.elapsed());
    let memory = memory_mib(std::process::id());
    println!(
        "{} {cpu} {memory} {}",
        took.as_millis(),
        closing.as_millis()
    );
}

/// Counts what a stage committed and stops the loop behind the last record.
struct Timed<S> {
    inner: S,
    wanted: u64,
    seen: u64,
    began: Option<(Instant, u64)>,
    took: (Duration, u64),
    /// When the last was committed.
    ended: Option<Instant>,
    shutdown: Shutdown,
}

impl<S: Stage> Stage for Timed<S> {
    fn assigned(&mut self, partitions: &[i32]) -> Result<(), Failure> {
        self.inner.assigned(partitions)
    }

    fn revoked(&mut self, partitions: &[i32]) {
        self.inner.revoked(partitions);
    }

    fn record(&mut self, record: &Incoming<'_>, out: &mut Outgoing) -> Result<(), Failure> {
        self.began
            .get_or_insert_with(|| (Instant::now(), cpu_ms(std::process::id())));
        self.seen += 1;
        self.inner.record(record, out)
    }

    fn advance(&mut self, partition: i32, now_ms: i64, out: &mut Outgoing) -> Result<(), Failure> {
        self.inner.advance(partition, now_ms, out)
    }

    fn deadline_ms(&self, partition: i32) -> Option<i64> {
        self.inner.deadline_ms(partition)
    }

    fn before_commit(&mut self, out: &mut Outgoing) -> Result<(), Failure> {
        self.inner.before_commit(out)
    }

    fn watched_topic(&self) -> Option<Arc<str>> {
        self.inner.watched_topic()
    }

    fn written(&mut self, partition: i32, offset: i64) {
        self.inner.written(partition, offset);
    }

    fn committed(&mut self) {
        self.inner.committed();
        if let Some((at, cpu)) = self.began.filter(|_| self.seen >= self.wanted) {
            self.took = (at.elapsed(), cpu_ms(std::process::id()) - cpu);
            self.ended.get_or_insert_with(Instant::now);
            self.shutdown.request();
        }
    }

    fn discarded(&mut self) {
        self.inner.discarded();
    }
}

/// The floor: the same bytes to another topic, without their headers.
#[derive(Debug)]
pub struct Copying(pub Arc<str>);

impl Stage for Copying {
    fn assigned(&mut self, _: &[i32]) -> Result<(), Failure> {
        Ok(())
    }

    fn revoked(&mut self, _: &[i32]) {}

    fn record(&mut self, record: &Incoming<'_>, out: &mut Outgoing) -> Result<(), Failure> {
        out.send(Output {
            topic: Arc::clone(&self.0),
            partition: Some(record.partition),
            key: record.key.unwrap_or_default().to_vec(),
            value: record.value.map(<[u8]>::to_vec),
            headers: Vec::new(),
        });
        Ok(())
    }
}
