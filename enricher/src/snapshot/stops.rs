//! The stops of an order, merged from partial reports: by id, else by index. Pure.

use schemas::{Status, delivery_event::Stop};
use smallvec::SmallVec;

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

type KnownDrop<'a> = (i32, Option<&'a str>, Option<Status>);

/// What stops tell about the order, without building them.
pub fn drops<'a>(facts: impl Iterator<Item = &'a Fact>) -> Drops {
    let mut known: SmallVec<[KnownDrop<'_>; 8]> = SmallVec::new();
    for stop in facts
        .filter_map(|fact| fact.extras.as_deref())
        .flat_map(|extras| &extras.stops)
    {
        let id = stop.id.as_deref();
        let at = position(known.iter().map(|(index, id, _)| (*index, *id)), stop);
        match at.and_then(|at| known.get_mut(at)) {
            Some((_, known_id, status)) => {
                *known_id = known_id.or(id);
                *status = stop.status.filter(is_known).or(*status);
            }
            None => known.push((stop.index, id, stop.status.filter(is_known))),
        }
    }
    Drops::count(
        known
            .iter()
            .filter(|(index, ..)| *index > 0)
            .map(|(_, _, status)| *status),
    )
}

fn is_known(status: &Status) -> bool {
    *status != Status::Unknown
}

/// Which of the known stops a report is about. An index is trusted only between two stops of which
/// at most one has an id.
fn position<'a>(
    known: impl Iterator<Item = (i32, Option<&'a str>)> + Clone,
    stop: &Stop,
) -> Option<usize> {
    let id = stop.id.as_deref();
    id.and_then(|id| known.clone().position(|(_, other)| other == Some(id)))
        .or_else(|| {
            known
                .clone()
                .position(|(index, other)| index == stop.index && (other.is_none() || id.is_none()))
        })
}

/// Lays a partial report over what is known.
pub fn merge<'a>(known: &mut Vec<Stop<&'a str>>, report: &'a Stop) {
    let at = position(known.iter().map(|stop| (stop.index, stop.id)), report);
    let mut report = report.map(String::as_str);
    report.status = report.status.filter(is_known);
    let Some(stop) = at.and_then(|at| known.get_mut(at)) else {
        known.push(report);
        return;
    };
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
    use super::*;

    fn stop(index: i32, id: Option<&str>, status: Option<Status>) -> Stop {
        Stop {
            index,
            id: id.map(Into::into),
            status,
            ..Stop::default()
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
        let mut known = Vec::new();
        reports.iter().for_each(|report| merge(&mut known, report));
        let seen: Vec<_> = known.iter().map(|s| (s.index, s.id, s.status)).collect();
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
        let mut known = Vec::new();
        reports.iter().for_each(|report| merge(&mut known, report));
        assert_eq!(known[0].address, Some("here"));
        assert_eq!(known[0].status, None);
    }
}
