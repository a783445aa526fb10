//! `waybill clickhouse migrate`

use clap::Subcommand;

use crate::{Verdict, migration, output, settings::Place};

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
        /// Only say what would be applied
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
    let applied = if plan {
        migration::plan(&settings).await?
    } else {
        migration::migrate(&settings).await?
    };
    if json {
        output::json(&applied)?;
    } else if applied.is_empty() {
        output::line("nothing to apply");
    } else {
        let word = if plan { "to be applied" } else { "applied" };
        applied
            .iter()
            .for_each(|step| output::line(format_args!("{step} {word}")));
    }
    Ok(Verdict::Good)
}
