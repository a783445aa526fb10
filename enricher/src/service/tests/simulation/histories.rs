//! What carriers send: orders of all five, chains, duplicates, and when each arrives.

use schemas::{Kind, Micros, OccurredAtSource, Provider, Status};

use super::{dice::Dice, *};

/// How far arrivals stray from the order of what they tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    /// Every event comes while those that it must not overtake are waited for.
    WithinTheHold,
    /// Anything, hours late as well.
    Any,
}

/// One canonical record.
#[derive(Clone, Debug)]
pub(super) struct Arrival {
    pub(super) at_ms: i64,
    pub(super) event: DeliveryEvent,
}

#[derive(Debug)]
pub(super) struct History {
    pub(super) shape: Shape,
    /// In the order of the log.
    pub(super) arrivals: Vec<Arrival>,
}

type Step = (&'static str, Option<Status>);

const LALAMOVE: [Step; 4] = [
    ("ASSIGNING_DRIVER", Some(Status::Assigning)),
    ("ON_GOING", Some(Status::EnRouteToPickup)),
    ("PICKED_UP", Some(Status::PickedUp)),
    ("COMPLETED", Some(Status::Delivered)),
];
const DROPPED: [Step; 6] = [
    LALAMOVE[0],
    LALAMOVE[1],
    LALAMOVE[0],
    LALAMOVE[1],
    LALAMOVE[2],
    LALAMOVE[3],
];
const CANCELED: [Step; 2] = [LALAMOVE[0], ("CANCELED", Some(Status::Canceled))];
const AHAMOVE: [Step; 4] = [
    ("ASSIGNING", Some(Status::Assigning)),
    ("ACCEPTED", Some(Status::Assigned)),
    ("IN PROCESS", Some(Status::PickedUp)),
    ("COMPLETED", Some(Status::Delivered)),
];
const DELLYMAN: [Step; 4] = [
    ("PENDING", Some(Status::Created)),
    ("ASSIGNED", Some(Status::Assigned)),
    ("INTRANSIT", Some(Status::InTransit)),
    ("CANCELLED", Some(Status::Canceled)),
];
const ORDATIC: [Step; 5] = [
    ("order-accepted", Some(Status::Created)),
    ("rider-created", Some(Status::Assigned)),
    ("order-ready-to-pick-up", Some(Status::ReadyForPickup)),
    ("rider-delivering", Some(Status::PickedUp)),
    ("rider-completed", Some(Status::Delivered)),
];
const SENDSTACK: [Step; 3] = [
    ("PENDING", Some(Status::Created)),
    ("ENROUTE", Some(Status::Unknown)),
    ("ARRIVED", Some(Status::Unknown)),
];

impl History {
    pub(super) fn of_seed(dice: &mut Dice, shape: Shape) -> Self {
        let mut history = Self {
            shape,
            arrivals: Vec::new(),
        };
        let lives = [&LALAMOVE[..], &CANCELED, &DROPPED];
        for order in ["A", "B", "C", "D"] {
            let life = match shape {
                Shape::WithinTheHold => lives[dice.roll(2)],
                Shape::Any => lives[dice.roll(3)],
            };
            history.life(dice, Provider::Lalamove, order, life);
        }
        history.life(dice, Provider::Ahamove, "H", &AHAMOVE);
        history.life(dice, Provider::Dellyman, "L", &DELLYMAN);
        history.life(dice, Provider::Ordatic, "O", &ORDATIC);
        history.life(dice, Provider::Sendstack, "S", &SENDSTACK);
        history.chain(dice);
        history.repeat(dice);
        if shape == Shape::WithinTheHold {
            history.search(dice);
        }
        history.arrivals.sort_by_key(|arrival| arrival.at_ms);
        history
    }

    fn life(&mut self, dice: &mut Dice, provider: Provider, order: &str, steps: &[Step]) {
        let mut seconds = dice.ms(20);
        let mut previous = "";
        for (n, (word, status)) in (0_i64..).zip(steps) {
            seconds += 1 + dice.ms(10);
            let name = format!("{word} {n}");
            let mut event = of_order(order, event(&name, Kind::OrderStatusChanged, seconds));
            event.provider = provider;
            event.status = *status;
            event.provider_status = Some((*word).to_owned());
            let exact = provider == Provider::Lalamove;
            event.provider_previous_status = exact.then(|| previous.to_owned());
            event.occurred_at_source = match provider {
                Provider::Lalamove => OccurredAtSource::ProviderClock,
                Provider::Ordatic => OccurredAtSource::Receipt,
                Provider::Ahamove | Provider::Dellyman | Provider::Sendstack => {
                    OccurredAtSource::ProviderField
                }
            };
            if provider == Provider::Dellyman {
                event.occurred_at_uncertainty_ms = Some(3_600_000);
            }
            if *status == Some(Status::Created) && n == 0 {
                event.kind = Kind::OrderCreated;
            }
            previous = word;
            self.arrive(dice, event, provider != Provider::Ordatic);
        }
        if self.shape == Shape::Any {
            let note = event("note", Kind::NoteAdded, seconds - dice.ms(20));
            let mut note = of_order(order, note);
            note.provider = provider;
            self.arrive(dice, note, true);
        }
    }

    /// Ahamove looks for a driver, finds one, looks again with the snapshot that it sent at first; what
    /// was received over minutes may be appended within moments.
    fn search(&mut self, dice: &mut Dice) {
        let mut snapshots = vec![(0, AHAMOVE[0])];
        for _ in 0..dice.roll(4) {
            snapshots.push((1 + dice.ms(300), AHAMOVE[0]));
        }
        for step in [AHAMOVE[1], AHAMOVE[1], AHAMOVE[2]]
            .iter()
            .take(dice.roll(4))
        {
            snapshots.push((1 + dice.ms(300), *step));
        }
        let is_backlog = dice.one_in(2);
        for (seconds, (word, status)) in snapshots {
            let is_search = status == Some(Status::Assigning);
            let occurred = if is_search { 0 } else { seconds };
            let name = format!("{word} {occurred}");
            let event = of_order("R", event(&name, Kind::OrderStatusChanged, occurred));
            let received_at = at(seconds);
            let log_ms = if is_backlog { at(400) } else { received_at }.millis() + 100_000;
            let event = DeliveryEvent {
                provider: Provider::Ahamove,
                status,
                provider_status: Some(word.to_owned()),
                occurred_at_source: OccurredAtSource::ProviderField,
                receipt_id: receipt(&format!("{name} received {seconds}")),
                received_at,
                ..event
            };
            let at_ms = log_ms + dice.ms(usize::try_from(HOLD_MS).unwrap());
            let twice = |known: &Arrival| known.event.receipt_id == event.receipt_id;
            if !self.arrivals.iter().any(twice) {
                self.arrivals.push(Arrival { at_ms, event });
            }
        }
    }

    /// Some order continues some other: a line, a branch, a circle, or one order itself.
    fn chain(&mut self, dice: &mut Dice) {
        let names = ["A", "B", "C", "D"];
        for _ in 0..dice.roll(5) {
            let (older, newer) = match self.shape {
                Shape::WithinTheHold => {
                    let at = dice.roll(3);
                    (names[at], names[at + 1])
                }
                Shape::Any => (names[dice.roll(4)], names[dice.roll(4)]),
            };
            // Before everything else that is told of the newer one, so that nothing overtakes it.
            let begin = -60 - dice.ms(20);
            let replaces = replaces(newer, older, begin);
            if self.has(&superseded(older, newer, 0)) || self.has(&replaces) {
                continue;
            }
            // One of the two may never be told by an event.
            let newer_is_told = self.shape == Shape::WithinTheHold || !dice.one_in(4);
            if newer_is_told {
                self.arrive(dice, replaces, false);
            }
            if !newer_is_told || !dice.one_in(4) {
                let superseded = superseded(older, newer, 90 + dice.ms(5));
                self.arrive(dice, superseded, true);
            }
        }
    }

    fn has(&self, event: &DeliveryEvent) -> bool {
        let mut known = self.arrivals.iter();
        known.any(|arrival| arrival.event.event_id == event.event_id)
    }

    /// Things come twice: the same receipt, or another one of the same event.
    fn repeat(&mut self, dice: &mut Dice) {
        for _ in 0..dice.roll(6) {
            let again = self.arrivals[dice.roll(self.arrivals.len())].clone();
            let mut event = again.event;
            if dice.one_in(2) {
                event.receipt_id = receipt(&format!("other {}", event.event_id));
            }
            let at_ms = again.at_ms + 1 + dice.ms(8_000);
            self.arrivals.push(Arrival { at_ms, event });
        }
    }

    /// Receipt follows what occurred, and the log the receipt, each with its delay.
    fn arrive(&mut self, dice: &mut Dice, mut event: DeliveryEvent, strays: bool) {
        let below = match (strays, self.shape) {
            (false, _) => 1,
            (true, Shape::WithinTheHold) => usize::try_from(HOLD_MS).unwrap(),
            (true, Shape::Any) if dice.one_in(5) => 4 * 3_600_000,
            (true, Shape::Any) => 12_000,
        };
        let at_ms = event.occurred_at.millis() + 120_000 + dice.ms(below);
        event.received_at = Micros::from_millis(at_ms - 100_000);
        if event.occurred_at_source == OccurredAtSource::Receipt {
            event.occurred_at = event.received_at;
        }
        self.arrivals.push(Arrival { at_ms, event });
    }
}
