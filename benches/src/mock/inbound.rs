//! Reading requests, keeping every byte as it came. This reader is lenient where it can be: it is there to
//! show what a proxy sent, not to police it; what it cannot frame is recorded as it is and answered 400.

#![expect(clippy::cast_possible_truncation, reason = "the smaller of the two is a length in memory")]

use std::io;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;

/// Longest request head read.
pub const MAX_HEAD: usize = 1 << 20;
/// Most header fields read.
const MAX_FIELDS: usize = 512;
/// Longest chunk-size or trailer line read.
const MAX_LINE: usize = 16 * 1024;
const READ: usize = 64 * 1024;
/// A slow reader takes its share this often.
const SLOW_TICK: Duration = Duration::from_millis(20);

/// A connection, plain or TLS, with its socket in reach for resets.
pub trait Transport: AsyncRead + AsyncWrite + Unpin + Send {
    /// The TCP socket below.
    fn tcp(&self) -> &TcpStream;
    /// Whether TLS is in between.
    fn is_tls(&self) -> bool;
}

impl Transport for TcpStream {
    fn tcp(&self) -> &TcpStream {
        self
    }
    fn is_tls(&self) -> bool {
        false
    }
}

impl Transport for TlsStream<TcpStream> {
    fn tcp(&self) -> &TcpStream {
        self.get_ref().0
    }
    fn is_tls(&self) -> bool {
        true
    }
}

/// A request's head.
#[derive(Debug, Default)]
pub struct Head {
    /// The bytes up to and including the empty line.
    pub raw: Vec<u8>,
    /// Method as written.
    pub method: String,
    /// Request target as written.
    pub target: String,
    /// HTTP/1.0.
    pub http10: bool,
    fields: Vec<(String, Vec<u8>)>,
}

impl Head {
    /// First value of a field (lower-case name) as text; empty if there is none.
    pub fn get(&self, name: &str) -> &str {
        let found = self.fields.iter().find(|(n, _)| n == name);
        found.and_then(|(_, v)| std::str::from_utf8(v).ok()).unwrap_or_default()
    }

    fn framing(&self) -> Result<RequestFraming, &'static str> {
        let coding = self.get("transfer-encoding");
        if !coding.is_empty() {
            let last = coding.rsplit(',').next().unwrap_or_default().trim();
            return if last.eq_ignore_ascii_case("chunked") {
                Ok(RequestFraming::Chunked(Chunks::default()))
            } else {
                Err("transfer-encoding does not end in chunked")
            };
        }
        match self.get("content-length") {
            "" => Ok(RequestFraming::Length(0)),
            text => text.parse().map(RequestFraming::Length).map_err(|_| "bad content-length"),
        }
    }
}

enum RequestFraming {
    Length(u64),
    Chunked(Chunks),
}

/// A request's body.
#[derive(Debug, Default)]
pub struct ReceivedBody {
    /// As it came, chunk framing included.
    pub raw: Vec<u8>,
    /// Without chunk framing.
    pub payload: Vec<u8>,
    /// Whether its end was seen.
    pub complete: bool,
}

/// Why there is no request.
#[derive(Debug)]
pub enum NoRequest {
    /// The peer closed between requests.
    Closed,
    /// Not HTTP: the bytes so far, and what is wrong.
    Malformed(Vec<u8>, &'static str),
    /// The connection broke.
    Io(io::Error),
}

/// The reading half of a connection's state.
pub struct Inbound<S> {
    /// The connection.
    pub io: S,
    buf: Vec<u8>,
}

impl<S: Transport> Inbound<S> {
    /// Starts on a fresh connection.
    pub fn new(io: S) -> Self {
        Self { io, buf: Vec::new() }
    }

    async fn fill(&mut self, most: usize) -> io::Result<usize> {
        let start = self.buf.len();
        self.buf.resize(start + most, 0);
        let got = self.io.read(&mut self.buf[start..]).await;
        self.buf.truncate(start + got.as_ref().copied().unwrap_or(0));
        got
    }

    /// Reads the next request's head.
    pub async fn head(&mut self) -> Result<Head, NoRequest> {
        loop {
            match parse_head(&self.buf) {
                Ok(Some((head, used))) => {
                    self.buf.drain(..used);
                    return Ok(head);
                }
                Err(why) => return Err(NoRequest::Malformed(std::mem::take(&mut self.buf), why)),
                Ok(None) if self.buf.len() > MAX_HEAD => {
                    return Err(NoRequest::Malformed(std::mem::take(&mut self.buf), "head too long"));
                }
                Ok(None) => {}
            }
            match self.fill(READ).await {
                Ok(0) if self.buf.is_empty() => return Err(NoRequest::Closed),
                Ok(0) => return Err(NoRequest::Malformed(std::mem::take(&mut self.buf), "head cut off")),
                Ok(_) => {}
                Err(e) => return Err(NoRequest::Io(e)),
            }
        }
    }

    /// Reads a body to its end or to the connection's, at `pace` bytes a second if given. Errors say what is
    /// wrong with the framing; what came is in `body` all the same.
    pub async fn body(
        &mut self,
        head: &Head,
        pace: Option<usize>,
        body: &mut ReceivedBody,
    ) -> Result<(), &'static str> {
        let mut framing = head.framing()?;
        let waits = head.get("expect").eq_ignore_ascii_case("100-continue") && self.buf.is_empty();
        if waits && self.io.write_all(b"HTTP/1.1 100 Continue\r\n\r\n").await.is_err() {
            return Ok(());
        }
        loop {
            let used = match &mut framing {
                RequestFraming::Length(left) => {
                    let take = (*left).min(self.buf.len() as u64);
                    *left -= take;
                    body.complete = *left == 0;
                    body.payload.extend_from_slice(&self.buf[..take as usize]);
                    take as usize
                }
                RequestFraming::Chunked(chunks) => {
                    let (used, done) = chunks.feed(&self.buf, &mut body.payload)?;
                    body.complete = done;
                    used
                }
            };
            body.raw.extend_from_slice(&self.buf[..used]);
            self.buf.drain(..used);
            if body.complete {
                return Ok(());
            }
            let most = match pace {
                None => READ,
                Some(rate) => {
                    tokio::time::sleep(SLOW_TICK).await;
                    (rate / 50).clamp(1, READ)
                }
            };
            if !matches!(self.fill(most).await, Ok(1..)) {
                return Ok(());
            }
        }
    }
}

fn parse_head(buf: &[u8]) -> Result<Option<(Head, usize)>, &'static str> {
    let mut fields = [httparse::EMPTY_HEADER; MAX_FIELDS];
    let mut request = httparse::Request::new(&mut fields);
    let used = match request.parse(buf) {
        Ok(httparse::Status::Complete(used)) => used,
        Ok(httparse::Status::Partial) => return Ok(None),
        Err(_) => return Err("malformed request head"),
    };
    let head = Head {
        raw: buf[..used].to_vec(),
        method: request.method.unwrap_or_default().to_owned(),
        target: request.path.unwrap_or_default().to_owned(),
        http10: request.version == Some(0),
        fields: request.headers.iter().map(|f| (f.name.to_ascii_lowercase(), f.value.to_vec())).collect(),
    };
    Ok(Some((head, used)))
}

/// Chunked transfer coding (RFC 9112, 7.1), any cut.
#[derive(Default)]
pub struct Chunks {
    line: Vec<u8>,
    left: usize,
    state: ChunkState,
}

#[derive(Default, PartialEq)]
enum ChunkState {
    #[default]
    Size,
    Data,
    DataEnd,
    Trailer,
}

impl Chunks {
    /// Consumes what it can of `input`, appends the content to `payload`; true at the end of the body.
    pub fn feed(&mut self, input: &[u8], payload: &mut Vec<u8>) -> Result<(usize, bool), &'static str> {
        let mut at = 0;
        while at < input.len() {
            if self.state == ChunkState::Data {
                let take = self.left.min(input.len() - at);
                payload.extend_from_slice(&input[at..at + take]);
                self.left -= take;
                at += take;
                if self.left == 0 {
                    self.state = ChunkState::DataEnd;
                }
                continue;
            }
            self.line.push(input[at]);
            at += 1;
            if self.line.len() > MAX_LINE {
                return Err("chunk line too long");
            }
            if self.line.last() == Some(&b'\n') && self.end_of_line()? {
                return Ok((at, true));
            }
        }
        Ok((at, false))
    }

    fn end_of_line(&mut self) -> Result<bool, &'static str> {
        let line = std::mem::take(&mut self.line);
        let text = std::str::from_utf8(&line).map_err(|_| "chunk line is not ASCII")?.trim_end();
        match self.state {
            ChunkState::Size => {
                let size = text.split(';').next().unwrap_or_default().trim();
                self.left = usize::from_str_radix(size, 16).map_err(|_| "bad chunk size")?;
                self.state = if self.left == 0 { ChunkState::Trailer } else { ChunkState::Data };
            }
            ChunkState::DataEnd if text.is_empty() => self.state = ChunkState::Size,
            ChunkState::DataEnd => return Err("chunk longer than its size"),
            ChunkState::Trailer => return Ok(text.is_empty()),
            ChunkState::Data => {}
        }
        Ok(false)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_at_every_cut() {
        let wire = b"5;ext=1\r\nhello\r\n1\r\n \r\n0\r\ntrailer: x\r\n\r\nNEXT";
        for cut in 0..wire.len() {
            let (mut chunks, mut payload) = (Chunks::default(), Vec::new());
            let (a, mut done) = chunks.feed(&wire[..cut], &mut payload).unwrap();
            let mut used = a;
            if !done {
                let (b, end) = chunks.feed(&wire[cut..], &mut payload).unwrap();
                used += b;
                done = end;
            }
            assert!(done && used == wire.len() - 4 && payload == b"hello ", "cut at {cut}");
        }
    }

    #[test]
    fn wrong_chunks_are_errors() {
        for wrong in ["x\r\n", "1\r\nab\r\n", "\r\n"] {
            assert!(Chunks::default().feed(wrong.as_bytes(), &mut Vec::new()).is_err(), "{wrong:?}");
        }
    }
}
