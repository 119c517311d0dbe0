//! What stands around a number: words that say what it is, and what makes it a part of something longer.

use super::Desk;
use crate::assign::TooShort;
use crate::boundary;
use crate::byteset::{ByteSet, WORD};
use crate::source::Left;

/// How far before a number its word may begin, in bytes.
const REACH: usize = 72;
/// How many bytes may stand between a word and its number.
const MAX_GAP: usize = 44;
/// Words up to this length must stand alone: `tel` is no part of `hotel`.
const SHORT: usize = 5;

/// The words of a kind, in lower case, longest first.
#[derive(Debug, Default)]
pub(super) struct Words {
    list: Vec<Vec<u8>>,
    /// What they begin with.
    firsts: ByteSet,
}

impl Words {
    /// Words as a rule file gives them.
    pub(super) fn new(words: &[String]) -> Words {
        let mut list: Vec<Vec<u8>> = words.iter().map(|word| word.to_lowercase().into_bytes()).collect();
        list.sort_by_key(|word| std::cmp::Reverse(word.len()));
        let firsts = ByteSet::of(&list.iter().filter_map(|word| word.first().copied()).collect::<Vec<u8>>());
        Words { list, firsts }
    }
}

/// What stands between `start` and the nearest of `words`, if one stands shortly before it.
pub(super) fn gap<'t>(text: &'t [u8], start: usize, words: &Words) -> Option<&'t [u8]> {
    let original = &text[start.saturating_sub(REACH)..start];
    let mut lower = [0; REACH];
    let lower = &mut lower[..original.len()];
    lower.copy_from_slice(original);
    lower.make_ascii_lowercase();
    let starts = (0..lower.len()).rev().filter(|&at| words.firsts.has(lower[at]));
    let ends = starts.filter_map(|at| {
        let word = words.list.iter().find(|word| lower[at..].starts_with(word))?;
        let end = at + word.len();
        (lower.len() - end <= MAX_GAP && stands(original, at, end) && leads(&original[end..])).then_some(end)
    });
    ends.max().map(|end| &original[end..])
}

/// Whether a word is one of its own, or a hump of a camel-case name.
pub(super) fn stands(text: &[u8], at: usize, end: usize) -> bool {
    if end - at > SHORT {
        return true;
    }
    let hump = text[at].is_ascii_uppercase();
    let left = at == 0
        || !text[at - 1].is_ascii_alphanumeric()
        || (hump && text[at - 1].is_ascii_lowercase())
        || boundary::ends_escape(&text[..at]);
    let right =
        text.get(end).is_none_or(|b| !b.is_ascii_lowercase()) || text.get(end..end + 2) == Some(b"s ");
    left && right
}

/// Whether what stands between a word and its number leaves the number to the word: no other number, no paragraph.
fn leads(gap: &[u8]) -> bool {
    gap.iter().filter(|b| b.is_ascii_digit()).count() < 5 && memchr::memchr_iter(b'\n', gap).count() < 2
}

/// Whether a number or word may begin at `start`: not inside a longer word, decimal number, version or UUID.
pub(super) fn begins(text: &[u8], start: usize) -> bool {
    if !boundary::left_ok(text, start, Left::Word) {
        return false;
    }
    let before = &text[..start];
    match before {
        [.., a, b'-' | b'+'] => !a.is_ascii_alphanumeric(),
        [.., a, b'.'] => !WORD.has(*a),
        [.., b'~' | b'$'] => false,
        _ => true,
    }
}

/// Whether a number or word may end at `end`.
pub(super) fn ends(desk: Desk<'_>, end: usize) -> Result<bool, TooShort> {
    Ok(match desk.byte(end)? {
        Some(b) if WORD.has(b) => false,
        Some(b'-' | b'+') => desk.byte(end + 1)?.is_none_or(|b| !b.is_ascii_alphanumeric()),
        Some(b'.') => desk.byte(end + 1)?.is_none_or(|b| !WORD.has(b)),
        Some(b'%') => desk.byte(end + 1)?.is_some_and(|b| b.is_ascii_hexdigit()),
        _ => true,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_stand_alone_or_are_humps() {
        let words = Words::new(&["ssn".to_owned(), "Steuer".to_owned()]);
        let named = |text: &str| gap(text.as_bytes(), text.len(), &words).is_some();
        for text in
            ["SSN: ", "\"ssn\": \"", "customerSsn=", "user_ssn ", "<SSN>", "meine Steuernummer ist ", "SSN\n"]
        {
            assert!(named(text), "{text}");
        }
        for text in ["lessn ", "ssnx ", "ssn 123456 and ", "ssn\n\n", ""] {
            assert!(!named(text), "{text}");
        }
        let far = format!("ssn{}", " ".repeat(MAX_GAP + 1));
        assert!(!named(&far) && named(&far[..far.len() - 1]));
    }
}
