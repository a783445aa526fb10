//! From `main` to the exit code: the same for every service.

use std::process::ExitCode;
use std::sync::Arc;

use crate::clock::{SharedClock, SystemClock};
use crate::health::Health;
use crate::settings::Settings;
use crate::shutdown::Shutdown;
use crate::tasks::Tasks;

/// What every service is handed beside its settings. Clones share everything.
#[derive(Debug, Clone)]
pub struct Context {
    /// When to stop.
    pub shutdown: Shutdown,
    /// Where each part says whether it is ready.
    pub health: Health,
    /// The only way to run something beside the caller.
    pub tasks: Tasks,
    /// Metrics registered here are shown by the admin listener.
    pub metrics: prometheus::Registry,
    /// The only clock.
    pub clock: SharedClock,
}

impl Context {
    fn new() -> Self {
        let shutdown = Shutdown::new();
        Self {
            tasks: Tasks::new(shutdown.clone()),
            shutdown,
            health: Health::default(),
            metrics: prometheus::Registry::new(),
            clock: Arc::new(SystemClock),
        }
    }

    /// A context without signals, admin listener or exit code; replace its clock as needed.
    pub fn for_test() -> Self {
        Self::new()
    }
}

/// Runs a service from its arguments to its exit code.
///
/// `name` is the binary's, `defaults` the text of its `settings.default.toml`. `run` starts
/// everything and returns once the service is drained after `context.shutdown` was requested.
pub fn main<S, R, F>(_name: &'static str, _defaults: &'static str, _run: R) -> ExitCode
where
    S: Settings,
    R: FnOnce(S, Context) -> F,
    F: Future<Output = anyhow::Result<()>>,
{
    ExitCode::FAILURE
}
