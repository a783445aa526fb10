use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

const LIMIT: Duration = Duration::from_secs(10);

pub(crate) fn is_alive(pid: i32) -> bool {
    kill(Pid::from_raw(pid), None).is_ok()
}

fn watch(lock: &std::path::Path) -> (Child, i32) {
    let mut launcher = Command::new(env!("CARGO_BIN_EXE_local-stack-launcher"))
        .args(["watch".as_ref(), lock.as_os_str()])
        .args(["sleep", "600"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(launcher.stdout.take().unwrap())
        .read_line(&mut line)
        .unwrap();
    (
        launcher,
        line.trim().strip_prefix("pid ").unwrap().parse().unwrap(),
    )
}

fn assert_gone(pid: i32) {
    let deadline = Instant::now() + LIMIT;
    while is_alive(pid) {
        assert!(Instant::now() < deadline, "{pid} is still alive");
        std::thread::yield_now();
    }
}

#[test]
fn a_program_ends_when_the_leash_is_cut() {
    let lock = tempfile::NamedTempFile::new().unwrap();
    let (mut launcher, pid) = watch(lock.path());
    assert!(is_alive(pid));
    drop(launcher.stdin.take());
    launcher.wait().unwrap();
    assert_gone(pid);
}

#[cfg(target_os = "linux")]
#[test]
fn a_program_ends_when_its_launcher_is_killed() {
    let lock = tempfile::NamedTempFile::new().unwrap();
    let (mut launcher, pid) = watch(lock.path());
    kill(
        Pid::from_raw(i32::try_from(launcher.id()).unwrap()),
        Signal::SIGKILL,
    )
    .unwrap();
    launcher.wait().unwrap();
    assert_gone(pid);
}

#[test]
fn a_successor_waits_until_its_predecessor_is_gone() {
    let lock = tempfile::NamedTempFile::new().unwrap();
    let (mut first, first_pid) = watch(lock.path());
    let path = lock.path().to_owned();
    let second = std::thread::spawn(move || {
        let (launcher, pid) = watch(&path);
        (launcher, pid, is_alive(first_pid))
    });
    drop(first.stdin.take());
    let (mut second, second_pid, first_alive) = second.join().unwrap();
    assert!(!first_alive);
    first.wait().unwrap();
    drop(second.stdin.take());
    second.wait().unwrap();
    assert_gone(second_pid);
}
