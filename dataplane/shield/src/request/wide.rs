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

/// Up to where `window` is known to hold no secret byte by byte; `None` if it holds one.
fn clean_bytes(desk: &Desk, scratch: &mut ShardScratch, window: &[u8], last: bool) -> Option<usize> {
    scratch.view.begin(&Context::new());
    scratch.view.finish(window);
    let settled = scratch.scan(window, last, true);
    let found = scratch.findings.iter().any(|finding| desk.decide(finding, window).is_some());
    (!found).then_some(settled)
}

/// The same in the units of this encoding.
fn clean_units(
    wide: Wide,
    desk: &Desk,
    scratch: &mut ShardScratch,
    window: &[u8],
    last: bool,
) -> Option<usize> {
    let mut context = Context::new();
    let mut clean = 0;
    loop {
        let rest = &window[clean..];
        scratch.view.begin(&context);
        let raw = &rest[..wide.decode(&mut scratch.view, rest, last)];
        scratch.view.finish(raw);
        let settled = scratch.scan(raw, last && raw.len() == rest.len(), true);
        let view = &scratch.view;
        let text = view.text(raw);
        if scratch.findings.iter().any(|finding| desk.decide(finding, text).is_some()) {
            return None;
        }
        let done = if settled == text.len() { raw.len() } else { view.raw_start(settled) };
        clean += done;
        // The last unit may be cut.
        if done == 0 || raw.len() + 2 * wide.size() > rest.len() {
            return Some(clean);
        }
        context.keep(view, raw, settled);
    }
}

/// So much of `window` as the other reading has settled, so that it finds what goes on behind; all if that is too
/// little to go on with.
fn settled_part(window: &[u8], settled: usize) -> &[u8] {
    if settled < window.len() / 2 { window } else { &window[..settled] }
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

    /// A secret stands in the text byte by byte, so it is read so; none may stand in it in wide units then.
    fn bytewise(
        &mut self,
        desk: &mut Desk,
        scratch: &mut ShardScratch,
        (window, last): (&[u8], bool),
        place: &dyn Fn() -> String,
        out: &mut Gather,
    ) -> Result<usize, Refusal> {
        let size = self.wide.size();
        let behind = (self.offset % size as u64) as usize;
        let cut = window.len().min((size - behind) % size);
        let clean =
            if self.has_secret { None } else { clean_units(self.wide, desk, scratch, &window[cut..], last) };
        let Some(clean) = clean else {
            return Err(Refusal::Malformed { what: MIXED, offset: self.offset });
        };
        let part = settled_part(window, cut + clean);
        let last = last && part.len() == window.len();
        let text = self.narrow.get_or_insert_with(|| Box::new(TextBody::new()));
        text.process_at(desk, scratch, part, last, place, out)
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
        let clean = match self.narrow {
            None => clean_bytes(desk, scratch, window, last),
            Some(_) => None,
        };
        let Some(clean) = clean else {
            return self.bytewise(desk, scratch, (window, last), place, out);
        };
        let part = settled_part(window, clean);
        let (window, last) = (part, last && part.len() == window.len());
        scratch.view.begin(&self.context);
        let raw = &window[..self.wide.decode(&mut scratch.view, window, last)];
        scratch.view.finish(raw);
        let settled = scratch.scan(raw, last && raw.len() == window.len(), true);
        let ShardScratch { view, findings, .. } = scratch;
        let text = view.text(raw);
        let mut consumed = if settled == text.len() { raw.len() } else { view.raw_start(settled) };
        let mut passed = 0;
        for finding in findings.iter() {
            let (start, end) = (view.raw_start(finding.span.start), view.raw_end(finding.span.end));
            consumed = consumed.max(end);
            let Some(decision) = desk.decide(finding, text) else { continue };
            self.has_secret = true;
            let mut token = None;
            if decision.replaces() {
                let replacement = desk.replacement(decision, &text[finding.span.range()])?;
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
