//! Members of JSON and its kin as people and pretty-printers lay them out: over several lines, as a list of values, as
//! an object around the value, with the value before its name.

use super::name::AssignedName;
use super::object;
use super::quotes::{self, opening_quote};
use super::read;
use super::written::{MAX_BLANKS, Operator, Parsed, Value};
use crate::bytes::{ByteSet, SPACE, WORD};
use crate::candidate::StringQuotes;
use crate::text::cursor::Cursor;
use crate::text::{LOOKAHEAD, Span, TextView, TooShort};

/// How many line ends and blanks may stand beside a colon.
const MAX_INDENT: usize = 96;
/// How far before the end of its name a value may begin: it must not be settled before its name is seen.
pub(super) const MAX_BEFORE: usize = 256;
/// How far behind the first quote of its own a string is read on; no more than is always in sight.
const MAX_REST: usize = LOOKAHEAD;
/// What a value without quotes is made of in a sentence.
const CHANGED: ByteSet = WORD.union(ByteSet::of(b"!@#$%^&*+=?~-/"));
/// What may stand before a name in a path of names.
const PATH: ByteSet = WORD.union(ByteSet::of(b"/.-"));
/// Members of an object that holds nothing but a value: of settings, of `DynamoDB`, of Firestore.
const HOLDERS: [&[u8]; 8] =
    [b"value", b"stringvalue", b"s", b"raw", b"computed", b"plaintext", b"current", b"secretvalue"];
/// Members that hold a name.
const NAMES: [&[u8]; 2] = [b"name", b"key"];
/// How many members may stand between a value and the name behind it.
const MAX_BETWEEN: usize = 4;

/// The place of a value that stands on another line than its quoted name, or in an object of its own.
pub(super) fn value_place(cursor: Cursor<'_>, closed: bool) -> Result<Option<Cursor<'_>>, TooShort> {
    if !closed {
        return Ok(None);
    }
    let mut ahead = cursor;
    let mut lines = over_lines(&mut ahead)?;
    if !ahead.take(b':')? {
        return Ok(None);
    }
    lines |= over_lines(&mut ahead)?;
    if let Some(value) = value_in_object(ahead)? {
        return Ok(Some(value));
    }
    let mut value = ahead;
    if value.take(b'[')? {
        lines |= over_lines(&mut value)?;
    }
    Ok((lines && opening_quote(&mut value)?.is_some()).then_some(ahead))
}

/// Skips white space, and says whether a line ended in it.
fn over_lines(cursor: &mut Cursor<'_>) -> Result<bool, TooShort> {
    cursor.blanks(MAX_BLANKS)?;
    let ends = cursor.peek()? != 0 && cursor.line_end()?;
    cursor.spaces(MAX_INDENT)?;
    Ok(ends)
}

/// `{"value": "x"`: the place of the value.
fn value_in_object(mut cursor: Cursor<'_>) -> Result<Option<Cursor<'_>>, TooShort> {
    if !cursor.take(b'{')? {
        return Ok(None);
    }
    if !object::member(&mut cursor, &HOLDERS)? {
        return Ok(None);
    }
    Ok(opening_quote(&mut cursor.clone())?.is_some().then_some(cursor))
}

/// The value behind `value` in the same list, `"names": ["a", "b"]`.
pub(super) fn next_in_list(
    view: TextView<'_>,
    name: &AssignedName,
    value: &Value,
) -> Result<Parsed, TooShort> {
    if value.alone && value.operator == Operator::Colon && value.tail.is_none() {
        return next_item(view, name, value);
    }
    let listed = value.quoted && value.operator == Operator::Colon && value.tail.is_none();
    if !listed || !view.text[name.end..value.start].contains(&b'[') {
        return Ok(None);
    }
    let mut cursor = Cursor::new(view, value.end);
    cursor.at += cursor.backslashes()?;
    if !matches!(cursor.peek()?, b'"' | b'\'' | b'`') {
        return Ok(None);
    }
    cursor.at += 1;
    cursor.spaces(MAX_INDENT)?;
    if !cursor.take(b',')? {
        return Ok(None);
    }
    cursor.spaces(MAX_INDENT)?;
    let Some(quote) = opening_quote(&mut cursor)? else { return Ok(None) };
    let Some(Span { start, end }) = quotes::string(cursor, quote)? else { return Ok(None) };
    Ok(Some(Value { start, end, ..*value }))
}

/// `api_keys:`, `- x` and `- y` in lines below it: the item behind `value`.
fn next_item(view: TextView<'_>, name: &AssignedName, value: &Value) -> Result<Parsed, TooShort> {
    if !view.text[name.end..value.start].ends_with(b"- ") {
        return Ok(None);
    }
    let mut cursor = Cursor::new(view, value.end);
    cursor.blanks(MAX_BLANKS)?;
    if !cursor.line_end()? {
        return Ok(None);
    }
    cursor.spaces(MAX_INDENT)?;
    if !cursor.word(b"- ")? {
        return Ok(None);
    }
    read::unquoted(cursor, name, value.operator, value.spaced).map(|next| next.filter(|next| next.alone))
}

/// The new value behind an old one, `"a" -> "b"`, `changed 'a' to 'b'`, `from a to b`.
pub(super) fn next_of_change(view: TextView<'_>, value: &Value) -> Result<Parsed, TooShort> {
    let changes = value.quoted || value.operator == Operator::Prose;
    if !changes || value.tail.is_some() {
        return Ok(None);
    }
    let mut cursor = Cursor::new(view, value.end);
    if value.quoted {
        cursor.at += cursor.backslashes()?;
        cursor.at += 1;
    }
    if cursor.blanks(MAX_BLANKS)? == 0 || !cursor.any_word(&[b"-> ", b"=> ", b"to "])? {
        return Ok(None);
    }
    let Some(quote) = opening_quote(&mut cursor)? else {
        if value.quoted {
            return Ok(None);
        }
        let start = cursor.at;
        cursor.skip(&CHANGED, MAX_REST)?;
        let end = cursor.at;
        return Ok((end > start).then_some(Value { start, end, ..*value }));
    };
    let Some(Span { start, end }) = quotes::string(cursor, quote)? else { return Ok(None) };
    Ok(Some(Value { start, end, ..*value }))
}

/// The whole string that `value` is the beginning of, where a quote of its own ends it; such are the `inner_quotes`.
pub(super) fn whole_string(
    view: TextView<'_>,
    value: &Value,
    inner_quotes: &[usize],
) -> Result<Option<Value>, TooShort> {
    let is_inner = |at: &usize| inner_quotes.binary_search(at).is_ok();
    let opening = value.start.wrapping_sub(1);
    let begins = value.quoted && view.text.get(opening) == Some(&b'"') && !is_inner(&opening);
    if !begins || !is_inner(&value.end) {
        return Ok(None);
    }
    let near = &view.text[value.end..view.text.len().min(value.end + MAX_REST)];
    let end = memchr::memchr_iter(b'"', near).map(|at| value.end + at).find(|at| !is_inner(at));
    if end.is_none() && near.len() < MAX_REST && !view.last {
        return Err(TooShort);
    }
    Ok(end.map(|end| Value { end, ..*value }))
}

/// What of `value` stands in the string that it begins in: a quote that is not closed there (`password = 'x`) ends with it,
/// wherever the next one is.
pub(super) fn within_string(text: &[u8], value: Value, quotes: &StringQuotes) -> Value {
    if !value.quoted {
        return value;
    }
    match quotes.first_structural(text, Span::new(value.start, value.end)) {
        Some(end) => Value { end, quoted: false, ..value },
        None => value,
    }
}

/// `"value": "x", "name": "DB_PASSWORD"`, `- value: x` and `name: DB_PASSWORD` in the next line: where the value stands.
pub(super) fn value_before(
    view: TextView<'_>,
    name: &AssignedName,
    inner_quotes: &[usize],
) -> Result<Option<Span>, TooShort> {
    let left = BackwardCursor { text: view.text, at: name.start, least: name.end.saturating_sub(MAX_BEFORE) };
    let Some(span) = left.value(inner_quotes) else { return value_in_line_before(view, name, left) };
    let mut behind = Cursor::new(view, name.end);
    behind.at += behind.backslashes()?;
    Ok(matches!(behind.peek()?, b'"' | b'\'').then_some(span))
}

/// `- value: x` and `name: DB_PASSWORD` in the next line: where the value stands.
fn value_in_line_before(
    view: TextView<'_>,
    name: &AssignedName,
    mut left: BackwardCursor<'_>,
) -> Result<Option<Span>, TooShort> {
    let quote = left.quote();
    let Some(span) = left.line_value() else { return Ok(None) };
    let mut behind = Cursor::new(view, name.end);
    if let Some((byte, _)) = quote {
        behind.at += behind.backslashes()?;
        if !behind.take(byte)? {
            return Ok(None);
        }
    }
    behind.blanks(MAX_BLANKS)?;
    Ok(behind.line_end()?.then_some(span))
}

/// A place in a text that is read from right to left, down to the offset `least`.
#[derive(Clone, Copy)]
struct BackwardCursor<'a> {
    text: &'a [u8],
    at: usize,
    least: usize,
}

impl BackwardCursor<'_> {
    fn value(mut self, inner_quotes: &[usize]) -> Option<Span> {
        // `/prod/db_password`
        self.at -= PATH.run_back(&self.text[self.least..self.at], MAX_BLANKS);
        self.quote()?;
        self.member(&NAMES)?;
        for _ in 0..MAX_BETWEEN {
            self.spaces();
            self.byte(b',')?;
            self.spaces();
            let Some((quote, backslashes)) = self.quote() else {
                self.scalar()?;
                continue;
            };
            let end = self.at;
            let start = self.opening((quote, backslashes), inner_quotes)?;
            let mut key = self;
            if key.member(&[&b"value"[..]]).is_some() {
                return (start < end).then_some(Span::new(start, end));
            }
            self.key()?;
        }
        None
    }

    /// Moves before the quote that opens the string which ends here, and returns where the string begins.
    fn opening(&mut self, (quote, backslashes): (u8, usize), inner_quotes: &[usize]) -> Option<usize> {
        let text = &self.text[self.least..self.at];
        let opening = memchr::memrchr2_iter(quote, b'\n', text)
            .find(|at| inner_quotes.binary_search(&(self.least + at)).is_err())
            .filter(|at| text[*at] == quote)?;
        let start = self.least + opening + 1;
        self.at = start - 1;
        (self.backslashes() == backslashes).then_some(start)
    }

    /// `"sensitive": true`, but for what stands before it.
    fn scalar(&mut self) -> Option<()> {
        let run = WORD.run_back(&self.text[self.least..self.at], MAX_BLANKS);
        self.at -= run;
        (run > 0).then_some(())?;
        self.key()
    }

    /// `"sensitive": `, whatever it is.
    fn key(&mut self) -> Option<()> {
        self.spaces();
        self.byte(b':')?;
        self.spaces();
        let quote = self.quote()?;
        self.at -= WORD.run_back(&self.text[self.least..self.at], MAX_BLANKS);
        (self.quote()? == quote).then_some(())
    }

    /// The value of `value: x` in the line before one that goes on to here with `name: `.
    fn line_value(mut self) -> Option<Span> {
        (self.blanks() > 0).then_some(())?;
        self.byte(b':')?;
        let before = &self.text[self.least..self.at];
        let word = NAMES.iter().find(|word| before.ends_with(word))?;
        self.at -= word.len();
        self.blanks();
        self.line_end()?;
        let end = self.at;
        let start = self.line_start()?;
        let line = &self.text[start..end];
        let lead = line.iter().take_while(|byte| matches!(byte, b' ' | b'\t' | b'-')).count();
        let value = line[lead..].strip_prefix(b"value:").filter(|rest| rest.starts_with(b" "))?.trim_ascii();
        let from = start + line.trim_ascii_end().len() - value.len();
        Self::unquoted(value)
            .map(|inside| Span::new(from + inside.start, from + inside.end))
            .filter(|span| !span.is_empty())
    }

    /// The span of what is between the quotes of a value in a line of YAML, or of all of it if it has none.
    fn unquoted(value: &[u8]) -> Option<Span> {
        let opening = value.iter().take_while(|byte| **byte == b'\\').count();
        let inside = match value.get(opening)? {
            quote @ (b'"' | b'\'') => {
                let closing = [&value[..opening], &[*quote]].concat();
                let start = opening + 1;
                let end = value.len().checked_sub(closing.len()).filter(|end| *end >= start)?;
                value.ends_with(&closing).then_some(Span::new(start, end))?
            }
            // An anchor, an alias, or a block.
            b'&' | b'*' | b'|' | b'>' => return None,
            _ => Span::new(0, value.len()),
        };
        let text = &value[inside.start..inside.end];
        (!text.iter().any(|byte| matches!(byte, b'"' | b'\'' | b'#'))).then_some(inside)
    }

    fn blanks(&mut self) -> usize {
        let run =
            self.text[self.least..self.at].iter().rev().take_while(|b| matches!(b, b' ' | b'\t')).count();
        self.at -= run;
        run
    }

    /// One end of a line, in every writing.
    fn line_end(&mut self) -> Option<()> {
        match &self.text[self.least..self.at] {
            [.., b'\r', b'\n'] => self.at -= 2,
            [.., b'\n'] => self.at -= 1,
            [.., b'\\', b'n'] => {
                self.at -= 1;
                self.backslashes();
            }
            _ => return None,
        }
        Some(())
    }

    /// Where the line begins that goes on to here.
    fn line_start(&self) -> Option<usize> {
        let text = &self.text[self.least..self.at];
        let real = memchr::memrchr(b'\n', text).map(|at| at + 1);
        let written = memchr::memmem::rfind(text, b"\\n").map(|at| at + 2);
        real.max(written).or((self.least == 0).then_some(0)).map(|at| self.least + at)
    }

    /// `"name": `, the name one of these in any case.
    fn member(&mut self, names: &[&[u8]]) -> Option<()> {
        self.spaces();
        self.byte(b':')?;
        self.spaces();
        let quote = self.quote()?;
        let before = &self.text[self.least..self.at];
        let found = names.iter().find(|name| {
            before.len() >= name.len() && before[before.len() - name.len()..].eq_ignore_ascii_case(name)
        })?;
        self.at -= found.len();
        (self.quote()? == quote).then_some(())
    }

    fn byte(&mut self, byte: u8) -> Option<()> {
        (self.at > self.least && self.text[self.at - 1] == byte).then(|| self.at -= 1)
    }

    /// A quote and how many backslashes stand before it.
    fn quote(&mut self) -> Option<(u8, usize)> {
        let quote = *self.text[self.least..self.at].last().filter(|byte| matches!(byte, b'"' | b'\''))?;
        self.at -= 1;
        Some((quote, self.backslashes()))
    }

    fn backslashes(&mut self) -> usize {
        let run = self.text[self.least..self.at].iter().rev().take_while(|byte| **byte == b'\\').count();
        self.at -= run;
        run
    }

    /// White space in every writing.
    fn spaces(&mut self) {
        loop {
            self.at -= SPACE.run_back(&self.text[self.least..self.at], MAX_INDENT);
            let escaped = matches!(self.text[self.least..self.at], [.., b'\\', b'n' | b'r' | b't']);
            if !escaped {
                return;
            }
            self.at -= 1;
            self.backslashes();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rule::Strength;

    #[test]
    fn a_value_before_its_name_is_distinguished_from_others() {
        let before = |text: &str| {
            let start = text.find("DB_PASSWORD").unwrap();
            let end = start + "DB_PASSWORD".len();
            let name = AssignedName {
                start,
                keyword: Span::new(start, end),
                end,
                strength: Strength::Password,
                loose: false,
            };
            let view = TextView { text: text.as_bytes(), last: true };
            value_before(view, &name, &[]).unwrap().map(|span| text[span.range()].to_owned())
        };
        for text in [
            r#"{"value": "x1", "name": "DB_PASSWORD"}"#,
            r#"{"Value":"x1","Key":"DB_PASSWORD"}"#,
            "{'value': 'x1',\n  'name' : 'DB_PASSWORD'}",
            r#"{\"value\": \"x1\",\n \"name\": \"DB_PASSWORD\"}"#,
            r#"{"value": "x1", "slotSetting": true, "type": "a", "name": "DB_PASSWORD"}"#,
            "{\"value\": \"x1\",\n  \"n\": 12,\n  \"name\": \"DB_PASSWORD\"}",
            "- value: x1\n  name: DB_PASSWORD\n",
            "env:\n  - value: \"x1\"\r\n    name: \"DB_PASSWORD\"\r\n",
            r#"env:\n- value: \"x1\"\n  name: DB_PASSWORD\n"#,
            "value: 'x1' \nname: DB_PASSWORD",
        ] {
            assert_eq!(before(text).as_deref(), Some("x1"), "{text}");
        }
        for text in [
            "DB_PASSWORD",
            r#""DB_PASSWORD""#,
            r#""name": "DB_PASSWORD""#,
            r#"{"value": "", "name": "DB_PASSWORD"}"#,
            r#"{"value": "x1"}, {"name": "DB_PASSWORD"}"#,
            r#"{"values": "x1", "rename": "DB_PASSWORD"}"#,
            r#"{"type": "x1", "name": "DB_PASSWORD"}"#,
            r#"{"value": "x1", "name": DB_PASSWORD"#,
            r#"{\"value\": "x1\", "name": "DB_PASSWORD"}"#,
            "value: x1\n\nname: DB_PASSWORD\n",
            "value: x1\nname: DB_PASSWORD is set\n",
            "values: x1\nname: DB_PASSWORD\n",
            "value: |\nname: DB_PASSWORD\n",
            "value: x1 # y\nname: DB_PASSWORD\n",
        ] {
            assert_eq!(before(text), None, "{text}");
        }
        let far = |len: usize| format!(r#"{{"value": "{}", "name": "DB_PASSWORD"}}"#, "x".repeat(len));
        let room = MAX_BEFORE - r#", "name": "DB_PASSWORD"#.len() - r#""value": """#.len();
        assert_eq!(before(&far(room)).map(|value| value.len()), Some(room));
        assert_eq!(before(&far(room + 1)), None);
    }
}
