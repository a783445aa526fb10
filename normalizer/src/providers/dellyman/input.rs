//! What is read of Dellyman's order. `DeliveryCode`, which hands over the goods, is not here.

use crate::tree::fields;

fields! {
    Body<'a> {
        "order" order,
    }

    Order<'a> {
        "AssignedAt" assigned_at,
        "CancelledAt" cancelled_at,
        "CompanyID" company_id,
        "CustomerID" customer_id,
        "DeliveredAt" delivered_at,
        "IsInstantDelivery" is_instant_delivery,
        "IsPostpaid" is_postpaid,
        "IsProductOrder" is_product_order,
        "Note" note,
        "OrderCode" order_code,
        "OrderDate" order_date,
        "OrderID" order_id,
        "OrderPrice" order_price,
        "OrderRef" order_ref,
        "OrderStatus" order_status,
        "OrderedAt" ordered_at,
        "Packages" packages,
        "PickedUpAt" picked_up_at,
        "Reference" reference,
        "RejectedAt" rejected_at,
        "RiderLatitude" rider_latitude,
        "RiderLongitude" rider_longitude,
        "RiderName" rider_name,
        "TrackingID" tracking_id,
    }

    Package<'a> {
        "DeliveryContactName" delivery_contact_name,
        "DeliveryContactNumber" delivery_contact_number,
        "DeliveryExpectedAt" delivery_expected_at,
        "DeliveryGooglePlaceAddress" delivery_address,
        "DeliveryLatitude" delivery_latitude,
        "DeliveryLongitude" delivery_longitude,
        "IsDelivered" is_delivered,
        "PackageID" package_id,
        "PackageRef" package_ref,
        "PackageStatus" package_status,
        "PackageTrackingID" package_tracking_id,
        "PickUpContactName" pick_up_contact_name,
        "PickUpContactNumber" pick_up_contact_number,
        "PickUpGooglePlaceAddress" pick_up_address,
        "PickUpLatitude" pick_up_latitude,
        "PickUpLongitude" pick_up_longitude,
        "PickupLatitude" pickup_latitude,
        "ProductAmount" product_amount,
    }
}
