//! The addresses of ingest: one for webhooks, and answers for whatever else is asked.
//!
//! One handler that cuts the path by hand: a router would run a regular expression for each webhook.

use std::sync::Arc;

use actix_web::{HttpRequest, HttpResponse, http::Method, web};

use crate::{outcome::Outcome, reply, server::idle::UnderWay, service::Service};

const HOOKS: &str = "/hooks/";

/// Adds the routes; the server and the tests use the same.
pub fn configure(config: &mut web::ServiceConfig, service: Arc<Service>) {
    config
        .app_data(web::Data::from(service))
        .default_service(web::to(answer));
}

async fn answer(
    service: web::Data<Service>,
    request: HttpRequest,
    payload: web::Payload,
) -> HttpResponse {
    let _under_way = UnderWay::begin(&request);
    service.ending.begun();
    let answer = match (token(&request), request.method()) {
        (None, _) => reply::unread(service.turn_away(Outcome::UnknownPath), payload),
        (Some(token), &Method::POST) => service.receive(&request, token, payload).await,
        (Some(token), &(Method::GET | Method::HEAD)) => reply::unread(service.look(token), payload),
        (Some(_), _) => reply::unread(service.turn_away(Outcome::Method), payload),
    };
    service.ending.answered(answer)
}

/// What stands behind `/hooks/`: one segment, without needless escapes. An address that was registered
/// with a slash at its end is called with it, and a 404 could cost the feed.
fn token(request: &HttpRequest) -> Option<&str> {
    let token = request.match_info().as_str().strip_prefix(HOOKS)?;
    let token = token.strip_suffix('/').unwrap_or(token);
    (!token.is_empty() && !token.contains('/')).then_some(token)
}

#[cfg(test)]
pub(crate) mod tests;
