//! Where secrets were replaced in the text documents of a request, so that a reply can point into what the client has.
//!
//! Anthropic's citations of plain text (`char_location`) name a document of the request by its number and a range of
//! it by characters, counted in the text that the provider got: with tokens in it. The client has the original. What
//! is kept here are numbers alone, and none for a request in which nothing was replaced.
//!
//! <https://platform.claude.com/docs/en/build-with-claude/citations>: documents are numbered from 0 over all
//! messages, characters from 0, an end is exclusive. A character is a Unicode code point: the service does not say
//! so, but is written in a language whose strings are counted so.

use crate::positions::{RangeSide, TextShift, moved};

/// Replacements that are known for all documents of a request together. In the document that reaches the limit, any
/// more are taken together with the last; in one that has none by then, positions stay what the provider made them.
pub const MAX_DOCUMENT_MOVES: usize = 4096;

/// What became of an object that may have been a document.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Attribution {
    /// It is the document of this number.
    Document(u32),
    Other,
}

/// A document in which something was replaced.
#[derive(Clone, Copy, Debug)]
struct NumberedDocument {
    number: u32,
    /// The end of its replacements in the list of all.
    end: usize,
}

/// The replacements in the text documents of one request.
#[derive(Debug, Default)]
pub struct Documents {
    moves: Vec<TextShift>,
    /// In ascending order. What is behind the last of them belongs to an object that is not attributed yet.
    known: Vec<NumberedDocument>,
}

impl Documents {
    /// Whether no position in any document has moved.
    pub fn is_empty(&self) -> bool {
        self.known.is_empty()
    }

    /// In the text at hand, `from..to` of what the provider got took the place of `old` characters.
    pub(crate) fn replaced(&mut self, from: u64, to: u64, old: u64) {
        let (attributed, full) = (self.attributed(), self.moves.len() >= MAX_DOCUMENT_MOVES);
        let last = self.moves[attributed..].last_mut();
        let before = last.as_ref().map_or(0, |last| last.shift);
        let shift = before + old.cast_signed() - (to - from).cast_signed();
        match last {
            Some(last) if full => (last.to, last.shift) = (to, shift),
            None if full => {}
            _ => self.moves.push(TextShift { from, to, shift }),
        }
    }

    /// The object that the last text was in has ended.
    pub(crate) fn attribute(&mut self, attribution: Attribution) {
        let (attributed, end) = (self.attributed(), self.moves.len());
        match attribution {
            Attribution::Document(number) if end > attributed => {
                self.known.push(NumberedDocument { number, end });
            }
            Attribution::Document(_) => {}
            Attribution::Other => self.moves.truncate(attributed),
        }
    }

    /// Where `place` of document `number` stands in what the client sent. One within a token moves to that end of the
    /// secret which `side` says.
    pub(crate) fn moved(&self, number: u64, place: u64, side: RangeSide) -> u64 {
        let Ok(at) = self.known.binary_search_by_key(&number, |known| u64::from(known.number)) else {
            return place;
        };
        let start = at.checked_sub(1).map_or(0, |before| self.known[before].end);
        moved(&self.moves[start..self.known[at].end], place, side)
    }

    /// How many replacements belong to documents that are attributed.
    fn attributed(&self) -> usize {
        self.known.last().map_or(0, |known| known.end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Ten characters in the place of one, `count` times, one character apart.
    fn fill(documents: &mut Documents, count: usize) {
        for at in (0..count as u64).map(|nth| 1 + nth * 11) {
            documents.replaced(at, at + 10, 1);
        }
    }

    #[test]
    fn moves_have_a_limit() {
        for count in [MAX_DOCUMENT_MOVES, MAX_DOCUMENT_MOVES + 1] {
            let mut documents = Documents::default();
            fill(&mut documents, count);
            documents.attribute(Attribution::Document(0));
            fill(&mut documents, 1);
            documents.attribute(Attribution::Document(1));
            assert_eq!(documents.moves.len(), MAX_DOCUMENT_MOVES);
            let behind = count as u64 * 11;
            assert_eq!(
                documents.moved(0, behind, RangeSide::Start),
                count as u64 * 2,
                "behind all it is exact"
            );
            let last = documents.moved(0, behind - 10, RangeSide::Start);
            assert_eq!(
                last == count as u64 * 2 - 1,
                count == MAX_DOCUMENT_MOVES,
                "between the last it is not"
            );
            assert_eq!(documents.moved(1, 11, RangeSide::Start), 11, "nothing is known of it");
        }
        let mut documents = Documents::default();
        fill(&mut documents, MAX_DOCUMENT_MOVES - 1);
        documents.attribute(Attribution::Document(0));
        fill(&mut documents, 1);
        documents.attribute(Attribution::Document(1));
        assert_eq!(documents.moved(1, 11, RangeSide::Start), 2);
    }

    #[test]
    fn what_is_no_document_is_forgotten() {
        let mut documents = Documents::default();
        fill(&mut documents, 3);
        documents.attribute(Attribution::Other);
        documents.attribute(Attribution::Document(0));
        assert!(documents.is_empty());
        fill(&mut documents, 1);
        documents.attribute(Attribution::Document(4));
        let moved = [3, 4, 5].map(|number| documents.moved(number, 20, RangeSide::End));
        assert_eq!(moved, [20, 11, 20]);
    }
}
