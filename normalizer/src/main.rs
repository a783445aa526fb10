//! `normalizer`: raw topic to canonical topic.

use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    runtime::service::allocator::set_up();
    runtime::service::main(
        "normalizer",
        normalizer::settings::DEFAULTS,
        normalizer::run,
    )
}
