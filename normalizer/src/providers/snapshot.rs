//! What the carriers have in common that send the whole order each time.

use schemas::{
    Kind, Micros, Status,
    delivery_event::{Draft, Location, Milestone, Proof},
    ids::TEXT_BYTES_MAX,
    mapping::{Meaning, Words},
};

use crate::{event_time, normalize::Webhook, text::beginning, tree::Tree};

/// A driver takes a handful of pictures at a stop.
const IMAGES_MAX: usize = 32;
/// Of all stops together; who folds an order compares each with all others.
const PROOFS_MAX: usize = 512;
const LINK_BYTES_MAX: usize = 2048;

/// What the words mean; new ones are UNKNOWN.
pub(super) fn meaning(webhook: Webhook<'_>, words: Words<'_>) -> Meaning {
    let unknown = Meaning {
        kind: Kind::Unknown,
        status: None,
        is_final: false,
        milestone: None,
    };
    let provider = webhook.headers.provider;
    webhook
        .rules
        .mapping
        .find(provider, words)
        .unwrap_or(unknown)
}

/// Whether a carrier may send such an event about no order.
pub(super) const fn may_lack_order(kind: Kind) -> bool {
    match kind {
        Kind::BalanceChanged | Kind::NoteAdded | Kind::TelemetryAlert | Kind::Unknown => true,
        Kind::OrderCreated
        | Kind::OrderStatusChanged
        | Kind::DriverAssigned
        | Kind::OrderAmountChanged
        | Kind::OrderEdited
        | Kind::OrderReplaced
        | Kind::OrderSuperseded
        | Kind::StopStatusChanged
        | Kind::ProofReceived
        | Kind::RefundIssued
        | Kind::HandoverCodeChanged
        | Kind::ScheduleChanged => false,
    }
}

/// What a stop's own word means; the order's words mean nothing there.
pub(super) fn stop_status(webhook: Webhook<'_>, event_type: &str, word: &str) -> Status {
    let words = Words {
        event_type,
        provider_status: Some(word),
        ..Words::default()
    };
    let meaning = meaning(webhook, words);
    match meaning.status {
        Some(status) if meaning.kind == Kind::StopStatusChanged => status,
        Some(_) | None => Status::Unknown,
    }
}

/// Adds what a snapshot proves about the past: no later than it was received, and once.
pub(super) fn prove(
    event: &mut Draft<'_>,
    status: Status,
    at: Option<Micros>,
    stop_index: Option<i32>,
) {
    let Some(at) = at.and_then(|at| event_time::past(at, event.received_at)) else {
        return;
    };
    let milestone = Milestone {
        status,
        at,
        stop_index,
    };
    if !event.milestones.contains(&milestone) {
        event.milestones.push(milestone);
    }
}

/// An attribute, cut to what an attribute may hold. The name of what is kept as the carrier wrote
/// it begins with `raw.`: times, and texts that could not be used.
pub(super) fn note<'a>(event: &mut Draft<'a>, name: &'a str, text: Option<&'a str>) {
    if let Some(text) = text {
        event.attributes.insert(name, cut(text));
    }
}

/// The beginning of a text.
pub(super) fn cut(text: &str) -> &str {
    beginning(text, TEXT_BYTES_MAX)
}

/// Both degrees, or none; zero is nowhere.
pub(super) fn place(latitude: &Tree<'_>, longitude: &Tree<'_>) -> Option<Location> {
    let degrees = |field: &Tree<'_>, most: f64| {
        let text = field.word().filter(|text| *text != "0")?;
        let degrees = text.parse::<f64>().ok()?;
        (degrees != 0.0 && degrees.abs() <= most).then_some(degrees)
    };
    Some(Location {
        latitude: degrees(latitude, 90.0)?,
        longitude: degrees(longitude, 180.0)?,
    })
}

/// Pictures by address, wherever they stand in a field; they stay where they are.
pub(super) fn images<'a>(
    event: &mut Draft<'a>,
    field: &Tree<'a>,
    role: &'a str,
    stop_index: Option<i32>,
) {
    if field.is_empty() {
        return;
    }
    let mut texts = Vec::new();
    field.texts(&mut texts);
    let apart = |c: char| c.is_whitespace() || matches!(c, ',' | ';' | '"' | '\'' | '[' | ']');
    let links = texts.iter().flat_map(|text| text.split(apart));
    let links = links
        .filter(|link| link.starts_with("https://") || link.starts_with("http://"))
        .filter(|link| link.len() <= LINK_BYTES_MAX);
    for link in links.take(IMAGES_MAX) {
        let proof = Proof {
            role,
            stop_index,
            uri: link,
            sha256: None,
            media_type: None,
            bytes: None,
        };
        if event.proofs.len() < PROOFS_MAX && !event.proofs.contains(&proof) {
            event.proofs.push(proof);
        }
    }
}
