//! PEM private keys: the whole block from `-----BEGIN` to the end of the `-----END` line, however its line ends are
//! written (real ones, `\n`, `\\n`, `\r\n`), with a hard end for blocks that never close.

use crate::MAX_SECRET_LEN;
use crate::byteset::{BASE64, ByteSet};
use crate::dispute::Hit;
use crate::rule::Confidence;
use crate::rules::rank;
use crate::scanner::{Bench, View};

/// How far before `PRIVATE KEY` the `-----BEGIN` may stand.
const MAX_LABEL: usize = 40;
const BEGIN: &[u8] = b"-----BEGIN";
/// A body shorter than this is an example, not a key.
const MIN_BODY: usize = 24;
/// Base64, line ends in every writing, header fields, quoting and indentation.
const BODY: ByteSet = BASE64.union(ByteSet::of(b"= \t\r\n\\\"',+|>#:.-_;$`[]()*%<&/")).with(b'a', b'z');

/// Remembers the last search for `-----END`, so that many beginnings before one end cost one search.
#[derive(Debug, Default)]
pub(crate) struct EndSearch {
    from: usize,
    to: usize,
    found: Option<usize>,
}

impl EndSearch {
    const MARK: &[u8] = b"-----END";

    /// The first mark at or behind `from`.
    fn next(&mut self, text: &[u8], from: usize) -> Option<usize> {
        let passed = self.found.is_some_and(|at| at < from);
        if from < self.from || from > self.to || passed {
            *self = EndSearch { from, to: from, found: None };
        }
        if self.found.is_none() && self.to < text.len() {
            let begin = self.to.saturating_sub(Self::MARK.len() - 1).max(from);
            self.found = memchr::memmem::find(&text[begin..], Self::MARK).map(|at| begin + at);
            self.to = self.found.unwrap_or(text.len());
        }
        self.found.filter(|at| at + Self::MARK.len() <= text.len())
    }
}

/// Looks for a block whose `PRIVATE KEY-----` ended at `end`.
pub(crate) fn find(bench: &mut Bench, view: View<'_>, rule: u16, end: usize) {
    let text = view.text;
    let from = end.saturating_sub(MAX_LABEL + 32);
    let Some(begin) = memchr::memmem::rfind(&text[from..end], BEGIN).map(|i| from + i) else {
        return;
    };
    let label = &text[begin + 10..end - 5];
    if !label.iter().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || *b == b' ') {
        return;
    }
    // Inside a block that was found already; one pass over it is enough.
    if bench.hits.iter().rev().take(4).any(|h| h.rule == rule && h.start >= bench.fresh && begin < h.end) {
        return;
    }
    let limit = begin + MAX_SECRET_LEN;
    let window = &text[..text.len().min(limit)];
    let mark = bench.ends.next(window, end);
    // A block that does not close ends where the next one begins: so no byte is read for more than one block.
    let next = memchr::memmem::find(&window[end..mark.unwrap_or(window.len())], BEGIN).map(|at| end + at);
    let (stop, closed) = match (next, mark) {
        (Some(at), _) => (at, false),
        (None, Some(at)) => (at, true),
        (None, None) if window.len() < limit && !view.last => return bench.open(begin),
        (None, None) => (window.len(), false),
    };
    let run = bench.runs.run(&BODY, &window[..stop], end, stop - end);
    let body_end = end + run;
    let finish = if closed && body_end == stop {
        let after = &text[stop + 8..];
        match memchr::memmem::find(&after[..after.len().min(MAX_LABEL + 8)], b"-----") {
            Some(at) => stop + 8 + at + 5,
            None if after.len() < MAX_LABEL + 8 && !view.last => return bench.open(begin),
            None => stop + 8,
        }
    } else {
        end + last_line(&text[end..body_end])
    };
    let payload = text[end..finish].iter().filter(|b| BASE64.has(**b)).count();
    if payload < MIN_BODY {
        return;
    }
    let confidence = if closed { Confidence::High } else { Confidence::Medium };
    bench.hits.push(Hit { start: begin, end: finish, rule, rank: rank::BLOCK, confidence });
}

/// Where the base64 lines of a block without an end stop: behind the last long run of base64.
fn last_line(body: &[u8]) -> usize {
    let mut at = 0;
    let mut end = 0;
    while at < body.len() {
        let run = BASE64.run(&body[at..], usize::MAX);
        if run >= 16 {
            end = at + run;
            while end < body.len() && body[end] == b'=' {
                end += 1;
            }
        }
        at += run.max(1);
    }
    end
}
