//! One service as a child process, on the leash of `local-stack`'s launcher: it reports how the program
//! goes on its standard output, and kills the program when its standard input ends, which it does
//! when this process is gone, however it went.

use std::{
    collections::BTreeMap,
    env, fmt,
    fs::{self, File, OpenOptions},
    io::{self, Read, Seek, SeekFrom},
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use anyhow::Context as _;
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use tokio::{
    io::{AsyncBufReadExt, BufReader, Lines},
    process::{Child as Launcher, ChildStdin, ChildStdout, Command},
    time::timeout,
};

const LAUNCHER: &str = "local-stack-launcher";
/// The launcher first waits for its predecessor to be gone.
const SPAWNED_WITHIN: Duration = Duration::from_secs(15);
const LOG_BYTES_MAX: u64 = 16 << 20;
const TAIL_BYTES: u64 = 4096;
const TAIL_LINES: usize = 12;

/// What to run, and where it writes.
#[derive(Clone, Debug)]
pub(super) struct Program {
    pub(super) name: &'static str,
    pub(super) path: PathBuf,
    pub(super) launcher: PathBuf,
    pub(super) folder: PathBuf,
    pub(super) log: PathBuf,
    pub(super) variables: BTreeMap<String, String>,
}

/// How it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Exit {
    Code(i32),
    Signal(i32),
    /// Its launcher was killed, and the program with it.
    Unknown,
}

impl fmt::Display for Exit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Code(code) => write!(f, "exited with code {code}"),
            Self::Signal(number) => match Signal::try_from(*number) {
                Ok(signal) => write!(f, "was killed by {signal}"),
                Err(_) => write!(f, "was killed by signal {number}"),
            },
            Self::Unknown => f.write_str("was killed together with its launcher"),
        }
    }
}

/// A program that runs. Dropping it kills the program.
pub(super) struct Child {
    pid: Pid,
    _leash: ChildStdin,
}

impl Child {
    pub(super) fn pid(&self) -> i32 {
        self.pid.as_raw()
    }

    /// It may have ended by itself just now, which its end will tell.
    pub(super) fn terminate(&self) {
        kill(self.pid, Signal::SIGTERM).ok();
    }
}

/// The other half of a child: tells when it ends.
pub(super) struct End {
    launcher: Launcher,
    reports: Lines<BufReader<ChildStdout>>,
}

impl End {
    pub(super) async fn wait(mut self) -> Exit {
        let mut exit = Exit::Unknown;
        while let Ok(Some(line)) = self.reports.next_line().await {
            match report(&line) {
                Some(("code", code)) => exit = Exit::Code(code),
                Some(("signal", number)) => exit = Exit::Signal(number),
                _ => {}
            }
        }
        // how the launcher ended says nothing that its reports did not
        self.launcher.wait().await.ok();
        exit
    }
}

fn report(line: &str) -> Option<(&str, i32)> {
    let (word, number) = line.split_once(' ')?;
    Some((word, number.parse().ok()?))
}

impl Program {
    /// The programs stand beside ours.
    pub(super) fn beside_us(name: &str) -> anyhow::Result<PathBuf> {
        let us = env::current_exe().context("finding the folder of our programs")?;
        let path = us.with_file_name(name);
        anyhow::ensure!(
            path.is_file(),
            "{} is missing: build all of the workspace with `cargo build`",
            path.display()
        );
        Ok(path)
    }

    pub(super) fn launcher() -> anyhow::Result<PathBuf> {
        match env::var_os("WAYBILL_LAUNCHER") {
            Some(path) => Ok(path.into()),
            None => Self::beside_us(LAUNCHER),
        }
    }

    pub(super) async fn start(&self) -> anyhow::Result<(Child, End)> {
        let starting = || format!("starting {}", self.name);
        fs::create_dir_all(&self.folder).with_context(starting)?;
        let mut launcher = Command::new(&self.launcher)
            .arg("watch")
            .arg(self.folder.join("running.lock"))
            .arg(&self.path)
            .current_dir(&self.folder)
            .envs(&self.variables)
            // a Ctrl-C at the terminal is ours to handle
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(open_log(&self.log).with_context(starting)?)
            .spawn()
            .with_context(starting)?;
        let leash = launcher.stdin.take().with_context(starting)?;
        let reports = launcher.stdout.take().with_context(starting)?;
        let mut reports = BufReader::new(reports).lines();
        let first = timeout(SPAWNED_WITHIN, reports.next_line()).await;
        let first = first.ok().and_then(Result::ok).flatten();
        let Some(("pid", pid)) = first.as_deref().and_then(report) else {
            anyhow::bail!("{} does not start; {}", self.name, self.last_words());
        };
        let child = Child {
            pid: Pid::from_raw(pid),
            _leash: leash,
        };
        Ok((child, End { launcher, reports }))
    }

    /// The end of its log, for people.
    pub(super) fn last_words(&self) -> String {
        let path = self.log.display();
        match tail(&self.log) {
            Ok(lines) if lines.is_empty() => format!("{path} is empty"),
            Ok(lines) => format!("the end of {path}:\n{lines}"),
            Err(error) => format!("{path}: {error}"),
        }
    }
}

fn open_log(path: &Path) -> io::Result<File> {
    if fs::metadata(path).is_ok_and(|log| log.len() > LOG_BYTES_MAX) {
        fs::rename(path, path.with_extension("log.1"))?;
    }
    OpenOptions::new().create(true).append(true).open(path)
}

fn tail(path: &Path) -> io::Result<String> {
    let mut file = File::open(path)?;
    let length = file.metadata()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(TAIL_BYTES)))?;
    let mut bytes = Vec::new();
    file.take(TAIL_BYTES).read_to_end(&mut bytes)?;
    let text = String::from_utf8_lossy(&bytes);
    let lines: Vec<&str> = text.lines().collect();
    let from = lines.len().saturating_sub(TAIL_LINES);
    Ok(lines
        .get(from..)
        .unwrap_or_default()
        .iter()
        .map(|line| format!("    {line}\n"))
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_long_log_is_its_last_lines() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.log");
        let text: String = (0..2000).map(|n| format!("line {n}\n")).collect();
        fs::write(&path, text).unwrap();
        let tail = tail(&path).unwrap();
        assert!(
            tail.starts_with("    line 1988\n") && tail.ends_with("    line 1999\n"),
            "{tail}"
        );
    }
}
