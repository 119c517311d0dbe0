//! Files of settings: whether a line `password = word` stands in one, which makes of a word a password.
//!
//! Recognised by what stands above the line: a `[section]`, the line of a user, other settings, the head of a YAML
//! block. It looks no farther left than a window's context reaches, and sees line ends in every writing.

use super::name::AssignedName;
use super::written::{Operator, Value};
use crate::finding::Confidence;
use crate::plausibility::words::USERS;
use crate::text::LEFT_CONTEXT;

/// How far left of a name the settings around it are looked for, in bytes.
const REACH: usize = 200;
/// How many lines above are looked at.
const MAX_LINES: usize = 8;

/// How sure it is that the line of a name and its value is one of settings. Below a section's head nothing else stands;
/// lines of code look like other settings, too. `is_joined` words between blanks are no variable's name.
pub(super) fn settings(
    text: &[u8],
    name: &AssignedName,
    value: &Value,
    is_joined: bool,
) -> Option<Confidence> {
    let separator = match value.operator {
        Operator::Equals => b'=',
        Operator::Colon => b':',
        _ => return None,
    };
    if !value.alone {
        return None;
    }
    let from = name.start.saturating_sub(REACH).max(value.start.saturating_sub(LEFT_CONTEXT - 1));
    let above = unescaped(&text[from.min(name.start)..name.start]);
    let mut lines = above.rsplit(|b| *b == b'\n');
    let indent = lines.next().unwrap_or_default();
    let whole = indent.len() < name.start - from || from == 0;
    if !whole || indent.iter().any(|b| !matches!(b, b' ' | b'\t')) {
        return None;
    }
    let mut found = None;
    let mut users = false;
    for line in lines.map(<[u8]>::trim_ascii).filter(|l| !l.is_empty() && !is_comment(l)).take(MAX_LINES) {
        if separator == b'=' && line.starts_with(b"[") && line.ends_with(b"]") && !is_code(line) {
            return Some(Confidence::Medium);
        }
        let Some(key) = entry(line, separator) else { break };
        let user = USERS.iter().any(|u| memchr::memmem::find(&key, u).is_some());
        match separator {
            // `smtp:` heads the lines of YAML below it.
            b':' if line.ends_with(b":") => return users.then_some(Confidence::Low),
            b':' => users |= user,
            _ if user && (is_joined || !value.spaced) => found = Some(Confidence::Medium),
            _ if user || indent.is_empty() => found = found.max(Some(Confidence::Low)),
            _ => {}
        }
    }
    found
}

/// The text with the line ends and tabs that escapes stand for.
fn unescaped(text: &[u8]) -> Vec<u8> {
    let mut plain = Vec::with_capacity(text.len());
    let mut at = 0;
    while at < text.len() {
        let run = text[at..].iter().take_while(|b| **b == b'\\').count();
        match text.get(at + run) {
            Some(b'n' | b'r') if run > 0 => plain.push(b'\n'),
            Some(b't') if run > 0 => plain.push(b'\t'),
            Some(byte) => plain.push(if *byte == b'\r' { b'\n' } else { *byte }),
            None => break,
        }
        at += run + 1;
    }
    plain
}

fn is_comment(line: &[u8]) -> bool {
    matches!(line[0], b'#' | b';' | b'!') || line.starts_with(b"//")
}

/// What settings do without.
fn is_code(line: &[u8]) -> bool {
    line.iter().any(|b| matches!(b, b'(' | b')' | b'{' | b'}' | b';' | b'"' | b'`'))
}

/// The key of a line `key = value`, in lower case.
fn entry(line: &[u8], separator: u8) -> Option<Vec<u8>> {
    let line = line.strip_prefix(b"- ").unwrap_or(line);
    let key = line[..memchr::memchr(separator, line)?].trim_ascii();
    let named = !key.is_empty() && key.iter().all(|b| b.is_ascii_alphanumeric() || b"_-.".contains(b));
    (named && !is_code(line) && line.last() != Some(&b',')).then(|| key.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_seen_in_every_writing() {
        assert_eq!(unescaped(b"a\\nb\\\\tc\r\nd\\"), b"a\nb\tc\n\nd");
    }

    #[test]
    fn entries_are_no_code() {
        assert_eq!(entry(b"Db.Host = h", b'=').as_deref(), Some(&b"db.host"[..]));
        for line in ["call(x) = y", "a = f(x)", "a, b = c", "a = b,", "= b", "a"] {
            assert_eq!(entry(line.as_bytes(), b'='), None, "{line}");
        }
    }
}
