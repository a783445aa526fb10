//! The ingest service.

use std::process::ExitCode;

fn main() -> ExitCode {
    runtime::service::main("ingest", ingest::DEFAULTS, ingest::run)
}
