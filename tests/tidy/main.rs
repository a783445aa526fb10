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
        .filter(|(path, lines)| {
            let of_tests = path
                .components()
                .any(|part| part.as_os_str().to_string_lossy().starts_with("tests"));
            *lines > if of_tests { 600 } else { 400 }
        })
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
