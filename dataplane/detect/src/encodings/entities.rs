//! Entities of HTML and XML: what a name or a number between `&` and `;` stands for.

#![expect(clippy::cast_possible_truncation, reason = "characters of ASCII fit a byte")]

use crate::bytes::{ALPHA, DIGIT, HEX};

/// The longest numeric entity, in digits.
const MAX_DIGITS: usize = 7;

/// The names of entities that stand for ASCII in HTML, and for a blank that does not break.
const ENTITIES: [(&[u8], u8); 47] = [
    (b"AMP;", b'&'),
    (b"DiacriticalGrave;", b'`'),
    (b"GT;", b'>'),
    (b"Hat;", b'^'),
    (b"LT;", b'<'),
    (b"NewLine;", b'\n'),
    (b"NonBreakingSpace;", b' '),
    (b"QUOT;", b'"'),
    (b"Tab;", b'\t'),
    (b"UnderBar;", b'_'),
    (b"VerticalLine;", b'|'),
    (b"amp;", b'&'),
    (b"apos;", b'\''),
    (b"ast;", b'*'),
    (b"bsol;", b'\\'),
    (b"colon;", b':'),
    (b"comma;", b','),
    (b"commat;", b'@'),
    (b"dollar;", b'$'),
    (b"equals;", b'='),
    (b"excl;", b'!'),
    (b"grave;", b'`'),
    (b"gt;", b'>'),
    (b"lbrace;", b'{'),
    (b"lbrack;", b'['),
    (b"lcub;", b'{'),
    (b"lowbar;", b'_'),
    (b"lpar;", b'('),
    (b"lsqb;", b'['),
    (b"lt;", b'<'),
    (b"midast;", b'*'),
    (b"nbsp;", b' '),
    (b"num;", b'#'),
    (b"percnt;", b'%'),
    (b"period;", b'.'),
    (b"plus;", b'+'),
    (b"quest;", b'?'),
    (b"quot;", b'"'),
    (b"rbrace;", b'}'),
    (b"rbrack;", b']'),
    (b"rcub;", b'}'),
    (b"rpar;", b')'),
    (b"rsqb;", b']'),
    (b"semi;", b';'),
    (b"sol;", b'/'),
    (b"verbar;", b'|'),
    (b"vert;", b'|'),
];
/// The longest of these names.
const MAX_NAME: usize = 17;

/// For each letter, whatever its case, those that stand behind it at the beginning of a name.
const BEGINNINGS: [u32; 32] = {
    let mut beginnings = [0; 32];
    let mut at = 0;
    while at < ENTITIES.len() {
        let name = ENTITIES[at].0;
        beginnings[(name[0] & 31) as usize] |= 1 << (name[1] & 31);
        at += 1;
    }
    beginnings
};

/// Whether an entity may go on like this behind `&`. Code is full of `&` before other words.
#[inline]
pub(super) fn may_begin(text: &[u8]) -> bool {
    match text {
        [b'#', ..] => true,
        [first, second, ..] => BEGINNINGS[usize::from(first & 31)] >> (second & 31) & 1 != 0,
        _ => false,
    }
}

/// What stands behind `&`.
pub(super) fn entity(text: &[u8]) -> Option<(u8, usize)> {
    if let [b'#', number @ ..] = text {
        let (value, width) = reference(number)?;
        return (value < 0x80).then_some((value as u8, width + 1));
    }
    if !may_begin(text) {
        return None;
    }
    let length = ALPHA.run(text, MAX_NAME) + 1;
    let name = text.get(..length).filter(|name| name.ends_with(b";"))?;
    let index = ENTITIES.binary_search_by_key(&name, |(known, _)| known).ok()?;
    Some((ENTITIES[index].1, length))
}

/// The number behind `&#`, and how many bytes it takes. Readers of HTML do not ask for the `;` behind it.
pub(super) fn reference(text: &[u8]) -> Option<(u32, usize)> {
    let (set, base, skip) = match text {
        [b'x' | b'X', ..] => (&HEX, 16, 1),
        _ => (&DIGIT, 10, 0),
    };
    let digits = &text[skip..];
    let count = set.run(digits, MAX_DIGITS + 1);
    if count == 0 || count > MAX_DIGITS {
        return None;
    }
    let value = digits[..count].iter().fold(0u32, |n, b| n * base + u32::from(digit(*b)));
    Some((value, skip + count + usize::from(digits.get(count) == Some(&b';'))))
}

/// The value of a hexadecimal digit.
pub(super) fn digit(hex: u8) -> u8 {
    match hex {
        b'0'..=b'9' => hex - b'0',
        _ => (hex | 0x20) - b'a' + 10,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entities_are_in_order() {
        assert!(ENTITIES.is_sorted_by_key(|(name, _)| name));
        assert_eq!(ENTITIES.iter().map(|(name, _)| name.len()).max(), Some(MAX_NAME));
    }
}
