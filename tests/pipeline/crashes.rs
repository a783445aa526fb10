//! kill -9 of each stage in mid-flow: nothing lost, nothing twice.

use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use pipeline_tests::{
    Pipeline, Service, Webhook,
    checks::{
        every_order_ends_as_told, everything_is_accounted_for, no_row_was_written_twice,
        no_sequence_has_a_gap,
    },
    model::{History, START, shuffled_with_duplicates},
    stack, wait,
};
use rdkafka::{
    ClientConfig, Message as _, Offset, TopicPartitionList,
    consumer::{BaseConsumer, Consumer as _},
    error::KafkaError,
    producer::{BaseProducer, BaseRecord, Producer as _},
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

fn client(pipeline: &Pipeline) -> ClientConfig {
    let mut config = ClientConfig::new();
    config
        .set("bootstrap.servers", stack::shared().kafka_bootstrap())
        .set("group.id", format!("{}somebody", pipeline.prefix))
        .set("isolation.level", "read_committed")
        .set("enable.partition.eof", "true")
        .set("acks", "all");
    config
}

/// Tells the enricher once more what it has told itself of links, so many times: it has something to read
/// there that no group gives it.
fn repeat_links(pipeline: &Pipeline, times: usize) {
    let reader: BaseConsumer = client(pipeline).create().unwrap();
    let producer: BaseProducer = client(pipeline).create().unwrap();
    let topic = format!("{}enricher-links", pipeline.prefix);
    let mut repeated = 0;
    for partition in 0..4 {
        let mut all = TopicPartitionList::new();
        all.add_partition_offset(&topic, partition, Offset::Beginning)
            .unwrap();
        reader.assign(&all).unwrap();
        let deadline = Instant::now() + Duration::from_secs(60);
        loop {
            assert!(Instant::now() < deadline, "the links can't be read");
            match reader.poll(Duration::from_millis(100)) {
                Some(Ok(link)) => {
                    for _ in 0..times {
                        let record = BaseRecord::to(&topic)
                            .partition(partition)
                            .key(link.key().unwrap())
                            .payload(link.payload().unwrap());
                        producer.send(record).map_err(|(error, _)| error).unwrap();
                    }
                    repeated += 1;
                    producer.flush(Duration::from_secs(30)).unwrap();
                    break;
                }
                Some(Err(KafkaError::PartitionEOF(_))) => break,
                Some(Err(error)) => panic!("{error}"),
                None => {}
            }
        }
    }
    assert!(repeated > 0, "no links");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_enricher_that_was_paused_for_longer_than_its_session_comes_back_whatever_waits_for_it()
{
    let mut pipeline = Pipeline::start().await;
    let names = |n: usize| (format!("old{n}"), format!("new{n}"));
    for (old, new) in (0..8).map(names) {
        pipeline
            .post(&Webhook::status(&old, START, "", "ASSIGNING_DRIVER"))
            .await;
        pipeline
            .post(&Webhook::status(&new, START + 60, "", "ASSIGNING_DRIVER"))
            .await;
        pipeline
            .post(&Webhook::replaced(&old, &new, START + 61))
            .await;
    }
    pipeline
        .wait_count("SELECT count() FROM orders WHERE chained", 16)
        .await;

    pipeline.signal(Service::Enricher, Signal::SIGSTOP);
    let asker: BaseConsumer = client(&pipeline).create().unwrap();
    let group = format!("{}enricher", pipeline.prefix);
    wait::until("the group has given it up", || async {
        let found = asker.fetch_group_list(Some(&group), Duration::from_secs(10));
        let found = found.map_err(|error| error.to_string())?;
        let members: usize = found.groups().iter().map(|one| one.members().len()).sum();
        (members == 0)
            .then_some(())
            .ok_or(format!("{members} members"))
    })
    .await;
    repeat_links(&pipeline, 2_000);
    let history = History::delivered(1);
    pipeline.post_all(&history.webhooks).await;
    pipeline.signal(Service::Enricher, Signal::SIGCONT);

    let ended = format!(
        "SELECT count() FROM orders WHERE order_id = '{}' AND event_count = 4 AND is_final",
        history.order
    );
    pipeline.wait_count(&ended, 1).await;
    pipeline.ready(Service::Enricher).await;
    no_sequence_has_a_gap(&pipeline).await;
}
