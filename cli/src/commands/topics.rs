//! `waybill topics apply`

use clap::Subcommand;

use crate::{Verdict, output, settings::Place, topics};

#[derive(Debug, Subcommand)]
#[command(after_help = "Example:\n  waybill topics apply")]
pub(crate) enum Command {
    /// Create missing topics and correct the settings of those that are there
    ///
    /// May be run as often as wanted. A changed number of partitions is refused before anything is
    /// changed.
    #[command(
        after_help = "Example:\n  WAYBILL__KAFKA__BOOTSTRAP_SERVERS=kafka:9092 waybill topics apply"
    )]
    Apply {
        #[command(flatten)]
        place: Place,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
}

pub(super) async fn run(command: Command) -> anyhow::Result<Verdict> {
    let Command::Apply { place, json } = command;
    let applied = topics::apply(&place.settings()?).await?;
    if json {
        output::json(&applied)?;
        return Ok(Verdict::Good);
    }
    let rows = applied.iter().map(|done| {
        let outcome = match done.outcome {
            topics::Outcome::Created => "created",
            topics::Outcome::Corrected => "corrected",
            topics::Outcome::Unchanged => "unchanged",
        };
        let drifts = done.corrected.iter().map(|drift| {
            format!(
                "{}: {} → {}",
                drift.key,
                output::or_dash(drift.found.as_ref()),
                drift.set
            )
        });
        let remarks: Vec<String> = drifts.chain(done.warning.clone()).collect();
        [
            done.topic.clone(),
            done.partitions.to_string(),
            outcome.to_owned(),
            remarks.join("\n"),
        ]
    });
    output::table(&["topic", "partitions", "", "settings"], rows);
    Ok(Verdict::Good)
}
