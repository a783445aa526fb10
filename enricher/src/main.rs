//! `enricher`: canonical topic to ordered topic.

use std::process::ExitCode;

fn main() -> ExitCode {
    runtime::service::main("enricher", enricher::settings::DEFAULTS, enricher::run)
}
