//! UTF-16 and UTF-32: scanned as UTF-8, and written back in the encoding they came in.
//!
//! Editors and shells of Windows write such files, and a provider that opens one shows its model the text. A byte
//! scanner sees a zero byte between two letters and finds nothing. The bytes decide what a text is: a byte order
//! mark, or the zero bytes of ASCII in wide units; a charset that was only declared counts where they leave it open.

use crate::request::body::text::TextBody;
use crate::request::classify::wide_encoding::WideEncoding;
use crate::request::redactor::Redactor;
use crate::request::refusal::Refusal;
use crate::request::scan::scratch::ShardScratch;
use crate::request::scan::view::LeftContext;
use crate::request::splice::Splice;

/// Why a text is refused that can be read in two ways, and holds something to hide in both.
const MIXED: &str = "the text mixes two encodings and holds secrets in both: save it in one";

/// Up to where `window` is known to hold no secret byte by byte; `None` if it holds one.
fn clean_bytes(redactor: &Redactor, scratch: &mut ShardScratch, window: &[u8], last: bool) -> Option<usize> {
    scratch.view.begin(&LeftContext::new());
    scratch.view.finish(window);
    let settled = scratch.scan(window, last, true);
    let found = scratch.findings.iter().any(|finding| redactor.decide(finding, window).is_some());
    (!found).then_some(settled)
}

/// The same in the units of this encoding.
fn clean_units(
    wide: WideEncoding,
    redactor: &Redactor,
    scratch: &mut ShardScratch,
    window: &[u8],
    last: bool,
) -> Option<usize> {
    let mut context = LeftContext::new();
    let mut clean = 0;
    loop {
        let rest = &window[clean..];
        scratch.view.begin(&context);
        let raw = &rest[..wide.decode(&mut scratch.view, rest, last)];
        scratch.view.finish(raw);
        let settled = scratch.scan(raw, last && raw.len() == rest.len(), true);
        let view = &scratch.view;
        let text = view.text(raw);
        if scratch.findings.iter().any(|finding| redactor.decide(finding, text).is_some()) {
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
pub(crate) struct WideBody {
    wide: WideEncoding,
    left_context: LeftContext,
    /// It was none: a secret stands in it byte by byte, and a reader that expects UTF-8 would read it.
    narrow: Option<Box<TextBody>>,
    /// A secret was found in it as it was read.
    has_secret: bool,
    /// Bytes consumed so far.
    offset: u64,
}

impl WideBody {
    pub(crate) fn new(wide: WideEncoding) -> Self {
        Self { wide, left_context: LeftContext::new(), narrow: None, has_secret: false, offset: 0 }
    }

    /// See [`crate::request::Tokenizer::push`]; a window that is not the last is large enough to settle something. The text
    /// stands at `place`.
    pub(crate) fn process_at(
        &mut self,
        redactor: &mut Redactor,
        scratch: &mut ShardScratch,
        window: &[u8],
        last: bool,
        place: &dyn Fn() -> String,
        out: &mut Splice,
    ) -> Result<usize, Refusal> {
        let consumed = self.step(redactor, scratch, window, last, place, out)?;
        self.offset += consumed as u64;
        Ok(consumed)
    }

    /// A secret stands in the text byte by byte, so it is read so; none may stand in it in wide units then.
    fn bytewise(
        &mut self,
        redactor: &mut Redactor,
        scratch: &mut ShardScratch,
        (window, last): (&[u8], bool),
        place: &dyn Fn() -> String,
        out: &mut Splice,
    ) -> Result<usize, Refusal> {
        let size = self.wide.size();
        let behind = (self.offset % size as u64) as usize;
        let cut = window.len().min((size - behind) % size);
        let clean = if self.has_secret {
            None
        } else {
            clean_units(self.wide, redactor, scratch, &window[cut..], last)
        };
        let Some(clean) = clean else {
            return Err(Refusal::Malformed { what: MIXED, offset: self.offset });
        };
        let part = settled_part(window, cut + clean);
        let last = last && part.len() == window.len();
        let text = self.narrow.get_or_insert_with(|| Box::new(TextBody::new()));
        text.process_at(redactor, scratch, part, last, place, out)
    }

    fn step(
        &mut self,
        redactor: &mut Redactor,
        scratch: &mut ShardScratch,
        window: &[u8],
        last: bool,
        place: &dyn Fn() -> String,
        out: &mut Splice,
    ) -> Result<usize, Refusal> {
        let clean = match self.narrow {
            None => clean_bytes(redactor, scratch, window, last),
            Some(_) => None,
        };
        let Some(clean) = clean else {
            return self.bytewise(redactor, scratch, (window, last), place, out);
        };
        let part = settled_part(window, clean);
        let (window, last) = (part, last && part.len() == window.len());
        scratch.view.begin(&self.left_context);
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
            let Some(decision) = redactor.decide(finding, text) else { continue };
            self.has_secret = true;
            let mut token = None;
            if decision.replaces() {
                let replacement = redactor.replacement(decision, &text[finding.start..finding.end])?;
                out.pass(passed..start);
                self.wide.put(replacement.as_bytes(), out);
                passed = end;
                token = replacement.token();
            }
            redactor.record(decision, token, place)?;
        }
        out.pass(passed..consumed);
        self.left_context.keep(view, raw, view.view_of(consumed));
        Ok(consumed)
    }
}

#[cfg(test)]
#[path = "wide_tests.rs"]
mod tests;
