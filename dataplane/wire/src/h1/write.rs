//! Writes heads and chunks. Everything comes from the parsed form; the framing fields are written here and nowhere
//! else.

#![expect(
    clippy::cast_possible_truncation,
    reason = "an offset in a chunk header and a decimal digit fit a byte"
)]

use std::ops::Deref;

use super::framing::BodyKind;
use crate::error::HttpError;
use crate::head::{BodyLength, RequestHead, ResponseHead, Version, status_has_no_body};

/// The interim reply to `Expect: 100-continue`.
pub const CONTINUE: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";

/// What follows the payload of every chunk.
pub const CHUNK_END: &[u8] = b"\r\n";

/// The chunk that ends a body, with no trailer fields.
pub const LAST_CHUNK: &[u8] = b"0\r\n\r\n";

/// A 426 must name a protocol that would be accepted (RFC 9110 section 15.5.22), in a field that belongs to the
/// connection.
const UPGRADE_REQUIRED: u16 = 426;
/// The one that is spoken here.
const OFFER: &[u8] = b"upgrade: HTTP/1.1\r\nconnection: upgrade\r\n";

const CHUNKED: &[u8] = b"transfer-encoding: chunked\r\n";
const CONTENT_LENGTH: &[u8] = b"content-length: ";
const LINE_END: &[u8] = b"\r\n";

/// 16 digits and CR LF.
const CHUNK_HEADER_LEN: usize = 18;

/// The line before a chunk's payload, held inline so that it can be one piece of a gather write.
#[derive(Debug, Clone, Copy)]
pub struct ChunkHeader {
    bytes: [u8; CHUNK_HEADER_LEN],
    start: u8,
}

impl Deref for ChunkHeader {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes[usize::from(self.start)..]
    }
}

/// The line before a chunk of `len` bytes. `len` must not be 0, which would end the body: use [`LAST_CHUNK`] for that.
pub fn chunk_header(len: usize) -> ChunkHeader {
    debug_assert!(len > 0, "an empty chunk ends the body");
    let mut bytes = *b"0000000000000000\r\n";
    let mut start = CHUNK_HEADER_LEN - LINE_END.len();
    let mut rest = len;
    while rest > 0 {
        start -= 1;
        bytes[start] = b"0123456789abcdef"[rest & 0xf];
        rest >>= 4;
    }
    ChunkHeader { bytes, start: start as u8 }
}

/// Appends `payload` as one chunk; nothing if it is empty.
pub fn write_chunk(payload: &[u8], out: &mut Vec<u8>) {
    if !payload.is_empty() {
        out.extend_from_slice(&chunk_header(payload.len()));
        out.extend_from_slice(payload);
        out.extend_from_slice(CHUNK_END);
    }
}

/// Appends the head of a request in HTTP/1.1 and says how its body must be framed.
///
/// An error (400, nothing appended) if path or authority hold a byte that would end the line or the word: they come
/// from a parser, which lets no such byte through, but one that was put in since must not become a second request.
pub fn write_request(head: &RequestHead, body: BodyLength, out: &mut Vec<u8>) -> Result<BodyKind, HttpError> {
    if head.path.is_empty() || !head.path.bytes().chain(head.authority.bytes()).all(|b| b.is_ascii_graphic())
    {
        return Err(HttpError::bad_request("the target has a byte that is not printable ASCII"));
    }
    for part in [head.method.as_str(), " ", &head.path, " HTTP/1.1\r\nhost: ", &head.authority, "\r\n"] {
        out.extend_from_slice(part.as_bytes());
    }
    head.fields.write_lines(out);
    let framing = match body {
        BodyLength::Empty => BodyKind::None,
        BodyLength::Known(n) => {
            write_length(n, out);
            BodyKind::Length(n)
        }
        BodyLength::Unknown => {
            out.extend_from_slice(CHUNKED);
            BodyKind::Chunked
        }
    };
    out.extend_from_slice(LINE_END);
    Ok(framing)
}

/// What the writer of a reply must know of the client's connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Peer {
    /// The version of the client's request.
    pub version: Version,
    /// Whether the connection is to be kept after this reply.
    pub keep_alive: bool,
}

/// Appends the head of a reply and says how its body must be framed.
///
/// The body is `UntilClose`, and the connection must then be closed after it, when its length is unknown and the client
/// speaks HTTP/1.0. For the reply to a HEAD, `body` is `Empty`. A 1xx, 204 or 304 has no body whatever `body` says.
pub fn write_response(head: &ResponseHead, body: BodyLength, peer: Peer, out: &mut Vec<u8>) -> BodyKind {
    write_status_line(head.status, out);
    head.fields.write_lines(out);
    let body = if status_has_no_body(head.status) { BodyLength::Empty } else { body };
    let framing = match body {
        BodyLength::Empty => BodyKind::None,
        BodyLength::Known(n) => {
            write_length(n, out);
            BodyKind::Length(n)
        }
        BodyLength::Unknown if peer.version == Version::Http10 => BodyKind::UntilClose,
        BodyLength::Unknown => {
            out.extend_from_slice(CHUNKED);
            BodyKind::Chunked
        }
    };
    let close = !peer.keep_alive || framing == BodyKind::UntilClose;
    if head.status == UPGRADE_REQUIRED {
        out.extend_from_slice(OFFER);
    }
    if close {
        out.extend_from_slice(b"connection: close\r\n");
    } else if peer.version == Version::Http10 {
        out.extend_from_slice(b"connection: keep-alive\r\n");
    }
    out.extend_from_slice(LINE_END);
    framing
}

fn write_status_line(status: u16, out: &mut Vec<u8>) {
    out.extend_from_slice(b"HTTP/1.1 ");
    out.extend([status / 100 % 10, status / 10 % 10, status % 10].map(|digit| b'0' + digit as u8));
    out.push(b' ');
    out.extend_from_slice(reason(status).as_bytes());
    out.extend_from_slice(LINE_END);
}

fn write_length(n: u64, out: &mut Vec<u8>) {
    out.extend_from_slice(CONTENT_LENGTH);
    let mut digits = [0u8; 20];
    let mut start = digits.len();
    let mut rest = n;
    loop {
        start -= 1;
        digits[start] = b'0' + (rest % 10) as u8;
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    out.extend_from_slice(&digits[start..]);
    out.extend_from_slice(LINE_END);
}

/// The usual phrase of a status, empty for an unusual one. Clients ignore it (RFC 9112 section 4).
fn reason(status: u16) -> &'static str {
    match status {
        100 => "Continue",
        200 => "OK",
        201 => "Created",
        202 => "Accepted",
        204 => "No Content",
        206 => "Partial Content",
        301 => "Moved Permanently",
        302 => "Found",
        303 => "See Other",
        304 => "Not Modified",
        307 => "Temporary Redirect",
        308 => "Permanent Redirect",
        400 => "Bad Request",
        401 => "Unauthorized",
        402 => "Payment Required",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        408 => "Request Timeout",
        409 => "Conflict",
        411 => "Length Required",
        413 => "Content Too Large",
        415 => "Unsupported Media Type",
        417 => "Expectation Failed",
        422 => "Unprocessable Content",
        426 => "Upgrade Required",
        429 => "Too Many Requests",
        431 => "Request Header Fields Too Large",
        500 => "Internal Server Error",
        501 => "Not Implemented",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        505 => "HTTP Version Not Supported",
        _ => "",
    }
}
