//! Secrets cut in two by the boundary between neighbouring text parts.
//!
//! ```text
//!   [{"type":"text","text":"... AKIAQ3EGV7"},{"type":"text","text":"ZKLM2XTN4D ..."}]
//!                               `--------- tail --> joined <-- head --------'
//! ```
//!
//! A provider joins the parts, so the end of one and the start of the next are scanned as if they were one text.
//! The token takes the place of what stands in the first part; what stands in the second is deleted.

#![expect(
    clippy::cast_possible_truncation,
    reason = "what is left of a 64-bit offset is an offset in the window"
)]

use std::ops::Range;

use aegis_detect::{Finding, Rules, Scanner, Window};
use zeroize::Zeroizing;

use crate::keyring::Keyring;
use crate::request::scan::own_tokens;
use crate::request::scan::view::DecodedView;

/// Bytes of each part that are joined.
const REACH: usize = 256;
/// Bytes of the first part that are context only, where it goes back further.
const LEFT: usize = 64;
/// Raw bytes that may lie between two parts that are neighbours.
pub(crate) const MAX_GAP: u64 = 512;

/// What the path reports of the text parts of an array.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TextPartEvent {
    /// The content of a text part begins at this raw offset; `joins` if it follows another one.
    Start { at: u64, joins: bool },
    /// It ends at this raw offset.
    End { at: u64 },
}

/// A text part.
struct PartSpan {
    start: u64,
    end: Option<u64>,
    joins: bool,
}

/// A secret that lies across a boundary.
pub(crate) struct BoundaryFinding {
    /// The finding in [`PartBoundaries::text`].
    pub(crate) finding: Finding,
    /// Its place in the first part, in the view.
    pub(crate) head: Range<usize>,
    /// Its place in the second part, in the view.
    pub(crate) tail: Range<usize>,
}

impl BoundaryFinding {
    fn is_overlapping(&self, known: &Finding) -> bool {
        [&self.head, &self.tail].iter().any(|part| known.span.start < part.end && part.start < known.span.end)
    }

    /// Whether a finding in one of the parts is a piece of this secret and no secret of its own: the beginning of a
    /// token may look like one, too. What its rule knows as well alone stays, since what follows it may belong to
    /// another text.
    pub(crate) fn has_piece(&self, known: &Finding, rules: &Rules) -> bool {
        let within = |part: &Range<usize>| part.start <= known.span.start && known.span.end <= part.end;
        (within(&self.head) || within(&self.tail)) && rules.outranks(&self.finding, known)
    }
}

/// The text parts of one window and the secrets across their boundaries.
pub(crate) struct PartBoundaries {
    spans: Vec<PartSpan>,
    pub(crate) found: Vec<BoundaryFinding>,
    /// The joined texts, one after the other.
    pub(crate) text: Zeroizing<Vec<u8>>,
}

/// A window as it was scanned on its own, whose boundaries are to be scanned as well.
#[derive(Clone, Copy)]
pub(crate) struct BoundaryWindow<'a> {
    pub(crate) view: &'a DecodedView,
    /// The text of the view.
    pub(crate) text: &'a [u8],
    /// Offset in the body at which it begins.
    pub(crate) base: u64,
    /// Bytes of the text on which the scan has decided.
    pub(crate) settled: usize,
    /// What was found in it.
    pub(crate) findings: &'a [Finding],
    /// The end of a part that may be joined to one behind the window.
    pub(crate) pending: Option<u64>,
}

/// Two parts that are to be joined, in the view.
struct JoinedParts {
    first: Range<usize>,
    second: Range<usize>,
    /// The first part goes back further.
    more: bool,
}

impl PartBoundaries {
    pub(crate) fn new() -> Self {
        Self { spans: Vec::new(), found: Vec::new(), text: Zeroizing::new(Vec::new()) }
    }

    /// Starts a window; `open` is a text part that began before it and may yet be joined.
    pub(crate) fn begin(&mut self, open: Option<(u64, Option<u64>)>) {
        self.spans.clear();
        self.found.clear();
        self.text.clear();
        self.spans.extend(open.map(|(start, end)| PartSpan { start, end, joins: false }));
    }

    /// Takes note of a part.
    pub(crate) fn note(&mut self, event: TextPartEvent) {
        match event {
            TextPartEvent::Start { at, joins } => self.spans.push(PartSpan { start: at, end: None, joins }),
            TextPartEvent::End { at } => {
                if let Some(span) = self.spans.last_mut() {
                    span.end = Some(at);
                }
            }
        }
    }

    /// Joins the parts of a window and scans each pair.
    ///
    /// Says from where on the view has to wait, since a pair cannot be decided on yet.
    pub(crate) fn scan(
        &mut self,
        window: BoundaryWindow<'_>,
        scanner: &mut Scanner,
        keyring: Option<&Keyring>,
    ) -> Option<usize> {
        let BoundaryWindow { view, text, base, settled, findings, pending } = window;
        let mut wait = pending
            .and_then(|end| end.checked_sub(base))
            .map(|end| view.view_of(end as usize).saturating_sub(REACH));
        let mut local = Vec::new();
        for pair in self.spans.windows(2).filter(|pair| pair[1].joins) {
            let Some(joined) = JoinedParts::of(pair, view, text, base) else { continue };
            let complete = pair[1].end.is_some() || joined.second.len() == REACH;
            if !complete || joined.second.end > settled {
                wait = Some(wait.map_or(joined.first.start, |at| at.min(joined.first.start)));
                break;
            }
            if !joined.may_hide(text) {
                continue;
            }
            let start = self.text.len();
            self.text.extend_from_slice(&text[joined.first.clone()]);
            self.text.extend_from_slice(&text[joined.second.clone()]);
            let fresh = if joined.more { LEFT.min(joined.first.len()) } else { 0 };
            let both = Window { text: &self.text[start..], fresh, last: true };
            local.extend_from_slice(scanner.scan(both).findings);
            if let Some(keyring) = keyring {
                own_tokens::exclude(&mut local, both.text, keyring);
            }
            for mut finding in local.drain(..) {
                let Some((head, tail)) = joined.parts(&finding) else { continue };
                finding.span.start += start;
                finding.span.end += start;
                let found = BoundaryFinding { finding, head, tail };
                if !findings
                    .iter()
                    .any(|known| found.is_overlapping(known) && !found.has_piece(known, scanner.rules()))
                {
                    self.found.push(found);
                }
            }
        }
        wait
    }
}

impl JoinedParts {
    fn of(pair: &[PartSpan], view: &DecodedView, text: &[u8], base: u64) -> Option<Self> {
        let place = |raw: u64| raw.checked_sub(base).map(|raw| view.view_of(raw as usize));
        let end = place(pair[0].end?)?;
        let begin = place(pair[0].start).unwrap_or(0);
        let second = place(pair[1].start)?.min(text.len());
        let limit = pair[1].end.and_then(place).unwrap_or(text.len());
        let first = begin.max(end.saturating_sub(REACH));
        Some(Self { first: first..end, second: second..limit.min(second + REACH), more: first > begin })
    }

    /// Whether a secret may lie here: none has a blank in it, but for key blocks, which are longer.
    fn may_hide(&self, text: &[u8]) -> bool {
        let blank = |at: Option<usize>| at.and_then(|at| text.get(at)).is_none_or(u8::is_ascii_whitespace);
        !self.first.is_empty()
            && !self.second.is_empty()
            && !blank(self.first.end.checked_sub(1))
            && !blank(Some(self.second.start))
    }

    /// The places of a finding in the joined text, if it lies in both parts.
    fn parts(&self, finding: &Finding) -> Option<(Range<usize>, Range<usize>)> {
        let boundary = self.first.len();
        (finding.span.start < boundary && finding.span.end > boundary).then(|| {
            let head = self.first.start + finding.span.start..self.first.end;
            (head, self.second.start..self.second.start + finding.span.end - boundary)
        })
    }
}
