//! Values that are expressions of a program.

use super::written::{Operator, Value};
use crate::bytes::{ALNUM, ByteSet};
use crate::plausibility::shape::{count_turns, is_hex_key, looks_random};
use crate::plausibility::words::WORDS;

/// Without quotes, in code, a value is more often an expression.
pub(crate) fn is_code(value: &[u8], written: &Value) -> bool {
    if value.iter().any(|b| matches!(b, b'(' | b'[')) || matches!(value, [b'{', ..] | [.., b'{']) {
        return true;
    }
    if written.spaced && is_identifier(value, written) {
        return true;
    }
    // `s:name` of Vim, `{string` of documentation, `&lt` of HTML.
    let scoped = value.len() > 2
        && value[0].is_ascii_lowercase()
        && value[1] == b':'
        && value[2..].iter().all(|b| b.is_ascii_lowercase() || matches!(b, b'_' | b'.'));
    let choice = value.contains(&b'|') && value.iter().all(|b| b.is_ascii_alphabetic() || *b == b'|');
    let arrow = value.windows(2).any(|pair| matches!(pair, b"->" | b"::" | b"||" | b"&&"));
    // `password: String!`, `token?: string[]`
    let stem = value.iter().rposition(u8::is_ascii_alphanumeric).map_or(0, |i| i + 1);
    let typed = stem < value.len() && WORDS.contains(&value[..stem].to_ascii_lowercase().as_slice());
    scoped || choice || arrow || typed || value.starts_with(b"&#") || value == b"=>"
}

/// A name of a program, and nothing that could be taken for one by chance.
fn is_identifier(value: &[u8], written: &Value) -> bool {
    // In a sentence a value is no identifier; `is_encoding_name` recognises the names of algorithms.
    let named = written.operator != Operator::Prose
        && value.iter().all(|b| NAME.has(*b))
        && !value[0].is_ascii_digit();
    if !named {
        return false;
    }
    // `password: heron7824` alone on its line: in code a comma or more would follow, or a name with fewer digits.
    let digits = value.iter().filter(|b| b.is_ascii_digit()).count();
    let listed = written.alone && written.operator == Operator::Colon && digits > 1;
    !listed && (digits == 0 || count_turns(value) < 5) && !looks_random(value) && !is_hex_key(value)
}

/// Letters of names in programs, and what joins them.
const NAME: ByteSet = ALNUM.union(ByteSet::of(b"_.$"));
