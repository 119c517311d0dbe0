//! A raw TCP client: sends exactly the given bytes, in exactly the given pieces.

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::thread;
use std::time::Duration;

use nix::libc::linger;
use nix::sys::socket::{setsockopt, sockopt};

use crate::message::Message;

/// No test waits longer than this for bytes.
pub const READ_LIMIT: Duration = Duration::from_secs(30);

/// One connection.
#[derive(Debug)]
pub struct Client {
    stream: TcpStream,
}

impl Client {
    /// Connects, with every write on the wire at once.
    pub fn connect(address: SocketAddr) -> Client {
        Client::try_connect(address).unwrap_or_else(|e| panic!("connect {address}: {e}"))
    }

    /// Connects to what may be gone.
    pub fn try_connect(address: SocketAddr) -> io::Result<Client> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(READ_LIMIT))?;
        stream.set_write_timeout(Some(READ_LIMIT))?;
        Ok(Client { stream })
    }

    /// Sends all bytes at once. A peer that has already answered and closed is no error here.
    pub fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes)
    }

    /// Sends `bytes` in pieces of `size`, with a pause after each so that they stay pieces.
    pub fn send_pieces(&mut self, bytes: &[u8], size: usize, pause: Duration) -> io::Result<()> {
        for piece in bytes.chunks(size.max(1)) {
            self.stream.write_all(piece)?;
            if !pause.is_zero() {
                thread::sleep(pause);
            }
        }
        Ok(())
    }

    /// Reads one reply with its body.
    pub fn reply(&mut self) -> io::Result<Message> {
        Message::read_reply(&mut self.stream, false)
    }

    /// Reads one reply that has no body whatever its head says, as one to HEAD.
    pub fn reply_head(&mut self) -> io::Result<Message> {
        Message::read_reply(&mut self.stream, true)
    }

    /// Reads whatever is there, at most `limit` bytes in one read. The end of the connection is an error.
    pub fn read_some(&mut self, limit: usize) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; limit];
        let count = self.stream.read(&mut bytes)?;
        if count == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        bytes.truncate(count);
        Ok(bytes)
    }

    /// Reads until the peer closes.
    pub fn read_to_end(&mut self) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        self.stream.read_to_end(&mut bytes).map(|_| bytes)
    }

    /// Ends the sending direction.
    pub fn finish(&mut self) {
        let _ = self.stream.shutdown(Shutdown::Write);
    }

    /// Ends the connection with a reset.
    pub fn abort(self) {
        reset(&self.stream);
    }

    /// One exchange on this connection.
    ///
    /// # Panics
    /// If no reply comes.
    pub fn exchange(&mut self, request: &[u8]) -> Message {
        let sent = self.send(request);
        self.reply().unwrap_or_else(|e| panic!("no reply: {e} (sending: {sent:?})"))
    }
}

/// Makes the next close of `stream` a reset.
pub fn reset(stream: &TcpStream) {
    let _ = setsockopt(stream, sockopt::Linger, &linger { l_onoff: 1, l_linger: 0 });
}

/// A POST with a length.
pub fn post(target: &str, content_type: &str, body: &[u8]) -> Vec<u8> {
    post_with(target, content_type, &[], body)
}

/// A POST with a length and further fields.
pub fn post_with(target: &str, content_type: &str, fields: &[(&str, &str)], body: &[u8]) -> Vec<u8> {
    let mut bytes = head(target, content_type, fields);
    bytes.extend_from_slice(format!("content-length: {}\r\n\r\n", body.len()).as_bytes());
    bytes.extend_from_slice(body);
    bytes
}

/// A POST in chunks of `size`.
pub fn post_chunked(
    target: &str,
    content_type: &str,
    fields: &[(&str, &str)],
    body: &[u8],
    size: usize,
) -> Vec<u8> {
    let mut bytes = head(target, content_type, fields);
    bytes.extend_from_slice(b"transfer-encoding: chunked\r\n\r\n");
    for piece in body.chunks(size.max(1)) {
        bytes.extend_from_slice(format!("{:x}\r\n", piece.len()).as_bytes());
        bytes.extend_from_slice(piece);
        bytes.extend_from_slice(b"\r\n");
    }
    bytes.extend_from_slice(b"0\r\n\r\n");
    bytes
}

fn head(target: &str, content_type: &str, fields: &[(&str, &str)]) -> Vec<u8> {
    let mut bytes = format!("POST {target} HTTP/1.1\r\nhost: aegis.test\r\ncontent-type: {content_type}\r\n")
        .into_bytes();
    for (name, value) in fields {
        bytes.extend_from_slice(format!("{name}: {value}\r\n").as_bytes());
    }
    bytes
}

/// A GET.
pub fn get(target: &str) -> Vec<u8> {
    format!("GET {target} HTTP/1.1\r\nhost: aegis.test\r\n\r\n").into_bytes()
}
