//! An object whose members stand between a name and its value: `{"name": "X", "sensitive": true, "value": "…"}`.

use super::quotes::{self, opening_quote};
use super::written::MAX_BLANKS;
use crate::bytes::{ByteSet, WORD};
use crate::text::TooShort;
use crate::text::cursor::Cursor;

/// How many line ends and blanks may stand beside a colon.
const MAX_INDENT: usize = 96;
/// How many members may stand between.
const MAX_MEMBERS: usize = 6;
/// How many bytes of an object or a list are passed over.
const MAX_NESTED: usize = 96;

/// What a number and a literal are written with.
const SCALAR: ByteSet = WORD.union(ByteSet::of(b".+-"));

/// Moves to the value of the member that is called one of `names`, in any case, from a place where a member begins. Of
/// what stands before it only numbers, literals, strings and short nested values are passed over.
pub(super) fn member(cursor: &mut Cursor<'_>, names: &[&[u8]]) -> Result<bool, TooShort> {
    let mut ahead = *cursor;
    for _ in 0..MAX_MEMBERS {
        ahead.spaces(MAX_INDENT)?;
        let Some(quote) = opening_quote(&mut ahead)? else { return Ok(false) };
        let mut inside = ahead;
        let is_named = inside.any_word(names)? && quotes::closes(&mut inside, quote)?;
        if is_named {
            ahead = inside;
        } else {
            let Some(key) = quotes::string(ahead, quote)? else { return Ok(false) };
            ahead.at = key.end;
            if !quotes::closes(&mut ahead, quote)? {
                return Ok(false);
            }
        }
        ahead.spaces(MAX_INDENT)?;
        if !ahead.take(b':')? {
            return Ok(false);
        }
        ahead.spaces(MAX_INDENT)?;
        if is_named {
            *cursor = ahead;
            return Ok(true);
        }
        if !pass(&mut ahead)? {
            return Ok(false);
        }
        ahead.spaces(MAX_INDENT)?;
        if !ahead.take(b',')? {
            return Ok(false);
        }
    }
    Ok(false)
}

/// Passes over a value.
fn pass(cursor: &mut Cursor<'_>) -> Result<bool, TooShort> {
    if let Some(quote) = opening_quote(&mut cursor.clone())? {
        opening_quote(cursor)?;
        let Some(string) = quotes::string(*cursor, quote)? else { return Ok(false) };
        cursor.at = string.end;
        return quotes::closes(cursor, quote);
    }
    if !matches!(cursor.peek()?, b'{' | b'[') {
        return Ok(cursor.skip(&SCALAR, MAX_BLANKS)? > 0);
    }
    let mut depth = 0;
    for _ in 0..MAX_NESTED {
        match cursor.peek()? {
            0 => return Ok(false),
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth -= 1,
            _ => {}
        }
        cursor.at += 1;
        if depth == 0 {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Moves to the value of a line `value: x` behind lines of other keys that belong to the same item of a list.
pub(super) fn line(cursor: &mut Cursor<'_>, name: &[u8]) -> Result<bool, TooShort> {
    let mut ahead = *cursor;
    for _ in 0..MAX_MEMBERS {
        if !ahead.line_end()? || ahead.peek()? == 0 {
            return Ok(false);
        }
        ahead.spaces(MAX_BLANKS)?;
        let mut inside = ahead;
        if inside.word(name)? && inside.take(b':')? {
            inside.blanks(MAX_BLANKS)?;
            *cursor = inside;
            return Ok(true);
        }
        // Another item, or no key: what follows belongs to somebody else.
        if ahead.skip(&WORD, MAX_BLANKS)? == 0 || !ahead.take(b':')? {
            return Ok(false);
        }
        let from = ahead.at;
        while !ahead.line_end()? {
            if ahead.at - from > MAX_NESTED {
                return Ok(false);
            }
            ahead.at += 1;
        }
    }
    Ok(false)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::TextView;

    fn behind(text: &str, lines: bool) -> Option<&str> {
        let mut cursor = Cursor::new(TextView { text: text.as_bytes(), last: true }, 0);
        let found = if lines { line(&mut cursor, b"value") } else { member(&mut cursor, &[b"value"]) };
        found.unwrap().then(|| &text[cursor.at..])
    }

    #[test]
    fn other_members_are_passed_over() {
        for text in [
            "\"value\": 'x'",
            " \"type\": \"a,\\\"b\", \"n\": -1.5, \"t\": true, \"o\": {\"a\": [1]}, \"Value\":'x'",
            "\\\"type\\\": \\\"a\\\", \\\"value\\\": 'x'",
            "\n  \"type\": null,\n  \"value\": 'x'",
        ] {
            assert_eq!(behind(text, false), Some("'x'"), "{text}");
        }
        for text in
            ["\"type\": 1}, {\"value\": 'x'", "value: 'x'", "\"values\": 'x'", "\"a\": 1; \"value\": 'x'"]
        {
            assert_eq!(behind(text, false), None, "{text}");
        }
    }

    #[test]
    fn other_lines_are_passed_over() {
        for text in [
            "\n  value: 'x'",
            "\n  required: true\n  secure: a b\n  value: 'x'",
            "\\n  type: a\\n  value: 'x'",
        ] {
            assert_eq!(behind(text, true), Some("'x'"), "{text}");
        }
        for text in
            ["\n- name: b\n  value: 'x'", "\nsome words\n  value: 'x'", " value: 'x'", "\n  values: 'x'"]
        {
            assert_eq!(behind(text, true), None, "{text}");
        }
    }
}
