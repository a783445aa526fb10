//! The table, and the ratios that are the goals of DESIGN.

use std::collections::BTreeMap;

use comfy_table::{Table, presets::UTF8_BORDERS_ONLY};

use pipeline_bench::load::Run;

use crate::Args;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Case {
    Floor,
    Acked,
    Unawaited,
    Spooled,
    Camel,
}

impl Case {
    pub(crate) const fn words(self) -> &'static str {
        match self {
            Self::Floor => "bare actix-web: reads the body, answers",
            Self::Acked => "ingest",
            Self::Unawaited => "ingest, acks not awaited",
            Self::Spooled => "ingest, Kafka killed",
            Self::Camel => "Apache Camel: body to Kafka, no signature",
        }
    }
}

/// One turn of a case.
pub(crate) struct Measured {
    pub(crate) closed: Run,
    pub(crate) open: Run,
    pub(crate) resident_mib: u64,
}

impl Measured {
    fn is_whole(&self) -> bool {
        self.closed.load.unexpected == 0 && self.open.load.unexpected == 0
    }
}

pub(crate) struct Report {
    title: String,
    cases: BTreeMap<Case, Vec<Measured>>,
}

impl Report {
    pub(crate) fn new(args: &Args) -> Self {
        Self {
            title: format!(
                "{} B of Lalamove, signed; {} connections; {} rounds of {} s; open model at {}/s",
                args.body_bytes, args.connections, args.rounds, args.seconds, args.rate
            ),
            cases: BTreeMap::new(),
        }
    }

    pub(crate) fn add(&mut self, case: Case, measured: Measured) {
        self.cases.entry(case).or_default().push(measured);
    }

    pub(crate) fn print(&self) {
        let mut table = Table::new();
        table.load_preset(UTF8_BORDERS_ONLY).set_header([
            "",
            "max/s",
            "CPU s/M at max",
            "p50",
            "p99",
            "p99.9",
            "CPU s/M at the rate",
            "p50",
            "p99",
            "p99.9",
            "MiB",
        ]);
        for (case, turns) in &self.cases {
            for turn in turns {
                let ms = |value: f64| format!("{value:.2}");
                let mut row = vec![case.words().to_owned()];
                let (closed, open) = (&turn.closed, &turn.open);
                row.push(format!("{:.0}", closed.load.rate));
                for run in [closed, open] {
                    let latency = &run.load.latency_ms;
                    row.push(format!("{:.1}", cost(&[run])));
                    row.extend([latency.p50, latency.p99, latency.p999].map(ms));
                }
                row.push(turn.resident_mib.to_string());
                table.add_row(row);
            }
        }
        println!("{}\n{table}", self.title);
        println!(
            "CPU of the server's process alone, in seconds a million; latencies in milliseconds."
        );
        self.ratios();
        self.oddities();
    }

    fn ratios(&self) {
        let costs = |case| self.over(case, cost);
        if let (Some(floor), Some(acked)) = (costs(Case::Floor), costs(Case::Acked)) {
            println!("cost / floor's: {:.2} (goal: at most 1.5)", acked / floor);
        }
        let rates = |case| self.over(case, rate);
        if let (Some(acked), Some(unawaited)) = (rates(Case::Acked), rates(Case::Unawaited)) {
            println!(
                "acked / unawaited, webhooks/s: {:.2} (goal: at least 0.8)",
                acked / unawaited
            );
        }
        if let (Some(acked), Some(camel)) = (rates(Case::Acked), rates(Case::Camel)) {
            println!(
                "webhooks/s / Camel's: {:.2} (goal: at least 3)",
                acked / camel
            );
        }
        if let (Some(acked), Some(camel)) = (costs(Case::Acked), costs(Case::Camel)) {
            println!("cost / Camel's: {:.2}", acked / camel);
        }
        if let (Some(spooled), Some(acked)) = (costs(Case::Spooled), costs(Case::Acked)) {
            println!("cost with Kafka killed / cost: {:.2}", spooled / acked);
        }
    }

    /// Of all closed loops of a case; none if an answer was not as it should be.
    fn over(&self, case: Case, of: fn(&[&Run]) -> f64) -> Option<f64> {
        let turns = self.cases.get(&case)?;
        let runs: Vec<&Run> = turns.iter().map(|turn| &turn.closed).collect();
        turns.iter().all(Measured::is_whole).then(|| of(&runs))
    }

    /// What makes a figure worthless, or worse than it looks.
    fn oddities(&self) {
        for (case, turns) in &self.cases {
            for (place, turn) in (1..).zip(turns) {
                for (model, run) in [("closed loop", &turn.closed), ("open model", &turn.open)] {
                    let load = &run.load;
                    if run.spooled > 0 && *case != Case::Spooled {
                        println!(
                            "{}, round {place}, {model}: {} of {} went to the disk",
                            case.words(),
                            run.spooled,
                            load.webhooks
                        );
                    }
                    if load.unexpected > 0 || load.unsent > 0 {
                        println!(
                            "{}, round {place}, {model}: {} of {} answers not as they should be {:?}, \
                             {} not sent",
                            case.words(),
                            load.unexpected,
                            load.webhooks,
                            load.answers,
                            load.unsent
                        );
                    }
                }
            }
        }
    }
}

/// CPU seconds for a million webhooks.
fn cost(runs: &[&Run]) -> f64 {
    let cpu: f64 = runs.iter().map(|run| run.cpu.as_secs_f64()).sum();
    let webhooks: u64 = runs.iter().map(|run| run.load.webhooks).sum();
    cpu * 1e6 / webhooks as f64
}

fn rate(runs: &[&Run]) -> f64 {
    runs.iter().map(|run| run.load.rate).sum::<f64>() / runs.len() as f64
}
