use super::*;
use crate::symbols::{Kind, Status};

#[test]
fn versions_count_from_one_without_gaps_and_files_are_named_after_them() {
    let mut files: Vec<String> =
        std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/clickhouse"))
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
    files.sort();
    let expected: Vec<String> = (1..)
        .zip(MIGRATIONS)
        .map(|(version, migration)| {
            assert_eq!(migration.version, version);
            format!("{version:03}_{}.sql", migration.name)
        })
        .collect();
    assert_eq!(files, expected);
}

#[test]
fn every_statement_may_run_twice_names_the_database_and_ends() {
    for migration in MIGRATIONS {
        assert!(
            migration.sql.trim_end().ends_with(';'),
            "{}",
            migration.name
        );
        let statements = migration.statements(&Layout::single("a`b"));
        assert!(!statements.is_empty());
        for statement in statements {
            let first = statement.lines().next().unwrap_or_default();
            let safe = [
                "CREATE TABLE IF NOT EXISTS `a\\`b`.",
                "CREATE MATERIALIZED VIEW IF NOT EXISTS `a\\`b`.",
                "CREATE OR REPLACE VIEW `a\\`b`.",
            ]
            .iter()
            .any(|words| statement.starts_with(words))
                || (statement.starts_with("ALTER TABLE `a\\`b`.")
                    && [
                        " MODIFY SETTING",
                        " ADD PROJECTION IF NOT EXISTS ",
                        " MATERIALIZE PROJECTION ",
                        " MODIFY QUERY",
                        // holds no rows but its table's
                        " DROP PROJECTION IF EXISTS ",
                    ]
                    .iter()
                    .any(|words| first.contains(words)))
                // into a table whose rows of one key melt into one
                || statement.starts_with("INSERT INTO `a\\`b`.first_loads_log ");
            assert!(safe, "{}: {statement}", migration.name);
            assert!(!statement.contains(DATABASE));
        }
    }
}

#[test]
fn every_view_runs_with_the_rights_of_whoever_asks() {
    for migration in MIGRATIONS {
        for statement in migration.statements(&Layout::single("w")) {
            if statement.contains("CREATE OR REPLACE VIEW") {
                assert!(
                    statement.contains("\nSQL SECURITY INVOKER\n"),
                    "{statement}"
                );
            }
            assert!(!statement.contains("DEFINER"), "{statement}");
        }
    }
}

#[test]
fn every_table_remembers_the_tokens_of_its_last_ten_thousand_inserts() {
    let tables: Vec<String> = MIGRATIONS
        .iter()
        .flat_map(|migration| migration.statements(&Layout::single("w")))
        .filter(|statement| statement.starts_with("CREATE TABLE"))
        .collect();
    assert_eq!(tables.len(), TABLES.len());
    for (table, statement) in TABLES.iter().zip(tables) {
        assert!(statement.contains(&format!("`w`.{table}\n")), "{statement}");
        assert!(statement.contains("non_replicated_deduplication_window = 10000"));
        assert!(statement.contains(" replicated_deduplication_window = 10000"));
    }
}

#[test]
fn no_file_so_far_throws_rows_away_and_one_that_did_would_be_known() {
    assert!(!MIGRATIONS.iter().any(Migration::loses_rows));
    let sql = "-- DROP TABLE in a comment\nALTER TABLE {database}.t DROP COLUMN c;";
    let migration = Migration {
        sql,
        ..MIGRATIONS[0]
    };
    assert!(migration.loses_rows());
}

#[test]
fn replicas_get_replicated_tables_and_every_definition_on_each_of_them() {
    let layout = Layout {
        database: "w".into(),
        cluster: Some("c`1".into()),
        replicated: true,
    };
    let mut engines = 0;
    for statement in MIGRATIONS.iter().flat_map(|m| m.statements(&layout)) {
        let first = statement.lines().next().unwrap_or_default();
        assert_eq!(
            first.contains(" ON CLUSTER `c\\`1`"),
            !first.starts_with("INSERT"),
            "{first}"
        );
        engines += statement.matches("\nENGINE = Replicated").count();
    }
    assert_eq!(engines, TABLES.len());
}

/// The words and numbers of the two `transform` calls in the timeline, in order.
fn ranks() -> Vec<(String, u8)> {
    let sql = MIGRATIONS[7].sql;
    let lists: Vec<&str> = sql
        .split('[')
        .skip(1)
        .filter_map(|rest| rest.split(']').next())
        .collect();
    let items = |list: &str| -> Vec<String> {
        list.split(',')
            .map(|item| item.trim().trim_matches('\'').to_owned())
            .collect()
    };
    lists
        .chunks(2)
        .flat_map(|pair| {
            let numbers = items(pair[1]).into_iter().map(|n| n.parse().unwrap());
            items(pair[0]).into_iter().zip(numbers).collect::<Vec<_>>()
        })
        .collect()
}

#[test]
fn the_timeline_ranks_statuses_and_kinds_as_the_enricher_does() {
    let ranks = ranks();
    let (statuses, kinds) = ranks.split_at(Status::ALL.len());
    for (word, rank) in statuses {
        assert_eq!(Status::parse(word).unwrap().rank(), *rank, "{word}");
    }
    for kind in Kind::ALL {
        let listed = kinds.iter().find(|(word, _)| word == kind.as_str());
        assert_eq!(kind.rank(), listed.map_or(85, |(_, rank)| *rank), "{kind}");
    }
}
