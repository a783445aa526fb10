//! Whether a part does its work yet. By hand, since a client library for three requests would be the
//! largest dependency here.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use crate::child::Child;
use crate::error::Error;
use crate::log_tail::LogTail;
use crate::part::Part;
use crate::ports::Ports;

const PAUSE: Duration = Duration::from_millis(20);
const TIMEOUT: Duration = Duration::from_secs(2);
/// The right answers are tiny.
const ANSWER_BYTES_MAX: u64 = 64 * 1024;

/// Waits until the part answers; fails as soon as it dies.
pub(crate) fn wait_ready(
    child: &Child,
    part: Part,
    ports: &Ports,
    limit: Duration,
    cancelled: impl Fn() -> bool,
) -> Result<(), Error> {
    let deadline = Instant::now() + limit;
    loop {
        if let Some(exit) = child.exit() {
            return Err(Error::Died(child.death(exit)));
        }
        if answers(part, ports).unwrap_or(false) {
            return Ok(());
        }
        if cancelled() {
            return Err(Error::Stopped);
        }
        if Instant::now() > deadline {
            return Err(Error::NotReady {
                part,
                waited: limit,
                log: LogTail::read(child.log()),
            });
        }
        // a pause that ends early when the child does
        child.wait(PAUSE);
    }
}

fn answers(part: Part, ports: &Ports) -> io::Result<bool> {
    match part {
        Part::Kafka => kafka(ports.kafka()),
        Part::Registry => http(ports.registry(), "/apis/ccompat/v7/subjects"),
        Part::Clickhouse => http(ports.clickhouse_http(), "/ping"),
    }
}

fn connect(port: u16) -> io::Result<TcpStream> {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let stream = TcpStream::connect_timeout(&address, TIMEOUT)?;
    stream.set_read_timeout(Some(TIMEOUT))?;
    stream.set_write_timeout(Some(TIMEOUT))?;
    Ok(stream)
}

fn http(port: u16, path: &str) -> io::Result<bool> {
    let mut stream = connect(port)?;
    write!(
        stream,
        "GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"
    )?;
    let mut answer = Vec::new();
    // to its end: ClickHouse logs an error, with a stack trace, for a caller that leaves early
    stream.take(ANSWER_BYTES_MAX).read_to_end(&mut answer)?;
    Ok(answer.get(8..12) == Some(b" 200"))
}

/// Metadata, version 1, for no topic at all. A port that is open, and even an answer to ApiVersions, come
/// before the broker has a place in the cluster; only then does Metadata list a broker.
fn kafka(port: u16) -> io::Result<bool> {
    const METADATA: [u8; 2] = [0, 3];
    const VERSION: [u8; 2] = [0, 1];
    const CORRELATION: [u8; 4] = [0, 0, 0, 7];
    const NO_CLIENT_ID: [u8; 2] = [0xff, 0xff];
    const NO_TOPICS: [u8; 4] = [0; 4];
    let request = [
        &METADATA[..],
        &VERSION,
        &CORRELATION,
        &NO_CLIENT_ID,
        &NO_TOPICS,
    ]
    .concat();

    let mut stream = connect(port)?;
    let length = u32::try_from(request.len()).map_err(io::Error::other)?;
    stream.write_all(&[&length.to_be_bytes()[..], &request].concat())?;
    let length = u64::from(read_u32(&mut stream)?);
    if length > ANSWER_BYTES_MAX || read_u32(&mut stream)? != u32::from_be_bytes(CORRELATION) {
        return Ok(false);
    }
    let brokers = read_u32(&mut stream)?;
    Ok(brokers == 1)
}

fn read_u32(stream: &mut TcpStream) -> io::Result<u32> {
    let mut bytes = [0; 4];
    stream.read_exact(&mut bytes)?;
    Ok(u32::from_be_bytes(bytes))
}
