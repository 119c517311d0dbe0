//! The second reading of a JSON window: puts tokens in the place of secrets, so that the document stays valid.
//!
//! A secret is replaced string by string. What of it is structure stays; a number becomes a quoted token.

use crate::request::scan::secret_parts::SecretPart;
use std::ops::Range;

use aegis_detect::Finding;
use zeroize::Zeroize;

use crate::json::{Lexeme, LexemeKind, escape_into};
use crate::request::body::json::document_tracker::CharacterCount;
use crate::request::body::json::walker::{LexemeVisitor, NoVisit, Walker};
use crate::request::redactor::{Decision, Redactor, Replacement};
use crate::request::refusal::Refusal;
use crate::request::scan::part_boundary::BoundaryFinding;
use crate::request::scan::view::DecodedView;
use crate::request::scan::window::WindowContext;
use crate::request::splice::Splice;

/// Of a secret that lies in several strings, parts that are shorter are left: they say nothing.
const MIN_PART: usize = 4;

/// Collects the parts of one secret.
struct PartCollector<'a> {
    parts: &'a mut Vec<SecretPart>,
    value: &'a mut Vec<u8>,
    joined: bool,
}

impl LexemeVisitor for PartCollector<'_> {
    fn lexeme(&mut self, lexeme: &Lexeme<'_>, raw: Range<usize>) {
        let scalar = lexeme.kind == LexemeKind::Scalar;
        if !scalar && lexeme.kind != LexemeKind::Text {
            self.joined = false;
            return;
        }
        let start = self.value.len();
        self.value.extend_from_slice(lexeme.bytes);
        let value = start..self.value.len();
        match self.parts.last_mut() {
            // What looked like a number was the start of a text if text goes on directly behind it.
            Some(last) if self.joined && last.layer == lexeme.layer && (last.scalar || !scalar) => {
                last.scalar = scalar;
                last.raw.end = raw.end;
                last.value.end = value.end;
            }
            _ => self.parts.push(SecretPart { raw, value, layer: lexeme.layer, scalar }),
        }
        self.joined = true;
    }
}

/// Edits one window from its start to its end.
pub(crate) struct Editor<'a> {
    walker: &'a mut Walker,
    many: bool,
    redactor: &'a mut Redactor,
    context: WindowContext<'a>,
    out: &'a mut Splice,
    parts: &'a mut Vec<SecretPart>,
    value: &'a mut Vec<u8>,
    /// Where the walker stands in the window.
    pos: usize,
    /// How much of the window is in `out`.
    passed: usize,
}

impl<'a> Editor<'a> {
    pub(crate) fn new(
        walker: &'a mut Walker,
        many: bool,
        redactor: &'a mut Redactor,
        context: WindowContext<'a>,
        out: &'a mut Splice,
        (parts, value): (&'a mut Vec<SecretPart>, &'a mut Vec<u8>),
    ) -> Self {
        Self { walker, many, redactor, context, out, parts, value, pos: 0, passed: 0 }
    }

    /// Where the walker stands, and how much of the window is in the output.
    pub(crate) fn done(self) -> (usize, usize) {
        self.parts.clear();
        self.value.zeroize();
        (self.pos, self.passed)
    }

    /// Decides on a finding of the view `text`, which stands at `range` in the window, and does what is decided.
    pub(crate) fn replace(
        &mut self,
        finding: &Finding,
        text: &[u8],
        range: Range<usize>,
    ) -> Result<(), Refusal> {
        // A number that was replaced as a whole may have held another finding.
        if range.end <= self.pos {
            return Ok(());
        }
        let Some(decision) = self.redactor.decide(finding, text) else { return Ok(()) };
        self.take_apart(range)?;
        let mut token = None;
        if decision.replaces() {
            for part in self.parts.iter().filter(|part| self.parts.len() == 1 || part.value.len() >= MIN_PART)
            {
                let replacement =
                    part.replacement(self.redactor, decision, self.context.window, self.value)?;
                self.out.pass(self.passed..part.raw.start);
                let put = part.put(&replacement, self.out);
                self.passed = part.raw.end;
                if self.redactor.part.is_none() && !self.many {
                    let context = (self.context.window, self.context.base);
                    let documents = &mut self.redactor.documents;
                    self.walker.path.document.replaced(documents, context, &part.raw, put);
                }
                token = token.or(replacement.token());
            }
        }
        self.redactor.record(decision, token, || self.walker.path.place(self.many))
    }

    /// Does the same with a secret across a boundary: one token for both of its parts, in the place of the first.
    pub(crate) fn join(
        &mut self,
        boundary: &BoundaryFinding,
        text: &[u8],
        view: &DecodedView,
    ) -> Result<(), Refusal> {
        let head = view.raw_start(boundary.head.start)..view.raw_end(boundary.head.end);
        if head.start < self.pos {
            return Ok(());
        }
        let Some(decision) = self.redactor.decide(&boundary.finding, text) else { return Ok(()) };
        self.take_apart(head)?;
        let mut token = None;
        if decision.replaces() {
            let value = &text[boundary.finding.start..boundary.finding.end];
            let replacement = self.redactor.replacement(decision, value)?;
            token = replacement.token();
            self.cut(replacement.as_bytes());
            let tail = view.raw_start(boundary.tail.start)..view.raw_end(boundary.tail.end);
            self.take_apart(tail)?;
            self.cut(b"");
        }
        self.redactor.record(decision, token, || self.walker.path.place(self.many))
    }

    /// Puts `word` in the place of the first of the parts at hand, and nothing in that of the others.
    fn cut(&mut self, word: &[u8]) {
        for (index, part) in self.parts.iter().enumerate() {
            self.out.pass(self.passed..part.raw.start);
            self.out.put(if index == 0 { word } else { b"" });
            self.passed = part.raw.end;
        }
    }

    /// Reads the secret at `range` into its parts and says where the reading ended: numbers are taken whole.
    fn take_apart(&mut self, range: Range<usize>) -> Result<(), Refusal> {
        let (start, mut end, context) = (range.start.max(self.pos), range.end, self.context);
        self.parts.clear();
        self.value.zeroize();
        let mut visitor = PartCollector { parts: self.parts, value: self.value, joined: false };
        self.walker.read(context, self.pos..start, NoVisit)?;
        self.walker.path.mask();
        self.walker.read(context, start..end, &mut visitor)?;
        if visitor.parts.last().is_some_and(|part| part.scalar) {
            let rest = &context.window[end..];
            let more = rest.iter().position(|&byte| !is_scalar(byte)).unwrap_or(rest.len());
            self.walker.read(context, end..end + more, &mut visitor)?;
            end += more;
            if let (Some(began), Some(part)) = (self.walker.path.scalar(), visitor.parts.last_mut()) {
                part.raw.start = began.saturating_sub(context.base) as usize;
            }
        }
        self.walker.path.mask();
        self.pos = end;
        Ok(())
    }
}

impl SecretPart {
    /// What takes the place of this part.
    fn replacement(
        &self,
        redactor: &mut Redactor,
        decision: Decision,
        window: &[u8],
        value: &[u8],
    ) -> Result<Replacement, Refusal> {
        let value = if self.scalar { &window[self.raw.clone()] } else { &value[self.value.clone()] };
        redactor.replacement(decision, value)
    }

    /// Writes it; in the place of a number it needs quotes. Says how many characters of a JSON string that makes.
    fn put(&self, replacement: &Replacement, out: &mut Splice) -> u64 {
        let mut quote = Vec::new();
        if self.scalar {
            escape_into(b"\"", self.layer, &mut quote);
        }
        out.put(&quote);
        out.put(replacement.as_bytes());
        out.put(&quote);
        2 * CharacterCount::of(&quote) + replacement.as_bytes().len() as u64
    }
}

/// Whether a byte can go on a number or a word.
fn is_scalar(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.')
}
