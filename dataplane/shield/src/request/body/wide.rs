//! UTF-16 and UTF-32: scanned as UTF-8, and written back in the encoding they came in.
//!
//! Editors and shells of Windows write such files, and a provider that opens one shows its model the text. A byte
//! scanner sees a zero byte between two letters and finds nothing. The bytes decide what a text is: a byte order
//! mark, or the zero bytes of ASCII in wide units; a charset that was only declared counts where they leave it open.

#![expect(clippy::cast_possible_truncation, reason = "a remainder is below the size of a code unit")]

use crate::request::body::flat::{FlatFormat, replace_findings};
use crate::request::body::step::{BodyStep, Input};
use crate::request::body::text::TextBody;
use crate::request::classify::wide_encoding::WideEncoding;
use crate::request::refusal::Refusal;
use crate::request::scan::view::LeftContext;
use crate::request::splice::Splice;

/// Why a text is refused that can be read in two ways, and holds something to hide in both.
const MIXED: &str = "the text mixes two encodings and holds secrets in both: save it in one";

/// Up to where the input is known to hold no secret byte by byte; `None` if it holds one.
fn clean_bytes(step: &mut BodyStep<'_>, input: Input<'_>) -> Option<usize> {
    step.scratch.view.begin(&LeftContext::new());
    step.scratch.view.finish(input.bytes);
    let settled = step.scratch.scan(input.bytes, input.last, true);
    (!has_secret(step, input.bytes)).then_some(settled)
}

/// The same in the units of this encoding.
fn clean_units(wide: WideEncoding, step: &mut BodyStep<'_>, input: Input<'_>) -> Option<usize> {
    let mut context = LeftContext::new();
    let mut clean = 0;
    loop {
        let rest = &input.bytes[clean..];
        let view = &mut step.scratch.view;
        view.begin(&context);
        let raw = &rest[..wide.decode(view, rest, input.last)];
        view.finish(raw);
        let settled = step.scratch.scan(raw, input.last && raw.len() == rest.len(), true);
        if has_secret(step, raw) {
            return None;
        }
        let view = &step.scratch.view;
        let done = if settled == view.text(raw).len() { raw.len() } else { view.raw_start(settled) };
        clean += done;
        // The last unit may be cut.
        if done == 0 || raw.len() + 2 * wide.size() > rest.len() {
            return Some(clean);
        }
        context.keep(view, raw, settled);
    }
}

/// Whether the policy forbids anything that was found in the finished view of `raw`.
fn has_secret(step: &BodyStep<'_>, raw: &[u8]) -> bool {
    let text = step.scratch.view.text(raw);
    step.scratch.findings.iter().any(|finding| step.redactor.decide(finding, text).is_some())
}

/// So much of the input as the other reading has settled, so that it finds what goes on behind; all if that is too
/// little to go on with.
fn settled_part(input: Input<'_>, settled: usize) -> Input<'_> {
    let Input { bytes, last } = input;
    if settled < bytes.len() / 2 {
        return input;
    }
    Input { bytes: &bytes[..settled], last: last && settled == bytes.len() }
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
        Self::behind(wide, LeftContext::new())
    }

    /// A text that stands behind another, which says what its first value is.
    pub(crate) fn behind(wide: WideEncoding, left_context: LeftContext) -> Self {
        Self { wide, left_context, narrow: None, has_secret: false, offset: 0 }
    }

    /// See [`crate::request::Tokenizer::push`]; a window that is not the last is large enough to settle something. The
    /// text stands at `place`.
    pub(crate) fn process_at(
        &mut self,
        step: &mut BodyStep<'_>,
        input: Input<'_>,
        place: &dyn Fn() -> String,
    ) -> Result<usize, Refusal> {
        let consumed = self.step(step, input, place)?;
        self.offset += consumed as u64;
        Ok(consumed)
    }

    /// A secret stands in the text byte by byte, so it is read so; none may stand in it in wide units then.
    fn bytewise(
        &mut self,
        step: &mut BodyStep<'_>,
        input: Input<'_>,
        place: &dyn Fn() -> String,
    ) -> Result<usize, Refusal> {
        let Input { bytes: window, last } = input;
        let size = self.wide.size();
        let behind = (self.offset % size as u64) as usize;
        let cut = window.len().min((size - behind) % size);
        let rest = Input { bytes: &window[cut..], last };
        let clean = if self.has_secret { None } else { clean_units(self.wide, step, rest) };
        let Some(clean) = clean else {
            return Err(Refusal::Malformed { what: MIXED, offset: self.offset });
        };
        let text = self.narrow.get_or_insert_with(|| Box::new(TextBody::new()));
        text.process_at(step, settled_part(input, cut + clean), place)
    }

    fn step(
        &mut self,
        step: &mut BodyStep<'_>,
        input: Input<'_>,
        place: &dyn Fn() -> String,
    ) -> Result<usize, Refusal> {
        let clean = match self.narrow {
            None => clean_bytes(step, input),
            Some(_) => None,
        };
        let Some(clean) = clean else {
            return self.bytewise(step, input, place);
        };
        let Input { bytes: window, last } = settled_part(input, clean);
        let view = &mut step.scratch.view;
        view.begin(&self.left_context);
        let raw = &window[..self.wide.decode(view, window, last)];
        view.finish(raw);
        let settled = step.scratch.scan(raw, last && raw.len() == window.len(), true);
        let format = WideText { encoding: self.wide, place };
        let done = replace_findings(&format, step, raw, settled)?;
        self.has_secret |= done.has_secret;
        let view = &step.scratch.view;
        self.left_context.keep(view, raw, view.view_of(done.consumed));
        Ok(done.consumed)
    }
}

/// Text in wide units, at a place.
struct WideText<'a> {
    encoding: WideEncoding,
    place: &'a dyn Fn() -> String,
}

impl FlatFormat for WideText<'_> {
    fn place(&self, _: &[u8]) -> String {
        (self.place)()
    }

    fn put(&self, ascii: &[u8], out: &mut Splice) {
        self.encoding.put(ascii, out);
    }
}

#[cfg(test)]
#[path = "wide_tests.rs"]
mod tests;
