//! Message heads that know nothing of the protocol version they came by.
//!
//! HTTP/1 and HTTP/2 both fill these, and everything between the two connections (routing, keys, limits, rewriting)
//! works on them. How a body is framed on its connection is the codec's own business; here it only has a length or not.

#![expect(clippy::cast_possible_truncation, reason = "a method has at most `MAX_METHOD_LEN` bytes")]

mod fields;

use std::fmt;

pub use fields::{FieldError, Fields, MAX_NAME_LEN, is_connection_field, list};
pub(crate) use fields::{is_token_byte, is_value_byte, parse_length};

/// The longest method that is carried. A longer one is refused with 501.
pub const MAX_METHOD_LEN: usize = 23;

/// The protocol version a message came by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Version {
    /// HTTP/1.0: no chunked bodies, connections close unless asked otherwise.
    Http10,
    /// HTTP/1.1.
    #[default]
    Http11,
    /// HTTP/2.
    Http2,
}

/// The method of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Method {
    /// GET
    #[default]
    Get,
    /// HEAD: its reply has no body, whatever its head says.
    Head,
    /// POST
    Post,
    /// PUT
    Put,
    /// DELETE
    Delete,
    /// OPTIONS
    Options,
    /// PATCH
    Patch,
    /// Any other, upper-case letters, `-` and `_` only.
    Other(MethodName),
}

/// A method name that is not one of the usual ones, held inline.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct MethodName {
    bytes: [u8; MAX_METHOD_LEN],
    len: u8,
}

impl MethodName {
    /// The name.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.bytes[..usize::from(self.len)]).unwrap_or_default()
    }
}

impl fmt::Debug for MethodName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Method {
    /// The method of this exact name; `None` when it is empty, longer than [`MAX_METHOD_LEN`] or has anything but
    /// upper-case letters, `-` and `_`.
    pub fn parse(name: &[u8]) -> Option<Self> {
        Some(match name {
            b"GET" => Self::Get,
            b"HEAD" => Self::Head,
            b"POST" => Self::Post,
            b"PUT" => Self::Put,
            b"DELETE" => Self::Delete,
            b"OPTIONS" => Self::Options,
            b"PATCH" => Self::Patch,
            _ => {
                let allowed = |b: &u8| b.is_ascii_uppercase() || matches!(b, b'-' | b'_');
                if name.is_empty() || name.len() > MAX_METHOD_LEN || !name.iter().all(allowed) {
                    return None;
                }
                let mut bytes = [0; MAX_METHOD_LEN];
                bytes[..name.len()].copy_from_slice(name);
                Self::Other(MethodName { bytes, len: name.len() as u8 })
            }
        })
    }

    /// The name, as it is sent.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Get => "GET",
            Self::Head => "HEAD",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Delete => "DELETE",
            Self::Options => "OPTIONS",
            Self::Patch => "PATCH",
            Self::Other(name) => name.as_str(),
        }
    }
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What is known of a body before it is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum BodyLength {
    /// There is no body and nothing is said of its length: a GET, or the reply to a HEAD, a 204, a 304.
    #[default]
    Empty,
    /// Exactly so many bytes, zero included.
    Known(u64),
    /// It ends when it ends.
    Unknown,
}

/// The head of a request.
///
/// `fields` has no `host`: it is in `authority`, wherever it came from. Reuse one head for the next message with
/// [`clear`](Self::clear); parsers do that themselves.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct RequestHead {
    /// The method.
    pub method: Method,
    /// Host and, if it was given, port. Empty only for an HTTP/1.0 request without a Host field.
    pub authority: String,
    /// Path and query in origin form, starting with `/`, exactly as sent; or `*` for OPTIONS.
    pub path: String,
    /// The version it came by.
    pub version: Version,
    /// The end-to-end fields.
    pub fields: Fields,
}

impl RequestHead {
    /// An empty head to parse into.
    pub fn new() -> Self {
        Self::default()
    }

    /// Forgets everything and keeps the memory.
    pub fn clear(&mut self) {
        self.method = Method::Get;
        self.authority.clear();
        self.path.clear();
        self.version = Version::Http11;
        self.fields.clear();
    }
}

/// Method, path without its query (which may hold a key), version and field names.
impl fmt::Debug for RequestHead {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.path.split('?').next().unwrap_or_default();
        f.debug_struct("RequestHead")
            .field("method", &self.method)
            .field("authority", &self.authority)
            .field("path", &path)
            .field("version", &self.version)
            .field("fields", &self.fields)
            .finish()
    }
}

/// The head of a reply.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ResponseHead {
    /// The status, 200 to 599 once parsed.
    pub status: u16,
    /// The version it came by.
    pub version: Version,
    /// The end-to-end fields.
    pub fields: Fields,
}

impl ResponseHead {
    /// An empty head to parse into.
    pub fn new() -> Self {
        Self::default()
    }

    /// Forgets everything and keeps the memory.
    pub fn clear(&mut self) {
        self.status = 0;
        self.version = Version::Http11;
        self.fields.clear();
    }
}

/// Whether a reply of this status never has a body (RFC 9110 section 6.4.1).
pub fn status_has_no_body(status: u16) -> bool {
    matches!(status, 100..=199 | 204 | 304)
}

#[cfg(test)]
mod tests;
