//! The words that say what a number is: `ssn`, `Steuer-ID`.

use crate::boundaries;
use crate::bytes::ByteSet;

/// How far before a number its word may begin, in bytes.
const REACH: usize = 72;
/// How many bytes may stand between a word and its number.
const MAX_GAP: usize = 44;
/// More digits between a word and its number are another number.
const MAX_GAP_DIGITS: u32 = 4;
/// Words up to this length must stand alone: `tel` is no part of `hotel`.
const SHORT: usize = 5;

/// The words of a kind, in lower case, the longest first.
#[derive(Debug, Default)]
pub(super) struct WordList {
    list: Vec<Vec<u8>>,
    /// The hashes of their first two bytes.
    heads: ByteSet,
}

impl WordList {
    /// Words as a rule file gives them.
    pub(super) fn new(words: &[String]) -> WordList {
        let mut list: Vec<Vec<u8>> = words.iter().map(|word| word.to_lowercase().into_bytes()).collect();
        list.sort_by_key(|word| std::cmp::Reverse(word.len()));
        let heads = ByteSet::of(&list.iter().filter_map(|word| head(word)).collect::<Vec<u8>>());
        WordList { list, heads }
    }

    /// The longest word that a text in lower case begins with.
    fn begins(&self, lower: &[u8]) -> Option<&[u8]> {
        if !self.heads.has(head(lower)?) {
            return None;
        }
        self.list.iter().map(Vec::as_slice).find(|word| lower.starts_with(word))
    }
}

/// A hash of the first two bytes; none of less, which no word is.
fn head(text: &[u8]) -> Option<u8> {
    text.first_chunk().map(|[a, b]| a.wrapping_mul(29).wrapping_add(*b))
}

/// What stands between `start` and the nearest of `words`, if one stands shortly before it.
pub(super) fn gap<'t>(text: &'t [u8], start: usize, words: &WordList) -> Option<&'t [u8]> {
    let original = &text[start.saturating_sub(REACH)..start];
    let mut lower = [0; REACH];
    let lower = &mut lower[..original.len()];
    lower.copy_from_slice(original);
    lower.make_ascii_lowercase();
    let first = lower.len() - widest(original);
    let longest = words.list.first().map_or(0, Vec::len);
    let ends = (first.saturating_sub(longest)..lower.len()).filter_map(|at| {
        let end = at + words.begins(&lower[at..])?.len();
        (end >= first && is_whole_word(original, at, end)).then_some(end)
    });
    ends.max().map(|end| &original[end..])
}

/// The most bytes at the end of `before` that can stand between a word and its number: no other number, no paragraph.
fn widest(before: &[u8]) -> usize {
    let (mut digits, mut lines) = (0, 0);
    let fits = |byte: &&u8| {
        digits += u32::from(byte.is_ascii_digit());
        lines += u32::from(**byte == b'\n');
        digits <= MAX_GAP_DIGITS && lines <= 1
    };
    before.iter().rev().take(MAX_GAP).take_while(fits).count()
}

/// Whether a word is one of its own, or a hump of a camel-case name.
pub(super) fn is_whole_word(text: &[u8], at: usize, end: usize) -> bool {
    if end - at > SHORT {
        return true;
    }
    let hump = text[at].is_ascii_uppercase();
    let left = at == 0
        || !text[at - 1].is_ascii_alphanumeric()
        || (hump && text[at - 1].is_ascii_lowercase())
        || boundaries::has_escape_at_end(&text[..at]);
    let right =
        text.get(end).is_none_or(|b| !b.is_ascii_lowercase()) || text.get(end..end + 2) == Some(b"s ");
    left && right
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_stand_alone_or_are_humps() {
        let words = WordList::new(&["ssn".to_owned(), "Steuer".to_owned()]);
        let named = |text: &str| gap(text.as_bytes(), text.len(), &words).is_some();
        for text in
            ["SSN: ", "\"ssn\": \"", "customerSsn=", "user_ssn ", "<SSN>", "meine Steuernummer ist ", "SSN\n"]
        {
            assert!(named(text), "{text}");
        }
        for text in ["SSN 1234 ", "SSN\n "] {
            assert!(named(text), "{text}");
        }
        for text in ["lessn ", "ssnx ", "ssn 12345 and ", "ssn\n\n", ""] {
            assert!(!named(text), "{text}");
        }
        let far = format!("ssn{}", " ".repeat(MAX_GAP + 1));
        assert!(!named(&far) && named(&far[..far.len() - 1]));
    }
}
