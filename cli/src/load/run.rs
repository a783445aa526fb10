//! A run: some threads, each with its connections, its part of the mix and its gate.

use std::{
    cell::RefCell,
    fs::File,
    io::{BufWriter, Write as _},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
        mpsc::{Receiver, SyncSender, sync_channel},
    },
    thread,
    time::{Duration, Instant},
};

use anyhow::Context as _;
use futures_util::future::{join_all, try_join_all};

use super::{
    http::Connection,
    mix::{Mix, Plan},
    pace::{Gate, Pace},
    tally::Tally,
};

/// After a connection could not be had.
const AGAIN_AFTER: Duration = Duration::from_millis(50);

/// Receipts that were answered with 200, one a line.
pub(crate) type Acknowledged = Mutex<BufWriter<File>>;

/// What the run and whoever looks on share.
pub(crate) struct Shared {
    pub(super) gates: Vec<Gate>,
    tallies: Vec<Mutex<Tally>>,
    /// Connections of each worker.
    pub(super) connections: Vec<usize>,
    pub(super) pace: Pace,
    pub(super) acknowledged: Option<Acknowledged>,
    pub(crate) stop: AtomicBool,
}

impl Shared {
    pub(super) fn new(
        pace: Pace,
        connections: Vec<usize>,
        acknowledged: Option<Acknowledged>,
    ) -> Self {
        Self {
            gates: connections.iter().map(|_| Gate::default()).collect(),
            tallies: connections.iter().map(|_| Mutex::default()).collect(),
            connections,
            pace,
            acknowledged,
            stop: AtomicBool::new(false),
        }
    }

    /// The sum of all workers; what came lately is forgotten by it.
    pub(crate) fn look(&self) -> Tally {
        let mut sum = Tally::default();
        for tally in &self.tallies {
            let mut tally = held(tally);
            sum.merge(&tally);
            tally.lately.clear();
        }
        sum
    }

    pub(crate) fn unsent(&self) -> u64 {
        // in a closed loop nothing is ever due
        let unsent = || self.gates.iter().map(Gate::unsent).sum();
        self.pace.rate.map_or(0, |_| unsent())
    }

    /// Writes down the receipts so far.
    ///
    /// # Errors
    /// When the disk does not take them.
    pub(crate) fn flush(&self) -> anyhow::Result<()> {
        let Some(file) = &self.acknowledged else {
            return Ok(());
        };
        held(file).flush().context("writing the receipts")
    }
}

fn held<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Runs to the end and gives how long it took. Blocks.
pub(super) fn run(shared: &Arc<Shared>, plans: Vec<Plan>) -> anyhow::Result<Duration> {
    thread::scope(|scope| {
        let mut workers = Vec::new();
        for (number, plan) in plans.into_iter().enumerate() {
            let (ready, is_ready) = sync_channel(1);
            let (begin, begins) = sync_channel(1);
            let handle = scope.spawn(move || {
                let worker = Worker::new(shared, number, plan)?;
                let result = worker.run(&ready, &begins);
                // one that can't go on ends the run for all
                shared.stop.store(true, Ordering::Relaxed);
                result
            });
            workers.push((handle, is_ready, begin));
        }
        let all_ready = workers.iter().all(|(_, ready, _)| ready.recv().is_ok());
        let start = Instant::now();
        let mut handles = Vec::new();
        for (handle, _, begin) in workers {
            if all_ready {
                // one that has ended says why below
                begin.send(start).ok();
            }
            handles.push(handle);
        }
        if all_ready {
            shared.pace.keep(&shared.gates, start, &shared.stop);
        }
        for handle in handles {
            let result = handle.join();
            result.map_err(|_| anyhow::anyhow!("a thread of the load broke down"))??;
        }
        Ok(start.elapsed())
    })
}

struct Worker<'s> {
    shared: &'s Shared,
    number: usize,
    plan: Plan,
    mix: RefCell<Mix>,
}

impl<'s> Worker<'s> {
    fn new(shared: &'s Shared, number: usize, plan: Plan) -> anyhow::Result<Self> {
        Ok(Self {
            shared,
            number,
            mix: RefCell::new(Mix::new(plan.clone())?),
            plan,
        })
    }

    fn run(&self, ready: &SyncSender<()>, begins: &Receiver<Instant>) -> anyhow::Result<()> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let count = self.shared.connections.get(self.number).copied();
        let new = |_| Connection::new(&self.plan.target);
        let mut connections: Vec<_> = (0..count.unwrap_or_default()).map(new).collect();
        let opened = runtime.block_on(join_all(connections.iter_mut().map(Connection::open)));
        if let Some(Err(why)) = opened.into_iter().find(Result::is_err) {
            let (host, why) = (&self.plan.target.authority, why.words());
            anyhow::bail!("ingest can't be reached at {host}: {why}");
        }
        ready.send(()).ok();
        let Ok(start) = begins.recv() else {
            return Ok(());
        };
        let lines = connections
            .into_iter()
            .map(|connection| self.line(connection, start));
        runtime.block_on(try_join_all(lines))?;
        Ok(())
    }

    /// One connection: the next webhook is made before its turn comes, so that making it takes no part
    /// in the time until the answer.
    async fn line(&self, mut connection: Connection, start: Instant) -> anyhow::Result<()> {
        let worker = self.plan.worker.0;
        let gate = self.shared.gates.get(self.number).context("no gate")?;
        let tally = self.shared.tallies.get(self.number).context("no tally")?;
        loop {
            let made = self.mix.borrow_mut().next()?;
            let Some(number) = gate.turn().await else {
                return Ok(());
            };
            let intended = self.shared.pace.intended(worker, number);
            let intended = intended.map_or_else(Instant::now, |after| start + after);
            let answer = connection.exchange(&made.request.bytes).await;
            let took = Instant::now().saturating_duration_since(intended);
            let status = answer.as_ref().map(|answer| answer.status);
            held(tally).add((made.kind, made.provider), status.map_err(|why| *why), took);
            match answer {
                Ok(answer) if answer.status == 200 => {
                    self.acknowledged(answer.receipt_id.as_deref())?;
                }
                Ok(_) => {}
                Err(_) => tokio::time::sleep(AGAIN_AFTER).await,
            }
        }
    }

    fn acknowledged(&self, receipt_id: Option<&str>) -> anyhow::Result<()> {
        if let (Some(file), Some(id)) = (&self.shared.acknowledged, receipt_id) {
            writeln!(held(file), "{id}").context("writing the receipts")?;
        }
        Ok(())
    }
}
