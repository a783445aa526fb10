//! A tenant above its agreed rate is taken in all the same, on a lane of its own, and comes back once
//! everything of it there was read.

use pipeline_tests::{
    Pipeline, Service, Webhook, checks::everything_is_accounted_for, model::START, wait,
};

fn webhook(number: i64) -> Webhook {
    let order = (8_000_000_000_000_000_000_i64 + number).to_string();
    Webhook::status(&order, START + number, "", "ASSIGNING_DRIVER")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenant_above_its_rate_overflows_until_its_overflow_was_read_and_loses_nothing() {
    let mut pipeline = Pipeline::start_with(&[]).await;
    pipeline.limit_tenant(1, 5).await;
    pipeline.kill(Service::Normalizer);
    let webhooks: Vec<Webhook> = (0..40).map(webhook).collect();
    pipeline.post_all(&webhooks).await;

    let overflowed = "SELECT count() FROM receipts WHERE overflow";
    let there = wait::until("some overflowed", || async {
        let all = pipeline.store.count("SELECT count() FROM receipts").await?;
        let overflowed = pipeline.store.count(overflowed).await?;
        let is_told = all == 40 && overflowed > 0 && overflowed < 40;
        is_told
            .then_some(overflowed)
            .ok_or(format!("{overflowed} of {all}"))
    })
    .await;
    // Nobody reads: the tenant stays, however slow it gets.
    assert!(overflowing(&pipeline).await > 0.0);
    // Nor does a restart bring it back: what comes next would overtake what lies there.
    pipeline.kill(Service::Ingest);
    pipeline.launch(Service::Ingest);
    pipeline.ready(Service::Ingest).await;
    pipeline.post(&webhook(99)).await;
    wait::until("the tenant still overflows", || async {
        match overflowing(&pipeline).await {
            0.0 => Err("nobody overflows".to_owned()),
            _ => Ok(()),
        }
    })
    .await;
    let there = there + 1;

    pipeline.launch(Service::Normalizer);
    wait::until("the tenant is back", || async {
        match overflowing(&pipeline).await {
            0.0 => Ok(()),
            tenants => Err(format!("{tenants} overflow")),
        }
    })
    .await;
    pipeline.post(&webhook(100)).await;
    everything_is_accounted_for(&pipeline, 42).await;
    assert_eq!(pipeline.store.count(overflowed).await, Ok(there));
    pipeline.wait_count("SELECT count() FROM events", 42).await;
}

async fn overflowing(pipeline: &Pipeline) -> f64 {
    pipeline
        .metric(Service::Ingest, "waybill_ingest_overflowing_tenants")
        .await
}
