//! Events that concern no order. Pure.

use std::sync::Arc;

use schemas::{DeliveryEvent, Micros, OrderedEvent};

use super::{Appended, Partition};
use crate::{
    account::{AccountState, bucket_keys},
    content::Content,
    effects::Effects,
    outcome::Outcome,
    reorder::duplicates::Sighting,
};

impl Partition {
    pub(super) fn account_event(
        &mut self,
        key: &str,
        event: DeliveryEvent,
        appended: Appended,
        to: &mut Effects,
    ) {
        let [today, older] = bucket_keys(key, event.event_id);
        let knows = |state: &AccountState| state.knows(event.event_id);
        let bucket = if self.store.account(&older).is_some_and(knows) {
            older
        } else {
            today
        };
        let content = Content::of(&event);
        let state = self.store.account(&bucket);
        let sighting = state.map_or(Sighting::New, |state| state.sighting(&event, content));
        let mut revision = 0;
        match sighting {
            Sighting::Repeated => return to.outcomes.push(Outcome::Repeated),
            Sighting::Duplicate => return to.refuse_duplicate(&event),
            Sighting::New | Sighting::Revision => {}
        }
        let expires_ms = appended.at_ms.saturating_add(self.rules.retain_ms);
        self.store.change_account(&bucket, expires_ms, |state| {
            state.touched_ms = state.touched_ms.max(appended.at_ms);
            if sighting == Sighting::Revision {
                revision = state.revise(&event, content);
            } else {
                to.ids_dropped += u64::from(state.remember(&event, content));
            }
        });
        to.key = Some(Arc::from(key));
        to.order(OrderedEvent {
            sequence: 0,
            revision,
            late: false,
            status_before: None,
            status_after: None,
            root_order_id: None,
            generation: 0,
            order_first_received_at: None,
            released_at: Micros::from_millis(self.time_ms),
            event,
        });
    }
}
