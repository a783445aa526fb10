//! The record of every replay, in the store: who replayed what, by which mapping, what came of it, and
//! how far it got, so that one that was interrupted goes on where it was.

use anyhow::Context as _;
use schemas::{
    Micros,
    clickhouse::{DATABASE, literal},
};
use serde::Deserialize;

use super::{Scope, Tally};
use crate::{WrongUse, clickhouse::Clickhouse, commands::new_token, moments::now, raw::Positions};

/// How a replay stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    Running,
    Done,
}

impl State {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Done => "done",
        }
    }
}

/// What never changes about one replay.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) replay_id: String,
    pub(crate) command: &'static str,
    pub(crate) scope: Scope,
    pub(crate) mapping_version: String,
    pub(crate) started_at: Micros,
}

/// An entry as it was left.
#[derive(Clone, Debug)]
pub(crate) struct Left {
    pub(crate) entry: Entry,
    pub(crate) positions: Positions,
    pub(crate) tally: Tally,
}

pub(crate) struct Ledger<'a>(pub(crate) &'a Clickhouse);

/// Sorts by time, and never comes twice.
pub(crate) fn new_id() -> anyhow::Result<String> {
    let token = new_token()?;
    let moment = now().to_string();
    let moment: String = moment
        .chars()
        .take_while(|c| *c != '.')
        .filter(char::is_ascii_alphanumeric)
        .collect();
    Ok(format!("{moment}-{}", token.get(..6).unwrap_or_default()))
}

#[derive(Deserialize)]
struct Row {
    state: String,
    command: String,
    tenant_id: String,
    since_us: i64,
    until_us: i64,
    mapping_version: String,
    started_us: i64,
    positions: String,
    outcome: String,
}

impl Ledger<'_> {
    /// Writes how a replay stands now.
    pub(crate) async fn note(
        &self,
        entry: &Entry,
        state: State,
        positions: &Positions,
        tally: &Tally,
    ) -> anyhow::Result<()> {
        let positions: Vec<(&String, i32, i64)> = positions
            .iter()
            .map(|((topic, partition), next)| (topic, *partition, *next))
            .collect();
        let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
        let user = std::env::var("USER").unwrap_or_else(|_| "unknown".to_owned());
        let values = [
            literal(&entry.replay_id),
            literal(entry.command),
            literal(state.as_str()),
            literal(entry.scope.tenant.as_deref().unwrap_or_default()),
            instant(entry.scope.since),
            instant(entry.scope.until),
            literal(&entry.mapping_version),
            literal(&format!("{user}@{}", host.trim())),
            instant(entry.started_at),
            instant(now()),
            literal(&serde_json::to_string(&positions)?),
            literal(&serde_json::to_string(tally)?),
        ];
        let sql = format!(
            "INSERT INTO {DATABASE}.replays_log (replay_id, command, state, tenant_id, since, \
             until, mapping_version, started_by, started_at, noted_at, positions, outcome) \
             SETTINGS async_insert = 0 VALUES ({})",
            values.join(", ")
        );
        self.0
            .execute_in(&sql)
            .await
            .context("writing the record of the replay to replays_log")
    }

    /// One that was interrupted.
    pub(crate) async fn left(&self, replay_id: &str) -> anyhow::Result<Left> {
        let rows: Vec<Row> = self
            .0
            .rows(
                "SELECT state, command, tenant_id, toUnixTimestamp64Micro(since) AS since_us, \
                 toUnixTimestamp64Micro(until) AS until_us, mapping_version, \
                 toUnixTimestamp64Micro(started_at) AS started_us, positions, outcome \
                 FROM {database}.replays_log FINAL WHERE replay_id = {id:String}",
                &[("id", replay_id)],
            )
            .await?;
        let row = rows
            .into_iter()
            .find(|row| row.command == "replay")
            .ok_or_else(|| WrongUse(format!("there is no replay {replay_id} in replays_log")))?;
        if row.state == State::Done.as_str() {
            return Err(WrongUse(format!("the replay {replay_id} came to its end")).into());
        }
        let positions: Vec<(String, i32, i64)> = serde_json::from_str(&row.positions)?;
        Ok(Left {
            entry: Entry {
                replay_id: replay_id.to_owned(),
                command: "replay",
                scope: Scope {
                    since: Micros(row.since_us),
                    until: Micros(row.until_us),
                    tenant: Some(row.tenant_id).filter(|tenant| !tenant.is_empty()),
                },
                mapping_version: row.mapping_version,
                started_at: Micros(row.started_us),
            },
            positions: positions
                .into_iter()
                .map(|(topic, partition, next)| ((topic, partition), next))
                .collect(),
            tally: serde_json::from_str(&row.outcome)?,
        })
    }
}

fn instant(at: Micros) -> String {
    format!("fromUnixTimestamp64Micro({}, 'UTC')", at.0)
}
