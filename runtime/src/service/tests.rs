//! Each test runs a real process: this test binary, told by a variable to play a service.

use std::io::{BufRead, BufReader, Read};
use std::net::{TcpListener, TcpStream};
use std::process::{self, Child, Command, Stdio};
use std::time::{Duration, Instant};

use nix::fcntl::{FcntlArg, fcntl};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde::Deserialize;

use super::*;
use crate::settings::Common;

const PLAY: &str = "WAYBILL_TEST_PLAY";
const ARGUMENTS: &str = "WAYBILL_TEST_ARGUMENTS";

#[derive(Debug, Deserialize)]
struct Plain {
    #[serde(flatten)]
    common: Common,
}

impl Settings for Plain {
    fn common(&self) -> &Common {
        &self.common
    }

    fn check(&self, _problems: &mut Problems) {}
}

async fn play(what: &str, context: Context) -> anyhow::Result<()> {
    context.health.part("play").ready();
    // a log line that tells the parent process where we are
    info!("playing");
    match what {
        "drains" => context.shutdown.requested().await,
        "hangs" => std::future::pending().await,
        "blocks" => loop {
            std::thread::park();
        },
        "dies" => {
            context
                .tasks
                .spawn("loader", async { anyhow::bail!("refused") });
            context.shutdown.requested().await;
        }
        other => anyhow::bail!("cannot play {other}"),
    }
    Ok(())
}

#[test]
fn player() {
    let Ok(what) = env::var(PLAY) else { return };
    let arguments = env::var(ARGUMENTS).unwrap_or_default();
    let arguments: Vec<OsString> = arguments.split_whitespace().map(OsString::from).collect();
    let defaults = include_str!("../../settings.common.toml");
    let run = |_: Plain, context| async move { play(&what, context).await };
    process::exit(run_with("player", defaults, arguments.into_iter(), run).into());
}

fn start(what: &str, variables: &[(&str, &str)]) -> Child {
    start_with(what, variables, Stdio::piped())
}

fn start_with(what: &str, variables: &[(&str, &str)], log: impl Into<Stdio>) -> Child {
    Command::new(env::current_exe().unwrap())
        .args(["--exact", "service::tests::player", "--nocapture"])
        .env(PLAY, what)
        .env("WAYBILL__KAFKA__BOOTSTRAP_SERVERS", "127.0.0.1:1")
        .env("WAYBILL__ADMIN__LISTEN", "127.0.0.1:0")
        .envs(variables.iter().copied())
        .stdout(Stdio::piped())
        .stderr(log)
        .spawn()
        .unwrap()
}

/// Waits for a log line with `word`, and returns everything up to it.
fn wait_for(child: &mut Child, word: &str) -> String {
    let mut seen = String::new();
    let mut lines = BufReader::with_capacity(1, child.stderr.as_mut().unwrap());
    while lines.read_line(&mut seen).unwrap() > 0 {
        if seen.lines().last().unwrap_or_default().contains(word) {
            return seen;
        }
    }
    panic!("{word} never came in: {seen}");
}

fn send(child: &Child, signal: Signal) {
    kill(Pid::from_raw(child.id().cast_signed()), signal).unwrap();
}

/// The exit code, and what was still to read from standard output and error.
fn end(mut child: Child) -> (Option<i32>, String) {
    let mut text = String::new();
    child
        .stdout
        .take()
        .unwrap()
        .read_to_string(&mut text)
        .unwrap();
    child
        .stderr
        .take()
        .unwrap()
        .read_to_string(&mut text)
        .unwrap();
    (child.wait().unwrap().code(), text)
}

#[test]
fn a_drained_service_exits_with_0_after_sigterm() {
    let mut child = start("drains", &[]);
    let log = wait_for(&mut child, "playing");
    assert!(log.contains("\"message\":\"admin listener open\""), "{log}");
    send(&child, Signal::SIGTERM);
    let (code, log) = end(child);
    assert_eq!(code, Some(0), "{log}");
    assert!(log.contains("\"message\":\"stopped\""), "{log}");
}

#[test]
fn a_service_whose_log_nobody_reads_any_more_works_and_ends() {
    let (unread, mut full) = io::pipe().unwrap();
    let room = fcntl(&full, FcntlArg::F_GETPIPE_SZ).unwrap();
    full.write_all(&vec![b'\n'; room.try_into().unwrap()])
        .unwrap();
    let free = TcpListener::bind("127.0.0.1:0").unwrap();
    let admin = free.local_addr().unwrap().to_string();
    drop(free);
    let child = start_with("drains", &[("WAYBILL__ADMIN__LISTEN", &admin)], full);
    let deadline = Instant::now() + Duration::from_secs(60);
    while !is_ready(&admin) {
        assert!(Instant::now() < deadline, "never ready");
        std::thread::park_timeout(Duration::from_millis(10));
    }
    send(&child, Signal::SIGTERM);
    assert_eq!(child.wait_with_output().unwrap().status.code(), Some(0));
    drop(unread);
}

fn is_ready(admin: &str) -> bool {
    let ask = || {
        let mut stream = TcpStream::connect(admin)?;
        stream.write_all(b"GET /readyz HTTP/1.0\r\n\r\n")?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).map(|_| answer)
    };
    ask().is_ok_and(|answer: String| answer.contains(" 200 "))
}

#[test]
fn a_service_that_hangs_exits_with_1_at_the_deadline() {
    let mut child = start("hangs", &[("WAYBILL__SERVICE__SHUTDOWN_SECONDS", "1")]);
    wait_for(&mut child, "playing");
    send(&child, Signal::SIGINT);
    let (code, log) = end(child);
    assert_eq!(code, Some(1), "{log}");
    assert!(
        log.contains("still running 1 s after the request to stop: the service"),
        "{log}"
    );
}

#[test]
fn a_service_that_blocks_its_thread_exits_with_1_as_well() {
    let mut child = start("blocks", &[("WAYBILL__SERVICE__SHUTDOWN_SECONDS", "1")]);
    wait_for(&mut child, "playing");
    send(&child, Signal::SIGTERM);
    let (code, log) = end(child);
    assert_eq!(code, Some(1), "{log}");
    assert!(log.contains("stuck: stopping at once"), "{log}");
}

#[test]
fn a_second_signal_exits_with_130_at_once() {
    let mut child = start("hangs", &[]);
    wait_for(&mut child, "playing");
    send(&child, Signal::SIGTERM);
    wait_for(&mut child, "stopping");
    send(&child, Signal::SIGTERM);
    let (code, log) = end(child);
    assert_eq!(code, Some(130), "{log}");
}

#[test]
fn a_dead_task_exits_with_1_and_is_named() {
    let (code, log) = end(start("dies", &[("WAYBILL__TELEMETRY__LOG_FORMAT", "text")]));
    assert_eq!(code, Some(1), "{log}");
    assert!(log.contains("loader failed: refused"), "{log}");
}

#[test]
fn wrong_settings_exit_with_2_before_anything_opens() {
    let (code, log) = end(start("drains", &[("WAYBILL__ADMIN__LISTEN", "here")]));
    assert_eq!(code, Some(2), "{log}");
    assert!(
        log.contains("WAYBILL__ADMIN__LISTEN: invalid socket address"),
        "{log}"
    );
    assert!(!log.contains("starting"), "{log}");
}

#[test]
fn an_unknown_argument_exits_with_2_and_help_shows_an_example() {
    let (code, log) = end(start("drains", &[(ARGUMENTS, "--confg")]));
    assert_eq!(code, Some(2), "{log}");
    assert!(log.contains("unknown argument --confg"), "{log}");
    let (code, text) = end(start("drains", &[(ARGUMENTS, "--help")]));
    assert_eq!(code, Some(0), "{text}");
    assert!(text.contains("Example:\n  WAYBILL__KAFKA__"), "{text}");
}

#[test]
fn printed_settings_are_those_in_force_without_secrets() {
    let variables = [
        (ARGUMENTS, "--print-settings"),
        ("WAYBILL__KAFKA__SASL_PASSWORD", "open sesame"),
    ];
    let (code, text) = end(start("drains", &variables));
    assert_eq!(code, Some(0), "{text}");
    assert!(text.contains("sasl_password = \"***\""), "{text}");
    assert!(
        text.contains("bootstrap_servers = \"127.0.0.1:1\""),
        "{text}"
    );
    assert!(!text.contains("sesame"), "{text}");
    let wrong = [variables[0], ("WAYBILL__TOPICS__PREFIX", "a b")];
    let (code, text) = end(start("drains", &wrong));
    assert_eq!(code, Some(2), "{text}");
    assert!(
        text.contains("prefix = \"a b\"") && text.contains("topics.prefix: must"),
        "{text}"
    );
}

#[test]
fn an_idle_service_needs_little_memory() {
    let mut child = start("drains", &[]);
    wait_for(&mut child, "playing");
    let status = std::fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap();
    let resident = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))
        .unwrap();
    let kibibytes: u64 = resident.trim().trim_end_matches(" kB").parse().unwrap();
    send(&child, Signal::SIGTERM);
    assert_eq!(end(child).0, Some(0));
    assert!(kibibytes < 40_000, "{kibibytes} KiB");
}
