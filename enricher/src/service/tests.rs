mod simulation;
mod taking_up;

use std::sync::Mutex;

use runtime::kafka::exactly_once::Output;
use schemas::{
    Order, OrderedEvent, SetAside,
    avro::{Encoder, Record},
};

use super::*;
use crate::sample::*;

pub(super) const IDS: SchemaIds = SchemaIds {
    ordered_event: 11,
    order: 12,
    set_aside: 13,
};
pub(super) const EVENT_ID: u32 = 10;

/// A stage that can read what the normalizer writes.
pub(super) fn stage() -> Enricher {
    let metrics = Metrics::new(&prometheus::Registry::new()).unwrap();
    Enricher::new("t.", IDS, rules(), metrics)
        .unwrap()
        .with_schemas(Box::new(|id| match id {
            EVENT_ID => Ok(Record::DeliveryEvent.schema_text().into()),
            _ => Err(NoSchema::Unknown),
        }))
}

pub(super) fn encoded(event: &DeliveryEvent) -> Vec<u8> {
    Encoder::new(Record::DeliveryEvent, EVENT_ID)
        .unwrap()
        .encode(event)
        .unwrap()
}

fn decoded<T: serde::de::DeserializeOwned>(record: Record, id: u32, value: &[u8]) -> T {
    thread_local! {
        static DECODER: std::cell::RefCell<Decoder> = std::cell::RefCell::default();
    }
    DECODER.with_borrow_mut(|decoder| {
        decoder.learn(id, record.schema_text()).unwrap();
        decoder.decode(value).unwrap()
    })
}

pub(super) fn ordered(output: &Output) -> OrderedEvent {
    decoded(
        Record::OrderedEvent,
        IDS.ordered_event,
        output.value.as_ref().unwrap(),
    )
}

pub(super) fn order(output: &Output) -> Option<Order> {
    output
        .value
        .as_ref()
        .map(|value| decoded(Record::Order, IDS.order, value))
}

fn set_aside(output: &Output) -> SetAside {
    decoded(
        Record::SetAside,
        IDS.set_aside,
        output.value.as_ref().unwrap(),
    )
}

fn record<'a>(key: &'a str, value: &'a [u8]) -> Incoming<'a> {
    Incoming {
        topic: "t.canonical",
        partition: 3,
        offset: 7,
        timestamp_ms: START_MS,
        key: Some(key.as_bytes()),
        value: Some(value),
        headers: &[],
    }
}

/// What a stage with partition 3 writes for one record and the commit after it.
fn written(stage: &mut Enricher, record: &Incoming<'_>) -> Vec<Output> {
    let mut out = Outgoing::default();
    if stage.partitions.is_empty() {
        stage.assigned(&[3]).unwrap();
    }
    stage.record(record, &mut out).unwrap();
    stage.before_commit(&mut out).unwrap();
    stage.committed();
    out.take()
}

#[test]
fn an_event_leaves_with_its_order_and_state_in_the_partition_that_it_came_from() {
    let event = happy().swap_remove(0);
    let key = event.key().to_string();
    let outputs = written(&mut stage(), &record(&key, &encoded(&event)));
    let places: Vec<_> = outputs
        .iter()
        .map(|o| (o.topic.as_ref(), o.partition, o.key.as_slice()))
        .collect();
    let key = key.as_bytes();
    assert_eq!(
        places,
        [
            ("t.ordered", Some(3), key),
            ("t.orders", Some(3), key),
            ("t.enricher-changelog", Some(3), key),
        ]
    );
    assert_eq!(ordered(&outputs[0]).event, event);
    assert_eq!(
        order(&outputs[1]).unwrap().status,
        schemas::Status::Assigning
    );
}

#[test]
fn a_link_goes_where_the_successors_key_leads() {
    let event = superseded("A", "B", 5);
    let mut out = Outgoing::default();
    let mut stage = stage();
    let key_text = key("A").to_string();
    written(&mut stage, &record(&key_text, &encoded(&event)));
    stage.advance(3, START_MS + HOLD_MS, &mut out).unwrap();
    stage.before_commit(&mut out).unwrap();
    stage.committed();
    let outputs = out.take();
    let link = outputs
        .iter()
        .find(|o| o.topic.as_ref() == "t.enricher-links")
        .unwrap();
    assert_eq!(
        (link.partition, &link.key),
        (None, &key("B").to_string().into_bytes())
    );
    let link_record = Incoming {
        topic: "t.enricher-links",
        key: Some(&link.key),
        value: link.value.as_deref(),
        ..record("", &[])
    };
    let outputs = written(&mut stage, &link_record);
    assert!(
        outputs
            .iter()
            .all(|o| o.topic.as_ref() == "t.enricher-changelog")
    );
}

#[test]
fn what_is_no_event_is_set_aside_by_its_place() {
    let event = encoded(&happy()[0]);
    let own = key("A").to_string();
    let other = key("B").to_string();
    let unknown_schema = [&[0, 0, 0, 0, 99], &event[5..]].concat();
    let cases: [(&str, &[u8]); 5] = [
        (&own, b"{}"),
        (&own, &event[..20]),
        (&own, &unknown_schema),
        (&other, &event),
        ("nonsense", &event),
    ];
    for (key, value) in cases {
        let outputs = written(&mut stage(), &record(key, value));
        assert_eq!(outputs.len(), 1, "{key}");
        let found = set_aside(&outputs[0]);
        assert_eq!(
            (found.reason, found.receipt_id.as_str()),
            (Reason::Undecodable, "t.canonical/3/7")
        );
        assert_eq!(outputs[0].key, found.receipt_id.as_bytes());
    }
}

#[test]
fn a_registry_that_is_away_holds_the_record_back() {
    let answers = Mutex::new(vec![Err(NoSchema::NotNow("away".into()))]);
    let mut stage = stage().with_schemas(Box::new(move |_| {
        let known = || Ok(Record::DeliveryEvent.schema_text().into());
        answers.lock().unwrap().pop().unwrap_or_else(known)
    }));
    stage.assigned(&[3]).unwrap();
    let event = happy().swap_remove(0);
    let (key, value) = (event.key().to_string(), encoded(&event));
    let mut out = Outgoing::default();
    let failed = stage.record(&record(&key, &value), &mut out);
    assert!(matches!(failed, Err(Failure::Retry(_))));
    stage.discarded();
    assert_eq!(written(&mut stage, &record(&key, &value)).len(), 3);
}

#[test]
fn a_state_of_a_newer_version_stops_the_service() {
    let mut changelog = MemoryChangelog::default();
    let record = (b"k".to_vec(), Some(vec![2, b'o']));
    changelog.0.insert(3, vec![record]);
    let mut stage = stage().with_changelog(Box::new(changelog));
    assert!(matches!(stage.assigned(&[3]), Err(Failure::Stop(_))));
}
