//! What one webhook costs in ingest: requests a second, CPU and latency, beside a server that only reads
//! the body, beside itself without the wait for Kafka, beside itself with Kafka away, and beside a bridge
//! that people use. `make bench` runs it; all cases take turns in one run on one machine, and only their ratios mean something.

mod flood;
mod floor;
mod report;
mod unawaited;

use std::process::ExitCode;

use clap::Parser as _;

use pipeline_bench::{
    SERVE, cpu,
    load::Loader,
    place::{ENDPOINT, Place},
    server::{Kind, Server, camel_jars},
};

use crate::report::{Case, Measured, Report};

/// Until the compiler of Java has seen what matters.
const JVM_WARM_UP_SECONDS: u32 = 15;

/// Ingest beside its floor, itself and what people use.
#[derive(Debug, clap::Parser)]
pub(crate) struct Args {
    /// How often each case has its turn
    #[arg(long, default_value_t = 2)]
    rounds: u32,

    /// Seconds of each measurement
    #[arg(long, default_value_t = 5)]
    seconds: u32,

    /// Webhooks a second of the open model
    #[arg(long, default_value_t = 4_000)]
    rate: u32,

    /// Connections
    #[arg(long, default_value_t = 64)]
    connections: u32,

    /// Bytes of a webhook
    #[arg(long, default_value_t = 1_024)]
    body_bytes: u32,

    /// Only ingest, for this many seconds in a closed loop: for a profiler
    #[arg(long)]
    only_ingest: Option<u32>,

    /// Only how long a tenant's answers take while another sends a hundred times as much
    #[arg(long)]
    flood: bool,
}

fn main() -> ExitCode {
    match std::env::var(SERVE).as_deref() {
        Ok("floor") => floor::main(),
        Ok("unawaited") => unawaited::main(),
        Ok(_) | Err(_) => {
            measure(&Args::parse());
            ExitCode::SUCCESS
        }
    }
}

fn measure(args: &Args) {
    let place = Place::start(|_| {});
    let loader = Loader {
        place: &place,
        endpoint: ENDPOINT,
        connections: args.connections,
        body_bytes: args.body_bytes,
        rate: args.rate,
        seconds: args.seconds,
    };
    if let Some(seconds) = args.only_ingest {
        let ingest = Server::start(Kind::Ingest, &place);
        loader.warm_up(&ingest);
        println!("ingest is process {}", ingest.pid());
        println!("{:#?}", loader.closed(&ingest, seconds));
        return;
    }
    if args.flood {
        flood::measure(&Server::start(Kind::Ingest, &place), &loader, args.rounds);
        return;
    }
    let mut report = Report::new(args);
    let bridge = camel_jars().map(|_| Server::start(Kind::Camel, &place));
    match &bridge {
        Some(bridge) => drop(loader.closed(bridge, JVM_WARM_UP_SECONDS)),
        None => eprintln!("without Apache Camel: WAYBILL_CAMEL_JARS says where its jars lie"),
    }
    for round in 1..=args.rounds {
        if let Some(bridge) = &bridge {
            let case = Case::Camel;
            report.add(case, turn((round, case), bridge, &loader));
        }
        for (case, kind) in [
            (Case::Floor, Kind::Floor),
            (Case::Acked, Kind::Ingest),
            (Case::Unawaited, Kind::Unawaited),
        ] {
            report.add(
                case,
                turn((round, case), &Server::start(kind, &place), &loader),
            );
        }
    }
    drop(bridge);
    // started while Kafka is there: it has seen the topic, as one that is overtaken by an outage has
    let ingest = Server::start(Kind::Ingest, &place);
    place.stop_kafka();
    for round in 1..=args.rounds {
        report.add(
            Case::Spooled,
            turn((round, Case::Spooled), &ingest, &loader),
        );
    }
    report.print();
}

fn turn((round, case): (u32, Case), server: &Server, loader: &Loader) -> Measured {
    eprintln!("round {round}: {}", case.words());
    loader.warm_up(server);
    let closed = loader.closed(server, loader.seconds);
    let open = loader.open(server);
    Measured {
        closed,
        open,
        resident_mib: cpu::resident_mib(server.pid()),
    }
}
