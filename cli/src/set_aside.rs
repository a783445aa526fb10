//! What was set aside, looked at and tried again.
//!
//! What now gives events goes back to raw, beside its first record: same receipt, same bytes, with the
//! verdict of today and a `replay-id`. The normalizer then does what it always does, `receipts` counts the
//! receipt once with its newest verdict, and an event beats the set-aside in every account. A shortcut to
//! canonical would leave `receipts` saying that the webhook failed, and the next replay of raw with it.

mod judge;
mod rows;

use std::collections::BTreeMap;

use serde::Serialize;

use crate::{
    clickhouse::Clickhouse,
    raw::{self, Place, RawRecord},
    replay::Pace,
    settings::Settings,
    writer::Writer,
};

pub(crate) use judge::{Judge, Judged};
pub(crate) use rows::{Filter, ROWS_MAX, Row, groups, receipt_places, rows};

/// Receipts whose bytes are in memory together: a record holds a megabyte at most.
const BATCH: usize = 200;

/// What became of the receipts that were tried again.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Outcome {
    /// Sent through again, or in a dry run would be.
    pub(crate) replayed: Vec<String>,
    /// Why the others stay set aside, with their receipts.
    pub(crate) left: BTreeMap<String, Vec<String>>,
}

impl Outcome {
    pub(crate) fn leave(&mut self, why: impl Into<String>, receipt: &str) {
        self.left
            .entry(why.into())
            .or_default()
            .push(receipt.to_owned());
    }

    pub(crate) fn left_over(&self) -> usize {
        self.left.values().map(Vec::len).sum()
    }
}

/// Tries rows again. Without a writer nothing is sent; with one, no more than its rate in a second, and
/// `settled` is told after each batch that is written for good.
pub(crate) async fn replay(
    settings: &Settings,
    judge: &Judge<'_>,
    rows: &[Row],
    sending: Option<(&Writer, u32)>,
    mut settled: impl AsyncFnMut(&Outcome) -> anyhow::Result<()>,
) -> anyhow::Result<Outcome> {
    let clickhouse = Clickhouse::new(settings.clickhouse());
    let pace = Pace::begin(sending.map_or(u32::MAX, |(_, rate)| rate));
    let mut outcome = Outcome::default();
    for batch in rows.chunks(pace.batch_max(BATCH)) {
        let places = receipt_places(&clickhouse, batch).await?;
        let records = fetched(settings, places.values().cloned())?;
        for row in batch {
            let Some(place) = places.get(&row.receipt_id) else {
                outcome.leave("it is no webhook with a receipt of ours", &row.receipt_id);
                continue;
            };
            let Some(record) = records.get(place) else {
                outcome.leave("raw no longer has it", &row.receipt_id);
                continue;
            };
            match judge.judged(row, record).await? {
                Judged::Good(headers) => {
                    if let Some((writer, _)) = sending {
                        writer.webhook(record, &headers)?;
                    }
                    outcome.replayed.push(row.receipt_id.clone());
                }
                Judged::Bad(why) => outcome.leave(why, &row.receipt_id),
            }
        }
        if let Some((writer, _)) = sending {
            tokio::task::block_in_place(|| writer.written())?;
            settled(&outcome).await?;
            pace.wait(outcome.replayed.len() as u64).await;
        }
    }
    Ok(outcome)
}

/// What raw still has of these.
pub(crate) fn fetched(
    settings: &Settings,
    places: impl IntoIterator<Item = Place>,
) -> anyhow::Result<BTreeMap<Place, RawRecord>> {
    tokio::task::block_in_place(|| raw::fetch(settings, places))
}
