//! What is read of Sendstack's delivery. `pickupOtp` and `dropoffOtp`, which open doors, are not
//! here.

use crate::tree::fields;

fields! {
    Delivery<'a> {
        "batchId" batch_id,
        "config" config,
        "createdAt" created_at,
        "customerId" customer_id,
        "data" data,
        "drops" drops,
        "eventType" event_type,
        "id" id,
        "paymentSource" payment_source,
        "paymentStatus" payment_status,
        "pickup" pickup,
        "totalAmount" total_amount,
        "webhookId" webhook_id,
    }

    Pickup<'a> {
        "address" address,
        "lga" lga,
        "locationCode" location_code,
        "pickupDate" pickup_date,
        "pickupName" pickup_name,
        "pickupNumber" pickup_number,
        "state" state,
    }

    Dropoff<'a> {
        "address" address,
        "amount" amount,
        "estimatedDropoffWindow" estimated_dropoff_window,
        "estimatedPickupWindow" estimated_pickup_window,
        "externalOrderId" external_order_id,
        "id" id,
        "lga" lga,
        "locationCode" location_code,
        "recipientName" recipient_name,
        "recipientNumber" recipient_number,
        "state" state,
        "status" status,
        "statusTimestamps" status_timestamps,
        "trackingId" tracking_id,
        "trackingUrl" tracking_url,
    }

    Window<'a> {
        "date" date,
        "end" end,
        "start" start,
    }

    /// Of `statusTimestamps`, whose form is not documented: names that its parts may have.
    Change<'a> {
        "at" at,
        "changedAt" changed_at,
        "createdAt" created_at,
        "date" date,
        "name" name,
        "state" state,
        "status" status,
        "time" time,
        "timestamp" timestamp,
        "updatedAt" updated_at,
    }

    /// What a tracker's alert says of itself, at the top, in `data` or in `config`.
    Tracker<'a> {
        "deviceId" device_id,
        "geofenceIds" geofence_ids,
        "minimumParkingDuration" minimum_parking_duration,
        "speed" speed,
        "speedLimit" speed_limit,
        "trackerId" tracker_id,
    }
}
