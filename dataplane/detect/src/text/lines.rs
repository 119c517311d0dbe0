//! Lines of a text as people see them: without colour codes, what stands before a line's content set apart.
//!
//! Tools print files with numbers, gutters, signs of diffs, quote marks, paths or times before each line, in tables, in
//! records of JSON, and with colours. All of that differs from tool to tool, but within one listing it is the same
//! from line to line. So a line is read as [`Word`]s of base64, each with the [`LinePrefix`] before it: its words, with
//! numbers taken for equal. A line ends at a line feed, at its escapes in a string that holds the text (`\n`, `\\n`), and
//! before the dashes of `-----BEGIN` and `-----END`.

use super::view::{TextView, TooShort};
use crate::bytes::{ALNUM, BASE64, DIGIT, HEX};
use crate::text::cursor::MAX_BACKSLASHES;
use crate::text::{MAX_SECRET_LEN, Span};

/// A longer line is read in pieces of this length, in bytes.
pub(crate) const MAX_LINE: usize = MAX_SECRET_LEN;
/// More dashes are a line that somebody drew.
pub(crate) const MAX_DASHES: usize = 64;
/// So many bytes at the most are a colour code.
const MAX_CODE: usize = 64;
/// The longest tag of a page that is no content, the longest name of one, and of an entity, in bytes.
const MAX_TAG: usize = 96;
const MAX_TAG_NAME: usize = 10;
const MAX_ENTITY: usize = 8;
/// What stands at the end of a word of base64 at most.
const MAX_PADDING: usize = 2;

/// What ends a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LineStop {
    /// A line end, in any writing.
    LineEnd,
    /// The dashes before `BEGIN`.
    Begin,
    /// The dashes before `END`.
    End,
    /// [`MAX_LINE`].
    Limit,
    /// The end of the text.
    TextEnd,
}

/// A line of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Line {
    pub(crate) start: usize,
    pub(crate) end: usize,
    /// Where the next line begins.
    pub(crate) next: usize,
    pub(crate) stop: LineStop,
}

impl Line {
    /// The line that begins at `start`.
    pub(crate) fn at(view: TextView<'_>, start: usize) -> Result<Line, TooShort> {
        let text = view.text;
        let limit = start + MAX_LINE;
        let bound = limit.min(text.len());
        let mut at = start;
        loop {
            let Some(ahead) = memchr::memchr3(b'\n', b'\\', b'-', &text[at.min(bound)..bound]) else {
                return match (limit <= text.len(), view.last) {
                    (true, _) => Ok(Line { start, end: limit, next: limit, stop: LineStop::Limit }),
                    (false, true) => {
                        Ok(Line { start, end: text.len(), next: text.len(), stop: LineStop::TextEnd })
                    }
                    (false, false) => Err(TooShort),
                };
            };
            at += ahead;
            match text[at] {
                b'\n' => return Ok(Line { start, end: at, next: at + 1, stop: LineStop::LineEnd }),
                b'\\' => {
                    let run = backslashes(text, at);
                    match text.get(at + run) {
                        Some(b'n' | b'r') => {
                            return Ok(Line { start, end: at, next: at + run + 1, stop: LineStop::LineEnd });
                        }
                        None if !view.last => return Err(TooShort),
                        _ => at += run,
                    }
                }
                _ => match mark(view, at)? {
                    (_, Some(found)) => return Ok(Line { start, end: at, next: at, stop: found }),
                    (dashes, None) => at += dashes,
                },
            }
        }
    }
}

/// The dashes at `at`, and what they stand before.
fn mark(view: TextView<'_>, at: usize) -> Result<(usize, Option<LineStop>), TooShort> {
    let rest = &view.text[at..];
    let dashes = rest.iter().take(MAX_DASHES).take_while(|byte| **byte == b'-').count();
    let behind = &rest[dashes..];
    if dashes < 4 {
        return if behind.is_empty() && !view.last { Err(TooShort) } else { Ok((dashes, None)) };
    }
    // The dashes of ssh.com have a space behind them, and may have the sign of a diff before them.
    let word = if dashes <= 5 { behind.strip_prefix(b" ").unwrap_or(behind) } else { behind };
    for (name, stop) in [(&b"BEGIN"[..], LineStop::Begin), (b"END", LineStop::End)] {
        if word.starts_with(name) {
            return Ok((dashes, Some(stop)));
        }
        if !view.last && name.starts_with(word) {
            return Err(TooShort);
        }
    }
    Ok((dashes, None))
}

/// How many backslashes stand at `at`.
fn backslashes(text: &[u8], at: usize) -> usize {
    text[at..].iter().take(MAX_BACKSLASHES).take_while(|byte| **byte == b'\\').count()
}

/// Where the line begins that the byte before `at` belongs to, if that is not before `floor`; else `None`.
pub(crate) fn line_start(text: &[u8], at: usize, floor: usize) -> Option<usize> {
    let begins = |at: usize| match text[at - 1] {
        b'\n' => true,
        b'n' | b'r' => at >= 2 && text[at - 2] == b'\\',
        _ => false,
    };
    let found = (floor.max(1)..=at).rev().find(|&at| begins(at));
    found.or((floor == 0).then_some(0))
}

/// Where the content of the line ends before which the line end stands that ends at `at`; `at` itself if there is none.
pub(crate) fn before_line_end(text: &[u8], at: usize) -> usize {
    match text[..at].last() {
        Some(b'\n') => at - 1,
        Some(b'n' | b'r') => {
            let escape =
                text[..at - 1].iter().rev().take(MAX_BACKSLASHES).take_while(|b| **b == b'\\').count();
            if escape > 0 { at - 1 - escape } else { at }
        }
        _ => at,
    }
}

/// What stands before a word in its line, as far as listings repeat it: its words, with all numbers taken for equal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct LinePrefix {
    hash: u64,
    /// Whether there is a word that is no number.
    pub(crate) has_letters: bool,
}

impl LinePrefix {
    /// Nothing, or signs and spaces only.
    pub(crate) const EMPTY: LinePrefix = LinePrefix { hash: 0xcbf2_9ce4_8422_2325, has_letters: false };

    /// What stands in `text[start..end]`, which begins a line.
    pub(crate) fn of(text: &[u8], start: usize, end: usize) -> LinePrefix {
        let mut words = Words::new(text, start, end);
        while words.next().is_some() {}
        words.prefix
    }

    fn mix(&mut self, byte: u8) {
        self.hash = (self.hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
    }

    fn add(&mut self, word: &[u8]) {
        let mut digits = false;
        for &byte in word.iter().filter(|byte| ALNUM.has(**byte)) {
            let digit = DIGIT.has(byte);
            if !(digit && digits) {
                self.mix(if digit { b'0' } else { byte });
            }
            digits = digit;
            self.has_letters |= !digit;
        }
        self.mix(b' ');
    }
}

/// A run of base64 in a line, with its padding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Word {
    pub(crate) span: Span,
    /// Whether `=` ends it.
    pub(crate) padded: bool,
    pub(crate) prefix: LinePrefix,
    /// The last double quote before it in its line, and whether words stand between.
    pub(crate) quote: Option<(usize, bool)>,
}

/// The words of a line.
pub(crate) struct Words<'a> {
    text: &'a [u8],
    at: usize,
    end: usize,
    prefix: LinePrefix,
    quote: Option<(usize, bool)>,
}

impl<'a> Words<'a> {
    pub(crate) fn new(text: &'a [u8], start: usize, end: usize) -> Words<'a> {
        Words { text, at: start, end, prefix: LinePrefix::EMPTY, quote: None }
    }

    /// What stands before the next word.
    pub(crate) fn prefix(&self) -> LinePrefix {
        self.prefix
    }

    /// Takes the word that begins here.
    fn word(&mut self) -> Word {
        let line = &self.text[..self.end];
        let start = self.at;
        let mut end = start;
        loop {
            end += BASE64.run(&line[end..], usize::MAX);
            // In strings of JSON a slash may have a backslash before it.
            let escape = if end < line.len() { slash_escape(line, end) } else { 0 };
            if escape == 0 {
                break;
            }
            end += escape;
        }
        let padding = line[end..].iter().take(MAX_PADDING).take_while(|byte| **byte == b'=').count();
        let span = Span::new(start, end + padding);
        let word = Word { span, padded: padding > 0, prefix: self.prefix, quote: self.quote };
        self.at = span.end;
        word
    }
}

impl Iterator for Words<'_> {
    type Item = Word;

    fn next(&mut self) -> Option<Word> {
        while self.at < self.end {
            let line = &self.text[..self.end];
            if BASE64.has(line[self.at]) || slash_escape(line, self.at) > 0 {
                let word = self.word();
                let content = &self.text[word.span.range()];
                if content.iter().any(|byte| ALNUM.has(*byte)) {
                    self.prefix.add(content);
                    let number = content.iter().all(|byte| DIGIT.has(*byte));
                    self.quote = self.quote.map(|(at, words)| (at, words || !number));
                    return Some(word);
                }
                continue;
            }
            let markup = markup(&line[self.at..]);
            if markup > 0 {
                self.at += markup;
                continue;
            }
            let width = no_content(line, self.at);
            if let Some(quote) = line[self.at..self.at + width].iter().rposition(|byte| *byte == b'"') {
                self.quote = Some((self.at + quote, false));
            }
            self.at += width;
        }
        None
    }
}

/// How many bytes of a page's markup begin `text`: a tag (`<br/>`) or an entity (`&#10;`), which are no content.
fn markup(text: &[u8]) -> usize {
    let set = |byte: &u8| ALNUM.has(*byte) || *byte == b'#';
    match text {
        [b'<', rest @ ..] => {
            let rest = rest.strip_prefix(b"/").unwrap_or(rest);
            let name = rest.iter().take(MAX_TAG_NAME).take_while(|byte| byte.is_ascii_alphabetic()).count();
            let is_tag = name > 0 && rest.get(name).is_some_and(|b| matches!(b, b'>' | b'/' | b' ' | b'\t'));
            let near = &text[1..text.len().min(MAX_TAG)];
            let end = memchr::memchr2(b'<', b'>', near).filter(|at| is_tag && near[*at] == b'>');
            end.map_or(0, |at| at + 2)
        }
        [b'&', rest @ ..] => {
            let name = rest.iter().take(MAX_ENTITY).take_while(|byte| set(byte)).count();
            if name > 0 && rest.get(name) == Some(&b';') { name + 2 } else { 0 }
        }
        _ => 0,
    }
}

/// The width of the markup that ends at the end of `text`.
pub(crate) fn markup_at_end(text: &[u8]) -> usize {
    let near = &text[text.len().saturating_sub(MAX_TAG)..];
    let open = match near.last() {
        Some(b'>') => memchr::memrchr(b'<', near),
        Some(b';') => memchr::memrchr(b'&', near),
        _ => None,
    };
    open.map(|at| &near[at..]).filter(|found| markup(found) == found.len()).map_or(0, <[u8]>::len)
}

/// How many backslashes stand at `at` before a slash.
fn slash_escape(text: &[u8], at: usize) -> usize {
    let run = backslashes(text, at);
    if run > 0 && text.get(at + run) == Some(&b'/') { run } else { 0 }
}

/// How many bytes at `at`, where no base64 stands, are no content: a colour code in any writing, an escape, a byte.
fn no_content(line: &[u8], at: usize) -> usize {
    let rest = &line[at..];
    if rest[0] == 0x1b {
        return 1 + code(&rest[1..]);
    }
    let run = backslashes(line, at);
    if run == 0 {
        return 1;
    }
    let width = match &rest[run..] {
        [b'u', hex @ ..] if hex.len() >= 4 && hex[..4].iter().all(|byte| HEX.has(*byte)) => {
            5 + if hex[..4].eq_ignore_ascii_case(b"001b") { code(&hex[4..]) } else { 0 }
        }
        [b'x', b'1', b'b' | b'B', after @ ..] | [b'0', b'3', b'3', after @ ..] => 3 + code(after),
        [b'e', after @ ..] if after.first() == Some(&b'[') => 1 + code(after),
        [b't' | b'b' | b'f' | b'"' | b'\'', ..] => 1,
        _ => 0,
    };
    run + width
}

/// The length of a colour code without its escape: `[`, numbers, a letter.
fn code(text: &[u8]) -> usize {
    if text.first() != Some(&b'[') {
        return 0;
    }
    let numbers = text[1..].iter().take(MAX_CODE).take_while(|byte| matches!(byte, b'0'..=b'?')).count();
    (1 + numbers + 1).min(text.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &str) -> Vec<(&str, LineStop)> {
        let view = TextView { text: text.as_bytes(), last: true };
        let (mut at, mut found) = (0, Vec::new());
        while at < text.len() {
            let line = Line::at(view, at).unwrap();
            found.push((&text[line.start..line.end], line.stop));
            if line.next == at {
                break;
            }
            at = line.next;
        }
        found
    }

    fn words(text: &str) -> Vec<&str> {
        Words::new(text.as_bytes(), 0, text.len()).map(|word| &text[word.span.range()]).collect()
    }

    #[test]
    fn lines_end_in_every_writing_and_before_marks() {
        use LineStop::{Begin, End, LineEnd, TextEnd};
        assert_eq!(
            lines("a\r\nb\\nc\\\\nd\\/e - --\n"),
            [("a\r", LineEnd), ("b", LineEnd), ("c", LineEnd), ("d\\/e - --", LineEnd)]
        );
        assert_eq!(lines("ab-----END X"), [("ab", End), ("", End)]);
        assert_eq!(lines("ab---- BEGIN SSH2"), [("ab", Begin), ("", Begin)]);
        assert_eq!(lines("-- x ------ y"), [("-- x ------ y", TextEnd)]);
    }

    #[test]
    fn a_line_that_may_go_on_is_too_short() {
        for text in ["ab", "ab\\", "ab-", "ab----", "ab-----", "ab-----BEG", "ab---- E"] {
            assert!(Line::at(TextView { text: text.as_bytes(), last: false }, 0).is_err(), "{text}");
        }
        let long = vec![b'a'; MAX_LINE];
        assert_eq!(Line::at(TextView { text: &long, last: false }, 0).unwrap().stop, LineStop::Limit);
        assert!(Line::at(TextView { text: &long[1..], last: false }, 0).is_err());
    }

    #[test]
    fn colours_escapes_and_gutters_are_no_content() {
        for text in [
            "  12\u{2192}MIIE+/a==",
            "\u{1b}[1;31m12\u{1b}[0m\u{2502} \u{1b}[33mMIIE+/a==\u{1b}[0m",
            "\\u001b[31m12\\t\\x1b[0mMIIE+/a==\\033[0m",
            "\u{a0}12 \u{2503} \"MIIE+/a==\",",
        ] {
            assert_eq!(words(text), ["12", "MIIE+/a=="], "{text}");
        }
        assert_eq!(words("a\\/b\\\\/c"), ["a\\/b\\\\/c"]);
    }

    #[test]
    fn markup_is_no_content() {
        for text in [
            "<br>MIIE+/a==<br/>",
            "<td class=\"x y\">MIIE+/a==</td>",
            "&#10;MIIE+/a==&nbsp;&#xA;",
            "<BR />MIIE+/a==</p>",
        ] {
            assert_eq!(words(text), ["MIIE+/a=="], "{text}");
        }
        assert_eq!(words("<MIIE+/a==>"), ["MIIE+/a=="]);
        assert_eq!(words("< br>a & b; <b <c>"), ["br", "a", "b", "b"]);
        for (text, width) in [("a<br/>", 5), ("a&#10;", 5), ("a>", 0), ("a;", 0), ("<b<c>", 3), ("x", 0)] {
            assert_eq!(markup_at_end(text.as_bytes()), width, "{text}");
        }
    }

    #[test]
    fn numbers_in_prefixes_are_equal_and_words_are_not() {
        let before = |text: &str| Words::new(text.as_bytes(), 0, text.len()).last().unwrap().prefix;
        assert_eq!(before("id_rsa:9:MIIE"), before("id_rsa-10-Qabc"));
        assert_eq!(before("  9\u{2192}MIIE"), before("| 10 | Qabc |"));
        assert_eq!(before("MIIE"), before("  + Qabc"));
        assert_ne!(before("one MIIE"), before("two Qabc"));
        assert!(before("web-1 | MIIE").has_letters && !before("12 MIIE").has_letters);
    }

    #[test]
    fn line_starts_are_found_backwards() {
        let text = b"ab\\ncd\nef";
        assert_eq!(line_start(text, 9, 0), Some(7));
        assert_eq!(line_start(text, 6, 0), Some(4));
        assert_eq!(line_start(text, 2, 0), Some(0));
        assert_eq!(line_start(text, 6, 5), None);
        assert_eq!((before_line_end(text, 7), before_line_end(text, 4), before_line_end(text, 2)), (6, 2, 2));
    }
}
