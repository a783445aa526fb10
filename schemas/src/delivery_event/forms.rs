//! The parts of an event with their texts in another form: borrowed for who only looks, owned for who
//! keeps.

use super::{Driver, PricePart, Proof, Stop};

impl<T> Driver<T> {
    /// The same, each text as `form` gives it.
    pub fn map<'s, U>(&'s self, form: impl Fn(&'s T) -> U) -> Driver<U> {
        Driver {
            id: self.id.as_ref().map(&form),
            name: self.name.as_ref().map(&form),
            phone: self.phone.as_ref().map(&form),
            plate_number: self.plate_number.as_ref().map(&form),
            photo_url: self.photo_url.as_ref().map(&form),
        }
    }
}

impl<T> PricePart<T> {
    /// The same, each text as `form` gives it.
    pub fn map<'s, U>(&'s self, form: impl Fn(&'s T) -> U) -> PricePart<U> {
        PricePart {
            name: form(&self.name),
            money: self.money.map(&form),
        }
    }
}

impl<T> Stop<T> {
    /// The same, each text as `form` gives it.
    pub fn map<'s, U>(&'s self, form: impl Fn(&'s T) -> U) -> Stop<U> {
        Stop {
            index: self.index,
            id: self.id.as_ref().map(&form),
            status: self.status,
            provider_status: self.provider_status.as_ref().map(&form),
            latitude: self.latitude,
            longitude: self.longitude,
            address: self.address.as_ref().map(&form),
            contact: self.contact.as_ref().map(&form),
            phone: self.phone.as_ref().map(&form),
            occurred_at: self.occurred_at,
            window_start: self.window_start,
            window_end: self.window_end,
            cash_on_delivery: self.cash_on_delivery.as_ref().map(|money| money.map(&form)),
            failure_reason: self.failure_reason.as_ref().map(&form),
            tracking_id: self.tracking_id.as_ref().map(&form),
        }
    }
}

impl<T> Proof<T> {
    /// The same, each text as `form` gives it.
    pub fn map<'s, U>(&'s self, form: impl Fn(&'s T) -> U) -> Proof<U> {
        Proof {
            role: form(&self.role),
            stop_index: self.stop_index,
            uri: form(&self.uri),
            sha256: self.sha256.as_ref().map(&form),
            media_type: self.media_type.as_ref().map(&form),
            bytes: self.bytes,
        }
    }
}
