//! What waits in ingest's disk spool, seen from outside while ingest may be running.

use std::{fs, io, path::Path};

use anyhow::Context as _;
use serde::Serialize;

/// A spool that is not empty.
#[derive(Debug, Serialize)]
pub(crate) struct Held {
    pub(crate) dir: String,
    pub(crate) files: u64,
    pub(crate) bytes: u64,
}

/// `None` where the folder is missing or holds nothing.
pub(crate) fn held(dir: &Path) -> anyhow::Result<Option<Held>> {
    let mut held = Held {
        dir: dir.display().to_string(),
        files: 0,
        bytes: 0,
    };
    let entries = match fs::read_dir(dir) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error).with_context(|| format!("reading {}", dir.display())),
    };
    for entry in entries {
        let metadata = entry?.metadata()?;
        if metadata.is_file() && metadata.len() > 0 {
            held.files += 1;
            held.bytes += metadata.len();
        }
    }
    Ok((held.files > 0).then_some(held))
}
