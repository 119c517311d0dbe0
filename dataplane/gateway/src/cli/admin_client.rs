//! Asks a gateway's admin listener: a request, and all of its answer.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// How long the listener may take for one step. It answers at once unless the machine hangs.
const STEP_TIMEOUT: Duration = Duration::from_secs(2);
/// Longest answer that is read, in bytes; `/metrics` of a large gateway has a few hundred KiB.
const MAX_ANSWER: u64 = 16 << 20;

/// The answer to a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Answer {
    /// HTTP status.
    pub status: u16,
    /// The body as text.
    pub body: String,
}

/// Gets `path` from the admin listener at `address`.
pub(super) fn get(address: SocketAddr, path: &str) -> io::Result<Answer> {
    ask(address, "GET", path)
}

/// Deletes `path` at the admin listener at `address`.
pub(super) fn delete(address: SocketAddr, path: &str) -> io::Result<Answer> {
    ask(address, "DELETE", path)
}

fn ask(address: SocketAddr, method: &str, path: &str) -> io::Result<Answer> {
    let mut stream = TcpStream::connect_timeout(&address, STEP_TIMEOUT)?;
    stream.set_read_timeout(Some(STEP_TIMEOUT))?;
    stream.set_write_timeout(Some(STEP_TIMEOUT))?;
    // Version 1.0: the answer ends with the connection, and comes without chunks.
    write!(stream, "{method} {path} HTTP/1.0\r\nhost: {address}\r\n\r\n")?;
    let mut answer = Vec::new();
    stream.take(MAX_ANSWER).read_to_end(&mut answer)?;
    parse(&String::from_utf8_lossy(&answer)).ok_or_else(|| io::Error::other("no HTTP answer"))
}

fn parse(answer: &str) -> Option<Answer> {
    let (head, body) = answer.split_once("\r\n\r\n")?;
    let status = head.strip_prefix("HTTP/1.")?.split(' ').nth(1)?.parse().ok()?;
    Some(Answer { status, body: body.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_distinguished_from_what_is_none() {
        let ready = parse("HTTP/1.0 503 Service Unavailable\r\na: b\r\n\r\nnot ready\n").unwrap();
        assert_eq!((ready.status, ready.body.as_str()), (503, "not ready\n"));
        for other in
            ["", "SSH-2.0-x\r\n\r\n", "HTTP/1.1 200 OK\r\n", "HTTP/1.1 x\r\n\r\n", "HTTP/2 200\r\n\r\n"]
        {
            assert_eq!(parse(other), None, "{other:?}");
        }
    }
}
