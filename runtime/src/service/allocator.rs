//! How soon the allocator gives back what is free.
//!
//! mimalloc reads this once, from the environment and before `main`; to set it later takes unsafe code.
//! Hence a process that was started without it starts itself anew, in its own place: same id, same
//! arguments, a millisecond later.

use std::env;
#[cfg(unix)]
use std::{io, os::unix::process::CommandExt as _, path::PathBuf, process::Command};

/// Milliseconds after which free memory goes back to the machine. By its own default, a second, a busy
/// enricher holds half as much again as it uses.
pub const GIVES_BACK: (&str, &str) = ("MIMALLOC_PURGE_DELAY", "10");

/// For the `main` of a program whose allocator is mimalloc, first of all. Returns where the setting is
/// there, whatever it says, or can't be made, which is told.
pub fn set_up() {
    let (name, value) = GIVES_BACK;
    if env::var_os(name).is_some() {
        return;
    }
    #[cfg(unix)]
    {
        let error =
            env::current_exe().map_or_else(|error| error, |program| again(program, name, value));
        super::complain(&format!(
            "started without {name}={value} ({error}): it will hold more memory than it needs"
        ));
    }
}

/// Returns only where it failed.
#[cfg(unix)]
fn again(program: PathBuf, name: &str, value: &str) -> io::Error {
    let mut words = env::args_os();
    let mut command = Command::new(program);
    if let Some(own) = words.next() {
        command.arg0(own);
    }
    command.args(words).env(name, value).exec()
}
