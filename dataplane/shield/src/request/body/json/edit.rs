//! The second reading of a JSON window: puts tokens in the place of secrets, so that the document stays valid.
//!
//! A secret is replaced string by string. What of it is structure stays; a number becomes a quoted token.

#![expect(
    clippy::cast_possible_truncation,
    reason = "what is left of a 64-bit offset is an offset in the window"
)]

use std::ops::Range;

use aegis_detect::Finding;

use crate::json::{Lexeme, LexemeKind, escape_into};
use crate::request::body::json::document_tracker::CharacterCount;
use crate::request::body::json::walker::{LexemeVisitor, NoVisit, Walker};
use crate::request::redactor::{Decision, Redactor, Replacement, SecretEdit};
use crate::request::refusal::Refusal;
use crate::request::scan::member_string;
use crate::request::scan::part_boundary::BoundaryFinding;
use crate::request::scan::secret_parts::{SecretPart, SecretParts};
use crate::request::scan::view::DecodedView;
use crate::request::scan::window::WindowContext;
use crate::request::spelling;
use crate::request::splice::Splice;
use crate::token::Token;
use crate::vault::Spelling;

/// Of a secret that lies in several strings, parts that are shorter are left: they say nothing.
const MIN_PART: usize = 4;

/// Collects the parts of one secret.
struct PartCollector<'a> {
    parts: &'a mut SecretParts,
    joined: bool,
}

impl LexemeVisitor for PartCollector<'_> {
    fn lexeme(&mut self, lexeme: &Lexeme<'_>, raw: Range<usize>) {
        let scalar = lexeme.kind == LexemeKind::Scalar;
        if !scalar && lexeme.kind != LexemeKind::Text {
            self.joined = false;
            return;
        }
        let start = self.parts.value.len();
        self.parts.value.extend_from_slice(lexeme.bytes);
        let value = start..self.parts.value.len();
        match self.parts.list.last_mut() {
            // The string of a document that is none goes on as text.
            Some(last) if self.joined && lexeme.is_broken && last.layer == lexeme.layer + 1 => {
                last.layer = lexeme.layer;
                last.raw.end = raw.end;
                last.value.end = value.end;
                last.is_broken = true;
            }
            // What looked like a number was the start of a text if text goes on directly behind it.
            Some(last) if self.joined && last.layer == lexeme.layer && (last.scalar || !scalar) => {
                last.scalar = scalar;
                last.raw.end = raw.end;
                last.value.end = value.end;
            }
            _ => {
                let layer = lexeme.layer;
                self.parts.list.push(SecretPart { raw, value, layer, scalar, is_broken: false });
            }
        }
        self.joined = true;
    }
}

/// Edits one window from its start to its end.
pub(crate) struct Editor<'a> {
    walker: &'a mut Walker,
    many: bool,
    context: WindowContext<'a>,
    out: &'a mut Splice,
    parts: &'a mut SecretParts,
    /// Where the walker stands in the window.
    pos: usize,
    /// How much of the window is in `out`.
    passed: usize,
}

impl<'a> Editor<'a> {
    pub(crate) fn new(
        walker: &'a mut Walker,
        many: bool,
        context: WindowContext<'a>,
        out: &'a mut Splice,
        parts: &'a mut SecretParts,
    ) -> Self {
        Self { walker, many, context, out, parts, pos: 0, passed: 0 }
    }

    /// Where the walker stands, and how much of the window is in the output.
    pub(crate) fn done(self) -> (usize, usize) {
        self.parts.clear();
        (self.pos, self.passed)
    }

    /// Does with a finding of the view `text`, which stands at `range` in the window, what the policy says.
    pub(crate) fn replace(
        &mut self,
        redactor: &mut Redactor,
        finding: &Finding,
        (view, text): (&DecodedView, &[u8]),
        range: Range<usize>,
    ) -> Result<(), Refusal> {
        // A number that was replaced as a whole may have held another finding.
        if range.end > self.pos {
            let member_layers = member_string::layers_at(text, finding.span.start, |at| view.is_content(at));
            redactor.settle(finding, text, &mut InStrings { editor: self, range, member_layers })?;
        }
        Ok(())
    }

    /// Does the same with a secret across a boundary: one token for both of its parts, in the place of the first.
    pub(crate) fn join(
        &mut self,
        redactor: &mut Redactor,
        boundary: &BoundaryFinding,
        text: &[u8],
        view: &DecodedView,
    ) -> Result<(), Refusal> {
        let raw = |part: &Range<usize>| view.raw_start(part.start)..view.raw_end(part.end);
        let (head, tail) = (raw(&boundary.head), raw(&boundary.tail));
        if head.start >= self.pos {
            let value = &text[boundary.finding.span.start..boundary.finding.span.end];
            let mut edit = AcrossBoundary { editor: self, value, head, tail };
            redactor.settle(&boundary.finding, text, &mut edit)?;
        }
        Ok(())
    }

    /// Puts `word` in the place of the first of the parts at hand, and nothing in that of the others.
    fn cut(&mut self, word: &[u8]) {
        for (index, part) in self.parts.list.iter().enumerate() {
            self.out.pass(self.passed..part.raw.start);
            self.out.put(if index == 0 { word } else { b"" });
            self.passed = part.raw.end;
        }
    }

    fn place(&self) -> String {
        self.walker.path.place(self.many)
    }

    /// Reads the secret at `range` into its parts and says where the reading ended: numbers are taken whole.
    fn take_apart(&mut self, range: Range<usize>) -> Result<(), Refusal> {
        let (start, mut end, context) = (range.start.max(self.pos), range.end, self.context);
        self.parts.clear();
        let mut visitor = PartCollector { parts: self.parts, joined: false };
        self.walker.read(context, self.pos..start, NoVisit)?;
        self.walker.path.mask();
        self.walker.read(context, start..end, &mut visitor)?;
        if visitor.parts.list.last().is_some_and(|part| part.scalar) {
            let rest = &context.window[end..];
            let more = rest.iter().position(|&byte| !is_scalar(byte)).unwrap_or(rest.len());
            self.walker.read(context, end..end + more, &mut visitor)?;
            end += more;
            if let (Some(began), Some(part)) = (self.walker.path.scalar(), visitor.parts.list.last_mut()) {
                part.raw.start = began.saturating_sub(context.base) as usize;
            }
        }
        self.walker.path.mask();
        self.pos = end;
        Ok(())
    }
}

/// The edit of a secret that the view shows as one text: each string of it gets a token of its own.
struct InStrings<'e, 'a> {
    editor: &'e mut Editor<'a>,
    range: Range<usize>,
    /// Of how many strings the text around it has the escapes, if it is a part of a document.
    member_layers: u8,
}

impl SecretEdit for InStrings<'_, '_> {
    fn reach(&mut self) -> Result<(), Refusal> {
        self.editor.take_apart(self.range.clone())
    }

    fn replace(&mut self, redactor: &mut Redactor, decision: Decision) -> Result<Option<Token>, Refusal> {
        let Editor { walker, many, context, out, parts, passed, .. } = &mut *self.editor;
        let mut token = None;
        let is_whole = parts.list.len() == 1;
        for part in parts.list.iter().filter(|part| is_whole || part.value.len() >= MIN_PART) {
            // What is JSON by contract is written anew by whoever writes it; in what strings of it hold escapes count.
            let base = 1 + u8::from(walker.path.containers.is_arguments());
            let place = PartPlace { window: context.window, base, member_layers: self.member_layers };
            let replacement = part.replacement(redactor, decision, place, &parts.value)?;
            out.pass(*passed..part.raw.start);
            let put = part.put(&replacement, out);
            *passed = part.raw.end;
            if redactor.part.is_none() && !*many {
                let window = (context.window, context.base);
                walker.path.document.replaced(&mut redactor.documents, window, &part.raw, put);
            }
            token = token.or(replacement.token());
        }
        Ok(token)
    }

    fn place(&self) -> String {
        self.editor.place()
    }
}

/// The edit of a secret that lies in two text parts.
struct AcrossBoundary<'e, 'a> {
    editor: &'e mut Editor<'a>,
    value: &'e [u8],
    head: Range<usize>,
    tail: Range<usize>,
}

impl SecretEdit for AcrossBoundary<'_, '_> {
    fn reach(&mut self) -> Result<(), Refusal> {
        self.editor.take_apart(self.head.clone())
    }

    fn replace(&mut self, redactor: &mut Redactor, decision: Decision) -> Result<Option<Token>, Refusal> {
        let replacement = redactor.replacement(decision, self.value)?;
        self.editor.cut(replacement.as_bytes());
        self.editor.take_apart(self.tail.clone())?;
        self.editor.cut(b"");
        Ok(replacement.token())
    }

    fn place(&self) -> String {
        self.editor.place()
    }
}

/// Where a part of a secret stands.
struct PartPlace<'a> {
    window: &'a [u8],
    /// The escapes of so many strings around it say nothing.
    base: u8,
    /// See [`InStrings::member_layers`].
    member_layers: u8,
}

impl SecretPart {
    /// What takes the place of this part.
    fn replacement(
        &self,
        redactor: &mut Redactor,
        decision: Decision,
        PartPlace { window, base, member_layers }: PartPlace<'_>,
        value: &[u8],
    ) -> Result<Replacement, Refusal> {
        let (raw, value) = (&window[self.raw.clone()], &value[self.value.clone()]);
        if self.scalar {
            return redactor.replacement(decision, raw);
        }
        if self.is_broken {
            let text = spelling::without(raw, base);
            let layers = (self.layer + 1).saturating_sub(base);
            return redactor.spelled_replacement(
                decision,
                &text,
                (&text, Spelling::in_part_of_document(layers)),
            );
        }
        if self.layer > base {
            let spelled = spelling::of(raw, value, self.layer, base);
            let (text, layers) = spelled.as_ref().map_or((value, 0), |(text, layers)| (&text[..], *layers));
            return redactor.spelled_replacement(decision, value, (text, Spelling::in_document(layers)));
        }
        redactor.member_replacement(decision, value, member_layers)
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
