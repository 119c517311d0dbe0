//! Reply heads: the client side of the codec. As strict as the server side; every error is a 502 to the client.

use super::framing::{BodyKind, ConnectionOptions, FramingFields, KnownField, known};
use super::scan::{HeadFault, LineScanner, MAX_FIELDS};
use crate::error::HttpError;
use crate::head::{MAX_NAME_LEN, Method, ResponseHead, Version, status_has_no_body};

/// The most interim replies (100, 102, 103) that may come before the final one.
pub const MAX_INTERIM_REPLIES: usize = 16;

/// Fields that most heads stay under; a head of more costs a larger table on the stack.
const FEW_FIELDS: usize = 48;

/// What was made of the bytes so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ResponseVerdict {
    /// The head is not complete: call again with the same bytes and more behind them.
    Incomplete,
    /// The final head is complete and was stored.
    Complete(ResponseParse),
}

/// A complete reply head, apart from what is in the [`ResponseHead`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ResponseParse {
    /// Bytes of the buffer that the head took, interim replies before it included; the body begins behind them.
    pub consumed: usize,
    /// How the body is delimited.
    pub framing: BodyKind,
    /// Whether the connection can be used again once the body has been read to its end.
    pub keep_alive: bool,
}

/// Parses reply heads from bytes that arrive in pieces. Remembers how far it looked; passes over interim replies.
#[derive(Debug, Clone, Default)]
pub struct ResponseParser {
    lines: LineScanner,
    line_checked: bool,
    interim: usize,
}

impl ResponseParser {
    /// A parser for the next reply.
    pub fn new() -> Self {
        Self::default()
    }

    /// Parses the reply at the beginning of `buf` to a request of `method`.
    ///
    /// While the answer is `Incomplete`, call again with a buffer that begins with the same bytes and has more of them.
    /// Once it is `Complete` the parser is ready for the next reply. The content of `head` counts only with `Complete`.
    pub fn parse(
        &mut self,
        buf: &[u8],
        method: Method,
        head: &mut ResponseHead,
    ) -> Result<ResponseVerdict, HttpError> {
        loop {
            let scanned = self.lines.scan(buf, false);
            let start = self.lines.start;
            if buf.get(start).is_some_and(|&b| b != b'H') {
                return Err(HttpError::bad_reply("the reply does not begin with HTTP"));
            }
            let first_line_end = self.lines.first_line_end;
            let complete = matches!(scanned, Ok(Some(_)));
            if first_line_end > 0 && (complete || !self.line_checked) {
                head.clear();
                status_line(&buf[start..first_line_end], head)?;
                self.line_checked = true;
            }
            let Some(end) = scanned.map_err(fault)? else { return Ok(ResponseVerdict::Incomplete) };
            let lines = &buf[first_line_end..end];
            let parse = if self.lines.fields <= FEW_FIELDS {
                fields::<FEW_FIELDS>(lines, method, head)
            } else {
                fields::<MAX_FIELDS>(lines, method, head)
            }
            .map_err(|e| HttpError::bad_reply(e.reason()))?;
            if head.status >= 200 {
                *self = Self::default();
                return Ok(ResponseVerdict::Complete(ResponseParse { consumed: end, ..parse }));
            }
            self.interim += 1;
            if self.interim > MAX_INTERIM_REPLIES {
                return Err(HttpError::bad_reply("too many interim replies"));
            }
            self.lines = LineScanner::at(end);
            self.line_checked = false;
        }
    }
}

/// Parses a reply head from a buffer, without memory of an earlier attempt. See [`ResponseParser::parse`].
pub fn parse_response(
    buf: &[u8],
    method: Method,
    head: &mut ResponseHead,
) -> Result<ResponseVerdict, HttpError> {
    ResponseParser::new().parse(buf, method, head)
}

fn fault(fault: HeadFault) -> HttpError {
    HttpError::bad_reply(match fault {
        HeadFault::BareLineFeed => "a line of the reply does not end in CR LF",
        HeadFault::EmptyLine => "an empty line before the reply",
        HeadFault::TooLong => "the reply's head is too long",
        HeadFault::TooManyFields => "the reply has too many fields",
    })
}

/// Version and status of `line`, which ends in CR LF. The reason phrase is checked and dropped.
fn status_line(line: &[u8], head: &mut ResponseHead) -> Result<(), HttpError> {
    let mut parsed = httparse::Response::new(&mut []);
    let outcome = parsed.parse(line);
    let (Ok(_), Some(minor), Some(status)) = (outcome, parsed.version, parsed.code) else {
        return Err(HttpError::bad_reply("malformed status line"));
    };
    head.version = if minor == 0 { Version::Http10 } else { Version::Http11 };
    head.status = status;
    match status {
        101 => Err(HttpError::bad_reply("the reply switches protocols")),
        100..=599 => Ok(()),
        _ => Err(HttpError::bad_reply("the reply's status is out of range")),
    }
}

/// Splits the field lines, stores the end-to-end fields, and decides. `consumed` is left to the caller.
fn fields<const N: usize>(
    lines: &[u8],
    method: Method,
    head: &mut ResponseHead,
) -> Result<ResponseParse, HttpError> {
    let mut table = [httparse::EMPTY_HEADER; N];
    let parsed = match httparse::parse_headers(lines, &mut table) {
        Ok(httparse::Status::Complete((end, parsed))) if end == lines.len() => parsed,
        _ => return Err(HttpError::bad_reply("malformed field in the reply")),
    };
    let mut framing = FramingFields::default();
    let mut connection = ConnectionOptions::default();
    for field in parsed {
        let (name, value) = (field.name.as_bytes(), field.value);
        if name.len() > MAX_NAME_LEN {
            return Err(HttpError::bad_reply("a field name of the reply is too long"));
        }
        match known(name) {
            KnownField::ContentLength => framing.content_length(value),
            KnownField::TransferEncoding => framing.transfer_encoding(value),
            KnownField::Connection => connection.add(value)?,
            KnownField::Upgrade | KnownField::Host | KnownField::Dropped => {}
            KnownField::Other | KnownField::ContentType | KnownField::Expect => {
                head.fields.store_from(lines, name, value);
            }
        }
    }
    if connection.names_fields {
        for field in parsed.iter().filter(|f| known(f.name.as_bytes()) == KnownField::Connection) {
            head.fields.remove_listed(field.value);
        }
    }
    let framing = decide(&framing, method, head)?;
    let keep_alive = framing != BodyKind::UntilClose && connection.is_persistent(head.version);
    Ok(ResponseParse { consumed: 0, framing, keep_alive })
}

/// The framing of the reply's body (RFC 9112 section 6.3).
fn decide(
    framing: &FramingFields<'_>,
    method: Method,
    head: &mut ResponseHead,
) -> Result<BodyKind, HttpError> {
    let said = framing.decide(head.version)?;
    if status_has_no_body(head.status) && head.status != 304 {
        if framing.has_coding() || !matches!(said, None | Some(BodyKind::Length(0))) {
            return Err(HttpError::bad_reply("a reply of this status has no body, yet one is announced"));
        }
        return Ok(BodyKind::None);
    }
    if method == Method::Head || head.status == 304 {
        if let Some(BodyKind::Length(n)) = said {
            head.fields.set_described_length(n);
        }
        return Ok(BodyKind::None);
    }
    Ok(said.unwrap_or(BodyKind::UntilClose))
}
