use super::*;

fields! {
    Two<'a> {
        "c" c,
        "d" d,
    }
}

fn read(text: &str) -> Result<Tree<'_>, Why> {
    Tree::read(Box::leak(Box::default()), text)
}

#[test]
fn equal_payloads_have_equal_digests_however_they_are_spelled() {
    let arena = Arena::default();
    let digest = |text| {
        let tree = Tree::read(&arena, text).unwrap();
        tree.digest(&["secret"], &arena)
    };
    let base = digest(r#"{"a":33000,"b":{"c":"Hẻm","d":[1,2]},"secret":"x"}"#);
    for same in [
        r#" { "b" : { "d" : [ 1.0 , 2e0 ] , "c" : "H\u1ebbm" } , "a" : 33000.0 } "#,
        r#"{"a":3.3e4,"b":{"c":"Hẻm","d":[1,2],"secret":[]}}"#,
    ] {
        assert_eq!(digest(same), base, "{same}");
    }
    for other in [
        r#"{"a":33000,"b":{"c":"Hẻm","d":[2,1]}}"#,
        r#"{"a":"33000","b":{"c":"Hẻm","d":[1,2]}}"#,
        r#"{"a":33001,"b":{"c":"Hẻm","d":[1,2]}}"#,
        r#"{"a":33000,"b":{"c":"Hẻm","d":[1,2],"e":null}}"#,
        r#"{"a":33000,"b":{"c":"Hẻm"},"d":[1,2]}"#,
    ] {
        assert_ne!(digest(other), base, "{other}");
    }
}

#[test]
fn a_name_twice_a_list_and_what_is_too_deep_are_refused() {
    let deep = format!("{{\"a\":{}{}}}", "[".repeat(1000), "]".repeat(1000));
    for wrong in [
        r#"{"a":1,"\u0061":2}"#,
        "[]",
        "1",
        "{",
        r#"{"\ud800":1}"#,
        &deep,
    ] {
        assert!(read(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn more_values_than_any_carrier_sends_are_too_many() {
    let many = |count: usize| format!("{{\"a\":[0{}]}}", ",0".repeat(count - 1));
    assert!(read(&many(200_000)).is_ok());
    let why = read(&many(300_000)).unwrap_err();
    assert_eq!(why.reason, schemas::Reason::TooLarge);
    assert!(
        why.detail.starts_with("the body holds too many values"),
        "{}",
        why.detail
    );
}

#[test]
fn fields_are_picked_by_name_and_what_is_not_there_is_absent() {
    let tree = read(r#"{"a":{},"b":[],"e":1,"c":"\"}\\","cc":2,"d":-1.5,"":0}"#).unwrap();
    let two = Two::of(&tree);
    assert_eq!(two.c.word(), Some("\"}\\"));
    assert_eq!(two.d.word(), Some("-1.5"));
    let two = Two::of(&read(r#"{"d":{"c":[1]},"cd":5}"#).unwrap());
    assert!(two.c.is_empty() && two.d.is_object());
    assert_eq!(Two::of(two.d).c.items().len(), 1);
    assert!(Two::of(two.c).d.is_empty());
}

#[test]
fn the_order_of_names_that_was_right_before_is_only_a_guess() {
    let arena = Arena::default();
    let names = |body: &str| {
        let tree = Tree::read(&arena, arena.copied(body)).ok()?;
        Some(tree.fields().iter().map(Field::name).collect::<String>())
    };
    for (body, expected) in [
        (r#"{"z":0,"c":1,"b":2,"a":3}"#, Some("abcz")),
        (r#"{"z":0,"b":1,"c":2,"a":3}"#, Some("abcz")),
        (r#"{"z":0,"c":1,"b":2,"a":3}"#, Some("abcz")),
        (r#"{"z":0,"c":1,"c":2,"a":3}"#, None),
        (r#"{"z":0,"c":1,"b":2,"a":3}"#, Some("abcz")),
        (r#"{"z":0,"b":1,"a":2}"#, Some("abz")),
        ("{}", Some("")),
    ] {
        assert_eq!(names(body).as_deref(), expected, "{body}");
    }
}
