//! What events and orders have in common: drivers, stops, proofs.

use schemas::delivery_event::{Driver, Proof, Stop};

use super::RowWriter;

impl RowWriter {
    pub(super) fn driver(&mut self, driver: Option<&Driver>) {
        let field = |pick: fn(&Driver) -> &Option<String>| driver.and_then(|d| pick(d).as_deref());
        self.optional_text(field(|d| &d.id));
        self.optional_text(field(|d| &d.name));
        self.optional_text(field(|d| &d.phone));
        self.optional_text(field(|d| &d.plate_number));
        self.optional_text(field(|d| &d.photo_url));
    }

    pub(super) fn stops(&mut self, stops: &[Stop]) {
        self.array(stops, |w, s| w.i32(s.index));
        self.array(stops, |w, s| w.optional_text(s.id.as_deref()));
        self.array(stops, |w, s| {
            w.optional_text(s.status.map(|status| status.as_str()))
        });
        self.array(stops, |w, s| w.optional_text(s.provider_status.as_deref()));
        self.array(stops, |w, s| w.optional(s.latitude, Self::f64));
        self.array(stops, |w, s| w.optional(s.longitude, Self::f64));
        self.array(stops, |w, s| w.optional_text(s.address.as_deref()));
        self.array(stops, |w, s| w.optional_text(s.contact.as_deref()));
        self.array(stops, |w, s| w.optional_text(s.phone.as_deref()));
        self.array(stops, |w, s| w.optional_time(s.occurred_at));
        self.array(stops, |w, s| w.optional_time(s.window_start));
        self.array(stops, |w, s| w.optional_time(s.window_end));
        self.array(stops, |w, s| w.amount(s.cash_on_delivery.as_ref()));
        self.array(stops, |w, s| {
            w.optional_text(
                s.cash_on_delivery
                    .as_ref()
                    .map(|money| money.currency.as_str()),
            );
        });
        self.array(stops, |w, s| w.optional_text(s.failure_reason.as_deref()));
        self.array(stops, |w, s| w.optional_text(s.tracking_id.as_deref()));
    }

    pub(super) fn proofs(&mut self, proofs: &[Proof]) {
        self.array(proofs, |w, p| w.text(&p.role));
        self.array(proofs, |w, p| w.optional(p.stop_index, Self::i32));
        self.array(proofs, |w, p| w.text(&p.uri));
        self.array(proofs, |w, p| w.optional_text(p.sha256.as_deref()));
        self.array(proofs, |w, p| w.optional_text(p.media_type.as_deref()));
        self.array(proofs, |w, p| w.optional(p.bytes, Self::i64));
    }
}
