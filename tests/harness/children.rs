//! The four services as processes, as an operator runs them.

use std::{
    fs::{File, OpenOptions},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
};

use nix::{sys::signal::Signal, unistd::Pid};

/// A service of the pipeline.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Service {
    Ingest,
    Normalizer,
    Enricher,
    Sink,
}

impl Service {
    pub const ALL: [Service; 4] = [Self::Ingest, Self::Normalizer, Self::Enricher, Self::Sink];

    pub const fn name(self) -> &'static str {
        match self {
            Self::Ingest => "ingest",
            Self::Normalizer => "normalizer",
            Self::Enricher => "enricher",
            Self::Sink => "sink",
        }
    }
}

/// The folder beside that of this test binary: cargo puts binaries there.
pub fn target_folder() -> PathBuf {
    let own = std::env::current_exe().expect("own path");
    own.parent()
        .and_then(Path::parent)
        .expect("target folder")
        .to_owned()
}

/// One of the workspace's binaries.
pub fn binary(name: &str) -> PathBuf {
    let path = target_folder().join(name);
    assert!(
        path.exists(),
        "{} is not built: run `make build`",
        path.display()
    );
    path
}

/// One running process; killed when dropped.
#[derive(Debug)]
pub struct Process {
    child: Child,
    pub admin: String,
    log: PathBuf,
}

impl Process {
    pub fn start(service: Service, environment: &[(String, String)], folder: &Path) -> Self {
        let admin = free_address();
        let log = folder.join(format!("{}.log", service.name()));
        let output = |log: &Path| -> File {
            OpenOptions::new()
                .create(true)
                .append(true)
                .open(log)
                .expect("log file")
        };
        let child = Command::new(binary(service.name()))
            .env_clear()
            .envs(
                environment
                    .iter()
                    .map(|(key, value)| (key.as_str(), value.as_str())),
            )
            .env("WAYBILL__ADMIN__LISTEN", &admin)
            .stdin(Stdio::null())
            .stdout(output(&log))
            .stderr(output(&log))
            .spawn()
            .expect("the service starts");
        Self { child, admin, log }
    }

    pub fn id(&self) -> u32 {
        self.child.id()
    }

    pub fn signal(&self, signal: Signal) {
        let pid = i32::try_from(self.child.id()).expect("pid");
        nix::sys::signal::kill(Pid::from_raw(pid), signal).expect("the process takes a signal");
    }

    /// kill -9, and wait until it is gone.
    pub fn kill(mut self) {
        self.child.kill().expect("kill");
        self.child.wait().expect("wait");
    }

    pub fn exited(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().expect("wait")
    }

    /// The end of its log, for the message of a failed test.
    pub fn log_tail(&self) -> String {
        let text = std::fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(15)..].join("\n")
    }

    pub fn log_path(&self) -> &Path {
        &self.log
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if self.child.try_wait().ok().flatten().is_none() {
            drop(self.child.kill());
            drop(self.child.wait());
        }
    }
}

/// A loopback address that nobody listens on at the moment.
pub fn free_address() -> String {
    local_stack::free_address()
        .expect("a free port")
        .to_string()
}
