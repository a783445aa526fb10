//! The subcommands and their arguments.

mod audit;
mod clickhouse;
mod demo;
mod load;
mod order;
mod reload;
mod replay;
mod schemas;
mod send;
mod set_aside;
mod spool;
mod status;
mod tenants;
mod topics;
mod up;

pub(crate) use tenants::new_token;

use clap::{Parser, Subcommand};

use crate::Verdict;

/// Delivery webhooks of many carriers, as one ordered stream and as tables.
#[derive(Debug, Parser)]
#[command(
    name = "waybill",
    version,
    propagate_version = true,
    after_help = "Examples:\n  waybill demo\n  waybill status\n  waybill audit --older-than 1h"
)]
pub(crate) struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Up(up::Args),
    Demo(demo::Args),
    Send(send::Args),
    Load(load::Args),
    Status(status::Args),
    Order(order::Args),
    Audit(audit::Args),
    Replay(replay::Args),
    Reload(reload::Args),
    /// What ended as something other than an event
    #[command(subcommand)]
    SetAside(set_aside::Command),
    /// Kafka topics
    #[command(subcommand)]
    Topics(topics::Command),
    /// Avro schemas
    #[command(subcommand)]
    Schemas(schemas::Command),
    /// ClickHouse tables and views
    #[command(subcommand)]
    Clickhouse(clickhouse::Command),
    /// The tenants file
    #[command(subcommand)]
    Tenants(tenants::Command),
    /// Webhooks that wait on an ingest's disk
    #[command(subcommand)]
    Spool(spool::Command),
}

impl Cli {
    pub(crate) async fn run(self) -> anyhow::Result<Verdict> {
        match self.command {
            Command::Up(args) => up::run(args).await,
            Command::Demo(args) => demo::run(args).await,
            Command::Send(args) => send::run(args).await,
            Command::Load(args) => load::run(args).await,
            Command::Status(args) => status::run(args).await,
            Command::Order(args) => order::run(args).await,
            Command::Audit(args) => audit::run(args).await,
            Command::Replay(args) => replay::run(args).await,
            Command::Reload(args) => reload::run(args).await,
            Command::SetAside(command) => set_aside::run(command).await,
            Command::Topics(command) => topics::run(command).await,
            Command::Schemas(command) => schemas::run(command).await,
            Command::Clickhouse(command) => clickhouse::run(command).await,
            Command::Tenants(command) => tenants::run(command).await,
            Command::Spool(command) => spool::run(command).await,
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    fn each(command: &clap::Command, check: &mut impl FnMut(&clap::Command)) {
        check(command);
        command.get_subcommands().for_each(|sub| each(sub, check));
    }

    #[test]
    fn the_arguments_of_all_commands_are_consistent() {
        Cli::command().debug_assert();
    }

    /// A comment on the variant would hide the one of its arguments.
    #[test]
    fn the_help_of_a_command_says_more_than_its_line_in_the_list() {
        let all = Cli::command();
        for name in [
            "up", "demo", "send", "load", "status", "audit", "replay", "reload",
        ] {
            let command = all.find_subcommand(name).unwrap();
            let line = command.get_about().unwrap().to_string();
            let whole = command.get_long_about().map(ToString::to_string);
            assert!(!line.contains('\n') && line.len() < 90, "{name}: {line}");
            assert!(
                whole.is_some_and(|text| text.len() > 2 * line.len()),
                "{name}"
            );
        }
    }

    #[test]
    fn the_help_of_every_command_has_an_example() {
        each(&Cli::command(), &mut |command| {
            let help = command
                .get_after_help()
                .map(ToString::to_string)
                .unwrap_or_default();
            assert!(help.contains("waybill "), "{}", command.get_name());
        });
    }
}
