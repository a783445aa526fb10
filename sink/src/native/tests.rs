use super::*;

fn bytes<C: Column>(column: &C, runs: &Runs) -> Vec<u8> {
    let mut body = Vec::new();
    column.body(runs, &mut body);
    body
}

fn filled<C: Column + Push<V>, V>(values: impl IntoIterator<Item = V>) -> C {
    let mut column = C::default();
    values.into_iter().for_each(|value| column.push(value));
    column
}

/// Little-endian numbers of eight bytes.
fn longs(numbers: &[u64]) -> Vec<u8> {
    numbers.iter().flat_map(|n| n.to_le_bytes()).collect()
}

/// All but the second of four.
const SOME: [Range<usize>; 2] = [0..1, 2..4];

#[test]
fn lengths_take_seven_bits_a_byte() {
    let check = |value: usize, expected: &[u8]| {
        let mut body = Vec::new();
        length(&mut body, value);
        assert_eq!(body, expected, "{value}");
    };
    check(0, &[0]);
    check(127, &[127]);
    check(300, &[0xac, 2]);
    check(1 << 20, &[0x80, 0x80, 0x40]);
}

#[test]
fn places_that_follow_each_other_are_one_run() {
    assert_eq!(runs([4, 5, 6, 0, 2, 3]), [4..7, 0..1, 2..4]);
    assert!(runs([]).is_empty());
}

#[test]
fn a_columns_kind_is_what_the_server_calls_it() {
    let check = |kind: String, expected: &str| assert_eq!(kind, expected);
    check(
        Many::<Optional<Plain<Amount>>>::kind(),
        "Array(Nullable(Decimal(18, 4)))",
    );
    check(
        Many::<MaybeWord>::kind(),
        "Array(LowCardinality(Nullable(String)))",
    );
    check(Word::kind(), "LowCardinality(String)");
    check(
        Optional::<Plain<Instant>>::kind(),
        "Nullable(DateTime64(6, 'UTC'))",
    );
    check(Pairs::kind(), "Map(String, String)");
    check(Plain::<bool>::kind(), "Bool");
}

#[test]
fn values_of_one_size_stand_beside_each_other() {
    let column: Plain<i32> = filled([1, 2, -1, 3]);
    assert_eq!(
        bytes(&column, &SOME),
        [1, 0, 0, 0, 255, 255, 255, 255, 3, 0, 0, 0]
    );
    let mut times: Plain<Instant> = filled([Instant(1), Instant(2)]);
    times.fill(Instant(7));
    assert_eq!(bytes(&times, std::slice::from_ref(&(0..2))), longs(&[7, 7]));
}

#[test]
fn a_text_stands_behind_its_length_and_an_absent_one_is_told_first() {
    let column: Text = filled(["a", "zzz", "", "ä"]);
    assert_eq!(bytes(&column, &SOME), [1, b'a', 0, 2, 0xc3, 0xa4]);
    let column: Text = filled([Hex(&[0xab, 0x01])]);
    assert_eq!(bytes(&column, std::slice::from_ref(&(0..1))), b"\x04ab01");
    let column: Optional<Text> = filled([None, Some("zzz"), Some("b"), None]);
    assert_eq!(bytes(&column, &SOME), [1, 0, 1, 0, 1, b'b', 0]);
}

#[test]
fn words_stand_once_in_the_order_of_their_first_use_among_what_is_written() {
    let column: Word = filled(["b", "unused", "a", "b"]);
    let expected = [
        longs(&[0x600, 2]),
        b"\x01b\x01a".to_vec(),
        longs(&[3]),
        vec![0, 1, 0],
    ];
    assert_eq!(bytes(&column, &SOME), expected.concat());
    let column: MaybeWord = filled([None, Some("unused"), Some(""), Some("a")]);
    let expected = [
        longs(&[0x600, 3]),
        b"\x00\x00\x01a".to_vec(),
        longs(&[3]),
        vec![0, 1, 2],
    ];
    assert_eq!(bytes(&column, &SOME), expected.concat());
    let mut head = Vec::new();
    Many::<MaybeWord>::head(&mut head);
    assert_eq!(head, longs(&[1]));
    assert!(bytes(&column, &[]).is_empty());
}

#[test]
fn more_words_take_wider_places() {
    let check = |words: usize, code: u64, width: usize| {
        let mut column = Word::default();
        (0..words).for_each(|word| column.push(word.to_string().as_str()));
        let body = bytes(&column, std::slice::from_ref(&(0..words)));
        assert_eq!(body[..16], longs(&[0x600 + code, words as u64]), "{words}");
        let last = (words as u32 - 1).to_le_bytes();
        assert!(body.ends_with(&last[..width]), "{words}");
        let keys: usize = (0..words).map(|word| word.to_string().len() + 1).sum();
        assert_eq!(body.len(), 24 + keys + words * width, "{words}");
    };
    check(256, 0, 1);
    check(257, 1, 2);
    check(65_536, 1, 2);
    check(65_537, 2, 4);
}

#[test]
fn a_list_ends_where_the_next_begins_counted_from_what_is_written() {
    let mut column = Many::<Plain<bool>>::default();
    for list in [&[true, false][..], &[true; 5], &[], &[true]] {
        column.push_all(list.iter().copied());
    }
    let expected = [longs(&[2, 2, 3]), vec![1, 0, 1]].concat();
    assert_eq!(bytes(&column, &SOME), expected);
    let mut column = Pairs::default();
    column.push_all([("k", "v")]);
    column.push_all([("x", "y"), ("z", "")]);
    column.push_all([]);
    column.push_all([("m", "n")]);
    let expected = [longs(&[1, 1, 2]), b"\x01k\x01m\x01v\x01n".to_vec()].concat();
    assert_eq!(bytes(&column, &SOME), expected);
}
