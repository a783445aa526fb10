use std::fs;

use schemas::Assurance;

use super::*;
use crate::{
    providers::{self, presented::Header},
    tenants::{self, Tenants},
};

const TOKEN: &str = "aaaaaaaaaaaaaaaaaaaaaa";
const ADDRESS: &str = "http://127.0.0.1:8080/hooks/aaaaaaaaaaaaaaaaaaaaaa";
const BODY: &str = r#"{"webhookId":"w1","data": {"orderId":"1"},"x":[1, 2]}"#;

fn tenants(provider: &str, endpoint: &str, secret: &str) -> Tenants {
    let folder = tempfile::TempDir::new().unwrap();
    let file = folder.path().join("tenants.toml");
    let text = format!(
        "[[tenants.acme.endpoints]]\nid = \"e\"\nprovider = \"{provider}\"\ntoken = \"{TOKEN}\"\n{endpoint}\n\
         [[tenants.acme.endpoints.secrets]]\nid = \"s\"\nvalue = \"user:password\"\n{secret}\n"
    );
    fs::write(&file, text).unwrap();
    tenants::load(&file).unwrap()
}

/// Signs, then verifies what came of it as if it had been called at `address`.
fn check(tenants: &Tenants, body: &str, expected: (&str, Assurance)) {
    let endpoint = tenants.endpoint("e").unwrap();
    let unsigned = Unsigned {
        body: body.as_bytes(),
        address: ADDRESS,
        seconds: 1_650_550_936,
    };
    let signed = sign(endpoint, &endpoint.secrets[0], &unsigned).unwrap();
    let headers: Vec<Header> = providers::headers(endpoint.provider)
        .iter()
        .flat_map(|read| {
            let named = signed.headers.iter().filter(|(name, _)| *name == read.name);
            named.map(|(_, value)| Header::sent(*read, value.as_bytes()))
        })
        .collect();
    let registered = endpoint.signed_address(TOKEN);
    let (origin, path) = match &registered {
        Some(address) => (&*address.origin, &*address.path),
        None => tenants::split(ADDRESS).unwrap(),
    };
    let verified = endpoint.verifier.verify(&Unverified {
        body: &signed.body,
        origin,
        path,
        headers: &headers,
    });
    let verified = verified.unwrap();
    assert_eq!((verified.scheme, verified.assurance), expected);
}

#[test]
fn each_carrier_signs_by_the_first_scheme_that_is_accepted() {
    let covered = Assurance::BodySigned;
    let bare = Assurance::CredentialOnly;
    for (provider, expected) in [
        ("lalamove", ("data-raw", covered)),
        ("ahamove", ("apikey", bare)),
        ("ordatic", ("authorization", bare)),
        ("sendstack", ("webhook-id-quoted", bare)),
        ("dellyman", ("url", bare)),
    ] {
        check(&tenants(provider, "", ""), BODY, expected);
        for scheme in providers::schemes(Provider::parse(provider).unwrap()) {
            let tenants = tenants(provider, &format!("schemes = [\"{scheme}\"]"), "");
            let endpoint = tenants.endpoint("e").unwrap();
            let unsigned = Unsigned {
                body: BODY.as_bytes(),
                address: ADDRESS,
                seconds: 1,
            };
            assert!(sign(endpoint, &endpoint.secrets[0], &unsigned).is_ok());
        }
    }
    let basic = tenants("ahamove", "", "scheme = \"basic\"");
    check(&basic, BODY, ("basic", bare));
    let body = tenants("sendstack", "schemes = [\"body\"]", "");
    check(&body, BODY, ("body", covered));
}

#[test]
fn the_registered_address_is_signed_where_there_is_one() {
    let registered = "public_url = \"https://hooks.example.com/in/\"";
    let tenants = tenants("dellyman", registered, "");
    check(&tenants, BODY, ("url", Assurance::CredentialOnly));
}

#[test]
fn what_the_body_cannot_be_signed_by_is_passed_over() {
    let no_id = r#"{"id":"1"}"#;
    check(
        &tenants("sendstack", "", ""),
        no_id,
        ("body", Assurance::BodySigned),
    );
    let narrowed = tenants("sendstack", "schemes = [\"webhook-id\"]", "");
    let endpoint = narrowed.endpoint("e").unwrap();
    let unsigned = Unsigned {
        body: no_id.as_bytes(),
        address: ADDRESS,
        seconds: 1,
    };
    assert_eq!(
        sign(endpoint, &endpoint.secrets[0], &unsigned),
        Err(Unsignable::Body(InvalidBody::Missing("webhookId")))
    );
}

#[test]
fn lalamoves_own_time_and_other_fields_stay_as_they_are_written() {
    let tenants = tenants("lalamove", "", "api_key = \"pk\"");
    let endpoint = tenants.endpoint("e").unwrap();
    for (given, time) in [
        (r#""timestamp":"5", "#, r#""5""#),
        ("", "7"),
        (r#""signature":"old","#, "7"),
    ] {
        let body = format!(r#"{{ {given}"eventId" : "E","data":{{ "b":2.50, "a":1 }} }}"#);
        let unsigned = Unsigned {
            body: body.as_bytes(),
            address: ADDRESS,
            seconds: 7,
        };
        let signed = sign(endpoint, &endpoint.secrets[0], &unsigned).unwrap();
        let text = String::from_utf8(signed.body).unwrap();
        assert!(
            text.starts_with(&format!(
                r#"{{"apiKey":"pk","timestamp":{time},"signature":""#
            )),
            "{text}"
        );
        assert!(
            text.ends_with(r#","eventId":"E","data":{ "b":2.50, "a":1 }}"#),
            "{text}"
        );
    }
    check(
        &tenants,
        r#"{"data":{ "b":2.50 }}"#,
        ("data-raw", Assurance::BodySigned),
    );
}
