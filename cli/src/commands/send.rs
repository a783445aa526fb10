//! `waybill send`

use std::{io::Read, path::PathBuf};

use anyhow::Context as _;

use crate::{Verdict, WrongUse, output, sender, sender::Sender, settings::Place};

/// Sign a webhook as the carrier would, and post it
///
/// Signs a body as the endpoint's carrier would, with the secret of the tenants file, and posts it to
/// ingest. A time that the body has is kept.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  waybill send --endpoint demo-lalamove-hk --file webhook.json\n  \
    waybill send --endpoint demo-sendstack --file webhook.json --tamper"
)]
pub(crate) struct Args {
    /// Id of the endpoint in the tenants file
    #[arg(long, value_name = "ID")]
    endpoint: String,

    /// The body, without or with a signature (which is replaced); - reads standard input
    #[arg(long, value_name = "BODY")]
    file: PathBuf,

    /// Change one byte after signing, as a forger would: of the body, or where the carrier's proof does not
    /// cover it, of the credential
    #[arg(long)]
    tamper: bool,

    /// The tenants file or folder [default: WAYBILL__TENANTS__PATH]
    #[arg(long, value_name = "FILE")]
    tenants: Option<PathBuf>,

    /// Print JSON
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    place: Place,
}

pub(super) async fn run(args: Args) -> anyhow::Result<Verdict> {
    let settings = args.place.settings()?;
    let path = args
        .tenants
        .as_deref()
        .or(settings.tenants_path())
        .ok_or_else(|| {
            WrongUse("no tenants file: give --tenants or set WAYBILL__TENANTS__PATH".into())
        })?;
    let tenants = sender::tenants(path)?;
    let endpoint = tenants.endpoint(&args.endpoint).ok_or_else(|| {
        let known: Vec<&str> = tenants.endpoints().iter().map(|e| e.id.as_str()).collect();
        WrongUse(format!(
            "no endpoint {}; there are: {}",
            args.endpoint,
            known.join(", ")
        ))
    })?;
    let variables = args.place.variables()?;
    let ingest_url = variables.get("WAYBILL_INGEST_URL").ok_or_else(|| {
        WrongUse("where is ingest? Give --env-file, or set WAYBILL_INGEST_URL".into())
    })?;

    let sender = Sender::new(ingest_url)?;
    let mut webhook = sender.signed(endpoint, &body(&args.file)?)?;
    if args.tamper {
        output::note(sender.tamper(endpoint, &mut webhook)?);
    }
    let answer = sender.post(endpoint, webhook).await?;
    if args.json {
        output::json(&answer)?;
    } else {
        let receipt = output::or_dash(answer.receipt_id.as_ref());
        output::line(format_args!("{} receipt {receipt}", answer.status));
        if answer.receipt_id.is_none() {
            output::line(&answer.body);
        }
    }
    Ok(if answer.status == 200 {
        Verdict::Good
    } else {
        Verdict::Bad
    })
}

fn body(file: &std::path::Path) -> anyhow::Result<Vec<u8>> {
    if file.as_os_str() == "-" {
        let mut bytes = Vec::new();
        std::io::stdin()
            .read_to_end(&mut bytes)
            .context("reading standard input")?;
        return Ok(bytes);
    }
    std::fs::read(file).map_err(|error| WrongUse(format!("{}: {error}", file.display())).into())
}
