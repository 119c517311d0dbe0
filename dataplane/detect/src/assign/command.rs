//! Credentials in the options of commands: `curl -u user:password`, `sshpass -p password`.

use super::TooShort;
use super::parse::Cursor;
use super::value;
use crate::byteset::{BLANK, ByteSet, SPACE};
use crate::dispute::Hit;
use crate::rule::Confidence;
use crate::rules::rank;
use crate::scanner::{Bench, View};

/// How far before the option its command may stand, in bytes.
const REACH: usize = 160;
/// The longest credential, in bytes.
const MAX_VALUE: usize = 200;

/// Commands whose `-u` takes `user:password`.
const CALLERS: [&[u8]; 5] = [b"curl", b"wget", b"http ", b"https ", b"httpie"];
/// Commands whose `-p` takes a password.
const HOLDERS: [&[u8]; 4] = [b"psexec", b"sshpass", b"docker login", b"az login"];

/// Commands whose `-p` has the password glued to it.
const GLUED: [&[u8]; 2] = [b"mysql", b"mariadb"];

const END: ByteSet = SPACE.union(ByteSet::of(b"\"'`\0"));

/// Looks at the option `text[start..end]` and what follows it.
pub(super) fn find(bench: &mut Bench, view: View<'_>, rule: u16, (start, end): (usize, usize)) {
    let before = &view.text[start.saturating_sub(REACH)..start];
    let option = &view.text[start..end];
    let glued = option == b" -p";
    if !glued && before.last().is_none_or(|b| !matches!(b, b' ' | b'\t' | b'\n')) {
        return;
    }
    if glued && view.text.get(end).is_some_and(|b| SPACE.has(*b)) {
        return;
    }
    let pair = !glued && !option.starts_with(b"-p");
    let commands: &[&[u8]] = match (glued, pair) {
        (true, _) => &GLUED,
        (_, true) => &CALLERS,
        _ => &HOLDERS,
    };
    let before = before.to_ascii_lowercase();
    if !commands.iter().any(|c| memchr::memmem::find(&before, c).is_some()) {
        return;
    }
    match credential(view, end, pair) {
        Err(TooShort) => bench.open(start),
        Ok(Some((from, to))) if value::literal(&view.text[from..to]) => {
            bench.hits.push(Hit {
                start: from,
                end: to,
                rule,
                rank: rank::PLACE,
                confidence: Confidence::Medium,
            });
        }
        Ok(_) => {}
    }
}

/// The password's span: behind the first colon of a pair, or the whole word.
fn credential(view: View<'_>, at: usize, pair: bool) -> Result<Option<(usize, usize)>, TooShort> {
    let mut cursor = Cursor::new(view, at);
    while cursor.at - at < 16 && BLANK.has(cursor.peek()?) {
        cursor.at += 1;
    }
    let quote = Some(cursor.peek()?).filter(|b| matches!(b, b'"' | b'\''));
    cursor.at += usize::from(quote.is_some());
    let start = cursor.at;
    let mut colon = None;
    while cursor.at - start < MAX_VALUE {
        let byte = cursor.peek()?;
        let ends = quote.map_or(END.has(byte), |q| byte == q || matches!(byte, 0 | b'\n'));
        // Inside a string, a line ends with an escape.
        let escape = byte == b'\\' && quote.is_none() && {
            let next = Cursor::new(view, cursor.at + 1).peek()?;
            matches!(next, b'n' | b'r' | b't' | b'"' | b'\'')
        };
        if ends || escape {
            break;
        }
        if byte == b':' && colon.is_none() {
            colon = Some(cursor.at);
        }
        cursor.at += 1;
    }
    let end = cursor.at;
    if !pair {
        return Ok((end - start >= 4).then_some((start, end)));
    }
    // A key alone stands before the colon, with nothing behind it.
    Ok(colon.and_then(|c| match (c - start, end - c - 1) {
        (8.., 0) => Some((start, c)),
        (_, 4..) if !matches!(view.text[start], b'<' | b'$' | b'{') => Some((c + 1, end)),
        _ => None,
    }))
}
