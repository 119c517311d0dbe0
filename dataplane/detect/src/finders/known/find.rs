//! Finds known values in text: filters of pieces, then the anchor's hash, then the value's, then its HMAC.

#![expect(clippy::cast_possible_truncation, reason = "at most `MAX_KNOWN_VALUES` entries")]

use super::anchor::{ANCHOR, KnownEntry, PIECE, STRIDE, WIDE_STRIDE};
use super::filter::{MARKED, MEDIUM, Met, PieceFilter, SMALL};
use super::hash::{KnownKey, PRINT_BITS, print};
use super::limits::{KNOWN_RULE, SHORT_KNOWN_LEN};
use super::list::KnownList;
use crate::boundaries;
use crate::boundaries::Left;
use crate::bytes::ALNUM;
use crate::candidate::{Candidate, Candidates};
use crate::encodings::alnum_runs::{AlnumRuns, LONGEST, RunLength};
use crate::encodings::escapes;
use crate::finding::{Confidence, Reach};
use crate::rule::{Category, Rule, Severity};
use crate::text::{Span, TextView};

/// In runs one piece in so many bytes is looked up, where the text's offset is a multiple of it.
const RUN_STRIDE: usize = 4;
/// Shorter values, in bytes, make no run of base64 that any text is searched for.
const SHORT_IN_BASE64: usize = LONGEST / 4 * 3;
// The places of pieces are bits of a number.
const _: () = assert!(WIDE_STRIDE <= u16::BITS as usize);
// Each anchor holds a piece at such an offset, and pieces follow one another.
const _: () = assert!(RUN_STRIDE + PIECE - 1 <= ANCHOR && RUN_STRIDE == PIECE);

/// How a value is reported where it is met.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ValueReport {
    pub(crate) rule: u16,
    pub(crate) rank: u8,
    pub(crate) reach: Reach,
}

/// Known values, ready to be found; immutable and shared by all threads.
pub struct KnownValues {
    key: KnownKey,
    /// The pieces of values that may stand in any text.
    anywhere: Option<(Stride, PieceFilter)>,
    /// The pieces of values that stand in runs of plain characters, and how long these are at least.
    in_runs: Option<(RunLength, PieceFilter)>,
    /// By the lower bits of a piece's hash: the places that such a piece has in anchors, as bits.
    places: Vec<u16>,
    /// By the upper bits of an anchor's hash: where its entries begin; one more for the end.
    starts: Vec<u32>,
    /// The hashes of the anchors, in order.
    anchors: Vec<u32>,
    /// In the order of their anchors' hashes.
    entries: Vec<KnownEntry>,
    /// Whether one is so short that too few characters of base64 come of it to be looked at otherwise.
    has_short: bool,
}

impl std::fmt::Debug for KnownValues {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("KnownValues").field("values", &self.entries.len()).finish_non_exhaustive()
    }
}

/// In how many bytes of any text one piece is looked up.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stride {
    /// [`STRIDE`]: all values have the pieces that it takes.
    Narrow,
    /// [`WIDE_STRIDE`]: all of these values have more.
    Wide,
}

/// The runs in which it is worth its cost to look for these values, if any. One value outside them takes lookups all over
/// the text; then runs only pay when they spare these a filter that does not fit the fastest memory. Nor do they pay for
/// few values: lookups all over the text in a table of marks cost less than the masks of the runs.
fn worth(entries: &[KnownEntry]) -> Option<RunLength> {
    if entries.len() <= MARKED && entries.iter().all(|entry| entry.wide_pieces.is_some()) {
        return None;
    }
    let without = |length| entries.iter().filter(|entry| entry.run < Some(length)).count();
    let pays = |outside: usize| outside == 0 || (outside <= SMALL && entries.len() > MEDIUM);
    let (shorter, none) = (without(RunLength::Sixteen), without(RunLength::Twelve));
    if pays(shorter) && (shorter == 0 || none > 0) {
        Some(RunLength::Sixteen)
    } else {
        pays(none).then_some(RunLength::Twelve)
    }
}

impl KnownValues {
    /// Prepares a list for finding.
    pub fn new(list: &KnownList) -> KnownValues {
        let mut entries: Vec<KnownEntry> = list.entries().cloned().collect();
        entries.sort_unstable_by_key(|e| e.anchor);
        Self::of_sorted(list.key().clone(), entries)
    }

    /// Prepares entries in the order of their anchors' hashes.
    pub(super) fn of_sorted(key: KnownKey, entries: Vec<KnownEntry>) -> KnownValues {
        let length = worth(&entries);
        let in_run = |entry: &KnownEntry| length.is_some_and(|length| entry.run >= Some(length));
        let plain = entries.iter().filter(|entry| in_run(entry)).count();
        let mut in_runs = length.map(|length| (length, PieceFilter::new(plain)));
        let has_more = |entry: &KnownEntry| in_run(entry) || entry.wide_pieces.is_some();
        let stride = if entries.iter().all(has_more) { Stride::Wide } else { Stride::Narrow };
        let mut anywhere = (plain < entries.len()).then(|| (stride, PieceFilter::new(entries.len() - plain)));
        let mut places = vec![0; (2 * WIDE_STRIDE * entries.len()).next_power_of_two()];
        for entry in &entries {
            let (filter, places_of_pieces) = match (&mut in_runs, &mut anywhere) {
                (Some((_, filter)), _) if in_run(entry) => (filter, RUN_STRIDE),
                (_, Some((Stride::Narrow, filter))) => (filter, STRIDE),
                (_, Some((Stride::Wide, filter))) => (filter, WIDE_STRIDE),
                _ => continue,
            };
            let pieces = entry.pieces.iter().chain(entry.wide_pieces.iter().flatten());
            for (at, print) in pieces.enumerate().take(places_of_pieces) {
                filter.set(*print);
                let slot = *print as usize & (places.len() - 1);
                places[slot] |= 1 << at;
            }
        }
        let buckets = entries.len().next_power_of_two().min(1 << PRINT_BITS);
        let shift = PRINT_BITS - buckets.trailing_zeros();
        let starts = (0..=buckets)
            .map(|b| entries.partition_point(|e| ((e.anchor >> shift) as usize) < b))
            .map(|at| at as u32)
            .collect();
        let anchors = entries.iter().map(|e| e.anchor).collect();
        let has_short = entries.iter().any(|entry| usize::from(entry.length) < SHORT_IN_BASE64);
        KnownValues { key, anywhere, in_runs, places, starts, anchors, entries, has_short }
    }

    /// The HMAC of a value.
    pub(super) fn name_of(&self, value: &[u8]) -> [u8; 32] {
        self.key.value(value)
    }

    /// How many values there are.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there are no values.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Whether short runs of base64 are worth a look.
    pub(crate) fn has_short(&self) -> bool {
        self.has_short
    }

    /// The runs of plain characters that values are looked for in.
    pub(crate) fn runs(&self) -> Option<RunLength> {
        self.in_runs.as_ref().map(|(length, _)| *length)
    }

    /// The rule that known values are reported under.
    pub(crate) fn rule() -> Rule {
        Rule {
            id: KNOWN_RULE.to_owned(),
            name: "Known value of this organisation".to_owned(),
            group: "known".to_owned(),
            category: Category::Secret,
            severity: Severity::Critical,
            impact: "Whatever the organisation protects with it: the value was handed over as one of its own secrets."
                .to_owned(),
            pattern: "a value of the list of known values, wherever it stands".to_owned(),
            keywords: Vec::new(),
            matching: Vec::new(),
            not_matching: Vec::new(),
        }
    }

    /// Finds the values in the unjudged part of a text, in which `masks` shows the runs; `report_of` says how the value
    /// with an index is reported.
    pub(crate) fn find(
        &self,
        (candidates, met): (&mut Candidates, &mut Vec<Met>),
        view: TextView<'_>,
        masks: &AlnumRuns,
        report_of: &impl Fn(usize) -> ValueReport,
    ) {
        let fresh = candidates.fresh.min(view.text.len());
        // Gathered first: what follows waits for memory, and many such waits at once take no longer than one.
        met.clear();
        if let Some((stride, filter)) = &self.anywhere {
            let (text, multiplier) = (&view.text[fresh..], self.key.piece());
            match stride {
                Stride::Narrow => filter.probe::<STRIDE>(text, multiplier, met),
                Stride::Wide => filter.probe::<WIDE_STRIDE>(text, multiplier, met),
            }
            for (at, _) in &mut *met {
                *at += fresh;
            }
        }
        if let Some((_, filter)) = &self.in_runs {
            masks.runs(|run| self.probe_run(filter, view.text, run, met));
        }
        for (_, print) in &mut *met {
            *print = u32::from(self.places[*print as usize & (self.places.len() - 1)]);
        }
        let mut confirmed = Confirmed::default();
        for &(at, mut places) in &*met {
            while places != 0 {
                let place = places.trailing_zeros() as usize;
                places &= places - 1;
                if let Some(start) = at.checked_sub(place) {
                    self.anchored((candidates, &mut confirmed), view, report_of, start);
                }
            }
        }
    }

    /// Reports the pieces of a run, or of a part of one, that may be of values in runs.
    fn probe_run(&self, filter: &PieceFilter, text: &[u8], run: Span, met: &mut Vec<Met>) {
        let start = run.start.next_multiple_of(RUN_STRIDE);
        let pieces = text.get(start..run.end).unwrap_or_default().chunks_exact(RUN_STRIDE);
        for (index, piece) in pieces.enumerate() {
            let hash = print(std::array::from_fn(|i| piece[i]), self.key.piece());
            if filter.has(hash) {
                met.push((start + index * RUN_STRIDE, hash));
            }
        }
    }

    /// Confirms the values whose anchor may begin at `at`.
    fn anchored(
        &self,
        (candidates, confirmed): (&mut Candidates, &mut Confirmed),
        view: TextView<'_>,
        report_of: &impl Fn(usize) -> ValueReport,
        at: usize,
    ) {
        let Some(bytes) = view.text.get(at..at + ANCHOR) else { return };
        let anchor = self.key.window(std::array::from_fn(|i| bytes[i]));
        let bucket = anchor as usize >> (PRINT_BITS - (self.starts.len() - 1).trailing_zeros());
        let (from, to) = (self.starts[bucket] as usize, self.starts[bucket + 1] as usize);
        for index in (from..to).filter(|index| self.anchors[*index] == anchor) {
            let entry = &self.entries[index];
            let Some(start) = at.checked_sub(usize::from(entry.offset)) else { continue };
            if start >= candidates.fresh
                && let Some(value) = self.confirm(candidates, view, report_of(index), entry, start)
                && (confirmed.is_repeated(view.text, index, value)
                    || self.is_value(candidates, view, entry, value))
            {
                confirmed.note(index, value);
                let ValueReport { rule, rank, .. } = report_of(index);
                candidates.push(Candidate { span: value, rule, rank, confidence: Confidence::High });
            }
        }
    }

    /// Where the value stands that may begin at `start`, as far as its short hash says.
    fn confirm(
        &self,
        candidates: &mut Candidates,
        view: TextView<'_>,
        report: ValueReport,
        entry: &KnownEntry,
        start: usize,
    ) -> Option<Span> {
        let end = start + usize::from(entry.length);
        let near = &view.text[start..end.min(view.text.len())];
        candidates.runs.work += near.len() as u64 / 8;
        if view.text.get(start..end).is_none_or(|value| self.key.whole(value) != entry.whole) {
            if near.len() < usize::from(entry.length) && !view.last {
                candidates.open(start);
            } else {
                candidates.escaped_values.extend(escapes::around(view.text, start, end));
            }
            return None;
        }
        let Some(stands) = stands_alone(view, start, end, report.reach) else {
            candidates.open(start);
            return None;
        };
        stands.then_some(Span::new(start, end))
    }

    /// Whether it is the value by its HMAC, too.
    fn is_value(
        &self,
        candidates: &mut Candidates,
        view: TextView<'_>,
        entry: &KnownEntry,
        at: Span,
    ) -> bool {
        candidates.runs.work += u64::from(entry.length);
        self.key.value(&view.text[at.range()]) == entry.hash
    }
}

/// How many values are remembered that stand in a text.
const CONFIRMED: usize = 8;

/// Where in a text values stand: where the same bytes stand again, their HMAC is the same.
#[derive(Default)]
struct Confirmed([Option<(usize, Span)>; CONFIRMED]);

impl Confirmed {
    fn is_repeated(&self, text: &[u8], index: usize, at: Span) -> bool {
        let known = self.0[index % CONFIRMED].filter(|(known, _)| *known == index);
        known.is_some_and(|(_, span)| text[span.range()] == text[at.range()])
    }

    fn note(&mut self, index: usize, at: Span) {
        self.0[index % CONFIRMED] = Some((index, at));
    }
}

/// Whether a value that must stand as a word does, which short values always must; `None` when the text is too short to
/// decide.
pub(super) fn stands_alone(view: TextView<'_>, start: usize, end: usize, reach: Reach) -> Option<bool> {
    let text = view.text;
    if reach == Reach::Everywhere && end - start >= SHORT_KNOWN_LEN {
        return Some(true);
    }
    if ALNUM.has(text[start]) && !boundaries::can_begin(text, start, Left::Alnum) {
        return Some(false);
    }
    if !ALNUM.has(text[end - 1]) {
        return Some(true);
    }
    match text.get(end) {
        Some(next) => Some(!ALNUM.has(*next)),
        None => view.last.then_some(true),
    }
}
