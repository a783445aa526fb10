//! Whatever a column may hold reads back as it was written, and a table that differs converts or refuses.

use proptest::{
    collection::vec, option, prelude::*, sample::select, strategy::ValueTree as _,
    test_runner::TestRunner,
};
use serde_json::{Value, json};
use sink::{
    clickhouse::Store,
    codes::Nature,
    native::{
        self, Amount, Columns, Instant, Many, MaybeWord, Optional, Pairs, Plain, Push as _, Runs,
        Text, Word,
    },
};

use crate::stack::{migrated, rows};

const CASES: i64 = 40;

macro_rules! table {
    ($($field:ident: $kind:ty,)+) => {
        #[derive(Default)]
        struct Table { $($field: $kind,)+ }

        impl Columns for Table {
            fn names(into: &mut Vec<&'static str>) {
                into.extend([$(stringify!($field),)+]);
            }
            fn bytes(&self) -> usize {
                0 $(+ native::Column::bytes(&self.$field))+
            }
            fn body(&self, runs: &Runs, body: &mut Vec<u8>) {
                $(native::column(stringify!($field), &self.$field, runs, body);)+
            }
        }

        fn definition() -> String {
            [$(format!("{} {}", stringify!($field), <$kind as native::Column>::kind()),)+].join(", ")
        }
    };
}

// every type that a column of ours has
table! {
    place: Plain<i64>,
    flag: Plain<bool>,
    whole: Plain<i32>,
    small: Plain<u32>,
    large: Plain<u64>,
    time: Plain<Instant>,
    text: Text,
    word: Word,
    maybe_word: MaybeWord,
    maybe_whole: Optional<Plain<i32>>,
    maybe_long: Optional<Plain<i64>>,
    maybe_real: Optional<Plain<f64>>,
    maybe_time: Optional<Plain<Instant>>,
    maybe_amount: Optional<Plain<Amount>>,
    maybe_text: Optional<Text>,
    wholes: Many<Plain<i32>>,
    times: Many<Plain<Instant>>,
    texts: Many<Text>,
    words: Many<Word>,
    maybe_words: Many<MaybeWord>,
    maybe_wholes: Many<Optional<Plain<i32>>>,
    maybe_longs: Many<Optional<Plain<i64>>>,
    maybe_reals: Many<Optional<Plain<f64>>>,
    maybe_times: Many<Optional<Plain<Instant>>>,
    maybe_amounts: Many<Optional<Plain<Amount>>>,
    maybe_texts: Many<Optional<Text>>,
    pairs: Pairs,
}

type Item = (Option<i32>, i64, String, Option<String>);

/// What one row holds; its lists give all columns that are lists.
#[derive(Clone, Debug)]
struct Given {
    whole: i32,
    long: i64,
    real: f64,
    time: i64,
    amount: i64,
    text: String,
    word: String,
    is_there: bool,
    list: Vec<Item>,
}

fn given() -> impl Strategy<Value = Given> {
    let time = prop_oneof![
        -2_208_988_800_000_000..=10_413_791_999_999_999_i64,
        select(vec![0, -1, -2_208_988_800_000_000, 10_413_791_999_999_999]),
    ];
    let digits = 999_999_999_999_999_999_i64;
    let amount = prop_oneof![-digits..=digits, select(vec![0, -digits, digits])];
    let long = prop_oneof![any::<i64>(), select(vec![0, i64::MIN, i64::MAX])];
    let text = || {
        prop_oneof![
            any::<String>(),
            "[a-z\\x00'\"\\\\\t\n]{0,3}",
            "[äß王]{100,200}"
        ]
    };
    // few words, or more than one byte tells
    let word = || {
        prop_oneof![
            select(vec!["", "A", "B"]).prop_map(String::from),
            "[a-z]{1,3}"
        ]
    };
    let list = vec(
        (
            option::of(any::<i32>()),
            time.clone(),
            word(),
            option::of(text()),
        ),
        0..4,
    );
    let scalars = (any::<i32>(), long, any::<f64>(), time, amount);
    (scalars, text(), word(), any::<bool>(), list).prop_map(
        |((whole, long, real, time, amount), text, word, is_there, list)| Given {
            whole,
            long,
            real,
            time,
            amount,
            text,
            word,
            is_there,
            list,
        },
    )
}

fn push(to: &mut Table, given: &Given, place: i64) {
    let all = || given.list.iter();
    let maybe = |at: &Option<i32>| at.map(|_| ());
    to.place.push(place);
    to.flag.push(given.is_there);
    to.whole.push(given.whole);
    to.small.push(given.whole.cast_unsigned());
    to.large.push(given.long.cast_unsigned());
    to.time.push(Instant(given.time));
    to.text.push(given.text.as_str());
    to.word.push(given.word.as_str());
    to.maybe_word
        .push(given.is_there.then_some(given.word.as_str()));
    to.maybe_whole.push(given.is_there.then_some(given.whole));
    to.maybe_long.push(given.is_there.then_some(given.long));
    to.maybe_real.push(given.is_there.then_some(given.real));
    to.maybe_time
        .push(given.is_there.then_some(Instant(given.time)));
    to.maybe_amount
        .push(given.is_there.then_some(Amount(given.amount)));
    to.maybe_text
        .push(given.is_there.then_some(given.text.as_str()));
    to.wholes.push_all(all().map(|one| one.0.unwrap_or(7)));
    to.times.push_all(all().map(|one| Instant(one.1)));
    to.texts.push_all(all().map(|one| one.2.as_str()));
    to.words.push_all(all().map(|one| one.2.as_str()));
    to.maybe_words.push_all(all().map(|one| one.3.as_deref()));
    to.maybe_wholes.push_all(all().map(|one| one.0));
    to.maybe_longs
        .push_all(all().map(|one| maybe(&one.0).map(|()| given.long)));
    to.maybe_reals
        .push_all(all().map(|one| maybe(&one.0).map(|()| given.real)));
    to.maybe_times
        .push_all(all().map(|one| maybe(&one.0).map(|()| Instant(one.1))));
    to.maybe_amounts
        .push_all(all().map(|one| maybe(&one.0).map(|()| Amount(given.amount))));
    to.maybe_texts.push_all(all().map(|one| one.3.as_deref()));
    to.pairs
        .push_all(all().map(|one| (one.2.as_str(), one.3.as_deref().unwrap_or("none"))));
}

/// Times in microseconds, amounts in ten-thousandths, reals by their bits.
const READ: &str = "SELECT flag, whole, small, large, toUnixTimestamp64Micro(time) AS time, text, word, \
    maybe_word, maybe_whole, maybe_long, reinterpretAsUInt64(maybe_real) AS maybe_real, \
    toUnixTimestamp64Micro(maybe_time) AS maybe_time, reinterpretAsInt64(maybe_amount) AS maybe_amount, \
    maybe_text, wholes, arrayMap(x -> toUnixTimestamp64Micro(x), times) AS times, texts, words, \
    maybe_words, maybe_wholes, maybe_longs, arrayMap(x -> reinterpretAsUInt64(x), maybe_reals) AS \
    maybe_reals, arrayMap(x -> toUnixTimestamp64Micro(x), maybe_times) AS maybe_times, \
    arrayMap(x -> reinterpretAsInt64(x), maybe_amounts) AS maybe_amounts, maybe_texts, \
    mapKeys(pairs) AS names, mapValues(pairs) AS `values` FROM {db}.types WHERE intDiv(place, 1000) = ";

fn expected(given: &Given) -> Value {
    let there = given.is_there;
    let list = |of: &dyn Fn(&Item) -> Value| -> Value { given.list.iter().map(of).collect() };
    let maybe = |value: Value| list(&|one| one.0.map_or(Value::Null, |_| value.clone()));
    json!({
        "flag": there, "whole": given.whole, "small": given.whole.cast_unsigned(),
        "large": given.long.cast_unsigned(), "time": given.time, "text": given.text,
        "word": given.word, "maybe_word": there.then_some(&given.word),
        "maybe_whole": there.then_some(given.whole), "maybe_long": there.then_some(given.long),
        "maybe_real": there.then_some(given.real.to_bits()),
        "maybe_time": there.then_some(given.time), "maybe_amount": there.then_some(given.amount),
        "maybe_text": there.then_some(&given.text), "wholes": list(&|one| json!(one.0.unwrap_or(7))),
        "times": list(&|one| json!(one.1)), "texts": list(&|one| json!(one.2)),
        "words": list(&|one| json!(one.2)), "maybe_words": list(&|one| json!(one.3)),
        "maybe_wholes": list(&|one| json!(one.0)), "maybe_longs": maybe(json!(given.long)),
        "maybe_reals": maybe(json!(given.real.to_bits())),
        "maybe_times": list(&|one| json!(one.0.map(|_| one.1))),
        "maybe_amounts": maybe(json!(given.amount)), "maybe_texts": list(&|one| json!(one.3)),
        "names": list(&|one| json!(one.2)),
        "values": list(&|one| json!(one.3.as_deref().unwrap_or("none"))),
    })
}

async fn created(columns: &str) -> Store {
    let store = migrated().await;
    let table = store.table("types");
    let create = format!("CREATE TABLE {table} ({columns}) ENGINE = MergeTree ORDER BY place");
    store.execute(&create).await.unwrap();
    store
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_a_column_may_hold_reads_back_as_it_was_written() {
    let store = created(&definition()).await;
    let mut runner = TestRunner::deterministic();
    for case in 0..CASES {
        // the first ones small, so that lists without any values come too
        let most = usize::try_from(if case < 10 { 3 } else { 400 }).unwrap();
        let all = vec(given(), 1..most)
            .new_tree(&mut runner)
            .unwrap()
            .current();
        let mut table = Table::default();
        for (number, one) in (0..).zip(&all) {
            push(&mut table, one, case * 1000 + number);
        }
        // some of them, in another order than they came
        let chosen: Vec<usize> = (0..all.len())
            .rev()
            .filter(|place| place % 5 != 3)
            .collect();
        let body = native::block(&table, &native::runs(chosen.iter().copied()));
        store
            .insert("types", &native::names::<Table>(), &format!("{case}"), body)
            .await
            .unwrap();
        let found = rows(&store, &format!("{READ}{case} ORDER BY place DESC")).await;
        assert_eq!(found.len(), chosen.len());
        for (row, place) in found.iter().zip(chosen) {
            assert_eq!(*row, expected(&all[place]), "case {case}, row {place}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_with_other_types_takes_what_converts_and_refuses_the_rest_without_quoting_it() {
    let other = definition()
        .replace("text String, ", "text Int32, ")
        .replace("LowCardinality(String)", "String")
        .replace("place Int64", "place UInt64");
    let store = created(&other).await;
    let block = |text: &str| {
        let mut runner = TestRunner::deterministic();
        let mut one = given().new_tree(&mut runner).unwrap().current();
        one.text = text.into();
        let mut table = Table::default();
        push(&mut table, &one, 1);
        native::block(&table, &native::runs(0..1))
    };
    let mut names = native::names::<Table>();
    store
        .insert("types", &names, "a", block("12"))
        .await
        .unwrap();
    let found = rows(&store, "SELECT place, text FROM {db}.types").await;
    assert_eq!(found, [json!({"place": 1, "text": 12})]);

    let refused = store
        .insert("types", &names, "b", block("+852 1234"))
        .await
        .unwrap_err();
    assert_eq!(refused.nature(), Nature::RowRefused, "{refused}");
    assert!(!refused.to_string().contains("852"), "{refused}");

    names.push("nowhere");
    let refused = store
        .insert("types", &names, "c", block("1"))
        .await
        .unwrap_err();
    assert_eq!(refused.nature(), Nature::Misconfigured, "{refused}");
}
