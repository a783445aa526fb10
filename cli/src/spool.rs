//! What waits in ingest's disk spool, seen from outside while ingest may be running.

use std::path::Path;

use anyhow::Context as _;
use ingest::spool::{SpoolError, peek};
use serde::Serialize;

/// A spool that is not empty.
#[derive(Debug, Serialize)]
pub(crate) struct Held {
    pub(crate) dir: String,
    pub(crate) webhooks: u64,
    pub(crate) bytes: u64,
    pub(crate) oldest_at: Option<String>,
    /// Damaged files that are kept; 0 is right.
    pub(crate) damaged_files: u64,
    /// Webhooks that Kafka will never take, in the folder beside; 0 is right.
    pub(crate) refused: u64,
}

/// How many lie in the folder where ingest keeps what Kafka refused for good.
fn refused(dir: &Path) -> anyhow::Result<u64> {
    let folder = ingest::settings::refused(dir);
    let files = match std::fs::read_dir(&folder) {
        Ok(files) => files,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(0),
        Err(error) => return Err(error).context("looking beside the spool"),
    };
    let mut count = 0;
    for file in files {
        let path = file.context("looking beside the spool")?.path();
        count += u64::from(path.extension().is_some_and(|ending| ending == "headers"));
    }
    Ok(count)
}

/// `None` where the folder is missing or holds nothing that waits or is damaged.
pub(crate) fn held(dir: &Path) -> anyhow::Result<Option<Held>> {
    let refused = refused(dir)?;
    let stats = match peek(dir) {
        Ok(stats) => stats,
        Err(SpoolError::NoFolder { .. }) if refused == 0 => return Ok(None),
        Err(error) => return Err(error).context("looking into the spool"),
    };
    let held = Held {
        dir: dir.display().to_string(),
        webhooks: stats.records,
        bytes: stats.bytes,
        oldest_at: stats.oldest_at.map(|at| at.to_string()),
        damaged_files: stats.quarantined,
        refused,
    };
    let is_empty = held.webhooks == 0 && held.damaged_files == 0 && held.refused == 0;
    Ok((!is_empty).then_some(held))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use ingest::spool::{Entry, Options, Sequence, open};
    use runtime::clock::SystemClock;

    use super::*;

    #[tokio::test]
    async fn a_spool_is_named_while_anything_waits_in_it() {
        let folder = tempfile::tempdir().unwrap();
        assert!(held(&folder.path().join("none")).unwrap().is_none());
        let options = Options {
            dir: folder.path().to_owned(),
            segment_bytes: 1 << 20,
            bytes_max: 1 << 30,
            free_bytes_min: 0,
        };
        let (spool, _) = open(options, Arc::new(SystemClock)).unwrap();
        assert!(held(folder.path()).unwrap().is_none());
        let entry = Entry {
            overflow: false,
            placement: 1,
            headers: Vec::new(),
            body: vec![1].into(),
        };
        spool.append(entry).await.unwrap();
        assert_eq!(held(folder.path()).unwrap().unwrap().webhooks, 1);
        spool.arrived().await;
        spool.settle(Sequence(1)).unwrap();
        assert!(held(folder.path()).unwrap().is_none());
        let beside = ingest::settings::refused(folder.path());
        std::fs::create_dir(&beside).unwrap();
        for ending in ["body", "headers"] {
            std::fs::write(beside.join(format!("1.{ending}")), "x").unwrap();
        }
        assert_eq!(held(folder.path()).unwrap().unwrap().refused, 1);
        std::fs::remove_dir_all(beside).unwrap();
    }
}
