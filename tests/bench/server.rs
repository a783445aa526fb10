//! A server under measurement, in a process of its own.

use std::{
    fs::File,
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use crate::{
    SERVE,
    place::{Place, RAW_TOPIC, binary},
};

const READY_WITHIN: Duration = Duration::from_secs(30);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Reads the body and answers.
    Floor,
    /// The product.
    Ingest,
    /// The product without the wait for Kafka.
    Unawaited,
    /// The peer: a bridge on Apache Camel (`tests/peers/camel`).
    Camel,
}

/// Killed when dropped.
pub struct Server {
    child: Child,
    address: SocketAddr,
    /// Where it tells about itself; the floor does not.
    admin: Option<SocketAddr>,
}

impl Server {
    pub fn start(kind: Kind, place: &Place) -> Self {
        let [address, admin] = [0, 1].map(|_| local_stack::free_address().expect("a free port"));
        let mut command = match kind {
            Kind::Ingest => Command::new(binary("ingest")),
            Kind::Floor | Kind::Unawaited => Command::new(binary("bench-ingest")),
            Kind::Camel => camel(address, place),
        };
        match kind {
            Kind::Floor => command.env(SERVE, "floor"),
            Kind::Unawaited => command.env(SERVE, "unawaited"),
            Kind::Ingest | Kind::Camel => &mut command,
        };
        let log = File::create(place.folder().join(format!("{kind:?}.log"))).expect("a log");
        let child = command
            .envs(place.environment().iter().cloned())
            .env("WAYBILL__HTTP__LISTEN", address.to_string())
            .env("WAYBILL__ADMIN__LISTEN", admin.to_string())
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("the log twice"))
            .stderr(log)
            .spawn()
            .expect("the server starts");
        let admin = matches!(kind, Kind::Ingest | Kind::Unawaited).then_some(admin);
        let mut server = Self {
            child,
            address,
            admin,
        };
        server.wait(admin.unwrap_or(address));
        server
    }

    /// Until it says that it is ready; the floor is when it answers at all.
    fn wait(&mut self, ask: SocketAddr) {
        let until = Instant::now() + READY_WITHIN;
        let own = ask == self.address;
        while Instant::now() < until {
            let ended = self.child.try_wait().expect("the child is ours");
            assert!(ended.is_none(), "the server ended: {ended:?}");
            if status(ask).is_some_and(|status| own || status == "200") {
                return;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        panic!("the server is not ready within {READY_WITHIN:?}");
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// How many webhooks went to the disk so far.
    pub fn spooled(&self) -> u64 {
        let Some(text) = self.admin.and_then(|admin| get(admin, "/metrics")) else {
            return 0;
        };
        let counts = text.lines().filter_map(|line| {
            let count = line.strip_prefix("waybill_ingest_spooled_total")?;
            count.rsplit_once(' ')?.1.parse::<u64>().ok()
        });
        counts.sum()
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// Where `make bench-ingest` copied the jars of the bridge.
#[must_use]
pub fn camel_jars() -> Option<PathBuf> {
    std::env::var_os("WAYBILL_CAMEL_JARS").map(PathBuf::from)
}

fn camel(address: SocketAddr, place: &Place) -> Command {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../peers/camel/Bridge.java");
    let mut command = Command::new("java");
    command
        .args(["-Xmx512m", "-cp"])
        .arg(camel_jars().expect("its jars").join("*"))
        .arg("-Dorg.slf4j.simpleLogger.defaultLogLevel=warn")
        .arg(source)
        .args([&address.to_string(), &place.brokers(), RAW_TOPIC]);
    command
}

fn status(address: SocketAddr) -> Option<String> {
    let answer = get(address, "/readyz")?;
    Some(answer.split(' ').nth(1)?.to_owned())
}

fn get(address: SocketAddr, path: &str) -> Option<String> {
    let mut stream = TcpStream::connect(address).ok()?;
    let request = format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    Some(answer)
}
