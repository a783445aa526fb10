//! Whether an order's state has room for one more event. Pure.
//!
//! What counts is what the state's events take as they are written, so the answer follows from the
//! events alone, wherever transactions begin and end. That is not weighed for every event: as long as
//! a bound from above says that there is room, there is.

use schemas::{DeliveryEvent, EventId};

use super::OrderState;
use crate::{codec::size, reorder::order_window};

/// An order's state is one Kafka record, which may hold 2 MiB; the chain's part of it is up to 1.1 MB.
const STATE_BYTES_MAX: usize = 800_000;

/// What an event takes in the state beyond the bytes of its Avro, at most: names of fields, words
/// instead of numbers, numbers in full.
const EVENT_BYTES: usize = 2_048;
const STOP_BYTES: usize = 320;
const PROOF_BYTES: usize = 96;
const MILESTONE_BYTES: usize = 64;
const PRICE_PART_BYTES: usize = 64;
const ATTRIBUTE_BYTES: usize = 16;
/// What equal events are told apart by: each event begins no more than one run.
const RUN_BYTES: usize = 48;

/// What the events of a state take.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Weight {
    at_most: usize,
    is_exact: bool,
}

/// An event that is `bytes` long in Avro takes no more than this in the state.
fn at_most(event: &DeliveryEvent, bytes: usize) -> usize {
    bytes
        + EVENT_BYTES
        + RUN_BYTES
        + event.stops.len() * STOP_BYTES
        + event.proofs.len() * PROOF_BYTES
        + event.milestones.len() * MILESTONE_BYTES
        + event.price_parts.len() * PRICE_PART_BYTES
        + event.attributes.len() * ATTRIBUTE_BYTES
}

impl OrderState {
    /// The state as written takes this much.
    pub fn weighs(&mut self, bytes: usize) {
        let at_most = bytes + (self.facts.len() + self.window.len()) * RUN_BYTES;
        if at_most < self.weight.get().at_most {
            self.weight.set(Weight {
                at_most,
                is_exact: false,
            });
        }
    }

    /// At most what its events take as they are written.
    pub fn bytes(&self) -> usize {
        self.weight.get().at_most
    }

    /// It was read, and takes this much.
    pub(crate) fn was_read(&mut self, bytes: usize) {
        self.weight.get_mut().at_most = usize::MAX;
        self.weighs(bytes);
    }

    /// What it has may take less from now on.
    pub(super) fn stirs(&mut self) {
        self.weight.get_mut().is_exact = false;
    }

    /// An event that is `bytes` long in Avro comes in.
    pub(crate) fn grow(&mut self, event: &DeliveryEvent, bytes: usize) {
        self.stirs();
        self.weight.get_mut().at_most += at_most(event, bytes);
    }

    /// Whether an event that is `bytes` long in Avro fits; a revision comes in the place of the one
    /// with its id.
    pub fn has_room(&self, event: &DeliveryEvent, bytes: usize, is_revision: bool) -> bool {
        let bound = self.weight.get();
        if bound.at_most.saturating_add(at_most(event, bytes)) <= STATE_BYTES_MAX {
            return true;
        }
        if !bound.is_exact {
            self.weight.set(Weight {
                at_most: self.events_take(|_| true),
                is_exact: true,
            });
        }
        let replaced = self.events_take(|event_id| is_revision && event_id == event.event_id);
        let others = self.weight.get().at_most.saturating_sub(replaced);
        others + RUN_BYTES + order_window::takes(event) <= STATE_BYTES_MAX
    }

    /// What the events with such ids take as they are written.
    fn events_take(&self, which: impl Fn(EventId) -> bool) -> usize {
        let facts = self.facts().filter(|fact| which(fact.place.event_id));
        let waiting = self.window.iter();
        let waiting = waiting.filter(|waiting| which(waiting.place.event_id));
        let released = facts.map(|fact| RUN_BYTES + size(fact));
        let held = waiting.map(|waiting| RUN_BYTES + order_window::takes(&waiting.event));
        released.chain(held).sum()
    }
}

#[cfg(test)]
mod tests {
    use schemas::{
        Kind, Micros, Money, Status,
        avro::{Encoder, Record},
        delivery_event::{Driver, Location, Milestone, PricePart, Proof, Stop},
    };

    use super::*;
    use crate::{
        content::Content,
        fact::{Fact, Release},
        sample::*,
    };

    fn money() -> Option<Money> {
        Money::parse("1", "HKD").ok()
    }

    fn all_of_a_stop() -> Stop {
        let (text, at) = (Some(String::new()), Some(Micros(i64::MAX)));
        Stop {
            index: i32::MAX,
            id: text.clone(),
            status: Some(Status::PartiallyDelivered),
            provider_status: text.clone(),
            latitude: Some(1.5),
            longitude: Some(1.5),
            address: text.clone(),
            contact: text.clone(),
            phone: text.clone(),
            occurred_at: at,
            window_start: at,
            window_end: at,
            cash_on_delivery: money(),
            failure_reason: text.clone(),
            tracking_id: text,
        }
    }

    /// Whatever may be said, with as little text as possible.
    fn all() -> DeliveryEvent {
        let (text, at) = (Some(String::new()), Some(Micros(i64::MAX)));
        DeliveryEvent {
            status: Some(Status::EnRouteToPickup),
            created_at: at,
            scheduled_at: at,
            occurred_at_uncertainty_ms: Some(i64::MAX),
            replaces_order_id: Some(order_id("B")),
            replaced_by_order_id: Some(order_id("C")),
            location: Some(Location {
                latitude: 1.5,
                longitude: 1.5,
            }),
            price: money(),
            balance: money(),
            refund: money(),
            refund_partner: money(),
            attempt: Some(i32::MAX),
            driver: Some(Driver {
                id: text.clone(),
                name: text.clone(),
                phone: text.clone(),
                plate_number: text.clone(),
                photo_url: text.clone(),
            }),
            cancel_reason: text.clone(),
            edit_reason: text.clone(),
            external_order_id: text.clone(),
            provider_previous_status: text.clone(),
            ..event("1", Kind::HandoverCodeChanged, 0)
        }
    }

    fn check(event: &DeliveryEvent) {
        let encoder = Encoder::new(Record::DeliveryEvent, 1).unwrap();
        let bytes = encoder.encode(event).unwrap().len();
        let release = Release {
            sequence: i64::MAX,
            revision: i32::MAX,
            late: true,
        };
        let fact = Fact::of(
            event,
            Content::of(event),
            release,
            schemas::mapping::Ending::EndsLast,
        );
        let takes = order_window::takes(event).max(size(&fact)) + RUN_BYTES;
        let bound = at_most(event, bytes);
        assert!(takes <= bound, "{takes} of {bound}");
    }

    #[test]
    fn the_bound_of_an_event_is_never_below_what_it_takes() {
        check(&event("1", Kind::NoteAdded, 0));
        check(&all());
        let empty = DeliveryEvent {
            stops: vec![Stop::default(); 200],
            ..all()
        };
        check(&empty);
        let full = DeliveryEvent {
            stops: vec![all_of_a_stop(); 200],
            ..all()
        };
        check(&full);
        let proof = Proof {
            role: String::new(),
            stop_index: Some(i32::MAX),
            uri: String::new(),
            sha256: Some(String::new()),
            media_type: Some(String::new()),
            bytes: Some(i64::MAX),
        };
        let milestone = Milestone {
            status: Status::PartiallyDelivered,
            at: Micros(i64::MAX),
            stop_index: Some(i32::MAX),
        };
        let part = PricePart {
            name: String::new(),
            money: money().unwrap(),
        };
        let attributes = (0..200).map(|n| (n.to_string(), String::new()));
        check(&DeliveryEvent {
            proofs: vec![proof; 200],
            milestones: vec![milestone; 200],
            price_parts: vec![part; 200],
            attributes: attributes.collect(),
            ..all()
        });
    }
}
