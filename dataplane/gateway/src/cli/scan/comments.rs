//! Comments that make a scan pass over a finding: `aegis:ignore`, or `aegis:ignore RULE, RULE`.
//!
//! A comment speaks for its own line, and for the next one when it has its line to itself. It is looked for by its text
//! alone, so it works in any comment syntax. Findings wait until the text has gone past their line.

use std::collections::VecDeque;

use aegis_detect::{Part, RuleIndex, Rules};
use memchr::memmem;

use super::finding::{FilePosition, LocatedFinding};

/// What a comment says.
const MARK: &[u8] = b"aegis:ignore";
/// Rule names are read within so many bytes behind the mark.
pub(super) const LOOK_AHEAD: usize = 256;
/// How far back from a mark the line's beginning is looked for.
const LOOK_BACK: usize = 64;
/// Letters and digits before the mark of a comment that has its line to itself: enough for `rem` and `dnl`.
const MAX_OPENER: usize = 3;
/// Most findings that wait for the end of their line; on a line with more, comments do not reach the first.
const MAX_WAITING: usize = 1_000;

/// A comment.
#[derive(Debug, PartialEq, Eq)]
struct IgnoreMark {
    line: u64,
    /// Nothing else is on the line.
    alone: bool,
    /// Empty: all rules.
    rules: Vec<RuleIndex>,
}

impl IgnoreMark {
    fn covers(&self, finding: &LocatedFinding) -> bool {
        let last = self.line + u64::from(self.alone);
        let in_place = finding.start.line <= last && self.line <= finding.end.line;
        in_place && (self.rules.is_empty() || self.rules.contains(&finding.finding.rule))
    }
}

/// The comments of one text, and the findings they may be about.
pub(super) struct Comments<'r> {
    rules: &'r Rules,
    finder: memmem::Finder<'static>,
    /// Where in the buffer the text begins that was not searched yet, and its line.
    next: usize,
    line: u64,
    marks: VecDeque<IgnoreMark>,
    waiting: VecDeque<LocatedFinding>,
    /// Findings passed over.
    pub(super) ignored: u64,
}

impl<'r> Comments<'r> {
    pub(super) fn new(rules: &'r Rules) -> Self {
        let (marks, waiting) = (VecDeque::new(), VecDeque::new());
        Comments {
            rules,
            finder: memmem::Finder::new(MARK).into_owned(),
            next: 0,
            line: 1,
            marks,
            waiting,
            ignored: 0,
        }
    }

    /// Holds a finding until its line has been read.
    pub(super) fn push(&mut self, finding: LocatedFinding) {
        self.waiting.push_back(finding);
    }

    /// Adds a line to the key that was pushed last, if that still waits.
    pub(super) fn add_line(&mut self, line: &[u8], end: FilePosition) {
        let key = self.waiting.iter_mut().rev().find(|finding| finding.finding.part != Part::Whole);
        if let Some(key) = key {
            key.add_line(line, end);
        }
    }

    /// Searches the buffer up to `limit`, behind which [`LOOK_AHEAD`] bytes follow, or nothing.
    pub(super) fn search(&mut self, buffer: &[u8], limit: usize) {
        let end = buffer.len().min(limit + MARK.len() - 1);
        while let Some(found) = buffer.get(self.next..end).and_then(|text| self.finder.find(text)) {
            let at = self.next + found;
            if at >= limit {
                break;
            }
            self.count(buffer, at);
            let behind = at + MARK.len();
            let tail = &buffer[behind..buffer.len().min(behind + LOOK_AHEAD)];
            if let Some(rules) = named(tail, self.rules) {
                self.marks.push_back(IgnoreMark { line: self.line, alone: is_alone(&buffer[..at]), rules });
            }
            self.next = behind.min(limit);
        }
        self.count(buffer, limit);
    }

    /// Moves on to `to`, which lies behind, and counts its lines.
    fn count(&mut self, buffer: &[u8], to: usize) {
        if let Some(text) = buffer.get(self.next..to) {
            self.line += memchr::memchr_iter(b'\n', text).count() as u64;
            self.next = to;
        }
    }

    /// The first `by` bytes of the buffer are gone, none of them unsearched; findings to come begin at `line` or later.
    pub(super) fn shift(&mut self, by: usize, line: u64) {
        self.next -= by;
        let line = self.waiting.front().map_or(line, |finding| finding.start.line.min(line));
        while self.marks.front().is_some_and(|mark| mark.line + 1 < line) {
            self.marks.pop_front();
        }
    }

    /// The next finding that is decided and not passed over; at the end of the text, all are decided.
    pub(super) fn pop(&mut self, at_end: bool) -> Option<LocatedFinding> {
        while let Some(first) = self.waiting.front() {
            let decided = at_end || first.end.line < self.line || self.waiting.len() > MAX_WAITING;
            if !decided {
                return None;
            }
            let first = self.waiting.pop_front()?;
            if !self.marks.iter().any(|mark| mark.covers(&first)) {
                return Some(first);
            }
            self.ignored += 1;
        }
        None
    }
}

/// Whether a mark that stands behind `before` has its line to itself: nothing but the beginning of a comment there.
fn is_alone(before: &[u8]) -> bool {
    let from = memchr::memrchr(b'\n', before).map_or(0, |newline| newline + 1);
    let opener = &before[from..];
    opener.len() <= LOOK_BACK
        && opener.iter().filter(|byte| byte.is_ascii_alphanumeric()).count() <= MAX_OPENER
        && !opener.iter().any(|byte| b"\"'`=:".contains(byte))
}

/// The rules named behind a mark, none for all; `None` when it is no mark, or when what it names does not exist.
fn named(tail: &[u8], rules: &Rules) -> Option<Vec<RuleIndex>> {
    if tail.first().is_some_and(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(byte)) {
        return None;
    }
    let line = tail.split(|byte| matches!(byte, b'\n' | b'\r')).next().unwrap_or_default();
    let mut found = Vec::new();
    for word in line.split(|byte| b" \t,:[(".contains(byte)).filter(|word| !word.is_empty()) {
        let length = word.iter().take_while(|byte| byte.is_ascii_alphanumeric() || **byte == b'-').count();
        let id = std::str::from_utf8(&word[..length]).unwrap_or_default();
        match rules.find(id) {
            Some(rule) => found.push(rule),
            // A mistyped name must not pass over everything.
            None if looks_like_an_id(id) => return (!found.is_empty()).then_some(found),
            None => break,
        }
    }
    Some(found)
}

fn looks_like_an_id(word: &str) -> bool {
    word.as_bytes().first().is_some_and(u8::is_ascii_lowercase) && word.trim_end_matches('-').contains('-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_are_named_behind_the_mark() {
        let rules = Rules::builtin().expect("the built-in rules compile");
        let id = |name: &str| rules.find(name).expect(name);
        let all = Some(Vec::new());
        for tail in ["", " */", " -->", "\n", " because it is a test", ": made up", " #}", "\r\ngithub-pat"] {
            assert_eq!(named(tail.as_bytes(), &rules), all, "{tail}");
        }
        let one = Some(vec![id("github-pat")]);
        for tail in
            [" github-pat", ": github-pat -->", "[github-pat]", " github-pat made up", "\tgithub-pat*/"]
        {
            assert_eq!(named(tail.as_bytes(), &rules), one, "{tail}");
        }
        let two = Some(vec![id("github-pat"), id("private-key-pem")]);
        assert_eq!(named(b" github-pat, private-key-pem", &rules), two);
        for tail in ["d", "-file", "_x", " gihub-pat"] {
            assert_eq!(named(tail.as_bytes(), &rules), None, "{tail}");
        }
    }

    #[test]
    fn only_a_comment_of_its_own_speaks_for_the_next_line() {
        for before in ["", "# ", "x\n// ", "a = 1\n  <!-- ", "/* ", "-- ", "rem ", "\n{{! "] {
            assert!(is_alone(before.as_bytes()), "{before}");
        }
        for before in ["a = 1 # ", "f(\"\") // ", "x: ", "value ", "\nimport x; // "] {
            assert!(!is_alone(before.as_bytes()), "{before}");
        }
    }
}
