//! `waybill`: the operator's command. One file a subcommand, in `commands/`; what two of them share
//! stands beside this file.

mod clickhouse;
mod commands;
mod demo;
mod env_file;
mod grants;
mod lag;
mod load;
mod migration;
mod moments;
mod orders;
mod output;
mod raw;
mod registration;
mod replay;
mod sender;
mod set_aside;
mod settings;
mod spool;
mod tenants;
mod topics;
mod up;
mod writer;

use std::process::ExitCode;

use clap::Parser as _;
use runtime::settings::Problems;

/// A command was used in a way that can't work: exit code 2, as for what clap refuses.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct WrongUse(String);

/// What a command found, where that is not an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    Good,
    /// It ran, and what it looked at is not as it should be; it has said so.
    Bad,
}

fn main() -> ExitCode {
    let command = commands::Cli::parse();
    let runtime = match tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => {
            output::note(format_args!("waybill: no threads to run on: {error}"));
            return ExitCode::FAILURE;
        }
    };
    let result = runtime.block_on(command.run());
    // a thread that still talks to Kafka must not hold the exit
    runtime.shutdown_background();
    match result {
        Ok(Verdict::Good) => ExitCode::SUCCESS,
        Ok(Verdict::Bad) => ExitCode::FAILURE,
        Err(error) => {
            output::note(format_args!("waybill: {error:#}"));
            let wrong_use = error.is::<WrongUse>() || error.is::<Problems>();
            ExitCode::from(if wrong_use { 2 } else { 1 })
        }
    }
}
