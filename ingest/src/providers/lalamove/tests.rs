use super::*;
use crate::providers::body_fields::InvalidBody;

const KEY: &str = "synthetic-secret-1";
const PATH: &str = "/hooks/lalamove/t1";

const BALANCE: &str =
    r#"{"balance":{"currency":"HKD","amount":"844"},"updatedAt":"2022-04-21T22:22.00Z"}"#;
const BALANCE_SIGNATURE: &str = "785d41bfc17d70b6ed25d1f80171206c8b2185d26512d0effbb554143d3d99ef";
const SWAPPED: &str =
    r#"{"balance":{"amount":"844","currency":"HKD"},"updatedAt":"2022-04-21T22:22.00Z"}"#;
const SWAPPED_SIGNATURE: &str = "168374a8cdb0604efbc7d4bbf5aaeb0f24df0e54ac2d3075beaf213946f316d7";
const LINK: &str = r#"{"order":{"orderId":"1471722666401517645","shareLink":"https://share.sandbox.lalamove.com/?HK1&lang=zh_HK"},"updatedAt":"2022-04-21T23:00.00Z"}"#;
const LINK_SIGNATURE: &str = "0431f4a8424aeb750c8a8f897e375f13f09abf4cd9b8928b680b01e73a299035";
const ESCAPED_LINK_SIGNATURE: &str =
    "bc4f60a3254945cfd7bfe204ef383e54050fc68ab2429d5cb967156c04df6835";

fn secret(id: &str, value: &str, api_key: Option<&str>) -> Secret {
    Secret {
        id: id.to_owned(),
        value: runtime::settings::Secret::new(value),
        api_key: api_key.map(str::to_owned),
        scheme: None,
    }
}

fn verifier(secrets: &[Secret], schemes: &[&str]) -> Verifier {
    let schemes: Vec<String> = schemes.iter().map(|s| (*s).to_owned()).collect();
    Verifier::new(secrets, &schemes)
}

fn body(timestamp: &str, signature: &str, data: &str) -> String {
    format!(
        r#"{{"apiKey":"pk_1","timestamp":{timestamp},"signature":"{signature}","eventId":"E","eventType":"T","eventVersion":"v3","data":{data}}}"#
    )
}

fn verify(verifier: &Verifier, body: &str) -> Result<(&'static str, String), Unproven> {
    verifier
        .verify(&Unverified {
            body: body.as_bytes(),
            path: PATH,
            ..Unverified::default()
        })
        .map(|verified| (verified.scheme, verified.secret_id))
}

fn check(data: &str, timestamp: &str, signature: &str, scheme: &'static str) {
    let verifier = verifier(&[secret("s1", KEY, None)], SCHEMES);
    let outcome = verify(&verifier, &body(timestamp, signature, data));
    assert_eq!(outcome, Ok((scheme, "s1".to_owned())));
}

#[test]
fn the_synthetic_vectors_hold() {
    check(BALANCE, "1650550936", BALANCE_SIGNATURE, DATA_RAW);
    check(SWAPPED, "1650550936", SWAPPED_SIGNATURE, DATA_RAW);
    check(LINK, "1650553235", LINK_SIGNATURE, DATA_RAW);
    check(
        &LINK.replace('/', r"\/"),
        "1650553235",
        ESCAPED_LINK_SIGNATURE,
        DATA_RAW,
    );
}

#[test]
fn what_was_signed_compact_and_sent_in_another_form_holds_and_says_so() {
    check(
        &LINK.replace('/', r"\/"),
        "1650553235",
        LINK_SIGNATURE,
        DATA_COMPACT,
    );
    check(
        &BALANCE.replace("\":", "\" : "),
        "1650550936",
        BALANCE_SIGNATURE,
        DATA_COMPACT,
    );
    check(BALANCE, r#""1650550936""#, BALANCE_SIGNATURE, DATA_RAW);
}

#[test]
fn signing_gives_what_verification_accepts() {
    assert_eq!(
        sign(KEY, b"1650550936", PATH, BALANCE.as_bytes()),
        BALANCE_SIGNATURE
    );
}

#[test]
fn upper_case_digits_are_the_same_signature() {
    check(
        BALANCE,
        "1650550936",
        &BALANCE_SIGNATURE.to_uppercase(),
        DATA_RAW,
    );
}

#[test]
fn any_change_to_what_is_covered_breaks_it() {
    let verifier = verifier(&[secret("s1", KEY, None)], SCHEMES);
    for (timestamp, signature, data) in [
        ("1650550937", BALANCE_SIGNATURE, BALANCE),
        ("1650550936", SWAPPED_SIGNATURE, BALANCE),
        ("1650550936", BALANCE_SIGNATURE, SWAPPED),
        (
            "1650550936",
            BALANCE_SIGNATURE,
            &BALANCE.replace("844", "845"),
        ),
    ] {
        assert_eq!(
            verify(&verifier, &body(timestamp, signature, data)),
            Err(Unproven::NoMatch)
        );
    }
    let good = body("1650550936", BALANCE_SIGNATURE, BALANCE);
    let elsewhere = Unverified {
        body: good.as_bytes(),
        path: "/hooks/lalamove/t2",
        ..Unverified::default()
    };
    assert!(verifier.verify(&elsewhere).is_err());
}

#[test]
fn schemes_that_are_not_accepted_are_not_tried() {
    let secrets = [secret("s1", KEY, None)];
    let raw = verifier(&secrets, &[DATA_RAW]);
    let compact = verifier(&secrets, &[DATA_COMPACT]);
    let blank = body(
        "1650550936",
        BALANCE_SIGNATURE,
        &BALANCE.replace("\":", "\": "),
    );
    assert_eq!(verify(&raw, &blank), Err(Unproven::NoMatch));
    assert_eq!(
        verify(&compact, &blank),
        Ok((DATA_COMPACT, "s1".to_owned()))
    );
    let plain = body("1650550936", BALANCE_SIGNATURE, BALANCE);
    assert_eq!(
        verify(&compact, &plain),
        Ok((DATA_COMPACT, "s1".to_owned()))
    );
}

#[test]
fn every_secret_of_the_account_is_tried_and_the_one_that_matched_is_named() {
    let verifier = verifier(
        &[
            secret("old", "another", None),
            secret("new", KEY, Some("pk_1")),
        ],
        SCHEMES,
    );
    let good = body("1650550936", BALANCE_SIGNATURE, BALANCE);
    assert_eq!(verify(&verifier, &good), Ok((DATA_RAW, "new".to_owned())));
}

#[test]
fn a_secret_of_another_account_is_not_tried() {
    let other = verifier(&[secret("s1", KEY, Some("pk_2"))], SCHEMES);
    let good = body("1650550936", BALANCE_SIGNATURE, BALANCE);
    assert_eq!(verify(&other, &good), Err(Unproven::UnknownAccount));
    let nameless = good.replace(r#""apiKey":"pk_1","#, "");
    assert_eq!(verify(&other, &nameless), Err(Unproven::UnknownAccount));
}

#[test]
fn a_body_without_a_readable_signature_is_unproven() {
    let verifier = verifier(&[secret("s1", KEY, None)], SCHEMES);
    assert_eq!(
        verify(&verifier, "not json"),
        Err(Unproven::Body(InvalidBody::NotAnObject))
    );
    for signature in ["", "00", &"zz".repeat(32), &"00".repeat(33)] {
        let body = body("1", signature, "{}");
        assert_eq!(verify(&verifier, &body), Err(Unproven::SignatureForm));
    }
}

#[test]
fn deep_nesting_and_bytes_that_are_not_utf8_verify_like_anything_else() {
    let mut data = vec![b'['; 10_000];
    data.extend(b"\"\xff\"");
    data.extend(vec![b']'; 10_000]);
    let signature = sign(KEY, b"1", PATH, &data);
    let mut body = format!(r#"{{"timestamp":1,"signature":"{signature}","data":"#).into_bytes();
    body.extend(data);
    body.push(b'}');
    let verifier = verifier(&[secret("s1", KEY, None)], SCHEMES);
    assert!(
        verifier
            .verify(&Unverified {
                body: &body,
                path: PATH,
                ..Unverified::default()
            })
            .is_ok()
    );
}
