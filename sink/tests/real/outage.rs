//! The store goes away and comes back; so does the process.

use std::{
    net::SocketAddr,
    process::{Command, Stdio},
};

use schemas::Status;
use serde_json::json;
use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    task::{AbortHandle, JoinSet},
};

use crate::{
    case::{COUNT, Case, n},
    examples::event,
    stack::{stack, until},
};

/// A way to the store that can be cut.
struct Way {
    address: SocketAddr,
    open: Option<AbortHandle>,
    tasks: JoinSet<()>,
}

impl Way {
    async fn open() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let mut way = Self {
            address,
            open: None,
            tasks: JoinSet::new(),
        };
        way.serve(listener);
        way
    }

    fn serve(&mut self, listener: TcpListener) {
        let store = stack()
            .clickhouse_url()
            .trim_start_matches("http://")
            .to_owned();
        self.open = Some(self.tasks.spawn(async move {
            // dropped with this task, and the connections with it
            let mut connections = JoinSet::new();
            while let Ok((mut from, _)) = listener.accept().await {
                let mut to = TcpStream::connect(&store).await.unwrap();
                connections.spawn(async move {
                    copy_bidirectional(&mut from, &mut to).await.ok();
                });
            }
        }));
    }

    async fn cut(&mut self) {
        self.open.take().unwrap().abort();
        self.tasks.join_next().await;
    }

    async fn mend(&mut self) {
        let listener = TcpListener::bind(self.address).await.unwrap();
        self.serve(listener);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_is_refused_after_kafka_deleted_its_record_is_set_aside_by_its_place() {
    let mut way = Way::open().await;
    let mut case = Case::new().await;
    case.store_address = Some(way.address);
    let check = format!(
        "ALTER TABLE {} ADD CONSTRAINT c CHECK unit != 'refused'",
        case.store.table("events_log")
    );
    case.store.execute(&check).await.unwrap();
    case.send_events(0, 0..4);
    case.flush();
    case.while_running(async |_| {
        until(&case.store, COUNT, &n(4)).await;
        // the sink has the answer too, and would not ask again for these
        let is_settled = || case.committed()[0].0 == 4;
        crate::stack::eventually("the first are settled", is_settled).await;
        way.cut().await;
        let mut refused = event(4, "A", Status::Assigned, 4);
        refused.event.unit = "refused".into();
        case.send_event(0, &refused);
        case.flush();
        crate::stack::eventually("it is about to be inserted", || {
            let (offset, metadata) = case.committed()[0].clone();
            offset == 4 && metadata.starts_with("pending")
        })
        .await;
        case.delete_events(0, 5).await;
        way.mend().await;
        let asides = "SELECT reason, splitByChar('/', receipt_id)[3] AS offset FROM {db}.set_aside";
        let expected = json!({"reason": "REJECTED_BY_STORE", "offset": "4"});
        until(&case.store, asides, &[expected]).await;
    })
    .await;
    assert_eq!(case.committed()[0].0, 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn while_the_store_is_away_records_wait_in_kafka_and_afterwards_each_is_stored_once() {
    let mut way = Way::open().await;
    let mut case = Case::new().await;
    case.stop_merges().await;
    case.store_address = Some(way.address);
    let send = |numbers: std::ops::Range<u32>| {
        for number in numbers {
            let partition = i32::try_from(number % 2).unwrap();
            case.send_event(partition, &event(number, "A", Status::Assigned, 1));
        }
        case.flush();
    };
    send(0..500);
    case.while_running(async |context| {
        until(&case.store, COUNT, &n(500)).await;
        // the other tables' groups may take longer
        crate::stack::eventually("ready", || context.health.is_ready()).await;
        for round in 1..4 {
            way.cut().await;
            send(round * 500..(round + 1) * 500);
            crate::stack::eventually("not ready", || !context.health.is_ready()).await;
            way.mend().await;
            until(&case.store, COUNT, &n(u64::from((round + 1) * 500))).await;
            crate::stack::eventually("ready", || context.health.is_ready()).await;
        }
    })
    .await;
    let base = case.base().await;
    assert_eq!(
        (&base["rows"], &base["events"]),
        (&json!(2000), &json!(2000))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_killed_again_and_again_stores_every_row_once() {
    const EVENTS: u32 = 40_000;
    let case = Case::new().await;
    case.stop_merges().await;
    let start = || {
        Command::new(env!("CARGO_BIN_EXE_sink"))
            .envs(case.environment())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap()
    };
    let mut process = start();
    for tenth in 0..10 {
        let numbers = tenth * EVENTS / 10..(tenth + 1) * EVENTS / 10;
        for number in numbers {
            let partition = i32::try_from(number % 2).unwrap();
            case.send_events(partition, number..number + 1);
        }
        case.flush();
        // in mid-flow: something of this tenth is stored, and the rest is not waited for
        let sql = format!(
            "SELECT count() > {} AS n FROM {{db}}.events_log",
            tenth * EVENTS / 10
        );
        until(&case.store, &sql, &n(1)).await;
        process.kill().unwrap();
        process.wait().unwrap();
        process = start();
    }
    until(&case.store, COUNT, &n(u64::from(EVENTS))).await;
    let base = case.base().await;
    process.kill().unwrap();
    process.wait().unwrap();
    assert_eq!(
        (&base["rows"], &base["events"]),
        (&json!(EVENTS), &json!(EVENTS))
    );
}
