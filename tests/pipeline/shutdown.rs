//! SIGTERM: drain, commit, exit 0.

use pipeline_tests::{
    Pipeline, Service,
    checks::{every_order_ends_as_told, everything_is_accounted_for},
    model::History,
};

#[tokio::test(flavor = "multi_thread")]
async fn services_asked_to_end_drain_and_leave_with_zero_and_a_restart_goes_on() {
    let mut pipeline = Pipeline::start().await;
    let histories = History::mixed(12);
    let webhooks: Vec<_> = histories.iter().flat_map(|h| h.webhooks.clone()).collect();
    let half = webhooks.len() / 2;
    pipeline.post_all(&webhooks[..half]).await;
    pipeline.terminate_all().await;
    for service in Service::ALL {
        pipeline.launch(service);
    }
    for service in Service::ALL {
        pipeline.ready(service).await;
    }
    pipeline.post_all(&webhooks[half..]).await;
    every_order_ends_as_told(&pipeline, &histories).await;
    everything_is_accounted_for(&pipeline, webhooks.len()).await;
}
