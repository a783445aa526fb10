//! Which addresses there are, and what they answer to whom.

use super::*;

#[actix_web::test]
async fn an_address_that_was_registered_with_a_slash_at_its_end_is_the_same_address() {
    let site = Site::open();
    let (slash, two) = (format!("{REQUIRED}/"), format!("{REQUIRED}//"));
    receipt(site.post(&slash, genuine(&slash)).await).await;
    let (headers, _, _) = site.written().remove(0);
    assert_eq!(headers.verdict, Verdict::Verified);
    let looked = site.request(Method::GET, &slash).send().await.unwrap();
    assert_eq!(looked.status(), StatusCode::OK);
    let unknown = site.post(&two, genuine(&two)).await;
    assert_eq!(unknown.status(), StatusCode::NOT_FOUND);
}

#[actix_web::test]
async fn a_probe_is_answered_and_writes_nothing_whatever_is_required() {
    let site = Site::open();
    for token in [QUARANTINE, REQUIRED, OFF, RETIRED] {
        for body in ["", "{}", " {\n} "] {
            receipt(site.post(token, body).await).await;
        }
    }
    assert!(site.written().is_empty());
}

#[actix_web::test]
async fn a_retired_endpoint_answers_everything_and_writes_nothing() {
    let site = Site::open();
    for body in [genuine(RETIRED), forged(RETIRED), "garbage".into()] {
        receipt(site.post(RETIRED, body).await).await;
    }
    assert!(site.written().is_empty());
}

#[actix_web::test]
async fn get_and_head_of_a_known_address_are_answered() {
    let site = Site::open();
    for method in [Method::GET, Method::HEAD] {
        let response = site.request(method.clone(), REQUIRED).send().await.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
        let unknown = site.request(method, "nobody").send().await.unwrap();
        assert_eq!(unknown.status(), StatusCode::NOT_FOUND);
    }
}

#[actix_web::test]
async fn what_is_no_webhook_is_turned_away() {
    let site = Site::open();
    problem(site.post("nobody", "{}").await, 404, "unknown-token").await;
    let elsewhere = site.client.post(format!("http://{}/hooks", site.address));
    problem(elsewhere.send().await.unwrap(), 404, "unknown-path").await;
    for method in [Method::PUT, Method::DELETE, Method::OPTIONS] {
        let response = site.request(method, REQUIRED).send().await.unwrap();
        assert_eq!(response.headers()["allow"], "POST, GET, HEAD");
        problem(response, 405, "method").await;
    }
}

#[actix_web::test]
async fn the_registered_path_is_verified_where_ours_is_another() {
    let site = Site::open();
    receipt(site.post(REWRITTEN, signed("/from/outside")).await).await;
    assert_eq!(site.written()[0].0.verdict, Verdict::Verified);
}
