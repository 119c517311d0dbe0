//! Walks over the lexemes of a window and follows where in the document they stand.

use crate::json::{Lexeme, Nested, Sink};
use crate::request::body::json::path::Track;
use crate::request::refusal::Refusal;
use crate::request::scan::part_boundary::TextEvent;
use crate::request::scan::window::Surroundings;
use std::ops::Range;

/// A place in the document: everything that is needed to read on from there.
#[derive(Clone)]
pub(crate) struct Walk {
    pub(crate) nested: Nested,
    pub(crate) track: Track,
}

/// Somebody who wants to see the lexemes of a window.
pub(crate) trait Watch {
    /// Something happens to a text part of an array.
    fn text_part(&mut self, _: TextEvent) {}

    /// `lexeme` stands at `raw` in the window.
    fn lexeme(&mut self, lexeme: &Lexeme<'_>, raw: Range<usize>);
}

/// Nobody.
pub(crate) struct Blind;

impl Watch for Blind {
    #[inline]
    fn lexeme(&mut self, _: &Lexeme<'_>, _: Range<usize>) {}
}

impl<W: Watch> Watch for &mut W {
    fn lexeme(&mut self, lexeme: &Lexeme<'_>, raw: Range<usize>) {
        (**self).lexeme(lexeme, raw);
    }
}

/// Follows the document and lets `watch` see, up to where the view has to stop.
pub(crate) struct Eyes<'a, W> {
    pub(crate) track: &'a mut Track,
    pub(crate) around: Surroundings<'a>,
    pub(crate) watch: W,
}

impl<W: Watch> Sink for Eyes<'_, W> {
    #[inline]
    fn is_done(&self) -> bool {
        self.track.stop().is_some()
    }

    #[inline]
    fn lexeme(&mut self, lexeme: Lexeme<'_>) {
        if self.track.stop().is_some() {
            return;
        }
        if let Some(event) = self.track.see(&lexeme, self.around) {
            self.watch.text_part(event);
        }
        // A unit that waited for the byte after it can begin before the window.
        let start = lexeme.start.saturating_sub(self.around.base) as usize;
        self.watch.lexeme(&lexeme, start..(lexeme.end - self.around.base) as usize);
    }
}

impl Walk {
    /// Reads `window[range]`, which must begin where this walk stands.
    #[inline]
    pub(crate) fn read<W: Watch>(
        &mut self,
        around: Surroundings<'_>,
        range: Range<usize>,
        watch: W,
    ) -> Result<(), Refusal> {
        let base = around.base + range.start as u64;
        let mut eyes = Eyes { track: &mut self.track, around, watch };
        self.nested.feed(&around.window[range], &mut eyes).map_err(|fault| Refusal::syntax(fault, base))
    }
}

/// Sees nothing.
pub(crate) struct Nobody;

impl Sink for Nobody {
    fn lexeme(&mut self, _: Lexeme<'_>) {}
}
