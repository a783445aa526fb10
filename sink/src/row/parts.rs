//! What several tables have in common: where a row is from, money, drivers, stops, proofs.

use schemas::{
    Micros, Money,
    delivery_event::{Driver, Proof, Stop},
};

use super::{Adjusted, Place};
use crate::native::{
    Amount, Instant, Many, MaybeWord, Optional, Plain, Push as _, Text, Word, columns,
};

columns! {
    /// Where a row is from.
    pub(super) struct Origin {
        ---
        loaded_at: Plain<Instant> = "loaded_at",
        topic: Word = "_topic",
        partition: Plain<i32> = "_partition",
        offset: Plain<i64> = "_offset",
    }
}

impl Origin {
    pub(super) fn push(&mut self, place: Place<'_>) {
        self.loaded_at.push(Instant::default());
        self.topic.push(place.topic);
        self.partition.push(place.partition);
        self.offset.push(place.offset);
    }

    /// The same for every row.
    pub(super) fn stamp(&mut self, loaded_at: Micros) {
        self.loaded_at.fill(Instant(loaded_at.0));
    }
}

pub(super) fn currency(money: Option<&Money>) -> Option<&str> {
    money.map(|money| money.currency.as_str())
}

columns! {
    pub(super) struct Drivers {
        ---
        id: Optional<Text> = "driver_id",
        name: Optional<Text> = "driver_name",
        phone: Optional<Text> = "driver_phone",
        plate_number: Optional<Text> = "driver_plate_number",
        photo_url: Optional<Text> = "driver_photo_url",
    }
}

impl Drivers {
    pub(super) fn push(&mut self, driver: Option<&Driver>) {
        let field = |pick: fn(&Driver) -> &Option<String>| driver.and_then(|d| pick(d).as_deref());
        self.id.push(field(|d| &d.id));
        self.name.push(field(|d| &d.name));
        self.phone.push(field(|d| &d.phone));
        self.plate_number.push(field(|d| &d.plate_number));
        self.photo_url.push(field(|d| &d.photo_url));
    }
}

columns! {
    pub(super) struct Stops {
        ---
        index: Many<Plain<i32>> = "stops.index",
        id: Many<Optional<Text>> = "stops.id",
        status: Many<MaybeWord> = "stops.status",
        provider_status: Many<MaybeWord> = "stops.provider_status",
        latitude: Many<Optional<Plain<f64>>> = "stops.latitude",
        longitude: Many<Optional<Plain<f64>>> = "stops.longitude",
        address: Many<Optional<Text>> = "stops.address",
        contact: Many<Optional<Text>> = "stops.contact",
        phone: Many<Optional<Text>> = "stops.phone",
        occurred_at: Many<Optional<Plain<Instant>>> = "stops.occurred_at",
        window_start: Many<Optional<Plain<Instant>>> = "stops.window_start",
        window_end: Many<Optional<Plain<Instant>>> = "stops.window_end",
        cash_on_delivery_amount: Many<Optional<Plain<Amount>>> = "stops.cash_on_delivery_amount",
        cash_on_delivery_currency: Many<MaybeWord> = "stops.cash_on_delivery_currency",
        failure_reason: Many<Optional<Text>> = "stops.failure_reason",
        tracking_id: Many<Optional<Text>> = "stops.tracking_id",
    }
}

impl Stops {
    pub(super) fn push(&mut self, stops: &[Stop], within: &mut Adjusted) {
        let all = || stops.iter();
        self.index.push_all(all().map(|s| s.index));
        self.id.push_all(all().map(|s| s.id.as_deref()));
        self.status
            .push_all(all().map(|s| s.status.map(|status| status.as_str())));
        self.provider_status
            .push_all(all().map(|s| s.provider_status.as_deref()));
        self.latitude.push_all(all().map(|s| s.latitude));
        self.longitude.push_all(all().map(|s| s.longitude));
        self.address.push_all(all().map(|s| s.address.as_deref()));
        self.contact.push_all(all().map(|s| s.contact.as_deref()));
        self.phone.push_all(all().map(|s| s.phone.as_deref()));
        self.occurred_at
            .push_all(all().map(|s| within.optional_time(s.occurred_at)));
        self.window_start
            .push_all(all().map(|s| within.optional_time(s.window_start)));
        self.window_end
            .push_all(all().map(|s| within.optional_time(s.window_end)));
        self.cash_on_delivery_amount
            .push_all(all().map(|s| within.amount(s.cash_on_delivery.as_ref())));
        self.cash_on_delivery_currency
            .push_all(all().map(|s| currency(s.cash_on_delivery.as_ref())));
        self.failure_reason
            .push_all(all().map(|s| s.failure_reason.as_deref()));
        self.tracking_id
            .push_all(all().map(|s| s.tracking_id.as_deref()));
    }
}

columns! {
    pub(super) struct Proofs {
        ---
        role: Many<Word> = "proofs.role",
        stop_index: Many<Optional<Plain<i32>>> = "proofs.stop_index",
        uri: Many<Text> = "proofs.uri",
        sha256: Many<Optional<Text>> = "proofs.sha256",
        media_type: Many<MaybeWord> = "proofs.media_type",
        bytes: Many<Optional<Plain<i64>>> = "proofs.bytes",
    }
}

impl Proofs {
    pub(super) fn push(&mut self, proofs: &[Proof]) {
        self.role.push_all(proofs.iter().map(|p| p.role.as_str()));
        self.stop_index
            .push_all(proofs.iter().map(|p| p.stop_index));
        self.uri.push_all(proofs.iter().map(|p| p.uri.as_str()));
        self.sha256
            .push_all(proofs.iter().map(|p| p.sha256.as_deref()));
        self.media_type
            .push_all(proofs.iter().map(|p| p.media_type.as_deref()));
        self.bytes.push_all(proofs.iter().map(|p| p.bytes));
    }
}
