//! The ingest service.

use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    runtime::service::allocator::set_up();
    runtime::service::main("ingest", ingest::DEFAULTS, ingest::run)
}
