//! The commands that prepare an installation, against a real Kafka, registry and ClickHouse. May any of
//! them be run at any time, as often as wanted?

#![cfg(test)]

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
    sync::LazyLock,
};

use local_stack::{Options, Silent, Stack};
use serde_json::Value;

/// Never dropped, so its folder is one that the next run wipes.
static STACK: LazyLock<(Stack, PathBuf)> = LazyLock::new(|| {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("waybill-real-parts");
    fs::remove_dir_all(&folder).ok();
    let stack = Stack::start(Options::new(&folder), &Silent).unwrap();
    (stack, folder)
});

/// Each test has topics, subjects and a database of its own.
fn waybill(name: &str, arguments: &str, more: &[(&str, &str)]) -> Output {
    let (stack, folder) = &*STACK;
    let mut command = Command::new(env!("CARGO_BIN_EXE_waybill"));
    command
        .current_dir(folder)
        .args(arguments.split(' '))
        .env("WAYBILL__KAFKA__BOOTSTRAP_SERVERS", stack.kafka_bootstrap())
        .env("WAYBILL__REGISTRY__URL", stack.registry_url())
        .env("WAYBILL__CLICKHOUSE__URL", stack.clickhouse_url())
        .env("WAYBILL__CLICKHOUSE__DATABASE", name)
        .env("WAYBILL__TOPICS__PREFIX", format!("{name}."))
        .env("WAYBILL__TOPICS__PARTITIONS", "2")
        .env("WAYBILL__TOPICS__REPLICATION", "1")
        .env("WAYBILL__TOPICS__MIN_INSYNC_REPLICAS", "1")
        .envs(more.iter().copied());
    command.output().unwrap()
}

fn json(output: &Output) -> Value {
    assert!(output.status.success(), "{output:?}");
    serde_json::from_slice(&output.stdout).unwrap()
}

fn outcomes(applied: &Value) -> Vec<&str> {
    applied
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["outcome"].as_str().unwrap())
        .collect()
}

#[test]
fn topics_are_made_once_and_what_somebody_changed_is_put_right() {
    let apply = |more: &[(&str, &str)]| waybill("made", "topics apply --json", more);
    assert_eq!(outcomes(&json(&apply(&[]))), ["created"; 8]);
    assert_eq!(outcomes(&json(&apply(&[]))), ["unchanged"; 8]);

    let hours = [("WAYBILL__RETENTION__RAW_HOURS", "5")];
    let changed = json(&apply(&hours));
    assert_eq!(
        outcomes(&changed)[..3],
        ["corrected", "corrected", "unchanged"]
    );
    assert_eq!(changed[0]["corrected"][0]["set"], "18000000");
    assert_eq!(outcomes(&json(&apply(&hours))), ["unchanged"; 8]);
}

#[test]
fn another_number_of_partitions_is_refused_and_nothing_is_changed() {
    let apply = |more: &[(&str, &str)]| waybill("kept", "topics apply --json", more);
    json(&apply(&[]));
    let other = [
        ("WAYBILL__TOPICS__PARTITIONS", "3"),
        ("WAYBILL__RETENTION__RAW_HOURS", "5"),
    ];
    let refused = apply(&other);
    assert_eq!(refused.status.code(), Some(1));
    let words = String::from_utf8(refused.stderr).unwrap();
    assert!(words.contains("kept.raw has 2, not 3"), "{words}");
    assert_eq!(outcomes(&json(&apply(&[]))), ["unchanged"; 8]);
}

#[test]
fn a_schema_keeps_its_id_and_its_subject_the_rule() {
    let register = || json(&waybill("ids", "schemas register --json", &[]));
    let first = register();
    assert_eq!(first.as_array().unwrap().len(), 4);
    assert_eq!(first[0]["subject"], "ids.canonical-value");
    assert_eq!(first[0]["compatibility"], "FULL_TRANSITIVE");
    assert_eq!(register(), first);
}

#[test]
fn tables_and_views_are_made_once_and_planned_before() {
    let plan = || json(&waybill("tables", "clickhouse migrate --plan --json", &[]));
    let pending = plan()["pending"].clone();
    assert!(!pending.as_array().unwrap().is_empty());
    assert_eq!(plan()["pending"], pending);
    let applied = json(&waybill("tables", "clickhouse migrate --json", &[]));
    assert_eq!(applied["applied"], pending);
    assert_eq!(plan()["pending"], Value::Array(Vec::new()));
}

#[test]
fn a_wrong_setting_is_wrong_use_and_names_the_right_one() {
    let wrong = waybill(
        "wrong",
        "topics apply",
        &[("WAYBILL__TOPICS__PARTITONS", "3")],
    );
    assert_eq!(wrong.status.code(), Some(2));
    let words = String::from_utf8(wrong.stderr).unwrap();
    assert!(words.contains("WAYBILL__TOPICS__PARTITIONS"), "{words}");
}
