//! What the repository checks about itself. Each failure prints the file, the line and the cure.

use std::{
    fs,
    path::{Path, PathBuf},
};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("workspace root")
        .to_owned()
}

/// All tracked kinds of files below the root, without what is built.
fn files(extension: &str) -> Vec<PathBuf> {
    fn walk(folder: &Path, extension: &str, found: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(folder).expect("folder").flatten() {
            let (path, name) = (entry.path(), entry.file_name());
            let name = name.to_string_lossy();
            if path.is_dir() {
                if name != "target" && !name.starts_with('.') {
                    walk(&path, extension, found);
                }
            } else if path.extension().is_some_and(|e| e == extension) {
                found.push(path);
            }
        }
    }
    let mut found = Vec::new();
    walk(&root(), extension, &mut found);
    found.sort();
    found
}

fn text(path: &Path) -> String {
    fs::read_to_string(path).expect("readable text")
}

fn shown(path: &Path) -> String {
    path.strip_prefix(root())
        .unwrap_or(path)
        .display()
        .to_string()
}

fn none(problems: &[String]) {
    assert!(problems.is_empty(), "\n{}\n", problems.join("\n"));
}

#[test]
fn no_file_is_longer_than_a_reader_can_hold() {
    let problems: Vec<String> = files("rs")
        .iter()
        .map(|path| (path, text(path).lines().count()))
        .filter(|(_, lines)| *lines > 400)
        .map(|(path, lines)| format!("{}: {lines} lines; split it by idea", shown(path)))
        .collect();
    none(&problems);
}

#[test]
fn no_file_is_named_after_nothing() {
    let forbidden = [
        "utils", "util", "helpers", "common", "misc", "manager", "mod",
    ];
    let problems: Vec<String> = files("rs")
        .iter()
        .filter(|path| {
            let stem = path
                .file_stem()
                .expect("name")
                .to_string_lossy()
                .to_string();
            forbidden.contains(&stem.as_str())
        })
        .map(|path| {
            format!(
                "{}: name it after what a reader would look for",
                shown(path)
            )
        })
        .collect();
    none(&problems);
}

#[test]
fn services_know_schemas_and_runtime_and_never_each_other() {
    let services = ["ingest", "normalizer", "enricher", "sink"];
    let mut problems = Vec::new();
    for owner in services.iter().chain(&["schemas", "runtime"]) {
        let manifest = text(&root().join(owner).join("Cargo.toml"));
        let dependencies = manifest
            .split("[dependencies]")
            .nth(1)
            .expect("dependencies");
        let dependencies = dependencies
            .split("[dev-dependencies]")
            .next()
            .expect("first part");
        let mut forbidden: Vec<&str> = services.to_vec();
        if *owner == "schemas" || *owner == "runtime" {
            forbidden.extend(["schemas", "runtime"]);
        }
        for line in dependencies.lines() {
            let name = line.split(['.', ' ', '=']).next().unwrap_or_default();
            if forbidden.contains(&name) {
                problems.push(format!(
                    "{owner}/Cargo.toml: depends on {name}; it must not"
                ));
            }
        }
    }
    none(&problems);
}

#[test]
fn every_path_and_make_word_in_the_documents_exists() {
    let makefile = text(&root().join("Makefile"));
    let mut problems = Vec::new();
    for document in ["README.md", "ARCHITECTURE.md"] {
        for (number, line) in text(&root().join(document)).lines().enumerate() {
            for quoted in line.split('`').skip(1).step_by(2) {
                let place = format!("{document}:{}", number + 1);
                if let Some(word) = quoted.strip_prefix("make ") {
                    let word = word.split(' ').next().unwrap_or_default();
                    if !makefile.contains(&format!("\n{word}:")) {
                        problems.push(format!("{place}: `make {word}` is not in the Makefile"));
                    }
                }
                let is_path = quoted.contains('/')
                    && [".rs", ".toml", ".md", ".yaml", ".sql", ".avsc"]
                        .iter()
                        .any(|end| quoted.ends_with(end))
                    && !quoted.contains(['<', '*', '{', ' ', '$']);
                let in_source_tree = quoted
                    .split('/')
                    .next()
                    .is_some_and(|first| root().join(first).is_dir());
                if is_path && in_source_tree && !root().join(quoted).exists() {
                    problems.push(format!("{place}: {quoted} does not exist"));
                }
            }
        }
    }
    none(&problems);
}

#[test]
fn open_points_are_issues_and_not_comments() {
    let marks = [
        "TO\u{44}O",
        "FIX\u{4d}E",
        "X\u{58}X",
        "todo\u{21}(",
        "unimplemented\u{21}(",
    ];
    let mut problems = Vec::new();
    for path in files("rs") {
        for (number, line) in text(&path).lines().enumerate() {
            if marks.iter().any(|mark| line.contains(mark)) {
                problems.push(format!(
                    "{}:{}: file an issue instead",
                    shown(&path),
                    number + 1
                ));
            }
        }
    }
    none(&problems);
}

#[test]
fn nothing_needs_the_folder_beside_the_project() {
    let beside = ["../sha\u{72}ed", "/wo\u{72}k/"];
    let mut problems = Vec::new();
    for extension in ["rs", "toml", "md", "sql", "yaml", "avsc", "json"] {
        for path in files(extension) {
            for (number, line) in text(&path).lines().enumerate() {
                if beside.iter().any(|place| line.contains(place)) {
                    problems.push(format!("{}:{}: outside path", shown(&path), number + 1));
                }
            }
        }
    }
    none(&problems);
}

/// Names of metrics in a text, without what Prometheus adds to those of histograms.
fn metrics_in(text: &str) -> Vec<String> {
    let mut names: Vec<String> = text
        .match_indices("waybill_")
        .map(|(at, _)| {
            let rest = &text[at..];
            let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_');
            let name = &rest[..end.unwrap_or(rest.len())];
            let bare = ["_bucket", "_sum", "_count"]
                .iter()
                .find_map(|suffix| name.strip_suffix(suffix));
            bare.unwrap_or(name).to_owned()
        })
        .collect();
    names.sort();
    names.dedup();
    names
}

#[test]
fn every_metric_of_an_alert_or_dashboard_is_one_that_a_service_has() {
    let source: String = files("rs")
        .iter()
        .filter(|path| !shown(path).starts_with("tests"))
        .map(|path| text(path))
        .collect();
    // the exactly-once loop names its counters after its service
    let workers = ["normalizer", "enricher"];
    let is_known = |name: &str| {
        let of_loop = workers.iter().any(|worker| {
            let prefix = format!("waybill_{worker}_");
            name.strip_prefix(&prefix)
                .is_some_and(|what| source.contains(&format!("\"{what}\"")))
        });
        of_loop || source.contains(&format!("\"{name}\""))
    };
    let mut shown_files = files("json");
    shown_files.extend(files("yaml"));
    let mut problems = Vec::new();
    let mut seen = 0;
    for path in shown_files {
        let place = shown(&path);
        if !place.starts_with("deploy/alerts") && !place.starts_with("deploy/dashboards") {
            continue;
        }
        for name in metrics_in(&text(&path)) {
            seen += 1;
            if !is_known(&name) {
                problems.push(format!("{place}: no service has the metric {name}"));
            }
        }
    }
    assert!(seen > 20, "the alerts and dashboards name {seen} metrics");
    none(&problems);
}

#[test]
fn every_alert_says_how_urgent_it_is_what_is_wrong_and_what_to_do() {
    let path = root().join("deploy/alerts/waybill.yaml");
    let alerts = text(&path);
    let mut problems = Vec::new();
    for alert in alerts.split("- alert: ").skip(1) {
        let name = alert.lines().next().unwrap_or_default();
        for needed in ["expr: ", "severity: ", "summary: ", "action: "] {
            if !alert.contains(needed) {
                problems.push(format!("{}: {name} has no {needed}", shown(&path)));
            }
        }
    }
    none(&problems);
}
