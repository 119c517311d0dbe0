//! Comments that make a scan pass over a finding: `aegis:ignore`, or `aegis:ignore RULE, RULE`.
//!
//! A comment speaks for its own line, and for the next one when it has its line to itself. It is looked for by its text
//! alone, so it works in any comment syntax. A word behind the mark that names no rule makes it void, so that a slip hides
//! nothing; reasons stand behind a dash or in parentheses. Findings wait until the text has gone past their line.

use std::collections::VecDeque;
use std::fmt;

use aegis_detect::{Part, RuleIndex, Rules};
use memchr::memmem;

use super::finding::{FilePosition, LocatedFinding};
use super::project::nearest_rule;

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
/// Most void comments that are reported for one text.
const MAX_VOID: usize = 20;

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
    /// Comments that name a rule which does not exist.
    pub(super) void: Vec<VoidComment>,
}

/// A comment that passes over nothing, because it names a rule which does not exist.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct VoidComment {
    /// Its line.
    pub line: u64,
    /// The rule that may be meant.
    pub near: Option<String>,
}

impl fmt::Display for VoidComment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("this aegis:ignore names a rule that does not exist, and passes over nothing")?;
        match &self.near {
            Some(near) => write!(f, "; did you mean `{near}`?"),
            None => f.write_str("; write reasons behind `--` or in parentheses"),
        }
    }
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
            void: Vec::new(),
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
            match named(tail, self.rules) {
                Named::Rules(rules) => {
                    self.marks.push_back(IgnoreMark {
                        line: self.line,
                        alone: is_alone(&buffer[..at]),
                        rules,
                    });
                }
                Named::Unknown(near) if self.void.len() < MAX_VOID => {
                    self.void.push(VoidComment { line: self.line, near });
                }
                Named::Unknown(_) | Named::NoMark => {}
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

/// What stands behind a mark.
#[derive(Debug, PartialEq, Eq)]
enum Named {
    /// It is the beginning of another word.
    NoMark,
    /// These rules; none for all.
    Rules(Vec<RuleIndex>),
    /// A word that names no rule, and the rule it is most like.
    Unknown(Option<String>),
}

/// Reads the names behind a mark, up to the end of the line or to what can be no name: `-->`, `*/`, `--`, `(`.
fn named(tail: &[u8], rules: &Rules) -> Named {
    let is_of_word = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_".contains(byte) || !byte.is_ascii();
    if tail.first().is_some_and(is_of_word) {
        return Named::NoMark;
    }
    let mut rest = tail.split(|byte| matches!(byte, b'\n' | b'\r')).next().unwrap_or_default();
    let mut found = Vec::new();
    loop {
        let blanks = rest.iter().take_while(|byte| b" \t,:[".contains(byte)).count();
        rest = &rest[blanks..];
        let (word, behind) = rest.split_at(rest.iter().take_while(|byte| is_of_word(byte)).count());
        // A dash of any kind, or the end of the comment.
        if !word.first().is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte == b'_') {
            return Named::Rules(found);
        }
        let id = String::from_utf8_lossy(word);
        let id = id.trim_end_matches('-');
        match rules.find(id) {
            Some(rule) => found.push(rule),
            None => return Named::Unknown(nearest_rule(rules, id)),
        }
        rest = behind;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_are_named_behind_the_mark() {
        let rules = Rules::builtin().expect("the built-in rules compile");
        let id = |name: &str| rules.find(name).expect(name);
        let all = Named::Rules(Vec::new());
        for tail in [
            "",
            " */",
            " -->",
            "\n",
            " -- because it is a test",
            " (made up)",
            " #}",
            "\r\ngithub-pat",
            " \u{2014} x",
        ] {
            assert_eq!(named(tail.as_bytes(), &rules), all, "{tail}");
        }
        let one = Named::Rules(vec![id("github-pat")]);
        for tail in [
            " github-pat",
            ": github-pat -->",
            "[github-pat]",
            " github-pat (made up)",
            "\tgithub-pat*/",
            " github-pat-->",
        ] {
            assert_eq!(named(tail.as_bytes(), &rules), one, "{tail}");
        }
        let two = Named::Rules(vec![id("github-pat"), id("private-key-pem")]);
        assert_eq!(named(b" github-pat, private-key-pem", &rules), two);
        for tail in ["d", "-file", "_x"] {
            assert_eq!(named(tail.as_bytes(), &rules), Named::NoMark, "{tail}");
        }
        // A slip without a dash, one behind a right name, and a reason that is not set off.
        for tail in [" gihub-pat", " githubpat", " GITHUB_PAT", " github-pat githubpat"] {
            assert_eq!(
                named(tail.as_bytes(), &rules),
                Named::Unknown(Some("github-pat".to_owned())),
                "{tail}"
            );
        }
        assert_eq!(named(b" because of a test", &rules), Named::Unknown(None));
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
