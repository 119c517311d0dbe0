//! Sequences of runs, and how one is matched.

#![expect(clippy::cast_possible_truncation, reason = "a sequence has at most `MAX_RUNS` runs")]

use super::anchor::Anchor;
use super::run::{ByteRun, first_bytes};
use crate::boundaries;
use crate::bytes::{ByteSet, RunCache};
use crate::text::{MAX_SECRET_LEN, Span, TooShort};
use std::ops::Range;

/// Overlapping neighbours (`[a-z]+a`) are matched by going back, at most this many times.
pub(super) const MAX_RETRIES: u32 = 512;

/// One way to match a pattern.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Sequence {
    pub(crate) runs: Vec<ByteRun>,
    /// The runs that are the secret, by their index.
    pub(crate) capture: Range<usize>,
    pub(crate) anchor: Anchor,
    /// How many bytes at the start are the same in every match.
    pub(crate) head: usize,
}

/// What matching a sequence says about a place in the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum MatchVerdict {
    /// It does not match, whatever follows.
    No,
    /// The text ends too early to decide.
    Open,
    /// It matches: the whole and the capture. If it was cut at the length of the longest finding and goes on, `cut` is
    /// the run in which.
    Match { whole: Span, capture: Span, cut: Option<u16> },
}

impl Sequence {
    /// Matches the sequence in `text` for an anchor that ended at `end`. `last`: the text ends here for good.
    pub(crate) fn confirm(&self, text: &[u8], end: usize, last: bool, cache: &mut RunCache) -> MatchVerdict {
        let Some(mut start) = end.checked_sub(self.anchor.reach) else { return MatchVerdict::No };
        if let Some((lead, before)) = self.runs[..self.anchor.lead].split_last() {
            let back = lead.set.run_back(&text[..start], lead.max as usize + 1 + boundaries::MAX_REST);
            // An escape before the run ends with bytes that look like part of it.
            let back = back - boundaries::escape_rest(text, start - back).min(back);
            if back < lead.min as usize || back > lead.max as usize {
                return MatchVerdict::No;
            }
            let before: usize = before.iter().map(|s| s.min as usize).sum();
            let Some(whole) = start.checked_sub(back + before) else { return MatchVerdict::No };
            start = whole;
        }
        self.match_at(text, start, last, cache)
    }

    /// Matches the sequence at `start`.
    pub(crate) fn match_at(
        &self,
        text: &[u8],
        start: usize,
        last: bool,
        cache: &mut RunCache,
    ) -> MatchVerdict {
        let mut attempt = MatchAttempt {
            text,
            last,
            begin: start,
            retries: 0,
            cache,
            capture: Span::new(start, start),
            cut: None,
        };
        match attempt.match_from(self, 0, start) {
            Ok(Some(end)) => {
                if self.capture.start == 0 {
                    attempt.capture.start = start;
                }
                if self.capture.end == self.runs.len() || attempt.cut.is_some() {
                    attempt.capture.end = end;
                }
                MatchVerdict::Match {
                    whole: Span::new(start, end),
                    capture: attempt.capture,
                    cut: attempt.cut,
                }
            }
            Ok(None) => MatchVerdict::No,
            Err(TooShort) => MatchVerdict::Open,
        }
    }

    /// The bytes that the sequence can end with.
    pub(crate) fn last_bytes(&self) -> ByteSet {
        first_bytes(self.runs.iter().rev())
    }

    /// The bytes that the rest of the capture may hold, from the run with this index on.
    pub(crate) fn rest(&self, run: usize) -> ByteSet {
        self.runs[run..self.capture.end].iter().fold(ByteSet::EMPTY, |set, run| set.union(run.set))
    }
}

/// One attempt to match a sequence.
struct MatchAttempt<'t, 'r> {
    text: &'t [u8],
    last: bool,
    begin: usize,
    retries: u32,
    cache: &'r mut RunCache,
    capture: Span,
    cut: Option<u16>,
}

impl MatchAttempt<'_, '_> {
    /// Matches `sequence.runs[index..]` at `at`; the end, if it matches.
    fn match_from(
        &mut self,
        sequence: &Sequence,
        mut index: usize,
        mut at: usize,
    ) -> Result<Option<usize>, TooShort> {
        while let Some(run) = sequence.runs.get(index) {
            if index == sequence.capture.start {
                self.capture.start = at;
            }
            if index == sequence.capture.end {
                self.capture.end = at;
            }
            let length = self.match_run(run, at)?;
            if self.is_cut(sequence, index, at + length)? {
                self.cut = Some(index as u16);
                return Ok(Some(at + length));
            }
            if length < run.min as usize {
                return Ok(None);
            }
            if length > run.min as usize && first_bytes(&sequence.runs[index + 1..]).has_any_of(&run.set) {
                return self.backtrack(sequence, index, at, length);
            }
            at += length;
            index += 1;
        }
        Ok(Some(at))
    }

    /// Whether the match is as long as a finding can be at `end`, and goes on there inside what it captures.
    fn is_cut(&self, sequence: &Sequence, index: usize, end: usize) -> Result<bool, TooShort> {
        if end < self.begin + MAX_SECRET_LEN || !sequence.capture.contains(&index) {
            return Ok(false);
        }
        match self.text.get(end) {
            Some(&next) => {
                Ok(sequence.runs[index].set.has(next) || first_bytes(&sequence.runs[index + 1..]).has(next))
            }
            None if self.last => Ok(false),
            None => Err(TooShort),
        }
    }

    fn backtrack(
        &mut self,
        sequence: &Sequence,
        index: usize,
        at: usize,
        length: usize,
    ) -> Result<Option<usize>, TooShort> {
        for count in (sequence.runs[index].min as usize..=length).rev() {
            self.retries += 1;
            if self.retries > MAX_RETRIES {
                return Ok(None);
            }
            if let Some(end) = self.match_from(sequence, index + 1, at + count)? {
                return Ok(Some(end));
            }
        }
        Ok(None)
    }

    fn match_run(&mut self, run: &ByteRun, at: usize) -> Result<usize, TooShort> {
        let room = (self.begin + MAX_SECRET_LEN).saturating_sub(at);
        let max = (run.max as usize).min(room);
        let rest = &self.text[at.min(self.text.len())..];
        let length = if max <= RunCache::WORTH {
            run.set.run(rest, max)
        } else {
            self.cache.run(&run.set, self.text, at, max)
        };
        if length < max && at + length >= self.text.len() && !self.last {
            return Err(TooShort);
        }
        Ok(length)
    }
}
