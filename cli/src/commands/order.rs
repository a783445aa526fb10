//! `waybill order`

use crate::{Verdict, clickhouse::Clickhouse, orders, output, settings::Place};

/// Show one order: its newest state, its history in event-time order, and the chain it belongs to
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  waybill order demo lalamove 153590306286")]
pub(crate) struct Args {
    /// Whose order
    tenant: String,

    /// Which carrier: lalamove, ahamove, ordatic, sendstack or dellyman
    provider: String,

    /// The carrier's id of the order
    order_id: String,

    /// Print JSON
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    place: Place,
}

pub(super) async fn run(args: Args) -> anyhow::Result<Verdict> {
    if schemas::Provider::parse(&args.provider).is_none() {
        let known: Vec<&str> = schemas::Provider::ALL
            .iter()
            .map(|one| one.as_str())
            .collect();
        let text = format!(
            "no carrier {}; there are: {}",
            args.provider,
            known.join(", ")
        );
        return Err(crate::WrongUse(text).into());
    }
    let settings = args.place.settings()?;
    let clickhouse = Clickhouse::new(settings.clickhouse());
    let found = orders::find(&clickhouse, &args.tenant, &args.provider, &args.order_id).await?;
    match found {
        Some(order) if args.json => output::json(&order.json())?,
        Some(order) => order.print(),
        None => {
            let Args {
                tenant,
                provider,
                order_id,
                ..
            } = args;
            output::note(format_args!(
                "no order {order_id} of {tenant} at {provider}"
            ));
            return Ok(Verdict::Bad);
        }
    }
    Ok(Verdict::Good)
}
