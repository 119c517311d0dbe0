//! What stands around a number: words that say what it is, and what makes it a part of something longer.

use super::scope::{PersonalMatch, PersonalOutcome, PersonalScope};
use crate::boundaries;
use crate::boundaries::Left;
use crate::bytes::WORD;
use crate::text::TooShort;

/// How many bytes may stand between a word and its value, where the word comes first.
const MAX_WALK: usize = 40;

/// What a look at one place behind a word came to.
pub(super) enum WordScan {
    /// Nothing; look here next.
    On(usize),
    /// The value of the word.
    Found(PersonalMatch),
    /// Something else; nothing behind it belongs to the word.
    End,
}

/// Looks for the value of the word that ends at `end`: from place to place, up to the second line end, one of `stops`,
/// or [`MAX_WALK`] bytes on.
pub(super) fn walk(
    scope: PersonalScope<'_>,
    end: usize,
    stops: &[u8],
    mut look: impl FnMut(usize, u8) -> Result<WordScan, TooShort>,
) -> PersonalOutcome {
    let mut lines = 0;
    let mut at = end;
    while at - end <= MAX_WALK {
        let Some(byte) = scope.byte(at)? else { return Ok(None) };
        lines += usize::from(byte == b'\n');
        if lines > 1 || stops.contains(&byte) {
            return Ok(None);
        }
        match look(at, byte)? {
            WordScan::On(next) => at = next,
            WordScan::Found(found) => return Ok(Some(found)),
            WordScan::End => return Ok(None),
        }
    }
    Ok(None)
}

/// Whether a number or word may begin at `start`: not inside a longer word, decimal number, version or UUID.
pub(super) fn is_value_start(text: &[u8], start: usize) -> bool {
    if !boundaries::can_begin(text, start, Left::Word) {
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
pub(super) fn ends(scope: PersonalScope<'_>, end: usize) -> Result<bool, TooShort> {
    Ok(match scope.byte(end)? {
        Some(b) if WORD.has(b) => false,
        Some(b'-' | b'+') => scope.byte(end + 1)?.is_none_or(|b| !b.is_ascii_alphanumeric()),
        Some(b'.') => scope.byte(end + 1)?.is_none_or(|b| !WORD.has(b)),
        Some(b'%') => scope.byte(end + 1)?.is_some_and(|b| b.is_ascii_hexdigit()),
        _ => true,
    })
}
