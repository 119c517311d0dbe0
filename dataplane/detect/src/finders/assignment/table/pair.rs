//! Rows of a name and its value: `| DB_PASSWORD | x |`, `password | x`, `password    x`.

use super::line;
use crate::bytes::BLANK;
use crate::finders::assignment::name::AssignedName;
use crate::text::{Span, TextView, TooShort};

/// How far behind its name a value begins, and how long it is.
const MAX_GAP: usize = 64;
const MAX_VALUE: usize = 256;
/// How far a row is indented.
const MAX_INDENT: usize = 16;
/// A shorter value could be a word of a table about names.
const MIN_VALUE: usize = 8;

/// The value in the cell behind that of a name. It must have a digit, and as the only other cell of its line it may stand
/// behind blanks.
pub(in super::super) fn value_beside(
    view: TextView<'_>,
    name: &AssignedName,
) -> Result<Option<Span>, TooShort> {
    let text = view.text;
    let near = &text[name.end..text.len().min(name.end + MAX_GAP)];
    let gap = near.iter().take_while(|byte| BLANK.has(**byte) || b"`*".contains(byte)).count();
    let bar = match near.get(gap..) {
        Some([b'|', ..]) => 1,
        Some([0xe2, 0x94, 0x82 | 0x83, ..]) => 3,
        _ => 0,
    };
    if bar == 0 && !(gap >= 2 && near.get(..2) == Some(b"  ") && begins_line(text, name.start)) {
        return Ok(None);
    }
    let behind = near.get(gap + bar..).unwrap_or_default();
    let blanks = behind.iter().take_while(|byte| BLANK.has(**byte) || **byte == b'`').count();
    let start = name.end + gap + bar + blanks;
    let rest = &text[start..text.len().min(start + MAX_VALUE)];
    let ends = |byte: &u8| matches!(byte, b' ' | b'\t' | b'\n' | b'\r' | b'\\' | b'`' | b'|' | b'"' | 0xe2);
    let Some(width) = rest.iter().position(ends) else {
        return match view.last {
            true => Ok(judged(text, Span::new(start, start + rest.len()))),
            false if rest.len() < MAX_VALUE => Err(TooShort),
            false => Ok(None),
        };
    };
    let end = start + width;
    let after = &text[end..text.len().min(end + MAX_GAP)];
    let closing = after.iter().take_while(|byte| BLANK.has(**byte) || **byte == b'`').count();
    let closes = match after.get(closing..) {
        Some([b'\n' | b'\r', ..] | [b'\\', b'n' | b'r', ..]) => true,
        Some([b'|', ..] | [0xe2, 0x94, 0x82 | 0x83, ..]) => bar > 0,
        Some([b'"', ..]) => bar == 0,
        Some([]) if after.len() < MAX_GAP => {
            if !view.last {
                return Err(TooShort);
            }
            true
        }
        _ => false,
    };
    Ok(judged(text, Span::new(start, end)).filter(|_| closes))
}

/// The value, if it is no word.
fn judged(text: &[u8], value: Span) -> Option<Span> {
    let bytes = &text[value.range()];
    let digits = bytes.iter().filter(|byte| byte.is_ascii_digit()).count();
    let letters = bytes.iter().filter(|byte| byte.is_ascii_alphabetic()).count();
    // `varchar(255)`
    let is_type = bytes.contains(&b'(');
    (bytes.len() >= MIN_VALUE && !is_type && digits > 0 && letters > 1).then_some(value)
}

/// Whether nothing but blanks stands before the name in its line.
fn begins_line(text: &[u8], at: usize) -> bool {
    line::start_of_line(text, at)
        .is_some_and(|start| at - start <= MAX_INDENT && text[start..at].iter().all(|byte| *byte == b' '))
}
