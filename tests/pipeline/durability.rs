//! A 200 is durable: whatever dies, what was acknowledged is in Kafka afterwards.

use std::collections::BTreeSet;

use local_stack::Signal;
use pipeline_tests::{
    Webhook,
    intake::{Intake, Raw},
    model::START,
    wait,
};

fn webhook(number: i64) -> Webhook {
    let order = format!("{}", 7_000_000_000_000_000_000_i64 + number);
    Webhook::status(&order, START + number, "", "ASSIGNING_DRIVER")
}

/// Posts one after another; the receipts of those that were acknowledged.
async fn post(intake: &Intake, numbers: std::ops::Range<i64>) -> Vec<String> {
    let mut receipts = Vec::new();
    for number in numbers {
        receipts.push(intake.post(&webhook(number)).await.unwrap());
    }
    receipts
}

async fn waits_on_disk(intake: &Intake, records: f64) {
    wait::until("the gauge of the spool follows", || async {
        match intake.metric("waybill_ingest_spool_records").await {
            found if found == records => Ok(()),
            found => Err(format!("{found}, not {records}\n{}", intake.log_tail())),
        }
    })
    .await;
}

/// A client's first records wait for much that later ones don't: on a busy machine they go by the disk.
async fn warm(intake: &Intake) {
    wait::until("kafka confirms at once", || async {
        intake.post(&webhook(-1)).await?;
        match intake.metric("waybill_ingest_durable_seconds_count").await {
            0.0 => Err("not yet".into()),
            _ => Ok(()),
        }
    })
    .await;
}

async fn arrive(intake: &Intake, acknowledged: &[String]) -> Vec<Raw> {
    wait::until("everything acknowledged is in Kafka", || async {
        let raw = intake.raw().await?;
        let there: BTreeSet<&str> = raw.iter().map(Raw::receipt_id).collect();
        let missing = acknowledged
            .iter()
            .filter(|id| !there.contains(id.as_str()));
        match missing.count() {
            0 => Ok(raw),
            missing => Err(format!(
                "{missing} of {} are missing\n{}",
                acknowledged.len(),
                intake.log_tail()
            )),
        }
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_hangs_and_dies_costs_no_acknowledged_webhook_and_no_refusal() {
    // A machine that is busy with other tests is no broker that hangs.
    let mut intake = Intake::start(&[("WAYBILL__SPOOL__AFTER_MS", "2500")]).await;
    warm(&intake).await;
    let mut acknowledged = post(&intake, 0..20).await;

    // Hangs: connections stand, nothing is confirmed.
    intake.signal_kafka(Signal::SIGSTOP);
    acknowledged.extend(post(&intake, 20..60).await);
    waits_on_disk(&intake, 40.0).await;
    // Dies, and ingest with it; what lies on disk is found by the next one, without a broker.
    intake.signal_kafka(Signal::SIGKILL);
    intake.kill();
    intake.launch();
    intake.ready().await;
    acknowledged.extend(post(&intake, 60..100).await);
    assert_eq!(intake.terminate().await, Some(0));
    intake.launch();
    intake.ready().await;
    acknowledged.extend(post(&intake, 100..110).await);
    intake.restart_kafka().await;

    let raw = arrive(&intake, &acknowledged).await;
    waits_on_disk(&intake, 0.0).await;
    acknowledged.extend(post(&intake, 110..120).await);
    let after = arrive(&intake, &acknowledged).await;
    let last = |id: &String| after.iter().rfind(|raw| raw.receipt_id() == *id).unwrap();
    let spooled = |id: &String| last(id).headers["spooled"] == "true";
    assert!(acknowledged[..20].iter().all(|id| !spooled(id)));
    assert!(acknowledged[20..110].iter().all(spooled));
    assert!(acknowledged[110..].iter().all(|id| !spooled(id)));
    // Stored as it was received, then.
    for (id, number) in acknowledged.iter().zip(0..) {
        let raw = last(id);
        assert!(String::from_utf8_lossy(&raw.value).contains(&webhook(number).data));
        let uuid = uuid::Uuid::parse_str(id).unwrap();
        let (seconds, _) = uuid.get_timestamp().unwrap().to_unix();
        let received = &raw.headers["received-at"];
        assert!(
            received.contains(&format!(":{:02}.", seconds % 60)),
            "{received}"
        );
    }
    // What waited leaves in the order in which it came.
    let mut order: Vec<&Raw> = raw
        .iter()
        .filter(|raw| raw.headers["spooled"] == "true")
        .collect();
    order.sort_by_key(|raw| raw.offset);
    for pair in order.windows(2) {
        if pair[0].offset.0 == pair[1].offset.0 {
            let at = |raw: &Raw| raw.headers["received-at"].clone();
            assert!(at(pair[0]) <= at(pair[1]), "{pair:?}");
        }
    }
}

/// A few in every run; `WAYBILL_TEST_RESTARTS=100` for so many.
fn restarts() -> usize {
    let asked = std::env::var("WAYBILL_TEST_RESTARTS").ok();
    asked.and_then(|text| text.parse().ok()).unwrap_or(8)
}

#[tokio::test(flavor = "multi_thread")]
async fn restarts_under_load_lose_nothing_that_was_acknowledged() {
    let mut intake = Intake::start(&[]).await;
    let (mut acknowledged, mut number) = (Vec::new(), 0);
    let restarts = restarts();
    for round in 0..restarts {
        let going = std::sync::atomic::AtomicBool::new(true);
        let first = number;
        let posting = async {
            let lanes = (0..4).map(|lane| {
                let (intake, going) = (&intake, &going);
                async move {
                    let (mut taken, mut next) = (Vec::new(), first + lane);
                    while going.load(std::sync::atomic::Ordering::Relaxed) {
                        if let Ok(receipt) = intake.post(&webhook(next)).await {
                            taken.push(receipt);
                        }
                        next += 4;
                    }
                    (taken, next)
                }
            });
            futures_util::future::join_all(lanes).await
        };
        let striking = async {
            wait::until("some are taken", || async {
                match intake.metric("waybill_ingest_requests_total").await {
                    taken if taken >= 50.0 => Ok(()),
                    taken => Err(taken.to_string()),
                }
            })
            .await;
            let signal = if round % 2 == 0 {
                Signal::SIGTERM
            } else {
                Signal::SIGKILL
            };
            intake.signal(signal);
            wait::until("ingest ends", || async {
                intake.exited().map(|_| ()).ok_or_else(|| "running".into())
            })
            .await;
            going.store(false, std::sync::atomic::Ordering::Relaxed);
        };
        let (lanes, ()) = tokio::join!(posting, striking);
        for (taken, next) in lanes {
            acknowledged.extend(taken);
            number = number.max(next);
        }
        intake.launch();
        intake.ready().await;
    }
    assert!(
        acknowledged.len() >= restarts * 40,
        "{}",
        acknowledged.len()
    );
    println!("{restarts} restarts, {} acknowledged", acknowledged.len());
    arrive(&intake, &acknowledged).await;
}
