//! What the tenants file says differently for each carrier.

use super::*;

fn of(provider: &str, endpoint: &str, secret: &str) -> String {
    format!(
        "[[tenants.acme.endpoints]]\nid = \"e\"\nprovider = \"{provider}\"\ntoken = \"{TOKEN}\"\n\
         [[tenants.acme.endpoints.secrets]]\nid = \"s\"\nvalue = \"v\"\n{secret}\n"
    )
    .replacen("token", &format!("{endpoint}\ntoken"), 1)
}

#[test]
fn every_carrier_has_the_defaults_of_the_contract() {
    for (provider, verification, schemes, service) in [
        (
            "lalamove",
            Verification::Quarantine,
            &["data-raw", "data-compact"][..],
            None,
        ),
        (
            "ahamove",
            Verification::Required,
            &["apikey", "bearer", "basic"],
            Some("instant"),
        ),
        ("ordatic", Verification::Required, &["authorization"], None),
        (
            "sendstack",
            Verification::Required,
            &["webhook-id-quoted", "webhook-id", "body", "body-compact"],
            None,
        ),
        (
            "dellyman",
            Verification::Required,
            &["url", "body-decoded", "body"],
            None,
        ),
    ] {
        let tenants = read(&of(provider, "", "")).unwrap();
        let endpoint = &tenants.endpoints()[0];
        assert_eq!(endpoint.verification, verification, "{provider}");
        assert_eq!(endpoint.schemes, schemes);
        assert_eq!(endpoint.service, service);
        assert_eq!(endpoint.secrets[0].scheme, None);
    }
}

#[test]
fn ahamoves_service_and_schemes_are_read() {
    let text = of(
        "ahamove",
        "service = \"warehouse\"\nschemes = [\"bearer\"]",
        "scheme = \"bearer\"",
    );
    let tenants = read(&text).unwrap();
    let endpoint = &tenants.endpoints()[0];
    assert_eq!(endpoint.service, Some("warehouse"));
    assert_eq!(endpoint.secrets[0].scheme, Some("bearer"));
}

#[test]
fn what_has_no_meaning_for_a_carrier_is_told() {
    for provider in ["lalamove", "ordatic", "sendstack", "dellyman"] {
        refused(
            &of(provider, "service = \"instant\"", ""),
            4,
            "`service` has no meaning",
        );
        refused(
            &of(provider, "", "scheme = \"apikey\""),
            9,
            "`scheme` has no meaning",
        );
    }
    for provider in ["ahamove", "ordatic", "sendstack", "dellyman"] {
        refused(
            &of(provider, "", "api_key = \"pk\""),
            9,
            "`api_key` has no meaning",
        );
        let foreign = of(provider, "schemes = [\"data-raw\"]", "");
        refused(&foreign, 4, "has no scheme `data-raw`");
    }
}

#[test]
fn a_secret_of_ahamove_that_could_never_match_is_told() {
    refused(
        &of("ahamove", "service = \"express\"", ""),
        4,
        "unknown service `express`",
    );
    refused(
        &of("ahamove", "", "scheme = \"digest\""),
        9,
        "has no scheme `digest`",
    );
    refused(
        &of("ahamove", "schemes = [\"apikey\"]", "scheme = \"bearer\""),
        9,
        "does not accept `bearer`",
    );
    let two = "scheme = \"bearer\"\n[[tenants.acme.endpoints.secrets]]\nid = \"k\"\nvalue = \"w\"\n\
               scheme = \"apikey\"";
    let narrowed = read(&of("ahamove", "schemes = [\"apikey\"]", two)).unwrap();
    assert_eq!(
        narrowed.by_token(TOKEN).unwrap().endpoint.schemes,
        ["apikey"]
    );
    refused(
        &of("ahamove", "", "scheme = \"basic\""),
        6,
        "is no user:password",
    );
}
