//! Events that concern no order. Pure.

use std::sync::Arc;

use schemas::{DeliveryEvent, Micros, OrderedEvent};

use super::{Appended, Partition};
use crate::{
    account::{AccountState, bucket_keys},
    content::Content,
    effects::Effects,
    order::recognise::{Follows, Recognised},
    outcome::Outcome,
    reorder::duplicates::Sighting,
};

impl Partition {
    pub(super) fn account_event(
        &mut self,
        key: &str,
        mut event: DeliveryEvent,
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
        let state = self.store.account(&bucket);
        let Recognised {
            sighting,
            content,
            follows,
        } = match state {
            Some(state) => state.recognise(&mut event),
            None => Recognised::new(Sighting::New, Content::of(&event)),
        };
        match (sighting, follows) {
            (Sighting::Repeated, _) => return to.outcomes.push(Outcome::Repeated),
            (Sighting::Duplicate, Follows::Run(..)) => to.refuse_duplicate(&event),
            (Sighting::Duplicate, _) => return to.refuse_duplicate(&event),
            (Sighting::New | Sighting::Revision, _) => {}
        }
        let expires_ms = appended.at_ms.saturating_add(self.rules.retain_ms);
        let mut revision = 0;
        self.store.change_account(&bucket, expires_ms, |state| {
            state.touched_ms = state.touched_ms.max(appended.at_ms);
            if let Follows::Run(equal, verdict) = follows {
                state.note_run(equal, verdict);
            }
            match sighting {
                Sighting::New => to.ids_dropped += u64::from(state.remember(&event, content)),
                Sighting::Revision => revision = state.revise(&event, content),
                Sighting::Repeated | Sighting::Duplicate => {}
            }
        });
        if sighting == Sighting::Duplicate {
            return;
        }
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
