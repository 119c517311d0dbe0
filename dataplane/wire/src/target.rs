//! A request's path, parsed once: what routing needs of it, and that it stays below the base path it is put behind.
//!
//! A path that a later reader might understand as another one is refused, because the route, and with it the key and
//! the policy, is chosen by the path as written: dot segments (encoded once or more often, with a parameter behind,
//! behind an encoded slash), a backslash, a control byte, an empty first segment (`//host/...` is a network address to
//! some). What is accepted is forwarded byte for byte. An encoded slash is allowed, since clients encode model names
//! that way.

#![expect(clippy::cast_possible_truncation, reason = "two hexadecimal digits make one byte")]

use std::borrow::Cow;

use crate::error::HttpError;

/// How many percent-encodings of percent-encodings are looked through. Nobody needs two; more is an attempt to hide.
pub const MAX_ENCODINGS: usize = 4;

/// A request's path and query, as written.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct RequestTarget<'a> {
    /// From the leading `/` up to the query.
    pub path: &'a str,
    /// Behind the first `?`, if there is one. May hold a key: not for logs.
    pub query: Option<&'a str>,
}

/// The path only: a query may hold a key.
impl std::fmt::Debug for RequestTarget<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Target").field("path", &self.path).finish_non_exhaustive()
    }
}

impl<'a> RequestTarget<'a> {
    /// Splits an origin-form target, or says why it cannot be routed safely (400).
    pub fn parse(target: &'a str) -> Result<Self, HttpError> {
        let (path, query) = match target.split_once('?') {
            Some((path, query)) => (path, Some(query)),
            None => (target, None),
        };
        if !path.starts_with('/') {
            return Err(HttpError::bad_request("the target is not a path"));
        }
        if path.starts_with("//") {
            return Err(EMPTY_FIRST);
        }
        if memchr::memchr2(b'%', b'\\', path.as_bytes()).is_some() {
            check_encoded(path.as_bytes())?;
        } else if has_dot_segment(path.as_bytes()) {
            return Err(DOT_SEGMENTS);
        }
        Ok(Self { path, query })
    }

    /// The first segment of the path: empty only for `/`.
    pub fn first_segment(&self) -> &'a str {
        let inner = &self.path[1..];
        inner.split('/').next().unwrap_or_default()
    }

    /// How many bytes of the target are its first segment, which only names an upstream: `/openai/v1/models` goes on as
    /// `/v1/models` behind 7. An error (400) where it would go on with an empty segment, encoded or not.
    pub fn behind_first(&self) -> Result<usize, HttpError> {
        let end = 1 + self.first_segment().len();
        if has_empty_start(&self.path[end..]) { Err(EMPTY_FIRST) } else { Ok(end) }
    }
}

/// Makes of a target that was parsed the one that is asked below `base` (empty, or `/...` without a trailing slash):
/// its first `named` bytes, 0 or [`RequestTarget::behind_first`], go.
pub fn rebase(target: &mut String, named: usize, base: &str) {
    target.replace_range(..named, base);
    if !target[base.len()..].starts_with('/') {
        target.insert(base.len(), '/');
    }
}

const DOT_SEGMENTS: HttpError = HttpError::bad_request("the path has dot segments");
const EMPTY_FIRST: HttpError = HttpError::bad_request(
    "the path begins with an empty segment: check the base URL for a slash too many at its end",
);
const BROKEN: HttpError = HttpError::bad_request("the path has a broken percent-encoding");
const HIDDEN: HttpError = HttpError::bad_request("the path hides a backslash or a control byte");

/// Looks at a path as readers do that decode it: once, twice, and so on until nothing is encoded any more.
fn check_encoded(path: &[u8]) -> Result<(), HttpError> {
    if path.contains(&b'\\') {
        return Err(HttpError::bad_request("the path has a backslash"));
    }
    let mut seen = path.to_vec();
    for round in 0..=MAX_ENCODINGS {
        if seen.iter().any(|&byte| byte == b'\\' || byte.is_ascii_control()) {
            return Err(HIDDEN);
        }
        // Overlong forms of `.` and `/` are not UTF-8, and some readers take them for what they resemble.
        if std::str::from_utf8(&seen).is_err() {
            return Err(HttpError::bad_request("the path hides bytes that are not UTF-8"));
        }
        if has_dot_segment(&seen) {
            return Err(DOT_SEGMENTS);
        }
        if seen.starts_with(b"//") {
            return Err(EMPTY_FIRST);
        }
        // Only as written must every `%` begin a triplet: decoded, it may stand for itself.
        if !decode(&mut seen, round == 0)? {
            return Ok(());
        }
    }
    Err(HttpError::bad_request("the path is percent-encoded too many times"))
}

/// Whether a path begins with an empty segment to one of the readers that decode it.
fn has_empty_start(path: &str) -> bool {
    if !path.contains('%') {
        return path.starts_with("//");
    }
    // As many rounds as a path that was parsed can have.
    let mut seen = path.as_bytes().to_vec();
    for _ in 0..=MAX_ENCODINGS {
        if seen.starts_with(b"//") {
            return true;
        }
        if !matches!(decode(&mut seen, false), Ok(true)) {
            return false;
        }
    }
    true
}

/// A path as a server reads it that decodes it before it looks at it; as it is, where nothing is encoded. For
/// comparisons only: what is forwarded is the path as written.
pub fn decoded(path: &str) -> Cow<'_, [u8]> {
    if !path.contains('%') {
        return Cow::Borrowed(path.as_bytes());
    }
    let mut seen = path.as_bytes().to_vec();
    for _ in 0..=MAX_ENCODINGS {
        if !matches!(decode(&mut seen, false), Ok(true)) {
            break;
        }
    }
    Cow::Owned(seen)
}

/// Decodes every triplet, in place. False when there was none.
fn decode(bytes: &mut Vec<u8>, strict: bool) -> Result<bool, HttpError> {
    let (mut from, mut to) = (0, 0);
    while from < bytes.len() {
        let hex = |offset: usize| bytes.get(from + offset).and_then(|&b| char::from(b).to_digit(16));
        match (bytes[from], hex(1), hex(2)) {
            (b'%', Some(high), Some(low)) => {
                bytes[to] = (high << 4 | low) as u8;
                from += 3;
            }
            (b'%', ..) if strict => return Err(BROKEN),
            (byte, ..) => {
                bytes[to] = byte;
                from += 1;
            }
        }
        to += 1;
    }
    bytes.truncate(to);
    Ok(to < from)
}

/// Whether a segment is `.` or `..`, alone or before a parameter (`..;x`), a query or a fragment that was encoded, and
/// with spaces around, all of which some servers cut off.
fn has_dot_segment(path: &[u8]) -> bool {
    path.split(|&byte| byte == b'/').any(|segment| {
        let end = segment.iter().position(|byte| matches!(byte, b';' | b'?' | b'#')).unwrap_or(segment.len());
        matches!(segment[..end].trim_ascii(), b"." | b"..")
    })
}

#[cfg(test)]
mod tests;
