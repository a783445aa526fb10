//! `waybill reload`

use std::collections::BTreeMap;

use clap::ValueEnum as _;
use schemas::Micros;
use sink::{
    reload::{Installation, Reloaded, Wanted, reload},
    table::Table,
};
use tokio::runtime::Handle;

use crate::{Verdict, moments, output, settings::Place};

/// Load rows again that the store should have and has not
///
/// Reads the sink's topics again and inserts what should be a row and is none: what somebody deleted,
/// what a table refused before it was corrected (REJECTED_BY_STORE), what the sink was moved past. Rows
/// that are there are left alone; the sink may go on meanwhile, and its groups stay where they are. A range
/// that was passed over counts as read, and `waybill audit` names it no more, once no record of it is
/// refused or unreadable; so does one of which Kafka has nothing left. With --set-aside what nobody can
/// read is set aside (UNDECODABLE), as the sink does when it comes by it, and keeps no range open.
///
/// Reads what was written to the topics since that moment, not what was received since then: a correction
/// or a replay stands where it was made. What retention has deleted from Kafka can't be loaded from it;
/// `waybill replay` makes events of what raw still has.
///
/// Exit code 1 if the store refuses a row again, or a record can't be read and is not set aside.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  waybill reload --since 6h\n  waybill reload --table orders --since 2026-05-12 --json"
)]
pub(crate) struct Args {
    /// Written to the topics from this moment on: an instant, a day, or how long ago as 6h
    #[arg(long, value_name = "TIME", value_parser = moments::moment)]
    since: Micros,

    /// Only this table; may be given several times [default: all]
    #[arg(long, value_name = "TABLE")]
    table: Vec<Name>,

    /// Set aside what can't be read; make sure that the registry is the one that the services use
    #[arg(long)]
    set_aside: bool,

    /// Print JSON
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    place: Place,
}

/// As in the names of the sink's groups, in the order in which they are read: what is set aside tells of
/// places in raw that give no receipt, and the ranges of raw are closed last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Name {
    Events,
    Orders,
    SetAside,
    Receipts,
}

impl Name {
    const fn table(self) -> Table {
        match self {
            Self::Events => Table::Events,
            Self::Orders => Table::Orders,
            Self::Receipts => Table::Receipts,
            Self::SetAside => Table::SetAside,
        }
    }
}

pub(super) async fn run(args: Args) -> anyhow::Result<Verdict> {
    let settings = args.place.settings()?;
    let names = Name::value_variants().iter();
    let asked = names.filter(|name| args.table.is_empty() || args.table.contains(name));
    let tables: Vec<Table> = asked.map(|name| name.table()).collect();
    let handle = Handle::current();
    let work = move || {
        let from = Installation {
            kafka: settings.kafka(),
            prefix: &settings.topology().prefix,
            registry: settings.registry(),
            clickhouse: settings.clickhouse(),
        };
        let mut found = BTreeMap::new();
        for table in tables {
            let label = table.label();
            let progress = |so_far: &Reloaded| {
                output::note(format_args!(
                    "{label}: {} records read, {} rows loaded",
                    so_far.records, so_far.loaded
                ));
            };
            let wanted = Wanted {
                table,
                since: args.since,
                sets_unreadable_aside: args.set_aside,
            };
            found.insert(label, reload(from, wanted, &handle, progress)?);
        }
        anyhow::Ok(found)
    };
    let found = tokio::task::spawn_blocking(work).await??;
    if args.json {
        output::json(&found)?;
    } else {
        print(&found);
    }
    let is_whole = |table: &Reloaded| table.refused == 0 && table.unreadable == table.set_aside;
    Ok(if found.values().all(is_whole) {
        Verdict::Good
    } else {
        Verdict::Bad
    })
}

fn print(found: &BTreeMap<&str, Reloaded>) {
    let rows = found.iter().map(|(table, found)| {
        let numbers = [
            found.records,
            found.there,
            found.loaded,
            found.without_row,
            found.unreadable,
            found.refused,
        ];
        let mut row = vec![(*table).to_owned()];
        row.extend(numbers.map(|number| number.to_string()));
        row
    });
    let headings = [
        "table",
        "records read",
        "there",
        "loaded",
        "no row",
        "unreadable",
        "refused",
    ];
    output::table(&headings, rows);
    for (table, found) in found {
        for (count, what) in [
            (found.places, "webhooks' places are noted again"),
            (
                found.set_aside,
                "records that can't be read are set aside: waybill set-aside list --reason UNDECODABLE",
            ),
            (
                found.gaps_closed,
                "ranges that were passed over are read now, as far as Kafka has them",
            ),
            (
                found.gaps_open,
                "ranges that were passed over are still open: written before --since, not passed by the sink yet, \
                 or with records that are not loaded",
            ),
        ] {
            if count > 0 {
                output::note(format_args!("{table}: {count} {what}"));
            }
        }
        if found.refused > 0 {
            output::note(format_args!(
                "{table} refuses {} rows still; correct the table, then try again",
                found.refused
            ));
        }
        let unreadable = found.unreadable - found.set_aside;
        if unreadable > 0 {
            output::note(format_args!(
                "{table}: {unreadable} records can't be read; is this the registry that the services use \
                 (WAYBILL__REGISTRY__URL)? If it is, --set-aside sets them aside",
            ));
        }
        if !found.not_loaded_at.is_empty() {
            output::title(format_args!("{table}: what is not loaded stands at"));
            found.not_loaded_at.iter().for_each(output::line);
        }
    }
}
