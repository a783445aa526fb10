use std::fs;
use std::path::Path;

use serde::Deserialize;
use tempfile::TempDir;

use super::*;

mod secrets;

const COMMON: &str = include_str!("../../settings.common.toml");
const OWN: &str = r#"
[http]
# a
listen = "127.0.0.1:8080"
# b
body_bytes_max = 1000

[registry]
# c
url = "http://127.0.0.1:8081"
# d
username = ""
# e
password = ""

[sink]
# f
tables = ["orders"]
# g
strict = true
# h
share = 0.5
"#;

#[derive(Debug, Deserialize)]
struct Service {
    #[serde(flatten)]
    common: Common,
    http: Http,
    registry: RegistrySettings,
    sink: Sink,
}

#[derive(Debug, Deserialize)]
struct Http {
    listen: std::net::SocketAddr,
    body_bytes_max: u32,
}

#[derive(Debug, Deserialize)]
struct Sink {
    tables: Vec<String>,
    strict: bool,
    share: f64,
}

impl Settings for Service {
    fn common(&self) -> &Common {
        &self.common
    }

    fn check(&self, problems: &mut Problems) {
        if self.http.body_bytes_max < 10 {
            problems.add("http.body_bytes_max", "must be at least 10");
        }
        if self.registry.password.expose().contains(' ') {
            // what a careless check might say
            let text = format!("{} has a blank", self.registry.password.expose());
            problems.add("registry.password", text);
        }
    }
}

/// Defaults that work, so that each test changes only what it is about.
fn sources(variables: &[(&str, &str)]) -> Sources {
    let mut environment = vec![(
        "WAYBILL__KAFKA__BOOTSTRAP_SERVERS".into(),
        "broker:9092".into(),
    )];
    environment.extend(
        variables
            .iter()
            .map(|(name, text)| ((*name).into(), (*text).into())),
    );
    let text = format!("{COMMON}{OWN}");
    Sources {
        defaults: Box::leak(text.into_boxed_str()),
        config: None,
        environment,
    }
}

fn loaded(variables: &[(&str, &str)]) -> Service {
    load(&sources(variables)).unwrap()
}

#[track_caller]
fn check_problems(sources: &Sources, expected: &[&str]) {
    let problems = load::<Service>(sources).unwrap_err().to_string();
    assert_eq!(problems.lines().collect::<Vec<_>>(), expected);
}

fn with_file(text: &str, variables: &[(&str, &str)]) -> (TempDir, Sources) {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("config.toml");
    fs::write(&path, text).unwrap();
    (
        folder,
        Sources {
            config: Some(path),
            ..sources(variables)
        },
    )
}

fn written(folder: &Path, name: &str, text: &str) -> String {
    let path = folder.join(name);
    fs::write(&path, text).unwrap();
    path.display().to_string()
}

#[test]
fn the_common_defaults_are_a_manual_of_every_key() {
    #[derive(Debug, Deserialize)]
    struct Plain {
        #[serde(flatten)]
        common: Common,
    }
    impl Settings for Plain {
        fn common(&self) -> &Common {
            &self.common
        }
        fn check(&self, _problems: &mut Problems) {}
    }
    check_defaults::<Plain>(COMMON).unwrap();
}

#[test]
fn the_environment_beats_the_file_and_the_file_beats_the_defaults() {
    let text = "[http]\nbody_bytes_max = 20\nlisten = \"127.0.0.1:20\"\n[topics]\nprefix = \"a.\"";
    let (_folder, sources) = with_file(text, &[("WAYBILL__HTTP__BODY_BYTES_MAX", "30")]);
    let settings: Service = load(&sources).unwrap();
    assert_eq!(settings.http.body_bytes_max, 30);
    assert_eq!(settings.http.listen.port(), 20);
    assert_eq!(settings.common.topics.prefix, "a.");
    assert_eq!(settings.registry.url, "http://127.0.0.1:8081");
}

#[test]
fn a_variable_is_read_as_the_type_of_its_default() {
    let settings = loaded(&[
        ("WAYBILL__HTTP__BODY_BYTES_MAX", " 77 "),
        ("WAYBILL__SINK__STRICT", "false"),
        ("WAYBILL__SINK__SHARE", "1"),
        ("WAYBILL__SINK__TABLES", "a, b,c"),
        ("WAYBILL__TOPICS__PREFIX", "123"),
    ]);
    assert_eq!(settings.http.body_bytes_max, 77);
    assert!(!settings.sink.strict && settings.sink.share == 1.0);
    assert_eq!(settings.sink.tables, ["a", "b", "c"]);
    assert_eq!(settings.common.topics.prefix, "123");
    assert_eq!(
        loaded(&[("WAYBILL__SINK__TABLES", "[\"a,b\"]")])
            .sink
            .tables,
        ["a,b"]
    );
    assert!(
        loaded(&[("WAYBILL__SINK__TABLES", "")])
            .sink
            .tables
            .is_empty()
    );
}

#[test]
fn a_name_that_nobody_has_is_refused_with_the_nearest() {
    let variables = [
        ("WAYBILL__KAFAK__BOOTSTRAP_SERVER", "x"),
        ("WAYBILL__HTTP__LISTN", "x"),
        ("WAYBILL__TOPICS__REPLICATON", "x"),
        ("WAYBILL__KAFKA", "x"),
    ];
    check_problems(
        &sources(&variables),
        &[
            "WAYBILL__KAFKA: must be WAYBILL__<GROUP>__<KEY>",
            "WAYBILL__KAFAK__BOOTSTRAP_SERVER: no such group; the nearest is \
             WAYBILL__KAFKA__BOOTSTRAP_SERVERS",
            "WAYBILL__HTTP__LISTN: no such key; the nearest is WAYBILL__HTTP__LISTEN",
            "WAYBILL__TOPICS__REPLICATON: no such key; the nearest is WAYBILL__TOPICS__REPLICATION",
        ],
    );
    let (folder, sources) = with_file("top = 1\n[regisrty]\nurll = \"x\"", &[]);
    let file = folder.path().join("config.toml");
    check_problems(
        &sources,
        &[
            &format!(
                "{}: top: must stand in a group, as in [kafka]",
                file.display()
            ),
            &format!(
                "{}: regisrty.urll: no such group; the nearest is registry.url",
                file.display()
            ),
        ],
    );
}

#[test]
fn what_belongs_to_another_program_is_ignored() {
    let (_folder, sources) = with_file(
        "[window]\nhold_ms = 1\nnews = 2\n[topics]\npartitions = 4",
        &[
            ("WAYBILL__CLICKHOUSE__PASSWORD_FILE", "/nowhere"),
            ("WAYBILL__STATE__DIR", "/nowhere"),
            ("WAYBILL__TOPICS__MIN_INSYNC_REPLICAS", "two"),
            ("WAYBILL_LOG", "x"),
            ("PATH", "x"),
        ],
    );
    load::<Service>(&sources).unwrap();
}

#[test]
fn all_problems_are_told_at_once() {
    let folder = TempDir::new().unwrap();
    let number = written(folder.path(), "number", "many\n");
    let variables = [
        ("WAYBILL__KAFKA__SECURITY_PROTOCOL", "sasl_ssl"),
        ("WAYBILL__KAFKA__SASL_MECHANISM", "GSSAPI"),
        ("WAYBILL__ADMIN__LISTEN", "here"),
        ("WAYBILL__TELEMETRY__LOG_FORMAT", "xml"),
        ("WAYBILL__TELEMETRY__OTLP_ENDPOINT", "http://127.0.0.1:4317"),
        ("WAYBILL__SERVICE__SHUTDOWN_SECONDS", "-1"),
        ("WAYBILL__HTTP__BODY_BYTES_MAX", "9"),
        ("WAYBILL__SINK__STRICT", "yes"),
        ("WAYBILL__SINK__SHARE_FILE", &number),
    ];
    check_problems(
        &sources(&variables),
        &[
            "WAYBILL__SINK__STRICT: must be true or false",
            &format!("WAYBILL__SINK__SHARE_FILE: the content of {number} must be a number"),
            "WAYBILL__ADMIN__LISTEN: invalid socket address syntax",
            "WAYBILL__SERVICE__SHUTDOWN_SECONDS: invalid value: integer `-1`, expected u64",
            "WAYBILL__TELEMETRY__LOG_FORMAT: unknown variant `xml`, expected `json` or `text`",
            "kafka.sasl_mechanism: must be one of PLAIN, SCRAM-SHA-256, SCRAM-SHA-512",
            "kafka.sasl_username: must be given, because kafka.security_protocol asks for SASL",
            "kafka.sasl_password: must be given, because kafka.security_protocol asks for SASL",
            "http.body_bytes_max: must be at least 10",
        ],
    );
}

#[test]
fn the_common_groups_are_checked_for_every_service() {
    let check = |name, text, expected: &str| check_problems(&sources(&[(name, text)]), &[expected]);
    check(
        "WAYBILL__TELEMETRY__LOG_LEVEL",
        "loud=very",
        "telemetry.log_level: is no log level: \
        error parsing level filter: expected one of \"off\", \"error\", \"warn\", \"info\", \
        \"debug\", \"trace\", or a number 0-5",
    );
    let levels = "or one of off, error, warn, info, debug, trace";
    for (given, word, nearest) in [
        ("warning", "warning", "warn"),
        ("inf,rdkafka=warn", "inf", "info"),
        ("info,rdkafka", "rdkafka", "warn"),
        ("info, debug", " debug", "debug"),
    ] {
        let expected = format!(
            "telemetry.log_level: `{word}` is no level: write `{nearest}` if that is meant, {levels}"
        );
        check("WAYBILL__TELEMETRY__LOG_LEVEL", given, &expected);
    }
    for good in ["off", "INFO", "info,rdkafka=warn", "waybill=debug"] {
        loaded(&[("WAYBILL__TELEMETRY__LOG_LEVEL", good)]);
    }
    check(
        "WAYBILL__SERVICE__SHUTDOWN_SECONDS",
        "0",
        "service.shutdown_seconds: must be from 1 to 3600",
    );
    check(
        "WAYBILL__TOPICS__PREFIX",
        "a b",
        "topics.prefix: must be at most 100 of a-z, A-Z, 0-9, \
        '.', '_', '-'",
    );
    check(
        "WAYBILL__KAFKA__SECURITY_PROTOCOL",
        "tls",
        "kafka.security_protocol: must be one of \
        plaintext, ssl, sasl_plaintext, sasl_ssl",
    );
    for (servers, text) in [
        ("", "must be given, as"),
        ("a:1,b", "must be"),
        ("a:70000", "must be"),
    ] {
        let mut sources = sources(&[]);
        sources.environment[0].1 = servers.to_owned();
        let expected = format!("kafka.bootstrap_servers: {text} host:port,host:port");
        check_problems(&sources, &[&expected]);
    }
}

#[test]
fn an_instance_without_an_id_is_named_after_its_host() {
    assert!(!loaded(&[]).common.instance.resolved().is_empty());
    let named = loaded(&[("WAYBILL__INSTANCE__ID", "slot-3")]);
    assert_eq!(named.common.instance.resolved(), "slot-3");
}

#[test]
fn defaults_are_refused_if_a_key_has_no_comment_no_reader_or_no_place_in_the_catalogue() {
    let own = OWN
        .replace("# e\n", "")
        .replace("[sink]", "[sinks]")
        .replace("# a\n", "# a\nlost = 1\n");
    let problems = check_defaults::<Service>(&format!("{COMMON}{own}"))
        .unwrap_err()
        .to_string();
    for expected in [
        "registry.password: has no comment in the line above",
        "http.listen: has no comment in the line above",
        "sinks: no such group in runtime/src/settings/catalogue.rs: add it",
        "http.lost: no such key in runtime/src/settings/catalogue.rs: add it",
        "settings.default.toml: missing field `sink`",
    ] {
        assert!(
            problems.lines().any(|line| line == expected),
            "{expected} not in:\n{problems}"
        );
    }
    let lost = OWN.replace("[registry]", "# z\npath = 1\n[registry]");
    let problems = check_defaults::<Service>(&format!("{COMMON}{lost}"))
        .unwrap_err()
        .to_string();
    assert!(
        problems.contains("http.path: nobody reads it"),
        "{problems}"
    );
}
