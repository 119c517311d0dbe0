//! Confirmed candidates of one text, and what confirming them remembers.

use super::tail::{Cut, Tail};
use crate::bytes::RunCache;
use crate::finding::Confidence;
use crate::text::Span;

/// A confirmed candidate, before overlaps are settled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Candidate {
    pub(crate) span: Span,
    pub(crate) rule: u16,
    /// See [`super::rank`].
    pub(crate) rank: u8,
    pub(crate) confidence: Confidence,
}

/// The table that was read last.
#[derive(Debug, Default)]
pub(crate) struct TableMemory {
    pub(crate) rows: Span,
    /// How many of its columns were read, and the number of the last.
    pub(crate) columns: usize,
    pub(crate) last: usize,
}

/// What is known of the double quotes of a text: which begin and end strings of the document that it is of, and which do
/// not.
#[derive(Default)]
pub(crate) struct StringQuotes {
    inner: Vec<usize>,
    structural: StructuralQuotes,
}

/// The quotes that begin and end strings.
#[derive(Default)]
enum StructuralQuotes {
    /// None is known.
    #[default]
    Unknown,
    /// All but the inner ones.
    AllOthers,
    /// Those at these offsets, which are in order.
    At(Vec<usize>),
}

impl StringQuotes {
    /// Those at the offsets `inner`, which are in order, end no string; with `has_strings` all others do.
    pub(crate) fn set(&mut self, inner: &[usize], has_strings: bool) {
        self.inner.clear();
        self.inner.extend_from_slice(inner);
        self.structural = if has_strings { StructuralQuotes::AllOthers } else { StructuralQuotes::Unknown };
    }

    /// Those of a `decoded` text whose original has the `outer` ones. `place_of` gives where a quote stands in the original, if
    /// it stands there as it is: of such the same is known, of encoded ones nothing.
    pub(crate) fn follow(
        &mut self,
        outer: &StringQuotes,
        decoded: &[u8],
        place_of: impl Fn(usize) -> Option<usize>,
    ) {
        self.inner.clear();
        let mut structural = match std::mem::take(&mut self.structural) {
            StructuralQuotes::At(at) => at,
            _ => Vec::new(),
        };
        structural.clear();
        let is_known = !matches!(outer.structural, StructuralQuotes::Unknown) || !outer.inner.is_empty();
        for at in is_known.then(|| memchr::memchr_iter(b'"', decoded)).into_iter().flatten() {
            let Some(place) = place_of(at) else { continue };
            if outer.inner.binary_search(&place).is_ok() {
                self.inner.push(at);
            } else if outer.is_structural(place) {
                structural.push(at);
            }
        }
        self.structural = StructuralQuotes::At(structural);
    }

    /// The offsets of those that are known to end no string.
    pub(crate) fn inner(&self) -> &[usize] {
        &self.inner
    }

    fn is_structural(&self, at: usize) -> bool {
        match &self.structural {
            StructuralQuotes::Unknown => false,
            StructuralQuotes::AllOthers => self.inner.binary_search(&at).is_err(),
            StructuralQuotes::At(structural) => structural.binary_search(&at).is_ok(),
        }
    }

    /// Behind the last in `span` that begins or ends a string of a document.
    pub(crate) fn behind_structural(&self, text: &[u8], span: Span) -> Option<usize> {
        if matches!(self.structural, StructuralQuotes::Unknown) {
            return None;
        }
        memchr::memrchr_iter(b'"', &text[span.range()])
            .map(|at| span.start + at)
            .find(|at| self.is_structural(*at))
            .map(|at| at + 1)
    }

    /// The first in `span` that begins or ends a string of a document.
    pub(crate) fn first_structural(&self, text: &[u8], span: Span) -> Option<usize> {
        if matches!(self.structural, StructuralQuotes::Unknown) {
            return None;
        }
        memchr::memchr_iter(b'"', &text[span.range()])
            .map(|at| span.start + at)
            .find(|at| self.is_structural(*at))
    }
}

/// What confirming candidates writes to.
#[derive(Default)]
pub(crate) struct Candidates {
    pub(crate) list: Vec<Candidate>,
    /// Candidates whose value goes on behind their end; none in most texts.
    pub(crate) cuts: Vec<Cut>,
    pub(crate) runs: RunCache,
    /// Manifests and pieces of encoded text, each of which is settled as a whole.
    pub(crate) atomic_spans: Vec<Span>,
    /// Not reset with the rest.
    pub(crate) quotes: StringQuotes,
    /// Where values may begin that are searched for and that go on with an escape, to that.
    pub(crate) escaped_values: Vec<Span>,
    pub(crate) table: TableMemory,
    /// Names and what is assigned to them in a string with escapes in which nothing was found as it stands.
    pub(crate) escaped_assignments: Vec<Span>,
    /// Where unjudged text begins.
    pub(crate) fresh: usize,
    /// The earliest start of a candidate that the text is too short to judge.
    pub(crate) open: usize,
}

impl Candidates {
    /// Forgets the last text.
    pub(crate) fn reset(&mut self, fresh: usize) {
        self.list.clear();
        self.cuts.clear();
        self.runs.clear();
        self.atomic_spans.clear();
        self.escaped_values.clear();
        self.table = TableMemory::default();
        self.escaped_assignments.clear();
        self.fresh = fresh;
        self.open = usize::MAX;
    }

    /// Adds a candidate that was read to its end.
    pub(crate) fn push(&mut self, candidate: Candidate) {
        self.list.push(candidate);
    }

    /// Adds a candidate, and how its value goes on if it does.
    pub(crate) fn add(&mut self, candidate: Candidate, tail: Option<Tail>) {
        let Candidate { span, rule, .. } = candidate;
        self.cuts.extend(tail.map(|tail| Cut { span, rule, tail }));
        self.list.push(candidate);
    }

    /// Notes a candidate that needs more text.
    pub(crate) fn open(&mut self, start: usize) {
        self.open = self.open.min(start);
    }
}
