use std::path::PathBuf;
use std::time::Duration;

use crate::part::Part;

/// What [`crate::Stack::start`] needs to know.
#[derive(Clone, Debug)]
pub struct Options {
    /// Made when missing; the same folder starts again with its data.
    pub data_dir: PathBuf,
    /// Which of the three are started; the others can be by [`crate::Stack::restart`].
    pub parts: Vec<Part>,
    /// Kafka gets this port, its controller the next, then the registry, ClickHouse's HTTP and
    /// ClickHouse's native protocol. None: five free ones, other ones at each start.
    pub port_base: Option<u16>,
    /// Where the children's logs go; `logs` in the data folder when None.
    pub log_dir: Option<PathBuf>,
    pub restart: Restart,
    /// How long one part may take until it answers.
    pub ready_deadline: Duration,
    pub kafka: KafkaOptions,
    pub clickhouse: ClickhouseOptions,
}

/// What happens to a part that dies. It is reported in either case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Restart {
    /// It stays dead until [`crate::Stack::restart`].
    Never,
    /// It is started again, after a pause that doubles up to half a minute while it keeps dying.
    WithBackoff,
}

#[derive(Clone, Debug)]
pub struct KafkaOptions {
    pub heap_mib_max: u32,
    /// Added to the end of server.properties, where the last value of a key counts.
    pub properties: Vec<(String, String)>,
    /// Added after ours, where the last value counts too.
    pub jvm_args: Vec<String>,
}

#[derive(Clone, Debug)]
pub struct ClickhouseOptions {
    /// None: the user `default` may do everything and has no password. Some: the user `waybill` may,
    /// with this password, and `default` nothing: ClickHouse opens its own ports as `default`, always
    /// without a password.
    pub password: Option<String>,
    /// XML to stand inside `<users>` of users.xml. Read at start only.
    pub users_xml: String,
    /// XML to stand inside `<profiles>` of users.xml. Read at start only.
    pub profiles_xml: String,
    pub memory_bytes_max: u64,
    /// Its users can read its files, so that these are encrypted. A bench has no such users, and measures
    /// what a server does. Of one folder it must always be the same.
    pub is_encrypted: bool,
}

impl Options {
    pub fn new(data_dir: impl Into<PathBuf>) -> Self {
        Self {
            data_dir: data_dir.into(),
            parts: Part::ALL.to_vec(),
            port_base: None,
            log_dir: None,
            restart: Restart::Never,
            ready_deadline: Duration::from_secs(60),
            kafka: KafkaOptions::default(),
            clickhouse: ClickhouseOptions::default(),
        }
    }
}

impl Default for KafkaOptions {
    fn default() -> Self {
        Self {
            heap_mib_max: 512,
            properties: Vec::new(),
            jvm_args: Vec::new(),
        }
    }
}

impl Default for ClickhouseOptions {
    fn default() -> Self {
        Self {
            password: None,
            users_xml: String::new(),
            profiles_xml: String::new(),
            memory_bytes_max: 4 << 30,
            is_encrypted: true,
        }
    }
}
