//! Anchors: which window of a sequence Hyperscan looks for.
//!
//! What costs in the engine is not the number of patterns but their shape. An anchor is a literal and a little of the
//! run behind it, of fixed width; anchors without a literal are the exception and must be long.

#![expect(clippy::cast_possible_truncation, reason = "the numbers are those of bytes")]

use super::run::{ByteRun, PatternError};
use crate::bytes::{ByteSet, WORD};
use crate::text::LOOKAHEAD;
use std::ops::Range;

/// The widest anchor, in bytes.
const MAX_ANCHOR: usize = 24;
/// How many bytes of a run are added to the literal part of an anchor.
const ANCHOR_RUN: usize = 12;
/// An anchor must be rarer than one in two to this power on random bytes.
const MIN_ANCHOR_BITS: f32 = 15.0;

/// The part of a sequence that Hyperscan looks for.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Anchor {
    /// In Hyperscan's syntax.
    pub(crate) pattern: String,
    /// Distance from the start of what is fixed to the end of the anchor.
    pub(crate) reach: usize,
    /// So many runs of the sequence stand before what is fixed: the last of them a variable run, found by walking back
    /// from `end - reach`, any others of fixed width before it.
    pub(crate) lead: usize,
}

/// Chooses the window of a sequence that is rarest in real text and has a fixed distance to the sequence's start.
pub(crate) fn choose(runs: &[ByteRun]) -> Result<Anchor, PatternError> {
    let lead = lead(runs);
    let body = &runs[lead..];
    let BestWindow { span, bits, .. } = best_window(body);
    if bits < MIN_ANCHOR_BITS {
        return Err(
            "too costly: nothing in the pattern's fixed part is rare enough to look for; begin it with a literal or a longer run"
                .to_owned(),
        );
    }
    let mut pattern = String::new();
    let mut at = 0usize;
    for run in body {
        let width = run.min as usize;
        let (begin, end) = (span.start.max(at), span.end.min(at + width));
        if begin < end {
            render(&mut pattern, run, end - begin);
        }
        at += width;
        if at >= span.end || !run.is_fixed() {
            break;
        }
    }
    Ok(Anchor { pattern, reach: span.end, lead })
}

/// How many runs are better found by walking back from what follows them: a variable run that says less than that does,
/// and a fixed beginning before it, where the run cannot take the beginning for a part of itself.
fn lead(runs: &[ByteRun]) -> usize {
    let Some(run) = runs.iter().position(|s| !s.is_fixed()).filter(|run| run + 1 < runs.len()) else {
        return 0;
    };
    let is_delimited = run == 0 || !runs[run - 1].set.has_any_of(&runs[run].set);
    let (before, behind) = runs.split_at(run + 1);
    let short = before.iter().map(|s| s.max).sum::<u32>() < MAX_LEAD;
    let core_before = best_window(before).core + if run > 0 { MIN_GAIN } else { 0.0 };
    let better = short && core_before < best_window(behind).core;
    if is_delimited && better { run + 1 } else { 0 }
}

/// What stands behind a run must say so much more than a fixed beginning, in bits: two bytes.
const MIN_GAIN: f32 = 16.0;

/// What is walked back over is shorter than this, in bytes.
const MAX_LEAD: u32 = 128;

/// A part of a sequence's fixed beginning, in bytes, and how rare it is on random bytes: all of it, and its literal
/// core.
struct BestWindow {
    span: Range<usize>,
    bits: f32,
    core: f32,
}

/// The best window within the fixed prefix and the minimum of the first variable run.
fn best_window(runs: &[ByteRun]) -> BestWindow {
    let mut bits: Vec<f32> = Vec::new();
    for run in runs {
        let room = (LOOKAHEAD / 2).saturating_sub(bits.len());
        bits.extend(std::iter::repeat_n(run.bits(), room.min(run.min as usize)));
        if !run.is_fixed() {
            break;
        }
    }
    // The literal core with the most bits, then as much of the run behind it (or before it) as helps. A single
    // common byte is none: then the rarest part of the classes serves.
    let literal = |b: f32| b >= 6.9;
    let rare = |at: usize| nth(runs, at).is_some_and(|s| !s.set.has_any_of(&COMMON));
    let mut core = 0..0;
    let mut best = 0.0;
    let mut at = 0;
    while at < bits.len() {
        let end = at + bits[at..].iter().take(MAX_ANCHOR).take_while(|b| literal(**b)).count();
        let sum: f32 = bits[at..end].iter().sum();
        if (end > at + 1 || (end > at && rare(at))) && sum > best + 1.0 {
            (core, best) = (at..end, sum);
        }
        at = end.max(at + 1);
    }
    let span = if best > 0.0 { widen(&core, bits.len()) } else { rarest(&bits) };
    BestWindow { bits: bits[span.clone()].iter().sum(), span, core: best }
}

/// Bytes too frequent to look for alone.
const COMMON: ByteSet = WORD.union(ByteSet::of(b"-./: "));

/// The run that matches the n-th byte of a fixed beginning.
fn nth(runs: &[ByteRun], at: usize) -> Option<&ByteRun> {
    let mut end = 0;
    runs.iter().find(|s| {
        end += s.min as usize;
        at < end
    })
}

/// A core with the run behind it, or before it where the sequence ends too soon.
fn widen(core: &Range<usize>, len: usize) -> Range<usize> {
    let wide = (core.len() + ANCHOR_RUN).min(MAX_ANCHOR.max(core.len()));
    let end = len.min(core.start + wide);
    let start = if end - core.start < wide { end.saturating_sub(wide) } else { core.start };
    start..end
}

/// The window of [`ANCHOR_RUN`] bytes with the most bits.
fn rarest(bits: &[f32]) -> Range<usize> {
    let width = ANCHOR_RUN.min(bits.len());
    let sum = |from: &usize| bits[*from..*from + width].iter().sum::<f32>();
    let from = (0..=bits.len() - width).max_by(|a, b| sum(a).total_cmp(&sum(b)).then(b.cmp(a))).unwrap_or(0);
    from..from + width
}

/// A literal in Hyperscan's syntax.
pub(crate) fn literal(bytes: &[u8]) -> String {
    let mut out = String::new();
    for byte in bytes {
        render(&mut out, &ByteRun { set: ByteSet::of(&[*byte]), min: 1, max: 1 }, 1);
    }
    out
}

fn render(out: &mut String, run: &ByteRun, count: usize) {
    use std::fmt::Write as _;
    let escape = |out: &mut String, byte: u8| {
        let _ = write!(out, "\\x{byte:02x}");
    };
    if run.set.len() == 1 {
        run.set.iter().for_each(|b| escape(out, b));
    } else {
        out.push('[');
        let mut byte = 0u16;
        while byte < 256 {
            let last = (byte..256).take_while(|&b| run.set.has(b as u8)).last();
            if let Some(last) = last {
                escape(out, byte as u8);
                if last > byte {
                    out.push('-');
                    escape(out, last as u8);
                }
                byte = last;
            }
            byte += 1;
        }
        out.push(']');
    }
    if count > 1 {
        let _ = write!(out, "{{{count}}}");
    }
}
