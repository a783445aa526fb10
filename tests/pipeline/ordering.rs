//! Order restored whatever happens to the enricher: its local state, its instances, carriers' clocks.

use std::path::Path;

use nix::sys::signal::Signal;
use pipeline_tests::{
    Pipeline, Service, Webhook,
    checks::{
        every_order_ends_as_told, everything_is_accounted_for, no_row_was_written_twice,
        no_sequence_has_a_gap,
    },
    children::Process,
    model::{History, START, shuffled_with_duplicates},
    wait,
};

/// Writes nonsense over every file of a folder but its lock.
fn spoil(folder: &Path) -> usize {
    let mut spoiled = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            spoiled += spoil(&path);
        } else if path.file_name().is_some_and(|name| name != "lock") {
            std::fs::write(&path, [0xff; 300]).unwrap();
            spoiled += 1;
        }
    }
    spoiled
}

#[tokio::test(flavor = "multi_thread")]
async fn a_local_state_that_is_damaged_or_lost_is_filled_from_the_changelog() {
    let mut pipeline = Pipeline::start().await;
    let histories = History::mixed(45);
    let webhooks = shuffled_with_duplicates(&histories, 23);
    let third = webhooks.len() / 3;
    let state = pipeline.folder().join("state");

    pipeline.post_all(&webhooks[..third]).await;
    pipeline
        .wait_count("SELECT count() > 0 FROM events", 1)
        .await;
    pipeline.kill(Service::Enricher);
    assert!(spoil(&state) > 0, "there was a local state");
    pipeline.launch(Service::Enricher);
    pipeline.post_all(&webhooks[third..2 * third]).await;
    pipeline.ready(Service::Enricher).await;
    pipeline.kill(Service::Enricher);
    std::fs::remove_dir_all(&state).unwrap();
    pipeline.launch(Service::Enricher);
    pipeline.post_all(&webhooks[2 * third..]).await;
    // and once with a state that is as it should be
    pipeline.crash(Service::Enricher).await;

    let distinct: usize = histories.iter().map(|h| h.webhooks.len()).sum();
    let events = i64::try_from(distinct).unwrap();
    pipeline
        .wait_count("SELECT count() FROM events", events)
        .await;
    every_order_ends_as_told(&pipeline, &histories).await;
    everything_is_accounted_for(&pipeline, webhooks.len()).await;
    no_sequence_has_a_gap(&pipeline).await;
    no_row_was_written_twice(&pipeline, distinct).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_clock_in_2031_or_1970_holds_nothing_back_and_is_marked() {
    let pipeline = Pipeline::start().await;
    let steps = [
        (START, "", "ASSIGNING_DRIVER"),
        (1_925_000_000, "ASSIGNING_DRIVER", "ON_GOING"),
        (86_400, "ON_GOING", "PICKED_UP"),
        (START + 400, "PICKED_UP", "COMPLETED"),
    ];
    for (timestamp, before, status) in steps {
        let webhook = Webhook::status("700000000001", timestamp, before, status);
        pipeline.post(&webhook).await;
    }
    pipeline.wait_count("SELECT count() FROM events", 4).await;
    let marked = "SELECT count() FROM events WHERE occurred_at_source = 'RECEIPT' \
                  AND abs(dateDiff('second', occurred_at, received_at)) <= 5";
    pipeline.wait_count(marked, 2).await;
    let ended = "SELECT count() FROM orders WHERE status = 'DELIVERED' AND event_count = 4";
    pipeline.wait_count(ended, 1).await;
}

/// One of several enrichers.
struct Instance {
    name: String,
    process: Process,
}

impl Instance {
    fn start(pipeline: &Pipeline, name: String) -> Self {
        let mut environment = pipeline.environment().to_vec();
        environment.push(("WAYBILL__INSTANCE__ID".into(), name.clone()));
        let folder = pipeline.folder();
        let process = Process::start(Service::Enricher, &environment, folder);
        Self { name, process }
    }

    async fn ready(&self) {
        let url = format!("http://{}/readyz", self.process.admin);
        wait::until(&format!("enricher {} ready", self.name), || async {
            let answer = reqwest::get(&url)
                .await
                .map_err(|error| error.to_string())?;
            let is_ready = answer.status().is_success();
            is_ready.then_some(()).ok_or_else(|| "not yet".to_owned())
        })
        .await;
    }

    /// SIGTERM, then a new process of the same name.
    async fn restart(self, pipeline: &Pipeline) -> Self {
        let mut process = self.process;
        process.signal(Signal::SIGTERM);
        let ending = std::cell::RefCell::new(&mut process);
        let status = wait::until("the enricher ends", || async {
            let ended = ending.borrow_mut().exited();
            ended.ok_or_else(|| "still running".to_owned())
        })
        .await;
        assert_eq!(status.code(), Some(0));
        let next = Self::start(pipeline, self.name);
        next.ready().await;
        next
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rolling_restart_of_three_instances_over_twelve_partitions_makes_nothing_late() {
    let mut pipeline = Pipeline::start_with(&[("WAYBILL__TOPICS__PARTITIONS", "12")]).await;
    pipeline.kill(Service::Enricher);
    let mut instances = Vec::new();
    for name in ["0", "1", "2"] {
        instances.push(Instance::start(&pipeline, name.to_owned()));
    }
    for instance in &instances {
        instance.ready().await;
    }
    let histories: Vec<History> = (0..60).map(History::delivered).collect();
    // each order's webhooks come in pairs the wrong way round, well within the hold
    let webhooks: Vec<Webhook> = histories
        .iter()
        .flat_map(|history| [1, 0, 3, 2].map(|at| history.webhooks[at].clone()))
        .collect();
    let mut parts = webhooks.chunks(webhooks.len() / 4);
    for _ in 0..3 {
        pipeline.post_all(parts.next().unwrap()).await;
        let first = instances.remove(0);
        let next = first.restart(&pipeline).await;
        instances.push(next);
    }
    for part in parts {
        pipeline.post_all(part).await;
    }
    let events = i64::try_from(webhooks.len()).unwrap();
    pipeline
        .wait_count("SELECT count() FROM events", events)
        .await;
    every_order_ends_as_told(&pipeline, &histories).await;
    no_sequence_has_a_gap(&pipeline).await;
    pipeline
        .wait_count("SELECT count() FROM events WHERE late", 0)
        .await;
}
