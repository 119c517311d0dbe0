//! Values that stand in for a variable that is not set: `os.getenv("X") or "…"`, `${X:-…}`, `{{ x | default("…") }}`.

use super::quotes::opening_quote;
use super::written::{MAX_BLANKS, Operator};
use crate::bytes::WORD;
use crate::text::cursor::Cursor;
use crate::text::{Span, TooShort};

/// How far behind the beginning of an expression its fallback may stand, in bytes.
const REACH: usize = 120;

/// What reads a variable of the environment or a setting. Their second argument is a fallback, too.
const READERS: [&[u8]; 17] = [
    b"os.environ",
    b"os.getenv",
    b"process.env",
    b"getenv",
    b"env(",
    b"env::",
    b"std::env",
    b"system.get",
    b"env[",
    b"env.fetch",
    b"config(",
    b"config.get",
    b"sys.env",
    b"environment.get",
    b"processinfo",
    b"string.fromenvironment",
    b"scala.util.properties.env",
];

/// What stands between an expression and the value that replaces it.
const OPERATORS: [&[u8]; 11] = [
    b"||",
    b" or ",
    b"??",
    b"?:",
    b".unwrap_or(",
    b".unwrap_or_else(||",
    b".unwrap_or_else(|_|",
    b".getorelse(",
    b".orelse(",
    b".ordefault(",
    b".presence ||",
];

/// What a fallback is put into.
const WRAPPERS: [&[u8]; 3] = [b"string::from(", b"secretstring::from(", b"some("];

/// The place of the fallback in the expression at the cursor.
pub(super) fn value_place(cursor: Cursor<'_>) -> Result<Option<Cursor<'_>>, TooShort> {
    if cursor.peek()? == b'{' && cursor.look(1)? == b'{' {
        return template(cursor);
    }
    let reads = cursor.clone().any_word(&READERS)?;
    if !reads && !is_identifier_start(cursor.peek()?) {
        return Ok(None);
    }
    let mut ahead = cursor;
    let mut depth = 0;
    for _ in 0..REACH {
        let byte = ahead.peek()?;
        if ahead.line_end()? || matches!(byte, b';' | b'{' | b'}') && !(reads && byte == b'{') {
            return Ok(None);
        }
        let mut after = ahead;
        // The rarest test first: most bytes begin no operator. Without a reader a blank must stand before it, or it is a part
        // of a value: `Xq7A??"b`.
        let may_begin = match byte {
            b' ' | b'\t' => true,
            b'\\' | b'|' | b'?' | b'.' | b',' | b'{' => reads,
            _ => false,
        };
        let taken = may_begin && (operator(&mut after)? || (reads && argument(&mut after, depth)?));
        if taken {
            after.blanks(MAX_BLANKS)?;
            after.any_word(&WRAPPERS)?;
            if opening_quote(&mut after.clone())?.is_some() {
                return Ok(Some(after));
            }
        }
        // Without a reader only a name or a member may stand before the operator, not a sentence.
        if !reads && !is_expression(byte) {
            return Ok(None);
        }
        match byte {
            b'(' | b'[' => depth += 1,
            b')' | b']' => depth -= 1,
            _ => {}
        }
        // What closes the call around the assignment ends the expression.
        if depth < 0 {
            return Ok(None);
        }
        ahead.at += 1;
    }
    Ok(None)
}

fn is_identifier_start(byte: u8) -> bool {
    byte.is_ascii_alphabetic() || matches!(byte, b'$' | b'@' | b'_')
}

/// What members, indexes and the operators behind them are written with.
fn is_expression(byte: u8) -> bool {
    WORD.has(byte) || b".$@[]:'\"?()>-".contains(&byte)
}

/// Takes an operator in front of a fallback.
fn operator(cursor: &mut Cursor<'_>) -> Result<bool, TooShort> {
    let mut blanks = *cursor;
    let several = blanks.blanks(MAX_BLANKS)? > 0;
    if several && blanks.any_word(&OPERATORS)? {
        *cursor = blanks;
        return Ok(true);
    }
    cursor.any_word(&OPERATORS)
}

/// Takes what stands before the fallback among a reader's arguments, or before that in a block.
fn argument(cursor: &mut Cursor<'_>, depth: i32) -> Result<bool, TooShort> {
    const NAMED: [&[u8]; 3] = [b"defaultvalue:", b"default=", b"default:"];
    if depth == 0 && cursor.take(b'{')? {
        return Ok(true);
    }
    if depth < 1 || !cursor.take(b',')? {
        return Ok(false);
    }
    cursor.blanks(MAX_BLANKS)?;
    cursor.any_word(&NAMED)?;
    Ok(true)
}

/// `{{ x | default('…') }}`, `{{ default "…" .Values.x }}`: the place of the default.
fn template(cursor: Cursor<'_>) -> Result<Option<Cursor<'_>>, TooShort> {
    let mut ahead = cursor;
    for _ in 0..REACH {
        if ahead.line_end()? || ahead.peek()? == b'}' {
            return Ok(None);
        }
        let mut after = ahead;
        if matches!(ahead.peek()?, b' ' | b'|' | b'(') {
            after.at += 1;
            if after.word(b"default")? {
                after.blanks(MAX_BLANKS)?;
                after.take(b'(')?;
                after.blanks(MAX_BLANKS)?;
                if opening_quote(&mut after.clone())?.is_some() {
                    return Ok(Some(after));
                }
            }
        }
        ahead.at += 1;
    }
    Ok(None)
}

/// Takes what ties a fallback to the name of a variable that is read, `getenv("X") ?: "…"`: the name stands between quotes,
/// and what closes its call was skipped.
pub(super) fn behind_variable(cursor: &mut Cursor<'_>) -> Result<Option<Operator>, TooShort> {
    let mut ahead = *cursor;
    // The sign of `?:` was taken for one of a type.
    let closed = ahead.word(b": ")? && cursor.view.text[cursor.at - 1] == b'?';
    if !closed {
        ahead = *cursor;
        if !(operator(&mut ahead)? || ahead.word(b"{ ")? || ahead.word(b"or ")?) {
            return Ok(None);
        }
    }
    ahead.blanks(MAX_BLANKS)?;
    ahead.any_word(&WRAPPERS)?;
    if opening_quote(&mut ahead.clone())?.is_none() {
        return Ok(None);
    }
    *cursor = ahead;
    Ok(Some(Operator::Equals))
}

/// `${DB_X:-…}`: the extent of the fallback of a shell's variable.
pub(super) fn of_shell(cursor: Cursor<'_>) -> Result<Option<Span>, TooShort> {
    let mut ahead = cursor;
    if !(ahead.take(b'$')? && ahead.take(b'{')?) || ahead.skip(&WORD, 64)? == 0 {
        return Ok(None);
    }
    if !ahead.take(b':')? {
        return Ok(None);
    }
    if !matches!(ahead.peek()?, b'-' | b'=') {
        return Ok(None);
    }
    ahead.at += 1;
    let quote = matches!(ahead.peek()?, b'"' | b'\'');
    ahead.at += usize::from(quote);
    let start = ahead.at;
    while ahead.at - start < REACH {
        match ahead.peek()? {
            0 | b'\n' | b'$' | b' ' | b'"' | b'\'' | b'`' if !quote => return Ok(None),
            b'"' | b'\'' if quote => break,
            0 | b'\n' | b'$' => return Ok(None),
            b'}' => break,
            _ => ahead.at += 1,
        }
    }
    Ok((ahead.at > start && ahead.at - start < REACH).then_some(Span::new(start, ahead.at)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::TextView;

    fn place(text: &str) -> Option<&str> {
        let view = TextView { text: text.as_bytes(), last: true };
        value_place(Cursor::new(view, 0)).unwrap().map(|found| &text[found.at..])
    }

    #[test]
    fn fallbacks_stand_behind_what_reads_a_variable() {
        for text in [
            "os.getenv('X', 'v'",
            "os.environ.get('X') or 'v'",
            "process.env.X ?? 'v'",
            "System.getenv(\"X\") ?: 'v'",
            "env::var(\"X\").unwrap_or('v'",
            "env::var(\"X\").unwrap_or_else(|_| 'v'",
            "ENV.fetch('X') { 'v'",
            "String.fromEnvironment('X', defaultValue: 'v'",
            "ProcessInfo.processInfo.environment[\"X\"] ?? 'v'",
            "options.a || 'v'",
            "params[:a] || 'v'",
            "$config['a'] ?? 'v'",
            "{{ x | default('v'",
            "{{ x | default 'v'",
            "{{- default 'v'",
        ] {
            assert_eq!(place(text).map(|rest| &rest[..3]), Some("'v'"), "{text}");
        }
    }

    #[test]
    fn other_expressions_have_none() {
        for text in [
            "os.getenv('X')",
            "a == b || 'v'",
            "this or that or 'v'",
            "call(a, 'v')",
            "a, 'v'",
            "{{ x }} default 'v'",
            "'v' || 'w'",
            "a) || 'v'",
            "Xq7A?.\"v\"",
            "Xq7A||'v'",
        ] {
            assert_eq!(place(text), None, "{text}");
        }
    }

    #[test]
    fn a_shell_has_fallbacks_too() {
        let of = |text: &str| {
            let view = TextView { text: text.as_bytes(), last: true };
            of_shell(Cursor::new(view, 0)).unwrap().map(|span| text[span.range()].to_owned())
        };
        assert_eq!(of("${X:-v1}"), Some("v1".to_owned()));
        assert_eq!(of("${X:=\"v1\"}"), Some("v1".to_owned()));
        for text in ["${X}", "${X:?v1}", "${X:-$Y}", "${X:-a b}", "$X:-v1"] {
            assert_eq!(of(text), None, "{text}");
        }
    }
}
