//! Webhooks that Kafka will never take, such as one over the topic's limit: acknowledged, so kept.

use std::{
    fs::{DirBuilder, File, OpenOptions},
    io::{self, Write},
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::Path,
};

use crate::spool::Entry;

/// Writes an entry as two files that people can read: its headers with the reason, and its body.
/// Returns once both are safe; the same entry again writes the same files.
pub(super) fn keep(folder: &Path, sequence: u64, entry: &Entry, why: &str) -> io::Result<()> {
    if !folder.is_dir() {
        // Bodies are personal data, as in the spool beside it.
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(folder)?;
        if let Some(parent) = folder.parent().filter(|parent| parent.is_dir()) {
            File::open(parent)?.sync_all()?;
        }
    }
    let mut headers = format!("# {why}\n");
    for (name, value) in &entry.headers {
        headers.push_str(name);
        headers.push_str(": ");
        headers.push_str(&String::from_utf8_lossy(value));
        headers.push('\n');
    }
    for (ending, content) in [("body", &entry.body[..]), ("headers", headers.as_bytes())] {
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(true).mode(0o600);
        let mut file = options.open(folder.join(format!("{sequence:020}.{ending}")))?;
        file.write_all(content)?;
        file.sync_all()?;
    }
    File::open(folder)?.sync_all()
}
