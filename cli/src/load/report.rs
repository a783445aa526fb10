//! What a run is told in: a line each second, and a table at the end.

use std::{collections::BTreeMap, time::Duration};

use serde::Serialize;

use super::Tally;
use crate::{Verdict, output};

/// How it goes, with how many webhooks had ended a second before.
pub(crate) fn progress(tally: &Tally, seen: u64) -> String {
    let answers: Vec<String> = tally
        .answers
        .iter()
        .map(|(status, count)| format!("{status}: {count}"))
        .chain(
            tally
                .failed
                .iter()
                .map(|(why, count)| format!("{}: {count}", why.words())),
        )
        .collect();
    format!(
        "{} webhooks, {}/s, p50 {:.1} ms, p99 {:.1} ms, {}",
        tally.ended(),
        tally.ended() - seen,
        milliseconds(tally.lately.per_mille(500)),
        milliseconds(tally.lately.per_mille(990)),
        answers.join(", ")
    )
}

fn milliseconds(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1_000_000.0).round() / 1000.0
}

/// What a run gave.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    seed: u64,
    seconds: f64,
    /// Webhooks a second that were asked for; none in a closed loop.
    rate_asked: Option<u32>,
    rate: f64,
    webhooks: u64,
    /// Due, and never sent: all connections waited for answers.
    unsent: u64,
    /// Answers that a healthy ingest does not give.
    unexpected: u64,
    latency_ms: Latency,
    answers: BTreeMap<u16, u64>,
    failed: BTreeMap<&'static str, u64>,
    kinds: BTreeMap<&'static str, u64>,
    carriers: BTreeMap<&'static str, u64>,
}

#[derive(Debug, Serialize)]
struct Latency {
    mean: f64,
    p50: f64,
    p90: f64,
    p99: f64,
    p999: f64,
    max: f64,
}

impl Report {
    pub(crate) fn new(
        (seed, rate_asked): (u64, Option<u32>),
        tally: &Tally,
        (lasted, unsent): (Duration, u64),
    ) -> Self {
        let part = |thousandths| milliseconds(tally.latency.per_mille(thousandths));
        let seconds = lasted.as_secs_f64();
        let ended = tally.ended();
        Self {
            seed,
            seconds: (seconds * 1000.0).round() / 1000.0,
            rate_asked,
            rate: per_second(ended, seconds),
            webhooks: ended,
            unsent,
            unexpected: tally.unexpected,
            latency_ms: Latency {
                mean: milliseconds(tally.latency.mean()),
                p50: part(500),
                p90: part(900),
                p99: part(990),
                p999: part(999),
                max: milliseconds(tally.latency.max()),
            },
            answers: tally.answers.clone(),
            failed: tally
                .failed
                .iter()
                .map(|(why, n)| (why.words(), *n))
                .collect(),
            kinds: tally
                .kinds
                .iter()
                .map(|(kind, n)| (kind.word(), *n))
                .collect(),
            carriers: tally.carriers.clone(),
        }
    }

    pub(crate) const fn verdict(&self) -> Verdict {
        if self.unexpected == 0 && self.unsent == 0 {
            Verdict::Good
        } else {
            Verdict::Bad
        }
    }

    pub(crate) fn print(&self) {
        let asked = self.rate_asked.map_or_else(
            || "a closed loop".to_owned(),
            |rate| format!("{rate}/s asked for"),
        );
        output::line(format_args!(
            "{} webhooks in {:.1} s: {:.0}/s ({asked}), seed {}",
            self.webhooks, self.seconds, self.rate, self.seed
        ));
        let ms = |value: f64| format!("{value:.2}");
        let Latency {
            mean,
            p50,
            p90,
            p99,
            p999,
            max,
        } = self.latency_ms;
        output::title("Milliseconds until the answer");
        output::table(
            &["mean", "p50", "p90", "p99", "p99.9", "max"],
            [[mean, p50, p90, p99, p999, max].map(ms)],
        );
        let counts = |counts: &BTreeMap<&'static str, u64>| {
            let rows = counts
                .iter()
                .map(|(word, n)| [(*word).to_owned(), n.to_string()]);
            rows.collect::<Vec<_>>()
        };
        let statuses = self.answers.iter();
        let statuses = statuses.map(|(status, n)| [status.to_string(), n.to_string()]);
        output::title("Answers");
        output::table(
            &["answer", "webhooks"],
            statuses.chain(counts(&self.failed)),
        );
        output::title("Sent");
        let sent = counts(&self.kinds)
            .into_iter()
            .chain(counts(&self.carriers));
        output::table(&["", "webhooks"], sent);
        if self.unexpected > 0 {
            output::line(format_args!(
                "{} answers were not as they should be",
                self.unexpected
            ));
        }
        if self.unsent > 0 {
            output::line(format_args!(
                "{} webhooks were due and not sent: all connections waited for answers",
                self.unsent
            ));
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "a rate is no exact number")]
fn per_second(count: u64, seconds: f64) -> f64 {
    if seconds > 0.0 {
        (count as f64 / seconds * 10.0).round() / 10.0
    } else {
        0.0
    }
}
