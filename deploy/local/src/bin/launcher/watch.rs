use std::env;
use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::process::ExitStatusExt;
use std::process::{self, Command, Stdio};
use std::thread;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// Runs on the main thread to its end: the program's parent-death signal is tied to that thread.
pub(crate) fn run(mut args: impl Iterator<Item = OsString>) -> io::Result<()> {
    let lock = args
        .next()
        .ok_or_else(|| io::Error::other("no lock file"))?;
    // held until the program is reaped: a successor over the same data waits here for us
    let lock = File::create(lock)?;
    lock.lock()?;

    let log = io::stderr().as_fd().try_clone_to_owned()?;
    let mut program = Command::new(env::current_exe()?)
        .args(["exec", &process::id().to_string()])
        .args(args)
        .stdin(Stdio::null())
        .stdout(log)
        .spawn()?;
    let pid = Pid::from_raw(i32::try_from(program.id()).map_err(io::Error::other)?);
    thread::Builder::new()
        .name("leash".into())
        .spawn(move || kill_at_end_of_input(pid))?;
    say("pid", pid.as_raw());

    let status = program.wait()?;
    match (status.code(), status.signal()) {
        (Some(code), _) => say("code", code),
        (None, Some(signal)) => say("signal", signal),
        (None, None) => {}
    }
    Ok(())
}

/// At once and without a SIGTERM: whoever held the leash is gone, all three programs survive a kill, and
/// the next start over the same data must not wait.
fn kill_at_end_of_input(pid: Pid) {
    let mut byte = [0];
    while matches!(io::stdin().read(&mut byte), Ok(1..)) {}
    // it may have ended by itself just now
    kill(pid, Signal::SIGKILL).ok();
}

/// Fails only when the one who would read it is gone, and then the leash is cut too.
fn say(word: &str, number: i32) {
    let mut out = io::stdout().lock();
    writeln!(out, "{word} {number}")
        .and_then(|()| out.flush())
        .ok();
}
