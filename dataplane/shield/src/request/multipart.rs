//! `multipart/*` bodies: each part by its own type.
//!
//! ```text
//!   Preamble --delimiter--> Line --> Head --empty line--> Content --delimiter--> Line
//!                             `-- "--" --> Epilogue
//! ```
//!
//! A delimiter is `--boundary` at the start of a line. Lines may end with a bare line feed too: what a lenient
//! provider would take for a part must be one here, lest a part hides inside an image. Heads, preamble and
//! epilogue are scanned as text.

use memchr::memmem;

use super::body::Body;
use super::desk::Desk;
use super::gather::Gather;
use super::refusal::Refusal;
use super::scratch::ShardScratch;
use super::text::TextBody;
use crate::format::{Boundary, Format, MAX_BOUNDARY};

/// Bytes of the longest head of a part.
pub(super) const MAX_PART_HEAD: usize = 8 * 1024;
/// Bytes of the longest rest of a delimiter's line: `--`, padding, line end.
const MAX_DELIMITER_REST: usize = 256;
/// So many bytes of a window may be the start of a delimiter: line end, hyphens, boundary.
const HELD: usize = 2 + 2 + MAX_BOUNDARY;

enum State {
    Preamble(TextBody),
    /// Behind a delimiter, on its line.
    Line,
    Head,
    Content(Body),
    Epilogue(TextBody),
}

/// The state between two windows of a multipart body.
pub(super) struct MultipartBody {
    /// `--boundary`
    delimiter: Vec<u8>,
    state: State,
    /// Bytes consumed so far.
    offset: u64,
    /// Where the open part's content began.
    content_start: u64,
    parts: u32,
    /// Whether the next byte is the first of a line.
    line_start: bool,
}

impl MultipartBody {
    pub(super) fn new(boundary: Boundary) -> Self {
        Self {
            delimiter: [b"--", boundary.as_bytes()].concat(),
            state: State::Preamble(TextBody::new()),
            offset: 0,
            content_start: 0,
            parts: 0,
            line_start: true,
        }
    }

    /// See [`super::Tokenizer::push`]; a window that is not the last is large enough to settle something.
    pub(super) fn process(
        &mut self,
        desk: &mut Desk,
        scratch: &mut ShardScratch,
        window: &[u8],
        last: bool,
        out: &mut Gather,
    ) -> Result<usize, Refusal> {
        loop {
            let before = std::mem::discriminant(&self.state);
            let consumed = self.step(desk, scratch, window, last, out)?;
            self.offset += consumed as u64;
            if consumed > 0 {
                self.line_start = window[consumed - 1] == b'\n';
            }
            if consumed > 0 || before == std::mem::discriminant(&self.state) {
                return Ok(consumed);
            }
        }
    }

    /// See [`Body::end`].
    pub(super) fn end(&self) -> Result<(), Refusal> {
        match self.state {
            State::Epilogue(_) => Ok(()),
            _ => Err(self.malformed("multipart without its end", 0)),
        }
    }

    fn step(
        &mut self,
        desk: &mut Desk,
        scratch: &mut ShardScratch,
        window: &[u8],
        last: bool,
        out: &mut Gather,
    ) -> Result<usize, Refusal> {
        match &mut self.state {
            State::Line => self.line(window, last, out),
            State::Head => self.head(desk, scratch, window, last, out),
            State::Epilogue(text) => text.process(desk, scratch, window, last, out),
            State::Preamble(_) | State::Content(_) => self.content(desk, scratch, window, last, out),
        }
    }

    /// Up to the next delimiter, the bytes belong to the open part.
    fn content(
        &mut self,
        desk: &mut Desk,
        scratch: &mut ShardScratch,
        window: &[u8],
        last: bool,
        out: &mut Gather,
    ) -> Result<usize, Refusal> {
        let (end, delimiter) = match self.find_delimiter(window) {
            Some((end, delimiter)) => (end, Some(delimiter)),
            None if last => return Err(self.malformed("multipart without its end", window.len())),
            None => (window.len() - HELD, None),
        };
        let closed = delimiter.is_some();
        let content = &window[..end];
        let consumed = match &mut self.state {
            State::Preamble(text) => text.process(desk, scratch, content, closed, out)?,
            State::Content(body) => body
                .process(desk, scratch, content, closed, out)
                .map_err(|refusal| refusal.moved(self.content_start))?,
            _ => 0,
        };
        let Some(delimiter) = delimiter.filter(|_| consumed == end) else { return Ok(consumed) };
        let behind = delimiter + self.delimiter.len();
        out.pass(end..behind);
        self.state = State::Line;
        Ok(behind)
    }

    /// The next delimiter: where the content before it ends, and where its hyphens begin.
    fn find_delimiter(&self, window: &[u8]) -> Option<(usize, usize)> {
        let mut from = 0;
        while let Some(found) = memmem::find(&window[from..], &self.delimiter) {
            let at = from + found;
            let starts_line = if at == 0 { self.line_start } else { window[at - 1] == b'\n' };
            if starts_line {
                let line = window[..at].strip_suffix(b"\n").unwrap_or(&window[..at]);
                return Some((line.strip_suffix(b"\r").unwrap_or(line).len(), at));
            }
            from = at + 1;
        }
        None
    }

    /// The rest of a delimiter's line.
    fn line(&mut self, window: &[u8], last: bool, out: &mut Gather) -> Result<usize, Refusal> {
        let look = &window[..window.len().min(MAX_DELIMITER_REST)];
        let closing = look.starts_with(b"--");
        let end = match memchr::memchr(b'\n', look) {
            Some(at) => at + 1,
            None if closing && last && look.len() == window.len() => look.len(),
            None => return Err(self.malformed("delimiter without line end", 0)),
        };
        let rest = if closing { &look[2..end] } else { &look[..end] };
        if !rest.iter().all(u8::is_ascii_whitespace) {
            return Err(self.malformed("text behind a delimiter", 0));
        }
        out.pass(0..end);
        self.state = if closing { State::Epilogue(TextBody::new()) } else { State::Head };
        Ok(end)
    }

    /// The head of a part, scanned as text and read for its type.
    fn head(
        &mut self,
        desk: &mut Desk,
        scratch: &mut ShardScratch,
        window: &[u8],
        last: bool,
        out: &mut Gather,
    ) -> Result<usize, Refusal> {
        let look = &window[..window.len().min(MAX_PART_HEAD)];
        let Some(end) = head_end(look) else {
            let what = if last { "part without a head" } else { "head of a part is too long" };
            return Err(self.malformed(what, 0));
        };
        let head = &window[..end];
        let format = part_format(head).ok_or_else(|| self.malformed("transfer encoding of a part", 0))?;
        self.parts += 1;
        desk.part = Some(self.parts - 1);
        let consumed = TextBody::new().process(desk, scratch, head, true, out)?;
        self.content_start = self.offset + consumed as u64;
        self.state = State::Content(Body::part(format));
        Ok(consumed)
    }

    fn malformed(&self, what: &'static str, at: usize) -> Refusal {
        Refusal::Malformed { what, offset: self.offset + at as u64 }
    }
}

/// Where the head ends: behind its empty line.
fn head_end(bytes: &[u8]) -> Option<usize> {
    let mut start = 0;
    for at in memchr::memchr_iter(b'\n', bytes) {
        if matches!(&bytes[start..at], b"" | b"\r") {
            return Some(at + 1);
        }
        start = at + 1;
    }
    None
}

/// The format of a part; `None` if it is encoded in a way that cannot be scanned.
fn part_format(head: &[u8]) -> Option<Format> {
    let plain = |value: &[u8]| matches!(value, b"7bit" | b"8bit" | b"binary" | b"");
    let encoding = field(head, b"content-transfer-encoding").map(<[u8]>::to_ascii_lowercase);
    encoding.is_none_or(|value| plain(&value)).then(|| Format::of_request(field(head, b"content-type")))
}

/// The value of the first field of that name; folded lines are not unfolded.
fn field<'a>(head: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    head.split(|&byte| byte == b'\n').find_map(|line| {
        let colon = memchr::memchr(b':', line)?;
        line[..colon].trim_ascii().eq_ignore_ascii_case(name).then(|| line[colon + 1..].trim_ascii())
    })
}

#[cfg(test)]
#[path = "multipart_tests.rs"]
mod tests;
