//! One child, held on a leash.
//!
//! Between us and the program stands our launcher. It holds the read end of a pipe whose write end
//! only we have, and kills the program when the pipe ends: so nothing stays behind however we end
//! (a static that is never dropped, `abort`, kill -9), on Linux and macOS. `PR_SET_PDEATHSIG` from
//! us would not do: it fires when the parent *thread* ends, and test threads come and go. The
//! launcher itself uses it, from its main thread, against its own violent death.

use std::ffi::OsString;
use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{self, ChildStdin, Command, Stdio};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::error::{Error, While};
use crate::launcher;
use crate::log_tail::LogTail;
use crate::part::Part;

const LOG_BYTES_MAX: u64 = 16 << 20;
/// The launcher first waits for its predecessor over the same data to be gone.
const SPAWN_DEADLINE: Duration = Duration::from_secs(15);
const KILL_DEADLINE: Duration = Duration::from_secs(10);

/// How a program ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    Code(i32),
    Signal(i32),
    /// Its launcher was killed, and the program with it.
    Unknown,
}

impl fmt::Display for Exit {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Code(code) => write!(out, "exited with code {code}"),
            Self::Signal(number) => match Signal::try_from(*number) {
                Ok(signal) => write!(out, "was killed by {signal}"),
                Err(_) => write!(out, "was killed by signal {number}"),
            },
            Self::Unknown => write!(out, "was killed together with its launcher"),
        }
    }
}

/// A child ended without being told to.
#[derive(Clone, Debug)]
pub struct Death {
    pub part: Part,
    pub pid: i32,
    pub exit: Exit,
    pub log: LogTail,
}

impl fmt::Display for Death {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            out,
            "{} (pid {}) {}; {}",
            self.part, self.pid, self.exit, self.log
        )
    }
}

#[derive(Clone, Debug)]
pub(crate) struct Invocation {
    pub(crate) part: Part,
    pub(crate) program: PathBuf,
    pub(crate) args: Vec<OsString>,
    /// Where it runs; also holds the lock that keeps two of them off the same data.
    pub(crate) folder: PathBuf,
    pub(crate) log: PathBuf,
}

type OnDeath = Box<dyn FnOnce(Death) + Send>;

#[derive(Default)]
struct State {
    exit: Option<Exit>,
    on_death: Option<OnDeath>,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    ended: Condvar,
}

pub(crate) struct Child {
    part: Part,
    pid: Pid,
    log: PathBuf,
    shared: Arc<Shared>,
    /// Closing it kills the program.
    _leash: Option<ChildStdin>,
}

impl fmt::Debug for Child {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Child({} {})", self.part, self.pid)
    }
}

impl Child {
    pub(crate) fn spawn(invocation: &Invocation) -> Result<Self, Error> {
        let Invocation {
            part,
            program,
            args,
            folder,
            log,
        } = invocation;
        let part = *part;
        fs::create_dir_all(folder).doing(|| format!("creating {}", folder.display()))?;
        let mut command = Command::new(launcher::find()?);
        if part == Part::Clickhouse {
            // it needs nothing of it, and its users must not find our passwords there
            command.env_clear();
        }
        let mut launcher = command
            .arg("watch")
            .arg(folder.join("running.lock"))
            .arg(program)
            .args(args)
            .current_dir(folder)
            // a Ctrl-C at the terminal is ours to handle: services stop before Kafka does
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(open_log(log)?)
            .spawn()
            .doing(|| format!("starting {part}"))?;
        let leash = launcher.stdin.take();
        let shared = Arc::new(Shared::default());
        let (pid_sender, pid_receiver) = mpsc::sync_channel(1);
        let reader = Reader {
            part,
            log: log.clone(),
            shared: Arc::clone(&shared),
        };
        thread::Builder::new()
            .name(format!("{part}-watch"))
            .spawn(move || reader.run(launcher, &pid_sender))
            .doing(|| format!("watching {part}"))?;
        match pid_receiver.recv_timeout(SPAWN_DEADLINE) {
            Ok(pid) => Ok(Self {
                part,
                pid,
                log: log.clone(),
                shared,
                _leash: leash,
            }),
            Err(_) => {
                let log = LogTail::read(log);
                Err(Error::NotReady {
                    part,
                    waited: SPAWN_DEADLINE,
                    log,
                })
            }
        }
    }

    pub(crate) fn pid(&self) -> i32 {
        self.pid.as_raw()
    }

    /// From now on an end is a death, unless `stop` brings it about.
    pub(crate) fn report_death(&self, on_death: OnDeath) -> Result<(), Death> {
        let mut state = self.shared.lock();
        match state.exit {
            Some(exit) => Err(self.death(exit)),
            None => {
                state.on_death = Some(on_death);
                Ok(())
            }
        }
    }

    pub(crate) fn death(&self, exit: Exit) -> Death {
        let log = LogTail::read(&self.log);
        Death {
            part: self.part,
            pid: self.pid(),
            exit,
            log,
        }
    }

    pub(crate) fn log(&self) -> &Path {
        &self.log
    }

    pub(crate) fn exit(&self) -> Option<Exit> {
        self.shared.lock().exit
    }

    pub(crate) fn signal(&self, signal: Signal) -> Result<(), Error> {
        // held over the call, so that a pid already given to someone else is not hit
        let state = self.shared.lock();
        if state.exit.is_some() {
            return Err(Error::NotRunning { part: self.part });
        }
        kill(self.pid, signal).map_err(|errno| Error::Io {
            doing: format!("sending {signal} to {}", self.part),
            source: errno.into(),
        })
    }

    /// Waits for the end, at most that long.
    pub(crate) fn wait(&self, limit: Duration) -> Option<Exit> {
        let deadline = Instant::now() + limit;
        let mut state = self.shared.lock();
        while state.exit.is_none() {
            let left = deadline.checked_duration_since(Instant::now())?;
            state = self
                .shared
                .ended
                .wait_timeout(state, left)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
        state.exit
    }

    /// Ends it without a report: SIGTERM, and SIGKILL once the grace is over.
    pub(crate) fn stop(&self, grace: Duration) -> Result<(), Error> {
        self.shared.lock().on_death = None;
        if !grace.is_zero() && self.signal(Signal::SIGTERM).is_ok() {
            // one that was stopped for a test cannot hear the SIGTERM
            self.ignore_gone(Signal::SIGCONT)?;
            if self.wait(grace).is_some() {
                return Ok(());
            }
        }
        self.ignore_gone(Signal::SIGKILL)?;
        self.wait(KILL_DEADLINE)
            .map(drop)
            .ok_or(Error::Immortal { part: self.part })
    }

    fn ignore_gone(&self, signal: Signal) -> Result<(), Error> {
        match self.signal(signal) {
            Err(Error::NotRunning { .. }) => Ok(()),
            other => other,
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Follows what the launcher says: `pid 123` once, then `code 1` or `signal 9`.
struct Reader {
    part: Part,
    log: PathBuf,
    shared: Arc<Shared>,
}

impl Reader {
    fn run(self, mut launcher: process::Child, pid_sender: &mpsc::SyncSender<Pid>) {
        let mut pid = 0;
        let mut exit = Exit::Unknown;
        let lines = launcher
            .stdout
            .take()
            .map(BufReader::new)
            .map(BufRead::lines);
        for line in lines.into_iter().flatten().map_while(Result::ok) {
            match line
                .split_once(' ')
                .map(|(word, number)| (word, number.parse::<i32>()))
            {
                Some(("pid", Ok(number))) => {
                    pid = number;
                    // nobody listens once the deadline has passed; the leash is cut then
                    pid_sender.try_send(Pid::from_raw(number)).ok();
                }
                Some(("code", Ok(code))) => exit = Exit::Code(code),
                Some(("signal", Ok(number))) => exit = Exit::Signal(number),
                _ => {}
            }
        }
        // reaps the launcher; how it ended says nothing that its report did not
        launcher.wait().ok();
        let on_death = {
            let mut state = self.shared.lock();
            state.exit = Some(exit);
            state.on_death.take()
        };
        self.shared.ended.notify_all();
        if let Some(on_death) = on_death {
            let log = LogTail::read(&self.log);
            on_death(Death {
                part: self.part,
                pid,
                exit,
                log,
            });
        }
    }
}

fn open_log(path: &Path) -> Result<File, Error> {
    let opening = || format!("opening {}", path.display());
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).doing(opening)?;
    }
    if fs::metadata(path).is_ok_and(|log| log.len() > LOG_BYTES_MAX) {
        fs::rename(path, path.with_extension("log.1")).doing(opening)?;
    }
    OpenOptions::new()
        .create(true)
        .append(true)
        .open(path)
        .doing(opening)
}
