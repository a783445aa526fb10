use proptest::prelude::*;

use super::*;

input! {
    Input<'a> {
        "leaf" leaf: Scalar<'a>,
        "inner" inner: Object<Inner<'a>>,
        "list" list: List<Scalar<'a>, 2>,
        "free" free: Pairs<'a, 2>,
    }

    Inner<'a> {
        "leaf" leaf: Scalar<'a>,
    }
}

/// For a body that may die before its test does.
fn arena() -> &'static Arena {
    Box::leak(Box::default())
}

fn read<'a, T: Fields<'a>>(body: &'a str) -> Result<T, Why> {
    super::read(arena(), body)
}

fn leaf(body: &str) -> Option<String> {
    read::<Input<'_>>(body)
        .unwrap()
        .leaf
        .any_word()
        .map(str::to_owned)
}

#[test]
fn a_number_stays_the_text_that_was_written() {
    assert_eq!(
        leaf(r#"{"leaf": 1471722666401517645 }"#).unwrap(),
        "1471722666401517645"
    );
    assert_eq!(leaf(r#"{"leaf":12.30}"#).unwrap(), "12.30");
    assert_eq!(leaf(r#"{"leaf":1e999}"#).unwrap(), "1e999");
}

#[test]
fn strings_lose_their_escapes_and_those_that_name_no_character_are_no_text() {
    assert_eq!(leaf(r#"{"leaf":"a\/b\u00e9"}"#).unwrap(), "a/bé");
    assert_eq!(
        read::<Input<'_>>(r#"{"leaf":"\ud800"}"#).unwrap().leaf,
        Scalar::Other(r#""\ud800""#)
    );
}

#[test]
fn a_value_of_the_wrong_type_costs_its_field_only() {
    for wrong in ["1", "1.5", "-1", "true", "\"x\"", "\"\\n\"", "[[1]]"] {
        let body = format!(r#"{{"leaf":"ok","inner":{wrong},"list":{{"a":1}},"free":[1]}}"#);
        let input = read::<Input<'_>>(&body).unwrap();
        assert_eq!(input.leaf.word(), Some("ok"), "{wrong}");
        assert_eq!(input.inner, Object::Wrong, "{wrong}");
    }
    assert_eq!(
        read::<Input<'_>>(r#"{"inner":null}"#).unwrap().inner,
        Object::Absent
    );
}

#[test]
fn what_is_over_a_limit_is_left_out() {
    let body = r#"{"list":[1,2,3],"free":{"a":1,"b":2,"c":3}}"#;
    let input = read::<Input<'_>>(body).unwrap();
    assert_eq!((input.list.items.len(), input.list.too_long), (2, true));
    assert_eq!(input.free.0.len(), 2);
}

#[test]
fn a_name_that_appears_twice_fails_the_body_and_no_value_is_told() {
    for (body, detail) in [
        (r#"{"leaf":1,"leaf":"secret"}"#, "leaf appears twice"),
        (r#"{"inner":{"leaf":1,"leaf":2}}"#, "leaf appears twice"),
        (r#"{"free":{"k":1,"k":2}}"#, "a name appears twice"),
        (r#"{"leaf":"secret"#, "the body ends early"),
        (r#"{"leaf":secret}"#, "the body is not JSON"),
        (r#"["secret"]"#, "the body is not an object"),
    ] {
        let why = read::<Input<'_>>(body).unwrap_err();
        assert_eq!(why.reason, Reason::Malformed);
        assert!(why.detail.starts_with(detail), "{body}: {}", why.detail);
    }
}

#[test]
fn nesting_ten_thousand_deep_is_read_past_or_refused_and_never_overflows_the_stack() {
    let deep = "[".repeat(10_000) + &"]".repeat(10_000);
    assert_eq!(
        leaf(&format!(r#"{{"unknown":{deep},"leaf":"ok"}}"#)).unwrap(),
        "ok"
    );
    assert_eq!(leaf(&format!(r#"{{"leaf":{deep}}}"#)), None);
    let objects = r#"{"inner":"#.repeat(10_000) + "1" + &"}".repeat(10_000);
    assert!(read::<Input<'_>>(&objects).is_ok());
    assert!(read::<Input<'_>>(&deep).is_err());
}

/// Something near JSON: pieces of it in any order.
fn nearly() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec![
        "{",
        "}",
        "[",
        "]",
        ":",
        ",",
        "\"",
        "\"a\"",
        "\"\":",
        "\\",
        "\\u00e9",
        "\"\\ud800\"",
        "\\x",
        "0",
        "-",
        "1",
        "23",
        ".5",
        "e",
        "E+7",
        "true",
        "false",
        "null",
        "nul",
        " ",
        "\n",
        "\t",
        "\u{b}",
        "é",
        "\"01234567\\\"\"",
        "\u{1}",
        "{\"a\":1,\"b\":[2]}",
    ]);
    prop::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 4096,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn what_is_json_is_what_serde_takes_for_it(text in nearly()) {
        let mut reader = Reader::new(&text, arena());
        let ours = reader.skip().and_then(|()| reader.end());
        prop_assert_eq!(ours.is_ok(), serde_json::from_str::<&RawValue>(&text).is_ok());
    }

    #[test]
    fn a_value_cut_out_is_what_serde_cuts_out(text in nearly()) {
        let text = format!("[{text}]");
        let expected = serde_json::from_str::<Vec<&RawValue>>(&text).ok();
        let mut found = Vec::new();
        let mut reader = Reader::new(&text, arena());
        reader.start().unwrap();
        let ours = reader.array(|reader| {
            found.push(reader.scalar()?);
            Ok(())
        });
        prop_assert_eq!(ours.and_then(|()| reader.end()).is_ok(), expected.is_some());
        for (ours, theirs) in found.iter().zip(expected.unwrap_or_default()) {
            let theirs = theirs.get();
            match ours {
                Scalar::Absent => prop_assert_eq!(theirs, "null"),
                Scalar::Text(text) => {
                    prop_assert_eq!(*text, serde_json::from_str::<String>(theirs).unwrap());
                }
                Scalar::Number(raw) | Scalar::Bool(raw) | Scalar::Other(raw) => {
                    prop_assert_eq!(*raw, theirs);
                }
            }
        }
    }
}
