//! Walks over the lexemes of a window and follows where in the document they stand.

#![expect(
    clippy::cast_possible_truncation,
    reason = "what is left of a 64-bit offset is an offset in the window"
)]

use crate::json::{Lexeme, Nested, Sink};
use crate::request::body::json::path::{JsonPath, StringEvent};
use crate::request::refusal::Refusal;
use crate::request::scan::window::WindowContext;
use std::ops::Range;

/// A place in the document: everything that is needed to read on from there.
#[derive(Clone)]
pub(crate) struct Walker {
    pub(crate) nested: Nested,
    pub(crate) path: JsonPath,
}

/// Receives each lexeme of a window.
pub(crate) trait LexemeVisitor {
    /// Something happens to a string.
    fn string(&mut self, _: StringEvent) {}

    /// `lexeme` stands at `raw` in the window.
    fn lexeme(&mut self, lexeme: &Lexeme<'_>, raw: Range<usize>);
}

/// Ignores every lexeme and text part.
pub(crate) struct NoVisit;

impl LexemeVisitor for NoVisit {
    #[inline]
    fn lexeme(&mut self, _: &Lexeme<'_>, _: Range<usize>) {}
}

impl<W: LexemeVisitor> LexemeVisitor for &mut W {
    fn lexeme(&mut self, lexeme: &Lexeme<'_>, raw: Range<usize>) {
        (**self).lexeme(lexeme, raw);
    }
}

/// Follows the document and hands lexemes to `visitor`, up to where the view has to stop.
pub(crate) struct VisitingSink<'a, W> {
    pub(crate) path: &'a mut JsonPath,
    pub(crate) context: WindowContext<'a>,
    pub(crate) visitor: W,
}

impl<W: LexemeVisitor> Sink for VisitingSink<'_, W> {
    #[inline]
    fn is_done(&self) -> bool {
        self.path.stop().is_some()
    }

    #[inline]
    fn lexeme(&mut self, lexeme: Lexeme<'_>) {
        if self.path.stop().is_some() {
            return;
        }
        if let Some(event) = self.path.see(&lexeme, self.context) {
            self.visitor.string(event);
        }
        // A unit that waited for the byte after it can begin before the window.
        let start = lexeme.start.saturating_sub(self.context.base) as usize;
        self.visitor.lexeme(&lexeme, start..(lexeme.end - self.context.base) as usize);
    }
}

impl Walker {
    /// Reads `window[range]`, which must begin where this walker stands.
    #[inline]
    pub(crate) fn read<W: LexemeVisitor>(
        &mut self,
        context: WindowContext<'_>,
        range: Range<usize>,
        visitor: W,
    ) -> Result<(), Refusal> {
        let base = context.base + range.start as u64;
        let mut sink = VisitingSink { path: &mut self.path, context, visitor };
        self.nested.feed(&context.window[range], &mut sink).map_err(|fault| Refusal::syntax(fault, base))
    }
}

/// Discards every lexeme.
pub(crate) struct NullSink;

impl Sink for NullSink {
    fn lexeme(&mut self, _: Lexeme<'_>) {}
}
