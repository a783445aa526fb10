//! HTTP/1.1 as a load generator needs it: one request at a time on a connection that stays open, written
//! from bytes that are ready, and of the answer only status and receipt. A general client costs several
//! times as much for each request, which on a shared machine is taken from what is measured.

use std::{io, net::SocketAddr, time::Duration};

use anyhow::Context as _;
use reqwest::Url;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use crate::WrongUse;

const ANSWER_WITHIN: Duration = Duration::from_secs(30);
const CONNECT_WITHIN: Duration = Duration::from_secs(5);
const HEAD_BYTES_MAX: usize = 16 * 1024;
const BODY_BYTES_MAX: usize = 1024 * 1024;

/// Where ingest listens.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    address: SocketAddr,
    /// As the `host` header says it.
    pub(super) authority: String,
}

impl Target {
    /// Of a plain http address; the first address that its name leads to.
    pub(crate) async fn of(url: &str) -> anyhow::Result<Self> {
        let url = Url::parse(url).map_err(|error| WrongUse(format!("{url}: {error}")))?;
        let (Some(host), "http") = (url.host_str(), url.scheme()) else {
            let text = format!("{url}: load speaks plain http only; call ingest behind its proxy");
            return Err(WrongUse(text).into());
        };
        let port = url.port_or_known_default().unwrap_or(80);
        let bare = host.trim_matches(['[', ']']);
        let mut found = tokio::net::lookup_host((bare, port))
            .await
            .with_context(|| format!("{host} is not found"))?;
        let address = found
            .next()
            .with_context(|| format!("{host} has no address"))?;
        Ok(Self {
            address,
            authority: format!("{host}:{port}"),
        })
    }

    pub(crate) const fn is_loopback(&self) -> bool {
        self.address.ip().to_canonical().is_loopback()
    }
}

/// What came back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) receipt_id: Option<String>,
}

/// Why nothing came back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Failed {
    /// Nobody listens, or the connection is refused.
    Unconnected,
    /// The connection ended before the answer did.
    Broken,
    /// The answer did not come in time.
    Late,
    /// What came is no HTTP.
    NotHttp,
}

impl Failed {
    pub(crate) const fn words(self) -> &'static str {
        match self {
            Self::Unconnected => "no connection",
            Self::Broken => "connection broken",
            Self::Late => "no answer in time",
            Self::NotHttp => "answer not understood",
        }
    }
}

/// A connection, opened when it is needed.
pub(super) struct Connection {
    target: Target,
    stream: Option<TcpStream>,
    came: Vec<u8>,
}

impl Connection {
    pub(super) fn new(target: &Target) -> Self {
        Self {
            target: target.clone(),
            stream: None,
            came: Vec::with_capacity(4096),
        }
    }

    pub(super) async fn open(&mut self) -> Result<(), Failed> {
        if self.stream.is_some() {
            return Ok(());
        }
        let connecting = TcpStream::connect(self.target.address);
        let stream = tokio::time::timeout(CONNECT_WITHIN, connecting).await;
        let stream = stream
            .unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
            .map_err(|_| Failed::Unconnected)?;
        stream.set_nodelay(true).map_err(|_| Failed::Unconnected)?;
        self.stream = Some(stream);
        Ok(())
    }

    /// Writes a request and reads its answer; after a failure the next call begins with a new connection.
    pub(super) async fn exchange(&mut self, request: &[u8]) -> Result<Answer, Failed> {
        self.open().await?;
        let Some(mut stream) = self.stream.take() else {
            return Err(Failed::Unconnected);
        };
        let talk = talk(&mut stream, &mut self.came, request);
        let (answer, stays_open) = tokio::time::timeout(ANSWER_WITHIN, talk)
            .await
            .unwrap_or(Err(Failed::Late))?;
        if stays_open {
            self.stream = Some(stream);
        }
        Ok(answer)
    }
}

async fn talk(
    stream: &mut TcpStream,
    came: &mut Vec<u8>,
    request: &[u8],
) -> Result<(Answer, bool), Failed> {
    // a server that answers before it has read everything may have closed its side
    let written = stream.write_all(request).await;
    came.clear();
    loop {
        if let Some(head) = Head::read(came)? {
            return rest(stream, came, head).await;
        }
        if came.len() > HEAD_BYTES_MAX {
            return Err(Failed::NotHttp);
        }
        if more(stream, came).await? == 0 {
            return Err(Failed::Broken);
        }
        debug_assert!(written.is_ok() || !came.is_empty());
    }
}

/// Reads the body away, so that the connection can be used again.
async fn rest(
    stream: &mut TcpStream,
    came: &mut Vec<u8>,
    head: Head,
) -> Result<(Answer, bool), Failed> {
    let Some(body) = head.body_bytes.filter(|bytes| *bytes <= BODY_BYTES_MAX) else {
        return Ok((head.answer, false));
    };
    while came.len() < head.bytes + body {
        if more(stream, came).await? == 0 {
            return Err(Failed::Broken);
        }
    }
    Ok((head.answer, head.stays_open))
}

async fn more(stream: &mut TcpStream, came: &mut Vec<u8>) -> Result<usize, Failed> {
    stream.read_buf(came).await.map_err(|_| Failed::Broken)
}

struct Head {
    answer: Answer,
    /// How long the head is.
    bytes: usize,
    /// Unknown where the body ends with the connection, or comes in chunks.
    body_bytes: Option<usize>,
    stays_open: bool,
}

impl Head {
    /// `None` while it is not whole.
    fn read(came: &[u8]) -> Result<Option<Self>, Failed> {
        let Some(end) = came.windows(4).position(|four| four == b"\r\n\r\n") else {
            return Ok(None);
        };
        let text = came.get(..end).and_then(|head| str::from_utf8(head).ok());
        let mut lines = text.ok_or(Failed::NotHttp)?.split("\r\n");
        let status = lines.next().and_then(|line| {
            let (version, rest) = line.split_once(' ')?;
            version.starts_with("HTTP/1.").then_some(())?;
            rest.get(..3)?.parse().ok()
        });
        let mut head = Self {
            answer: Answer {
                status: status.ok_or(Failed::NotHttp)?,
                receipt_id: None,
            },
            bytes: end + 4,
            body_bytes: None,
            stays_open: true,
        };
        for line in lines {
            let (name, value) = line.split_once(':').ok_or(Failed::NotHttp)?;
            let value = value.trim();
            if name.eq_ignore_ascii_case("content-length") {
                head.body_bytes = value.parse().ok();
            } else if name.eq_ignore_ascii_case("x-receipt-id") {
                head.answer.receipt_id = Some(value.to_owned());
            } else if name.eq_ignore_ascii_case("connection") {
                head.stays_open = !value.eq_ignore_ascii_case("close");
            }
        }
        Ok(Some(head))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(text: &str) -> Option<(u16, Option<String>, Option<usize>, bool)> {
        let head = Head::read(text.as_bytes()).unwrap()?;
        assert_eq!(head.bytes, text.find("\r\n\r\n").unwrap() + 4);
        let Answer { status, receipt_id } = head.answer;
        Some((status, receipt_id, head.body_bytes, head.stays_open))
    }

    #[test]
    fn of_a_head_the_status_the_receipt_and_the_end_are_read() {
        for (text, expected) in [
            ("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n", None),
            (
                "HTTP/1.1 200 OK\r\ncontent-length: 2\r\nX-Receipt-Id: abc\r\n\r\n{}",
                Some((200, Some("abc".to_owned()), Some(2), true)),
            ),
            (
                "HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\ncontent-length:0\r\n\r\n",
                Some((503, None, Some(0), false)),
            ),
            (
                "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n",
                Some((200, None, None, true)),
            ),
        ] {
            assert_eq!(head(text), expected, "{text}");
        }
    }

    #[test]
    fn what_is_no_http_is_told_so() {
        for text in [
            "SSH-2.0\r\n\r\n",
            "HTTP/1.1 abc\r\n\r\n",
            "HTTP/1.1 200\r\nx\r\n\r\n",
        ] {
            assert!(Head::read(text.as_bytes()).is_err(), "{text}");
        }
    }

    #[tokio::test]
    async fn only_plain_http_is_called() {
        for url in ["https://127.0.0.1:1", "nonsense", "unix:/x"] {
            assert!(Target::of(url).await.unwrap_err().is::<WrongUse>(), "{url}");
        }
        let target = Target::of("http://127.0.0.1:8080").await.unwrap();
        assert!(target.is_loopback());
        assert_eq!(target.authority, "127.0.0.1:8080");
        assert!(!Target::of("http://192.0.2.1").await.unwrap().is_loopback());
    }
}
