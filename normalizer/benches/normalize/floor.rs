//! What somebody would write who wants the fields that the canonical event carries: owned, strict,
//! one type a carrier, made from the documented payload. Secrets and what no event tells are left
//! out, so that serde passes them.

#![allow(dead_code, reason = "reading it is the work that is measured")]

use std::collections::BTreeMap;

use schemas::Provider;
use serde::Deserialize;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Lalamove {
    api_key: String,
    timestamp: u64,
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
    balance: Option<Balance>,
    prev_order_id: Option<String>,
    edit_reason: Option<String>,
    edit_party: Option<String>,
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
    cancel_party: Option<String>,
    cancel_reason: Option<String>,
    quotation_id: Option<String>,
    price_breakdown: Option<BTreeMap<String, String>>,
    distance: Option<Distance>,
    #[serde(default)]
    stops: Vec<Stop>,
    metadata: Option<BTreeMap<String, String>>,
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
struct Balance {
    currency: String,
    amount: String,
}

#[derive(Deserialize)]
struct Distance {
    value: String,
    unit: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Stop {
    coordinates: Coordinates,
    address: String,
    name: String,
    phone: String,
    #[serde(rename = "POD")]
    pod: Option<Proof>,
    #[serde(rename = "POP")]
    pop: Option<Proof>,
    delivery_code: Option<DeliveryCode>,
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
struct DeliveryCode {
    status: String,
}

#[derive(Deserialize)]
pub(crate) struct Ahamove {
    #[serde(rename = "_id")]
    id: String,
    status: String,
    sub_status: String,
    service_id: String,
    city_id: String,
    store_id: u64,
    currency: String,
    payment_method: String,
    partner: String,
    app: String,
    promo_code: String,
    create_time: f64,
    order_time: f64,
    accept_time: f64,
    board_time: f64,
    pickup_time: f64,
    complete_time: f64,
    cancel_time: f64,
    cancel_by_user: bool,
    cancel_comment: String,
    cancel_image_url: String,
    supplier_id: String,
    supplier_name: String,
    user_id: String,
    user_name: String,
    total_pay: f64,
    total_price: f64,
    subtotal_price: f64,
    distance_price: f64,
    stoppoint_price: f64,
    special_request_price: f64,
    vat: f64,
    voucher_discount: f64,
    surcharge: f64,
    surge_rate: f64,
    distance: f64,
    shared_link: String,
    insurance_portal_url: String,
    path: Vec<AhamoveStop>,
}

#[derive(Deserialize)]
struct AhamoveStop {
    address: String,
    mobile: String,
    name: String,
    remarks: Option<String>,
    status: String,
    cod: f64,
    complete_time: f64,
    fail_time: f64,
    return_time: f64,
    complete_lat: f64,
    complete_lng: f64,
    fail_lat: f64,
    fail_lng: f64,
    fail_comment: String,
    pod_info: String,
    por_info: String,
    tracking_number: Option<String>,
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
    proof_delivery: Option<String>,
    refund: Option<Refund>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Refund {
    id: String,
    date: Option<String>,
    reason: Option<String>,
    total_rider_refund: i64,
    total_partner_refund: i64,
    refund_items: Vec<RefundItem>,
    refund_fees: Vec<RefundFee>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RefundItem {
    reason: Option<String>,
    party_at_fault: Option<String>,
    rider_amount: Option<i64>,
    partner_amount: Option<i64>,
    #[serde(default)]
    items: Vec<Dish>,
}

#[derive(Deserialize)]
struct Dish {
    name: String,
    qty: u32,
}

#[derive(Deserialize)]
struct RefundFee {
    code: String,
    name: String,
    amount: i64,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Sendstack {
    id: String,
    event_type: String,
    tracking_url: Option<String>,
    payment_status: Option<String>,
    payment_source: Option<String>,
    batch_id: Option<String>,
    customer_id: Option<String>,
    total_amount: Option<f64>,
    created_at: Option<String>,
    pickup: Pickup,
    drops: Vec<Drop>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Pickup {
    address: Option<String>,
    location_code: Option<String>,
    pickup_name: Option<String>,
    pickup_number: Option<String>,
    pickup_date: Option<String>,
    state: Option<String>,
    lga: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Drop {
    id: String,
    status: Option<String>,
    tracking_id: Option<String>,
    external_order_id: Option<String>,
    tracking_url: Option<String>,
    location_code: Option<String>,
    address: Option<String>,
    recipient_name: Option<String>,
    recipient_number: Option<String>,
    estimated_pickup_window: Option<Window>,
    estimated_dropoff_window: Option<Window>,
    state: Option<String>,
    lga: Option<String>,
    amount: Option<f64>,
    #[serde(default)]
    status_timestamps: Vec<StatusTimestamp>,
}

#[derive(Deserialize)]
struct Window {
    date: Option<String>,
    start: Option<String>,
    end: Option<String>,
}

#[derive(Deserialize)]
struct StatusTimestamp {
    status: String,
    timestamp: String,
}

#[derive(Deserialize)]
pub(crate) struct Dellyman {
    order: DellymanOrder,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct DellymanOrder {
    #[serde(rename = "OrderID")]
    order_id: String,
    order_code: String,
    order_ref: Option<String>,
    #[serde(rename = "CustomerID")]
    customer_id: String,
    #[serde(rename = "CompanyID")]
    company_id: String,
    #[serde(rename = "TrackingID")]
    tracking_id: String,
    order_status: String,
    order_price: String,
    order_date: Option<String>,
    ordered_at: Option<String>,
    assigned_at: Option<String>,
    picked_up_at: Option<String>,
    delivered_at: Option<String>,
    cancelled_at: Option<String>,
    rejected_at: Option<String>,
    note: Option<String>,
    rider_name: Option<String>,
    rider_latitude: Option<String>,
    rider_longitude: Option<String>,
    is_instant_delivery: Option<String>,
    is_product_order: Option<String>,
    is_postpaid: Option<String>,
    packages: Vec<DellymanPackage>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct DellymanPackage {
    #[serde(rename = "PackageID")]
    package_id: String,
    #[serde(rename = "PackageTrackingID")]
    package_tracking_id: Option<String>,
    package_ref: Option<String>,
    package_status: String,
    delivery_expected_at: Option<String>,
    product_amount: Option<String>,
    delivery_google_place_address: Option<String>,
    delivery_contact_name: Option<String>,
    delivery_contact_number: Option<String>,
    delivery_latitude: Option<String>,
    delivery_longitude: Option<String>,
    pick_up_google_place_address: Option<String>,
    pick_up_contact_name: Option<String>,
    pick_up_contact_number: Option<String>,
    pick_up_latitude: Option<String>,
    pick_up_longitude: Option<String>,
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
