//! The decoded view of a window: what the scanner sees, and the way back from there to the raw bytes.
//!
//! ```text
//!   raw    ..."k":"a\nb\u00e9c"...          view offset of "b" -> 3 entries -> raw offset of "b"
//!   view   ..."k":"a?b??c"...   (? decoded)
//! ```
//!
//! A view without a decoded unit and without context is the window itself: nothing is copied. Otherwise runs are
//! copied into a buffer that all requests of a shard share.

#![expect(
    clippy::cast_possible_truncation,
    reason = "a view has at most `LEFT_CONTEXT + WINDOW` bytes, which fit 16 bits"
)]

use std::ops::Range;

use aegis_detect::{Carry, LEFT_CONTEXT, LOOKAHEAD, Resume, Span};
use zeroize::{Zeroize, Zeroizing};

/// Bytes that are looked at in one step, and that must be there (or the end of the body) before a step is taken.
pub const WINDOW: usize = 32 * 1024;
/// Bytes copied at a time where a run is short: one fixed-size move instead of a call.
const CHUNK: usize = 32;
/// How much of a string is looked at behind a value that a quote in it seems to end; no more than is always in sight.
const MAX_REST: usize = LOOKAHEAD;
/// Bytes of the longest character of UTF-8.
const MAX_CHAR: usize = 4;

/// The last bytes of the text before a window, and what goes on from there.
#[derive(Clone)]
pub(crate) struct LeftContext {
    /// A value that is longer than a window.
    carry: Carry,
    len: u16,
    /// Whether the last byte is of a string, though it is one that ends strings.
    ends_in_string: bool,
    bytes: [u8; LEFT_CONTEXT],
}

impl LeftContext {
    pub(crate) fn new() -> Self {
        Self { carry: Carry::default(), len: 0, ends_in_string: false, bytes: [0; LEFT_CONTEXT] }
    }

    /// The end of a text in pieces.
    pub(crate) fn of(pieces: &[&[u8]]) -> Self {
        let mut context = Self::new();
        context.keep_text(&Zeroizing::new(pieces.concat()));
        context
    }

    pub(crate) fn len(&self) -> usize {
        usize::from(self.len)
    }

    fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.len()]
    }

    /// Keeps the end of the first `end` bytes of the finished view of `raw`, which include what was kept before.
    pub(crate) fn keep(&mut self, view: &DecodedView, raw: &[u8], end: usize) {
        self.carry = view.carry_at(end);
        self.ends_in_string = end.checked_sub(1).is_some_and(|at| view.is_in_string(at));
        self.keep_text(&view.text(raw)[..end]);
    }

    fn keep_text(&mut self, text: &[u8]) {
        let tail = &text[text.len().saturating_sub(LEFT_CONTEXT)..];
        self.bytes[..tail.len()].copy_from_slice(tail);
        self.len = tail.len() as u16;
    }

    /// The text before has nothing to do with what follows.
    pub(crate) fn clear(&mut self) {
        self.carry = Carry::default();
        (self.len, self.ends_in_string) = (0, false);
    }
}

impl Drop for LeftContext {
    fn drop(&mut self) {
        self.bytes.zeroize();
    }
}

/// A place where view and raw bytes differ: some raw bytes stand for others. Offsets fit 16 bits, as a window does.
#[derive(Clone, Copy)]
struct Difference {
    view_end: u16,
    raw_end: u16,
    raw_len: u16,
    view_len: u8,
    quote: QuoteKind,
}

/// What a quote or a line end is that a unit stands for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum QuoteKind {
    /// It is neither, or it begins or ends a string of a document.
    Structure,
    /// It stands in a string, and ends none.
    InString,
    /// It stands in the text behind a document that broke off in a string, and may end that.
    Broken,
}

const _: () = assert!(LEFT_CONTEXT + WINDOW <= u16::MAX as usize);

/// A view under construction or in use. Offsets in the view count from the start of the context.
#[expect(clippy::struct_excessive_bools, reason = "each says something of its own")]
pub(crate) struct DecodedView {
    buffer: Box<[u8]>,
    len: usize,
    fresh: usize,
    /// The most bytes that a view has had since the buffer was wiped.
    used: usize,
    /// Raw bytes that are already in the buffer.
    copied: usize,
    differences: Vec<Difference>,
    /// Whether any of them is marked, and whether the last byte of the context is.
    marked: bool,
    context_in_string: bool,
    /// Whether all double quotes but the marked ones begin and end strings.
    pub(crate) has_strings: bool,
    /// Whether it is noted where words of the API stand, and where in the raw bytes they do.
    pub(crate) notes_structure: bool,
    structure: Vec<Range<usize>>,
    /// What goes on from the text before, and where this view is settled with what goes on from there.
    carry: Carry,
    left: (usize, Carry),
    /// Where else it may be left, inside keys.
    resumes: Vec<Resume>,
}

impl DecodedView {
    pub(crate) fn new() -> Self {
        let buffer = vec![0; LEFT_CONTEXT + WINDOW + CHUNK].into_boxed_slice();
        let (carry, left) = (Carry::default(), (0, Carry::default()));
        Self {
            buffer,
            len: 0,
            fresh: 0,
            used: 0,
            copied: 0,
            differences: Vec::new(),
            marked: false,
            context_in_string: false,
            has_strings: false,
            notes_structure: false,
            structure: Vec::new(),
            carry,
            left,
            resumes: Vec::new(),
        }
    }

    /// Starts a view that continues `context`.
    pub(crate) fn begin(&mut self, context: &LeftContext) {
        self.used = self.used.max(self.len);
        self.differences.clear();
        self.structure.clear();
        self.carry = context.carry;
        (self.marked, self.context_in_string) = (false, context.ends_in_string);
        self.has_strings = false;
        self.left = (0, Carry::default());
        self.resumes.clear();
        self.copied = 0;
        self.fresh = context.len();
        self.len = self.fresh;
        self.buffer[..self.fresh].copy_from_slice(context.as_bytes());
    }

    /// `decoded` stands for `raw[start..end]`; what is before it stands for itself.
    #[inline]
    pub(crate) fn unit(&mut self, raw: &[u8], decoded: &[u8], start: usize, end: usize) {
        self.copy_run(raw, start.max(self.copied));
        let at = self.len;
        self.buffer[at..at + decoded.len()].copy_from_slice(decoded);
        self.len += decoded.len();
        let end = end.max(self.copied);
        self.differences.push(Difference {
            view_end: self.len as u16,
            raw_end: end as u16,
            raw_len: (end - start.max(self.copied)) as u16,
            view_len: decoded.len() as u8,
            quote: QuoteKind::Structure,
        });
        self.copied = end;
    }

    /// The last unit stands for a quote or a line end in a string.
    pub(crate) fn mark_in_string(&mut self) {
        if let Some(unit) = self.differences.last_mut() {
            (unit.quote, self.marked) = (QuoteKind::InString, true);
        }
    }

    /// The last unit stands for a quote in the text behind a document that broke off in a string.
    pub(crate) fn mark_broken(&mut self) {
        if let Some(unit) = self.differences.last_mut() {
            unit.quote = QuoteKind::Broken;
        }
    }

    /// Whether the quote at `at` is of a text, and begins or ends no string of the document. Of quotes in what was judged
    /// before that is not known.
    pub(crate) fn is_content(&self, at: usize) -> bool {
        !self.has_strings || self.quote_kind(at).is_some_and(|kind| kind != QuoteKind::Structure)
    }

    fn quote_kind(&self, at: usize) -> Option<QuoteKind> {
        let next = self.differences.partition_point(|unit| usize::from(unit.view_end) <= at);
        let unit = self.differences.get(next).filter(|_| at >= self.fresh)?;
        (at + usize::from(unit.view_len) >= usize::from(unit.view_end)).then_some(unit.quote)
    }

    /// Whether the byte at `at` was [marked](Self::mark_in_string), which the last one of the context may be, too.
    fn is_in_string(&self, at: usize) -> bool {
        if at < self.fresh {
            return at + 1 == self.fresh && self.context_in_string;
        }
        self.quote_kind(at) == Some(QuoteKind::InString)
    }

    /// Where in the view's `text` quotes stand that were [marked](Self::mark_in_string), the first of them in the context.
    pub(crate) fn inner_quotes(&self, text: &[u8]) -> impl Iterator<Item = usize> {
        let before = self.fresh.checked_sub(1).filter(|_| self.context_in_string);
        let marked = self.differences.iter().filter(|unit| unit.quote == QuoteKind::InString);
        let places = marked.flat_map(|unit| {
            let end = usize::from(unit.view_end);
            end - usize::from(unit.view_len)..end
        });
        before
            .into_iter()
            .chain(places.take(if self.marked { usize::MAX } else { 0 }))
            .filter(|at| text[*at] == b'"')
    }

    /// Where the string ends that `span` of the view's `text` begins, if it holds quotes or line ends behind the span.
    pub(crate) fn string_end(&self, text: &[u8], span: Span) -> Option<usize> {
        let opening = span.start.checked_sub(1).filter(|_| self.marked)?;
        if text[opening] != b'"' || self.is_in_string(opening) {
            return None;
        }
        let near = &text[span.end..text.len().min(span.end + MAX_REST)];
        let mut quotes = memchr::memchr_iter(b'"', near).map(|at| span.end + at);
        let end = quotes.find(|at| !self.is_in_string(*at))?;
        let next = self.differences.partition_point(|unit| usize::from(unit.view_end) <= span.end);
        let inside = self.differences[next..].iter().take_while(|unit| usize::from(unit.view_end) <= end);
        inside.into_iter().any(|unit| unit.quote == QuoteKind::InString).then_some(end)
    }

    /// A word of the API stands at `raw`, if that is to be noted.
    pub(crate) fn note_structure(&mut self, raw: Range<usize>) {
        if self.notes_structure {
            self.structure.push(raw);
        }
    }

    /// Where in the finished view words of the API stand.
    pub(crate) fn structure(&self) -> impl Iterator<Item = Span> + '_ {
        self.structure.iter().map(|raw| Span::new(self.view_of(raw.start), self.view_of(raw.end)))
    }

    /// Whether one more character surely fits, for views that are longer than their raw bytes.
    #[inline]
    pub(crate) fn has_room(&self) -> bool {
        self.len + MAX_CHAR <= LEFT_CONTEXT + WINDOW
    }

    /// Overwrites what is left of all views.
    pub(crate) fn wipe(&mut self) {
        // The last run may have been copied with bytes behind it.
        let used = (self.used.max(self.len) + CHUNK).min(self.buffer.len());
        self.buffer[..used].fill(0);
        std::hint::black_box(&mut self.buffer);
        (self.used, self.len) = (0, 0);
    }

    /// The view ends where the raw bytes end.
    pub(crate) fn finish(&mut self, raw: &[u8]) {
        if !self.is_raw() {
            self.copy_run(raw, raw.len());
        }
    }

    /// The bytes of the finished view; `raw` is what it was finished with.
    pub(crate) fn text<'a>(&'a self, raw: &'a [u8]) -> &'a [u8] {
        if self.is_raw() { raw } else { &self.buffer[..self.len] }
    }

    /// What goes on from the text before.
    pub(crate) fn carry(&self) -> Carry {
        self.carry
    }

    /// The view is settled up to `settled`, and `carry` goes on from there; `resumes` are the places inside keys.
    pub(crate) fn leave(&mut self, settled: usize, carry: Carry, resumes: &[Resume]) {
        self.left = (settled, carry);
        self.resumes.clear();
        self.resumes.extend_from_slice(resumes);
    }

    /// What goes on at `end`. Inside the view that is a key or nothing, since a value in several pieces is never left
    /// within one.
    fn carry_at(&self, end: usize) -> Carry {
        match self.left {
            (settled, carry) if settled == end => carry,
            _ if end == self.fresh => self.carry,
            _ => Carry::at(&self.resumes, end),
        }
    }

    /// Where the view may be left at or before `at`: inside a key, where a line begins.
    pub(crate) fn line_start(&self, at: usize) -> usize {
        Carry::line_start(&self.resumes, at).max(self.fresh)
    }

    /// Where the text begins that was not judged before.
    pub(crate) fn fresh(&self) -> usize {
        self.fresh
    }

    fn is_raw(&self) -> bool {
        self.fresh == 0 && self.differences.is_empty()
    }

    #[inline]
    fn copy_run(&mut self, raw: &[u8], end: usize) {
        let (start, at) = (self.copied, self.len);
        let len = end - start;
        if len == 0 {
            return;
        }
        match (len <= CHUNK).then(|| raw.get(start..start + CHUNK)).flatten() {
            Some(chunk) => self.buffer[at..at + CHUNK].copy_from_slice(chunk),
            None => self.buffer[at..at + len].copy_from_slice(&raw[start..end]),
        }
        self.len += len;
        self.copied = end;
    }

    /// The raw offset at which the byte at `view` begins; inside a unit, where the unit begins.
    pub(crate) fn raw_start(&self, view: usize) -> usize {
        let next = self.differences.partition_point(|unit| usize::from(unit.view_end) <= view);
        match self.differences.get(next) {
            Some(unit) if view + usize::from(unit.view_len) > usize::from(unit.view_end) => {
                usize::from(unit.raw_end - unit.raw_len)
            }
            _ => self.linear(next, view),
        }
    }

    /// The raw offset at which the byte before `view` ends; inside a unit, where the unit ends.
    pub(crate) fn raw_end(&self, view: usize) -> usize {
        let next = self.differences.partition_point(|unit| usize::from(unit.view_end) < view);
        match self.differences.get(next) {
            Some(unit) if view + usize::from(unit.view_len) > usize::from(unit.view_end) => {
                usize::from(unit.raw_end)
            }
            _ => self.linear(next, view),
        }
    }

    /// The raw offset of `view`, which lies between the units `next - 1` and `next`.
    fn linear(&self, next: usize, view: usize) -> usize {
        match next.checked_sub(1).map(|before| self.differences[before]) {
            Some(unit) => usize::from(unit.raw_end) + view - usize::from(unit.view_end),
            None => view - self.fresh,
        }
    }

    /// The view offset of a raw offset that is not inside a unit.
    pub(crate) fn view_of(&self, raw: usize) -> usize {
        let next = self.differences.partition_point(|unit| usize::from(unit.raw_end) <= raw);
        match next.checked_sub(1).map(|before| self.differences[before]) {
            Some(unit) => usize::from(unit.view_end) + raw - usize::from(unit.raw_end),
            None => self.fresh + raw,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offsets_go_there_and_back() {
        let mut context = LeftContext::new();
        context.keep_text(b"before ");
        for with_context in [false, true] {
            let raw = br"ab\u00e9cd\n";
            let mut view = DecodedView::new();
            view.begin(if with_context {
                &context
            } else {
                context.clear();
                &context
            });
            view.unit(raw, "\u{e9}".as_bytes(), 2, 8);
            view.unit(raw, b"\n", 10, 12);
            view.finish(raw);
            let base = view.fresh();
            assert_eq!(&view.text(raw)[base..], "ab\u{e9}cd\n".as_bytes());
            let starts = [0, 1, 2, 2, 8, 9, 10, 12];
            let ends = [0, 1, 2, 8, 8, 9, 10, 12];
            for (offset, (start, end)) in starts.into_iter().zip(ends).enumerate() {
                assert_eq!(view.raw_start(base + offset), start, "{offset}");
                assert_eq!(view.raw_end(base + offset), end, "{offset}");
            }
            for raw_offset in [0, 1, 2, 8, 9, 10, 12] {
                assert_eq!(view.raw_start(view.view_of(raw_offset)), raw_offset);
            }
            context.keep_text(b"before ");
        }
    }

    #[test]
    fn what_needs_no_copy_is_not_copied() {
        let mut view = DecodedView::new();
        view.begin(&LeftContext::new());
        let raw = b"plain";
        view.finish(raw);
        assert_eq!(view.text(raw).as_ptr(), raw.as_ptr());
        assert_eq!((view.raw_start(3), view.raw_end(3), view.view_of(3)), (3, 3, 3));
    }

    #[test]
    fn context_is_bounded() {
        let mut context = LeftContext::new();
        context.keep_text(&[b'x'; LEFT_CONTEXT]);
        assert_eq!(context.len(), LEFT_CONTEXT);
        context.keep_text(&[b'x'; LEFT_CONTEXT + 1]);
        assert_eq!(context.len(), LEFT_CONTEXT);
    }
}
