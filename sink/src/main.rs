//! Stage 4 of 4: topics to ClickHouse.

use std::process::ExitCode;

fn main() -> ExitCode {
    runtime::service::main("sink", include_str!("../settings.default.toml"), sink::run)
}
