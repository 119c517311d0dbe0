//! Operators that are words or nothing at all: `the password is x`, `--token x`, `PASSWORD 'x'`.

use super::name::AssignedName;
use super::read;
use super::read::typed;
use super::written::{MAX_BLANKS, MAX_WORD, Operator};
use crate::bytes::{ALNUM, ByteSet, WORD};
use crate::rule::Strength;
use crate::text::cursor::Cursor;
use crate::text::{Span, TooShort};

/// How far behind a name the verb of its sentence may stand: `the password for user 'x' is y`.
const MAX_CLAUSE: usize = 48;

const OPTION: ByteSet = WORD.union(ByteSet::of(b"-"));

/// `is` in the languages whose words for passwords are keywords.
const VERBS: [&[u8]; 16] = [
    b"will be ",
    b"changed to ",
    b"set to ",
    b"to be ",
    b"\xc3\xa4r ",
    b"is ",
    b"are ",
    b"was ",
    b"as ",
    b"is: ",
    b"ist ",
    b"lautet ",
    b"est ",
    b"es ",
    b"\xc3\xa9 ",
    b"\xc3\xa8 ",
];

/// Finds the operator of a name that is followed by blanks; `closed` when a quote closed the name.
pub(super) fn operator(
    cursor: &mut Cursor<'_>,
    name: &AssignedName,
    closed: bool,
) -> Result<Option<Operator>, TooShort> {
    let text = cursor.view.text;
    let mut ahead = *cursor;
    // `password As String = "x"`
    if ahead.word(b"as ")?
        && let Some(operator) = typed(&mut ahead)?
    {
        *cursor = ahead;
        return Ok(Some(operator));
    }
    let mut ahead = *cursor;
    if ahead.any_word(&VERBS)? || (ahead.word(b"to ")? && is_changed(text, name)) {
        *cursor = ahead;
        let is_assignment = (name.strength != Strength::Weak && !is_verb(text, name)) || name.loose;
        return Ok(is_assignment.then_some(Operator::Prose));
    }
    // `pwd - x`
    if ahead.word(b"- ")?
        || ahead.word(b"\xe2\x80\x93 ")?
        || ahead.word(b"\xe2\x80\x94 ")?
        || ahead.word(b"-> ")?
    {
        *cursor = ahead;
        return Ok((name.strength == Strength::Password && !closed).then_some(Operator::Prose));
    }
    let option = name.start < name.end && text[name.start] == b'-';
    if !closed && read::opening_quote(&mut cursor.clone())?.is_some() {
        let direct =
            name.strength == Strength::Password && !is_verb(text, name) && !has_no_account(text, name);
        let defined = is_introduced(text, name) || has_word_before(text, name.start, b"#define ");
        return Ok((option || direct || name.loose || defined).then_some(Operator::Space));
    }
    if closed {
        return Ok(None);
    }
    let ends_with = |tail: &[u8]| {
        let word = &text[name.keyword.start..name.end];
        word.len() >= tail.len() && word[word.len() - tail.len()..].eq_ignore_ascii_case(tail)
    };
    if ends_with(b"securestring") {
        skip_options(cursor)?;
        return Ok(Some(Operator::Space));
    }
    if option
        || (ends_with(b" by") && !has_no_account(text, name))
        || is_introduced(text, name)
        || is_announced(cursor, name)?
    {
        return Ok(Some(Operator::Space));
    }
    if let Some(operator) = typed(cursor)? {
        return Ok(Some(operator));
    }
    if clause(cursor, name)? || apposition(cursor, name)? {
        return Ok(Some(Operator::Prose));
    }
    Ok(None)
}

/// `ENV NAME x`, `setx NAME x`, `configure set name x`, `#define NAME x`: commands that take a name and a value.
fn is_introduced(text: &[u8], name: &AssignedName) -> bool {
    const HEADS: [&[u8]; 9] = [
        b"env ",
        b"setx ",
        b"configure set ",
        b"config set ",
        b"setenv ",
        b"set -gx ",
        b"set $",
        b"proxy_set_header ",
        b"requestheader set ",
    ];
    HEADS.iter().any(|h| has_word_before(text, name.start, h))
}

fn has_word_before(text: &[u8], at: usize, word: &[u8]) -> bool {
    text[at.saturating_sub(word.len())..at].eq_ignore_ascii_case(word)
}

/// `set the password to x`
fn is_changed(text: &[u8], name: &AssignedName) -> bool {
    let before = text[name.start.saturating_sub(24)..name.start].to_ascii_lowercase();
    [&b"set "[..], b"change ", b"changed "].iter().any(|w| memchr::memmem::find(&before, w).is_some())
}

/// `pass "x"` is a verb more often than a password.
pub(super) fn is_verb(text: &[u8], name: &AssignedName) -> bool {
    let Span { start, end } = name.keyword;
    let alone = start == name.start || text[start - 1] == b'.';
    alone && end == name.end && matches!(&text[start..end], b"pass" | b"Pass")
}

/// `problems identified by x`: nobody's account is in sight.
fn has_no_account(text: &[u8], name: &AssignedName) -> bool {
    if !text[name.keyword].eq_ignore_ascii_case(b"identified by") {
        return false;
    }
    let before = text[name.start.saturating_sub(128)..name.start].to_ascii_lowercase();
    ![&b"user "[..], b"grant ", b"role "].iter().any(|w| memchr::memmem::find(&before, w).is_some())
}

/// `login joe password x`, `WITH LOGIN PASSWORD x`, `requirepass x`: words that say that a password follows.
fn is_announced(cursor: &Cursor<'_>, name: &AssignedName) -> Result<bool, TooShort> {
    const NAMES: [&[u8]; 5] = [b"requirepass", b"masterauth", b"storepassword", b"keypassword", b"storepass"];
    if name.strength != Strength::Password {
        return Ok(false);
    }
    let text = cursor.view.text;
    let mut ahead = *cursor;
    ahead.skip(&ALNUM, MAX_WORD)?;
    let digits = text[cursor.at..ahead.at].iter().any(u8::is_ascii_digit);
    if ahead.at == cursor.at || !(digits || ahead.peek()?.is_ascii_punctuation()) {
        return Ok(false);
    }
    if NAMES.iter().any(|n| text[name.start..name.end].eq_ignore_ascii_case(n)) {
        return Ok(true);
    }
    let before = text[name.start.saturating_sub(96)..name.start].to_ascii_lowercase();
    Ok([&b"login "[..], b"machine ", b" with "].iter().any(|w| memchr::memmem::find(&before, w).is_some()))
}

/// `ConvertTo-SecureString -AsPlainText -Force x`: the options before the value.
fn skip_options(cursor: &mut Cursor<'_>) -> Result<(), TooShort> {
    for _ in 0..3 {
        if cursor.peek()? != b'-' {
            break;
        }
        cursor.skip(&OPTION, MAX_WORD)?;
        cursor.blanks(MAX_BLANKS)?;
    }
    Ok(())
}

/// `password for user 'x' is y`, `password to proceed:` and the password in a line of its own: moves to the value.
fn clause(cursor: &mut Cursor<'_>, name: &AssignedName) -> Result<bool, TooShort> {
    if name.strength == Strength::Weak {
        return Ok(false);
    }
    let mut ahead = *cursor;
    let first =
        ahead.any_word(&[b"for ", b"of ", b"to ", b"on ", b"f\xc3\xbcr ", b"below", b"de ", b"pour "])?;
    if !first {
        return Ok(false);
    }
    let from = ahead.at;
    while ahead.at - from < MAX_CLAUSE {
        let byte = ahead.peek()?;
        if byte == b':' {
            ahead.at += 1;
            ahead.blanks(MAX_BLANKS)?;
            let line = ahead.line_end()?;
            ahead.spaces(MAX_BLANKS)?;
            *cursor = ahead;
            return Ok(line);
        }
        if matches!(byte, 0 | b'.' | b',' | b';' | b'=' | b'(' | b'{') || ahead.line_end()? {
            return Ok(false);
        }
        ahead.at += 1;
        if byte == b' ' && ahead.any_word(&VERBS)? {
            *cursor = ahead;
            return Ok(true);
        }
    }
    Ok(false)
}

/// `use this API key zP4kQ8rT2vW6`: a value right behind the name, which must look like nothing else.
fn is_named_before(text: &[u8], name: &AssignedName) -> bool {
    const WORDS: [&[u8]; 5] = [b" the ", b"with ", b"using ", b"and ", b"default "];
    WORDS.iter().any(|w| has_word_before(text, name.start, w))
}

fn apposition(cursor: &Cursor<'_>, name: &AssignedName) -> Result<bool, TooShort> {
    let text = cursor.view.text;
    let password = name.strength == Strength::Password && is_named_before(text, name);
    if !(name.strength == Strength::Secret || password)
        || name.end != name.keyword.end
        || text[name.start..name.end].contains(&b'_')
    {
        return Ok(false);
    }
    let mut ahead = *cursor;
    let run = ahead.skip(&OPTION, 64)?;
    let word = &text[cursor.at..ahead.at];
    let digits = word.iter().filter(|b| b.is_ascii_digit()).count();
    if password {
        let cases = word.iter().any(u8::is_ascii_uppercase) && word.iter().any(u8::is_ascii_lowercase);
        let ends = matches!(ahead.peek()?, 0 | b' ' | b'\n' | b'\r' | b',' | b'.' | b'\\' | b'"');
        return Ok(run >= 8 && digits >= 2 && cases && ends);
    }
    Ok(run >= 16
        && digits >= 3
        && matches!(ahead.peek()?, 0 | b' ' | b'\n' | b'\r' | b',' | b'.' | b'\\' | b'"'))
}
