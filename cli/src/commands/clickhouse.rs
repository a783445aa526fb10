//! `waybill clickhouse migrate`

use clap::Subcommand;

use serde_json::json;
use sink::migrate::{self, Rules};

use crate::{
    Verdict, migration, output,
    settings::{Place, Settings},
};

#[derive(Debug, Subcommand)]
#[command(after_help = "Example:\n  waybill clickhouse migrate --plan")]
pub(crate) enum Command {
    /// Make the tables and views, or bring them up to date
    ///
    /// Each numbered file is applied once; may be run as often as wanted, by several at a time: one of
    /// them works, the others wait for it.
    #[command(
        after_help = "Examples:\n  waybill clickhouse migrate --plan\n  waybill clickhouse migrate"
    )]
    Migrate {
        #[command(flatten)]
        place: Place,
        /// Only print the statements that would be run
        #[arg(long)]
        plan: bool,
        /// Also apply what throws rows away, which is refused otherwise
        #[arg(long)]
        allow_data_loss: bool,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
}

pub(super) async fn run(command: Command) -> anyhow::Result<Verdict> {
    let Command::Migrate {
        place,
        plan,
        allow_data_loss,
        json,
    } = command;
    let settings = place.settings()?;
    if plan {
        return show_plan(&settings, json).await;
    }
    let rules = Rules {
        may_lose_rows: allow_data_loss,
        ..Rules::default()
    };
    let applied = migration::migrate_by(&settings, &rules).await?;
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
    let plan = migration::plan(settings).await?;
    let (statements, losing) = (plan.statements(), plan.losing());
    let pending: Vec<String> = plan.pending.into_iter().map(migrate::name).collect();
    if json {
        output::json(&json!({
            "pending": pending, "statements": statements, "loses_rows": losing,
        }))?;
    } else if pending.is_empty() {
        output::line("nothing to apply");
    } else {
        statements
            .iter()
            .for_each(|statement| output::line(format_args!("{statement};\n")));
        output::note(format_args!("to be applied: {}", pending.join(", ")));
        if !losing.is_empty() {
            output::note(format_args!(
                "throws rows away, and needs --allow-data-loss: {}",
                losing.join(", ")
            ));
        }
    }
    Ok(Verdict::Good)
}
