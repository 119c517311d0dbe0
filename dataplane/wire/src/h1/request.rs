//! Request heads: the server side of the codec.

use super::framing::{BodyKind, ConnectionOptions, FramingFields, KnownField, known};
use super::scan::{HeadFault, LineScanner, MAX_FIELDS};
use crate::error::HttpError;
use crate::head::{MAX_METHOD_LEN, MAX_NAME_LEN, Method, RequestHead, Version, list};

/// Fields that most heads stay under; a head of more costs a larger table on the stack.
const FEW_FIELDS: usize = 32;

/// What was made of the bytes so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Parse {
    /// The head is not complete: call again with the same bytes and more behind them.
    Incomplete,
    /// The head is complete and was stored.
    Complete(RequestParse),
}

/// A complete request head, apart from what is in the [`RequestHead`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RequestParse {
    /// Bytes of the buffer that the head took; the body begins behind them.
    pub consumed: usize,
    /// How the body is delimited; never `UntilClose`.
    pub framing: BodyKind,
    /// Whether the client wants the connection kept.
    pub keep_alive: bool,
    /// The client waits for [`CONTINUE`](super::CONTINUE) before it sends the body.
    pub expect_continue: bool,
    /// The client asks for another protocol than HTTP. Asking for `h2c` alone does not count: it may be answered in
    /// HTTP/1.1 as if it had not been asked (RFC 9110 section 7.8), and common HTTP libraries ask for it by default.
    pub upgrade: bool,
}

/// Parses request heads from bytes that arrive in pieces. Remembers how far it looked.
#[derive(Debug, Clone, Default)]
pub struct RequestParser {
    lines: LineScanner,
    line_checked: bool,
}

impl RequestParser {
    /// A parser for the next head.
    pub fn new() -> Self {
        Self::default()
    }

    /// Parses the head at the beginning of `buf`.
    ///
    /// While the answer is `Incomplete`, call again with a buffer that begins with the same bytes and has more of them.
    /// Once it is `Complete` the parser is ready for the next head. After an error the connection must be closed.
    /// The content of `head` counts only with `Complete`.
    pub fn parse(&mut self, buf: &[u8], head: &mut RequestHead) -> Result<Parse, HttpError> {
        let scanned = self.lines.scan(buf, true);
        if let Some(&first) = buf.get(self.lines.start)
            && !first.is_ascii_uppercase()
            && first != b'\r'
            && first != b'\n'
        {
            return Err(HttpError::bad_request("the request does not begin with a method"));
        }
        let first_line_end = self.lines.first_line_end;
        let complete = matches!(scanned, Ok(Some(_)));
        if first_line_end > 0 && (complete || !self.line_checked) {
            head.clear();
            request_line(&buf[self.lines.start..first_line_end], head)?;
            self.line_checked = true;
        }
        let Some(consumed) = scanned.map_err(fault)? else { return Ok(Parse::Incomplete) };
        let lines = &buf[first_line_end..consumed];
        let parse = if self.lines.fields <= FEW_FIELDS {
            fields::<FEW_FIELDS>(lines, head)
        } else {
            fields::<MAX_FIELDS>(lines, head)
        }?;
        *self = Self::default();
        Ok(Parse::Complete(RequestParse { consumed, ..parse }))
    }
}

/// Parses a request head from a buffer, without memory of an earlier attempt. See [`RequestParser::parse`].
pub fn parse_request(buf: &[u8], head: &mut RequestHead) -> Result<Parse, HttpError> {
    RequestParser::new().parse(buf, head)
}

fn fault(fault: HeadFault) -> HttpError {
    match fault {
        HeadFault::BareLineFeed => HttpError::bad_request("a line does not end in CR LF"),
        HeadFault::EmptyLine => HttpError::bad_request("too many empty lines before the request"),
        HeadFault::TooLong => HttpError::new(431, "the request head is too long"),
        HeadFault::TooManyFields => HttpError::new(431, "the request has too many fields"),
    }
}

/// Method, target and version of `line`, which ends in CR LF.
fn request_line(line: &[u8], head: &mut RequestHead) -> Result<(), HttpError> {
    let mut parsed = httparse::Request::new(&mut []);
    let outcome = parsed.parse(line);
    let name = parsed.method.unwrap_or_default().as_bytes();
    match outcome {
        Ok(_) => {}
        Err(httparse::Error::Version) if has_other_version(line) => {
            return Err(HttpError::new(505, "only HTTP/1.0 and HTTP/1.1 are spoken here"));
        }
        Err(_) => return Err(HttpError::bad_request("malformed request line")),
    }
    let (Some(target), Some(minor)) = (parsed.path, parsed.version) else {
        return Err(HttpError::bad_request("malformed request line"));
    };
    head.version = if minor == 0 { Version::Http10 } else { Version::Http11 };
    if name.len() > MAX_METHOD_LEN {
        return Err(HttpError::new(501, "this method is not implemented"));
    }
    if name == b"CONNECT" || name == b"TRACE" {
        return Err(HttpError::new(405, "this method is not allowed"));
    }
    head.method = Method::parse(name).ok_or(HttpError::bad_request("malformed method"))?;
    store_target(target, head)
}

/// Whether the line is of three words and the last is a well-formed version that is not ours.
fn has_other_version(line: &[u8]) -> bool {
    let mut words = line.strip_suffix(b"\r\n").unwrap_or(line).split(|&b| b == b' ');
    let (Some(_), Some(_), Some(version), None) = (words.next(), words.next(), words.next(), words.next())
    else {
        return false;
    };
    matches!(version, [b'H', b'T', b'T', b'P', b'/', major, b'.', minor]
        if major.is_ascii_digit() && minor.is_ascii_digit())
}

/// Takes the target apart (RFC 9112 section 3.2): origin form, absolute form, or `*` for OPTIONS.
fn store_target(target: &str, head: &mut RequestHead) -> Result<(), HttpError> {
    let bytes = target.as_bytes();
    if !bytes.iter().all(u8::is_ascii_graphic) {
        return Err(HttpError::bad_request("the target has a byte that is not printable ASCII"));
    }
    if bytes.contains(&b'#') {
        return Err(HttpError::bad_request("the target has a fragment"));
    }
    if bytes[0] == b'/' {
        head.path.push_str(target);
        return Ok(());
    }
    if target == "*" {
        if head.method != Method::Options {
            return Err(HttpError::bad_request("the target * is for OPTIONS only"));
        }
        head.path.push('*');
        return Ok(());
    }
    let Some(rest) = strip_scheme(target) else {
        return Err(HttpError::bad_request("the target is neither a path nor an http address"));
    };
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    if !is_authority(authority.as_bytes()) {
        return Err(HttpError::bad_request("malformed authority in the target"));
    }
    head.authority.push_str(authority);
    match path.as_bytes().first() {
        None if head.method == Method::Options => head.path.push('*'),
        None => head.path.push('/'),
        Some(b'?') => {
            head.path.push('/');
            head.path.push_str(path);
        }
        Some(_) => head.path.push_str(path),
    }
    Ok(())
}

fn strip_scheme(target: &str) -> Option<&str> {
    let (scheme, rest) = target.split_once("://")?;
    let known = scheme.eq_ignore_ascii_case("http") || scheme.eq_ignore_ascii_case("https");
    known.then_some(rest)
}

/// Whether this is a host with an optional port: a name, an IPv4 address, or an IPv6 address in brackets. No user
/// information, nothing percent-encoded.
pub(super) fn is_authority(value: &[u8]) -> bool {
    let (host, rest) = if let Some(inner) = value.strip_prefix(b"[") {
        let Some(end) = inner.iter().position(|&b| b == b']') else { return false };
        let (address, rest) = (&inner[..end], &inner[end + 1..]);
        let allowed = |b: &u8| b.is_ascii_hexdigit() || matches!(b, b':' | b'.');
        (!address.is_empty() && address.iter().all(allowed), rest)
    } else {
        let end = value.iter().position(|&b| b == b':').unwrap_or(value.len());
        let (name, rest) = value.split_at(end);
        let allowed = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_' | b'~');
        (!name.is_empty() && name.iter().all(allowed), rest)
    };
    let port = match rest {
        [] => true,
        [b':', digits @ ..] => {
            (1..=5).contains(&digits.len())
                && crate::head::parse_length(digits).is_some_and(|port| u16::try_from(port).is_ok())
        }
        _ => false,
    };
    host && port
}

/// What the fields of a request say to the codec.
#[derive(Default)]
struct Notes<'a> {
    framing: FramingFields<'a>,
    connection: ConnectionOptions,
    host: Option<&'a [u8]>,
    hosts: usize,
    media_types: usize,
    expects: bool,
    expects_other: bool,
    upgrade: bool,
}

/// Splits the field lines, stores the end-to-end fields, and decides. `consumed` is left to the caller.
fn fields<const N: usize>(lines: &[u8], head: &mut RequestHead) -> Result<RequestParse, HttpError> {
    let mut table = [httparse::EMPTY_HEADER; N];
    let parsed = match httparse::parse_headers(lines, &mut table) {
        Ok(httparse::Status::Complete((end, parsed))) if end == lines.len() => parsed,
        _ => return Err(HttpError::bad_request("malformed field")),
    };
    let mut notes = Notes::default();
    for field in parsed {
        note(lines, field, &mut notes, head)?;
    }
    if notes.connection.names_fields {
        for field in parsed.iter().filter(|f| known(f.name.as_bytes()) == KnownField::Connection) {
            head.fields.remove_listed(field.value);
        }
    }
    decide(&notes, head)
}

/// Takes one of the fields of `lines`: notes it, or stores it, or drops it.
fn note<'a>(
    lines: &[u8],
    field: &httparse::Header<'a>,
    notes: &mut Notes<'a>,
    head: &mut RequestHead,
) -> Result<(), HttpError> {
    let (name, value) = (field.name.as_bytes(), field.value);
    if name.len() > MAX_NAME_LEN {
        return Err(HttpError::new(431, "a field name is too long"));
    }
    match known(name) {
        KnownField::Other => {
            head.fields.keep_spelling(name);
            head.fields.store_from(lines, name, value);
        }
        KnownField::ContentType => {
            notes.media_types += 1;
            head.fields.store_from(lines, name, value);
        }
        KnownField::ContentLength => notes.framing.content_length(value),
        KnownField::TransferEncoding => notes.framing.transfer_encoding(value),
        KnownField::Host => {
            notes.host = Some(value);
            notes.hosts += 1;
        }
        KnownField::Connection => notes.connection.add(value)?,
        KnownField::Expect => {
            notes.expects = true;
            notes.expects_other |= !value.eq_ignore_ascii_case(b"100-continue");
        }
        KnownField::Upgrade => notes.upgrade |= list(value).any(|p| !p.eq_ignore_ascii_case(b"h2c")),
        KnownField::Dropped => {}
    }
    Ok(())
}

/// Everything that depends on more than one field.
fn decide(notes: &Notes<'_>, head: &mut RequestHead) -> Result<RequestParse, HttpError> {
    let framing = notes.framing.decide(head.version)?.unwrap_or(BodyKind::None);
    store_host(notes, head)?;
    if notes.media_types > 1 {
        return Err(HttpError::bad_request("content-type is repeated"));
    }
    // An HTTP/1.0 client cannot have meant it, and must not be answered with a 100 (RFC 9110 section 10.1.1).
    let expects = notes.expects && head.version != Version::Http10;
    if expects && notes.expects_other {
        return Err(HttpError::new(417, "only the expectation 100-continue can be met"));
    }
    Ok(RequestParse {
        consumed: 0,
        framing,
        keep_alive: notes.connection.is_persistent(head.version),
        expect_continue: expects && !matches!(framing, BodyKind::None | BodyKind::Length(0)),
        upgrade: notes.upgrade,
    })
}

/// Exactly one Host (HTTP/1.0 may leave it out), well formed, and the same as in an absolute target.
fn store_host(notes: &Notes<'_>, head: &mut RequestHead) -> Result<(), HttpError> {
    if notes.hosts > 1 {
        return Err(HttpError::bad_request("host is repeated"));
    }
    let Some(host) = notes.host else {
        return if head.version == Version::Http10 {
            Ok(())
        } else {
            Err(HttpError::bad_request("host is missing"))
        };
    };
    if !is_authority(host) {
        return Err(HttpError::bad_request("malformed host"));
    }
    if head.authority.is_empty() {
        head.authority.extend(host.iter().map(|&b| char::from(b)));
        Ok(())
    } else if head.authority.as_bytes().eq_ignore_ascii_case(host) {
        Ok(())
    } else {
        Err(HttpError::bad_request("host differs from the target's authority"))
    }
}
