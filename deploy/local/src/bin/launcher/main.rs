//! Stands between the stack and one of its programs: `child.rs` in the library says why.
//!
//! - `watch LOCK PROGRAM ARGS…` starts the program, reports on standard output how it goes, and
//!   kills it when standard input ends.
//! - `exec PARENT PROGRAM ARGS…` becomes the program, which dies with its parent.
//! - `clickhouse LIBRARY FOLDER VARIABLE KEY ARGS…` is ClickHouse, kept to its folder. It has the key of
//!   its disk, a file, in its environment under that name.

mod clickhouse;
mod confined;
mod watch;

use std::ffi::OsString;
use std::io;
use std::os::unix::process::{CommandExt, parent_id};
use std::process::{Command, ExitCode};

fn main() -> ExitCode {
    let mut args = std::env::args_os().skip(1);
    let mode = args.next();
    let result = match mode.as_ref().and_then(|mode| mode.to_str()) {
        Some("watch") => watch::run(args),
        Some("exec") => exec(args),
        Some("clickhouse") => clickhouse::run(args),
        _ => Err(io::Error::other(
            "started by the local stack; not for use by hand",
        )),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("local-stack-launcher: {error}");
            ExitCode::FAILURE
        }
    }
}

fn exec(mut args: impl Iterator<Item = OsString>) -> io::Result<()> {
    let mut need = || {
        args.next()
            .ok_or_else(|| io::Error::other("no program to become"))
    };
    let (parent, program) = (need()?, need()?);
    #[cfg(target_os = "linux")]
    nix::sys::prctl::set_pdeathsig(nix::sys::signal::Signal::SIGKILL)?;
    // it may have died before the line above, which then never takes effect
    if *parent != *parent_id().to_string() {
        return Err(io::Error::other("the parent is gone"));
    }
    let error = Command::new(&program).args(args).exec();
    Err(io::Error::other(format!(
        "{} does not start: {error}",
        program.display()
    )))
}
