//! Encoded secrets: text under base64, hex or escapes is decoded and scanned like any other, two levels deep.
//!
//! Work is bounded by pieces: a piece of an encoded text is decoded once, with some context, and its findings are told in
//! the places of the original. A piece is judged as a whole or not yet: the settled part of a window never ends
//! inside one, so that the pieces are the same however a text is cut.

mod blob;
mod escape;
mod fold;
mod mask;
mod plain;
mod plain_map;
mod skip;
mod stretch;

use crate::MAX_SECRET_LEN;
use crate::dispute::{self, Hit};
use crate::rules::rank;
use crate::scanner::{Bench, Engine, Finding, View};
use crate::tail::{Cut, Tail};
use blob::Content;
pub(crate) use escape::{ESCAPES, Spot, entity_in, escape_at};
use fold::Fold;
use plain::Plain;
pub(crate) use plain_map::{PLAIN, PlainMap, RunLength};

/// How many encodings inside each other are decoded.
pub(crate) const DEPTH: usize = 2;

/// The size of a piece, in encoded bytes: of whole groups, and so that four of them and what is read around them fill a
/// window of 32 KiB.
const PIECE: usize = 7936;
/// How much before a piece is decoded for the left bounds of what is found; at most [`crate::LEFT_CONTEXT`].
const CONTEXT: usize = 256;
/// How much behind a piece is decoded, and how much if something found needs more.
const BEHIND: usize = 512;
const FAR_BEHIND: usize = 4096;
/// What begins nearer to the end of a decoded text that is cut off there is judged with more of it, in bytes.
const UNSURE: usize = 192;
/// An encoded text that is no longer is reported whole, in bytes.
const MAX_WHOLE: usize = 768;

/// Buffers for one level: the window's own text, or what was decoded from the level above.
#[derive(Default)]
pub(crate) struct Level {
    pub(crate) bench: Bench,
    /// The text of this level, unless it is the window's.
    plain: Plain,
    map: PlainMap,
    findings: Vec<Finding>,
    stretches: Vec<(usize, usize)>,
    lines: Vec<(usize, usize)>,
    chars: Vec<u8>,
    /// What was found in base64 and hex.
    decoded: Vec<Hit>,
    /// Encoded text in which no secret can stand as it is.
    skip: Vec<(usize, usize)>,
}

/// A part of the text that is decided as a whole.
#[derive(Debug, Clone, Copy)]
struct Piece {
    start: usize,
    end: usize,
}

/// Finds all candidates of a text, plain and encoded; `levels[0]` is the text's own.
pub(crate) fn search(engine: &mut Engine, levels: &mut [Level], view: View<'_>, fresh: usize) {
    let Some((level, deeper)) = levels.split_first_mut() else { return };
    level.bench.reset(fresh);
    level.skip.clear();
    level.map.fill(view.text, engine.known_runs());
    if deeper.is_empty() {
        engine.known(&mut level.bench, view, &level.map);
        return engine.candidates(&mut level.bench, view, &[]);
    }
    let mut work = Work { engine, level, deeper, view, fresh };
    work.folds();
    // Confirming looks at what was found before, in the order of the text.
    std::mem::swap(&mut work.level.bench.hits, &mut work.level.decoded);
    work.engine.known(&mut work.level.bench, view, &work.level.map);
    work.engine.candidates(&mut work.level.bench, view, &work.level.skip);
    work.level.bench.hits.append(&mut work.level.decoded);
    work.regions();
}

/// What follows a decoded text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rest {
    /// Nothing, or nothing that may still be looked at.
    Nothing,
    /// More, with which it can be judged again.
    More,
    /// More, which this level does not have.
    Hidden,
}

/// The search for encoded texts in one text.
struct Work<'w> {
    engine: &'w mut Engine,
    level: &'w mut Level,
    deeper: &'w mut [Level],
    view: View<'w>,
    fresh: usize,
}

impl Work<'_> {
    /// Base64 and hex.
    fn folds(&mut self) {
        let mut stretches = std::mem::take(&mut self.level.stretches);
        let mut lines = std::mem::take(&mut self.level.lines);
        stretch::find(self.view.text, &self.level.map, &mut stretches);
        // With less context than there can be, the text begins where the window does.
        let hidden = self.fresh >= crate::LEFT_CONTEXT;
        let mut index = 0;
        loop {
            index += stretches[index..].iter().take_while(|s| self.dull(**s)).count();
            let next = fold::next(self.view, hidden, &stretches, &mut index, &mut lines);
            let Some(fold) = next else { break };
            if fold.end <= self.fresh {
                continue;
            }
            // Where an escape goes on with the characters of base64, the whole is worth decoding.
            if fold.padded - fold.start <= PIECE && escape::continues(self.view.text, fold.padded) {
                self.level.bench.spots.push(Spot::new(fold.start, fold.padded));
            }
            self.fold(fold, &lines);
        }
        self.level.stretches = stretches;
        self.level.lines = lines;
    }

    /// Whether a stretch is a short one that holds no text, alone and with its end in sight: a name, a path or a hash, as
    /// most are.
    #[inline]
    fn dull(&self, (start, end): (usize, usize)) -> bool {
        let Some(next) = self.view.text.get(end) else { return false };
        let line = end - start >= fold::MIN_LINE && matches!(next, b'\r' | b'\n');
        end - start < blob::LONG
            && start > 0
            && !line
            && !matches!(next, b'%' | b'\\' | b'&')
            && !blob::likely(&self.view.text[start..end])
    }

    fn fold(&mut self, fold: Fold, lines: &[(usize, usize)]) {
        let mut start = fold.start.max(self.fresh);
        while start < fold.end {
            let end = fold.end.min(start + PIECE);
            self.level.bench.held.push((start, end));
            if end == fold.end && !fold.closed && !self.inner() {
                return self.level.bench.open(start);
            }
            self.blob(fold, lines, Piece { start, end });
            start = end;
        }
    }

    /// Whether this text was decoded from another. Then it may be cut off inside a piece, always at the same place.
    fn inner(&self) -> bool {
        self.deeper.len() < DEPTH
    }

    fn blob(&mut self, fold: Fold, lines: &[(usize, usize)], piece: Piece) {
        let text = self.view.text;
        let Some(code) = blob::recognise(text, lines, piece.start, piece.end) else { return };
        let from = fold.start.max(piece.start.saturating_sub(CONTEXT));
        let alone = piece.start == fold.start && piece.end == fold.end && code.starts_at(fold.start);
        let whole = (alone && fold.padded - fold.start <= MAX_WHOLE).then_some((fold.start, fold.padded));
        for behind in [BEHIND, FAR_BEHIND] {
            let to = fold.end.min(piece.end + behind);
            let hidden = to == fold.end && !fold.closed;
            if hidden && !self.inner() {
                return self.level.bench.open(piece.start);
            }
            let mut chars = std::mem::take(&mut self.level.chars);
            let plain = &mut self.deeper[0].plain;
            let content = blob::decode(text, lines, (from, to), code, &mut chars, plain);
            self.level.chars = chars;
            match content {
                Content::Noise => return,
                Content::Text if behind == BEHIND => {
                    skip::note(text, lines, (piece.start, piece.end), &mut self.level.skip);
                }
                _ => {}
            }
            let rest = match to {
                _ if hidden => Rest::Hidden,
                _ if to == fold.end || behind == FAR_BEHIND => Rest::Nothing,
                _ => Rest::More,
            };
            if self.judge(
                piece,
                (rest, to < fold.end),
                |rank| rank::VENDOR + u8::from(rank >= rank::PATTERN),
                whole,
            ) {
                return;
            }
        }
    }

    /// Escapes.
    fn regions(&mut self) {
        let mut spots = std::mem::take(&mut self.level.bench.spots);
        escape::percents(self.view.text, &mut spots);
        spots.sort_unstable();
        let mut index = 0;
        while let Some(region) = escape::next(self.view, &spots, &mut index) {
            let mut start = region.start.max(self.fresh);
            while start < region.end {
                let end = region.end.min(start + PIECE);
                self.level.bench.held.push((start, end));
                let to = region.end.min(end + FAR_BEHIND);
                if to == region.end && !region.closed {
                    self.level.bench.open(start);
                    break;
                }
                let plain = &mut self.deeper[0].plain;
                if escape::decode(self.view.text, start.saturating_sub(CONTEXT), to, plain) {
                    // More than the same rule gives to the escapes taken literally.
                    let piece = Piece { start, end };
                    let rest = if region.cut && to == region.end { Rest::More } else { Rest::Nothing };
                    self.judge(piece, (rest, to < region.end), |rank| rank + 2, None);
                }
                start = end;
            }
        }
        self.level.bench.spots = spots;
    }

    /// Scans what was decoded for a piece; false if something in it needs more text and there is more. Behind the decoded
    /// text there is `more` encoded text that will not be looked at together with it.
    fn judge(
        &mut self,
        piece: Piece,
        (rest, more): (Rest, bool),
        rank_of: impl Fn(u8) -> u8,
        whole: Option<(usize, usize)>,
    ) -> bool {
        let plain = std::mem::take(&mut self.deeper[0].plain);
        let text = &plain.text[..];
        self.level.bench.runs.work += text.len() as u64;
        search(self.engine, self.deeper, View { text, last: rest == Rest::Nothing }, 0);
        let inner = &mut self.deeper[0];
        let open = match rest {
            Rest::Nothing => text.len(),
            Rest::More => inner.bench.open,
            Rest::Hidden => inner.bench.open.min(text.len().saturating_sub(UNSURE)),
        };
        let sure = if open < text.len() { plain.span(open, open + 1).0 } else { usize::MAX };
        if rest == Rest::Hidden && sure < piece.end {
            self.level.bench.open(sure.max(piece.start));
        }
        let complete = rest != Rest::More || sure >= piece.end;
        if complete {
            inner.findings.clear();
            inner.bench.hits.retain(|h| h.start < h.end);
            dispute::settle(&mut inner.bench.hits, text.len(), text.len(), &mut inner.findings);
            for found in &inner.findings {
                let place = plain.span(found.start, found.end);
                let rule = found.rule.0;
                let rank = self.engine.rules.rank(rule, found.confidence);
                if (piece.start..piece.end.min(sure)).contains(&place.0) {
                    let (start, end) = whole.unwrap_or(place);
                    let confidence = found.confidence;
                    let cut = |cut: &Cut| (cut.start, cut.end, cut.rule) == (found.start, found.end, rule);
                    let goes_on = inner.bench.cuts.iter().any(cut) || (found.end == text.len() && more);
                    let tail = goes_on.then_some(Tail::Encoded);
                    let hit = Hit { start, end, rule, rank: rank_of(rank), confidence };
                    self.level.bench.hit(hit, tail.filter(|_| whole.is_none()));
                }
            }
        }
        self.deeper[0].plain = plain;
        complete
    }
}

/// Joins what is held as a whole and overlaps.
pub(crate) fn join(held: &mut Vec<(usize, usize)>) {
    held.sort_unstable();
    held.dedup_by(|next, last| {
        let overlap = next.0 < last.1;
        if overlap {
            last.1 = last.1.max(next.1);
        }
        overlap
    });
}

// A piece and all that is decoded with it fit a window of the promised size.
const _: () = assert!(PIECE + FAR_BEHIND + CONTEXT <= MAX_SECRET_LEN && CONTEXT <= crate::LEFT_CONTEXT);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_overlaps_is_joined_and_what_touches_is_not() {
        let mut held = vec![(30, 40), (0, 10), (10, 20), (35, 50)];
        join(&mut held);
        assert_eq!(held, [(0, 10), (10, 20), (30, 50)]);
    }
}
