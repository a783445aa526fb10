use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use crate::part::Part;

/// What is being done for a part, in the order in which it happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Another process is fetching the same.
    Waiting,
    Download {
        bytes: u64,
    },
    Verify {
        /// False where only the registry client's own check stands behind the download.
        pinned: bool,
    },
    Unpack,
    Fetched,
    /// A trial run whose loaded classes are kept, so that later starts take half the time.
    Train,
    Start,
    Ready {
        after: Duration,
    },
}

impl fmt::Display for Step {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Waiting => write!(out, "waiting for another process that fetches it"),
            Self::Download { bytes } => write!(out, "downloading {} MB", bytes / 1_000_000),
            Self::Verify { pinned: true } => write!(out, "verifying"),
            Self::Verify { pinned: false } => {
                write!(
                    out,
                    "no checksum is pinned for this platform, relying on npm's own"
                )
            }
            Self::Unpack => write!(out, "unpacking"),
            Self::Train => write!(out, "preparing fast starts"),
            Self::Fetched => write!(out, "in the cache"),
            Self::Start => write!(out, "starting"),
            Self::Ready { after } => write!(out, "ready after {:.1} s", after.as_secs_f64()),
        }
    }
}

/// Told from several threads at once.
pub trait Progress: Sync {
    fn step(&self, part: Part, step: Step);
}

#[derive(Clone, Copy, Debug)]
pub struct Silent;

impl Progress for Silent {
    fn step(&self, _: Part, _: Step) {}
}

/// One plain line for each step, handed to the given function.
pub struct Lines<F>(pub F);

impl<F> fmt::Debug for Lines<F> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Lines")
    }
}

impl<F: Fn(&str) + Sync> Progress for Lines<F> {
    fn step(&self, part: Part, step: Step) {
        (self.0)(&format!("{part}: {step}"));
    }
}

/// A spinner with a clock for each part, on standard error; draws nothing where that is no terminal.
#[derive(Debug, Default)]
pub struct Bars {
    all: MultiProgress,
    bars: Mutex<BTreeMap<Part, ProgressBar>>,
}

impl Progress for Bars {
    fn step(&self, part: Part, step: Step) {
        let mut bars = self.bars.lock().unwrap_or_else(PoisonError::into_inner);
        let bar = bars
            .entry(part)
            .or_insert_with(|| self.all.add(spinner(part)));
        bar.set_message(step.to_string());
        if matches!(step, Step::Ready { .. }) {
            bar.abandon();
        }
    }
}

fn spinner(part: Part) -> ProgressBar {
    let bar = ProgressBar::new_spinner().with_prefix(part.name());
    if let Ok(style) = ProgressStyle::with_template("{spinner} {prefix:10} {msg} ({elapsed})") {
        bar.set_style(style);
    }
    bar.enable_steady_tick(Duration::from_millis(100));
    bar
}
