//! What stands before a name and says more of its value: the other fields of a connection string, a user's name, a
//! section. Each looks at no more than a hundred-odd bytes to the left.

use super::name::AssignedName;
use super::written::{Operator, Value};
use crate::text::LEFT_CONTEXT;
use crate::text::cursor::is_line_start;

/// How far left of a name its neighbours are looked for.
const REACH: usize = 128;

/// What stands before the name; no farther from the value than a window's context reaches.
fn left<'a>(text: &'a [u8], name: &AssignedName, value: &Value) -> &'a [u8] {
    let from = name.start.saturating_sub(REACH).max(value.start.saturating_sub(LEFT_CONTEXT - 1));
    &text[from.min(name.start)..name.start]
}

fn before(text: &[u8], name: &AssignedName, value: &Value) -> Vec<u8> {
    left(text, name, value).to_ascii_lowercase()
}

fn has_any(text: &[u8], words: &[&[u8]]) -> bool {
    words.iter().any(|w| memchr::memmem::find(text, w).is_some())
}

/// `Server=h;User Id=u;Password=p;`, `host=h user=u password=p`: between its neighbours any value is the password.
pub(super) fn is_connection_string(text: &[u8], name: &AssignedName, value: &Value) -> bool {
    const SCHEMES: [&[u8]; 5] = [b"jdbc:", b"postgres", b"mysql:", b"amqp", b"redis:"];
    const FIELDS: [&[u8]; 11] = [
        b"server=",
        b"host=",
        b"source=",
        b"user id=",
        b"uid=",
        b"userid=",
        b"database=",
        b"catalog=",
        b"endpoint=",
        b"username=",
        b"user=",
    ];
    if value.quoted || value.operator != Operator::Equals {
        return false;
    }
    let raw = left(text, name, value);
    let line = raw.iter().rposition(|b| matches!(b, b'\n')).map_or(raw, |at| &raw[at + 1..]);
    if memchr::memchr(b'=', line).is_none() {
        return !value.spaced && has_field_after(text, value, &FIELDS);
    }
    let lower = line.to_ascii_lowercase();
    if matches!(line.last(), Some(b'?' | b'&')) && has_any(&lower, &SCHEMES) {
        return true;
    }
    if value.spaced {
        // `"User ID=u; " & "Password =p;Initial Catalog=d"`
        return has_field_after(text, value, &FIELDS);
    }
    if memchr::memchr(b';', line).is_some() {
        return has_any(&lower, &FIELDS);
    }
    // The fields of libpq stand apart by single blanks.
    let fields = [&b"host="[..], b"user=", b"dbname=", b"port=", b"hostaddr="];
    let tail = &lower[memchr::memrchr(b',', &lower).map_or(0, |at| at + 1)..];
    let several = fields.iter().filter(|f| memchr::memmem::find(tail, f).is_some()).count() > 1;
    several && tail.last() == Some(&b' ')
}

/// Whether another field stands right behind the value. What follows a long value may be out of sight.
fn has_field_after(text: &[u8], value: &Value, fields: &[&[u8]]) -> bool {
    if value.end - value.start > REACH {
        return false;
    }
    let after = text[value.end..].iter().take(24).map(u8::to_ascii_lowercase).collect::<Vec<_>>();
    after.first() == Some(&b';') && has_any(&after, fields)
}

/// `APP_PASS=word`: in an environment file.
pub(super) fn is_environment(text: &[u8], name: &AssignedName, value: &Value) -> bool {
    let word = &text[name.start..name.end];
    let long = name.keyword.len() >= 6 && value.alone;
    let upper = (word.contains(&b'_') || long)
        && word.iter().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || *b == b'_');
    !value.quoted && !value.spaced && value.operator == Operator::Equals && upper
}

/// What a line is that holds nothing but a name, an operator and a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LineForm {
    /// `name: value`
    Colon,
    /// `name=value`, from the line's first byte on.
    Setting,
}

/// What kind of line the name and its value fill.
pub(super) fn line(text: &[u8], name: &AssignedName, value: &Value) -> Option<LineForm> {
    if !value.alone {
        return None;
    }
    let before = left(text, name, value);
    let blanks = before.iter().rev().take_while(|b| **b == b' ').count();
    if blanks == before.len().min(REACH) && blanks > 0 || !is_line_start(text, name.start - blanks) {
        return None;
    }
    match value.operator {
        Operator::Equals if !value.spaced && blanks == 0 => Some(LineForm::Setting),
        Operator::Colon => Some(LineForm::Colon),
        _ => None,
    }
}

/// `"password":`: a name between quotes, as in JSON.
pub(super) fn is_quoted_name(text: &[u8], name: &AssignedName) -> bool {
    name.start > 0
        && matches!(text[name.start - 1], b'"' | b'\'')
        && matches!(text.get(name.end), Some(b'"' | b'\'' | b'\\'))
}

/// A user's name in the lines before: what follows is the password to it.
pub(super) fn is_beside_user(text: &[u8], name: &AssignedName, value: &Value) -> bool {
    has_any(&before(text, name, value), &[b"user", b"login", b"email", b"account"])
}

/// `user = "anonymous"`: anybody's account, whose password is no secret.
pub(super) fn is_anonymous(text: &[u8], name: &AssignedName, value: &Value) -> bool {
    has_any(&before(text, name, value), &[b"anonymous"])
}

/// `credentials { username 'u' password 'p' }`: in this block even a word that only says what it is stands for itself.
pub(super) fn is_credentials_block(text: &[u8], name: &AssignedName, value: &Value) -> bool {
    let before = before(text, name, value);
    value.quoted
        && memchr::memmem::rfind(&before, b"credentials").is_some_and(|at| before[at..].contains(&b'{'))
}

/// `badge.svg?token=`: tokens of pictures that everybody may see.
pub(super) fn is_public(text: &[u8], name: &AssignedName, value: &Value) -> bool {
    has_any(left(text, name, value), &[b"badge", b"codecov", b"shields.io"])
}
