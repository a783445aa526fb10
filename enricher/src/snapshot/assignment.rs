//! Who delivers, since when, and how often that changed. Pure.

use schemas::{
    Kind, Micros, Status,
    delivery_event::{Driver, Milestone},
};

use crate::fact::Fact;

/// The assignments of an order so far, in event time.
#[derive(Clone, Debug, Default)]
pub struct Assignments {
    current: Option<Assignment>,
    begun: i32,
    /// The last step back to looking for a driver.
    dropped_at: Option<Micros>,
    pub first_at: Option<Micros>,
    pub picked_up_at: Option<Micros>,
    /// The last known one: carriers clear it when an order ends badly.
    pub driver: Option<Driver>,
}

#[derive(Clone, Debug)]
struct Assignment {
    at: Micros,
    driver_id: Option<String>,
}

impl Assignments {
    /// Of the driver who has the order now, or had it last.
    pub fn at(&self) -> Option<Micros> {
        self.current.as_ref().map(|assignment| assignment.at)
    }

    pub fn reassignments(&self) -> i32 {
        self.begun.saturating_sub(1).max(0)
    }

    /// Adds the next fact in place order; `counts`: the order's status is now this fact's.
    pub fn add(&mut self, fact: &Fact, counts: bool) {
        let at = fact.place.occurred_at;
        let extras = fact.extras.as_deref();
        let driver = extras.and_then(|extras| extras.driver.as_ref());
        let status = fact.says();
        if counts && status == Some(Status::Assigning) {
            self.drop_out(at);
        }
        for milestone in extras.map_or(&[][..], |extras| &extras.milestones) {
            self.reach(milestone, driver);
        }
        if fact.kind == Kind::DriverAssigned || status.is_some_and(proves_assignment) {
            self.begin(at, driver);
        } else if let Some(id) = driver.and_then(known_id) {
            self.name(at, id);
        }
        if status == Some(Status::PickedUp) {
            self.pick_up(at);
        }
        if let Some(driver) = driver {
            self.know(driver);
        }
    }

    /// A driver lets go of an order: whatever he did for it must be done again.
    fn drop_out(&mut self, at: Micros) {
        if self.current.take().is_some() || self.picked_up_at.is_some() {
            self.dropped_at = Some(at);
            self.picked_up_at = None;
        }
    }

    fn reach(&mut self, milestone: &Milestone, driver: Option<&Driver>) {
        if self
            .dropped_at
            .is_some_and(|dropped| milestone.at <= dropped)
        {
            return;
        }
        if proves_assignment(milestone.status) {
            self.begin(milestone.at, driver);
        } else if milestone.status == Status::PickedUp {
            self.pick_up(milestone.at);
        }
    }

    fn begin(&mut self, at: Micros, driver: Option<&Driver>) {
        let id = driver.and_then(known_id);
        self.first_at = Some(self.first_at.map_or(at, |first| first.min(at)));
        match &mut self.current {
            Some(current) if !current.is_of_another(id) => {
                current.at = current.at.min(at);
                if current.driver_id.is_none() {
                    current.driver_id = id.map(Into::into);
                }
            }
            Some(_) | None => self.start(at, id),
        }
    }

    fn start(&mut self, at: Micros, id: Option<&str>) {
        if self.current.is_some() {
            self.picked_up_at = None;
        }
        self.begun = self.begun.saturating_add(1);
        self.current = Some(Assignment {
            at,
            driver_id: id.map(Into::into),
        });
    }

    /// An event that assigns nothing names the driver all the same.
    fn name(&mut self, at: Micros, id: &str) {
        match &mut self.current {
            Some(current) if current.is_of_another(Some(id)) => self.start(at, Some(id)),
            Some(current) => current.driver_id = Some(id.into()),
            None => {}
        }
    }

    fn pick_up(&mut self, at: Micros) {
        self.picked_up_at = Some(self.picked_up_at.map_or(at, |known| known.min(at)));
    }

    fn know(&mut self, report: &Driver) {
        let same = match (self.driver.as_ref().and_then(known_id), known_id(report)) {
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
            if let Some(text) = reported.as_ref().filter(|text| !text.is_empty()) {
                *known = Some(text.clone());
            }
        }
        if self.driver == Some(Driver::default()) {
            self.driver = None;
        }
    }
}

impl Assignment {
    fn is_of_another(&self, id: Option<&str>) -> bool {
        match (self.driver_id.as_deref(), id) {
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
