//! UTF-16 and UTF-32: scanned as UTF-8, and written back in the encoding they came in.
//!
//! Editors and shells of Windows write such files, and a provider that opens one shows its model the text. A byte
//! scanner sees a zero byte between two letters and finds nothing. The bytes decide what a text is: a byte order
//! mark, or the zero bytes of ASCII in wide units; a charset that was only declared counts where they leave it open.

use super::desk::Desk;
use super::gather::Gather;
use super::magic;
use super::refusal::Refusal;
use super::scratch::ShardScratch;
use super::text::TextBody;
use super::view::{Context, View};
use crate::format::Charset;

/// Bytes that are looked at where nothing says that a text is wide.
const LOOK: usize = 64;
/// Characters that must be ASCII there, at the start.
const MIN_UNITS: usize = 3;
/// Bytes of a window that are looked at twice where it is too long to be decoded at once.
const OVERLAP: usize = 8 * 1024;
/// Why a text is refused that can be read in two ways, and holds something to hide in both.
const MIXED: &str = "the text mixes two encodings and holds secrets in both: save it in one";

/// An encoding with units of two or four bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Wide {
    four: bool,
    big: bool,
}

/// What stands at a place of a wide text.
#[derive(Debug, PartialEq, Eq)]
enum Unit {
    /// A character and its bytes.
    Char(char, usize),
    /// So many bytes that are no character: half of a surrogate pair, or a part of a unit at the end of the text.
    Broken(usize),
    /// The bytes end inside a character.
    Cut,
}

impl Wide {
    const UTF_16_LE: Self = Self { four: false, big: false };
    const UTF_16_BE: Self = Self { four: false, big: true };
    const UTF_32_LE: Self = Self { four: true, big: false };
    const UTF_32_BE: Self = Self { four: true, big: true };
    const ALL: [Self; 4] = [Self::UTF_32_LE, Self::UTF_32_BE, Self::UTF_16_LE, Self::UTF_16_BE];

    /// The wide encoding of the text that begins with `bytes`, if it has one.
    pub(super) fn of(bytes: &[u8], declared: Option<Charset>) -> Option<Self> {
        // Readers that expect UTF-8 would read such bytes as UTF-8, whatever stands before them.
        let narrow = |from: usize| magic::looks_like_text(&bytes[from..]);
        if let Some((wide, mark)) = Self::marked(bytes) {
            return (bytes.len() == mark || !narrow(mark)).then_some(wide);
        }
        Self::ALL.into_iter().find(|wide| wide.is_likely(bytes)).or_else(|| {
            let charset = declared.filter(|_| !narrow(0))?;
            Some(Self {
                four: charset.four_bytes,
                big: charset.big_endian.unwrap_or_else(|| zeros_lead(bytes)),
            })
        })
    }

    /// The encoding that a byte order mark tells, and the length of the mark.
    fn marked(bytes: &[u8]) -> Option<(Self, usize)> {
        match bytes {
            [0xff, 0xfe, 0, 0, ..] => Some((Self::UTF_32_LE, 4)),
            [0, 0, 0xfe, 0xff, ..] => Some((Self::UTF_32_BE, 4)),
            [0xff, 0xfe, ..] => Some((Self::UTF_16_LE, 2)),
            [0xfe, 0xff, ..] => Some((Self::UTF_16_BE, 2)),
            _ => None,
        }
    }

    /// Whether the text begins with ASCII in this encoding, and goes on with it mostly.
    fn is_likely(self, bytes: &[u8]) -> bool {
        let look = &bytes[..bytes.len().min(LOOK)];
        let (mut at, mut units, mut ascii) = (0, 0, 0);
        while at < look.len() {
            match self.read(&look[at..], false) {
                Unit::Char(c, len) if !c.is_control() || matches!(c, '\t' | '\n' | '\r') => {
                    at += len;
                    units += 1;
                    ascii += usize::from(c.is_ascii());
                }
                Unit::Cut => break,
                Unit::Char(..) | Unit::Broken(_) => return false,
            }
            if units <= MIN_UNITS && ascii < units {
                return false;
            }
        }
        units >= MIN_UNITS && 2 * ascii >= units
    }

    fn size(self) -> usize {
        if self.four { 4 } else { 2 }
    }

    /// The number that the first unit of `bytes` is.
    fn number(self, bytes: &[u8]) -> Option<u32> {
        let order =
            |low: u32, high: u32, wide: u32| if self.big { high | low << wide } else { low | high << wide };
        let pair = |at: usize| Some(order(u32::from(*bytes.get(at)?), u32::from(*bytes.get(at + 1)?), 8));
        if self.four { Some(order(pair(0)?, pair(2)?, 16)) } else { pair(0) }
    }

    /// Reads what `bytes` begin with; `last` if the text ends with them.
    fn read(self, bytes: &[u8], last: bool) -> Unit {
        let cut = || if last { Unit::Broken(bytes.len()) } else { Unit::Cut };
        let Some(first) = self.number(bytes) else { return cut() };
        let size = self.size();
        if self.four || !matches!(first, 0xd800..=0xdbff) {
            return char::from_u32(first).map_or(Unit::Broken(size), |c| Unit::Char(c, size));
        }
        match bytes.get(size..).and_then(|rest| self.number(rest)) {
            Some(second @ 0xdc00..=0xdfff) => {
                let code = 0x1_0000 + ((first - 0xd800) << 10) + (second - 0xdc00);
                char::from_u32(code).map_or(Unit::Broken(size), |c| Unit::Char(c, 2 * size))
            }
            None if !last => Unit::Cut,
            _ => Unit::Broken(size),
        }
    }

    /// Decodes the start of `window` into the view, as far as it has room, and says how far that is.
    fn decode(self, view: &mut View, window: &[u8], last: bool) -> usize {
        let mut at = 0;
        let mut utf8 = [0; 4];
        while at < window.len() && view.has_room() {
            let (decoded, len) = match self.read(&window[at..], last) {
                Unit::Cut => break,
                Unit::Char('\u{feff}', len) => (&[][..], len),
                Unit::Char(c, len) => (c.encode_utf8(&mut utf8).as_bytes(), len),
                Unit::Broken(len) => (char::REPLACEMENT_CHARACTER.encode_utf8(&mut utf8).as_bytes(), len),
            };
            view.unit(window, decoded, at, at + len);
            at += len;
        }
        at
    }

    /// Writes ASCII in this encoding.
    fn put(self, ascii: &[u8], out: &mut Gather) {
        let (size, at) = (self.size(), if self.big { self.size() - 1 } else { 0 });
        for &byte in ascii {
            let mut unit = [0; 4];
            unit[at] = byte;
            out.put(&unit[..size]);
        }
    }
}

/// Whether more of the zero bytes stand before another byte than behind one.
fn zeros_lead(bytes: &[u8]) -> bool {
    let zeros = |from: usize| bytes.iter().skip(from).step_by(2).filter(|&&byte| byte == 0).count();
    zeros(0) > zeros(1)
}

/// Whether a secret stands in `window` byte by byte.
fn has_secret(desk: &Desk, scratch: &mut ShardScratch, window: &[u8]) -> bool {
    scratch.view.begin(&Context::new());
    scratch.view.finish(window);
    scratch.scan(window, true, true);
    scratch.findings.iter().any(|finding| desk.decide(finding, window).is_some())
}

/// Whether a secret stands in `window` in this encoding.
fn has_wide_secret(wide: Wide, desk: &Desk, scratch: &mut ShardScratch, window: &[u8]) -> bool {
    let mut rest = window;
    loop {
        scratch.view.begin(&Context::new());
        let len = wide.decode(&mut scratch.view, rest, true);
        let raw = &rest[..len];
        scratch.view.finish(raw);
        scratch.scan(raw, true, true);
        let text = scratch.view.text(raw);
        if scratch.findings.iter().any(|finding| desk.decide(finding, text).is_some()) {
            return true;
        }
        if len == rest.len() || len <= OVERLAP {
            return false;
        }
        // Whole units, so that the rest begins with one.
        rest = &rest[(len - OVERLAP).next_multiple_of(wide.size())..];
    }
}

/// The state between two windows of a wide text.
pub(super) struct WideBody {
    wide: Wide,
    context: Context,
    /// It was none: a secret stands in it byte by byte, and a reader that expects UTF-8 would read it.
    narrow: Option<Box<TextBody>>,
    /// A secret was found in it as it was read.
    has_secret: bool,
    /// Bytes consumed so far.
    offset: u64,
}

impl WideBody {
    pub(super) fn new(wide: Wide) -> Self {
        Self { wide, context: Context::new(), narrow: None, has_secret: false, offset: 0 }
    }

    /// See [`super::Tokenizer::push`]; a window that is not the last is large enough to settle something. The text
    /// stands at `place`.
    pub(super) fn process_at(
        &mut self,
        desk: &mut Desk,
        scratch: &mut ShardScratch,
        window: &[u8],
        last: bool,
        place: &dyn Fn() -> String,
        out: &mut Gather,
    ) -> Result<usize, Refusal> {
        let consumed = self.step(desk, scratch, window, last, place, out)?;
        self.offset += consumed as u64;
        Ok(consumed)
    }

    fn step(
        &mut self,
        desk: &mut Desk,
        scratch: &mut ShardScratch,
        window: &[u8],
        last: bool,
        place: &dyn Fn() -> String,
        out: &mut Gather,
    ) -> Result<usize, Refusal> {
        if self.narrow.is_none() && has_secret(desk, scratch, window) {
            self.narrow = Some(Box::new(TextBody::new()));
        }
        if let Some(text) = &mut self.narrow {
            let size = self.wide.size();
            let behind = (self.offset % size as u64) as usize;
            let units = window.get((size - behind) % size..).unwrap_or_default();
            if self.has_secret || has_wide_secret(self.wide, desk, scratch, units) {
                return Err(Refusal::Malformed { what: MIXED, offset: self.offset });
            }
            return text.process_at(desk, scratch, window, last, place, out);
        }
        scratch.view.begin(&self.context);
        let raw = &window[..self.wide.decode(&mut scratch.view, window, last)];
        scratch.view.finish(raw);
        let settled = scratch.scan(raw, last && raw.len() == window.len(), true);
        let ShardScratch { view, findings, .. } = scratch;
        let text = view.text(raw);
        let mut consumed = if settled == text.len() { raw.len() } else { view.raw_start(settled) };
        let mut passed = 0;
        for finding in findings.iter() {
            let (start, end) = (view.raw_start(finding.start), view.raw_end(finding.end));
            consumed = consumed.max(end);
            let Some(decision) = desk.decide(finding, text) else { continue };
            self.has_secret = true;
            let mut token = None;
            if decision.replaces() {
                let replacement = desk.replacement(decision, &text[finding.start..finding.end])?;
                out.pass(passed..start);
                self.wide.put(replacement.as_bytes(), out);
                passed = end;
                token = replacement.token();
            }
            desk.record(decision, token, place)?;
        }
        out.pass(passed..consumed);
        self.context.keep(view, raw, view.view_of(consumed));
        Ok(consumed)
    }
}

#[cfg(test)]
#[path = "wide_tests.rs"]
mod tests;
