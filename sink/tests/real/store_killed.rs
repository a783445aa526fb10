//! ClickHouse is killed in the middle of an insert, again and again: the retry of the same block makes
//! of it each row once, whether the server had kept the block or not.

use std::sync::Arc;

use local_stack::{Options, Part, Silent, Stack};
use nix::sys::signal::Signal;
use runtime::settings::ClickhouseSettings;
use serde_json::json;
use sink::{clickhouse::Store, migrate};

use crate::{
    case::{COUNT, Case, n},
    stack::{looking, rows, settings, stack, until},
};

const KILLS: usize = 6;
/// A block that takes a while.
const EVENTS: u32 = 4_000;

/// A server that no other test asks.
fn own_server() -> Arc<Stack> {
    let folder = stack().data_dir().with_file_name("sink-killed-store");
    drop(std::fs::remove_dir_all(&folder));
    let mut options = Options::new(folder);
    options.parts = vec![Part::Clickhouse];
    Arc::new(Stack::start(options, &Silent).expect("ClickHouse starts"))
}

async fn kill_and_start(server: &Arc<Stack>) {
    let server = Arc::clone(server);
    let killed = move || {
        server.signal(Part::Clickhouse, Signal::SIGKILL).unwrap();
        server.restart(Part::Clickhouse).unwrap();
    };
    tokio::task::spawn_blocking(killed).await.unwrap();
}

/// Sends blocks until one is seen while it is being inserted; says how many events there are by then.
async fn seen_inserting(case: &Case, mut sent: u32) -> u32 {
    const INSERTING: &str = "SELECT count() > 0 AS inserting FROM system.processes \
        WHERE query_kind = 'Insert' AND query LIKE '%{db}%events_log%'";
    looking(async || {
        for partition in 0..2 {
            let half = sent + EVENTS / 2;
            case.send_events(partition, sent..half);
            sent = half;
        }
        case.flush();
        loop {
            if rows(&case.store, INSERTING).await == [json!({"inserting": 1})] {
                return Ok(());
            }
            if rows(&case.store, COUNT).await == n(u64::from(sent)) {
                return Err("no insert was seen while it ran".into());
            }
        }
    })
    .await;
    sent
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_killed_in_mid_insert_keeps_every_row_once() {
    let server = own_server();
    let settings = ClickhouseSettings {
        url: server.clickhouse_url(),
        ..settings(&crate::stack::name())
    };
    let store = Store::new(&settings);
    migrate::apply(&store, &migrate::Rules::default())
        .await
        .unwrap();
    // a merge would hide a row that was stored twice, and to stop merges outlasts no restart
    let table = store.table("events_log");
    let sql =
        format!("ALTER TABLE {table} MODIFY SETTING max_bytes_to_merge_at_max_space_in_pool = 1");
    store.execute(&sql).await.unwrap();
    let mut case = Case::over(store).await;
    case.store_address = Some(
        server
            .clickhouse_url()
            .trim_start_matches("http://")
            .parse()
            .unwrap(),
    );
    let sent = case
        .while_running(async |_| {
            let mut sent = 0;
            for _ in 0..KILLS {
                sent = seen_inserting(&case, sent).await;
                kill_and_start(&server).await;
            }
            until(&case.store, COUNT, &n(u64::from(sent))).await;
            sent
        })
        .await;
    let base = case.base().await;
    assert_eq!(
        (&base["rows"], &base["events"]),
        (&json!(sent), &json!(sent))
    );
}
