//! How soon the allocator gives back what is free.
//!
//! mimalloc reads this once, from the environment and before `main`; to set it later takes unsafe code.
//! Hence a process that was started without it starts itself anew, in its own place: same id, same
//! arguments, a millisecond later.

use std::env;
#[cfg(unix)]
use std::{os::unix::process::CommandExt as _, process::Command};

/// Milliseconds after which free memory goes back to the machine. By its own default, a second, a busy
/// enricher holds half as much again as it uses.
pub const GIVES_BACK: (&str, &str) = ("MIMALLOC_PURGE_DELAY", "10");

/// Returns where the setting is there, whatever it says, or can't be made.
pub(super) fn set_up() {
    let (name, value) = GIVES_BACK;
    if env::var_os(name).is_some() {
        return;
    }
    #[cfg(unix)]
    if let Ok(program) = env::current_exe() {
        let mut words = env::args_os();
        let mut command = Command::new(program);
        if let Some(own) = words.next() {
            command.arg0(own);
        }
        // Returns only where it failed; then the allocator's default must do.
        drop(command.args(words).env(name, value).exec());
    }
}
