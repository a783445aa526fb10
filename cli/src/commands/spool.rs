//! `waybill spool list|verify|drain`: webhooks that wait on an ingest's disk.

mod drain;

use std::path::{Path, PathBuf};

use clap::Subcommand;
use ingest::spool::{self, Entry, Inspection, SegmentState, Sequence, SpoolError};
use serde::Serialize;

use crate::{Verdict, WrongUse, output, settings::Place};

#[derive(Debug, Subcommand)]
#[command(after_help = "Example:\n  waybill spool list /var/lib/waybill/spool")]
pub(crate) enum Command {
    /// Show what waits in a spool; safe while ingest runs
    #[command(after_help = "Example:\n  waybill spool list /var/lib/waybill/spool --records")]
    List {
        /// The spool's folder (spool.dir of ingest)
        folder: PathBuf,
        /// Each webhook that waits as well: its receipt, and nothing of its content
        #[arg(long)]
        records: bool,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Read everything in a spool, and say what can't be read; safe while ingest runs
    ///
    /// Exit code 1 if something that a carrier was promised can't be read.
    #[command(after_help = "Example:\n  waybill spool verify /var/lib/waybill/spool")]
    Verify {
        /// The spool's folder (spool.dir of ingest)
        folder: PathBuf,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Send everything in a spool to Kafka, for an ingest that does not come back
    ///
    /// An ingest that runs drains its spool by itself. What is sent is forgotten once Kafka has
    /// confirmed it; an interrupted drain goes on where it stopped.
    #[command(
        after_help = "Example:\n  WAYBILL__KAFKA__BOOTSTRAP_SERVERS=kafka:9092 \
        waybill spool drain /mnt/left-over/spool"
    )]
    Drain {
        /// The spool's folder (spool.dir of ingest)
        folder: PathBuf,
        /// Print JSON
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        place: Place,
    },
}

/// One webhook that waits.
#[derive(Debug, Serialize)]
struct Waiting {
    sequence: u64,
    receipt_id: Option<String>,
    tenant: Option<String>,
    provider: Option<String>,
    received_at: Option<String>,
    overflow: bool,
    body_bytes: usize,
}

#[derive(Debug, Serialize)]
struct File {
    file: String,
    state: &'static str,
    first: u64,
    records: u64,
    bytes: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    unreadable: Option<Unreadable>,
}

/// Promised webhooks in a damaged file that can't be read.
#[derive(Debug, Serialize)]
struct Unreadable {
    records: u64,
    first: u64,
    /// If it is missing, there are none, or (`at_least`) nothing there tells how many.
    last: Option<u64>,
    /// There may be more behind the last.
    at_least: bool,
}

impl Unreadable {
    fn of(found: spool::Unreadable) -> Self {
        Self {
            records: found.records(),
            first: found.first.0,
            last: found.last.map(|last| last.0),
            at_least: found.is_at_least,
        }
    }
}

impl std::fmt::Display for Unreadable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { records, first, .. } = self;
        let last = match self.last {
            Some(last) => last,
            None if self.at_least => {
                return write!(
                    f,
                    "those from sequence {first} on can't be read, and nothing in it tells how many (an older version \
                     put it aside, which did not note that)"
                );
            }
            None => return f.write_str("all can be read after all"),
        };
        let at_least = if self.at_least { "at least " } else { "" };
        write!(
            f,
            "{at_least}{records} can't be read, sequences {first} to {last}"
        )
    }
}

#[derive(Debug, Serialize)]
struct Found {
    records: u64,
    bytes: u64,
    oldest: Option<String>,
    newest: Option<String>,
    /// Damaged files.
    quarantined: u64,
    /// Promised records whose file is gone.
    missing: u64,
    cursor_damaged: bool,
    settled: u64,
    segments: Vec<File>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    waiting: Vec<Waiting>,
}

pub(super) async fn run(command: Command) -> anyhow::Result<Verdict> {
    match command {
        Command::List {
            folder,
            records,
            json,
        } => list(&folder, records, json),
        Command::Verify { folder, json } => verify(&folder, json),
        Command::Drain {
            folder,
            json,
            place,
        } => {
            let settings = place.settings()?;
            there(&folder)?;
            tokio::task::spawn_blocking(move || drain::run(&folder, json, &settings)).await?
        }
    }
}

/// A wrong path is wrong use.
fn there(folder: &Path) -> anyhow::Result<()> {
    if folder.is_dir() {
        if spool::is_one(folder)? {
            return Ok(());
        }
        let why = "is no spool: none of its files is one of a spool's";
        return Err(WrongUse(format!("{} {why}", folder.display())).into());
    }
    let folder = folder.display().to_string();
    Err(WrongUse(SpoolError::NoFolder { folder }.to_string()).into())
}

fn list(folder: &Path, with_records: bool, json: bool) -> anyhow::Result<Verdict> {
    there(folder)?;
    let mut waiting = Vec::new();
    if with_records && !json {
        output::line("sequence\treceipt\ttenant\tcarrier\treceived\tbytes");
    }
    let inspection = spool::inspect(folder, |sequence, entry| {
        if with_records {
            let one = of_entry(sequence, entry);
            if json {
                waiting.push(one);
            } else {
                one.print();
            }
        }
    })?;
    let found = found(inspection, waiting);
    if json {
        output::json(&found)?;
    } else {
        found.print();
    }
    Ok(Verdict::Good)
}

fn verify(folder: &Path, json: bool) -> anyhow::Result<Verdict> {
    there(folder)?;
    let mut inspection = spool::inspect(folder, |_, _| ())?;
    if !inspection.is_sound() {
        // Files that an ingest renames or removes in this moment are no damage.
        inspection = spool::inspect(folder, |_, _| ())?;
    }
    let is_sound = inspection.is_sound();
    let found = found(inspection, Vec::new());
    if json {
        output::json(&found)?;
    } else {
        found.print();
        output::line(found.judgement(is_sound));
    }
    Ok(if is_sound {
        Verdict::Good
    } else {
        Verdict::Bad
    })
}

fn of_entry(sequence: Sequence, entry: &Entry) -> Waiting {
    let text = |name| entry.text(name).map(str::to_owned);
    Waiting {
        sequence: sequence.0,
        receipt_id: text("receipt-id"),
        tenant: text("tenant"),
        provider: text("provider"),
        received_at: text("received-at"),
        overflow: entry.overflow,
        body_bytes: entry.body.len(),
    }
}

fn found(inspection: Inspection, waiting: Vec<Waiting>) -> Found {
    let segments = inspection.segments.into_iter().map(|segment| File {
        file: segment.file,
        state: match segment.state {
            SegmentState::Good => "good",
            SegmentState::Open => "open",
            SegmentState::Settled => "settled",
            SegmentState::Damaged => "damaged",
        },
        first: segment.first.0,
        records: segment.records,
        bytes: segment.bytes,
        unreadable: segment.unreadable.map(Unreadable::of),
    });
    Found {
        records: inspection.stats.records,
        bytes: inspection.stats.bytes,
        oldest: inspection.stats.oldest_at.map(|at| at.to_string()),
        newest: inspection.newest_at.map(|at| at.to_string()),
        quarantined: inspection.stats.quarantined,
        missing: inspection.missing,
        cursor_damaged: inspection.is_cursor_damaged,
        settled: inspection.settled.0,
        segments: segments.collect(),
        waiting,
    }
}

impl Waiting {
    fn print(&self) {
        output::line(format_args!(
            "{}\t{}\t{}\t{}\t{}\t{}",
            self.sequence,
            output::or_dash(self.receipt_id.as_ref()),
            output::or_dash(self.tenant.as_ref()),
            output::or_dash(self.provider.as_ref()),
            output::or_dash(self.received_at.as_ref()),
            self.body_bytes
        ));
    }
}

impl Found {
    fn print(&self) {
        let rows = self.segments.iter().map(|segment| {
            [
                segment.file.clone(),
                segment.state.to_owned(),
                segment.records.to_string(),
                segment.bytes.to_string(),
            ]
        });
        output::table(&["file", "", "records", "bytes"], rows);
        let summary = [[
            self.records.to_string(),
            self.bytes.to_string(),
            output::or_dash(self.oldest.as_ref()),
            output::or_dash(self.newest.as_ref()),
            self.quarantined.to_string(),
        ]];
        output::table(
            &["records", "bytes", "oldest", "newest", "quarantined"],
            summary,
        );
    }

    fn judgement(&self, is_sound: bool) -> String {
        if is_sound {
            return "everything that was promised can be read".to_owned();
        }
        let mut said = Vec::new();
        for segment in &self.segments {
            let Some(unreadable) = &segment.unreadable else {
                continue;
            };
            let File { file, records, .. } = segment;
            said.push(format!(
                "{file} is damaged: of its webhooks {unreadable}; {records} before these still wait and will be sent; \
                 keep the file"
            ));
        }
        if self.missing > 0 {
            said.push(format!(
                "{} records are missing: put their file back, if somebody took it away",
                self.missing
            ));
        }
        if self.cursor_damaged {
            said.push("the cursor is damaged: what is still there will be sent once more".into());
        }
        said.join("\n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_read_is_told_by_number_as_far_as_it_is_known() {
        let check = |last: Option<u64>, is_at_least: bool, expected: &str| {
            let told = Unreadable::of(spool::Unreadable {
                first: Sequence(3),
                last: last.map(Sequence),
                is_at_least,
            });
            let told = told.to_string();
            assert!(told.starts_with(expected), "{told}");
        };
        check(Some(14), false, "12 can't be read, sequences 3 to 14");
        check(
            Some(14),
            true,
            "at least 12 can't be read, sequences 3 to 14",
        );
        check(
            None,
            true,
            "those from sequence 3 on can't be read, and nothing in it",
        );
        check(None, false, "all can be read after all");
    }
}
