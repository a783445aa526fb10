//! The addresses of ingest: one for webhooks, and answers for whatever else is asked.

use std::sync::Arc;

use actix_web::{HttpRequest, HttpResponse, web};

use crate::{outcome::Outcome, reply, service::Service};

/// Adds the routes; the server and the tests use the same.
pub fn configure(config: &mut web::ServiceConfig, service: Arc<Service>) {
    config
        .app_data(web::Data::from(service))
        .service(
            web::resource("/hooks/{token}")
                .route(web::post().to(receive))
                .route(web::get().to(look))
                .route(web::head().to(look))
                .default_service(web::to(wrong_method)),
        )
        .default_service(web::to(unknown_path));
}

async fn receive(
    service: web::Data<Service>,
    request: HttpRequest,
    payload: web::Payload,
) -> HttpResponse {
    service.receive(&request, payload).await
}

async fn look(
    service: web::Data<Service>,
    request: HttpRequest,
    payload: web::Payload,
) -> HttpResponse {
    reply::unread(service.look(&request), payload)
}

async fn wrong_method(service: web::Data<Service>, payload: web::Payload) -> HttpResponse {
    reply::unread(service.turn_away(Outcome::Method), payload)
}

async fn unknown_path(service: web::Data<Service>, payload: web::Payload) -> HttpResponse {
    reply::unread(service.turn_away(Outcome::UnknownPath), payload)
}

#[cfg(test)]
pub(crate) mod tests;
