//! Finds known values in text: bitmaps of pieces, then the anchor's hash, then the value's, then its HMAC.

#![expect(clippy::cast_possible_truncation, reason = "at most `MAX_KNOWN_VALUES` entries")]

use super::anchor::{ANCHOR, KnownEntry, PIECE, STRIDE, WIDE_STRIDE};
use super::hash::{KnownKey, PRINT_BITS, print};
use super::limits::{KNOWN_RULE, SHORT_KNOWN_LEN};
use super::list::KnownList;
use crate::boundaries;
use crate::boundaries::Left;
use crate::bytes::ALNUM;
use crate::candidate::{Candidate, Candidates};
use crate::encodings::alnum_runs::{AlnumRuns, RunLength};
use crate::finding::{Confidence, Reach};
use crate::rule::{Category, Rule, Severity};
use crate::text::{Span, TextView};

/// Pieces that are tested before a branch is taken.
const BATCH: usize = 8;
/// In runs one piece in so many bytes is looked up, where the text's offset is a multiple of it.
const RUN_STRIDE: usize = 4;
/// So many values at most, which fit a small bitmap, are worth lookups of their own all over the text beside those in
/// runs.
const FEW: usize = 600;
/// So many values at most are looked up all over the text at little more cost than a few of them.
const SOME: usize = 2_500;

// The places of pieces are bits of a byte.
const _: () = assert!(WIDE_STRIDE <= u8::BITS as usize);
// Each anchor holds a piece at such an offset, and pieces follow one another.
const _: () = assert!(RUN_STRIDE + PIECE - 1 <= ANCHOR && RUN_STRIDE == PIECE);

/// A piece that may be of a known value: where it begins, and its hash.
pub(crate) type Met = (usize, u32);

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
    anywhere: Option<(Stride, Bitmap)>,
    /// The pieces of values that stand in runs of plain characters, and how long these are at least.
    in_runs: Option<(RunLength, Bitmap)>,
    /// By the lower bits of a piece's hash: the places that such a piece has in anchors, as bits.
    places: Vec<u8>,
    /// By the upper bits of an anchor's hash: where its entries begin; one more for the end.
    starts: Vec<u32>,
    /// The hashes of the anchors, in order.
    anchors: Vec<u32>,
    /// In the order of their anchors' hashes.
    entries: Vec<KnownEntry>,
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

/// Two bits of one word for each piece, in as much memory as keeps no more than a tenth of all bits set: the first fits
/// beside the text into a core's fastest memory, the last has a bit for each hash.
enum Bitmap {
    Small(Box<[u32; 1 << 11]>),
    Medium(Box<[u32; 1 << 13]>),
    Large(Box<[u32; 1 << 15]>),
    Larger(Box<[u32; 1 << 17]>),
    Huge(Box<[u32; 1 << 19]>),
}

impl Bitmap {
    fn new(values: usize) -> Bitmap {
        match values {
            0..=FEW => Bitmap::Small(empty()),
            601..=SOME => Bitmap::Medium(empty()),
            2_501..=10_000 => Bitmap::Large(empty()),
            10_001..=40_000 => Bitmap::Larger(empty()),
            _ => Bitmap::Huge(empty()),
        }
    }

    fn set(&mut self, print: u32) {
        match self {
            Bitmap::Small(words) => set(words, print),
            Bitmap::Medium(words) => set(words, print),
            Bitmap::Large(words) => set(words, print),
            Bitmap::Larger(words) => set(words, print),
            Bitmap::Huge(words) => set(words, print),
        }
    }

    /// Whether the bits of a hash are set.
    #[inline]
    fn has(&self, print: u32) -> bool {
        let bit = match self {
            Bitmap::Small(words) => test(words, print),
            Bitmap::Medium(words) => test(words, print),
            Bitmap::Large(words) => test(words, print),
            Bitmap::Larger(words) => test(words, print),
            Bitmap::Huge(words) => test(words, print),
        };
        bit & 1 != 0
    }

    /// Reports the pieces whose bits are set: where they begin, and their hash.
    fn probe(&self, stride: Stride, text: &[u8], key: &KnownKey, met: &mut Vec<Met>) {
        match stride {
            Stride::Narrow => self.probe_every::<STRIDE>(text, key.piece(), met),
            Stride::Wide => self.probe_every::<WIDE_STRIDE>(text, key.piece(), met),
        }
    }

    fn probe_every<const STEP: usize>(&self, text: &[u8], multiplier: u32, met: &mut Vec<Met>) {
        match self {
            Bitmap::Small(words) => probe::<STEP, _>(words, text, multiplier, met),
            Bitmap::Medium(words) => probe::<STEP, _>(words, text, multiplier, met),
            Bitmap::Large(words) => probe::<STEP, _>(words, text, multiplier, met),
            Bitmap::Larger(words) => probe::<STEP, _>(words, text, multiplier, met),
            Bitmap::Huge(words) => probe::<STEP, _>(words, text, multiplier, met),
        }
    }
}

/// The runs in which it is worth its cost to look for these values, if any. One value outside them takes lookups all over
/// the text; then runs only pay when they spare these a bitmap that does not fit the fastest memory.
fn worth(entries: &[KnownEntry]) -> Option<RunLength> {
    let without = |length| entries.iter().filter(|entry| entry.run < Some(length)).count();
    let pays = |outside: usize| outside == 0 || (outside <= FEW && entries.len() > SOME);
    let (shorter, none) = (without(RunLength::Sixteen), without(RunLength::Twelve));
    if pays(shorter) && (shorter == 0 || none > 0) {
        Some(RunLength::Sixteen)
    } else {
        pays(none).then_some(RunLength::Twelve)
    }
}

#[expect(clippy::unnecessary_box_returns, reason = "too large for a stack")]
fn empty<const WORDS: usize>() -> Box<[u32; WORDS]> {
    vec![0; WORDS].into_boxed_slice().try_into().unwrap_or_else(|_| Box::new([0; WORDS]))
}

/// How far the bits that give a hash's second bit are above those of its first.
const SECOND: u32 = 4;

/// The word of a hash; the hash's lowest bits give its two bits.
#[inline]
fn word<const WORDS: usize>(print: u32) -> usize {
    (print >> (PRINT_BITS - WORDS.trailing_zeros())) as usize
}

fn set<const WORDS: usize>(words: &mut [u32; WORDS], print: u32) {
    words[word::<WORDS>(print)] |= 1u32.wrapping_shl(print) | 1u32.wrapping_shl(print >> SECOND);
}

#[inline]
fn test<const WORDS: usize>(words: &[u32; WORDS], print: u32) -> u32 {
    let word = words[word::<WORDS>(print)];
    word.wrapping_shr(print) & word.wrapping_shr(print >> SECOND)
}

/// The hash of the n-th piece of a batch.
#[inline]
fn nth<const STEP: usize>(batch: &[u8], n: usize, multiplier: u32) -> u32 {
    let at = n * STEP;
    print([batch[at], batch[at + 1], batch[at + 2], batch[at + 3]], multiplier)
}

fn probe<const STEP: usize, const WORDS: usize>(
    words: &[u32; WORDS],
    text: &[u8],
    multiplier: u32,
    met: &mut Vec<Met>,
) {
    let batches = text.chunks_exact(BATCH * STEP);
    let rest = batches.remainder();
    for (index, batch) in batches.enumerate() {
        let mut any = 0;
        for n in 0..BATCH {
            any |= test(words, nth::<STEP>(batch, n, multiplier));
        }
        if any & 1 != 0 {
            single::<STEP, _>(words, batch, multiplier, index * BATCH * STEP, met);
        }
    }
    let tail = text.len() - rest.len();
    for at in (0..rest.len().saturating_sub(PIECE - 1)).step_by(STEP) {
        let hash = print(std::array::from_fn(|i| rest[at + i]), multiplier);
        if test(words, hash) & 1 != 0 {
            met.push((tail + at, hash));
        }
    }
}

/// Tests the pieces of a batch that begins at `at` one by one. Apart, so that the loop over batches keeps nothing for
/// it.
#[cold]
#[inline(never)]
fn single<const STEP: usize, const WORDS: usize>(
    words: &[u32; WORDS],
    batch: &[u8],
    multiplier: u32,
    at: usize,
    met: &mut Vec<Met>,
) {
    for n in 0..BATCH {
        let hash = nth::<STEP>(batch, n, multiplier);
        if test(words, hash) & 1 != 0 {
            met.push((at + n * STEP, hash));
        }
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
        let mut in_runs = length.map(|length| (length, Bitmap::new(plain)));
        let has_more = |entry: &KnownEntry| in_run(entry) || entry.wide_pieces.is_some();
        let stride = if entries.iter().all(has_more) { Stride::Wide } else { Stride::Narrow };
        let mut anywhere = (plain < entries.len()).then(|| (stride, Bitmap::new(entries.len() - plain)));
        let mut places = vec![0; (2 * WIDE_STRIDE * entries.len()).next_power_of_two()];
        for entry in &entries {
            let (bitmap, places_of_pieces) = match (&mut in_runs, &mut anywhere) {
                (Some((_, bitmap)), _) if in_run(entry) => (bitmap, RUN_STRIDE),
                (_, Some((Stride::Narrow, bitmap))) => (bitmap, STRIDE),
                (_, Some((Stride::Wide, bitmap))) => (bitmap, WIDE_STRIDE),
                _ => continue,
            };
            let pieces = entry.pieces.iter().chain(entry.wide_pieces.iter().flatten());
            for (at, print) in pieces.enumerate().take(places_of_pieces) {
                bitmap.set(*print);
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
        KnownValues { key, anywhere, in_runs, places, starts, anchors, entries }
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
        if let Some((stride, bitmap)) = &self.anywhere {
            bitmap.probe(*stride, &view.text[fresh..], &self.key, met);
            for (at, _) in &mut *met {
                *at += fresh;
            }
        }
        if let Some((_, bitmap)) = &self.in_runs {
            masks.runs(|run| self.probe_run(bitmap, view.text, run, met));
        }
        for (_, print) in &mut *met {
            *print = u32::from(self.places[*print as usize & (self.places.len() - 1)]);
        }
        for &(at, mut places) in &*met {
            while places != 0 {
                let place = places.trailing_zeros() as usize;
                places &= places - 1;
                if let Some(start) = at.checked_sub(place) {
                    self.anchored(candidates, view, report_of, start);
                }
            }
        }
    }

    /// Reports the pieces of a run, or of a part of one, that may be of values in runs.
    fn probe_run(&self, bitmap: &Bitmap, text: &[u8], run: Span, met: &mut Vec<Met>) {
        let start = run.start.next_multiple_of(RUN_STRIDE);
        let pieces = text.get(start..run.end).unwrap_or_default().chunks_exact(RUN_STRIDE);
        for (index, piece) in pieces.enumerate() {
            let hash = print(std::array::from_fn(|i| piece[i]), self.key.piece());
            if bitmap.has(hash) {
                met.push((start + index * RUN_STRIDE, hash));
            }
        }
    }

    /// Confirms the values whose anchor may begin at `at`.
    fn anchored(
        &self,
        candidates: &mut Candidates,
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
            if start >= candidates.fresh {
                self.confirm(candidates, view, report_of(index), entry, start);
            }
        }
    }

    fn confirm(
        &self,
        candidates: &mut Candidates,
        view: TextView<'_>,
        report: ValueReport,
        entry: &KnownEntry,
        start: usize,
    ) {
        let end = start + usize::from(entry.length);
        let Some(value) = view.text.get(start..end) else {
            if !view.last {
                candidates.open(start);
            }
            return;
        };
        candidates.runs.work += u64::from(entry.length) / 8;
        if self.key.whole(value) != entry.whole {
            return;
        }
        match stands_alone(view, start, end, report.reach) {
            Some(true) => {}
            Some(false) => return,
            None => return candidates.open(start),
        }
        candidates.runs.work += u64::from(entry.length);
        if self.key.value(value) == entry.hash {
            candidates.push(Candidate {
                span: Span::new(start, end),
                rule: report.rule,
                rank: report.rank,
                confidence: Confidence::High,
            });
        }
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
