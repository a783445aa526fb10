use std::fmt;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

const LINES: usize = 20;
const BYTES: u64 = 16 * 1024;

/// The end of a child's log: what someone needs to see when it died.
#[derive(Clone, Debug)]
pub struct LogTail {
    pub path: PathBuf,
    pub lines: Vec<String>,
}

impl LogTail {
    /// Never fails: it accompanies another failure, which matters more.
    pub(crate) fn read(path: &Path) -> Self {
        let text = last_bytes(path).unwrap_or_default();
        let mut lines: Vec<String> = String::from_utf8_lossy(&text)
            .lines()
            .map(str::to_owned)
            .collect();
        lines.drain(..lines.len().saturating_sub(LINES));
        Self {
            path: path.to_owned(),
            lines,
        }
    }
}

fn last_bytes(path: &Path) -> std::io::Result<Vec<u8>> {
    let mut file = File::open(path)?;
    let length = file.metadata()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(BYTES)))?;
    let mut text = Vec::new();
    file.take(BYTES).read_to_end(&mut text)?;
    Ok(text)
}

impl fmt::Display for LogTail {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "last lines of {}:", self.path.display())?;
        self.lines
            .iter()
            .try_for_each(|line| write!(out, "\n    {line}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_last_lines_are_kept_and_a_missing_log_is_empty() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let text: String = (0..5000).map(|n| format!("line {n}\n")).collect();
        std::fs::write(file.path(), text).unwrap();
        let tail = LogTail::read(file.path());
        assert_eq!(tail.lines.len(), LINES);
        assert_eq!(tail.lines.last().unwrap(), "line 4999");
        assert!(
            LogTail::read(Path::new("/nonexistent/log"))
                .lines
                .is_empty()
        );
    }
}
