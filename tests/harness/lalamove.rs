//! Lalamove's side of the wire, written apart from the product's: bodies and signatures.

use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha256;

/// One webhook before it is signed.
#[derive(Clone, Debug)]
pub struct Webhook {
    pub timestamp: i64,
    pub event_id: String,
    pub event_type: String,
    pub data: String,
}

impl Webhook {
    /// Any event type with any data.
    pub fn new(event_type: &str, timestamp: i64, data: &Value) -> Self {
        Self {
            timestamp,
            event_id: uuid::Uuid::now_v7().to_string().to_uppercase(),
            event_type: event_type.into(),
            data: data.to_string(),
        }
    }

    /// A status change, with the status before it.
    pub fn status(order: &str, timestamp: i64, before: &str, status: &str) -> Self {
        let data = json!({
            "order": {
                "orderId": order,
                "market": "HK_HKG",
                "driverId": if matches!(status, "ON_GOING" | "PICKED_UP" | "COMPLETED") { "79973" } else { "" },
                "shareLink": "https://share.sandbox.lalamove.com/?HK1&lang=zh_HK",
                "status": status,
                "previousStatus": before,
                "createdAt": "2022-04-21T22:59.00Z",
                "scheduleAt": "2022-04-21T22:58.00Z",
            },
            "updatedAt": local_minute(timestamp),
        });
        Self::new("ORDER_STATUS_CHANGED", timestamp, &data)
    }

    /// `new` takes the place of `old`.
    pub fn replaced(old: &str, new: &str, timestamp: i64) -> Self {
        let data = json!({
            "order": {"orderId": new},
            "prevOrderId": old,
            "updatedAt": local_minute(timestamp),
        });
        Self::new("ORDER_REPLACED", timestamp, &data)
    }

    /// The body with its signature over the raw bytes of `data`.
    pub fn body(&self, api_key: &str, secret: &str, path: &str) -> Vec<u8> {
        let signature = sign(secret, self.timestamp, path, &self.data);
        format!(
            "{{\"apiKey\":\"{api_key}\",\"timestamp\":{},\"signature\":\"{signature}\",\
             \"eventId\":\"{}\",\"eventType\":\"{}\",\"eventVersion\":\"v3\",\"data\":{}}}",
            self.timestamp, self.event_id, self.event_type, self.data
        )
        .into_bytes()
    }
}

/// The carrier's rule: timestamp, method, path, an empty line, the data.
pub fn sign(secret: &str, timestamp: i64, path: &str, data: &str) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("any key length");
    mac.update(format!("{timestamp}\r\nPOST\r\n{path}\r\n\r\n{data}").as_bytes());
    hex::encode(mac.finalize().into_bytes())
}

/// The carrier's clock text: eight hours ahead, labelled Z, minutes with a dot.
fn local_minute(timestamp: i64) -> String {
    let local = timestamp + 8 * 3600;
    let (days, seconds) = (local.div_euclid(86_400), local.rem_euclid(86_400));
    let (year, month, day) = civil(days);
    format!(
        "{year:04}-{month:02}-{day:02}T{:02}:{:02}.00Z",
        seconds / 3600,
        seconds % 3600 / 60
    )
}

/// Days since 1970 as a date (proleptic Gregorian).
fn civil(days: i64) -> (i64, i64, i64) {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let of_era = shifted.rem_euclid(146_097);
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 {
        shifted_month + 3
    } else {
        shifted_month - 9
    };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clock_text_is_that_of_the_documented_sample() {
        assert_eq!(local_minute(1_650_553_157), "2022-04-21T22:59.00Z");
    }

    #[test]
    fn the_signature_is_that_of_the_published_vector() {
        let data = "{\"balance\":{\"currency\":\"HKD\",\"amount\":\"844\"},\"updatedAt\":\"2022-04-21T22:22.00Z\"}";
        assert_eq!(
            sign(
                "synthetic-secret-1",
                1_650_550_936,
                "/hooks/lalamove/t1",
                data
            ),
            "785d41bfc17d70b6ed25d1f80171206c8b2185d26512d0effbb554143d3d99ef"
        );
    }
}
