use std::fs;

use tempfile::TempDir;

use super::{reload::Follower, *};

mod carriers;
mod folders;

const TOKEN: &str = "aaaaaaaaaaaaaaaaaaaaaa";
const OTHER_TOKEN: &str = "bbbbbbbbbbbbbbbbbbbbbb";

fn whole(id: &str, token: &str) -> String {
    format!(
        r#"
[[tenants.acme.endpoints]]
id = "{id}"
provider = "lalamove"
token = "{token}"
[[tenants.acme.endpoints.secrets]]
id = "2026-11"
value = "sk_1"
"#
    )
}

fn read(text: &str) -> Result<Tenants, Vec<Problem>> {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("tenants.toml");
    fs::write(&file, text).unwrap();
    fs::write(folder.path().join("secret.txt"), "sk_file\n").unwrap();
    load(&file)
}

/// Line and text of each problem.
fn problems(text: &str) -> Vec<(usize, String)> {
    let problems = read(text).unwrap_err();
    problems
        .into_iter()
        .map(|p| (p.line.unwrap_or(0), p.text))
        .collect()
}

/// One problem, on this line, with these words.
fn refused(text: &str, line: usize, words: &str) {
    let found = problems(text);
    assert!(
        matches!(&found[..], [(at, text)] if *at == line && text.contains(words)),
        "{found:?}"
    );
}

#[test]
fn a_whole_file_gives_every_field() {
    let text = format!(
        r#"
[tenants.acme]
name = "Acme Foods"
pii = "drop"
requests_per_second = 500
burst = 1_000

[[tenants.acme.endpoints]]
id = "acme-lalamove-hk"
provider = "lalamove"
token = "{TOKEN}"
previous_tokens = ["{OTHER_TOKEN}"]
public_url = "https://hooks.example.com/in/{TOKEN}"
verification = "required"
retired = false
schemes = ["data-raw"]
timezone = "Asia/Hong_Kong"
currency = "HKD"

[[tenants.acme.endpoints.secrets]]
id = "a"
value = "sk_1"
api_key = "pk_1"
[[tenants.acme.endpoints.secrets]]
id = "b"
value_file = "secret.txt"
[[tenants.acme.endpoints.secrets]]
id = "c"
value_env = "CARGO_PKG_NAME"
"#
    );
    let tenants = read(&text).unwrap();
    let endpoint = &tenants.by_token(TOKEN).unwrap().endpoint;
    assert_eq!(endpoint.tenant.id.as_str(), "acme");
    assert_eq!(endpoint.tenant.name.as_deref(), Some("Acme Foods"));
    assert_eq!(endpoint.tenant.pii, PiiRule::Drop);
    assert_eq!(
        (endpoint.tenant.requests_per_second, endpoint.tenant.burst),
        (Some(500), Some(1000))
    );
    assert_eq!(endpoint.verification, Verification::Required);
    assert_eq!(endpoint.schemes, ["data-raw"]);
    assert_eq!(endpoint.timezone.as_deref(), Some("Asia/Hong_Kong"));
    assert_eq!(endpoint.currency.as_deref(), Some("HKD"));
    let secrets: Vec<_> = endpoint
        .secrets
        .iter()
        .map(|s| (s.id.as_str(), s.value.expose()))
        .collect();
    assert_eq!(secrets, [("a", "sk_1"), ("b", "sk_file"), ("c", "ingest")]);
    assert_eq!(endpoint.secrets[0].api_key.as_deref(), Some("pk_1"));
    assert_eq!(tenants.endpoint("acme-lalamove-hk").unwrap().token, TOKEN);
    assert!(tenants.by_token("").is_none());
}

#[test]
fn what_is_left_out_has_the_default_of_the_contract() {
    let tenants = read(&whole("hk", TOKEN)).unwrap();
    let endpoint = &tenants.endpoints()[0];
    assert_eq!(endpoint.tenant.pii, PiiRule::Pseudonymise);
    assert_eq!(endpoint.verification, Verification::Quarantine);
    assert_eq!(endpoint.schemes, ["data-raw", "data-compact"]);
    assert!(!endpoint.retired);
    assert_eq!(tenants.by_token(TOKEN).unwrap().signed, None);
}

#[test]
fn both_addresses_verify_while_one_replaces_the_other() {
    let text = whole("hk", TOKEN).replace(
        "provider",
        &format!(
            "previous_tokens = [\"{OTHER_TOKEN}\"]\npublic_url = \"https://h/x/{TOKEN}\"\nprovider"
        ),
    );
    let tenants = read(&text).unwrap();
    for token in [TOKEN, OTHER_TOKEN] {
        let signed = tenants.by_token(token).unwrap().signed.clone().unwrap();
        assert_eq!(
            (&*signed.origin, signed.path.clone()),
            ("https://h", format!("/x/{token}"))
        );
    }
}

#[test]
fn a_public_url_without_our_token_is_taken_by_the_letter() {
    for (url, path) in [
        ("https://h/rewritten/", "/rewritten/"),
        ("http://h:8443", "/"),
    ] {
        let text =
            whole("hk", TOKEN).replace("provider", &format!("public_url = \"{url}\"\nprovider"));
        let tenants = read(&text).unwrap();
        assert_eq!(
            tenants
                .by_token(TOKEN)
                .unwrap()
                .signed
                .as_ref()
                .unwrap()
                .path,
            path
        );
    }
}

#[test]
fn all_problems_are_told_at_once_with_their_lines() {
    let text = format!(
        r#"[tenants.acme]
pii = "hide"
burst = 0
colour = "red"
[[tenants.acme.endpoints]]
id = "Acme HK"
provider = "lalamov"
token = "short"
verification = "maybe"
[[tenants.acme.endpoints.secrets]]
id = "a"
[[tenants.acme.endpoints]]
id = "two"
provider = "lalamove"
token = "{TOKEN}"
public_url = "hooks.example.com"
schemes = ["body"]
timezone = "HK time"
currency = "hkd"
service = "instant"
secret = []
"#
    );
    let lines: Vec<usize> = problems(&text).iter().map(|(line, _)| *line).collect();
    for line in [2, 3, 4, 6, 7, 8, 9, 10, 16, 17, 18, 19, 20, 21, 12] {
        assert!(
            lines.contains(&line),
            "nothing about line {line}: {:?}",
            problems(&text)
        );
    }
}

#[test]
fn a_wrong_key_is_told_with_the_nearest_right_one() {
    let found = read(&whole("hk", TOKEN).replace("token", "tokens")).unwrap_err();
    let unknown = found
        .iter()
        .find(|p| p.text.contains("unknown key `tokens`"))
        .unwrap();
    assert_eq!(
        (unknown.line, unknown.cure.contains("`token`")),
        (Some(5), true)
    );
    assert!(
        unknown.to_string().contains("tenants.toml:5: "),
        "{unknown}"
    );
}

#[test]
fn no_problem_shows_a_token_or_a_secret() {
    let text = format!("{}{}", whole("hk", TOKEN), whole("hk", TOKEN)).replace("sk_1", "");
    let shown = format!("{:?}", read(&text).unwrap_err());
    assert!(!shown.contains(TOKEN), "{shown}");
    let tenants = read(&whole("hk", TOKEN)).unwrap();
    let shown = format!(
        "{:?} {:?}",
        tenants.endpoints(),
        tenants.endpoints()[0].secrets
    );
    assert!(!shown.contains(TOKEN) && !shown.contains("sk_1"), "{shown}");
}

#[test]
fn ids_and_tokens_stand_for_one_endpoint_each() {
    refused(
        &(whole("hk", TOKEN) + &whole("hk", OTHER_TOKEN)),
        11,
        "`hk` stands in",
    );
    refused(
        &(whole("hk", TOKEN) + &whole("sg", TOKEN)),
        13,
        "a token that endpoint `hk` has",
    );
    let previous = whole("hk", TOKEN).replace(
        "provider",
        &format!("previous_tokens = [\"{TOKEN}\"]\nprovider"),
    );
    refused(&previous, 4, "a token that endpoint `hk` has");
    // also where something else is wrong with one of them
    let wrong = whole("hk", TOKEN).replace("provider", "retired = 1\nprovider");
    let found = read(&(whole("hk", TOKEN) + &wrong)).unwrap_err();
    let told = |word: &str| found.iter().any(|problem| problem.text.contains(word));
    for word in [
        "`retired` has the wrong form",
        "`hk` stands in",
        "a token that endpoint `hk` has",
    ] {
        assert!(told(word), "{word}: {found:?}");
    }
}

#[test]
fn a_zone_is_one_that_the_normalizer_knows_and_else_the_nearest_is_named() {
    let with = |zone: &str| {
        let line = format!("timezone = \"{zone}\"\nprovider");
        whole("hk", TOKEN).replacen("provider", &line, 1)
    };
    let check = |zone: &str, cure: &str| {
        let found = read(&with(zone)).unwrap_err();
        assert!(
            matches!(&found[..], [one] if one.line == Some(4) && one.text.contains(zone) && one.cure.contains(cure)),
            "{found:?}"
        );
    };
    check("Africa/Lagoss", "`Africa/Lagos`");
    check("lagos", "`Africa/Lagos`");
    check("Asia/HongKong", "`Asia/Hong_Kong`");
    check("+08:00", "`Asia/Hong_Kong`");
    check("", "`Asia/Hong_Kong`");
    for good in [
        "Africa/Lagos",
        "africa/lagos",
        "UTC",
        "America/Argentina/Salta",
    ] {
        assert!(read(&with(good)).is_ok(), "{good}");
    }
}

#[test]
fn a_file_that_is_not_utf_8_is_told_as_such() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("tenants.toml");
    fs::write(&file, b"[tenants.acme]\nname = \"Caf\xe9\"\n").unwrap();
    let found = load(&file).unwrap_err();
    assert!(
        matches!(&found[..], [one] if one.text == "is not UTF-8" && one.cure == "save it as UTF-8"),
        "{found:?}"
    );
}

#[test]
fn an_endpoint_that_verifies_needs_a_secret() {
    let bare = format!(
        "[[tenants.a.endpoints]]\nid = \"x\"\nprovider = \"lalamove\"\ntoken = \"{TOKEN}\"\n"
    );
    refused(&bare, 1, "has no secret");
    assert!(read(&format!("{bare}verification = \"off\"\n")).is_ok());
    assert!(read(&format!("{bare}retired = true\n")).is_ok());
}

#[test]
fn a_secret_has_exactly_one_value_that_can_be_had() {
    let with = |value: &str| whole("hk", TOKEN).replace("value = \"sk_1\"", value);
    let told = |lines: &str, words: &str| {
        let found = problems(&with(lines));
        assert!(
            found.iter().any(|(_, text)| text.contains(words)),
            "{found:?}"
        );
    };
    told("", "has not one value");
    told(
        "value = \"x\"\nvalue_env = \"CARGO_PKG_NAME\"",
        "has not one value",
    );
    // One that can't be had is not missing: nobody should turn verification off for it.
    let only = |lines: &str, words: &str, cure: &str| {
        let found = read(&with(lines)).unwrap_err();
        assert!(
            matches!(&found[..], [one] if one.text.contains(words) && one.cure.contains(cure)),
            "{found:?}"
        );
    };
    only(
        "value_file = \"absent\"",
        "can't read `value_file` \"absent\"",
        "create the file",
    );
    only(
        "value_env = \"WAYBILL_ABSENT\"",
        "`WAYBILL_ABSENT` is not set",
        "set WAYBILL_ABSENT",
    );
    only("value = \"\"", "is empty", "fill it in");
}

#[test]
fn what_is_not_toml_is_told_by_its_line_and_nothing_else_is() {
    refused("[tenants.acme]\nname = \n", 2, "is not TOML");
}

#[test]
fn an_emptied_file_is_refused() {
    refused("", 0, "defines no tenant");
    refused("[tenants]\n", 0, "defines no tenant");
}
