//! `multipart/*` bodies: each part by its own type.
//!
//! ```text
//!   Preamble --delimiter--> Line --> Head --empty line--> Content --delimiter--> Line
//!                             `-- "--" --> Epilogue
//! ```
//!
//! A delimiter is `--boundary` at the start of a line. Lenient providers take a bare carriage return or line feed
//! for a line's end, strict ones do not: where it would make a delimiter the body is refused, lest a part hides
//! inside an image. Heads, preamble and epilogue are scanned as text. A content is scanned behind the name of its
//! field, as it is in a form: the name says what a bare value is.

use std::ops::Range;

use memchr::memmem;

use crate::format::{Boundary, MAX_BOUNDARY};
use crate::request::body::part_head::{self, PartHead};
use crate::request::body::single::SingleBody;
use crate::request::body::step::{BodyStep, Input};
use crate::request::body::text::TextBody;
use crate::request::refusal::Refusal;
use crate::request::splice::Splice;

/// Bytes of the longest head of a part.
pub(crate) const MAX_PART_HEAD: usize = 8 * 1024;
/// Bytes of the longest rest of a delimiter's line: `--`, padding, line end.
const MAX_DELIMITER_REST: usize = 256;
/// So many bytes of a window may be the start of a delimiter: line end, hyphens, boundary.
const HELD: usize = 2 + 2 + MAX_BOUNDARY;

enum MultipartState {
    Preamble(TextBody),
    /// Behind a delimiter, on its line.
    Line,
    Head,
    Content(SingleBody),
    Epilogue(TextBody),
}

/// The state between two windows of a multipart body.
pub(crate) struct MultipartBody {
    /// `--boundary`
    delimiter: Vec<u8>,
    /// Parts behind the first are files, named or not.
    related: bool,
    state: MultipartState,
    /// Bytes consumed so far.
    offset: u64,
    /// Where the open part's content began.
    content_start: u64,
    parts: u32,
    /// The last two bytes consumed.
    before: [u8; 2],
}

impl MultipartBody {
    /// `related` if the first part describes the others, which are files ([`Format::Related`](crate::format::Format::Related)).
    pub(crate) fn new(boundary: Boundary, related: bool) -> Self {
        Self {
            related,
            delimiter: [b"--", boundary.as_bytes()].concat(),
            state: MultipartState::Preamble(TextBody::new()),
            offset: 0,
            content_start: 0,
            parts: 0,
            before: *b"\r\n",
        }
    }

    /// See [`crate::request::Tokenizer::push`]; a window that is not the last is large enough to settle something.
    pub(crate) fn process(&mut self, step: &mut BodyStep<'_>, input: Input<'_>) -> Result<usize, Refusal> {
        loop {
            let before = std::mem::discriminant(&self.state);
            let consumed = self.step(step, input)?;
            self.offset += consumed as u64;
            if let Some(&byte) = input.bytes[..consumed].last() {
                self.before = [preceding(input.bytes, self.before, consumed - 1), byte];
            }
            if consumed > 0 || before == std::mem::discriminant(&self.state) {
                return Ok(consumed);
            }
        }
    }

    /// Reports whether the body may end here.
    pub(crate) fn end(&self) -> Result<(), Refusal> {
        match self.state {
            MultipartState::Epilogue(_) => Ok(()),
            _ => Err(self.malformed("multipart without its end", 0)),
        }
    }

    fn step(&mut self, step: &mut BodyStep<'_>, input: Input<'_>) -> Result<usize, Refusal> {
        match &mut self.state {
            MultipartState::Line => self.line(input, step.out),
            MultipartState::Head => self.head(step, input),
            MultipartState::Epilogue(text) => text.process(step, input),
            MultipartState::Preamble(_) | MultipartState::Content(_) => self.content(step, input),
        }
    }

    /// Up to the next delimiter, the bytes belong to the open part.
    fn content(&mut self, step: &mut BodyStep<'_>, input: Input<'_>) -> Result<usize, Refusal> {
        let Input { bytes: window, last } = input;
        let (end, delimiter) = match self.find_delimiter(window)? {
            Some(delimiter) => (delimiter.start, Some(delimiter)),
            None if last => return Err(self.malformed("multipart without its end", window.len())),
            None => (window.len() - HELD, None),
        };
        let closed = delimiter.is_some();
        let content = Input { bytes: &window[..end], last: closed };
        let consumed = match &mut self.state {
            MultipartState::Preamble(text) => text.process(step, content)?,
            MultipartState::Content(body) => {
                body.process(step, content).map_err(|refusal| refusal.moved(self.content_start))?
            }
            _ => 0,
        };
        let Some(delimiter) = delimiter.filter(|_| consumed == end) else { return Ok(consumed) };
        step.out.pass(delimiter.clone());
        self.state = MultipartState::Line;
        Ok(delimiter.end)
    }

    /// The next delimiter, with the line end before it, which is no part of the content.
    fn find_delimiter(&self, window: &[u8]) -> Result<Option<Range<usize>>, Refusal> {
        let mut from = 0;
        while let Some(found) = memmem::find(&window[from..], &self.delimiter) {
            let at = from + found;
            let last = preceding(window, self.before, at);
            let last_but_one = match at {
                0 => self.before[0],
                _ => preceding(window, self.before, at - 1),
            };
            match [last_but_one, last] {
                [b'\r', b'\n'] => return Ok(Some(at.saturating_sub(2)..at + self.delimiter.len())),
                [_, b'\r' | b'\n'] => return Err(self.malformed("delimiter behind a bare line end", at)),
                _ => from = at + 1,
            }
        }
        Ok(None)
    }

    /// The rest of a delimiter's line.
    fn line(&mut self, input: Input<'_>, out: &mut Splice) -> Result<usize, Refusal> {
        let Input { bytes: window, last } = input;
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
        // Behind the last one, all is scanned as text, whatever ends its line.
        let padding = rest.strip_suffix(b"\r\n");
        if !closing && !padding.is_some_and(|padding| padding.iter().all(|byte| b" \t".contains(byte))) {
            return Err(self.malformed("delimiter with a bare line end", 0));
        }
        out.pass(0..end);
        self.state = if closing { MultipartState::Epilogue(TextBody::new()) } else { MultipartState::Head };
        Ok(end)
    }

    /// The head of a part, scanned as text and read for its type and name.
    fn head(&mut self, step: &mut BodyStep<'_>, input: Input<'_>) -> Result<usize, Refusal> {
        let Input { bytes: window, last } = input;
        let look = &window[..window.len().min(MAX_PART_HEAD)];
        let Some(end) = head_end(look) else {
            let what = if last { "part without a head" } else { "head of a part is too long" };
            return Err(self.malformed(what, 0));
        };
        let head = &window[..end];
        let is_file = self.related && self.parts > 0;
        let PartHead { format, label } =
            part_head::read(head, is_file).map_err(|what| self.malformed(what, 0))?;
        self.parts += 1;
        step.redactor.part = Some(self.parts - 1);
        let consumed = part_head::scan(step, head)?;
        self.content_start = self.offset + consumed as u64;
        self.state = MultipartState::Content(SingleBody::part(format, label));
        Ok(consumed)
    }

    fn malformed(&self, what: &'static str, at: usize) -> Refusal {
        Refusal::Malformed { what, offset: self.offset + at as u64 }
    }
}

/// The byte before offset `at` of `window`; `before` are the last ones before the window.
fn preceding(window: &[u8], before: [u8; 2], at: usize) -> u8 {
    at.checked_sub(1).map_or(before[1], |at| window[at])
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

#[cfg(test)]
#[path = "multipart_tests.rs"]
mod tests;
