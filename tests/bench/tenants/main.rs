//! Many tenants: how long a folder of them takes to be read, how much memory it holds, how long a lookup
//! takes, and whether requests notice that the folder is read again. `make bench` runs it.

use std::{
    fmt::Write as _,
    fs,
    hint::black_box,
    path::Path,
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant},
};

use clap::Parser as _;
use pipeline_bench::{
    cpu,
    load::{Loader, Run},
    place::{ENDPOINT, Place},
    server::{Kind, Server},
};

const ENDPOINTS_OF_A_TENANT: usize = 5;
const CHANGE_EVERY: Duration = Duration::from_secs(2);

/// A folder of many tenants.
#[derive(Debug, clap::Parser)]
struct Args {
    /// Tenants, with five endpoints each
    #[arg(long, default_value_t = 10_000)]
    tenants: usize,

    /// Seconds of each measurement
    #[arg(long, default_value_t = 10)]
    seconds: u32,

    /// Webhooks a second
    #[arg(long, default_value_t = 2_000)]
    rate: u32,

    /// Only read, without Kafka and requests
    #[arg(long)]
    only_read: bool,
}

fn main() {
    let args = Args::parse();
    for tenants_of_a_file in [1, 100] {
        let folder = tempfile::tempdir().expect("a folder");
        write(folder.path(), (args.tenants, tenants_of_a_file));
        read(folder.path(), tenants_of_a_file);
    }
    if !args.only_read {
        serve(&args);
    }
}

/// As an operator's program would write them.
fn write(folder: &Path, (tenants, of_a_file): (usize, usize)) {
    for first in (0..tenants).step_by(of_a_file) {
        let mut text = String::new();
        for tenant in first..tenants.min(first + of_a_file) {
            write!(text, "[tenants.t{tenant}]\nname = \"Tenant {tenant}\"\n").expect("text");
            for endpoint in 0..ENDPOINTS_OF_A_TENANT {
                text.push_str(&self::endpoint(tenant, endpoint));
            }
        }
        fs::write(folder.join(format!("t{first:06}.toml")), text).expect("a file");
    }
}

fn endpoint(tenant: usize, number: usize) -> String {
    let (provider, verification) = [
        ("lalamove", "quarantine"),
        ("ahamove", "required"),
        ("ordatic", "required"),
        ("sendstack", "required"),
        ("dellyman", "required"),
    ][number % ENDPOINTS_OF_A_TENANT];
    format!(
        "[[tenants.t{tenant}.endpoints]]\nid = \"t{tenant}-{provider}-{number}\"\n\
         provider = \"{provider}\"\ntoken = \"{}\"\nverification = \"{verification}\"\n\
         timezone = \"Asia/Hong_Kong\"\ncurrency = \"HKD\"\n\
         [[tenants.t{tenant}.endpoints.secrets]]\nid = \"2026-11\"\n\
         value = \"sk_0123456789abcdef_{tenant}_{number}\"\n",
        token(tenant, number)
    )
}

fn token(tenant: usize, number: usize) -> String {
    format!("tok-{tenant:08}-{number:02}-0123456789abcdef")
}

fn read(folder: &Path, of_a_file: usize) {
    let own = std::process::id();
    let before = cpu::resident_mib(own);
    let mut times = Vec::new();
    let mut kept = None;
    for _ in 0..3 {
        drop(kept.take());
        let start = Instant::now();
        kept = Some(ingest::tenants::load(folder).expect("good files"));
        times.push(start.elapsed().as_millis());
    }
    let tenants = kept.expect("read");
    let endpoints = tenants.endpoints().len();
    let held = cpu::resident_mib(own) - before;
    let (looked_up, start) = (1_000_000, Instant::now());
    for number in 0..looked_up {
        let tenant = number * 7919 % (endpoints / ENDPOINTS_OF_A_TENANT);
        black_box(tenants.by_token(&token(tenant, number % ENDPOINTS_OF_A_TENANT))).expect("known");
    }
    let lookup = start.elapsed().as_nanos() / looked_up as u128;
    let start = Instant::now();
    drop(tenants);
    println!(
        "{endpoints} endpoints, {of_a_file} tenants a file: read in {times:?} ms, {held} MiB more held, \
         a lookup with making its token {lookup} ns, dropped in {} ms",
        start.elapsed().as_millis()
    );
}

/// The same load twice: with a folder that stays, and with one that changes all the time.
fn serve(args: &Args) {
    let place = Place::start(|folder| write(folder, (args.tenants, 1)));
    let server = Server::start(Kind::Ingest, &place);
    let loader = Loader {
        place: &place,
        endpoint: ENDPOINT,
        connections: 64,
        body_bytes: 1_024,
        rate: args.rate,
        seconds: args.seconds,
    };
    loader.warm_up(&server);
    let still = loader.open(&server);
    show("folder unchanged", &still, &server);
    let done = AtomicBool::new(false);
    let changed = std::thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                write(&place.tenants(), (1, 1));
                std::thread::sleep(CHANGE_EVERY);
            }
        });
        let changed = loader.open(&server);
        done.store(true, Ordering::Relaxed);
        changed
    });
    show("a file changed every 2 s", &changed, &server);
}

fn show(words: &str, run: &Run, server: &Server) {
    let latency = &run.load.latency_ms;
    println!(
        "{words}: {:.0}/s, p50 {:.2} ms, p99 {:.2} ms, p99.9 {:.2} ms, longest {:.2} ms, \
         {:.0} % of a core, {} MiB",
        run.load.rate,
        latency.p50,
        latency.p99,
        latency.p999,
        latency.max,
        run.cpu.as_secs_f64() * 100.0 / run.load.seconds,
        cpu::resident_mib(server.pid())
    );
}
