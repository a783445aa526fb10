//! `waybill set-aside replay`

use serde_json::json;

use crate::{
    Verdict,
    clickhouse::Clickhouse,
    moments, output,
    raw::Positions,
    replay::{Entry, Ledger, Scope, State, Tally, Today, new_id},
    sender,
    set_aside::{self, Filter, Judge, Outcome},
    settings::Settings,
    tenants as names,
    writer::Writer,
};

pub(super) async fn run(
    settings: &Settings,
    filter: &Filter,
    (dry_run, rate): (bool, u32),
    json: bool,
) -> anyhow::Result<Verdict> {
    let clickhouse = Clickhouse::new(settings.clickhouse());
    names::must_exist(settings, &clickhouse, filter.tenant()).await?;
    let tenants = settings.tenants_path().map(sender::tenants).transpose()?;
    if tenants.is_none() {
        output::note("no tenants file: set WAYBILL__TENANTS__PATH to verify signatures again");
    }
    let today = Today::new(settings)?;
    let replay_id = new_id()?;
    let judge = Judge {
        today: &today,
        tenants: tenants.as_ref(),
        privacy_key: settings.privacy_key(),
        replay_id: &replay_id,
    };
    let mut rows = set_aside::rows(&clickhouse, filter, true, set_aside::ROWS_MAX).await?;
    let is_cut = rows.len() >= usize::try_from(set_aside::ROWS_MAX)?;
    // a receipt is sent once, however many of its parts were set aside
    rows.dedup_by(|one, other| one.receipt_id == other.receipt_id);
    let entry = begun(filter, &replay_id, &today);
    let outcome = if dry_run {
        set_aside::replay(settings, &judge, &rows, None, async |_| Ok(())).await?
    } else {
        let writer = Writer::new(settings).await?;
        let sending = Some((&writer, rate));
        // written down first: what an interrupted replay sent must not be there without a record of it
        note(&clickhouse, &entry, State::Running, &Outcome::default()).await?;
        let settled = async |outcome: &Outcome| {
            let (sent, all) = (outcome.replayed.len(), rows.len());
            output::note(format_args!("{sent} of {all} receipts sent through"));
            note(&clickhouse, &entry, State::Running, outcome).await
        };
        let outcome = set_aside::replay(settings, &judge, &rows, sending, settled).await?;
        note(&clickhouse, &entry, State::Done, &outcome).await?;
        outcome
    };
    if json {
        output::json(&json!({
            "replay_id": replay_id, "dry_run": dry_run, "replayed": outcome.replayed,
            "left": outcome.left, "more": is_cut,
        }))?;
    } else {
        print(&outcome, dry_run, is_cut);
    }
    Ok(if outcome.left_over() == 0 && !is_cut {
        Verdict::Good
    } else {
        Verdict::Bad
    })
}

fn begun(filter: &Filter, replay_id: &str, today: &Today) -> Entry {
    let (since, until) = filter.span();
    Entry {
        replay_id: replay_id.to_owned(),
        command: "set-aside replay",
        scope: Scope {
            since,
            until,
            tenant: filter.tenant().map(str::to_owned),
        },
        mapping_version: today.mapping_version().to_owned(),
        started_at: moments::now(),
    }
}

async fn note(
    clickhouse: &Clickhouse,
    entry: &Entry,
    state: State,
    outcome: &Outcome,
) -> anyhow::Result<()> {
    let replayed = outcome.replayed.len() as u64;
    let tally = Tally {
        receipts: replayed + outcome.left_over() as u64,
        resent: replayed,
        written: replayed,
        set_aside: outcome.left_over() as u64,
        ..Tally::default()
    };
    Ledger(clickhouse)
        .note(entry, state, &Positions::new(), &tally)
        .await
}

fn print(outcome: &Outcome, dry_run: bool, is_cut: bool) {
    let words = if dry_run {
        "would be sent through again"
    } else {
        "were sent through again"
    };
    output::line(format_args!("{} receipts {words}", outcome.replayed.len()));
    for (why, receipts) in &outcome.left {
        output::title(format_args!("{} stay set aside: {why}", receipts.len()));
        receipts.iter().take(20).for_each(output::line);
    }
    if is_cut {
        output::line(format_args!(
            "only the oldest {} outcomes were looked at: once these went through run it again for the others, \
             else --since, --reason or --tenant brings them",
            set_aside::ROWS_MAX
        ));
    }
}
