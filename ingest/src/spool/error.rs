//! Why the spool did not do what was asked.

use std::{io, sync::Arc};

/// Everything that can go wrong. Holds nothing of any webhook. Clones go to all who waited.
#[derive(Clone, Debug, thiserror::Error)]
pub enum SpoolError {
    /// The limit in bytes is reached.
    #[error(
        "the spool holds all the bytes that it may (spool.bytes_max): \
         bring Kafka back, so that it drains, or raise the limit"
    )]
    Full,
    /// The disk has too little room left.
    #[error("the spool's disk has too little room left: free some, or give it a larger one")]
    DiskFull,
    /// More waits to be written than may wait.
    #[error("more waits to be written to the spool than may wait: try again in a moment")]
    Busy,
    /// One entry is over what a record may hold.
    #[error(
        "an entry of {bytes} bytes is too large for the spool: keep its body in the blob store"
    )]
    TooLarge { bytes: usize },
    /// It was closed, or its writer has ended.
    #[error("the spool is closed: the process is stopping")]
    Closed,
    /// There is no such folder.
    #[error("there is no spool folder {folder}: give the one that ingest has as spool.dir")]
    NoFolder { folder: String },
    /// Another process has the folder.
    #[error(
        "the spool {folder} is in use by process {holder}: an ingest that runs drains it by itself; \
         stop it first to do it by hand"
    )]
    Locked { folder: String, holder: String },
    /// The disk did not do it. What was being written is not safe.
    #[error("the spool could not {doing} {file}: look at the disk")]
    Io {
        doing: &'static str,
        file: String,
        source: Arc<io::Error>,
    },
    /// Written by a later version of this program.
    #[error(
        "the spool's {file} was written by a newer version of Waybill: drain it with that version"
    )]
    Newer { file: String },
    /// What was to be settled was never handed out.
    #[error(
        "record {through} of the spool can't be settled: the last one is {last}; restart ingest"
    )]
    Beyond { through: u64, last: u64 },
}

impl SpoolError {
    pub(super) fn io(doing: &'static str, file: &str, error: io::Error) -> Self {
        Self::Io {
            doing,
            file: file.to_owned(),
            source: Arc::new(error),
        }
    }

    /// Whether there is simply no room; anything else says that something is wrong.
    #[must_use]
    pub const fn is_full(&self) -> bool {
        matches!(self, Self::Full | Self::DiskFull)
    }
}
