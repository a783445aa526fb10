//! What Lalamove sends, of both generations at once. What is not named here is read past; above
//! all `signature`, and the value of a delivery code, which hands the goods to whoever knows it.

use serde::Deserialize;

use crate::json::{List, Object, Pairs, Scalar};

/// An order has at most twenty stops.
pub(super) const STOPS_MAX: usize = 200;
/// A driver takes a handful of pictures at a stop.
pub(super) const IMAGES_MAX: usize = 32;
/// Price parts; metadata too, which the carrier itself limits.
pub(super) const PAIRS_MAX: usize = 64;

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Envelope<'a> {
    #[serde(borrow)]
    pub(super) api_key: Scalar<'a>,
    #[serde(borrow)]
    pub(super) timestamp: Scalar<'a>,
    #[serde(borrow)]
    pub(super) event_id: Scalar<'a>,
    #[serde(borrow)]
    pub(super) event_type: Scalar<'a>,
    #[serde(borrow)]
    pub(super) event_version: Scalar<'a>,
    #[serde(borrow)]
    pub(super) data: Object<Data<'a>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Data<'a> {
    #[serde(borrow)]
    pub(super) order: Object<Order<'a>>,
    #[serde(borrow)]
    pub(super) driver: Object<Driver<'a>>,
    #[serde(borrow)]
    pub(super) location: Object<Coordinates<'a>>,
    #[serde(borrow)]
    pub(super) balance: Object<Amount<'a>>,
    #[serde(borrow)]
    pub(super) prev_order_id: Scalar<'a>,
    #[serde(borrow)]
    pub(super) edit_reason: Scalar<'a>,
    #[serde(borrow)]
    pub(super) edit_party: Scalar<'a>,
    #[serde(borrow)]
    pub(super) previous_data: Object<PreviousData<'a>>,
    #[serde(borrow)]
    pub(super) updated_at: Scalar<'a>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Order<'a> {
    #[serde(borrow)]
    pub(super) order_id: Scalar<'a>,
    /// v2 for `orderId`.
    #[serde(borrow)]
    pub(super) id: Scalar<'a>,
    #[serde(borrow)]
    pub(super) market: Scalar<'a>,
    /// v2 for `market`.
    #[serde(borrow)]
    pub(super) city: Scalar<'a>,
    #[serde(borrow)]
    pub(super) driver_id: Scalar<'a>,
    #[serde(borrow)]
    pub(super) share_link: Scalar<'a>,
    #[serde(borrow)]
    pub(super) status: Scalar<'a>,
    #[serde(borrow)]
    pub(super) previous_status: Scalar<'a>,
    #[serde(borrow)]
    pub(super) created_at: Scalar<'a>,
    #[serde(borrow)]
    pub(super) schedule_at: Scalar<'a>,
    /// v2 has it here.
    #[serde(borrow)]
    pub(super) updated_at: Scalar<'a>,
    #[serde(borrow)]
    pub(super) cancel_party: Scalar<'a>,
    #[serde(borrow)]
    pub(super) cancel_reason: Scalar<'a>,
    #[serde(borrow)]
    pub(super) quotation_id: Scalar<'a>,
    /// The form of 2022.
    #[serde(borrow)]
    pub(super) price: Pairs<'a, PAIRS_MAX>,
    /// The form since 2023.
    #[serde(borrow)]
    pub(super) price_breakdown: Pairs<'a, PAIRS_MAX>,
    #[serde(borrow)]
    pub(super) distance: Object<Distance<'a>>,
    #[serde(borrow)]
    pub(super) stops: List<Object<Stop<'a>>, STOPS_MAX>,
    #[serde(borrow)]
    pub(super) metadata: Pairs<'a, PAIRS_MAX>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Driver<'a> {
    #[serde(borrow)]
    pub(super) driver_id: Scalar<'a>,
    #[serde(borrow)]
    pub(super) name: Scalar<'a>,
    #[serde(borrow)]
    pub(super) phone: Scalar<'a>,
    #[serde(borrow)]
    pub(super) plate_number: Scalar<'a>,
    #[serde(borrow)]
    pub(super) photo: Scalar<'a>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Coordinates<'a> {
    #[serde(borrow)]
    pub(super) lat: Scalar<'a>,
    #[serde(borrow)]
    pub(super) lng: Scalar<'a>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Amount<'a> {
    #[serde(borrow)]
    pub(super) currency: Scalar<'a>,
    #[serde(borrow)]
    pub(super) amount: Scalar<'a>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Distance<'a> {
    #[serde(borrow)]
    pub(super) value: Scalar<'a>,
    #[serde(borrow)]
    pub(super) unit: Scalar<'a>,
}

/// Of what an edit changed, only how many stops there were.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct PreviousData<'a> {
    #[serde(borrow)]
    pub(super) stops: List<Object<Coordinates<'a>>, STOPS_MAX>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Stop<'a> {
    #[serde(borrow)]
    pub(super) coordinates: Object<Coordinates<'a>>,
    #[serde(borrow)]
    pub(super) address: Scalar<'a>,
    #[serde(borrow)]
    pub(super) name: Scalar<'a>,
    #[serde(borrow)]
    pub(super) phone: Scalar<'a>,
    #[serde(borrow, rename = "POD")]
    pub(super) pod: Object<Proof<'a>>,
    #[serde(borrow, rename = "POP")]
    pub(super) pop: Object<Proof<'a>>,
    #[serde(borrow)]
    pub(super) delivery_code: Object<DeliveryCode<'a>>,
}

/// Of delivery (`POD`) or of pickup (`POP`).
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Proof<'a> {
    #[serde(borrow)]
    pub(super) status: Scalar<'a>,
    #[serde(borrow)]
    pub(super) image: Scalar<'a>,
    #[serde(borrow)]
    pub(super) image_url: Scalar<'a>,
    #[serde(borrow)]
    pub(super) image_urls: List<Scalar<'a>, IMAGES_MAX>,
    #[serde(borrow)]
    pub(super) delivered_at: Scalar<'a>,
    #[serde(borrow)]
    pub(super) picked_up_at: Scalar<'a>,
}

/// Without its value, on purpose.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct DeliveryCode<'a> {
    #[serde(borrow)]
    pub(super) status: Scalar<'a>,
}
