//! `normalizer`: raw topic to canonical topic.

use std::process::ExitCode;

fn main() -> ExitCode {
    runtime::service::main(
        "normalizer",
        normalizer::settings::DEFAULTS,
        normalizer::run,
    )
}
