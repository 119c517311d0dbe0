//! Operators that are words or nothing at all: `the password is x`, `--token x`, `PASSWORD 'x'`.

use super::name::AssignedName;
use super::quotes;
use super::read::typed;
use super::written::{MAX_BLANKS, MAX_WORD, Operator};
use crate::bytes::{ALNUM, ByteSet, WORD};
use crate::rule::Strength;
use crate::text::cursor::{Cursor, is_line_start};
use crate::text::{Span, TooShort};

/// How far behind a name the verb of its sentence may stand: `the password for user 'x' is y`.
const MAX_CLAUSE: usize = 96;
/// How far before a name a value may stand, with what is between.
const MAX_LEFT: usize = 96;

/// What says for whom or what a password is.
const HEADS: [&[u8]; 28] = [
    b"for ",
    b"of ",
    b"to ",
    b"on ",
    b"f\xc3\xbcr ",
    b"below",
    b"de ",
    b"pour ",
    b"du ",
    b"des ",
    b"del ",
    b"della ",
    b"dello ",
    b"di ",
    b"do ",
    b"da ",
    b"dla ",
    b"van ",
    b"voor ",
    b"par ",
    b"para ",
    b"der ",
    b"vom ",
    b"zum ",
    b"zur ",
    "от ".as_bytes(),
    "для ".as_bytes(),
    "к ".as_bytes(),
];

const OPTION: ByteSet = WORD.union(ByteSet::of(b"-"));
/// What a value is made of that is named without a verb.
const NAMED: ByteSet = WORD.union(ByteSet::of(b"!@#$%^&*+=?~-"));

/// `is` in the languages whose words for passwords are keywords, each with the blank behind it.
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
/// Those of languages whose words for passwords are no English ones; `to` is Polish.
const FOREIGN_VERBS: [&[u8]; 6] =
    [b"este ", b"to ", b"adalah ", b"ialah ", "είναι ".as_bytes(), "это ".as_bytes()];
/// What may stand behind a verb before the value: `was changed from x`, `is now x`.
const PARTICIPLES: [&[u8]; 8] = [
    b"changed from ",
    b"changed to ",
    b"reset to ",
    b"set to ",
    b"now ",
    b"still ",
    b"currently ",
    b"again ",
];
/// What a machine does with passwords, before it says for whom, and a colon.
const MADE: [&[u8]; 4] = [b"generated", b"created", b"reset", b"assigned"];

/// Words for passwords in other languages than English, behind which a value may stand without a verb.
const FOREIGN: [&[u8]; 19] = [
    b"passwort",
    b"kennwort",
    b"contrasena",
    b"mot de passe",
    b"senha",
    b"parola",
    b"parola d'ordine",
    b"wachtwoord",
    b"haslo",
    b"heslo",
    b"adgangskode",
    b"salasana",
    b"mdp",
    b"kata sandi",
    b"clave",
    b"passord",
    b"parole",
    b"geslo",
    b"parool",
];

fn is_foreign(text: &[u8], name: &AssignedName) -> bool {
    let keyword = &text[name.keyword];
    !keyword.is_ascii() || FOREIGN.iter().any(|word| keyword.eq_ignore_ascii_case(word))
}

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
    if ahead.any_word(&VERBS)?
        || (is_foreign(text, name) && ahead.any_word(&FOREIGN_VERBS)?)
        || (ahead.word(b"to ")? && is_changed(text, name))
    {
        // `tests pass to x`, but `the pass is x`.
        let says = cursor.clone().any_word(&[b"is ", b"was "])?;
        ahead.any_word(&PARTICIPLES)?;
        made(&mut ahead)?;
        *cursor = ahead;
        let is_assignment = (name.strength != Strength::Weak && (says || !is_verb(text, name))) || name.loose;
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
    if !closed && quotes::opening_quote(&mut cursor.clone())?.is_some() {
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
    if apposition(cursor, name)? || clause(cursor, name)? {
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

/// Whether a value could be a word, a name or an address: with few signs and digits.
pub(super) fn is_word(value: &[u8]) -> bool {
    let count = |test: fn(&u8) -> bool| value.iter().filter(|byte| test(byte)).count();
    let signs = value.iter().filter(|byte| b"!@#$%^&*+=?~".contains(byte)).count();
    // `curle_weird_227_format`
    let is_name = value.contains(&b'_')
        && value.iter().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || *byte == b'_');
    is_name || value.len() < 8 || count(u8::is_ascii_alphabetic) < 2 || count(u8::is_ascii_digit) + signs < 2
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
    let has_any = |words: &[&[u8]]| words.iter().any(|word| memchr::memmem::find(&before, word).is_some());
    // The lines of a device's console, and what an FTP client says.
    let is_line = is_line_start(text, name.start) || before.ends_with(b"\n ") || before.ends_with(b"\\n ");
    Ok(has_any(&[b"login ", b"machine ", b" with "])
        || (is_line && has_any(&[b"line vty", b"line con", b"line aux"]))
        || (is_line && &text[name.start..name.end] == b"PASS" && has_any(&[b"user "])))
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
    let is_foreign = is_foreign(cursor.view.text, name);
    if !ahead.any_word(&HEADS)? && !is_foreign {
        return Ok(false);
    }
    let from = ahead.at;
    let mut depth = 0;
    while ahead.at - from < MAX_CLAUSE {
        let byte = ahead.peek()?;
        match byte {
            b'(' => depth += 1,
            b')' if depth > 0 => depth -= 1,
            _ => {}
        }
        if byte == b':' && depth == 0 {
            ahead.at += 1;
            if ahead.blanks(MAX_BLANKS)? == 0 && !ahead.line_end()? {
                return Ok(false);
            }
            ahead.spaces(MAX_BLANKS)?;
            *cursor = ahead;
            return Ok(true);
        }
        let ends = matches!(byte, 0 | b'.' | b',' | b';' | b'=' | b'{') && depth == 0;
        if ends || ahead.line_end()? {
            return Ok(false);
        }
        ahead.at += 1;
        let follows = byte == b' ' && depth == 0;
        if follows && (ahead.any_word(&VERBS)? || (is_foreign && ahead.any_word(&FOREIGN_VERBS)?)) {
            ahead.any_word(&PARTICIPLES)?;
            *cursor = ahead;
            return Ok(true);
        }
    }
    Ok(false)
}

/// `is generated for root@localhost: x`: moves to the value.
fn made(cursor: &mut Cursor<'_>) -> Result<(), TooShort> {
    let mut ahead = *cursor;
    if !ahead.any_word(&MADE)? {
        return Ok(());
    }
    for _ in 0..MAX_CLAUSE {
        let byte = ahead.peek()?;
        if matches!(byte, 0 | b'.' | b',' | b';' | b'"') || ahead.line_end()? {
            return Ok(());
        }
        ahead.at += 1;
        if byte == b':' && ahead.blanks(MAX_BLANKS)? > 0 {
            *cursor = ahead;
            return Ok(());
        }
    }
    Ok(())
}

/// `use x as the password`, `mit x als Passwort`: where the value stands. It must look like nothing else.
pub(super) fn value_before(text: &[u8], name: &AssignedName) -> Option<Span> {
    const TIES: [&[u8]; 13] = [
        b" as the new ",
        b" as the root ",
        b" as my ",
        b" as our ",
        b" as the ",
        b" as a ",
        b" as your ",
        b" as new ",
        b" as ",
        b" for the ",
        b" als ",
        b" als das ",
        b" comme ",
    ];
    const LAST: [&[u8]; 11] =
        [b"as", b"the", b"new", b"root", b"my", b"our", b"your", b"a", b"als", b"das", b"comme"];
    if name.strength != Strength::Password || name.start != name.keyword.start {
        return None;
    }
    let word = text[name.start.saturating_sub(7)..name.start].strip_suffix(b" ")?;
    let word = &word[word.iter().rposition(|byte| *byte == b' ')? + 1..];
    if !LAST.contains(&word) {
        return None;
    }
    let near = &text[name.start.saturating_sub(MAX_LEFT)..name.start];
    // `use bcrypt12 as the password hash`
    let behind = &text[name.end..text.len().min(name.end + 5)];
    if [&b" hash"[..], b" algo", b" sche", b" mana", b" fiel"]
        .iter()
        .any(|word| behind.eq_ignore_ascii_case(word))
    {
        return None;
    }
    let tie = TIES
        .iter()
        .find(|tie| near.len() >= tie.len() && near[near.len() - tie.len()..].eq_ignore_ascii_case(tie))?;
    let before = &near[..near.len() - tie.len()];
    let quote = |byte: &u8| matches!(byte, b'"' | b'\'' | b'`');
    let end = before.iter().rposition(|byte| !quote(byte)).map_or(0, |last| last + 1);
    let start =
        before[..end].iter().rposition(|byte| quote(byte) || matches!(byte, b' ' | b'\n' | b'\t'))? + 1;
    let word = &before[start..end];
    let lower = before[..start].to_ascii_lowercase();
    let lower = lower.trim_ascii_end().strip_suffix(b"`").unwrap_or(lower.trim_ascii_end()).trim_ascii_end();
    let is_used =
        [&b"use"[..], b"using", b"enter", b"type", b"set", b"with", b"put", b"try", b"took", b"nimm", b"mit"]
            .iter()
            .any(|verb| lower.ends_with(verb));
    let from = name.start - near.len();
    (is_used && !is_word(word)).then_some(Span::new(from + start, from + end))
}

/// `use this API key zP4kQ8rT2vW6`: a value right behind the name, which must look like nothing else.
fn is_named_before(text: &[u8], name: &AssignedName) -> bool {
    const WORDS: [&[u8]; 5] = [b" the ", b"with ", b"using ", b"and ", b"default "];
    WORDS.iter().any(|w| has_word_before(text, name.start, w))
}

fn apposition(cursor: &Cursor<'_>, name: &AssignedName) -> Result<bool, TooShort> {
    let text = cursor.view.text;
    let foreign = name.strength == Strength::Password && is_foreign(text, name);
    let password = foreign || (name.strength == Strength::Password && is_named_before(text, name));
    if !(name.strength == Strength::Secret || password)
        || name.end != name.keyword.end
        || text[name.start..name.end].contains(&b'_')
    {
        return Ok(false);
    }
    let mut ahead = *cursor;
    let run = ahead.skip(if foreign { &NAMED } else { &OPTION }, 64)?;
    let word = &text[cursor.at..ahead.at];
    let digits = word.iter().filter(|b| b.is_ascii_digit()).count();
    if password {
        let cases = word.iter().any(u8::is_ascii_uppercase) && word.iter().any(u8::is_ascii_lowercase);
        let ends = matches!(ahead.peek()?, 0 | b' ' | b'\n' | b'\r' | b',' | b'.' | b'\\' | b'"');
        return Ok(run >= 8 && digits >= 2 && (cases || foreign) && ends);
    }
    Ok(run >= 16
        && digits >= 3
        && matches!(ahead.peek()?, 0 | b' ' | b'\n' | b'\r' | b',' | b'.' | b'\\' | b'"'))
}
