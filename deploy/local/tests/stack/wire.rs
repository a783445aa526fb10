//! Just enough of the three protocols to see that data is kept.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;

use local_stack::Stack;

fn address(url: &str) -> &str {
    url.trim_start_matches("http://").split('/').next().unwrap()
}

/// Status and body.
fn http(address: &str, request: &str, headers: &str, body: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(address).unwrap();
    let length = body.len();
    write!(
        stream,
        "{request} HTTP/1.0\r\nHost: {address}\r\n{headers}\
         Content-Length: {length}\r\n\r\n{body}"
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (
        head.split(' ').nth(1).unwrap().parse().unwrap(),
        body.to_owned(),
    )
}

pub(crate) struct Clickhouse {
    url: String,
    user: String,
    password: String,
}

impl Clickhouse {
    pub(crate) fn of(stack: &Stack, password: &str) -> Self {
        let (url, user) = (stack.clickhouse_url(), stack.clickhouse_user().to_owned());
        Self {
            url,
            user,
            password: password.to_owned(),
        }
    }

    pub(crate) fn as_user(&self, user: &str, password: &str, sql: &str) -> Result<String, String> {
        let headers = format!("X-ClickHouse-User: {user}\r\nX-ClickHouse-Key: {password}\r\n");
        match http(
            address(&self.url),
            "POST /?wait_end_of_query=1",
            &headers,
            sql,
        ) {
            (200, body) => Ok(body),
            (_, body) => Err(body),
        }
    }

    fn query(&self, sql: &str) -> String {
        self.as_user(&self.user, &self.password, sql)
            .unwrap_or_else(|error| panic!("{sql}: {error}"))
    }

    /// A table with a deduplication window and a view that feeds on it; each row sent twice.
    pub(crate) fn fill(&self) {
        self.query("CREATE DATABASE kept");
        let table =
            "ENGINE = MergeTree ORDER BY n SETTINGS non_replicated_deduplication_window = 100";
        self.query(&format!("CREATE TABLE kept.numbers (n UInt64) {table}"));
        self.query(&format!("CREATE TABLE kept.squares (n UInt64) {table}"));
        self.query("CREATE MATERIALIZED VIEW kept.view TO kept.squares AS SELECT n * n AS n FROM kept.numbers");
        self.insert();
        self.query("ALTER TABLE kept.numbers DELETE WHERE n = 999 SETTINGS mutations_sync = 1");
    }

    fn insert(&self) {
        self.query(
            "INSERT INTO kept.numbers SETTINGS insert_deduplication_token = 'a', \
             deduplicate_blocks_in_dependent_materialized_views = 1 SELECT number FROM numbers(1000)",
        );
    }

    /// The repeated insert proves that the window survived as well.
    pub(crate) fn assert_filled(&self) {
        self.insert();
        for (table, rows) in [("numbers", "999"), ("squares", "1000")] {
            assert_eq!(
                self.query(&format!("SELECT count() FROM kept.{table}"))
                    .trim(),
                rows,
                "{table}"
            );
        }
    }

    pub(crate) fn assert_rights(&self) {
        let count = "SELECT count() FROM kept.numbers";
        assert_eq!(self.as_user("reader", "r", count).unwrap().trim(), "999");
        for (user, password, sql) in [
            ("reader", "r", "INSERT INTO kept.numbers VALUES (1)"),
            ("reader", "wrong", count),
            ("default", "", count),
            (
                "default",
                "",
                "CREATE TABLE kept.other (n UInt8) ENGINE = Memory",
            ),
        ] {
            assert!(
                self.as_user(user, password, sql).is_err(),
                "{user} may: {sql}"
            );
        }
    }

    /// Not even whoever may do everything reads other programs' files with ClickHouse's rights, and what can
    /// be read of a table is no text.
    pub(crate) fn assert_confined(&self, data: &Path) {
        let parts = "SELECT path FROM system.parts WHERE database = 'kept' AND active LIMIT 1";
        let file = format!("{}columns.txt", self.query(parts).trim());
        let head = format!("SELECT substring(file('{file}'), 1, 3)");
        assert_eq!(self.query(&head).trim(), "ENC", "{file}");
        let log = fs::read_to_string(data.join("logs/clickhouse.log")).unwrap();
        if log.contains("is not confined") {
            eprintln!("not checked: ClickHouse is not confined on this machine");
            return;
        }
        let kafka = data.join("kafka/server.properties");
        for path in [
            Path::new("/etc/passwd"),
            &data.join("clickhouse.key"),
            &kafka,
        ] {
            assert!(path.exists(), "{}", path.display());
            let sql = format!("SELECT length(file('{}'))", path.display());
            for (user, password) in [("reader", "r"), (&self.user, &self.password)] {
                let error = self.as_user(user, password, &sql).unwrap_err();
                assert!(error.contains("Permission denied"), "{user}: {error}");
            }
        }
    }
}

const TYPE: &str = "Content-Type: application/vnd.schemaregistry.v1+json\r\n";

/// The id of a schema registered just now.
pub(crate) fn register(stack: &Stack) -> String {
    let url = stack.registry_url();
    let body = r#"{"schemaType": "AVRO", "schema": "{\"type\": \"string\"}"}"#;
    let request = "POST /apis/ccompat/v7/subjects/kept/versions";
    let (status, body) = http(address(&url), request, TYPE, body);
    assert_eq!(status, 200, "{body}");
    let digits: String = body.chars().filter(char::is_ascii_digit).collect();
    assert!(!digits.is_empty(), "{body}");
    body
}

pub(crate) fn assert_registered(stack: &Stack, id: &str) {
    assert_eq!(register(stack), id, "the same schema has got another id");
}

fn kafka(stack: &Stack, key: i16, version: i16, body: &[u8]) -> Vec<u8> {
    let mut stream = TcpStream::connect(stack.kafka_bootstrap()).unwrap();
    let header = [
        &key.to_be_bytes()[..],
        &version.to_be_bytes(),
        &[0, 0, 0, 1, 0xff, 0xff],
    ];
    let request = [&header.concat()[..], body].concat();
    stream
        .write_all(&u32::try_from(request.len()).unwrap().to_be_bytes())
        .unwrap();
    stream.write_all(&request).unwrap();
    let mut length = [0; 4];
    stream.read_exact(&mut length).unwrap();
    let mut answer = vec![0; u32::from_be_bytes(length) as usize];
    stream.read_exact(&mut answer).unwrap();
    answer
}

/// CreateTopics, version 2: one partition, one replica.
pub(crate) fn create_topic(stack: &Stack, name: &str) {
    let name_length = i16::try_from(name.len()).unwrap().to_be_bytes();
    let before = [&[0, 0, 0, 1][..], &name_length, name.as_bytes()].concat();
    let partitions_replicas_rest = [0, 0, 0, 1, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0];
    let timeout_ms_and_validate_only = [0, 0, 0x27, 0x10, 0];
    let body = [
        &before[..],
        &partitions_replicas_rest,
        &timeout_ms_and_validate_only,
    ]
    .concat();
    let answer = kafka(stack, 19, 2, &body);
    // correlation id, throttle time, one topic, its name, its error code
    let error = &answer[4 + 4 + 4 + 2 + name.len()..][..2];
    assert_eq!(error, [0, 0], "{answer:?}");
}

/// All of Metadata's answer, version 1, as text: good enough to look for a name.
pub(crate) fn topics(stack: &Stack) -> String {
    String::from_utf8_lossy(&kafka(stack, 3, 1, &[0xff; 4])).into_owned()
}
