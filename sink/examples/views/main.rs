//! How fast the views answer, and what their rows weigh: 10 M events, 1 M orders and 7 M receipts of a
//! hundred tenants, of whom one has a fifth of everything; drawn by the store itself, always the same.
//! One in a hundred rows was loaded twice, and one in a hundred events corrected.
//!
//! Each query is asked before the store has merged these (`as loaded`) and after (`merged`).
//! `--orders N` makes it smaller. `--data DIR` keeps what was loaded and only asks, in whatever state
//! it is; with `--merge` it is merged first. `--view NAME` asks one view.
mod questions;
mod server;

use std::{
    io::Write as _,
    path::PathBuf,
    time::{Duration, Instant},
};

use anyhow::Context as _;
use questions::{Question, Scope, WATCHED};
use server::Server;

/// A line of the table.
macro_rules! say {
    ($($words:tt)*) => {
        writeln!(std::io::stdout(), $($words)*)?
    };
}

const STEPS: u64 = 8;
const ORDERS: u64 = 1_000_000;
const MERGES_MAX: Duration = Duration::from_secs(120);

const EVENTS: &str = include_str!("events.sql");
const RECEIPTS: &str = include_str!("receipts.sql");
const REPEATED: &str = include_str!("repeated_receipts.sql");
const ASIDES: &str = include_str!("set_aside.sql");
const SNAPSHOTS: &str = include_str!("orders.sql");

#[derive(Default)]
struct Wanted {
    orders: Option<u64>,
    data: Option<PathBuf>,
    merge: bool,
    view: Option<String>,
}

fn wanted() -> anyhow::Result<Wanted> {
    let mut wanted = Wanted::default();
    let mut arguments = std::env::args().skip(1);
    while let Some(name) = arguments.next() {
        if name == "--merge" {
            wanted.merge = true;
            continue;
        }
        let value = arguments
            .next()
            .with_context(|| format!("{name} wants a value"))?;
        match name.as_str() {
            "--orders" => wanted.orders = Some(value.parse()?),
            "--data" => wanted.data = Some(value.into()),
            "--view" => wanted.view = Some(value),
            other => anyhow::bail!("{other} is not known"),
        }
    }
    Ok(wanted)
}

fn main() -> anyhow::Result<()> {
    let wanted = wanted()?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    runtime.block_on(run(&wanted))
}

async fn run(wanted: &Wanted) -> anyhow::Result<()> {
    let server = Server::start(wanted.data.as_deref()).await?;
    if server.size("events_log").await?.rows == 0 {
        fill(&server, wanted.orders.unwrap_or(ORDERS)).await?;
    }
    let view = wanted.view.as_deref();
    if wanted.data.is_none() {
        sizes(&server).await?;
        ask_all(&server, "as loaded", view).await?;
    }
    if wanted.data.is_none() || wanted.merge {
        for table in WATCHED {
            merge(&server, table).await?;
        }
    }
    sizes(&server).await?;
    let state = if wanted.data.is_some() && !wanted.merge {
        "as it is"
    } else {
        "merged"
    };
    ask_all(&server, state, view).await?;
    indexes(&server).await
}

/// To one part in each partition. The store passes over parts that it is merging by itself, and says
/// nothing unless it is asked to.
async fn merge(server: &Server, table: &str) -> anyhow::Result<()> {
    let sql =
        format!("OPTIMIZE TABLE {{database}}.{table} FINAL SETTINGS optimize_throw_if_noop = 1");
    let until = Instant::now() + MERGES_MAX;
    let mut told = false;
    loop {
        match server.run(&sql).await {
            Ok(_) => return Ok(()),
            Err(error) if Instant::now() > until => return Err(error),
            Err(error) if !told => {
                say!("{table} is not merged yet, asked again for 2 minutes: {error}");
                told = true;
            }
            Err(_) => tokio::time::sleep(Duration::from_secs(1)).await,
        }
    }
}

async fn fill(server: &Server, orders: u64) -> anyhow::Result<()> {
    let part = |sql: &str, (from, to): (u64, u64), revision: u64, which: &str| {
        sql.replace("{from}", &from.to_string())
            .replace("{to}", &to.to_string())
            .replace("{count}", &(to - from).to_string())
            .replace("{revision}", &revision.to_string())
            .replace("{which}", which)
    };
    let step = orders.div_ceil(STEPS);
    for number in 0..STEPS {
        let range = (number * step, orders.min((number + 1) * step));
        for (sql, revision) in [
            (EVENTS, 0),
            (RECEIPTS, 0),
            (REPEATED, 0),
            (ASIDES, 0),
            (SNAPSHOTS, 1),
            (SNAPSHOTS, 2),
        ] {
            server.run(&part(sql, range, revision, "1")).await?;
        }
        say!("{} of {orders} orders", range.1);
    }
    let all = (0, orders);
    for (sql, revision, which) in [
        (EVENTS, 0, "n % 100 = 5"),
        (RECEIPTS, 0, "n % 100 = 5"),
        (SNAPSHOTS, 2, "n % 100 = 5"),
        (EVENTS, 1, "cityHash64(n, k) % 100 = 1"),
    ] {
        server.run(&part(sql, all, revision, which)).await?;
    }
    Ok(())
}

async fn sizes(server: &Server) -> anyhow::Result<()> {
    say!(
        "\n{:<18} {:>11} {:>6} {:>9}",
        "table",
        "rows",
        "parts",
        "bytes/row"
    );
    for table in WATCHED {
        let size = server.size(table).await?;
        say!(
            "{table:<18} {:>11} {:>6} {:>9.1}",
            size.rows,
            size.parts,
            size.bytes_per_row
        );
    }
    Ok(())
}

async fn ask_all(server: &Server, state: &str, view: Option<&str>) -> anyhow::Result<()> {
    say!(
        "\n{state}\n{:<17} {:<10} {:>8} {:>8} {:>9} {:>11} {:>8}",
        "view",
        "who",
        "wall ms",
        "CPU s",
        "peak MB",
        "rows read",
        "goal ms"
    );
    let asked = |question: &Question| view.is_none_or(|view| view == question.view);
    for question in questions::all().into_iter().filter(asked) {
        for scope in question.scopes() {
            let cost = server.ask(&question.sql(*scope)).await?;
            let goal = question.goal_ms(*scope);
            let missed = goal.is_some_and(|goal| cost.wall_ms > goal);
            say!(
                "{:<17} {:<10} {:>8.0} {:>8.2} {:>9.0} {:>11} {:>8} {}",
                question.view,
                scope.label(),
                cost.wall_ms,
                cost.cpu_seconds,
                cost.peak_mb,
                cost.rows_read,
                goal.map_or_else(|| "-".to_owned(), |goal| format!("{goal:.0}")),
                if missed { "missed" } else { "" }
            );
        }
    }
    Ok(())
}

/// Granules that the indexes leave of all, for the tenant of one in a hundred.
async fn indexes(server: &Server) -> anyhow::Result<()> {
    say!("\ngranules read of all, {}", Scope::Small.label());
    for Question { view, columns, .. } in questions::all() {
        let sql = format!(
            "EXPLAIN indexes = 1 SELECT {columns} FROM {{database}}.{view} WHERE {} GROUP BY ALL",
            Scope::Small.filter(view)
        );
        let granules = server.granules(&sql).await?;
        say!("{view:<17} {}", granules.join("  "));
    }
    Ok(())
}
