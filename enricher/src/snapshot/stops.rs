//! The stops of an order, merged from partial reports: by id, else by index. Pure.

use std::collections::BTreeSet;

use rustc_hash::FxHashMap;
use schemas::{Status, delivery_event::Stop};
use smallvec::SmallVec;

use super::times::Proven;
use crate::fact::Fact;

/// What is known of the places where goods were to be handed over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Drops {
    NoneFailed,
    SomeFailed,
    AllFailed,
}

impl Drops {
    fn count(statuses: impl Iterator<Item = Option<Status>>) -> Self {
        let (mut all, mut failed) = (0, 0);
        for status in statuses {
            all += 1;
            failed += usize::from(status == Some(Status::Failed));
        }
        match failed {
            0 => Self::NoneFailed,
            n if n == all => Self::AllFailed,
            _ => Self::SomeFailed,
        }
    }
}

/// What stops tell about the order, without building them.
pub fn drops<'a>(facts: impl Iterator<Item = &'a Fact>) -> Drops {
    let mut known = Known::default();
    let mut statuses: SmallVec<[Option<Status>; 8]> = SmallVec::new();
    for stop in facts
        .filter_map(|fact| fact.extras.as_deref())
        .flat_map(|extras| &extras.stops)
    {
        let said = stop.status.filter(is_known);
        match statuses.get_mut(known.place(stop)) {
            Some(status) => *status = said.or(*status),
            None => statuses.push(said),
        }
    }
    let of_drops = known.stops.iter().zip(statuses);
    Drops::count(
        of_drops
            .filter(|((index, _), _)| *index > 0)
            .map(|(_, status)| status),
    )
}

fn is_known(status: &Status) -> bool {
    *status != Status::Unknown
}

/// A list of more stops than this is looked up in tables.
const LISTED_MAX: usize = 16;

/// The stops that reports were about until now: each report is about the one with its id, or else about
/// the first with its index. An index is trusted only between two stops of which at most one has an id.
#[derive(Clone, Debug, Default)]
pub struct Known<'a> {
    /// Newest index, and id, in the order of their first reports.
    stops: SmallVec<[(i32, Option<&'a str>); 8]>,
    /// Places by id, and by index: empty while the list is short.
    ids: FxHashMap<&'a str, usize>,
    indexes: FxHashMap<i32, BTreeSet<usize>>,
    /// Places of those without an id: no two have the same index.
    bare: FxHashMap<i32, usize>,
}

impl<'a> Known<'a> {
    /// The place of the stop that a report is about; of a new one, the next.
    fn place(&mut self, report: &'a Stop) -> usize {
        let (index, id) = (report.index, report.id.as_deref());
        let at = self.find(index, id).unwrap_or(self.stops.len());
        if let Some(known) = self.stops.get_mut(at) {
            let (before, known_id) = (known.0, known.1);
            *known = (index, known_id.or(id));
            if self.has_tables() && (before, known_id) != (index, known_id.or(id)) {
                self.unlist(at, (before, known_id));
                self.list(at);
            }
            return at;
        }
        self.stops.push((index, id));
        if self.has_tables() {
            // the first time, all of them
            let from = if self.ids.is_empty() && self.indexes.is_empty() {
                0
            } else {
                at
            };
            (from..=at).for_each(|at| self.list(at));
        }
        at
    }

    fn has_tables(&self) -> bool {
        self.stops.len() > LISTED_MAX
    }

    fn find(&self, index: i32, id: Option<&str>) -> Option<usize> {
        if self.has_tables() {
            return match id {
                Some(id) => self.ids.get(id).or_else(|| self.bare.get(&index)).copied(),
                None => self.indexes.get(&index)?.first().copied(),
            };
        }
        let with_id = |id: &str| self.stops.iter().position(|(_, other)| *other == Some(id));
        let may_be = |other: &Option<&str>| other.is_none() || id.is_none();
        id.and_then(with_id).or_else(|| {
            let mut stops = self.stops.iter();
            stops.position(|(at, other)| *at == index && may_be(other))
        })
    }

    fn list(&mut self, at: usize) {
        let Some((index, id)) = self.stops.get(at).copied() else {
            return;
        };
        self.indexes.entry(index).or_default().insert(at);
        match id {
            Some(id) => self.ids.insert(id, at),
            None => self.bare.insert(index, at),
        };
    }

    fn unlist(&mut self, at: usize, (index, id): (i32, Option<&'a str>)) {
        if let Some(places) = self.indexes.get_mut(&index) {
            places.remove(&at);
        }
        if id.is_none() {
            self.bare.remove(&index);
        }
    }
}

/// What is known of an order's stops.
#[derive(Clone, Debug, Default)]
pub struct Stops<'a> {
    known: Known<'a>,
    merged: Vec<Stop<&'a str>>,
}

impl<'a> Stops<'a> {
    /// Lays a partial report over what is known.
    pub fn merge(&mut self, report: &'a Stop) {
        let at = self.known.place(report);
        let mut report = report.map(String::as_str);
        report.status = report.status.filter(is_known);
        match self.merged.get_mut(at) {
            Some(stop) => lay_over(stop, report),
            None => self.merged.push(report),
        }
    }

    /// By index, with what else is proven of them.
    pub fn all(mut self, proven: &Proven) -> Vec<Stop> {
        proven.fill(&mut self.merged);
        self.merged.sort_by_key(|stop| stop.index);
        let owned = |text: &&str| (*text).to_owned();
        self.merged.iter().map(|stop| stop.map(owned)).collect()
    }
}

fn lay_over<'a>(stop: &mut Stop<&'a str>, report: Stop<&'a str>) {
    fn over<T>(known: &mut Option<T>, reported: Option<T>) {
        *known = reported.or(known.take());
    }
    stop.index = report.index;
    over(&mut stop.id, report.id);
    over(&mut stop.status, report.status);
    over(&mut stop.provider_status, report.provider_status);
    over(&mut stop.latitude, report.latitude);
    over(&mut stop.longitude, report.longitude);
    over(&mut stop.address, report.address);
    over(&mut stop.contact, report.contact);
    over(&mut stop.phone, report.phone);
    over(&mut stop.occurred_at, report.occurred_at);
    over(&mut stop.window_start, report.window_start);
    over(&mut stop.window_end, report.window_end);
    over(&mut stop.cash_on_delivery, report.cash_on_delivery);
    over(&mut stop.failure_reason, report.failure_reason);
    over(&mut stop.tracking_id, report.tracking_id);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn stop(index: i32, id: Option<&str>, status: Option<Status>) -> Stop {
        Stop {
            index,
            id: id.map(Into::into),
            status,
            ..Stop::default()
        }
    }

    fn merged(reports: &[Stop]) -> Vec<Stop<&str>> {
        let mut known = Stops::default();
        reports.iter().for_each(|report| known.merge(report));
        known.merged
    }

    /// The rule by itself: one look at each stop that is known.
    fn one_by_one(reports: &[Stop]) -> Vec<(i32, Option<&str>)> {
        let mut known: Vec<(i32, Option<&str>)> = Vec::new();
        for Stop { index, id, .. } in reports {
            let id = id.as_deref();
            let by_id = known
                .iter()
                .position(|(_, other)| id.is_some() && *other == id);
            let at = by_id.or_else(|| {
                known
                    .iter()
                    .position(|(at, other)| at == index && (other.is_none() || id.is_none()))
            });
            match at {
                Some(at) => known[at] = (*index, known[at].1.or(id)),
                None => known.push((*index, id)),
            }
        }
        known
    }

    proptest! {
        #[test]
        fn many_stops_are_known_as_few_are(
            said in prop::collection::vec((0..40, prop::option::of(0..60_u8)), 0..200),
        ) {
            let reports: Vec<Stop> = said
                .iter()
                .map(|(index, id)| stop(*index, id.map(|id: u8| id.to_string()).as_deref(), None))
                .collect();
            let seen: Vec<_> = merged(&reports).iter().map(|s| (s.index, s.id)).collect();
            prop_assert_eq!(seen, one_by_one(&reports));
        }
    }

    #[test]
    fn a_stop_is_known_by_its_id_and_else_by_its_index() {
        let reports = [
            stop(1, None, None),
            stop(1, Some("a"), Some(Status::Failed)),
            stop(2, Some("a"), None),
            stop(1, Some("b"), None),
        ];
        let seen: Vec<_> = merged(&reports)
            .iter()
            .map(|s| (s.index, s.id, s.status))
            .collect();
        assert_eq!(
            seen,
            [(2, Some("a"), Some(Status::Failed)), (1, Some("b"), None)]
        );
    }

    #[test]
    fn a_later_report_without_a_field_keeps_the_earlier_value() {
        let address = Some("here".into());
        let reports = [
            Stop {
                address,
                ..stop(0, None, None)
            },
            stop(0, None, Some(Status::Unknown)),
        ];
        let known = merged(&reports);
        assert_eq!(known[0].address, Some("here"));
        assert_eq!(known[0].status, None);
    }
}
