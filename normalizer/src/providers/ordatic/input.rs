//! What is read of Ordatic's events.

use crate::tree::fields;

fields! {
    Body<'a> {
        "data" data,
        "eventType" event_type,
        "storeId" store_id,
    }

    Data<'a> {
        "orderId" order_id,
        "proofDelivery" proof_delivery,
        "refund" refund,
    }

    Refund<'a> {
        "date" date,
        "id" id,
        "reason" reason,
        "refundFees" fees,
        "refundItems" items,
        "totalPartnerRefund" total_partner,
        "totalRiderRefund" total_rider,
    }

    Item<'a> {
        "items" dishes,
        "partnerAmount" partner_amount,
        "partyAtFault" party_at_fault,
        "reason" reason,
        "riderAmount" rider_amount,
    }

    Dish<'a> {
        "name" name,
        "qty" quantity,
    }

    Fee<'a> {
        "amount" amount,
        "code" code,
        "name" name,
    }
}
