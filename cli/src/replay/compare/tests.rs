use normalizer::{Privacy, Rules, normalize};
use schemas::mapping::Mapping;

use super::*;
use crate::replay::stored::Aside;

const BODY: &[u8] = include_bytes!("../../../demo/lalamove/delivered-2-ongoing.json");

fn headers(verdict: &str) -> RawHeaders {
    let pairs = [
        ("receipt-id", "01890a5d-ac96-774b-bcce-b302099a8057"),
        ("tenant", "acme"),
        ("provider", "lalamove"),
        ("endpoint", "acme-hk"),
        ("received-at", "2022-05-12T17:50:55.250000Z"),
        ("verdict", verdict),
        ("assurance", "BODY_SIGNED"),
        ("pii", "keep"),
        ("timezone", "Asia/Hong_Kong"),
        ("currency", "HKD"),
        ("body-sha256", "00"),
        ("body-bytes", "1"),
    ];
    RawHeaders::from_pairs(pairs.map(|(name, value)| (name, value.as_bytes()))).unwrap()
}

fn fresh(headers: &RawHeaders) -> Normalized {
    let rules = Rules {
        mapping: Mapping::embedded(),
        privacy: &Privacy::new(b"key"),
        blobs_url: None,
    };
    normalize(headers, BODY, rules)
}

/// The event as an older mapping had stored it.
fn stored(event: &DeliveryEvent) -> Event {
    Event {
        event_id: event.event_id.to_string(),
        parts: event.parts,
        mapping_version: "older".into(),
        reading: reading::fresh(event),
    }
}

fn with(known: Event) -> Outcomes {
    Outcomes {
        events: BTreeMap::from([(1, known)]),
        asides: Vec::new(),
        ..Outcomes::default()
    }
}

fn aside(reason: &str, stage: &str, event_id: Option<&str>) -> Outcomes {
    Outcomes {
        events: BTreeMap::new(),
        asides: vec![Aside::new(1, reason, stage, event_id)],
        ..Outcomes::default()
    }
}

fn check(change: impl FnOnce(&mut Event), expected: Step) {
    let headers = headers("verified");
    let fresh = fresh(&headers);
    let mut known = stored(&fresh.as_ref().unwrap().events[0]);
    change(&mut known);
    assert_eq!(step(&headers, &fresh, Some(&with(known))), expected);
}

#[test]
fn what_reads_as_before_gives_nothing_whatever_the_version() {
    check(|_| {}, Step::Nothing(Still::Unchanged));
    let current = Mapping::embedded().version();
    check(
        |known| known.mapping_version = current.into(),
        Step::Nothing(Still::Unchanged),
    );
}

#[test]
fn what_reads_otherwise_is_a_revision_that_names_the_fields() {
    let status = Some("EN_ROUTE_TO_PICKUP".to_owned());
    let fields = BTreeMap::from([("status".to_owned(), (Some("ASSIGNED".to_owned()), status))]);
    check(
        |known| {
            known.reading.insert("status".into(), "ASSIGNED".into());
        },
        Step::Events(BTreeMap::from([(1, Change::Revised(fields))])),
    );
}

#[test]
fn other_ids_another_number_of_parts_and_the_same_version_are_refused() {
    check(
        |known| known.event_id = "00".repeat(16),
        Step::Refused(Refusal::Ids),
    );
    check(|known| known.parts = 2, Step::Refused(Refusal::Ids));
    check(
        |known| {
            known.mapping_version = Mapping::embedded().version().into();
            known.reading.remove("status");
        },
        Step::Refused(Refusal::SameVersion),
    );
}

#[test]
fn an_event_that_equalled_an_earlier_one_keeps_the_id_and_time_that_it_was_given() {
    let receipt = headers("verified").receipt_id;
    check(
        |known| {
            let id: schemas::EventId = known.event_id.parse().unwrap();
            known.event_id = id.repeated(receipt).to_string();
            known
                .reading
                .insert("event_id".into(), known.event_id.clone());
            known.reading.insert("occurred_at".into(), "1".into());
        },
        Step::Nothing(Still::Unchanged),
    );
}

#[test]
fn a_webhook_that_gives_nothing_any_more_takes_nothing_back() {
    let good = headers("verified");
    let known = with(stored(&fresh(&good).unwrap().events[0]));
    let failed = headers("failed");
    // the receipt verified when it was looked at again: a later record of it has the events
    let later = step(&failed, &fresh(&failed), Some(&known));
    assert_eq!(later, Step::Nothing(Still::Unchanged));
    let rules = Rules {
        mapping: Mapping::embedded(),
        privacy: &Privacy::new(b"key"),
        blobs_url: None,
    };
    let broken = normalize(&good, b"{", rules);
    assert_eq!(
        step(&good, &broken, Some(&known)),
        Step::Refused(Refusal::Vanishes)
    );
    assert_eq!(step(&good, &broken, None), Step::Resend);
    let refused = aside("MALFORMED", "normalizer", None);
    assert_eq!(
        step(&good, &broken, Some(&refused)),
        Step::Nothing(Still::SetAside)
    );
}

#[test]
fn a_receipt_without_an_event_gains_one_unless_it_was_a_duplicate() {
    let headers = headers("verified");
    let fresh = fresh(&headers);
    let id = fresh.as_ref().unwrap().events[0].event_id.to_string();
    let gained = Step::Events(BTreeMap::from([(1, Change::Gained)]));
    let step = |known: Option<&Outcomes>| step(&headers, &fresh, known);
    assert_eq!(step(None), gained);
    assert_eq!(step(Some(&aside("MALFORMED", "normalizer", None))), gained);
    assert_eq!(
        step(Some(&aside("DUPLICATE", "enricher", Some(&id)))),
        Step::Nothing(Still::Duplicate)
    );
    assert_eq!(
        step(Some(&aside("DUPLICATE", "enricher", Some("ff")))),
        Step::Refused(Refusal::Ids)
    );
    assert_eq!(
        step(Some(&aside("REJECTED_BY_STORE", "sink", Some(&id)))),
        Step::Nothing(Still::SetAside)
    );
}
