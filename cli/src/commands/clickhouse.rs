//! `waybill clickhouse migrate`

use clap::Subcommand;

use serde_json::json;

use crate::{
    Verdict, migration, output,
    settings::{Place, Settings},
};

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Make the tables and views, or bring them up to date
    ///
    /// Each numbered file is applied once; may be run as often as wanted.
    #[command(
        after_help = "Examples:\n  waybill clickhouse migrate --plan\n  waybill clickhouse migrate"
    )]
    Migrate {
        #[command(flatten)]
        place: Place,
        /// Only print the statements that would be run
        #[arg(long)]
        plan: bool,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
}

pub(super) async fn run(command: Command) -> anyhow::Result<Verdict> {
    let Command::Migrate { place, plan, json } = command;
    let settings = place.settings()?;
    if plan {
        return show_plan(&settings, json).await;
    }
    let applied = migration::migrate(&settings).await?;
    if json {
        output::json(&json!({"applied": applied}))?;
    } else if applied.is_empty() {
        output::line("nothing to apply");
    } else {
        applied
            .iter()
            .for_each(|step| output::line(format_args!("{step} applied")));
    }
    Ok(Verdict::Good)
}

async fn show_plan(settings: &Settings, json: bool) -> anyhow::Result<Verdict> {
    let (pending, statements) = migration::plan(settings).await?;
    if json {
        output::json(&json!({"pending": pending, "statements": statements}))?;
    } else if pending.is_empty() {
        output::line("nothing to apply");
    } else {
        statements
            .iter()
            .for_each(|statement| output::line(format_args!("{statement};\n")));
        output::note(format_args!("to be applied: {}", pending.join(", ")));
    }
    Ok(Verdict::Good)
}
