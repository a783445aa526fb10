//! Whether two events say the same. A hash of everything that the carrier's words were turned into,
//! and of nothing that a replay changes by itself. It stands in the changelog, so it must not
//! depend on the machine or on a library: fields are tagged, absent ones add nothing, and a field
//! that is added later leaves the hash of older events as it is.

use schemas::{
    DeliveryEvent, Micros, Money,
    delivery_event::{Driver, Location, Milestone, PricePart, Proof, Stop},
};
use serde::{Deserialize, Serialize};

/// What an event says, and by which mapping it was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Content {
    #[serde(rename = "h")]
    pub says: u64,
    #[serde(rename = "m")]
    pub mapping: u64,
}

impl Content {
    pub fn of(event: &DeliveryEvent) -> Self {
        let mut mapping = Hash::new();
        mapping.text(0, &event.mapping_version);
        Self {
            says: says(event),
            mapping: mapping.0,
        }
    }
}

struct Hash(u64);

impl Hash {
    fn new() -> Self {
        Self(0x9e37_79b9_7f4a_7c15)
    }

    fn word(&mut self, word: u64) {
        let mixed = (self.0 ^ word).wrapping_mul(0xff51_afd7_ed55_8ccd);
        self.0 = mixed ^ (mixed >> 32);
    }

    fn number(&mut self, tag: u8, value: i64) {
        self.word(u64::from(tag) << 56 | 1);
        self.word(value.cast_unsigned());
    }

    fn text(&mut self, tag: u8, text: &str) {
        self.word(u64::from(tag) << 56 | (text.len() as u64) << 8 | 2);
        let (chunks, rest) = text.as_bytes().as_chunks::<8>();
        for chunk in chunks {
            self.word(u64::from_le_bytes(*chunk));
        }
        let mut last = [0; 8];
        for (to, from) in last.iter_mut().zip(rest) {
            *to = *from;
        }
        self.word(u64::from_le_bytes(last));
    }

    fn maybe_text(&mut self, tag: u8, text: Option<&str>) {
        if let Some(text) = text {
            self.text(tag, text);
        }
    }

    fn maybe_number(&mut self, tag: u8, value: Option<impl Into<i64>>) {
        if let Some(value) = value {
            self.number(tag, value.into());
        }
    }

    fn maybe_instant(&mut self, tag: u8, value: Option<Micros>) {
        if let Some(Micros(value)) = value {
            self.number(tag, value);
        }
    }

    fn maybe_degrees(&mut self, tag: u8, value: Option<f64>) {
        if let Some(value) = value {
            self.number(tag, value.to_bits().cast_signed());
        }
    }

    fn money(&mut self, tag: u8, money: Option<&Money>) {
        if let Some(Money {
            amount,
            scale,
            currency,
        }) = money
        {
            self.number(tag, *amount);
            self.number(tag, i64::from(*scale));
            self.text(tag, currency);
        }
    }
}

/// Every field is named, so that a new one must be decided upon.
#[expect(
    clippy::too_many_lines,
    reason = "a line or two for each field of an event"
)]
fn says(event: &DeliveryEvent) -> u64 {
    let DeliveryEvent {
        // identity and receipt: the same for every reading of one receipt
        event_id: _,
        receipt_id: _,
        part: _,
        parts: _,
        unit: _,
        tenant_id: _,
        provider: _,
        endpoint_id: _,
        order_id: _,
        received_at: _,
        // what tells one reading from another
        mapping_version: _,
        replay_id: _,
        parent_id,
        kind,
        status,
        fulfilment,
        provider_event_type,
        provider_event_id,
        provider_status,
        provider_previous_status,
        occurred_at,
        occurred_at_source,
        occurred_at_uncertainty_ms,
        created_at,
        scheduled_at,
        milestones,
        replaces_order_id,
        replaced_by_order_id,
        driver,
        location,
        price,
        price_parts,
        balance,
        refund,
        refund_partner,
        refund_id,
        canceled_by,
        cancel_reason,
        edited_by,
        edit_reason,
        attempt,
        stops,
        proofs,
        share_link,
        external_order_id,
        market,
        store_id,
        attributes,
        verdict,
        assurance,
    } = event;
    let mut hash = Hash::new();
    hash.text(1, kind.as_str());
    hash.maybe_text(2, status.map(schemas::Status::as_str));
    hash.maybe_text(3, fulfilment.map(schemas::Fulfilment::as_str));
    hash.text(4, provider_event_type);
    hash.number(5, occurred_at.0);
    hash.text(6, occurred_at_source.as_str());
    hash.maybe_number(7, *occurred_at_uncertainty_ms);
    hash.maybe_instant(8, *created_at);
    hash.maybe_instant(9, *scheduled_at);
    hash.maybe_text(10, replaces_order_id.as_ref().map(schemas::OrderId::as_str));
    hash.maybe_text(
        11,
        replaced_by_order_id.as_ref().map(schemas::OrderId::as_str),
    );
    hash.money(12, price.as_ref());
    hash.money(13, balance.as_ref());
    hash.money(14, refund.as_ref());
    hash.money(15, refund_partner.as_ref());
    hash.maybe_number(16, *attempt);
    hash.text(17, verdict.as_str());
    hash.text(18, assurance.as_str());
    let texts = [
        (30, parent_id),
        (31, provider_event_id),
        (32, provider_status),
        (33, provider_previous_status),
        (34, refund_id),
        (35, canceled_by),
        (36, cancel_reason),
        (37, edited_by),
        (38, edit_reason),
        (39, share_link),
        (40, external_order_id),
        (41, market),
        (42, store_id),
    ];
    for (tag, value) in texts {
        hash.maybe_text(tag, value.as_deref());
    }
    if let Some(driver) = driver {
        add_driver(&mut hash, driver);
    }
    if let Some(Location {
        latitude,
        longitude,
    }) = location
    {
        hash.maybe_degrees(50, Some(*latitude));
        hash.maybe_degrees(51, Some(*longitude));
    }
    for Milestone {
        status,
        at,
        stop_index,
    } in milestones
    {
        hash.text(60, status.as_str());
        hash.number(61, at.0);
        hash.maybe_number(62, *stop_index);
    }
    for PricePart { name, money } in price_parts {
        hash.text(65, name);
        hash.money(66, Some(money));
    }
    for stop in stops {
        add_stop(&mut hash, stop);
    }
    for proof in proofs {
        add_proof(&mut hash, proof);
    }
    for (name, value) in attributes {
        hash.text(120, name);
        hash.text(121, value);
    }
    hash.0
}

fn add_driver(hash: &mut Hash, driver: &Driver) {
    let Driver {
        id,
        name,
        phone,
        plate_number,
        photo_url,
    } = driver;
    for (tag, value) in (70..).zip([id, name, phone, plate_number, photo_url]) {
        hash.maybe_text(tag, value.as_deref());
    }
}

fn add_stop(hash: &mut Hash, stop: &Stop) {
    let Stop {
        index,
        id,
        status,
        provider_status,
        latitude,
        longitude,
        address,
        contact,
        phone,
        occurred_at,
        window_start,
        window_end,
        cash_on_delivery,
        failure_reason,
        tracking_id,
    } = stop;
    hash.number(80, i64::from(*index));
    hash.maybe_text(81, status.map(schemas::Status::as_str));
    hash.maybe_degrees(82, *latitude);
    hash.maybe_degrees(83, *longitude);
    hash.maybe_instant(84, *occurred_at);
    hash.maybe_instant(85, *window_start);
    hash.maybe_instant(86, *window_end);
    hash.money(87, cash_on_delivery.as_ref());
    let texts = [
        id,
        provider_status,
        address,
        contact,
        phone,
        failure_reason,
        tracking_id,
    ];
    for (tag, value) in (88..).zip(texts) {
        hash.maybe_text(tag, value.as_deref());
    }
}

fn add_proof(hash: &mut Hash, proof: &Proof) {
    let Proof {
        role,
        stop_index,
        uri,
        sha256,
        media_type,
        bytes,
    } = proof;
    hash.text(100, role);
    hash.maybe_number(101, *stop_index);
    hash.text(102, uri);
    hash.maybe_text(103, sha256.as_deref());
    hash.maybe_text(104, media_type.as_deref());
    hash.maybe_number(105, *bytes);
}
