//! What Lalamove sends, of both generations at once. What is not named here is read past; above
//! all `signature`, and the value of a delivery code, which hands the goods to whoever knows it.

use crate::json::{List, Object, Pairs, Scalar, input};

/// An order has at most twenty stops.
pub(super) const STOPS_MAX: usize = 200;
/// A driver takes a handful of pictures at a stop.
pub(super) const IMAGES_MAX: usize = 32;
/// Price parts; metadata too, which the carrier itself limits.
pub(super) const PAIRS_MAX: usize = 64;

input! {
    Envelope<'a> {
        "apiKey" api_key: Scalar<'a>,
        "timestamp" timestamp: Scalar<'a>,
        "eventId" event_id: Scalar<'a>,
        "eventType" event_type: Scalar<'a>,
        "eventVersion" event_version: Scalar<'a>,
        "data" data: Object<Data<'a>>,
    }

    Data<'a> {
        "order" order: Object<Order<'a>>,
        "driver" driver: Object<Driver<'a>>,
        "location" location: Object<Coordinates<'a>>,
        "balance" balance: Object<Amount<'a>>,
        "prevOrderId" prev_order_id: Scalar<'a>,
        "editReason" edit_reason: Scalar<'a>,
        "editParty" edit_party: Scalar<'a>,
        "previousData" previous_data: Object<PreviousData<'a>>,
        "updatedAt" updated_at: Scalar<'a>,
    }

    Order<'a> {
        "orderId" order_id: Scalar<'a>,
        /// v2 for `orderId`.
        "id" id: Scalar<'a>,
        "market" market: Scalar<'a>,
        /// v2 for `market`.
        "city" city: Scalar<'a>,
        "driverId" driver_id: Scalar<'a>,
        "shareLink" share_link: Scalar<'a>,
        "status" status: Scalar<'a>,
        "previousStatus" previous_status: Scalar<'a>,
        "createdAt" created_at: Scalar<'a>,
        "scheduleAt" schedule_at: Scalar<'a>,
        /// v2 has it here.
        "updatedAt" updated_at: Scalar<'a>,
        "cancelParty" cancel_party: Scalar<'a>,
        "cancelReason" cancel_reason: Scalar<'a>,
        "quotationId" quotation_id: Scalar<'a>,
        /// The form of 2022.
        "price" price: Pairs<'a, PAIRS_MAX>,
        /// The form since 2023.
        "priceBreakdown" price_breakdown: Pairs<'a, PAIRS_MAX>,
        "distance" distance: Object<Distance<'a>>,
        "stops" stops: List<Object<Stop<'a>>, STOPS_MAX>,
        "metadata" metadata: Pairs<'a, PAIRS_MAX>,
    }

    Driver<'a> {
        "driverId" driver_id: Scalar<'a>,
        "name" name: Scalar<'a>,
        "phone" phone: Scalar<'a>,
        "plateNumber" plate_number: Scalar<'a>,
        "photo" photo: Scalar<'a>,
    }

    Coordinates<'a> {
        "lat" lat: Scalar<'a>,
        "lng" lng: Scalar<'a>,
    }

    Amount<'a> {
        "currency" currency: Scalar<'a>,
        "amount" amount: Scalar<'a>,
    }

    Distance<'a> {
        "value" value: Scalar<'a>,
        "unit" unit: Scalar<'a>,
    }

    /// Of what an edit changed, only how many stops there were.
    PreviousData<'a> {
        "stops" stops: List<Object<Coordinates<'a>>, STOPS_MAX>,
    }

    Stop<'a> {
        "coordinates" coordinates: Object<Coordinates<'a>>,
        "address" address: Scalar<'a>,
        "name" name: Scalar<'a>,
        "phone" phone: Scalar<'a>,
        "POD" pod: Object<Proof<'a>>,
        "POP" pop: Object<Proof<'a>>,
        "deliveryCode" delivery_code: Object<DeliveryCode<'a>>,
    }

    /// Of delivery (`POD`) or of pickup (`POP`).
    Proof<'a> {
        "status" status: Scalar<'a>,
        "image" image: Scalar<'a>,
        "imageUrl" image_url: Scalar<'a>,
        "imageUrls" image_urls: List<Scalar<'a>, IMAGES_MAX>,
        "deliveredAt" delivered_at: Scalar<'a>,
        "pickedUpAt" picked_up_at: Scalar<'a>,
    }

    /// Without its value, on purpose.
    DeliveryCode<'a> {
        "status" status: Scalar<'a>,
    }
}
