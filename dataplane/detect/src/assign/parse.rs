//! From a name to its value: operators, quotes and the many notations of assignments, each step bounded.

use super::TooShort;
use super::name::{Name, Strength};
use crate::byteset::{ALNUM, BLANK, ByteSet, SPACE, WORD};
use crate::scanner::View;

/// The longest value, in bytes.
const MAX_VALUE: usize = 2048;
/// The longest gap of blanks between name, operator and value.
const MAX_BLANKS: usize = 40;
/// How many `=` and `:` a value without quotes may hold.
const MAX_OPERATORS: usize = 6;
/// How many bytes of a type or a wrapper may stand before the value.
const MAX_WORD: usize = 32;

/// How the name is tied to the value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operator {
    /// `=`, `:=`, `+=`, `=>`, `<-`.
    Equals,
    /// `:`
    Colon,
    /// `==`, `!=`
    Compare,
    /// A following argument of a call.
    Comma,
    /// `<password>value</password>`
    Tag,
    /// An option of a command, a line of `.netrc`, SQL's `PASSWORD 'x'`, `#define`.
    Space,
    /// `the password is value`
    Prose,
}

/// A value and how it stands there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Value {
    pub(crate) start: usize,
    pub(crate) end: usize,
    pub(crate) quoted: bool,
    pub(crate) operator: Operator,
    /// Blanks stand around the operator, as in code.
    pub(crate) spaced: bool,
}

/// The value behind a name, if there is an assignment.
pub(super) type Parsed = Option<Value>;

/// A place in a text that may end too early.
#[derive(Clone, Copy)]
pub(crate) struct Cursor<'a> {
    view: View<'a>,
    pub(crate) at: usize,
}

impl<'a> Cursor<'a> {
    pub(crate) fn new(view: View<'a>, at: usize) -> Cursor<'a> {
        Cursor { view, at }
    }

    /// The byte here; zero behind the end of a text that is complete.
    pub(crate) fn peek(&self) -> Result<u8, TooShort> {
        self.look(0)
    }

    fn look(&self, ahead: usize) -> Result<u8, TooShort> {
        match self.view.text.get(self.at + ahead) {
            Some(&byte) => Ok(byte),
            None if self.view.last => Ok(0),
            None => Err(TooShort),
        }
    }

    fn take(&mut self, byte: u8) -> Result<bool, TooShort> {
        let found = self.peek()? == byte;
        self.at += usize::from(found);
        Ok(found)
    }

    pub(crate) fn skip(&mut self, set: &ByteSet, max: usize) -> Result<usize, TooShort> {
        let from = self.at;
        while self.at - from < max && set.has(self.peek()?) {
            self.at += 1;
        }
        Ok(self.at - from)
    }

    /// Takes a word in any case.
    fn word(&mut self, word: &[u8]) -> Result<bool, TooShort> {
        for (ahead, byte) in word.iter().enumerate() {
            if !self.look(ahead)?.eq_ignore_ascii_case(byte) {
                return Ok(false);
            }
        }
        self.at += word.len();
        Ok(true)
    }
}

/// Reads what is assigned to the name.
pub(super) fn assignment(view: View<'_>, name: &Name) -> Result<Parsed, TooShort> {
    let mut cursor = Cursor::new(view, name.end);
    let closed = closers(&mut cursor)?;
    if cursor.peek()? == b'>' && opens_tag(view.text, name) {
        cursor.at += 1;
        cursor.skip(&SPACE, MAX_BLANKS)?;
        return element(cursor, name);
    }
    if let Some(behind) = listed(cursor, name)? {
        return value(behind, name, Operator::Colon, false);
    }
    let before = cursor.skip(&BLANK, MAX_BLANKS)?;
    if closed && before > 0 {
        let mut attribute = cursor;
        if attribute.word(b"value")? {
            cursor = attribute;
            cursor.skip(&BLANK, MAX_BLANKS)?;
        }
    }
    let Some(operator) = operator(&mut cursor, name, closed, before)? else { return Ok(None) };
    let after = cursor.skip(&BLANK, MAX_BLANKS)?;
    value(cursor, name, operator, before > 0 || after > 0)
}

/// `{"name":"DB_PASSWORD","value":"x"}`, `- name: DB_PASSWORD` and `value: x` on the next line: the place of the value.
fn listed<'a>(mut cursor: Cursor<'a>, name: &Name) -> Result<Option<Cursor<'a>>, TooShort> {
    const MARKS: ByteSet = ByteSet::of(b"\"'\\");
    if !matches!(cursor.peek()?, b',' | b'\n' | b'\r' | b'\\') {
        return Ok(None);
    }
    let text = cursor.view.text;
    let before = text[name.start.saturating_sub(16)..name.start].to_ascii_lowercase();
    if !memchr::memmem::find(&before, b"name")
        .is_some_and(|at| before[at..].iter().any(|b| matches!(b, b':' | b'=')))
    {
        return Ok(None);
    }
    cursor.take(b',')?;
    cursor.skip(&SPACE, MAX_BLANKS)?;
    cursor.skip(&MARKS, 4)?;
    if !cursor.word(b"value")? {
        return Ok(None);
    }
    cursor.skip(&MARKS, 4)?;
    cursor.skip(&BLANK, MAX_BLANKS)?;
    if !cursor.take(b':')? && !cursor.take(b'=')? {
        return Ok(None);
    }
    cursor.skip(&BLANK, MAX_BLANKS)?;
    Ok(Some(cursor))
}

/// What may close a name: quotes, brackets, Markdown's stars, TypeScript's `?`. Says whether a quote was among them.
fn closers(cursor: &mut Cursor<'_>) -> Result<bool, TooShort> {
    let mut quoted = false;
    for _ in 0..5 {
        match cursor.peek()? {
            b'"' | b'\'' | b'`' => quoted = true,
            b'\\' if matches!(cursor.look(1)?, b'"' | b'\'' | b'\\') => {}
            b']' | b'*' | b'}' | b'?' | b')' => {}
            _ => break,
        }
        cursor.at += 1;
    }
    Ok(quoted)
}

fn opens_tag(text: &[u8], name: &Name) -> bool {
    name.start > 0 && matches!(text[name.start - 1], b'<' | b':')
}

/// The text of an XML element, which must be closed behind it.
fn element(cursor: Cursor<'_>, name: &Name) -> Result<Parsed, TooShort> {
    let Some(value) = unquoted(cursor, name, Operator::Tag, false)? else { return Ok(None) };
    let mut behind = Cursor::new(cursor.view, value.end);
    behind.skip(&SPACE, MAX_BLANKS)?;
    Ok((behind.peek()? == b'<' && behind.look(1)? == b'/').then_some(value))
}

fn operator(
    cursor: &mut Cursor<'_>,
    name: &Name,
    closed: bool,
    before: usize,
) -> Result<Option<Operator>, TooShort> {
    let (first, second) = (cursor.peek()?, cursor.look(1)?);
    let found = match (first, second) {
        (b':', b':') if ALNUM.has(cursor.look(2)?) => None,
        (b':', _) => {
            cursor.skip(&ByteSet::of(b":"), 3)?;
            let equals = cursor.take(b'=')?;
            Some(if equals { Operator::Equals } else { Operator::Colon })
        }
        (b'=', b'=') => {
            cursor.skip(&ByteSet::of(b"="), 3)?;
            Some(Operator::Compare)
        }
        (b'=', _) => {
            cursor.at += 1;
            let _ = cursor.take(b'>')? || cursor.take(b'~')?;
            Some(Operator::Equals)
        }
        (b'!', b'=') => {
            cursor.at += 2;
            cursor.take(b'=')?;
            Some(Operator::Compare)
        }
        (b'+' | b'.' | b'?' | b'|' | b'~', b'=') | (b'<', b'-') => {
            cursor.at += 2;
            Some(Operator::Equals)
        }
        (b'|', b'|') if cursor.look(2)? == b'=' => {
            cursor.at += 3;
            Some(Operator::Equals)
        }
        (b'|', _) if before > 0 => {
            cursor.at += 1;
            Some(Operator::Colon)
        }
        // `setPassword("x")`, `.token('x')`
        (b'(', b'"' | b'\'') if !closed => {
            cursor.at += 1;
            Some(Operator::Comma)
        }
        (b',', _) if closed || calls_with(cursor.view.text, name) => {
            cursor.at += 1;
            Some(Operator::Comma)
        }
        (b',', _) if name.loose => {
            cursor.at += 1;
            Some(Operator::Colon)
        }
        _ if before > 0 => spoken(cursor, name, closed)?,
        _ => None,
    };
    Ok(found)
}

/// `CURLOPT_PASSWORD, "x"`: a constant as an argument.
fn calls_with(text: &[u8], name: &Name) -> bool {
    text[name.start..name.end].iter().all(|b| !b.is_ascii_lowercase())
}

const OPTION: ByteSet = WORD.union(ByteSet::of(b"-"));

/// Operators that are words or nothing at all.
fn spoken(cursor: &mut Cursor<'_>, name: &Name, closed: bool) -> Result<Option<Operator>, TooShort> {
    let text = cursor.view.text;
    for word in [&b"is "[..], b"are ", b"was ", b"as "] {
        let mut ahead = *cursor;
        if ahead.word(word)? {
            *cursor = ahead;
            return Ok((name.strength == Strength::Password || name.loose).then_some(Operator::Prose));
        }
    }
    let option = name.start < name.end && text[name.start] == b'-';
    if !closed && matches!(cursor.peek()?, b'"' | b'\'') {
        let told = option || name.strength == Strength::Password || name.loose;
        return Ok(told.then_some(Operator::Space));
    }
    if closed {
        return Ok(None);
    }
    let ends_with = |tail: &[u8]| {
        let word = &text[name.keyword.0..name.end];
        word.len() >= tail.len() && word[word.len() - tail.len()..].eq_ignore_ascii_case(tail)
    };
    if ends_with(b"securestring") {
        skip_options(cursor)?;
        return Ok(Some(Operator::Space));
    }
    if option || ends_with(b" by") || told(cursor, name)? {
        return Ok(Some(Operator::Space));
    }
    typed(cursor)
}

/// `login joe password x`, `WITH LOGIN PASSWORD x`: words before the name say that a password follows.
fn told(cursor: &Cursor<'_>, name: &Name) -> Result<bool, TooShort> {
    let text = cursor.view.text;
    let mut ahead = *cursor;
    ahead.skip(&ALNUM, MAX_WORD)?;
    let digits = text[cursor.at..ahead.at].iter().any(u8::is_ascii_digit);
    if name.strength != Strength::Password || !(digits || ahead.peek()?.is_ascii_punctuation()) {
        return Ok(false);
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
        cursor.skip(&BLANK, MAX_BLANKS)?;
    }
    Ok(())
}

/// `password string = "x"`: a type between name and operator.
fn typed(cursor: &mut Cursor<'_>) -> Result<Option<Operator>, TooShort> {
    let mut ahead = *cursor;
    if ahead.skip(&WORD, MAX_WORD)? == 0 || ahead.skip(&BLANK, MAX_BLANKS)? == 0 {
        return Ok(None);
    }
    ahead.take(b':')?;
    if !ahead.take(b'=')? || ahead.peek()? == b'=' {
        return Ok(None);
    }
    *cursor = ahead;
    Ok(Some(Operator::Equals))
}

fn value(mut cursor: Cursor<'_>, name: &Name, operator: Operator, spaced: bool) -> Result<Parsed, TooShort> {
    for _ in 0..3 {
        if let Some((backslashes, quote)) = opening_quote(&mut cursor)? {
            // `"Password:"`: the quote closes what was opened before the name.
            if backslashes == 0 && closes_name(&cursor, name, quote)? {
                return Ok(None);
            }
            return quoted(cursor, backslashes, quote, operator, spaced);
        }
        match cursor.peek()? {
            b'[' | b'{' | b'(' => {
                let mut ahead = cursor;
                ahead.at += 1;
                ahead.skip(&SPACE, MAX_BLANKS)?;
                if opening_quote(&mut ahead.clone())?.is_none() {
                    break;
                }
                cursor = ahead;
            }
            _ => {
                if !wrapper(&mut cursor, operator)? {
                    break;
                }
            }
        }
    }
    if operator == Operator::Comma {
        return Ok(None);
    }
    if let Some(fallback) = fallback(cursor)? {
        let mut ahead = fallback;
        if let Some((backslashes, quote)) = opening_quote(&mut ahead)? {
            return quoted(ahead, backslashes, quote, operator, spaced);
        }
    }
    unquoted(cursor, name, operator, spaced)
}

fn closes_name(cursor: &Cursor<'_>, name: &Name, quote: u8) -> Result<bool, TooShort> {
    let text = cursor.view.text;
    let inside = name.start > 0
        && text[name.start - 1] == quote
        && text.get(name.end).is_some_and(|b| !matches!(b, b'"' | b'\'' | b'`' | b'\\'));
    // With a value behind it, the quote opens one: a string may begin right before the name.
    let follows = cursor.peek()?;
    Ok(inside
        && (SPACE.has(follows)
            || matches!(follows, 0 | b'+' | b',' | b')' | b';' | b']' | b'}' | b':' | b'>')))
}

/// Takes `"`, `'`, a backtick, their backslash-escaped forms and string prefixes (`b"`, `@"`).
fn opening_quote(cursor: &mut Cursor<'_>) -> Result<Option<(usize, u8)>, TooShort> {
    let mut ahead = *cursor;
    let mut letters = 0;
    while letters < 2
        && matches!(ahead.peek()?, b'b' | b'B' | b'r' | b'R' | b'u' | b'U' | b'f' | b'F' | b'L' | b'N' | b'@')
    {
        ahead.at += 1;
        letters += 1;
    }
    let backslashes = ahead.skip(&ByteSet::of(b"\\"), 7)?;
    let quote = ahead.peek()?;
    if !matches!(quote, b'"' | b'\'' | b'`') {
        return Ok(None);
    }
    ahead.at += 1;
    // Three quotes open a long string; two are an empty one.
    if backslashes == 0 && ahead.peek()? == quote && ahead.look(1)? == quote {
        ahead.at += 2;
    }
    *cursor = ahead;
    Ok(Some((backslashes, quote)))
}

/// Takes a type annotation (`: str = `) or a wrapper (`String::from(`, `Some(`, `os.getenv("X") or `).
fn wrapper(cursor: &mut Cursor<'_>, operator: Operator) -> Result<bool, TooShort> {
    const TYPE: ByteSet = WORD.union(ByteSet::of(b"<>[]&'.:?*"));
    const CALLS: [&[u8]; 9] =
        [b"from", b"some", b"str", b"bytes", b"string", b"byte", b"secretstring", b"text", b"quote"];
    let mut ahead = *cursor;
    let from = ahead.at;
    if ahead.skip(&TYPE, MAX_WORD)? == 0 {
        return Ok(false);
    }
    let word = &ahead.view.text[from..ahead.at];
    if ahead.take(b'(')? {
        let last = word.rsplit(|b| !b.is_ascii_alphanumeric()).find(|w| !w.is_empty()).unwrap_or_default();
        if CALLS.iter().any(|c| last.eq_ignore_ascii_case(c)) {
            ahead.skip(&BLANK, MAX_BLANKS)?;
            *cursor = ahead;
            return Ok(true);
        }
        return Ok(false);
    }
    if operator == Operator::Colon && ahead.skip(&BLANK, MAX_BLANKS)? > 0 && ahead.take(b'=')? {
        ahead.skip(&BLANK, MAX_BLANKS)?;
        *cursor = ahead;
        return Ok(true);
    }
    Ok(false)
}

/// `os.environ.get("X") or "default"`: the place of the default, if the value reads an environment.
fn fallback(cursor: Cursor<'_>) -> Result<Option<Cursor<'_>>, TooShort> {
    const READERS: [&[u8]; 7] =
        [b"os.environ", b"os.getenv", b"process.env", b"getenv", b"env(", b"system.getenv", b"env["];
    let mut ahead = cursor;
    let mut reads = false;
    for reader in READERS {
        reads |= ahead.clone().word(reader)?;
    }
    if !reads {
        return Ok(None);
    }
    for _ in 0..120 {
        let byte = ahead.peek()?;
        if matches!(byte, 0 | b'\n' | b';') {
            return Ok(None);
        }
        let mut after = ahead;
        let taken = after.word(b"||")? || after.word(b" or ")? || after.word(b"??")? || after.take(b',')?;
        if taken {
            after.skip(&BLANK, MAX_BLANKS)?;
            if matches!(after.peek()?, b'"' | b'\'') {
                return Ok(Some(after));
            }
        }
        ahead.at += 1;
    }
    Ok(None)
}

fn quoted(
    cursor: Cursor<'_>,
    backslashes: usize,
    quote: u8,
    operator: Operator,
    spaced: bool,
) -> Result<Parsed, TooShort> {
    let text = cursor.view.text;
    let start = cursor.at;
    let limit = start + MAX_VALUE;
    let mut at = start;
    loop {
        let rest = &text[at.min(text.len())..text.len().min(limit)];
        let Some(step) = memchr::memchr3(quote, b'\\', b'\n', rest) else {
            let cut = text.len() < limit && !cursor.view.last;
            return if cut { Err(TooShort) } else { Ok(None) };
        };
        at += step;
        match text[at] {
            b'\n' => return Ok(None),
            b'\\' => {
                let run = text[at..].iter().take(16).take_while(|b| **b == b'\\').count();
                let Some(&next) = text.get(at + run) else {
                    return if cursor.view.last { Ok(None) } else { Err(TooShort) };
                };
                // With as many backslashes as it was opened with, the quote closes.
                if next == quote && (run == backslashes || (backslashes == 0 && run.is_multiple_of(2))) {
                    at += if backslashes == 0 { run } else { 0 };
                    break;
                }
                at += run + usize::from(next == quote);
            }
            _ if backslashes == 0 => break,
            // An unescaped quote ends the string around this one.
            _ => return Ok(None),
        }
    }
    let start = at - strip_scheme(&text[start..at]).len();
    Ok(Some(Value { start, end: at, quoted: true, operator, spaced }))
}

/// Words before a credential in a header.
const SCHEMES: [&[u8]; 7] = [b"bearer ", b"basic ", b"token ", b"ssws ", b"apikey ", b"bot ", b"negotiate "];

/// `Bearer x` and its like: the part behind the scheme.
fn strip_scheme(value: &[u8]) -> &[u8] {
    SCHEMES
        .iter()
        .find(|s| value.len() > s.len() && value[..s.len()].eq_ignore_ascii_case(s))
        .map_or(value, |s| value[s.len()..].trim_ascii_start())
}

fn skip_scheme(cursor: &mut Cursor<'_>) -> Result<(), TooShort> {
    for scheme in SCHEMES {
        if cursor.word(scheme)? {
            cursor.skip(&BLANK, MAX_BLANKS)?;
            break;
        }
    }
    Ok(())
}

/// Bytes that end a value without quotes.
const END: ByteSet = SPACE.union(ByteSet::of(b"\"'`<>,;\0"));

fn unquoted(
    mut cursor: Cursor<'_>,
    name: &Name,
    operator: Operator,
    spaced: bool,
) -> Result<Parsed, TooShort> {
    let text = cursor.view.text;
    skip_scheme(&mut cursor)?;
    let start = cursor.at;
    let mut depth = 0i32;
    let query = name.start > 0 && matches!(text[name.start - 1], b'?' | b'&');
    let mut operators = 0;
    while cursor.at - start < MAX_VALUE {
        let byte = cursor.peek()?;
        match byte {
            _ if END.has(byte) => break,
            b'(' | b'[' | b'{' => depth += 1,
            b')' | b']' | b'}' => {
                depth -= 1;
                if depth < 0 {
                    break;
                }
            }
            b'\\' if matches!(cursor.look(1)?, b'n' | b'r' | b't' | b'"' | b'\'' | b'\\' | b'u') => break,
            b'&' if query || parameter(&cursor)? => break,
            b'|' if operator == Operator::Colon && spaced => break,
            b'#' if query => break,
            // `token=token=token=`: a chain of assignments, not a value; and each of them begins here again.
            b'=' | b':' => operators += 1,
            _ => {}
        }
        if operators > MAX_OPERATORS {
            return Ok(None);
        }
        cursor.at += 1;
    }
    let mut end = cursor.at;
    while end > start && matches!(text[end - 1], b'.' | b':') {
        end -= 1;
    }
    if end == start {
        return Ok(None);
    }
    Ok(Some(Value { start, end, quoted: false, operator, spaced }))
}

/// Whether `&` begins the next parameter of a query or an entity of XML.
fn parameter(cursor: &Cursor<'_>) -> Result<bool, TooShort> {
    let mut ahead = *cursor;
    ahead.at += 1;
    let run = ahead.skip(&WORD, MAX_WORD)?;
    Ok(run > 0 && matches!(ahead.peek()?, b'=' | b';'))
}
