use std::io;
use std::path::PathBuf;
use std::time::Duration;

use crate::child::Death;
use crate::log_tail::LogTail;
use crate::part::Part;

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("this machine lacks what the local stack needs:\n  {}", .0.join("\n  "))]
    Tools(Vec<String>),
    #[error("ClickHouse has no package for {os} on {arch}; use Linux (glibc) or macOS")]
    Platform { os: String, arch: String },
    #[error("{part} could not be fetched: {why}")]
    Fetch { part: Part, why: String },
    #[error(
        "local-stack-launcher is not in {}; run `cargo build -p local-stack` with the same \
         profile, or set WAYBILL_LAUNCHER to its path", list(.looked_in)
    )]
    Launcher { looked_in: Vec<PathBuf> },
    #[error("{} is in use by another stack ({holder}); stop that one, or take another folder", .dir.display())]
    InUse { dir: PathBuf, holder: String },
    #[error("port {port} on 127.0.0.1 is taken; stop what uses it, or choose another port base")]
    PortTaken { port: u16 },
    #[error("no five free ports in a row between 20000 and 32000 on 127.0.0.1")]
    NoPorts,
    #[error("{0}")]
    Died(Death),
    #[error("{part} was not ready after {} s; {log}", .waited.as_secs())]
    NotReady {
        part: Part,
        waited: Duration,
        log: LogTail,
    },
    #[error("{part} is not running")]
    NotRunning { part: Part },
    #[error("the stack has been stopped")]
    Stopped,
    #[error("{part} did not end after SIGKILL")]
    Immortal { part: Part },
    #[error("{doing} failed")]
    Io { doing: String, source: io::Error },
}

impl Error {
    pub(crate) fn unsupported(os: &str, arch: &str) -> Self {
        Self::Platform {
            os: os.to_owned(),
            arch: arch.to_owned(),
        }
    }

    pub(crate) fn fetch(part: Part, why: impl Into<String>) -> Self {
        Self::Fetch {
            part,
            why: why.into(),
        }
    }
}

/// An `io::Error` alone names no file.
pub(crate) trait While<T> {
    fn doing(self, what: impl FnOnce() -> String) -> Result<T, Error>;
}

impl<T> While<T> for io::Result<T> {
    fn doing(self, what: impl FnOnce() -> String) -> Result<T, Error> {
        self.map_err(|source| Error::Io {
            doing: what(),
            source,
        })
    }
}

fn list(paths: &[PathBuf]) -> String {
    paths
        .iter()
        .map(|path| path.display().to_string())
        .collect::<Vec<_>>()
        .join(" nor ")
}
