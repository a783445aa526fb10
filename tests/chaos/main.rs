//! Kills and stops in random places while webhooks come in, judged by an oracle that knows what was
//! acknowledged. `cargo run -p pipeline-tests --example chaos -- SEED ORDERS`; the seed is printed
//! and gives the same webhooks and the same kills again.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use local_stack::{Part, Signal};
use pipeline_tests::{
    Pipeline, Service,
    checks::{
        every_order_ends_as_told, every_receipt_has_its_outcomes, no_row_was_written_twice,
        no_sequence_has_a_gap,
    },
    model::{History, Random, shuffled_with_duplicates},
    stack, wait,
};

/// One thing that goes wrong.
#[derive(Clone, Copy, Debug)]
enum Fault {
    Crash(Service),
    Kill(Part),
}

const FAULTS: [Fault; 6] = [
    Fault::Crash(Service::Ingest),
    Fault::Crash(Service::Normalizer),
    Fault::Crash(Service::Enricher),
    Fault::Crash(Service::Sink),
    Fault::Kill(Part::Clickhouse),
    Fault::Kill(Part::Kafka),
];

async fn strike(pipeline: &tokio::sync::RwLock<Pipeline>, fault: Fault) {
    match fault {
        Fault::Crash(service) => {
            let mut pipeline = pipeline.write().await;
            pipeline.kill(service);
            pipeline.launch(service);
        }
        Fault::Kill(part) => {
            let restarted = tokio::task::spawn_blocking(move || {
                stack::shared()
                    .signal(part, Signal::SIGKILL)
                    .expect("killed");
                stack::shared().restart(part)
            });
            restarted
                .await
                .expect("the thread ends")
                .expect("the part starts again");
        }
    }
}

#[tokio::main]
async fn main() {
    let mut arguments = std::env::args()
        .skip(1)
        .filter_map(|text| text.parse::<u64>().ok());
    let seed = arguments.next().unwrap_or(1);
    let orders = usize::try_from(arguments.next().unwrap_or(300)).expect("small");
    println!("seed {seed}, {orders} orders");

    let histories = History::mixed(orders);
    let webhooks = shuffled_with_duplicates(&histories, seed);
    let pipeline = tokio::sync::RwLock::new(Pipeline::start().await);
    let going_on = AtomicBool::new(true);
    let posting = AtomicBool::new(true);
    let post = async {
        for (number, webhook) in webhooks.iter().enumerate() {
            pipeline.read().await.post_until_taken(webhook).await;
            if number % 100 == 99 {
                println!("{} of {} acknowledged", number + 1, webhooks.len());
            }
        }
        posting.store(false, Ordering::Release);
    };
    let strikes = async {
        let mut random = Random(seed);
        while posting.load(Ordering::Acquire) {
            let fault = FAULTS[random.below(FAULTS.len())];
            println!("{fault:?}");
            strike(&pipeline, fault).await;
            let pause = 500 + u64::try_from(random.below(2_000)).expect("small");
            tokio::time::sleep(Duration::from_millis(pause)).await;
        }
    };
    // A broker that dies may leave a static member fenced by itself: it ends, and is started again.
    let supervise = async {
        while going_on.load(Ordering::Acquire) {
            for service in pipeline.write().await.restart_ended() {
                println!("{} ended and is started again", service.name());
            }
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
    };
    let judged = async {
        tokio::join!(post, strikes);
        judge(&pipeline, &histories, webhooks.len()).await;
        going_on.store(false, Ordering::Release);
    };
    tokio::join!(supervise, judged);
}

/// Nothing lost, nothing twice, every order as told.
async fn judge(pipeline: &tokio::sync::RwLock<Pipeline>, histories: &[History], webhooks: usize) {
    let distinct: usize = histories.iter().map(|history| history.webhooks.len()).sum();
    wait::until("every event is there", || async {
        let pipeline = pipeline.read().await;
        match pipeline.store.count("SELECT count() FROM events").await? {
            found if usize::try_from(found) == Ok(distinct) => Ok(()),
            found => Err(format!("{found} instead of {distinct}")),
        }
    })
    .await;
    let pipeline = &*pipeline.read().await;
    every_order_ends_as_told(pipeline, histories).await;
    no_sequence_has_a_gap(pipeline).await;
    no_row_was_written_twice(pipeline, distinct).await;
    // A webhook whose answer was lost was posted again: at least as many receipts as webhooks.
    let receipts = wait::until("every receipt is there", || async {
        let receipts = pipeline.store.count("SELECT count() FROM receipts").await?;
        match usize::try_from(receipts) {
            Ok(receipts) if receipts >= webhooks => Ok(receipts),
            _ => Err(format!("{receipts} receipts of {webhooks} webhooks")),
        }
    })
    .await;
    every_receipt_has_its_outcomes(pipeline).await;
    println!("nothing lost, nothing twice: {distinct} events of {receipts} receipts");
}
