//! `enricher`: canonical topic to ordered topic.

use std::process::ExitCode;

#[global_allocator]
static MEMORY: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    runtime::service::allocator::set_up();
    runtime::service::main("enricher", enricher::settings::DEFAULTS, enricher::run)
}
