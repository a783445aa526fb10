//! Who delivers, since when, and how often that changed. Pure.

use schemas::{
    Kind, Micros, Status,
    delivery_event::{Driver, Milestone},
};

use super::times::{Source, When};
use crate::fact::Fact;

/// The assignments of an order so far, in event time.
#[derive(Clone, Debug, Default)]
pub struct Assignments<'a> {
    current: Option<Assignment<'a>>,
    /// Returns to the search after a driver, and drivers who took over without one.
    reassigned: i32,
    /// The last one of them that ended: what is older is no longer told of the order.
    dropped: Option<Dropped<'a>>,
    /// Of the first that ended.
    first_at: Option<Micros>,
    picked_up: When,
    /// The last known one: carriers clear it when an order ends badly.
    pub driver: Option<Driver<&'a str>>,
}

/// Without a beginning: all that is known is that this driver had the goods.
#[derive(Clone, Debug)]
struct Assignment<'a> {
    began: When,
    driver_id: Option<&'a str>,
}

/// How an assignment ended.
#[derive(Clone, Copy, Debug)]
struct Dropped<'a> {
    at: Micros,
    source: Source,
    driver_id: Option<&'a str>,
}

impl<'a> Assignments<'a> {
    /// Of the driver who has the order now, or had it last.
    pub fn at(&self) -> Option<Micros> {
        self.current
            .as_ref()
            .and_then(|assignment| assignment.began.at())
    }

    /// Of the first driver who had the order.
    pub fn first_at(&self) -> Option<Micros> {
        self.first_at.into_iter().chain(self.at()).min()
    }

    pub fn picked_up_at(&self) -> Option<Micros> {
        self.picked_up.at()
    }

    pub fn reassignments(&self) -> i32 {
        self.reassigned
    }

    /// Adds the next fact in place order; `counts`: the order's status is now this fact's.
    pub fn add(&mut self, fact: &'a Fact, counts: bool) {
        let at = fact.place.occurred_at;
        let extras = fact.extras.as_deref();
        let driver = extras.and_then(|extras| extras.driver.as_ref());
        let status = fact.says();
        let source = Source::of(fact);
        if counts && status == Some(Status::Assigning) {
            self.drop_out(at, source);
        }
        for milestone in extras.map_or(&[][..], |extras| &extras.milestones) {
            self.reach(milestone, driver, status);
        }
        if fact.kind == Kind::DriverAssigned || status.is_some_and(proves_assignment) {
            self.begin(at, source, driver);
        } else if let Some(id) = driver.and_then(known_id) {
            self.name(at, source, id);
        }
        if status == Some(Status::PickedUp) {
            self.pick_up(at, source, driver.and_then(known_id));
        }
        if let Some(driver) = driver {
            self.know(driver);
        }
    }

    /// A driver lets go of an order: whatever he did for it must be done again.
    fn drop_out(&mut self, at: Micros, source: Source) {
        if self.current.is_some() || self.picked_up.is_known() {
            self.first_at = self.first_at();
            let ended = self.current.take();
            self.reassigned = self.reassigned.saturating_add(1);
            self.dropped = Some(Dropped {
                at,
                source,
                driver_id: ended.and_then(|ended| ended.driver_id),
            });
            self.picked_up = When::default();
        }
    }

    /// Whoever has the goods has the order, whether anybody told of his assignment or not. What the driver
    /// did who let go of it in the same instant is over.
    fn pick_up(&mut self, at: Micros, source: Source, id: Option<&'a str>) {
        let is_over = |dropped: Dropped<'_>| {
            at <= dropped.at && id.is_some() && dropped.driver_id == id && self.current.is_none()
        };
        if self.dropped.is_some_and(is_over) {
            return;
        }
        if self.current.is_none() && id.is_some() {
            self.current = Some(Assignment {
                began: When::default(),
                driver_id: id,
            });
        }
        self.picked_up.note(at, source);
    }

    /// What happened at a stop is told of the stop; the pickup is the order's too.
    fn reach(
        &mut self,
        milestone: &Milestone,
        driver: Option<&'a Driver>,
        fact_says: Option<Status>,
    ) {
        let Milestone {
            status,
            at,
            stop_index,
        } = *milestone;
        // Our receipt of a return to the search says nothing against the carrier's clock, once a snapshot
        // says that somebody has the order.
        let is_older = |dropped: Dropped<'_>| {
            let is_told =
                dropped.source == Source::Receipt && fact_says.is_some_and(is_with_driver);
            at <= dropped.at && !is_told
        };
        if self.dropped.is_some_and(is_older) {
            return;
        }
        if status == Status::PickedUp && stop_index.is_none_or(|index| index == 0) {
            self.picked_up.note(at, Source::Proof);
        } else if proves_assignment(status) && stop_index.is_none() {
            self.begin(at, Source::Proof, driver);
        }
    }

    fn begin(&mut self, at: Micros, source: Source, driver: Option<&'a Driver>) {
        let id = driver.and_then(known_id);
        match &mut self.current {
            Some(current) if !current.is_of_another(id) => {
                current.began.note(at, source);
                if current.driver_id.is_none() {
                    current.driver_id = id;
                }
            }
            Some(_) | None => self.start(at, source, id),
        }
    }

    fn start(&mut self, at: Micros, source: Source, id: Option<&'a str>) {
        if let Some(ended) = &self.current {
            let (began, driver_id) = (ended.began.at(), ended.driver_id);
            self.first_at = self.first_at();
            self.reassigned = self.reassigned.saturating_add(1);
            // Goods that were on their way before the driver had them are not picked up again.
            let was_his = |picked_up| began.is_none_or(|began| began <= picked_up);
            if self.picked_up_at().is_some_and(was_his) {
                self.picked_up = When::default();
                self.dropped = Some(Dropped {
                    at,
                    source,
                    driver_id,
                });
            }
        }
        let mut began = When::default();
        began.note(at, source);
        self.current = Some(Assignment {
            began,
            driver_id: id,
        });
    }

    /// An event that assigns nothing names the driver all the same.
    fn name(&mut self, at: Micros, source: Source, id: &'a str) {
        match &mut self.current {
            Some(current) if current.is_of_another(Some(id)) => self.start(at, source, Some(id)),
            Some(current) => current.driver_id = Some(id),
            None => {}
        }
    }

    fn know(&mut self, report: &'a Driver) {
        let known = self.driver.as_ref().and_then(|driver| driver.id);
        let same = match (known, known_id(report)) {
            (Some(known), Some(reported)) => known == reported,
            (Some(_), None) | (None, Some(_) | None) => true,
        };
        let driver = self.driver.get_or_insert_default();
        if !same {
            *driver = Driver::default();
        }
        let pairs = [
            (&mut driver.id, &report.id),
            (&mut driver.name, &report.name),
            (&mut driver.phone, &report.phone),
            (&mut driver.plate_number, &report.plate_number),
            (&mut driver.photo_url, &report.photo_url),
        ];
        for (known, reported) in pairs {
            if let Some(text) = reported.as_deref().filter(|text| !text.is_empty()) {
                *known = Some(text);
            }
        }
        if self.driver == Some(Driver::default()) {
            self.driver = None;
        }
    }
}

impl Assignment<'_> {
    fn is_of_another(&self, id: Option<&str>) -> bool {
        match (self.driver_id, id) {
            (Some(known), Some(id)) => known != id,
            (None, _) | (_, None) => false,
        }
    }
}

fn known_id(driver: &Driver) -> Option<&str> {
    driver.id.as_deref().filter(|id| !id.is_empty())
}

fn proves_assignment(status: Status) -> bool {
    matches!(status, Status::Assigned | Status::EnRouteToPickup)
}

fn is_with_driver(status: Status) -> bool {
    proves_assignment(status)
        || matches!(
            status,
            Status::AtPickup
                | Status::PickedUp
                | Status::InTransit
                | Status::AtDropoff
                | Status::PartiallyDelivered
                | Status::Delivered
        )
}
