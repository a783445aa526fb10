//! The floor: the same framework on the same number of threads reads the body and answers.

use std::process::ExitCode;

use actix_web::{App, HttpResponse, HttpServer, web};

async fn read(body: web::Bytes) -> HttpResponse {
    HttpResponse::Ok()
        .content_type("application/json")
        .body(format!("{{\"bytes\":{}}}", body.len()))
}

pub(crate) fn main() -> ExitCode {
    let address = std::env::var("WAYBILL__HTTP__LISTEN").expect("an address");
    let serve = async {
        HttpServer::new(|| App::new().route("/hooks/{token}", web::post().to(read)))
            .workers(2)
            .bind(address)
            .expect("the address is free")
            .run()
            .await
    };
    actix_web::rt::System::new()
        .block_on(serve)
        .expect("it serves");
    ExitCode::SUCCESS
}
