//! The second reading of a JSON window: puts tokens in the place of secrets, so that the document stays valid.
//!
//! A secret is replaced string by string. What of it is structure stays; a number becomes a quoted token.

use crate::request::scan::secret_parts::Part;
use std::ops::Range;

use aegis_detect::Finding;
use zeroize::Zeroize;

use crate::json::{Kind, Lexeme, escape_into};
use crate::request::body::json::document_text::Characters;
use crate::request::body::json::walker::{Blind, Walk, Watch};
use crate::request::redactor::{Decision, Desk, Replacement};
use crate::request::refusal::Refusal;
use crate::request::scan::part_boundary::SeamFinding;
use crate::request::scan::view::View;
use crate::request::scan::window::Surroundings;
use crate::request::splice::Gather;

/// Of a secret that lies in several strings, parts that are shorter are left: they say nothing.
const MIN_PART: usize = 4;

/// Collects the parts of one secret.
struct Collect<'a> {
    parts: &'a mut Vec<Part>,
    value: &'a mut Vec<u8>,
    joined: bool,
}

impl Watch for Collect<'_> {
    fn lexeme(&mut self, lexeme: &Lexeme<'_>, raw: Range<usize>) {
        let scalar = lexeme.kind == Kind::Scalar;
        if !scalar && lexeme.kind != Kind::Text {
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
            _ => self.parts.push(Part { raw, value, layer: lexeme.layer, scalar }),
        }
        self.joined = true;
    }
}

/// Edits one window from its start to its end.
pub(crate) struct Editor<'a> {
    walk: &'a mut Walk,
    many: bool,
    desk: &'a mut Desk,
    around: Surroundings<'a>,
    out: &'a mut Gather,
    parts: &'a mut Vec<Part>,
    value: &'a mut Vec<u8>,
    /// Where the walk stands in the window.
    pos: usize,
    /// How much of the window is in `out`.
    passed: usize,
}

impl<'a> Editor<'a> {
    pub(crate) fn new(
        walk: &'a mut Walk,
        many: bool,
        desk: &'a mut Desk,
        around: Surroundings<'a>,
        out: &'a mut Gather,
        (parts, value): (&'a mut Vec<Part>, &'a mut Vec<u8>),
    ) -> Self {
        Self { walk, many, desk, around, out, parts, value, pos: 0, passed: 0 }
    }

    /// Where the walk stands, and how much of the window is in the output.
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
        let Some(decision) = self.desk.decide(finding, text) else { return Ok(()) };
        self.take_apart(range)?;
        let mut token = None;
        if decision.replaces() {
            for part in self.parts.iter().filter(|part| self.parts.len() == 1 || part.value.len() >= MIN_PART)
            {
                let replacement = part.replacement(self.desk, decision, self.around.window, self.value)?;
                self.out.pass(self.passed..part.raw.start);
                let put = part.put(&replacement, self.out);
                self.passed = part.raw.end;
                if self.desk.part.is_none() && !self.many {
                    let around = (self.around.window, self.around.base);
                    let documents = &mut self.desk.documents;
                    self.walk.track.cited.replaced(documents, around, &part.raw, put);
                }
                token = token.or(replacement.token());
            }
        }
        self.desk.record(decision, token, || self.walk.track.place(self.many))
    }

    /// Does the same with a secret across a seam: one token for both of its parts, in the place of the first.
    pub(crate) fn join(&mut self, seam: &SeamFinding, text: &[u8], view: &View) -> Result<(), Refusal> {
        let head = view.raw_start(seam.head.start)..view.raw_end(seam.head.end);
        if head.start < self.pos {
            return Ok(());
        }
        let Some(decision) = self.desk.decide(&seam.finding, text) else { return Ok(()) };
        self.take_apart(head)?;
        let mut token = None;
        if decision.replaces() {
            let value = &text[seam.finding.start..seam.finding.end];
            let replacement = self.desk.replacement(decision, value)?;
            token = replacement.token();
            self.cut(replacement.as_bytes());
            let tail = view.raw_start(seam.tail.start)..view.raw_end(seam.tail.end);
            self.take_apart(tail)?;
            self.cut(b"");
        }
        self.desk.record(decision, token, || self.walk.track.place(self.many))
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
        let (start, mut end, around) = (range.start.max(self.pos), range.end, self.around);
        self.parts.clear();
        self.value.zeroize();
        let mut watch = Collect { parts: self.parts, value: self.value, joined: false };
        self.walk.read(around, self.pos..start, Blind)?;
        self.walk.track.mask();
        self.walk.read(around, start..end, &mut watch)?;
        if watch.parts.last().is_some_and(|part| part.scalar) {
            let rest = &around.window[end..];
            let more = rest.iter().position(|&byte| !is_scalar(byte)).unwrap_or(rest.len());
            self.walk.read(around, end..end + more, &mut watch)?;
            end += more;
            if let (Some(began), Some(part)) = (self.walk.track.scalar(), watch.parts.last_mut()) {
                part.raw.start = began.saturating_sub(around.base) as usize;
            }
        }
        self.walk.track.mask();
        self.pos = end;
        Ok(())
    }
}

impl Part {
    /// What takes the place of this part.
    fn replacement(
        &self,
        desk: &mut Desk,
        decision: Decision,
        window: &[u8],
        value: &[u8],
    ) -> Result<Replacement, Refusal> {
        let value = if self.scalar { &window[self.raw.clone()] } else { &value[self.value.clone()] };
        desk.replacement(decision, value)
    }

    /// Writes it; in the place of a number it needs quotes. Says how many characters of a JSON string that makes.
    fn put(&self, replacement: &Replacement, out: &mut Gather) -> u64 {
        let mut quote = Vec::new();
        if self.scalar {
            escape_into(b"\"", self.layer, &mut quote);
        }
        out.put(&quote);
        out.put(replacement.as_bytes());
        out.put(&quote);
        2 * Characters::of(&quote) + replacement.as_bytes().len() as u64
    }
}

/// Whether a byte can go on a number or a word.
fn is_scalar(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.')
}
