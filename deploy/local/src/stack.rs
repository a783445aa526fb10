use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use nix::sys::signal::Signal;
use tokio::sync::broadcast;

use crate::child::Death;
use crate::children::Children;
use crate::error::Error;
use crate::fetch::fetch;
use crate::options::Options;
use crate::part::Part;
use crate::place::Place;
use crate::progress::Progress;

const EVENTS_KEPT: usize = 64;

/// What happens to the children of a running stack.
#[derive(Clone, Debug)]
pub enum Event {
    Died(Death),
    Restarted { part: Part, pid: i32 },
    RestartFailed { part: Part, error: String },
}

/// The three, running. Dropping it kills them and waits for that; the end of this process kills them
/// too.
#[derive(Debug)]
pub struct Stack {
    children: Arc<Children>,
    /// Opened before the first child could die, so that the first listener misses nothing.
    first_listener: Mutex<Option<broadcast::Receiver<Event>>>,
}

impl Stack {
    /// Fetches what is missing, starts the parts asked for and returns once all of them answer.
    pub fn start(options: Options, progress: &dyn Progress) -> Result<Self, Error> {
        let parts = fetch(progress)?;
        let place = Place::take(&options, &parts.cache)?;
        let (events, listener) = broadcast::channel(EVENTS_KEPT);
        let wanted = options.parts.clone();
        // an early return drops the stack, which kills what was started
        let stack = Self {
            children: Arc::new(Children::new(parts, place, options, events)),
            first_listener: Mutex::new(Some(listener)),
        };
        let children = &stack.children;
        thread::scope(|scope| {
            let started: Vec<_> = wanted
                .into_iter()
                .map(|part| scope.spawn(move || children.start(part, progress)))
                .collect();
            started
                .into_iter()
                .map(|thread| thread.join().unwrap_or(Err(Error::Stopped)))
                .collect::<Vec<_>>()
        })
        .into_iter()
        .collect::<Result<(), Error>>()?;
        Ok(stack)
    }

    /// Ends all three, Kafka last, with SIGTERM and, where that does not help, SIGKILL. It cannot be
    /// started again; start another one over the same folder.
    pub fn stop(&self) -> Result<(), Error> {
        self.children.stop(true)
    }

    /// Stops the part if it runs, starts it and waits until it answers. The address stays.
    pub fn restart(&self, part: Part) -> Result<(), Error> {
        self.children.restart(part)
    }

    /// Restarts ClickHouse with other users, since it reads them at start only. Arguments as in
    /// [`crate::ClickhouseOptions`].
    pub fn replace_clickhouse_users(&self, users: &str, profiles: &str) -> Result<(), Error> {
        self.children.replace_clickhouse_users(users, profiles);
        self.restart(Part::Clickhouse)
    }

    /// Sends a signal to the program itself; an end by it is a death like any other.
    pub fn signal(&self, part: Part, signal: Signal) -> Result<(), Error> {
        self.children.signal(part, signal)
    }

    /// None while it is dead.
    pub fn pid(&self, part: Part) -> Option<i32> {
        self.children.pid(part)
    }

    /// Deaths and restarts: for the first caller from the start on, for others from now on.
    pub fn events(&self) -> broadcast::Receiver<Event> {
        let first = self
            .first_listener
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        first.unwrap_or_else(|| self.children.subscribe())
    }

    /// For `bootstrap.servers`.
    pub fn kafka_bootstrap(&self) -> String {
        format!("127.0.0.1:{}", self.place().ports.kafka())
    }

    /// Without a slash at its end.
    pub fn registry_url(&self) -> String {
        format!(
            "http://127.0.0.1:{}/apis/ccompat/v7",
            self.place().ports.registry()
        )
    }

    /// Over HTTP.
    pub fn clickhouse_url(&self) -> String {
        format!("http://127.0.0.1:{}", self.place().ports.clickhouse_http())
    }

    pub fn clickhouse_native_port(&self) -> u16 {
        self.place().ports.clickhouse_tcp()
    }

    /// Who may do everything: `default`, or `waybill` where a password is set.
    pub fn clickhouse_user(&self) -> &'static str {
        self.children.clickhouse_user()
    }

    pub fn data_dir(&self) -> &Path {
        self.place().data()
    }

    pub fn log_path(&self, part: Part) -> PathBuf {
        self.place().log(part)
    }

    fn place(&self) -> &Place {
        self.children.place()
    }
}

impl Drop for Stack {
    fn drop(&mut self) {
        // nobody is left to hear of a failure, and the leash kills whatever remains
        self.children.stop(false).ok();
    }
}
