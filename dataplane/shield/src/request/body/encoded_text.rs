//! Text in base64 inside a JSON string: scanned decoded, written back in base64.
//!
//! ```text
//!   raw      c29t ZSB3 b3Jk cyBh ...      four characters a group
//!   decoded  som  e w  ord  s a  ...  --> a body of its own (text, UTF-16, UTF-32) --> pieces
//! ```
//!
//! As long as nothing was replaced, the raw bytes pass as they are. Behind a replacement the groups of three bytes
//! are shifted, so everything to the end of the run is encoded anew; its decoded bytes stay the same, and what stands
//! behind the run is not touched.

#![expect(clippy::cast_possible_truncation, reason = "the rest of a group has at most two bytes")]

use base64::Engine;
use base64::engine::GeneralPurpose;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};
use zeroize::Zeroize;

use crate::request::body::step::{BodyStep, Input};
use crate::request::body::text::TextBody;
use crate::request::body::wide::WideBody;
use crate::request::classify::base64::{Base64Unit, base64_unit, standard};
use crate::request::classify::file_kind;
use crate::request::classify::opaque::{Base64Run, ScanMode};
use crate::request::classify::wide_encoding::WideEncoding;
use crate::request::refusal::Refusal;
use crate::request::splice::{Segment, Splice};

/// Signs that fill up the last group.
const MAX_PADDING: usize = 2;
/// Bytes of a character of UTF-8 behind its first.
const MAX_CONTINUATION: usize = 3;

/// What the decoded bytes are.
enum Inner {
    Text(TextBody),
    WideEncoding(WideBody),
}

/// The state between two windows of a run.
pub(crate) struct EncodedText {
    run: Base64Run,
    inner: Option<Inner>,
    /// Decoded bytes of the next window that `inner` has had: the end of what it took lay inside a group.
    skip: usize,
    /// Something was replaced, so that all is encoded anew.
    shifted: bool,
    /// Bytes that wait for a third one to be encoded.
    carry: [u8; 2],
    carry_len: u8,
    url_alphabet: bool,
    padded: bool,
}

/// How far a window of base64 goes.
struct DecodedRun {
    /// Where the last complete group ends, or the run.
    end: usize,
    /// Whether the run ends there.
    ended: bool,
    /// Every character is one byte of the window.
    clean: bool,
}

impl DecodedRun {
    /// Where in `window` so many decoded bytes end, whole groups of them or all.
    fn raw(&self, window: &[u8], groups: usize) -> usize {
        if self.clean {
            return groups * 4;
        }
        let (mut at, mut chars) = (0, 0);
        while chars < groups * 4 {
            match base64_unit(window, at) {
                Base64Unit::Char(_, next) => (at, chars) = (next, chars + 1),
                Base64Unit::Break(next) => at = next,
                Base64Unit::Cut | Base64Unit::Other => break,
            }
        }
        at
    }
}

impl EncodedText {
    pub(crate) fn new(run: Base64Run) -> Self {
        Self {
            run,
            inner: None,
            skip: 0,
            shifted: false,
            carry: [0; 2],
            carry_len: 0,
            url_alphabet: false,
            padded: true,
        }
    }

    /// Takes base64 from the start of `window`. Says how many bytes are consumed and whether the run has ended.
    pub(crate) fn process(
        &mut self,
        step: &mut BodyStep<'_>,
        window: &[u8],
        place: &dyn Fn() -> String,
    ) -> Result<(usize, bool), Refusal> {
        let mut decoded = std::mem::take(&mut step.scratch.decoded);
        let mut pieces = std::mem::take(&mut step.scratch.pieces);
        decoded.zeroize();
        pieces.clear();
        let mut decoded_run = self.decode(window, &mut decoded);
        if self.run.scanned == ScanMode::WhileText {
            self.end_with_text(&mut decoded_run, window, &mut decoded);
        }
        let taken = {
            let mut step =
                BodyStep { redactor: &mut *step.redactor, scratch: &mut *step.scratch, out: &mut pieces };
            self.scan(&mut step, Input { bytes: &decoded, last: decoded_run.ended }, place)
        };
        let result = taken.map(|taken| {
            let ended = decoded_run.ended && taken == decoded.len();
            let groups = taken / 3;
            let end = if ended { decoded_run.end } else { decoded_run.raw(window, groups) };
            self.write((&decoded, &pieces), (window, end), (&decoded_run, ended), step.out);
            self.skip = if ended { 0 } else { taken % 3 };
            (end, ended)
        });
        step.scratch.decoded = decoded;
        step.scratch.pieces = pieces;
        result
    }

    /// Scans the decoded bytes, and says how many of them are done with: at least a group of them, or all.
    fn scan(
        &mut self,
        step: &mut BodyStep<'_>,
        input: Input<'_>,
        place: &dyn Fn() -> String,
    ) -> Result<usize, Refusal> {
        let Input { bytes: decoded, last: ended } = input;
        let charset = match self.run.scanned {
            ScanMode::Decoded(charset) => charset,
            ScanMode::Skip | ScanMode::WhileText => None,
        };
        let narrow = self.run.scanned == ScanMode::WhileText;
        let inner = self.inner.get_or_insert_with(|| match WideEncoding::of(decoded, charset) {
            Some(wide) if !narrow => Inner::WideEncoding(WideBody::new(wide)),
            _ => Inner::Text(TextBody::new()),
        });
        let mut taken = self.skip;
        loop {
            let rest = Input { bytes: &decoded[taken..], last: ended };
            let done = match inner {
                Inner::Text(body) => body.process_at(step, rest, place),
                Inner::WideEncoding(body) => body.process_at(step, rest, place),
            }?;
            step.out.consumed(done);
            taken += done;
            if done == 0 || taken == decoded.len() || taken >= 3 && !ended {
                return Ok(taken);
            }
        }
    }

    /// Writes what became of the decoded bytes, of which `window[..end]` is done with.
    fn write(
        &mut self,
        (decoded, pieces): (&[u8], &Splice),
        (window, end): (&[u8], usize),
        (decoded_run, ended): (&DecodedRun, bool),
        out: &mut Splice,
    ) {
        if !self.shifted && pieces.unchanged() {
            out.pass(0..end);
            return;
        }
        let mut value = Vec::with_capacity(pieces.len() + 4);
        let mut rest = pieces.segments().peekable();
        if self.shifted {
            value.extend_from_slice(&self.carry[..usize::from(self.carry_len)]);
        } else {
            // The group in which the first replacement begins is the first to be encoded anew.
            let mut changed = self.skip;
            if let Some(Segment::Input(kept)) =
                rest.next_if(|segment| matches!(segment, Segment::Input(range) if range.start == 0))
            {
                changed += kept.len();
            }
            let groups = changed / 3;
            out.pass(0..decoded_run.raw(window, groups));
            value.extend_from_slice(&decoded[groups * 3..changed]);
            self.shifted = true;
        }
        for segment in rest {
            match segment {
                Segment::Input(range) => value.extend_from_slice(&decoded[self.skip..][range]),
                Segment::Bytes(bytes) => value.extend_from_slice(bytes),
            }
        }
        self.encode(&value, ended, out);
        value.zeroize();
    }

    /// Decodes the groups at the start of `window`.
    fn decode(&mut self, window: &[u8], decoded: &mut Vec<u8>) -> DecodedRun {
        let mut group = [0u8; 4];
        let (mut len, mut at, mut end, mut tail, mut clean) = (0, 0, 0, 0, true);
        loop {
            match base64_unit(window, at) {
                Base64Unit::Cut => return DecodedRun { end, ended: false, clean },
                Base64Unit::Break(next) if self.run.wrapped => (at, clean) = (next, false),
                Base64Unit::Char(b'=', _) | Base64Unit::Break(_) | Base64Unit::Other => break,
                Base64Unit::Char(byte, next) => {
                    self.url_alphabet |= matches!(byte, b'-' | b'_');
                    clean &= next == at + 1;
                    group[len] = sextet(byte);
                    len += 1;
                    (at, tail) = (next, next);
                    if len == 4 {
                        decoded.extend_from_slice(&bytes_of(group));
                        (len, end) = (0, at);
                    }
                }
            }
        }
        let padding = window[at..].iter().take(MAX_PADDING).take_while(|&&byte| byte == b'=').count();
        if at + padding == window.len() && padding > 0 && padding + len < 4 {
            return DecodedRun { end, ended: false, clean };
        }
        self.padded = if len == 0 { !self.url_alphabet } else { padding > 0 };
        // A character that is left over alone stands for nothing.
        if len > 1 {
            group[len..].fill(0);
            decoded.extend_from_slice(&bytes_of(group)[..len - 1]);
            end = tail;
        }
        if padding > 0 && len != 1 {
            end = at + padding;
        }
        DecodedRun { end, ended: true, clean }
    }

    /// Lets the run end where its bytes are no text any more.
    fn end_with_text(&mut self, decoded_run: &mut DecodedRun, window: &[u8], decoded: &mut Vec<u8>) {
        let begun = if self.inner.is_some() { MAX_CONTINUATION } else { 0 };
        let first = decoded.iter().take(begun).take_while(|&&byte| byte & 0xc0 == 0x80).count();
        let text = first + file_kind::text_len(&decoded[first..]);
        if text == decoded.len() {
            return;
        }
        // A group of which a part is done with stays in the run.
        let groups = (text / 3).max(usize::from(self.skip > 0));
        if groups * 3 < decoded.len() {
            decoded.truncate(groups * 3);
            decoded_run.end = decoded_run.raw(window, groups);
            decoded_run.ended = true;
        }
    }

    /// Writes `bytes` in whole groups and keeps the rest, or all of them if the run has `ended`.
    fn encode(&mut self, bytes: &[u8], ended: bool, out: &mut Splice) {
        let whole = if ended { bytes.len() } else { bytes.len() - bytes.len() % 3 };
        out.put(self.engine().encode(&bytes[..whole]).as_bytes());
        let rest = &bytes[whole..];
        self.carry[..rest.len()].copy_from_slice(rest);
        self.carry_len = rest.len() as u8;
    }

    fn engine(&self) -> GeneralPurpose {
        match (self.url_alphabet, self.padded) {
            (false, true) => STANDARD,
            (false, false) => STANDARD_NO_PAD,
            (true, true) => URL_SAFE,
            (true, false) => URL_SAFE_NO_PAD,
        }
    }
}

impl Drop for EncodedText {
    fn drop(&mut self) {
        self.carry.zeroize();
    }
}

/// The six bits of a character of base64.
fn sextet(byte: u8) -> u8 {
    match standard(byte) {
        upper @ b'A'..=b'Z' => upper - b'A',
        lower @ b'a'..=b'z' => lower - b'a' + 26,
        digit @ b'0'..=b'9' => digit - b'0' + 52,
        b'+' => 62,
        _ => 63,
    }
}

fn bytes_of([a, b, c, d]: [u8; 4]) -> [u8; 3] {
    [a << 2 | b >> 4, b << 4 | c >> 2, c << 6 | d]
}
