//! Values that do not stand right behind their name: `{"name": .., "value": ..}`, `<key>` and `<string>`, a variable's
//! `default`, the lines of a YAML block.

use super::name::AssignedName;
use super::object;
use super::written::{MAX_BLANKS, Operator};
use crate::bytes::{ByteSet, WORD};
use crate::text::TooShort;
use crate::text::cursor::Cursor;

/// How far left of a name the word that makes it a name may stand.
const MAX_LEFT: usize = 24;
/// How far behind a variable's name its default may stand.
const MAX_BODY: usize = 160;

/// Members that hold the value of a name in another member.
const VALUES: [&[u8]; 3] = [b"value", b"secretvalue", b"plaintext"];
/// How far before a name the head of its part of a form begins.
const MAX_HEAD: usize = 96;

const MARKS: ByteSet = ByteSet::of(b"\"'\\");
/// What attributes are written with.
const ATTRIBUTES: ByteSet = WORD.union(ByteSet::of(b" =\"'\\:.-"));

/// The place of a value that is tied to the name by what stands around both.
pub(super) fn value_place<'a>(
    cursor: Cursor<'a>,
    name: &AssignedName,
    closed: bool,
) -> Result<Option<(Cursor<'a>, Operator)>, TooShort> {
    if let Some(found) = listed(cursor, name)? {
        return Ok(Some((found, Operator::Colon)));
    }
    if let Some(found) = dictionary(cursor, closed)? {
        return Ok(Some((found, Operator::Tag)));
    }
    if closed && let Some(found) = part(cursor, name)? {
        return Ok(Some((found, Operator::Tag)));
    }
    Ok(variable(cursor, name)?.map(|found| (found, Operator::Equals)))
}

fn before<'a>(cursor: &Cursor<'a>, name: &AssignedName) -> &'a [u8] {
    &cursor.view.text[name.start.saturating_sub(MAX_LEFT)..name.start]
}

/// `{"name":"DB_PASSWORD","value":"x"}`, `- name: DB_PASSWORD` and `value: x` on the next line: the place of the value.
fn listed<'a>(mut cursor: Cursor<'a>, name: &AssignedName) -> Result<Option<Cursor<'a>>, TooShort> {
    if !matches!(cursor.peek()?, b',' | b'\n' | b'\r' | b'\\') {
        return Ok(None);
    }
    let mut object = cursor;
    if object.take(b',')? && is_name_next(before(&cursor, name)) && object::member(&mut object, &VALUES)? {
        return Ok(Some(object));
    }
    let mut lines = cursor;
    let run = lines.backslashes()?;
    if matches!(lines.look(run)?, b'"' | b'\'') {
        lines.at += run + 1;
    }
    if lines.line_end()? && is_name_next(before(&cursor, name)) && object::line(&mut lines, b"value")? {
        return Ok(Some(lines));
    }
    cursor.take(b',')?;
    cursor.spaces(MAX_BLANKS)?;
    cursor.skip(&MARKS, 4)?;
    if !cursor.word(b"value")? {
        return Ok(None);
    }
    cursor.skip(&MARKS, 4)?;
    cursor.blanks(MAX_BLANKS)?;
    if !(cursor.take(b':')? || cursor.take(b'=')?) || !is_name_next(before(&cursor, name)) {
        return Ok(None);
    }
    cursor.blanks(MAX_BLANKS)?;
    Ok(Some(cursor))
}

/// Whether a text ends like `"name": "`: what follows is a name.
fn is_name_next(before: &[u8]) -> bool {
    if memchr::memchr2(b':', b'=', before).is_none() {
        return false;
    }
    let before = before.to_ascii_lowercase();
    [&b"name"[..], b"key", b"type", b"label", b"id\"", b"field"].iter().any(|word| {
        memchr::memmem::rfind(&before, word)
            .is_some_and(|at| before[at..].iter().any(|b| matches!(b, b':' | b'=')))
    })
}

/// `<key>ApiToken</key><string>x</string>`, `<setting name="Password" type="a"><value>x</value>`: entries of XML.
fn dictionary(mut cursor: Cursor<'_>, closed: bool) -> Result<Option<Cursor<'_>>, TooShort> {
    if closed && matches!(cursor.peek()?, b' ' | b'>') {
        cursor.skip(&ATTRIBUTES, MAX_LEFT * 2)?;
        if !cursor.take(b'>')? {
            return Ok(None);
        }
    } else if cursor.peek()? != b'<'
        || !cursor.any_word(&[b"</key>", b"</name>", b"</th>", b"</td>", b"</dt>", b"</label>"])?
    {
        return Ok(None);
    }
    cursor.spaces(MAX_BLANKS)?;
    let opened = cursor.any_word(&[b"<string>", b"<value>", b"<td>", b"<dd>", b"<td><code>", b"<span>"])?;
    cursor.spaces(MAX_BLANKS)?;
    Ok(opened.then_some(cursor))
}

/// `Content-Disposition: form-data; name="password"`, an empty line and the value: a part of a form.
fn part<'a>(mut cursor: Cursor<'a>, name: &AssignedName) -> Result<Option<Cursor<'a>>, TooShort> {
    if !cursor.line_end()? {
        return Ok(None);
    }
    let head = &cursor.view.text[name.start.saturating_sub(MAX_HEAD)..name.start];
    if memchr::memmem::rfind(head, b"form-data").is_none_or(|at| head[at..].contains(&b'\n')) {
        return Ok(None);
    }
    cursor.spaces(MAX_BLANKS)?;
    Ok(Some(cursor))
}

/// `variable "db_password" { default = "x" }`
fn variable<'a>(mut cursor: Cursor<'a>, name: &AssignedName) -> Result<Option<Cursor<'a>>, TooShort> {
    if cursor.blanks(MAX_BLANKS)? > 1 || cursor.peek()? != b'{' {
        return Ok(None);
    }
    if memchr::memmem::find(before(&cursor, name), b"variable").is_none() {
        return Ok(None);
    }
    let from = cursor.at;
    while cursor.at - from < MAX_BODY && !matches!(cursor.peek()?, 0 | b'}') {
        if cursor.word(b"default")? {
            cursor.blanks(MAX_BLANKS)?;
            let assigned = cursor.take(b'=')?;
            cursor.blanks(MAX_BLANKS)?;
            return Ok(assigned.then_some(cursor));
        }
        cursor.at += 1;
    }
    Ok(None)
}

/// `token: |` and the value on the next line, deeper than the name.
pub(super) fn block<'a>(mut cursor: Cursor<'a>, name: &AssignedName) -> Result<Option<Cursor<'a>>, TooShort> {
    if !matches!(cursor.peek()?, b'|' | b'>') {
        return Ok(None);
    }
    cursor.at += 1;
    cursor.skip(&ByteSet::of(b"-+123456789"), 2)?;
    let lines = cursor.blanks(4)? < 4 && cursor.line_end()?;
    if !lines {
        return Ok(None);
    }
    let deeper = cursor.spaces(MAX_BLANKS)? > 1;
    Ok((deeper && WORD.has(cursor.peek()?) && name.end < cursor.at).then_some(cursor))
}
