//! Every carrier that proves itself by a header: right, wrong and missing, under each rule.

use super::*;
use crate::providers::{
    presented::{DigestKey, Header},
    sign::{Unsigned, sign},
};

const RULES: [&str; 3] = ["required", "quarantine", "off"];
const BODY: &str =
    r#"{"_id":"22VMV54W","id":"64e4","OrderID":"88601","data":{"orderId":"o1"},"webhookId":"w1"}"#;

/// A carrier, the header that it uses, and the scheme and order id that come of it.
const CARRIERS: [(&str, &str, &str, &str); 4] = [
    ("ahamove", "apikey", "apikey", "22VMV54W"),
    ("ordatic", "authorization", "authorization", "o1"),
    (
        "sendstack",
        "x-sendstack-signature",
        "webhook-id-quoted",
        "64e4",
    ),
    ("dellyman", "x-dellyman-signature", "url", "88601"),
];

fn token(provider: &str, rule: &str) -> String {
    format!("{provider}-{rule}-0123456789012345")
}

fn endpoint(provider: &str, rule: &str, more: &str) -> String {
    format!(
        "[[tenants.acme.endpoints]]\nid = \"{provider}-{rule}\"\nprovider = \"{provider}\"\n\
         token = \"{}\"\nverification = \"{rule}\"\n{more}\n\
         [[tenants.acme.endpoints.secrets]]\nid = \"s1\"\nvalue = \"{SECRET}\"\n",
        token(provider, rule)
    )
}

fn site(text: &str) -> Site {
    let limits = Limits {
        bytes_max: 2_000,
        record_bytes_max: 1_000,
        has_blobs: false,
        within: Duration::from_secs(10),
    };
    Site::of(text, limits, 1 << 20, None)
}

fn every_rule() -> String {
    let of_rules = |(provider, ..): &(&str, &str, &str, &str)| {
        RULES.map(|rule| endpoint(provider, rule, "")).concat()
    };
    CARRIERS.iter().map(of_rules).collect()
}

/// The header that proves `body` at an endpoint.
fn proof(site: &Site, id: &str, body: &str) -> (&'static str, String) {
    let tenants = site.service.tenants.load_full().unwrap();
    let endpoint = tenants.endpoint(id).unwrap();
    let address = format!("http://{}/hooks/{}", site.address, endpoint.token);
    let unsigned = Unsigned {
        body: body.as_bytes(),
        address: &address,
        seconds: 0,
    };
    let signed = sign(endpoint, &endpoint.secrets[0], &unsigned).unwrap();
    signed.headers.into_iter().next().unwrap()
}

async fn post(
    site: &Site,
    token: &str,
    body: &str,
    header: Option<(&'static str, String)>,
) -> Response {
    let mut request = site.request(Method::POST, token).body(body.to_owned());
    if let Some((name, value)) = header {
        request = request.header(name, value);
    }
    request.send().await.unwrap()
}

#[actix_web::test]
async fn what_is_right_is_taken_under_every_rule() {
    let site = site(&every_rule());
    for (provider, header, scheme, order) in CARRIERS {
        for rule in RULES {
            let proof = proof(&site, &format!("{provider}-{rule}"), BODY);
            assert_eq!(proof.0, header);
            receipt(post(&site, &token(provider, rule), BODY, Some(proof)).await).await;
            let (headers, body, placement) = site.written().pop().unwrap();
            assert_eq!(body, BODY.as_bytes());
            assert_eq!(
                placement,
                order_hint::placement(order.as_bytes()),
                "{provider}"
            );
            if rule == "off" {
                assert_eq!(headers.verdict, Verdict::Unverified);
                assert_eq!(headers.assurance, Assurance::None);
            } else {
                assert_eq!(headers.verdict, Verdict::Verified, "{provider} {rule}");
                assert_eq!(headers.assurance, Assurance::CredentialOnly);
                assert_eq!(headers.signature_scheme.as_deref(), Some(scheme));
                assert_eq!(headers.secret_id.as_deref(), Some("s1"));
            }
            let service = (provider == "ahamove").then_some("instant");
            assert_eq!(headers.service.as_deref(), service);
        }
    }
}

#[actix_web::test]
async fn what_is_wrong_or_missing_is_refused_quarantined_or_not_looked_at() {
    let site = site(&every_rule());
    for (provider, header, ..) in CARRIERS {
        for value in [None, Some("synthetic-secret-2"), Some("")] {
            let wrong = value.map(|value| (header, value.to_owned()));
            let refused = post(&site, &token(provider, "required"), BODY, wrong.clone()).await;
            problem(refused, 401, "refused").await;
            for (rule, verdict) in [
                ("quarantine", Verdict::Failed),
                ("off", Verdict::Unverified),
            ] {
                receipt(post(&site, &token(provider, rule), BODY, wrong.clone()).await).await;
                let (headers, body, _) = site.written().pop().unwrap();
                assert_eq!(body, BODY.as_bytes());
                assert_eq!(
                    (headers.verdict, headers.assurance),
                    (verdict, Assurance::None)
                );
                assert_eq!((headers.signature_scheme, headers.secret_id), (None, None));
            }
        }
    }
    assert_eq!(site.written().len(), CARRIERS.len() * 3 * 2);
}

#[actix_web::test]
async fn a_probe_is_answered_by_every_carriers_endpoint_and_writes_nothing() {
    let site = site(&every_rule());
    for (provider, ..) in CARRIERS {
        for rule in RULES {
            for body in ["", "{}"] {
                receipt(post(&site, &token(provider, rule), body, None).await).await;
            }
        }
    }
    assert!(site.written().is_empty());
}

#[actix_web::test]
async fn no_credential_stands_in_a_record_and_its_digest_can_be_checked_again() {
    let site = site(&every_rule());
    let tenants = site.service.tenants.load_full().unwrap();
    for (provider, ..) in CARRIERS {
        for rule in RULES {
            let id = format!("{provider}-{rule}");
            let (name, value) = proof(&site, &id, BODY);
            receipt(
                post(
                    &site,
                    &token(provider, rule),
                    BODY,
                    Some((name, value.clone())),
                )
                .await,
            )
            .await;
            let (record, ..) = site.written().pop().unwrap();
            let pairs = record.to_pairs();
            assert!(
                pairs.iter().all(|(_, text)| !text.contains(&value)),
                "{id} keeps its credential"
            );
            let (kept, text) = &record.http[0];
            assert_eq!(kept, name);
            assert!(text.starts_with("digest:"), "{text}");

            let endpoint = tenants.endpoint(&id).unwrap();
            let key = DigestKey::new(&Secret::new("a-key"), &endpoint.tenant.id);
            let read = crate::providers::headers(endpoint.provider)
                .iter()
                .find(|read| read.name == name)
                .unwrap();
            let header = [Header::recorded(*read, text, &key).unwrap()];
            let again = endpoint.verifier.verify(&crate::providers::Unverified {
                body: BODY.as_bytes(),
                origin: &format!("http://{}", site.address),
                path: &format!("/hooks/{}", endpoint.token),
                headers: &header,
            });
            assert!(again.is_ok(), "{id}: {again:?}");
        }
    }
}

#[actix_web::test]
async fn a_signature_over_the_body_is_kept_as_it_came() {
    let narrowed = |provider| endpoint(provider, "quarantine", "schemes = [\"body\"]");
    let text = [narrowed("sendstack"), narrowed("dellyman")].concat();
    let site = site(&text);
    for provider in ["sendstack", "dellyman"] {
        let (name, value) = proof(&site, &format!("{provider}-quarantine"), BODY);
        let value = value.to_uppercase();
        let token = token(provider, "quarantine");
        receipt(post(&site, &token, BODY, Some((name, value.clone()))).await).await;
        let (record, ..) = site.written().pop().unwrap();
        assert_eq!(record.assurance, Assurance::BodySigned);
        assert_eq!(record.http, [(name.to_owned(), value.clone())]);

        // The same signature on another body proves nothing, and could still be a credential.
        receipt(post(&site, &token, "{\"a\":1}", Some((name, value))).await).await;
        let (record, ..) = site.written().pop().unwrap();
        assert_eq!(record.verdict, Verdict::Failed);
        assert!(record.http[0].1.starts_with("digest:"));
    }
}

#[actix_web::test]
async fn a_percent_encoded_body_is_verified_decoded_placed_by_its_order_and_kept_as_it_came() {
    let site = site(&endpoint("dellyman", "required", ""));
    let plain = r#"{"order":{"OrderID":"88601","a":"b c"}}"#;
    let encoded = "%7B%22order%22%3A%7B%22OrderID%22%3A%2288601%22%2C%22a%22%3A%22b+c%22%7D%7D";
    let tenants = site.service.tenants.load_full().unwrap();
    let endpoint = tenants.endpoint("dellyman-required").unwrap();
    let webhook = crate::providers::Unverified {
        body: plain.as_bytes(),
        ..Default::default()
    };
    let proof = crate::providers::dellyman::sign("body", &endpoint.secrets[0], &webhook);
    receipt(post(&site, &endpoint.token, encoded, proof).await).await;
    let (headers, body, placement) = site.written().remove(0);
    assert_eq!(headers.signature_scheme.as_deref(), Some("body-decoded"));
    assert_eq!(headers.assurance, Assurance::BodySigned);
    assert_eq!(
        (&body[..], placement),
        (encoded.as_bytes(), order_hint::placement(b"88601"))
    );
}

#[actix_web::test]
async fn the_registered_address_is_verified_where_ours_is_another() {
    let url = "https://example.test/hooks/dellyman/t1";
    let site = site(&endpoint(
        "dellyman",
        "required",
        &format!("public_url = \"{url}\""),
    ));
    let vector = "ef2a345b3e184f4007a3696ef1eed377088a94481f520d0cacade50a56ac86d5";
    let proof = ("x-dellyman-signature", vector.to_owned());
    let token = token("dellyman", "required");
    receipt(post(&site, &token, BODY, Some(proof)).await).await;
    assert_eq!(site.written()[0].0.signature_scheme.as_deref(), Some("url"));
}

#[actix_web::test]
async fn behind_a_proxy_the_address_is_the_one_that_the_carrier_called() {
    let site = site(&endpoint("dellyman", "required", ""));
    let token = token("dellyman", "required");
    let tenants = site.service.tenants.load_full().unwrap();
    let endpoint = tenants.endpoint("dellyman-required").unwrap();
    let unsigned = Unsigned {
        body: BODY.as_bytes(),
        address: &format!("https://hooks.example.com/hooks/{token}"),
        seconds: 0,
    };
    let signed = sign(endpoint, &endpoint.secrets[0], &unsigned).unwrap();
    let request = site.request(Method::POST, &token).body(BODY);
    let request = request
        .header("x-forwarded-proto", "https")
        .header("x-forwarded-host", "hooks.example.com")
        .header(signed.headers[0].0, &signed.headers[0].1);
    receipt(request.send().await.unwrap()).await;
}
