//! What a stage finds when it comes back: transactions of its own that nobody ended, positions behind
//! which nothing is left.

use std::time::Duration;

use pipeline_tests::{
    Pipeline, Service, checks::no_sequence_has_a_gap, model::History, offsets, stack, wait,
};
use rdkafka::{
    ClientConfig,
    producer::{BaseProducer, BaseRecord, Producer as _},
};

const TIME_MAX: Duration = Duration::from_secs(30);

/// A transaction of the enricher that was under way when it was killed, for longer than any test waits.
fn left_open(pipeline: &Pipeline) -> BaseProducer {
    let producer: BaseProducer = ClientConfig::new()
        .set("bootstrap.servers", stack::shared().kafka_bootstrap())
        .set(
            "transactional.id",
            format!("{0}enricher-0", pipeline.prefix),
        )
        .set("transaction.timeout.ms", "900000")
        .create()
        .unwrap();
    producer.init_transactions(TIME_MAX).unwrap();
    producer.begin_transaction().unwrap();
    for (topic, partition) in ["enricher-changelog", "orders"]
        .into_iter()
        .flat_map(|topic| (0..4).map(move |partition| (topic, partition)))
    {
        let topic = format!("{}{topic}", pipeline.prefix);
        let record = BaseRecord::to(&topic)
            .partition(partition)
            .key("never committed")
            .payload("never read");
        producer.send(record).map_err(|(error, _)| error).unwrap();
    }
    producer.flush(TIME_MAX).unwrap();
    producer
}

async fn goes_through(pipeline: &Pipeline, history: &History) {
    pipeline.post_all(&history.webhooks).await;
    let ended = format!(
        "SELECT count() FROM orders WHERE order_id = '{}' AND event_count = 4 AND is_final",
        history.order
    );
    pipeline.wait_count(&ended, 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_enricher_that_comes_back_ends_what_it_left_open_instead_of_waiting_for_its_end() {
    let mut pipeline = Pipeline::start().await;
    goes_through(&pipeline, &History::delivered(1)).await;

    pipeline.kill(Service::Enricher);
    let open = left_open(&pipeline);
    pipeline.launch(Service::Enricher);
    pipeline.ready(Service::Enricher).await;
    goes_through(&pipeline, &History::delivered(2)).await;

    assert!(open.commit_transaction(TIME_MAX).is_err());
    no_sequence_has_a_gap(&pipeline).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_enricher_goes_on_where_kafka_deleted_all_that_it_had_read() {
    let mut pipeline = Pipeline::start().await;
    goes_through(&pipeline, &History::delivered(1)).await;

    assert_eq!(pipeline.terminate(Service::Enricher).await, Some(0));
    offsets::delete(&pipeline, "canonical").await;
    offsets::delete(&pipeline, "enricher-links").await;
    pipeline.launch(Service::Enricher);
    pipeline.ready(Service::Enricher).await;
    goes_through(&pipeline, &History::delivered(2)).await;
    no_sequence_has_a_gap(&pipeline).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_enricher_stops_where_kafka_deleted_what_it_had_not_read_and_says_how_to_go_on() {
    let mut pipeline = Pipeline::start().await;
    let history = History::delivered(1);
    let (read, lost) = history.webhooks.split_at(2);
    pipeline.post_all(read).await;
    let released = "SELECT count() FROM orders WHERE event_count = 2";
    pipeline.wait_count(released, 1).await;

    assert_eq!(pipeline.terminate(Service::Enricher).await, Some(0));
    pipeline.post_all(lost).await;
    wait::until("the normalizer has told of them", || async {
        let told = offsets::records(&pipeline, "canonical");
        (told == 4).then_some(()).ok_or(format!("{told} events"))
    })
    .await;
    offsets::delete(&pipeline, "canonical").await;
    pipeline.launch(Service::Enricher);
    let (code, told) = pipeline.ended(Service::Enricher).await;
    assert_eq!(code, Some(1), "{told}");
    assert!(
        told.contains("were deleted before they were read"),
        "{told}"
    );
    assert!(told.contains("--reset-offsets --to-earliest"), "{told}");
}
