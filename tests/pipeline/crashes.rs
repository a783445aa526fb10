//! kill -9 of each stage in mid-flow: nothing lost, nothing twice.

use pipeline_tests::{
    Pipeline, Service,
    checks::{
        every_order_ends_as_told, everything_is_accounted_for, no_row_was_written_twice,
        no_sequence_has_a_gap,
    },
    model::{History, shuffled_with_duplicates},
};

/// Posts a third, kills, posts a third while the stage is away, starts it, kills it once more while
/// it catches up, posts the rest.
async fn survives_kills_of(victim: Service) {
    let mut pipeline = Pipeline::start().await;
    let histories = History::mixed(60);
    let webhooks = shuffled_with_duplicates(&histories, 11);
    let third = webhooks.len() / 3;

    pipeline.post_all(&webhooks[..third]).await;
    pipeline.kill(victim);
    pipeline.post_all(&webhooks[third..2 * third]).await;
    pipeline.launch(victim);
    pipeline.post_all(&webhooks[2 * third..]).await;
    pipeline.crash(victim).await;

    let distinct: usize = histories.iter().map(|h| h.webhooks.len()).sum();
    pipeline
        .wait_count(
            "SELECT count() FROM events",
            i64::try_from(distinct).unwrap(),
        )
        .await;
    every_order_ends_as_told(&pipeline, &histories).await;
    everything_is_accounted_for(&pipeline, webhooks.len()).await;
    no_sequence_has_a_gap(&pipeline).await;
    no_row_was_written_twice(&pipeline, distinct).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_normalizer_killed_in_mid_flow_loses_nothing_and_repeats_nothing() {
    survives_kills_of(Service::Normalizer).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_enricher_killed_in_mid_flow_loses_nothing_and_repeats_nothing() {
    survives_kills_of(Service::Enricher).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sink_killed_in_mid_flow_loses_nothing_and_repeats_nothing() {
    survives_kills_of(Service::Sink).await;
}
