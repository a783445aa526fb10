//! Outcomes as HTTP answers.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use actix_web::{
    HttpResponse,
    body::{BodySize, BoxBody, MessageBody},
    http::{
        StatusCode,
        header::{ALLOW, HeaderName, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE},
    },
    web,
};
use bytes::Bytes;
use schemas::ReceiptId;

use crate::outcome::{Disposition, Outcome, Problem};

const RECEIPT_ID: HeaderName = HeaderName::from_static("x-receipt-id");
const PROBLEM: &str = "application/problem+json";
/// Long enough for a broker to elect a leader, short against any carrier's second attempt.
const RETRY_AFTER_SECONDS: &str = "5";

/// Answers 200 for a webhook: with the receipt under which it is stored, or would be.
#[must_use]
pub fn received(receipt_id: ReceiptId) -> HttpResponse {
    let id = receipt_id.to_string();
    let body = format!("{{\"receipt_id\":\"{id}\"}}");
    let mut response = HttpResponse::Ok()
        .content_type("application/json")
        .body(body);
    if let Ok(value) = HeaderValue::try_from(id) {
        response.headers_mut().insert(RECEIPT_ID, value);
    }
    response
}

/// Answers for what has no receipt.
#[must_use]
pub fn other(outcome: Outcome) -> HttpResponse {
    match outcome.disposition() {
        Disposition::Done => HttpResponse::Ok().finish(),
        Disposition::Retry(answer) => {
            let mut response = problem(outcome, answer);
            let headers = response.headers_mut();
            headers.insert(RETRY_AFTER, HeaderValue::from_static(RETRY_AFTER_SECONDS));
            response
        }
        Disposition::Refuse(answer) => {
            let mut response = problem(outcome, answer);
            match answer.status {
                // RFC 9110 wants to know how one could have proved oneself.
                401 => Some((WWW_AUTHENTICATE, "Signature")),
                405 => Some((ALLOW, "POST, GET, HEAD")),
                _ => None,
            }
            .map(|(name, value)| {
                response
                    .headers_mut()
                    .insert(name, HeaderValue::from_static(value))
            });
            response
        }
    }
}

fn problem(
    outcome: Outcome,
    Problem {
        status,
        title,
        detail,
    }: Problem,
) -> HttpResponse {
    let body = serde_json::json!({
        "type": format!("urn:waybill:problem:{}", outcome.label()),
        "title": title,
        "status": status,
        "detail": detail,
    });
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    HttpResponse::build(status)
        .content_type(PROBLEM)
        .body(body.to_string())
}

/// Closes the connection behind an answer to a request that was not read to its end. Without it,
/// actix-web waits for the rest of a chunked body for as long as the sender cares to keep it waiting.
#[must_use]
pub fn unread(response: HttpResponse, payload: web::Payload) -> HttpResponse {
    response.map_body(|_, body| {
        BoxBody::new(BesideUnread {
            body,
            _payload: payload,
        })
    })
}

/// An answer that holds on to what it has not read: only that makes the connection end.
struct BesideUnread {
    body: BoxBody,
    _payload: web::Payload,
}

impl MessageBody for BesideUnread {
    type Error = Box<dyn std::error::Error>;

    fn size(&self) -> BodySize {
        self.body.size()
    }

    fn poll_next(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, Self::Error>>> {
        Pin::new(&mut self.body).poll_next(context)
    }
}
