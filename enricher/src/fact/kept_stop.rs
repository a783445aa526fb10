//! A stop as the state keeps it: a field that is not known takes no room. It reads back as any stop,
//! and so does one that an older version wrote with all of its fields.

use schemas::{Micros, Money, Status, delivery_event::Stop};
use serde::{Serialize, Serializer};

#[derive(Serialize)]
struct Kept<'a> {
    index: i32,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<Status>,
    #[serde(skip_serializing_if = "Option::is_none")]
    provider_status: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    latitude: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    longitude: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    address: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    contact: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    phone: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    occurred_at: Option<Micros>,
    #[serde(skip_serializing_if = "Option::is_none")]
    window_start: Option<Micros>,
    #[serde(skip_serializing_if = "Option::is_none")]
    window_end: Option<Micros>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cash_on_delivery: Option<&'a Money>,
    #[serde(skip_serializing_if = "Option::is_none")]
    failure_reason: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tracking_id: Option<&'a str>,
}

pub(super) fn serialize<S: Serializer>(stops: &[Stop], to: S) -> Result<S::Ok, S::Error> {
    to.collect_seq(stops.iter().map(kept))
}

fn kept(stop: &Stop) -> Kept<'_> {
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
    Kept {
        index: *index,
        id: id.as_deref(),
        status: *status,
        provider_status: provider_status.as_deref(),
        latitude: *latitude,
        longitude: *longitude,
        address: address.as_deref(),
        contact: contact.as_deref(),
        phone: phone.as_deref(),
        occurred_at: *occurred_at,
        window_start: *window_start,
        window_end: *window_end,
        cash_on_delivery: cash_on_delivery.as_ref(),
        failure_reason: failure_reason.as_deref(),
        tracking_id: tracking_id.as_deref(),
    }
}
