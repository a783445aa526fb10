//! The stops, known by their place: 0 is the pickup. Webhooks carry no stop ids, so none is taken
//! from those that resemble the REST answers and do: half the events of an order would then name a
//! stop one way and half another.

use schemas::{
    Status,
    delivery_event::{Draft, Proof as Evidence, Stop as Partial},
    mapping::Words,
    set_aside::Why,
};

use super::{
    Source,
    input::{Proof, STOPS_MAX, Stop},
    keep_raw, optional, order,
};
use crate::{
    json::{Scalar, malformed},
    providers::snapshot::note,
};

/// The mapping's name for the words of `POD.status`, which no event type can be.
const POD_WORDS: &str = "stops[].POD";

pub(super) fn fill<'a>(source: &Source<'_, 'a>, event: &mut Draft<'a>) -> Result<(), Why> {
    let Some(order) = source.order else {
        return Ok(());
    };
    if order.stops.too_long {
        return Err(malformed(
            "data.order.stops",
            &format!("has more than {STOPS_MAX} entries"),
        ));
    }
    event.stops.reserve(order.stops.items.len());
    for (index, stop) in (0..).zip(&order.stops.items) {
        if let Some(stop) = stop.get() {
            let stop = At {
                source,
                index,
                stop,
            };
            let partial = stop.partial(event)?;
            event.stops.push(partial);
        }
    }
    Ok(())
}

struct At<'s, 'a> {
    source: &'s Source<'s, 'a>,
    index: i32,
    stop: &'s Stop<'a>,
}

impl<'a> At<'_, 'a> {
    /// The path of one of the stop's fields.
    fn path(&self, field: &str) -> String {
        format!("data.order.stops[{}].{field}", self.index)
    }

    /// Keeps a text as the carrier wrote it.
    fn keep_raw(&self, event: &mut Draft<'a>, field: &str, text: &Scalar<'a>) {
        if !text.is_empty() {
            let (arena, index) = (self.source.webhook.arena, self.index);
            let name = arena.text(format_args!("raw.data.order.stops[{index}].{field}"));
            keep_raw(event, name, text);
        }
    }

    fn partial(&self, event: &mut Draft<'a>) -> Result<Partial<&'a str>, Why> {
        let stop = self.stop;
        let personal =
            |text: &Scalar<'a>| text.word().and_then(|text| self.source.privacy.apply(text));
        let mut partial = Partial {
            index: self.index,
            address: personal(&stop.address),
            contact: personal(&stop.name),
            phone: personal(&stop.phone),
            ..Partial::default()
        };
        if let Some(place) = stop.coordinates.get() {
            let found = order::location(place);
            partial.latitude = found.map(|place| place.latitude);
            partial.longitude = found.map(|place| place.longitude);
            if found.is_none() {
                self.keep_raw(event, "coordinates.lat", &place.lat);
                self.keep_raw(event, "coordinates.lng", &place.lng);
            }
        }
        if let Some(pop) = stop.pop.get() {
            partial.occurred_at = self.source.times.instant(&pop.picked_up_at);
            self.keep_raw(event, "POP.pickedUpAt", &pop.picked_up_at);
            self.images(pop, "pickup", event);
        }
        if let Some(pod) = stop.pod.get() {
            self.delivery(pod, &mut partial, event)?;
        }
        if let Some(code) = stop.delivery_code.get().and_then(|code| code.status.word()) {
            let (arena, index) = (self.source.webhook.arena, self.index);
            let name = arena.text(format_args!("stops[{index}].delivery_code_status"));
            note(event, name, Some(code));
        }
        Ok(partial)
    }

    fn delivery(
        &self,
        pod: &Proof<'a>,
        partial: &mut Partial<&'a str>,
        event: &mut Draft<'a>,
    ) -> Result<(), Why> {
        if let Some(word) = optional(&pod.status, || self.path("POD.status"))? {
            partial.provider_status = Some(word);
            partial.status = self.status(word);
        }
        if let Some(at) = self.source.times.instant(&pod.delivered_at) {
            partial.occurred_at = Some(at);
        }
        self.keep_raw(event, "POD.deliveredAt", &pod.delivered_at);
        self.images(pod, "delivery", event);
        Ok(())
    }

    fn status(&self, word: &str) -> Option<Status> {
        let webhook = self.source.webhook;
        let words = Words {
            event_type: POD_WORDS,
            provider_status: Some(word),
            ..Words::default()
        };
        match webhook.rules.mapping.find(webhook.headers.provider, words) {
            Some(meaning) => meaning.status,
            None => Some(Status::Unknown),
        }
    }

    /// Pictures by address; they stay where they are.
    fn images(&self, proof: &Proof<'a>, role: &'static str, event: &mut Draft<'a>) {
        let single = [&proof.image, &proof.image_url];
        let words = single
            .into_iter()
            .chain(&proof.image_urls.items)
            .filter_map(Scalar::word);
        for uri in words.filter(|word| word.starts_with("https://") || word.starts_with("http://"))
        {
            let stop_index = Some(self.index);
            let known = |seen: &Evidence<&str>| {
                seen.uri == uri && seen.role == role && seen.stop_index == stop_index
            };
            if !event.proofs.iter().any(known) {
                event.proofs.push(Evidence {
                    role,
                    stop_index,
                    uri,
                    sha256: None,
                    media_type: None,
                    bytes: None,
                });
            }
        }
    }
}
