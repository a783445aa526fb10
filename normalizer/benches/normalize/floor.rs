//! What somebody would write who only wants the fields: owned, strict, one type a carrier.

#![allow(dead_code, reason = "reading it is the work that is measured")]

use schemas::Provider;
use serde::Deserialize;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Lalamove {
    api_key: String,
    timestamp: u64,
    signature: String,
    event_id: String,
    event_type: String,
    event_version: String,
    data: Data,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Data {
    order: Option<Order>,
    driver: Option<Driver>,
    location: Option<Location>,
    prev_order_id: Option<String>,
    updated_at: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Order {
    order_id: String,
    market: Option<String>,
    driver_id: Option<String>,
    share_link: Option<String>,
    status: Option<String>,
    previous_status: Option<String>,
    created_at: Option<String>,
    schedule_at: Option<String>,
    price_breakdown: Option<std::collections::BTreeMap<String, String>>,
    #[serde(default)]
    stops: Vec<Stop>,
    metadata: Option<std::collections::BTreeMap<String, String>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Driver {
    driver_id: String,
    name: String,
    phone: String,
    plate_number: String,
    photo: String,
}

#[derive(Deserialize)]
struct Location {
    lat: f64,
    lng: f64,
}

#[derive(Deserialize)]
struct Stop {
    coordinates: Coordinates,
    address: String,
    name: String,
    phone: String,
    #[serde(rename = "POD")]
    pod: Option<Proof>,
    #[serde(rename = "POP")]
    pop: Option<Proof>,
}

#[derive(Deserialize)]
struct Coordinates {
    lat: String,
    lng: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Proof {
    status: Option<String>,
    image: Option<String>,
    image_urls: Option<Vec<String>>,
    delivered_at: Option<String>,
    picked_up_at: Option<String>,
}

#[derive(Deserialize)]
pub(crate) struct Ahamove {
    #[serde(rename = "_id")]
    id: String,
    status: String,
    sub_status: String,
    service_id: String,
    currency: String,
    create_time: f64,
    order_time: f64,
    accept_time: f64,
    board_time: f64,
    pickup_time: f64,
    complete_time: f64,
    cancel_time: f64,
    cancel_by_user: bool,
    cancel_comment: String,
    supplier_id: String,
    supplier_name: String,
    total_pay: f64,
    total_price: f64,
    subtotal_price: f64,
    distance_price: f64,
    special_request_price: f64,
    shared_link: String,
    path: Vec<AhamoveStop>,
}

#[derive(Deserialize)]
struct AhamoveStop {
    address: String,
    short_address: Option<String>,
    mobile: String,
    name: String,
    status: String,
    cod: f64,
    complete_time: f64,
    fail_time: f64,
    return_time: f64,
    complete_lat: f64,
    complete_lng: f64,
    fail_comment: String,
    pod_info: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Ordatic {
    event_type: String,
    store_id: String,
    data: OrdaticData,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct OrdaticData {
    order_id: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Sendstack {
    id: String,
    batch_id: Option<String>,
    event_type: Option<String>,
    created_at: Option<String>,
    webhook_id: Option<String>,
    pickup: SendstackPlace,
    drops: Vec<SendstackPlace>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct SendstackPlace {
    id: Option<String>,
    tracking_id: Option<String>,
    status: Option<String>,
    address: Option<String>,
    pickup_name: Option<String>,
    pickup_number: Option<String>,
    recipient_name: Option<String>,
    recipient_number: Option<String>,
    amount: Option<serde_json::Value>,
    #[serde(default)]
    status_timestamps: Vec<serde_json::Value>,
}

#[derive(Deserialize)]
pub(crate) struct Dellyman {
    status: bool,
    message: String,
    order: DellymanOrder,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct DellymanOrder {
    #[serde(rename = "OrderID")]
    order_id: String,
    order_code: String,
    order_status: String,
    order_price: String,
    order_date: Option<String>,
    assigned_at: Option<String>,
    picked_up_at: Option<String>,
    delivered_at: Option<String>,
    note: Option<String>,
    packages: Vec<DellymanPackage>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct DellymanPackage {
    #[serde(rename = "PackageID")]
    package_id: String,
    package_status: String,
}

/// Reads the body as the struct of its carrier.
pub(crate) fn read(provider: Provider, body: &[u8]) -> serde_json::Result<()> {
    match provider {
        Provider::Lalamove => serde_json::from_slice::<Lalamove>(body).map(drop),
        Provider::Ahamove => serde_json::from_slice::<Ahamove>(body).map(drop),
        Provider::Ordatic => serde_json::from_slice::<Ordatic>(body).map(drop),
        Provider::Sendstack => serde_json::from_slice::<Sendstack>(body).map(drop),
        Provider::Dellyman => serde_json::from_slice::<Dellyman>(body).map(drop),
    }
}
