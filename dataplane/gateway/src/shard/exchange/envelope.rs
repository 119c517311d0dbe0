//! Secrets outside of the body: in the query, in the path, in header values.
//!
//! Two kinds of values are left alone, because they are meant for the upstream and it would refuse the request without
//! them: query parameters in which providers take keys, signatures, grants and page tokens, and header fields in which they take
//! credentials. Both are listed by their exact names in the table of places ([`aegis_shield::places`]): a name that merely
//! sounds like a key is no reason to pass its value. Everything else is treated as the body is. Most of what libraries send
//! is too short to be a secret, or one of a few usual values. What is left of the fields costs one scan together, and one
//! each only where that found something; fields that hold nothing are remembered ([`clean`](super::super::clean)), so a client that sends the
//! same ones again costs none. A field is scanned with its name, which says what a bare value is. Values that the organisation has handed over may look like a word: where there are
//! some, nothing is told apart without a scan.
//!
//! What kind of body the head announces is decided here, too: an upload's label says nothing about the file.

use std::sync::Arc;

use aegis_shield::{Format, Outcome, Tokenizer, places};
use aegis_wire::head::RequestHead;

use super::super::clean::Mark;
use super::{Exchange, Stop};
use crate::error_body::Failure;
use crate::route::{self, UploadStep};

/// No secret that a rule finds is shorter.
const SHORTEST: usize = 8;
/// Names of parameters are not longer, if they are words: keys of letters only are.
const LONGEST_NAME: usize = 16;

/// Names of fields whose short parts may hold digits (`sec-ch-ua-wow64`, `x-b3-spanid`) are not longer.
const LONGEST_HEADER: usize = 20;

/// Stands between the name of a field and its value.
const NAME_END: &[u8] = b": ";

/// Google's resumable uploads say what kind of file it is in a field of their own.
const UPLOAD_TYPE: &[u8] = b"x-goog-upload-header-content-type";

/// Values that clients send with every request, as a whole.
const USUAL_VALUES: [&[u8]; 8] = [
    b"application/json",
    b"application/json, text/event-stream",
    b"application/json, text/plain, */*",
    b"application/json; charset=utf-8",
    b"identity",
    b"keep-alive",
    b"text/event-stream",
    b"2023-06-01",
];

const TWO_TYPES: Failure = Failure::invalid("the request has two content types");
const SECRET_NAME: Failure = Failure::invalid("the name of a header holds a secret");
const BAD_TARGET: Failure = Failure::internal("the scanner did not finish the request's target");

impl Exchange<'_> {
    /// Takes the secrets out of target and fields. A path of plain words holds none.
    pub(super) fn sanitize_envelope(&mut self) -> Result<(), Stop> {
        let known = self.snapshot.known_values;
        let path = &self.bench.request.path;
        let query = path.split_once('?').map_or("", |(_, query)| query);
        if known
            || !route::is_plain(path)
            || query.split('&').any(|parameter| is_suspect_parameter(parameter, known))
        {
            self.sanitize_target()?;
        }
        if self.fields_hold_something()? { self.sanitize_fields() } else { Ok(()) }
    }

    /// Whether a scan of all fields together finds something, of those that are not remembered to hold nothing. What it cannot do,
    /// the scan of each field does or refuses.
    fn fields_hold_something(&mut self) -> Result<bool, Stop> {
        let mut text = std::mem::take(&mut self.bench.between);
        text.clear();
        for (name, value) in self.suspect_fields() {
            if !self.mark(name, value).is_some_and(|mark| self.shard.clean.holds(mark)) {
                text.extend_from_slice(name);
                text.extend_from_slice(NAME_END);
                text.extend_from_slice(value);
                text.push(b'\n');
            }
        }
        let holds = if text.is_empty() { Ok(false) } else { self.holds_something(&text) };
        if matches!(holds, Ok(false)) && !text.is_empty() {
            self.suspect_fields()
                .filter_map(|(name, value)| self.mark(name, value))
                .for_each(|mark| self.shard.clean.note(mark));
        }
        self.bench.between = text;
        holds
    }

    fn suspect_fields(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        let known = self.snapshot.known_values;
        self.bench.request.fields.iter().filter(move |(name, value)| is_suspect_field(name, value, known))
    }

    /// What the shard remembers a field by. A client's key that only this request is searched for makes its fields like no others.
    fn mark(&self, name: &[u8], value: &[u8]) -> Option<Mark> {
        let clean = &self.shard.clean;
        self.own_key.is_none().then(|| clean.mark(self.snapshot.generation, self.draft.owner(), name, value))
    }

    /// Whether a scan of `text` finds something.
    fn holds_something(&mut self, text: &[u8]) -> Result<bool, Stop> {
        let shield = &self.snapshot.shield;
        let pieces = &mut self.bench.pieces;
        let mut tokenizer = Tokenizer::new(Arc::clone(shield), Format::Text).hiding(self.own_key.clone());
        let mut rest = text;
        while !rest.is_empty() {
            match self.shard.scratch.push(shield, &mut tokenizer, rest, true, pieces) {
                Ok(0) => return Err(BAD_TARGET.into()),
                Ok(consumed) => rest = &rest[consumed..],
                Err(_) => return Ok(true),
            }
            if !pieces.unchanged() {
                return Ok(true);
            }
        }
        Ok(tokenizer.report().total() > 0)
    }

    /// How the body is read.
    pub(super) fn body_format(&self) -> Result<Format, Failure> {
        body_format(&self.bench.request)
    }

    fn sanitize_target(&mut self) -> Result<(), Stop> {
        let known = self.snapshot.known_values;
        let target = self.bench.request.path.clone();
        let (place, query) = target.split_once('?').unwrap_or((&target, ""));
        let mut out = String::with_capacity(target.len() + 64);
        out.push_str(&self.sanitize_text(place, Format::Text, "path")?);
        let mut separator = '?';
        for (index, parameter) in query.split('&').enumerate().filter(|_| target.contains('?')) {
            out.push(separator);
            separator = '&';
            if is_suspect_parameter(parameter, known) {
                out.push_str(&self.sanitize_text(parameter, Format::Form, &format!("query[{index}]"))?);
            } else {
                out.push_str(parameter);
            }
        }
        self.bench.request.path = out;
        Ok(())
    }

    fn sanitize_fields(&mut self) -> Result<(), Stop> {
        let known = self.snapshot.known_values;
        let fields = std::mem::take(&mut self.bench.request.fields);
        for (name, value) in fields.iter() {
            let kept = if is_suspect_field(name, value, known) {
                let shown = if is_plain_header(name) { String::from_utf8_lossy(name) } else { "{id}".into() };
                let place = format!("header {shown}");
                let start = [name, NAME_END].concat();
                let field = self.sanitize(&[&start, value].concat(), Format::Text, &place)?;
                let value = field.strip_prefix(start.as_slice()).ok_or(SECRET_NAME)?;
                self.bench.request.fields.push(name, value)
            } else {
                self.bench.request.fields.push(name, value)
            };
            kept.map_err(|_| BAD_TARGET)?;
        }
        Ok(())
    }

    fn sanitize_text(&mut self, text: &str, format: Format, place: &str) -> Result<String, Stop> {
        String::from_utf8(self.sanitize(text.as_bytes(), format, place)?).map_err(|_| BAD_TARGET.into())
    }

    /// Replaces the secrets in a few bytes, of whatever encoding.
    fn sanitize(&mut self, text: &[u8], format: Format, place: &str) -> Result<Vec<u8>, Stop> {
        let shield = Arc::clone(&self.snapshot.shield);
        let vault = self.vault.take().unwrap_or_default();
        let mut tokenizer =
            Tokenizer::with_vault(Arc::clone(&shield), format, vault).hiding(self.own_key.clone());
        let mut out = Vec::with_capacity(text.len());
        let mut rest = text;
        loop {
            let pieces = &mut self.bench.pieces;
            let step = self.shard.scratch.push(&shield, &mut tokenizer, rest, true, pieces);
            let consumed = match step {
                Ok(consumed) => consumed,
                Err(failure) => {
                    self.settle_at(tokenizer.finish(), place);
                    return Err(failure.into());
                }
            };
            pieces.write_to(rest, &mut out);
            rest = &rest[consumed..];
            if rest.is_empty() {
                break;
            }
            if consumed == 0 {
                return Err(BAD_TARGET.into());
            }
        }
        self.settle_at(tokenizer.finish(), place);
        Ok(out)
    }

    fn settle_at(&mut self, outcome: Outcome, place: &str) {
        self.draft.found(&outcome.report, place);
        self.vault = Some(outcome.vault);
    }
}

/// How the body is read that `head` announces.
fn body_format(head: &RequestHead) -> Result<Format, Failure> {
    let content_type = head.fields.content_type();
    if head.fields.get_all(b"content-type").any(|other| Some(other) != content_type) {
        return Err(TWO_TYPES);
    }
    match route::upload_of(head) {
        // Clients label a file and what is said about it alike.
        UploadStep::File | UploadStep::Piece => {
            Ok(Format::of_file(head.fields.get(UPLOAD_TYPE).or(content_type)))
        }
        UploadStep::About | UploadStep::None => Ok(Format::of_request(content_type)),
    }
}

/// `known` says that any word may be a secret.
fn is_suspect_parameter(parameter: &str, known: bool) -> bool {
    let (name, value) = parameter.split_once('=').unwrap_or(("", parameter));
    if name.is_empty() || places::of_parameter(name.as_bytes()).is_none() {
        return value.len() >= SHORTEST || name.len() >= SHORTEST && (known || !is_plain_name(name));
    }
    false
}

/// Whether the name of a parameter is one of an API: `uploadType`, `api-version`. Those with digits or of many letters are looked at.
fn is_plain_name(name: &str) -> bool {
    name.len() <= LONGEST_NAME
        && name.bytes().all(|byte| byte.is_ascii_alphabetic() || matches!(byte, b'_' | b'-' | b'.'))
        && !name.bytes().all(|byte| byte.is_ascii_uppercase())
}

/// `known` says that any words may be a secret.
fn is_suspect_field(name: &[u8], value: &[u8], known: bool) -> bool {
    if places::of_header(name).is_some() || is_multipart_type(name, value) {
        return false;
    }
    !is_plain_header(name)
        || known && name.len() >= SHORTEST
        || value.len() >= SHORTEST && (known || !(is_short_words(value) || USUAL_VALUES.contains(&value)))
}

/// Whether a field says where the parts of the body end: a random word, which must stay what stands in the body.
fn is_multipart_type(name: &[u8], value: &[u8]) -> bool {
    const START: &[u8] = b"multipart/";
    name == b"content-type" && value.get(..START.len()).is_some_and(|start| start.eq_ignore_ascii_case(START))
}

/// Whether the name of a field (in lower case, as fields are kept) is words: `x-stainless-retry-count`.
fn is_plain_header(name: &[u8]) -> bool {
    let is_word = |part: &[u8]| {
        part.len() < SHORTEST && name.len() < LONGEST_HEADER
            || part.len() <= LONGEST_NAME && part.iter().all(u8::is_ascii_lowercase)
    };
    name.len() < SHORTEST || name.split(|byte| b"-_.".contains(byte)).all(is_word)
}

/// Whether no part of a value is long enough to be a secret, and none is given to another: `OpenAI/Python 1.2.3`.
fn is_short_words(value: &[u8]) -> bool {
    let ends = |byte: &u8| b" /,;()".contains(byte);
    value.split(ends).all(|word| word.len() < SHORTEST) && !value.iter().any(|byte| b"=:@".contains(byte))
}

#[cfg(test)]
mod tests {
    use aegis_wire::head::Method;

    use super::*;

    #[test]
    fn what_is_meant_for_the_upstream_is_left_alone() {
        for (parameter, suspect) in [
            ("key=AIzaSyD3kX9vQ2mT7bW1nR5cY8hJ4gF6pL0aZuE", false),
            ("Api-Key=0123456789abcdef", false),
            ("pageToken=0123456789abcdef", false),
            ("PAGE_TOKEN=0123456789abcdef", false),
            ("code=0123456789abcdef", false),
            ("upload_id=0123456789abcdef", false),
            ("alt=sse", false),
            ("beta=true", false),
            ("uploadType=media", false),
            ("q=0123456789abcdef", true),
            ("mykey=0123456789abcdef", true),
            ("0123456789abcdef", true),
            ("=0123456789abcdef", true),
            ("AKIAQ3EGV7ZKLM2XTN4D=1", true),
            ("AKIAQEGVZKLMXTND=", true),
            ("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=", true),
        ] {
            assert_eq!(is_suspect_parameter(parameter, false), suspect, "{parameter}");
        }
        for (name, suspect) in [
            ("authorization", false),
            ("x-api-key", false),
            ("x-goog-api-key", false),
            ("api-key", false),
            ("x-amz-security-token", false),
            ("cookie", false),
            ("x-stainless-runtime-version", true),
            ("user-agent", true),
            ("sec-notes", true),
            ("openai-project", true),
            ("x-title", true),
            ("metadata", true),
            ("x-my-key", true),
            ("x-author", true),
            ("x-session-notes", true),
            ("idempotency-key", true),
        ] {
            assert_eq!(is_suspect_field(name.as_bytes(), b"0123456789", false), suspect, "{name}");
        }
        for (value, suspect) in [
            ("short", false),
            ("seven77 eight88", false),
            ("seven77 eight888", true),
            ("OpenAI/Python 1.2.3", false),
            ("application/json", false),
            ("application/jsonx", true),
            ("a=b c d e", true),
            ("p@ss/w0rd", true),
            ("caf\u{e9} caf\u{e9}", false),
        ] {
            assert_eq!(is_suspect_field(b"x-title", value.as_bytes(), false), suspect, "{value}");
            assert_eq!(
                is_suspect_field(b"x-title", value.as_bytes(), true),
                value.len() >= SHORTEST,
                "{value}"
            );
        }
        assert!(
            is_suspect_parameter("correcthorsebatt=1", true)
                && !is_suspect_parameter("correcthorsebatt=1", false)
        );
    }

    #[test]
    fn boundaries_stay_and_other_types_are_looked_at() {
        for (value, suspect) in [
            ("multipart/form-data; boundary=AKIAQ3EGV7ZKLM2XTN4D", false),
            ("Multipart/mixed; boundary=AKIAQ3EGV7ZKLM2XTN4D", false),
            ("application/json; note=AKIAQ3EGV7ZKLM2XTN4D", true),
        ] {
            assert_eq!(is_suspect_field(b"content-type", value.as_bytes(), false), suspect, "{value}");
        }
    }

    #[test]
    fn every_field_that_carries_the_upstreams_key_may_pass() {
        for name in crate::auth::CREDENTIAL_FIELDS {
            assert!(places::of_header(name).is_some(), "{}", String::from_utf8_lossy(name));
        }
    }

    #[test]
    fn files_are_not_believed_their_labels() {
        let format = |path: &str, fields: &[(&str, &str)]| {
            let mut head =
                RequestHead { method: Method::Post, path: path.to_owned(), ..RequestHead::default() };
            for (name, value) in fields {
                head.fields.push(name.as_bytes(), value.as_bytes()).unwrap();
            }
            body_format(&head).ok()
        };
        let json = ("content-type", "application/json");
        let upload = ("x-goog-upload-command", "upload, finalize");
        let start = ("x-goog-upload-command", "start");
        let png = ("x-goog-upload-header-content-type", "image/png");
        let files = "/upload/v1beta/files?upload_id=x&upload_protocol=resumable";
        for (path, fields, expected) in [
            (files, &[json, upload][..], Some(Format::Unknown)),
            (files, &[json, upload, png], Some(Format::Binary)),
            ("/base/upload/v1beta/files", &[json, upload], Some(Format::Unknown)),
            ("/upload/v1beta/files?uploadType=media", &[json], Some(Format::Unknown)),
            ("/upload/v1beta/files", &[json, start, png], Some(Format::Json)),
            ("/v1beta/models/x:generateContent", &[json, upload], Some(Format::Json)),
            ("/v1beta/files?path=/upload/", &[json], Some(Format::Json)),
            ("/v1/messages", &[json, json], Some(Format::Json)),
            ("/v1/messages", &[json, ("content-type", "image/png")], None),
        ] {
            assert_eq!(format(path, fields), expected, "{path} {fields:?}");
        }
    }
}
