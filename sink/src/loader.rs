//! One block into its table: tried until the store answers, halved where it refuses a row.

use std::{collections::HashSet, ops::Range, sync::Arc, time::Duration};

use runtime::{backoff::Backoff, health::Part};
use serde::Deserialize;

use crate::{
    batch::{Block, Intent, Partition, Row},
    check::Shapes,
    clickhouse::{Store, StoreError},
    codes::Nature,
    metrics::Metrics,
    outcome::{Disposition, Outcome},
    table::Table,
};

const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// A block, and what is known of it.
#[derive(Clone, Debug)]
pub(crate) struct Load {
    pub(crate) block: Arc<Block>,
    /// Some of it may be there under a token that can't be repeated or is forgotten by now.
    pub(crate) look_first: bool,
}

/// Loads the blocks of one table.
#[derive(Clone, Debug)]
pub(crate) struct Loader {
    pub(crate) store: Store,
    /// The tables as they were checked.
    pub(crate) shapes: Arc<Shapes>,
    pub(crate) table: Table,
    /// Each topic's full name, as it stands in rows.
    pub(crate) prefix: String,
    pub(crate) metrics: Metrics,
    pub(crate) part: Part,
}

/// The later half first; a single row is its own half.
fn halves(range: Range<usize>) -> Vec<Range<usize>> {
    let middle = range.start + range.len() / 2;
    [middle..range.end, range.start..middle]
        .into_iter()
        .filter(|half| !half.is_empty())
        .collect()
}

#[derive(Deserialize)]
struct Offset {
    _offset: i64,
}

impl Loader {
    /// Returns the rows that the store refuses; all others are stored.
    ///
    /// # Errors
    /// Only where no retry will ever help.
    pub(crate) async fn load(self, load: Load) -> Result<Vec<Row>, StoreError> {
        let mut backoff = Backoff::new(FIRST_PAUSE, LONGEST_PAUSE);
        loop {
            let error = match self.once(&load).await {
                Ok(refused) => {
                    self.part.ready();
                    return Ok(refused);
                }
                Err(error) => error,
            };
            match Outcome::from(&error).disposition() {
                Disposition::Stop => return Err(error),
                // refused rows come as a result: what comes as an error concerns the whole store
                Disposition::Retry | Disposition::SetAside(_) | Disposition::Done => {}
            }
            let pause = backoff.next();
            self.metrics.retry(self.table);
            self.part
                .not_ready(&format!("the store does not take rows: {error}"));
            let (table, code, ms) = (self.table.label(), error.code(), pause.as_millis());
            tracing::warn!(table, code, %error, retry_in_ms = ms, "block not loaded yet");
            tokio::time::sleep(pause).await;
        }
    }

    async fn once(&self, load: &Load) -> Result<Vec<Row>, StoreError> {
        if load.look_first {
            let there = self.look(&load.block.intent).await?;
            let rest = load.block.without(&there);
            tracing::info!(
                table = self.table.label(),
                there = there.len(),
                missing = rest.rows.len(),
                "pending block looked for in the store"
            );
            return self.rest(&rest).await;
        }
        let token = load.block.intent.token(self.table);
        self.insert_or_halve(&load.block, &token).await
    }

    /// Inserts what is missing of a block, and returns the rows that the store refuses.
    ///
    /// # Errors
    /// What concerns the whole store; nothing is tried again here.
    pub(crate) async fn rest(&self, rest: &Block) -> Result<Vec<Row>, StoreError> {
        let token = rest.intent.token(self.table);
        self.insert_or_halve(rest, &format!("{token}-rest")).await
    }

    async fn insert_or_halve(&self, block: &Block, token: &str) -> Result<Vec<Row>, StoreError> {
        match self.insert(block, 0..block.rows.len(), token).await {
            Err(error) if error.nature() == Nature::RowRefused => self.halve(block, token).await,
            other => other.map(|()| Vec::new()),
        }
    }

    /// Finds the refused rows. The halves have tokens of their own: under the whole's token the
    /// first half would stand for all of it. Where not a single row is taken, the table may have been
    /// changed under us, and then the rows are not at fault.
    async fn halve(&self, block: &Block, token: &str) -> Result<Vec<Row>, StoreError> {
        let count = block.rows.len();
        let mut refused = Vec::new();
        // the whole was tried already
        let mut ranges = halves(0..count);
        while let Some(range) = ranges.pop() {
            let token = format!("{token}-{}-{}", range.start, range.end);
            match self.insert(block, range.clone(), &token).await {
                Ok(()) => {}
                Err(error) if error.nature() == Nature::RowRefused => {
                    match block.rows.get(range.clone()) {
                        Some([row]) => refused.push(*row),
                        _ => ranges.extend(halves(range)),
                    }
                }
                Err(error) => return Err(error),
            }
        }
        if refused.len() == count {
            self.shapes.still_hold(&self.store, self.table).await?;
        }
        Ok(refused)
    }

    async fn insert(
        &self,
        block: &Block,
        rows: Range<usize>,
        token: &str,
    ) -> Result<(), StoreError> {
        if rows.is_empty() {
            return Ok(());
        }
        let (table, columns) = (self.table.name(), self.table.columns());
        self.store
            .insert(table, &columns, token, block.body(rows))
            .await
    }

    /// Places whose row is there.
    pub(crate) async fn look(
        &self,
        intent: &Intent,
    ) -> Result<HashSet<(Partition, i64)>, StoreError> {
        let mut there = HashSet::new();
        for span in &intent.spans {
            let sql = format!(
                "SELECT DISTINCT _offset FROM {} WHERE _topic = {{topic: String}} AND _partition = {} \
                 AND _offset BETWEEN {} AND {}",
                self.store.table(self.table.name()),
                span.partition.number,
                span.first,
                span.last
            );
            let topic = span.partition.topic.name(&self.prefix);
            let rows: Vec<Offset> = self.store.rows(&sql, &[("topic", &topic)]).await?;
            there.extend(rows.into_iter().map(|row| (span.partition, row._offset)));
        }
        Ok(there)
    }
}
