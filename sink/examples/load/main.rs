//! How fast records of the `ordered` topic become visible rows: the sink, exactly once and with a block
//! every 500 ms, beside ClickHouse's own Kafka engine (AvroConfluent, at least once) on the same topic
//! in the same run; then how long a row takes at a steady rate; then what the sink holds while the store
//! is stopped.
//!
//! `cargo run --release -p sink --example load -- [--rows N] [--rate N] [--seconds N] [--outage N]`
//! (`--rows 0` leaves the comparison out; the outage is in seconds); needs the release builds of `sink` and `local-stack` beside it.

mod engine;
mod place;
mod records;

use std::{
    io::Write as _,
    time::{Duration, Instant},
};

use anyhow::Context as _;
use local_stack::Part;
use nix::sys::signal::Signal;
use place::{Place, Process};
use records::Records;

/// A line of the table.
macro_rules! say {
    ($($words:tt)*) => {
        writeln!(std::io::stdout(), $($words)*)?
    };
}

/// Longer than any of it takes.
const PATIENCE: Duration = Duration::from_secs(170);
const ROUNDS: u32 = 2;

struct Wanted {
    rows: u64,
    rate: u64,
    seconds: u64,
    outage: u64,
}

fn wanted() -> anyhow::Result<Wanted> {
    let mut wanted = Wanted {
        rows: 300_000,
        rate: 2000,
        seconds: 20,
        outage: 30,
    };
    let mut arguments = std::env::args().skip(1);
    while let Some(name) = arguments.next() {
        let field = match name.as_str() {
            "--rows" => &mut wanted.rows,
            "--rate" => &mut wanted.rate,
            "--seconds" => &mut wanted.seconds,
            "--outage" => &mut wanted.outage,
            other => anyhow::bail!("{other} is not known"),
        };
        *field = arguments.next().context("a number is missing")?.parse()?;
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
    let place = Place::start().await?;
    let rounds = if wanted.rows == 0 { 0 } else { ROUNDS };
    for round in 0..rounds {
        let prefix = format!("bench{round}.");
        let bytes = Records::new(&place, &prefix).await?.send(wanted.rows)?;
        say!(
            "{} records of {} bytes, 4 partitions",
            wanted.rows,
            bytes / wanted.rows
        );
        ours(&place, wanted.rows, &prefix).await?;
        engine::run(&place, wanted.rows, &prefix).await?;
    }
    place.empty("events_log").await?;
    let mut records = Records::new(&place, "steady.").await?;
    records.send(1)?;
    let sink = place.sink("steady.")?;
    place.until("events_log", 1, PATIENCE).await?;
    steady(&place, &mut records, wanted).await?;
    outage(&place, &mut records, &sink, wanted).await
}

/// From the start of the process to the last visible row.
async fn ours(place: &Place, rows: u64, prefix: &str) -> anyhow::Result<()> {
    place.empty("events_log").await?;
    let (server, began) = (place.cpu_seconds()?, Instant::now());
    let sink = place.sink(prefix)?;
    let first = place.until("events_log", 1, PATIENCE).await?;
    place.until("events_log", rows, PATIENCE).await?;
    let took = began.elapsed();
    report("sink, exactly once", rows, (took, first), {
        (sink.cpu_seconds()?, place.cpu_seconds()? - server)
    })
}

/// Also for the peer: its CPU time is the server's.
fn report(
    who: &str,
    rows: u64,
    (took, first): (Duration, Duration),
    (own, server): (f64, f64),
) -> anyhow::Result<()> {
    let rate = |seconds: f64| f64::from(u32::try_from(rows).unwrap_or(u32::MAX)) / seconds;
    let millions = rate(1.0) / 1e6;
    say!(
        "{who:<32} {:>8.0} rows/s from its start, {:>8.0} from its first row; CPU s per million: \
         {:.1} own, {:.1} in the server",
        rate(took.as_secs_f64()),
        rate((took - first).as_secs_f64()),
        own / millions,
        server / millions
    );
    Ok(())
}

/// A record is visible once as many rows are as were sent before it.
async fn steady(place: &Place, records: &mut Records, wanted: &Wanted) -> anyhow::Result<()> {
    let before = place.count("events_log").await?;
    let total = wanted.rate * wanted.seconds;
    let (mut sent, mut waits) = (Vec::new(), Vec::new());
    let began = Instant::now();
    while u64::try_from(waits.len())? < total {
        let due = began.elapsed().as_millis() * u128::from(wanted.rate) / 1000;
        let due = u64::try_from(due)?.min(total);
        let missing = due - u64::try_from(sent.len())?;
        records.send(missing)?;
        let now = Instant::now();
        sent.extend((0..missing).map(|_| now));
        let visible = usize::try_from(place.count("events_log").await? - before)?;
        let now = Instant::now();
        let news = sent.iter().take(visible).skip(waits.len());
        waits.extend(news.map(|at| now - *at).collect::<Vec<_>>());
        anyhow::ensure!(began.elapsed() < PATIENCE, "rows are missing");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    waits.sort_unstable();
    let at = |percent: usize| waits.get(waits.len() * percent / 100).copied();
    say!(
        "{} records/s for {} s: acknowledged by Kafka to visible p50 {:?}, p99 {:?}",
        wanted.rate,
        wanted.seconds,
        at(50).unwrap_or_default(),
        at(99).unwrap_or_default()
    );
    Ok(())
}

/// The store stands still while Kafka fills.
async fn outage(
    place: &Place,
    records: &mut Records,
    sink: &Process,
    wanted: &Wanted,
) -> anyhow::Result<()> {
    let before = place.count("events_log").await?;
    place.signal(Part::Clickhouse, Signal::SIGSTOP)?;
    let (began, step) = (Instant::now(), wanted.outage.div_ceil(15));
    let mut held = vec![sink.resident_mib()?];
    let (mut sent, mut next) = (0_u64, step);
    while began.elapsed() < Duration::from_secs(wanted.outage) {
        let due = u64::try_from(began.elapsed().as_millis())? * wanted.rate / 1000;
        records.send(due - sent)?;
        sent = due;
        tokio::time::sleep(Duration::from_millis(100)).await;
        if began.elapsed().as_secs() >= next {
            held.push(sink.resident_mib()?);
            next += step;
        }
    }
    let rate = u128::from(sent) * 1000 / began.elapsed().as_millis();
    place.signal(Part::Clickhouse, Signal::SIGCONT)?;
    let resumed = Instant::now();
    place.until("events_log", before + sent, PATIENCE).await?;
    say!(
        "store stopped for {} s at {rate} records/s: the sink holds {:?} MiB, once in {step} s; \
         caught up after {:.1} s",
        wanted.outage,
        held,
        resumed.elapsed().as_secs_f64()
    );
    Ok(())
}
