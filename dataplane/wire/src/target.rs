//! What routing needs of a request's path, and no more: the path is forwarded byte for byte as it came.
//!
//! A path that a later reader might understand as another one (dot segments, encoded or not, a backslash, an encoded
//! control byte) is refused, because the route, and with it the key and the policy, is chosen by the path as written.
//! An encoded slash is allowed, since clients encode model names that way, but it hides no dot segment.

use crate::error::HttpError;

/// A request's path and query, as written.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Target<'a> {
    /// From the leading `/` up to the query.
    pub path: &'a str,
    /// Behind the first `?`, if there is one. May hold a key: not for logs.
    pub query: Option<&'a str>,
}

/// The path only: a query may hold a key.
impl std::fmt::Debug for Target<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Target").field("path", &self.path).finish_non_exhaustive()
    }
}

impl<'a> Target<'a> {
    /// Splits an origin-form target, or says why it cannot be routed safely (400).
    pub fn parse(target: &'a str) -> Result<Self, HttpError> {
        let (path, query) = match target.split_once('?') {
            Some((path, query)) => (path, Some(query)),
            None => (target, None),
        };
        if !path.starts_with('/') {
            return Err(HttpError::bad_request("the target is not a path"));
        }
        check_encoding(path.as_bytes())?;
        if segments(path).any(is_dot_segment) {
            return Err(HttpError::bad_request("the path has dot segments"));
        }
        Ok(Self { path, query })
    }

    /// The path behind its first segment, if that is `segment`: `/openai/v1/models` behind `openai` is `/v1/models`.
    pub fn behind(&self, segment: &str) -> Option<&'a str> {
        let rest = self.path.strip_prefix('/')?.strip_prefix(segment)?;
        (rest.is_empty() || rest.starts_with('/')).then_some(rest)
    }
}

/// Every `%` begins a triplet, and none hides a backslash or a control byte.
fn check_encoding(path: &[u8]) -> Result<(), HttpError> {
    let mut rest = path;
    while let Some(at) = memchr::memchr2(b'%', b'\\', rest) {
        if rest[at] == b'\\' {
            return Err(HttpError::bad_request("the path has a backslash"));
        }
        let hex = |offset: usize| rest.get(at + offset).and_then(|&b| char::from(b).to_digit(16));
        let (Some(high), Some(low)) = (hex(1), hex(2)) else {
            return Err(HttpError::bad_request("the path has a broken percent-encoding"));
        };
        let byte = (high << 4 | low) as u8;
        if byte == b'\\' || byte.is_ascii_control() {
            return Err(HttpError::bad_request("the path hides a backslash or a control byte"));
        }
        rest = &rest[at + 3..];
    }
    Ok(())
}

/// The segments, an encoded slash taken as a separator too.
fn segments(path: &str) -> impl Iterator<Item = &str> {
    path.split('/').flat_map(|part| part.split("%2f")).flat_map(|part| part.split("%2F"))
}

/// `.` or `..`, with its dots written as they are or encoded, or with a parameter behind (`..;x`), which some servers
/// cut off.
fn is_dot_segment(segment: &str) -> bool {
    let mut rest = segment.split(';').next().unwrap_or_default();
    let mut dots = 0;
    loop {
        let after =
            rest.strip_prefix('.').or_else(|| rest.strip_prefix("%2e")).or_else(|| rest.strip_prefix("%2E"));
        match after {
            Some(after) => rest = after,
            None => return rest.is_empty() && (1..=2).contains(&dots),
        }
        dots += 1;
    }
}

#[cfg(test)]
mod tests;
