//! `waybill schemas register`

use clap::Subcommand;

use crate::{Verdict, output, registration, settings::Place};

#[derive(Debug, Subcommand)]
#[command(after_help = "Example:\n  waybill schemas register")]
pub(crate) enum Command {
    /// Register the schema of each topic, under the rule FULL_TRANSITIVE
    ///
    /// May be run as often as wanted: what is registered keeps its id.
    #[command(
        after_help = "Example:\n  WAYBILL__REGISTRY__URL=http://registry:8081 waybill schemas register"
    )]
    Register {
        #[command(flatten)]
        place: Place,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
}

pub(super) async fn run(command: Command) -> anyhow::Result<Verdict> {
    let Command::Register { place, json } = command;
    let registered = registration::register(&place.settings()?).await?;
    if json {
        output::json(&registered)?;
        return Ok(Verdict::Good);
    }
    let rows = registered.iter().map(|one| {
        [
            one.subject.clone(),
            one.id.to_string(),
            one.compatibility.to_owned(),
        ]
    });
    output::table(&["subject", "id", "compatibility"], rows);
    Ok(Verdict::Good)
}
