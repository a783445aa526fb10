//! The pictures that are handed out: every query is one that the store answers.

use std::{fs, path::Path};

use pipeline_tests::{Pipeline, checks::everything_is_accounted_for, model::History};
use serde_json::Value;

struct Query {
    place: String,
    sql: String,
}

/// All queries of all dashboards, panels and variables.
fn queries() -> Vec<Query> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/dashboards");
    let mut queries = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let file = path.file_name().unwrap().to_string_lossy().into_owned();
        let board: Value = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
        for variable in board["templating"]["list"].as_array().unwrap() {
            if variable["type"] == "query" {
                let sql = variable["query"].as_str().unwrap().to_owned();
                let place = format!("{file}: variable {}", variable["name"]);
                queries.push(Query { place, sql });
            }
        }
        for panel in board["panels"].as_array().unwrap() {
            for target in panel["targets"].as_array().into_iter().flatten() {
                if let Some(sql) = target["rawSql"].as_str() {
                    let place = format!("{file}: {}", panel["title"]);
                    let sql = sql.to_owned();
                    queries.push(Query { place, sql });
                }
            }
        }
    }
    queries
}

/// What Grafana puts in the places of its macros and variables, for all time and everybody.
fn filled(sql: &str) -> String {
    let mut filled = sql
        .replace("${tenant:singlequote}", "'acme'")
        .replace("${provider:singlequote}", "'lalamove','ahamove'");
    let macros = [
        (
            "$__timeFilter(",
            "BETWEEN toDateTime64(0, 3, 'UTC') AND toDateTime64('2099-01-01 00:00:00', 3, 'UTC')",
        ),
        (
            "$__dateFilter(",
            "BETWEEN toDate('1970-01-01') AND toDate('2099-01-01')",
        ),
    ];
    for (name, range) in macros {
        while let Some(at) = filled.find(name) {
            let end = at + filled[at..].find(')').unwrap();
            let column = filled[at + name.len()..end].to_owned();
            filled.replace_range(at..=end, &format!("{column} {range}"));
        }
    }
    filled
}

#[tokio::test(flavor = "multi_thread")]
async fn every_query_of_the_dashboards_is_answered_and_most_show_something() {
    let pipeline = Pipeline::start().await;
    let histories = History::mixed(6);
    let webhooks: Vec<_> = histories.iter().flat_map(|h| h.webhooks.clone()).collect();
    pipeline.post_all(&webhooks).await;
    everything_is_accounted_for(&pipeline, webhooks.len()).await;
    let queries = queries();
    assert!(queries.len() > 30, "{}", queries.len());
    let mut shown = 0;
    let mut wrong = Vec::new();
    for query in &queries {
        let sql = filled(&query.sql);
        assert!(!sql.contains('$'), "{}: {sql}", query.place);
        match pipeline.store.rows(&sql).await {
            Ok(rows) => shown += usize::from(!rows.is_empty()),
            Err(error) => wrong.push(format!("{}: {error}\n{sql}", query.place)),
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(
        shown * 3 > queries.len() * 2,
        "only {shown} of {} show rows",
        queries.len()
    );
}
