//! How fast the views answer, and what their rows weigh: 10 M events, 1 M orders and 7 M receipts of a
//! hundred tenants, of whom one has a fifth of everything; drawn by the store itself, always the same.
//! One in a hundred rows was loaded twice, and one in a hundred events corrected.
//!
//! Each query is asked before the store has merged these (`as loaded`) and after (`merged`).
//! `--orders N` makes it smaller.
mod questions;
mod server;

use std::io::Write as _;

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

const EVENTS: &str = include_str!("events.sql");
const RECEIPTS: &str = include_str!("receipts.sql");
const REPEATED: &str = include_str!("repeated_receipts.sql");
const ASIDES: &str = include_str!("set_aside.sql");
const SNAPSHOTS: &str = include_str!("orders.sql");

fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let mut orders = ORDERS;
    while let Some(argument) = arguments.next() {
        if argument == "--orders" {
            let given = arguments.next().context("--orders wants a number")?;
            orders = given.parse()?;
        }
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    runtime.block_on(run(orders))
}

async fn run(orders: u64) -> anyhow::Result<()> {
    let server = Server::start().await?;
    fill(&server, orders).await?;
    sizes(&server).await?;
    ask_all(&server, "as loaded").await?;
    for table in WATCHED {
        server
            .run(&format!("OPTIMIZE TABLE {{database}}.{table} FINAL"))
            .await?;
    }
    sizes(&server).await?;
    ask_all(&server, "merged").await?;
    indexes(&server).await
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

async fn ask_all(server: &Server, state: &str) -> anyhow::Result<()> {
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
    for question in questions::all() {
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
            "EXPLAIN indexes = 1 SELECT {columns} FROM {{database}}.{view} WHERE {}",
            Scope::Small.filter(view)
        );
        let granules = server.granules(&sql).await?;
        say!("{view:<17} {}", granules.join("  "));
    }
    Ok(())
}
