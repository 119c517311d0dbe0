//! Where in a text document of a request the lexer is, in characters, so that what is replaced there is known by its
//! position. See [`crate::documents`].
//!
//! The text is counted where the walker passes it anyway, in whole pieces of a window: a body without such a document
//! pays for a comparison of a name, one with it for a look at each of its bytes.

#![expect(
    clippy::cast_possible_truncation,
    reason = "offsets are those in the window, and a hexadecimal digit is below 16"
)]

use std::ops::Range;

use crate::documents::{Attribution, Documents};

/// Counts the characters of a JSON string, which may be cut anywhere, within an escape too.
#[derive(Clone, Copy, Default)]
pub(crate) struct CharacterCount {
    count: u64,
    escape: EscapeState,
}

#[derive(Clone, Copy, Default)]
enum EscapeState {
    #[default]
    None,
    /// Its backslash was the last byte.
    Begun,
    /// So many hexadecimal digits are to come behind these.
    Digits(u8, u16),
}

impl CharacterCount {
    pub(crate) fn of(raw: &[u8]) -> u64 {
        let mut characters = Self::default();
        characters.pass(raw);
        characters.count
    }

    fn pass(&mut self, mut raw: &[u8]) {
        while let Some((&first, behind)) = raw.split_first() {
            (self.escape, raw) = match self.escape {
                EscapeState::None => {
                    let end = memchr::memchr(b'\\', raw).unwrap_or(raw.len());
                    let (text, rest) = raw.split_at(end);
                    self.count += text.iter().filter(|byte| !matches!(byte, 0x80..0xc0)).count() as u64;
                    match rest.split_first() {
                        Some((_, rest)) => (EscapeState::Begun, rest),
                        None => (EscapeState::None, rest),
                    }
                }
                EscapeState::Begun if first == b'u' => (EscapeState::Digits(4, 0), behind),
                EscapeState::Begun => {
                    self.count += 1;
                    (EscapeState::None, behind)
                }
                EscapeState::Digits(left, before) => {
                    let digit = char::from(first).to_digit(16).unwrap_or_default();
                    let code = before << 4 | digit as u16;
                    if left > 1 {
                        (EscapeState::Digits(left - 1, code), behind)
                    } else {
                        // The second half of a pair belongs to the character that its first half began.
                        self.count += u64::from(!matches!(code, 0xdc00..0xe000));
                        (EscapeState::None, behind)
                    }
                }
            };
        }
    }
}

/// The text of a document.
#[derive(Clone, Copy)]
struct OpenText {
    /// Containers around its object's members, that object's own included.
    level: u16,
    /// Where in the body the first byte stands that is not counted, and the end of the text if it is known.
    from: u64,
    end: Option<u64>,
    /// Of what the provider gets.
    characters: CharacterCount,
}

/// What a walker knows of the documents it has passed.
#[derive(Clone, Copy, Default)]
pub(crate) struct DocumentTracker {
    /// Documents that ended.
    count: u32,
    open: Option<OpenText>,
    /// The level of the object in whose text something was replaced, while what it is remains to be attributed.
    noted: Option<u16>,
    /// What it was.
    attribution: Option<Attribution>,
}

impl DocumentTracker {
    /// A text begins at `at` that is the document's if the object `level` containers deep is one.
    pub(crate) fn begin(&mut self, level: u16, at: u64) {
        if self.noted.take().is_some() {
            // The object has two texts. Which of them the provider takes is not known.
            self.attribution = Some(Attribution::Other);
        }
        self.open = Some(OpenText { level, from: at, end: None, characters: CharacterCount::default() });
    }

    /// A string ends at `at`.
    #[inline]
    pub(crate) fn end(&mut self, at: u64) {
        if let Some(open) = &mut self.open {
            open.end.get_or_insert(at);
        }
    }

    /// Whether the end of an object at `level` says something about a text.
    #[inline]
    pub(crate) fn is_awaiting(&self, level: u16) -> bool {
        self.noted == Some(level) || self.open.is_some_and(|open| open.level == level)
    }

    /// An object at `level` ends.
    pub(crate) fn close(&mut self, level: u16, is_document: bool) {
        self.open = self.open.filter(|open| open.level != level);
        if self.noted == Some(level) {
            self.noted = None;
            self.attribution =
                Some(if is_document { Attribution::Document(self.count) } else { Attribution::Other });
        }
        self.count = self.count.saturating_add(u32::from(is_document));
    }

    /// The walker has got to the end of `window`, which begins at `base` in the body.
    pub(crate) fn pass(&mut self, window: &[u8], base: u64) {
        let Some(open) = &mut self.open else { return };
        let from = open.from.saturating_sub(base) as usize;
        let end = open.end.map_or(window.len(), |end| end.saturating_sub(base) as usize);
        open.characters.pass(window.get(from..end).unwrap_or_default());
        open.from = base + window.len() as u64;
        self.open = self.open.filter(|open| open.end.is_none());
    }

    /// `put` characters take the place of `raw`, which the walker has just passed.
    pub(crate) fn replaced(
        &mut self,
        documents: &mut Option<Box<Documents>>,
        (window, base): (&[u8], u64),
        raw: &Range<usize>,
        put: u64,
    ) {
        let Some(open) = &mut self.open else { return };
        let from = open.from.saturating_sub(base) as usize;
        let end = open.end.map_or(window.len(), |end| end.saturating_sub(base) as usize);
        if raw.start < from || raw.end > end {
            return;
        }
        let documents = documents.get_or_insert_default();
        if let Some(attribution) = self.attribution.take() {
            documents.attribute(attribution);
        }
        open.characters.pass(&window[from..raw.start]);
        let at = open.characters.count;
        documents.replaced(at, at + put, CharacterCount::of(&window[raw.clone()]));
        open.characters.count += put;
        open.from = base + raw.end as u64;
        self.noted = Some(open.level);
    }

    /// Something was replaced in the open text that has no known position: none in it is moved.
    pub(crate) fn lose(&mut self) {
        let lost = self.open.take().is_some_and(|open| self.noted == Some(open.level));
        if lost {
            (self.noted, self.attribution) = (None, Some(Attribution::Other));
        }
    }

    /// The body has ended.
    pub(crate) fn finish(&mut self, documents: &mut Option<Box<Documents>>) {
        if let Some(documents) = documents {
            documents.attribute(self.attribution.take().unwrap_or(Attribution::Other));
        }
    }
}

#[cfg(test)]
#[path = "document_tracker_tests.rs"]
mod tests;
