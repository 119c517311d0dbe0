//! One HTTP/1.1 client connection that sends prepared bytes and checks what comes back.

use crate::mock::inbound::Chunks;
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use thiserror::Error;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// A request that does not come back within this time is a failure.
pub const DEADLINE: Duration = Duration::from_secs(60);

const READ: usize = 64 * 1024;
/// Longest reply head.
const MAX_HEAD: usize = 64 * 1024;

/// What a reply must be.
#[derive(Clone, Copy, Debug, Default)]
pub struct Expect {
    /// Length of the body without chunk framing, if known.
    pub length: Option<usize>,
}

/// When one exchange's bytes came.
#[derive(Clone, Copy, Debug, Default)]
pub struct Timing {
    /// To the last byte.
    pub total: Duration,
    /// To the first byte of the body.
    pub first: Duration,
}

/// Why a run was given up.
#[derive(Debug, Error)]
pub enum LoadFailure {
    /// The connection failed.
    #[error("connection: {0}")]
    Io(#[from] std::io::Error),
    /// Closed before the reply's end.
    #[error("the connection was closed within a reply")]
    Closed,
    /// Not HTTP, or framed in a way that is not understood.
    #[error("broken reply: {0}")]
    Broken(String),
    /// Another status than 200.
    #[error("status {0}: {1}")]
    Status(u16, String),
    /// Another length than expected.
    #[error("a reply of {got} bytes where {wanted} were expected")]
    Length {
        /// Bytes received.
        got: usize,
        /// Bytes expected.
        wanted: usize,
    },
    /// No reply in time.
    #[error("no reply within {0:?}", DEADLINE)]
    Late,
}

/// A keep-alive connection.
pub struct Connection {
    socket: TcpStream,
    buf: Vec<u8>,
    filled: usize,
    scratch: Vec<u8>,
}

enum BodyFraming {
    Length(usize),
    Chunked(Chunks),
}

impl Connection {
    /// Connects.
    pub async fn open(address: SocketAddr) -> Result<Self, LoadFailure> {
        let socket = TcpStream::connect(address).await?;
        socket.set_nodelay(true)?;
        Ok(Self { socket, buf: vec![0; READ], filled: 0, scratch: Vec::new() })
    }

    async fn read(&mut self, from: usize) -> Result<usize, LoadFailure> {
        match self.socket.read(&mut self.buf[from..]).await? {
            0 => Err(LoadFailure::Closed),
            n => Ok(n),
        }
    }

    /// Sends a request and reads the reply to its end; keeps the body if asked to.
    pub async fn exchange(
        &mut self,
        request: &[u8],
        expect: &Expect,
        mut keep: Option<&mut Vec<u8>>,
    ) -> Result<Timing, LoadFailure> {
        let start = Instant::now();
        self.socket.write_all(request).await?;
        let (status, mut framing, used) = self.head().await?;
        let mut at = used;
        let mut got = 0;
        let mut first = None;
        let whole_body = keep.is_some();
        let mut error = Vec::new();
        loop {
            self.scratch.clear();
            let (used, done) = match &mut framing {
                BodyFraming::Length(left) => {
                    let take = (*left).min(self.filled - at);
                    *left -= take;
                    got += take;
                    if whole_body || status != 200 {
                        self.scratch.extend_from_slice(&self.buf[at..at + take]);
                    }
                    (take, *left == 0)
                }
                BodyFraming::Chunked(chunks) => {
                    let input = &self.buf[at..self.filled];
                    let fed = chunks.feed(input, &mut self.scratch);
                    got += self.scratch.len();
                    fed.map_err(|e| LoadFailure::Broken(e.to_owned()))?
                }
            };
            at += used;
            if got > 0 && first.is_none() {
                first = Some(start.elapsed());
            }
            if let Some(body) = keep.as_deref_mut() {
                body.extend_from_slice(&self.scratch);
            }
            if status != 200 && error.len() < 512 {
                error.extend_from_slice(&self.scratch);
            }
            if done {
                break;
            }
            at = 0;
            self.filled = self.read(0).await?;
        }
        self.buf.copy_within(at..self.filled, 0);
        self.filled -= at;
        if status != 200 {
            return Err(LoadFailure::Status(status, String::from_utf8_lossy(&error).into_owned()));
        }
        match expect.length {
            Some(wanted) if wanted != got => Err(LoadFailure::Length { got, wanted }),
            _ => {
                let total = start.elapsed();
                Ok(Timing { total, first: first.unwrap_or(total) })
            }
        }
    }

    async fn head(&mut self) -> Result<(u16, BodyFraming, usize), LoadFailure> {
        loop {
            if let Some(head) = parse(&self.buf[..self.filled])? {
                return Ok(head);
            }
            if self.filled >= MAX_HEAD.min(self.buf.len()) {
                return Err(LoadFailure::Broken("head too long".to_owned()));
            }
            self.filled += self.read(self.filled).await?;
        }
    }
}

fn parse(buf: &[u8]) -> Result<Option<(u16, BodyFraming, usize)>, LoadFailure> {
    let mut fields = [httparse::EMPTY_HEADER; 64];
    let mut response = httparse::Response::new(&mut fields);
    let used = match response.parse(buf).map_err(|e| LoadFailure::Broken(e.to_string()))? {
        httparse::Status::Complete(used) => used,
        httparse::Status::Partial => return Ok(None),
    };
    let field = |name: &str| {
        let found = response.headers.iter().find(|f| f.name.eq_ignore_ascii_case(name));
        found.and_then(|f| std::str::from_utf8(f.value).ok())
    };
    let framing = match (field("transfer-encoding"), field("content-length")) {
        (Some(coding), _) if coding.eq_ignore_ascii_case("chunked") => {
            BodyFraming::Chunked(Chunks::default())
        }
        (None, Some(length)) => {
            BodyFraming::Length(length.parse().map_err(|_| LoadFailure::Broken("content-length".to_owned()))?)
        }
        _ => return Err(LoadFailure::Broken("a reply without length".to_owned())),
    };
    Ok(Some((response.code.unwrap_or(0), framing, used)))
}
