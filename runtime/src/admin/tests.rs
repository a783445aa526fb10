use actix_web::body::to_bytes;
use actix_web::dev::ServiceResponse;
use actix_web::test::{TestRequest, call_service, init_service};
use prometheus::IntCounter;

use super::*;

async fn get(context: &Context, path: &str) -> (u16, String) {
    let app = init_service(App::new().configure(routes(context.clone()))).await;
    let response: ServiceResponse =
        call_service(&app, TestRequest::get().uri(path).to_request()).await;
    let status = response.status().as_u16();
    let body = to_bytes(response.into_body()).await.unwrap();
    (status, String::from_utf8(body.to_vec()).unwrap())
}

#[actix_web::test]
async fn a_process_that_is_not_ready_is_still_alive() {
    let context = Context::for_test();
    context.health.part("kafka");
    assert_eq!(get(&context, "/healthz").await, (200, "alive\n".to_owned()));
}

#[actix_web::test]
async fn readyz_lists_the_parts_that_are_not_ready() {
    let context = Context::for_test();
    let kafka = context.health.part("kafka");
    context.health.part("spool").not_ready("disk is full");
    let lines = "kafka: starting\nspool: disk is full\n".to_owned();
    assert_eq!(get(&context, "/readyz").await, (503, lines));
    kafka.ready();
    context.health.part("spool").ready();
    assert_eq!(get(&context, "/readyz").await, (200, "ready\n".to_owned()));
}

#[actix_web::test]
async fn during_shutdown_a_ready_service_is_not_ready() {
    let context = Context::for_test();
    context.health.part("kafka").ready();
    context.shutdown.request();
    assert_eq!(
        get(&context, "/readyz").await,
        (503, "service: stopping\n".to_owned())
    );
}

#[actix_web::test]
async fn metrics_are_those_of_the_context() {
    let context = Context::for_test();
    let events = IntCounter::new("waybill_test_events_total", "events").unwrap();
    context.metrics.register(Box::new(events.clone())).unwrap();
    events.inc_by(3);
    let (status, body) = get(&context, "/metrics").await;
    assert_eq!(status, 200);
    assert!(body.contains("\nwaybill_test_events_total 3\n"), "{body}");
}

#[test]
fn the_listener_serves_on_a_free_port_without_an_actix_system() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let context = Context::for_test();
        let settings = AdminSettings {
            listen: "127.0.0.1:0".parse().unwrap(),
        };
        let address = start(&settings, &context).unwrap();
        let answer = tokio::task::spawn_blocking(move || {
            use std::io::{Read, Write};
            let mut stream = std::net::TcpStream::connect(address).unwrap();
            stream.write_all(b"GET /metrics HTTP/1.0\r\n\r\n").unwrap();
            let mut answer = String::new();
            stream.read_to_string(&mut answer).unwrap();
            answer
        });
        let answer = answer.await.unwrap();
        assert!(answer.starts_with("HTTP/1.0 200"), "{answer}");
        assert!(
            answer.contains("waybill_process_resident_bytes"),
            "{answer}"
        );
        assert!(context.tasks.failures().is_empty());
    });
}
