//! What may stand around a secret: a candidate inside a longer word, identifier or base64 run is none.

use crate::bytes::{ALNUM, BASE64, BASE64URL, BLANK, ByteSet, DIGIT, HEX, LOWER, UPPER, WORD};
use serde::Deserialize;

/// What may stand before a match.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Left {
    /// No letter, digit or `_`.
    #[default]
    Word,
    /// No letter, digit, `_`, `-` or `.`: for prefixes that are parts of words.
    Token,
    /// No letter or digit.
    Alnum,
    /// Anything.
    Any,
}

/// What may follow a match.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Right {
    /// Nothing that would make the last run, or a word, longer.
    #[default]
    Word,
    /// Anything.
    Any,
}

/// How far left a boundary test looks, in bytes.
pub(crate) const REACH: usize = 64;
/// A run of base64 this long before `/` or `+` is data, not a path.
const BASE64_RUN: usize = 40;

const TOKEN: ByteSet = BASE64URL.with(b'.', b'.');

/// Whether a match may begin at `start`.
pub(crate) fn can_begin(text: &[u8], start: usize, left: Left) -> bool {
    let set = match left {
        Left::Any => return true,
        Left::Word => &WORD,
        Left::Token => &TOKEN,
        Left::Alnum => &ALNUM,
    };
    let before = &text[start.saturating_sub(REACH)..start];
    let Some(&last) = before.last() else { return true };
    if set.has(last) {
        return has_escape_at_end(before);
    }
    !(matches!(last, b'/' | b'+') && is_inside_base64(before))
}

/// Whether the text ends with an escape whose last byte only looks like a letter: `\n`, `%3D`, `\x22`, `\u0022`,
/// `ESC[31m`.
pub(crate) fn has_escape_at_end(before: &[u8]) -> bool {
    let at = |back: usize| before.len().checked_sub(back).map_or(0, |i| before[i]);
    let hex = |count: usize| (1..=count).all(|i| HEX.has(at(i)));
    (at(2) == b'\\' && matches!(at(1), b'n' | b'r' | b't' | b'b' | b'f' | b'v' | b'0'))
        || (hex(2) && (at(3) == b'%' || (at(3) == b'x' && at(4) == b'\\')))
        || (hex(4) && at(5) == b'u' && at(6) == b'\\')
        || (at(1) == b'm' && {
            let body = &before[..before.len() - 1];
            let digits = DIGIT.with(b';', b';').run_back(body, 12);
            digits > 0 && body.len() > digits && body[body.len() - digits - 1] == b'['
        })
}

/// The most that [`escape_rest`] reports: the `u0022` of `\u0022`.
pub(crate) const MAX_REST: usize = 5;

/// How many of the bytes from `at` on end an escape that begins before: the `n` of `\n`, the `2F` of `%2F`, the
/// `0022` of `\u0022`.
pub(crate) fn escape_rest(text: &[u8], at: usize) -> usize {
    let hex = |from: usize, count: usize| {
        text.get(at + from..at + from + count).is_some_and(|digits| digits.iter().all(|b| HEX.has(*b)))
    };
    let before = |back: usize| at.checked_sub(back).map(|i| text[i]);
    match (before(2), before(1), text.get(at)) {
        (_, Some(b'%'), _) | (Some(b'\\'), Some(b'x'), _) if hex(0, 2) => 2,
        (_, Some(b'\\'), Some(b'u')) if hex(1, 4) => 5,
        (Some(b'\\'), Some(b'u'), _) if hex(0, 4) => 4,
        (_, Some(b'\\'), Some(b'x')) if hex(1, 2) => 3,
        (_, Some(b'\\'), Some(b'n' | b'r' | b't' | b'b' | b'f' | b'v' | b'0')) => 1,
        _ => 0,
    }
}

/// Whether `start` stands in a line of folded base64: there is nothing but that before it and on the line before. A few
/// letters say nothing there.
pub(crate) fn is_in_folded_line(text: &[u8], start: usize) -> bool {
    let line = start - BASE64.run_back(&text[..start], REACH);
    let line = line - BLANK.run_back(&text[..line], REACH);
    let before = &text[line.saturating_sub(REACH)..line];
    let Some(last) = before.strip_suffix(b"\n") else { return false };
    is_inside_base64(last.strip_suffix(b"\r").unwrap_or(last))
}

fn is_inside_base64(before: &[u8]) -> bool {
    let run = &before[before.len() - BASE64.run_back(before, REACH)..];
    let has = |set: &ByteSet| run.iter().any(|&b| set.has(b));
    run.len() >= BASE64_RUN
        && has(&UPPER)
        && has(&LOWER)
        && has(&DIGIT)
        && memchr::memchr_iter(b'/', run).count() * 12 <= run.len()
}

/// Whether a match whose last run is of `tail` may end at `end`; `None` when the text is too short to decide.
pub(crate) fn can_end(text: &[u8], end: usize, last: bool, tail: &ByteSet, right: Right) -> Option<bool> {
    if right == Right::Any {
        return Some(true);
    }
    let Some(&next) = text.get(end) else { return last.then_some(true) };
    // Nothing goes on behind padding: what follows is the value of a name that ends with it, `x==1`.
    let padded = tail.has(b'=') && text[..end].ends_with(b"=");
    if padded && (next == b'=' || (WORD.has(next) && text[..end].ends_with(b"=="))) {
        return Some(true);
    }
    if WORD.has(next) {
        return Some(false);
    }
    if !tail.has(next) || !matches!(next, b'-' | b'.' | b'+' | b'/' | b'=' | b'~') {
        return Some(true);
    }
    match text.get(end + 1) {
        Some(&after) if !ALNUM.has(after) => Some(true),
        Some(_) if next == b'/' => is_path_word(&text[end + 1..], last),
        Some(_) => Some(false),
        None => last.then_some(true),
    }
}

/// The shortest word that shows that a slash begins the next part of a path, in letters. By chance one part in a
/// hundred of base64 is one.
const MIN_PATH_WORD: usize = 4;
/// The longest that is looked at.
const MAX_PATH_WORD: usize = 24;

/// Whether a text begins with a word of a path, `content` of `files/x/content`, and not with more base64.
fn is_path_word(text: &[u8], last: bool) -> Option<bool> {
    let rest = text.get(1..).unwrap_or_default();
    let letters = 1 + LOWER.run(rest, MAX_PATH_WORD);
    match text.get(letters) {
        _ if !text[0].is_ascii_alphabetic() => Some(false),
        _ if letters > MAX_PATH_WORD => Some(false),
        Some(&next) => {
            Some(letters >= MIN_PATH_WORD && (next == b'/' || !(BASE64.has(next) || next == b'=')))
        }
        None => last.then_some(letters >= MIN_PATH_WORD),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_and_data_do_not_begin_secrets() {
        for before in ["task", "x_", "aGVsbG8gd29ybGQhIQ9aGVsbG8gd29ybGQhIQ9aGVsbG8gd29ybGQ/"] {
            assert!(!can_begin(before.as_bytes(), before.len(), Left::Word), "{before}");
        }
        assert!(!can_begin(b"a-", 2, Left::Token));
        for before in
            ["", " ", "key=", "\"", "\\n", "%3D", "\\u003d", "\\x3d", "\x1b[31m", "/usr/Local/share/v2/"]
        {
            assert!(can_begin(before.as_bytes(), before.len(), Left::Word), "{before:?}");
        }
    }

    #[test]
    fn the_rest_of_an_escape_is_recognised() {
        let cases = [
            ("\\", "nab", 1),
            ("\\", "u0022ab", 5),
            ("\\u", "0022ab", 4),
            ("\\", "x22ab", 3),
            ("\\x", "22ab", 2),
            ("%", "2Fab", 2),
            ("", "nab", 0),
            ("%", "xy", 0),
            ("u", "0022", 0),
        ];
        for (before, rest, expected) in cases {
            let text = format!("{before}{rest}");
            assert_eq!(escape_rest(text.as_bytes(), before.len()), expected, "{text}");
            assert!(expected <= MAX_REST);
        }
    }

    #[test]
    fn a_line_of_folded_base64_is_recognised_by_the_line_before() {
        let line = "aGVsbG8gd29ybGQhIQ9aGVsbG8gd29ybGQhIQ9aGVsbG8gd29ybGQ9";
        for (before, folded) in
            [(format!("{line}\n"), true), (format!("{line}\r\n  "), true), (format!("{line} "), false)]
        {
            assert_eq!(is_in_folded_line(before.as_bytes(), before.len()), folded, "{before:?}");
            let inside = before + "aGVsbG8/";
            assert_eq!(is_in_folded_line(inside.as_bytes(), inside.len()), folded, "{inside:?}");
        }
        assert!(!is_in_folded_line(b"a word\n", 7));
    }

    #[test]
    fn a_slash_before_a_word_ends_base64() {
        let right = |rest: &str| can_end(format!("ab{rest}").as_bytes(), 2, false, &BASE64, Right::Word);
        for ends in ["/content ", "/content/", "/Content?x", "/data_x/", "/file-1 "] {
            assert_eq!(right(ends), Some(true), "{ends}");
        }
        for goes_on in
            ["/raw ", "/4content ", "/contEnt ", "/content9", "/content+", "/content=", "/CONTENT "]
        {
            assert_eq!(right(goes_on), Some(false), "{goes_on}");
        }
        assert_eq!(right("/content"), None);
        assert_eq!(can_end(b"ab/content", 2, true, &BASE64, Right::Word), Some(true));
        assert_eq!(right(&format!("/{} ", "x".repeat(MAX_PATH_WORD))), Some(true));
        assert_eq!(right(&format!("/{} ", "x".repeat(MAX_PATH_WORD + 1))), Some(false));
    }

    #[test]
    fn padding_is_an_end() {
        let padded = BASE64.with(b'=', b'=');
        let right = |text: &str, end| can_end(text.as_bytes(), end, false, &padded, Right::Word);
        assert_eq!(right("ab==1", 3), Some(true));
        assert_eq!(right("ab==1", 4), Some(true));
        assert_eq!(right("ab=1", 3), Some(false));
        assert_eq!(right("ab=1", 2), Some(false));
        assert_eq!(can_end(b"ab==1", 4, false, &BASE64URL, Right::Word), Some(false));
    }

    #[test]
    fn a_longer_run_is_no_end() {
        let right = |text: &str, end| can_end(text.as_bytes(), end, false, &BASE64URL, Right::Word);
        assert_eq!(right("ab ", 2), Some(true));
        assert_eq!(right("abc", 2), Some(false));
        assert_eq!(right("ab-c", 2), Some(false));
        assert_eq!(right("ab- ", 2), Some(true));
        assert_eq!(right("ab", 2), None);
        assert_eq!(right("ab-", 2), None);
        assert_eq!(can_end(b"ab", 2, true, &BASE64URL, Right::Word), Some(true));
    }
}
