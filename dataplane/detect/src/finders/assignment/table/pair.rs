//! Rows of a name and its value: `| DB_PASSWORD | x |`, `password | x`, `password    x`.

use super::line::{self, Ending};
use crate::bytes::BLANK;
use crate::candidate::StringQuotes;
use crate::finders::assignment::name::AssignedName;
use crate::text::{Span, TextView, TooShort};

/// How far behind its name a value begins, and how long it is.
const MAX_GAP: usize = 64;
const MAX_VALUE: usize = 256;
/// How far a row is indented.
const MAX_INDENT: usize = 16;
/// A shorter value could be a word of a table about names.
const MIN_VALUE: usize = 8;

/// The value in the cell behind that of a name. It must have a digit or a sign, and where only blanks stand between, the
/// line above or below must have a cell in the same place.
pub(in super::super) fn value_beside(
    view: TextView<'_>,
    name: &AssignedName,
    quotes: &StringQuotes,
) -> Result<Option<Span>, TooShort> {
    let text = view.text;
    let near = &text[name.end..text.len().min(name.end + MAX_GAP)];
    let gap = near.iter().take_while(|byte| BLANK.has(**byte) || b"`*".contains(byte)).count();
    let bar = match near.get(gap..) {
        Some([b'|', ..]) => 1,
        Some([0xe2, 0x94, 0x82 | 0x83, ..]) => 3,
        _ => 0,
    };
    if bar == 0 && !near.starts_with(b"  ") {
        return Ok(None);
    }
    let behind = near.get(gap + bar..).unwrap_or_default();
    let blanks = behind.iter().take_while(|byte| BLANK.has(**byte) || **byte == b'`').count();
    let kind = kind(behind.get(blanks..).unwrap_or_default());
    let start = name.end + gap + bar + blanks + kind;
    let (view, string) = line::in_sight(view, Span::new(name.start, name.end), quotes);
    let text = view.text;
    let Some(line_start) = line::start_of_line(text, name.start, string) else { return Ok(None) };
    let Some((line, ending)) = line::header(view, line_start, name.end)? else { return Ok(None) };
    let Some(rest) = text.get(start..line.span.end) else { return Ok(None) };
    let ends = |byte: &u8| matches!(byte, b' ' | b'\t' | b'`') || (bar > 0 && matches!(byte, b'|' | 0xe2));
    let width = rest.iter().take(MAX_VALUE).position(ends).unwrap_or(rest.len());
    let after = rest[width..].trim_ascii_start();
    let after = after.strip_prefix(b"`").unwrap_or(after).trim_ascii_start();
    let closes = match after {
        [] => true,
        [b'|', ..] | [0xe2, 0x94, 0x82 | 0x83, ..] => bar > 0,
        _ => false,
    };
    let indent = &text[line_start.at..name.start];
    let begins = match bar {
        0 => indent.len() <= MAX_INDENT && indent.iter().all(|byte| *byte == b' '),
        _ => true,
    };
    if !closes || !begins || width > MAX_VALUE {
        return Ok(None);
    }
    let value = Span::new(start, start + width);
    if !is_judged(&text[value.range()]) {
        return Ok(None);
    }
    if bar + kind == 0 && !is_aligned(view, (line_start, line, ending), start, name.start)? {
        return Ok(None);
    }
    Ok(Some(value))
}

/// How long a type of a value is, as the tool of Windows' registry prints it, with the blanks behind it.
fn kind(text: &[u8]) -> usize {
    const KINDS: [&[u8]; 2] = [b"REG_SZ", b"REG_EXPAND_SZ"];
    let Some(kind) = KINDS.iter().find(|kind| text.starts_with(kind)) else { return 0 };
    kind.len() + text[kind.len()..].iter().take_while(|byte| BLANK.has(**byte)).count()
}

/// Whether a value is no word, type or version.
fn is_judged(value: &[u8]) -> bool {
    let count = |test: fn(&u8) -> bool| value.iter().filter(|byte| test(byte)).count();
    let (digits, letters) = (count(u8::is_ascii_digit), count(u8::is_ascii_alphabetic));
    let signs = value.iter().filter(|byte| b"!@#$%^&*+=?~".contains(byte)).count();
    // `varchar(255)`, `1.7.4rc1`, `1:4.13+dfsg1`
    let is_type = value.contains(&b'(') || value.starts_with(b"<");
    let number = value.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let is_version = number > 0 && matches!(value.get(number), Some(b'.' | b':'));
    value.len() >= MIN_VALUE && !is_type && !is_version && digits + signs > 0 && letters > 1
}

/// Whether a cell begins in the line above or below in the column of `at`, or that above is drawn.
fn is_aligned(
    view: TextView<'_>,
    (start, line, ending): (line::LineStart, line::Line, Ending),
    at: usize,
    name: usize,
) -> Result<bool, TooShort> {
    let column = at - start.at;
    let has_cell = |row: &[u8]| {
        column >= 2
            && row.get(column - 2..column) == Some(b"  ")
            && row.get(column).is_some_and(|byte| *byte != b' ')
            && !row[..column].trim_ascii().is_empty()
    };
    if let Some(above) = line::above(view.text, start, name) {
        let row = &view.text[above.range()];
        if line::is_drawn(row) || has_cell(row) {
            return Ok(true);
        }
    }
    if line.is_last {
        return Ok(false);
    }
    let below = line::line(view, line.next, ending)?;
    Ok(below.is_some_and(|below| has_cell(&view.text[below.span.range()])))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rule::Strength;

    fn beside(text: &str) -> Option<String> {
        let start = text.find("password")?;
        let end = start + "password".len();
        let keyword = Span::new(start, end);
        let name = AssignedName { start, keyword, end, strength: Strength::Password, loose: false };
        let view = TextView { text: text.as_bytes(), last: true };
        value_beside(view, &name, &StringQuotes::default())
            .unwrap()
            .map(|value| text[value.range()].to_owned())
    }

    #[test]
    fn values_stand_beside_their_names() {
        for text in [
            "user     | ann\npassword | lantern52x\n",
            "| `password` | `lantern52x` | note |\n",
            "│ password │ lantern52x │\n",
            "Key         Value\n---         -----\npassword    lantern52x\nuser        ann\n",
            "password    lantern52x\nuser        ann",
            "user        ann\npassword    lantern52x",
            "HKEY\\Sync\n    Server    REG_SZ    db1\n    password    REG_SZ    lantern52x\n",
            "{\"k\":\"user        ann\\npassword    lantern52x\",\"l\":1}",
        ] {
            assert_eq!(beside(text).as_deref(), Some("lantern52x"), "{text:?}");
        }
    }

    #[test]
    fn other_words_stand_beside_names_too() {
        for text in [
            "password    lantern52x\n",
            "  password  lantern52x of the user\n  user      ann\n",
            "user        ann\npassword    1.7.4rc1b2\n",
            "user        ann\npassword    1:4.13+dfsg1-1\n",
            "| password | varchar(255) |\n",
            "| password | string |\n",
        ] {
            assert_eq!(beside(text), None, "{text:?}");
        }
    }
}
