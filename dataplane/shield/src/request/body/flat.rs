//! Replaces the findings of a window of flat text: text whose view maps straight to the raw bytes, without structure
//! around it. Plain text, forms, and text in wide units are flat.

use std::ops::Range;

use aegis_detect::Finding;

use crate::request::body::step::BodyStep;
use crate::request::redactor::{Decision, Redactor, SecretEdit};
use crate::request::refusal::Refusal;
use crate::request::scan::member_string;
use crate::request::scan::view::DecodedView;
use crate::request::splice::Splice;
use crate::token::Token;

/// What a flat format does differently.
pub(crate) trait FlatFormat {
    /// What a secret is split at, so that what it separates stays apart.
    const SEPARATOR: Option<u8> = None;

    /// Where a finding stands that has `before` in front of it in the window.
    fn place(&self, before: &[u8]) -> String;

    /// Writes ASCII in the encoding of the text.
    fn put(&self, ascii: &[u8], out: &mut Splice) {
        out.put(ascii);
    }
}

/// What became of a window.
pub(crate) struct Flat {
    /// Raw bytes that are done with.
    pub(crate) consumed: usize,
    /// Whether anything was found that the policy does not allow.
    pub(crate) has_secret: bool,
}

/// Does with the findings of the finished view of `raw`, which is settled up to `settled`, what the policy says.
pub(crate) fn replace_findings<F: FlatFormat>(
    format: &F,
    step: &mut BodyStep<'_>,
    raw: &[u8],
    settled: usize,
) -> Result<Flat, Refusal> {
    let view = &step.scratch.view;
    let text = view.text(raw);
    let mut consumed = if settled == text.len() { raw.len() } else { view.raw_start(settled) };
    let mut has_secret = false;
    let mut passed = 0;
    for finding in &step.scratch.findings {
        let range = view.raw_start(finding.span.start)..view.raw_end(finding.span.end);
        consumed = consumed.max(range.end);
        let source = FlatSource { view, raw, text };
        let member_layers = member_string::layers_at(text, finding.span.start, |at| view.is_content(at));
        let (out, passed) = (&mut *step.out, &mut passed);
        let mut edit = FlatEdit { format, source, finding, range, out, member_layers, passed };
        has_secret |= step.redactor.settle(finding, text, &mut edit)?;
    }
    step.out.pass(passed..consumed);
    Ok(Flat { consumed, has_secret })
}

/// The finished view and what it is made of.
#[derive(Clone, Copy)]
struct FlatSource<'a> {
    view: &'a DecodedView,
    raw: &'a [u8],
    text: &'a [u8],
}

/// The edit of one finding.
struct FlatEdit<'a, F> {
    format: &'a F,
    source: FlatSource<'a>,
    finding: &'a Finding,
    /// Where the finding stands in the raw bytes.
    range: Range<usize>,
    out: &'a mut Splice,
    /// Of how many strings the text has the escapes there, if it is or has a part of a document.
    member_layers: u8,
    /// Raw bytes that are in `out`.
    passed: &'a mut usize,
}

impl<F: FlatFormat> FlatEdit<'_, F> {
    /// Puts something in the place of `value`, which stands at `raw`.
    fn put(
        &mut self,
        redactor: &mut Redactor,
        decision: Decision,
        value: &[u8],
        raw: Range<usize>,
    ) -> Result<Option<Token>, Refusal> {
        let replacement = redactor.member_replacement(decision, value, self.member_layers)?;
        self.out.pass(*self.passed..raw.start);
        self.format.put(replacement.as_bytes(), self.out);
        *self.passed = raw.end;
        Ok(replacement.token())
    }
}

impl<F: FlatFormat> SecretEdit for FlatEdit<'_, F> {
    fn replace(&mut self, redactor: &mut Redactor, decision: Decision) -> Result<Option<Token>, Refusal> {
        let FlatSource { view, raw, text } = self.source;
        let Some(separator) = F::SEPARATOR else {
            let value = &text[self.finding.span.start..self.finding.span.end];
            return self.put(redactor, decision, value, self.range.clone());
        };
        let (mut from, mut token) = (self.range.start, None);
        for field in raw[self.range.clone()].split(|&byte| byte == separator) {
            let to = from + field.len();
            if !field.is_empty() {
                let value = &text[view.view_of(from)..view.view_of(to)];
                token = token.or(self.put(redactor, decision, value, from..to)?);
            }
            from = to + 1;
        }
        Ok(token)
    }

    fn place(&self) -> String {
        self.format.place(&self.source.raw[..self.range.start])
    }
}
