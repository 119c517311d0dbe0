//! The framing decision: from the fields that speak of it, collected while a head is read, to one [`BodyKind`].

use crate::error::HttpError;
use crate::head::{BodyLength, Version, list, parse_length};

/// How the body of an HTTP/1 message is delimited.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum BodyKind {
    /// No body.
    #[default]
    None,
    /// Exactly so many bytes.
    Length(u64),
    /// Chunks until the empty one.
    Chunked,
    /// All bytes until the connection ends; replies only.
    UntilClose,
}

impl BodyKind {
    /// The neutral statement of the body's length.
    pub fn length(self) -> BodyLength {
        match self {
            Self::None => BodyLength::Empty,
            Self::Length(n) => BodyLength::Known(n),
            Self::Chunked | Self::UntilClose => BodyLength::Unknown,
        }
    }
}

/// Names that are of interest to the codec; all others are end-to-end fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum KnownField {
    Connection,
    ContentLength,
    ContentType,
    Expect,
    Host,
    TransferEncoding,
    Upgrade,
    /// Hop-by-hop without a meaning here: dropped.
    Dropped,
    Other,
}

/// Recognises a name in any case. The length decides first, so that most names cost one comparison of lengths.
pub(super) fn known(name: &[u8]) -> KnownField {
    let candidates: &[(&[u8], KnownField)] = match name.len() {
        2 => &[(b"te", KnownField::Dropped)],
        4 => &[(b"host", KnownField::Host)],
        6 => &[(b"expect", KnownField::Expect)],
        7 => &[(b"upgrade", KnownField::Upgrade), (b"trailer", KnownField::Dropped)],
        10 => &[(b"connection", KnownField::Connection), (b"keep-alive", KnownField::Dropped)],
        12 => &[(b"content-type", KnownField::ContentType)],
        14 => &[(b"content-length", KnownField::ContentLength)],
        16 => &[(b"proxy-connection", KnownField::Dropped)],
        17 => &[(b"transfer-encoding", KnownField::TransferEncoding)],
        19 => &[(b"proxy-authorization", KnownField::Dropped)],
        _ => &[],
    };
    candidates.iter().find(|(n, _)| name.eq_ignore_ascii_case(n)).map_or(KnownField::Other, |&(_, k)| k)
}

/// What the framing fields of one head said.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct FramingFields<'a> {
    length: Option<&'a [u8]>,
    coding: Option<&'a [u8]>,
    repeated: bool,
}

impl<'a> FramingFields<'a> {
    pub(super) fn content_length(&mut self, value: &'a [u8]) {
        self.repeated |= self.length.replace(value).is_some();
    }

    pub(super) fn transfer_encoding(&mut self, value: &'a [u8]) {
        self.repeated |= self.coding.replace(value).is_some();
    }

    /// Whether a transfer coding is named.
    pub(super) fn has_coding(&self) -> bool {
        self.coding.is_some()
    }

    /// The decision; `None` when nothing was said. Errors are those of a request.
    pub(super) fn decide(&self, version: Version) -> Result<Option<BodyKind>, HttpError> {
        let reason = match (self.length, self.coding) {
            _ if self.repeated => "a framing field is repeated",
            (None, None) => return Ok(None),
            (Some(_), Some(_)) => "both content-length and transfer-encoding",
            (Some(value), None) => match parse_length(value) {
                Some(n) => return Ok(Some(BodyKind::Length(n))),
                None => "content-length is not a number",
            },
            (None, Some(_)) if version == Version::Http10 => "transfer-encoding in HTTP/1.0",
            (None, Some(value)) => return chunked(value).map(Some),
        };
        Err(HttpError::bad_request(reason))
    }
}

/// Accepts `chunked` alone. Other codings are not implemented (501) as long as `chunked` comes last, which is what
/// makes the body's end known; everything else is ambiguous (400).
fn chunked(value: &[u8]) -> Result<BodyKind, HttpError> {
    if value.eq_ignore_ascii_case(b"chunked") {
        return Ok(BodyKind::Chunked);
    }
    let is_chunked = |item: &[u8]| item.eq_ignore_ascii_case(b"chunked");
    let times = list(value).filter(|item| is_chunked(item)).count();
    let last = list(value).last().is_some_and(is_chunked);
    let plain = list(value).all(|item| item.iter().all(|&b| crate::head::is_token_byte(b)));
    if plain && ((times == 1 && last && list(value).count() > 1) || (times == 0 && list(value).count() > 0)) {
        Err(HttpError::new(501, "this transfer coding is not implemented"))
    } else {
        Err(HttpError::bad_request("transfer-encoding is not chunked, once and last"))
    }
}

/// What the `connection` fields of a head ask for.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct ConnectionOptions {
    close: bool,
    keep_alive: bool,
    /// Some option is the name of a field to be dropped.
    pub(super) names_fields: bool,
}

impl ConnectionOptions {
    /// Takes the value of one `connection` field.
    ///
    /// Naming a field that decides what a message is (its framing, target or media type) is refused: a reader that
    /// drops it understands another message than one that does not.
    pub(super) fn add(&mut self, value: &[u8]) -> Result<(), HttpError> {
        const VITAL: [&[u8]; 6] = [
            b"host",
            b"content-length",
            b"transfer-encoding",
            b"content-type",
            b"content-encoding",
            b"authorization",
        ];
        for option in list(value) {
            if option.eq_ignore_ascii_case(b"close") {
                self.close = true;
            } else if option.eq_ignore_ascii_case(b"keep-alive") {
                self.keep_alive = true;
            } else if VITAL.iter().any(|name| option.eq_ignore_ascii_case(name)) {
                return Err(HttpError::bad_request("connection names a field that must not be dropped"));
            } else {
                self.names_fields = true;
            }
        }
        Ok(())
    }

    /// Whether the connection may carry another message after this one (RFC 9112 section 9.3).
    pub(super) fn is_persistent(self, version: Version) -> bool {
        match version {
            Version::Http10 => self.keep_alive && !self.close,
            Version::Http11 | Version::Http2 => !self.close,
        }
    }
}
