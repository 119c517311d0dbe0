//! How a value goes on that is longer than what its rule reads of it.
//!
//! A rule reads so many bytes of a value, which is enough to judge it (2,048 of an assigned one, `MAX_SECRET_LEN` of a
//! shape). If the value goes on there, the candidate is a *cut* one, and its tail says what the run is made of.

use crate::bytes::{ALNUM, ByteSet, SPACE};
use crate::text::Span;

/// What a value's run is made of behind the place where its rule stopped to read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tail {
    /// An assigned value without quotes.
    Bare,
    /// One among the parameters of a URL.
    Query,
    /// Up to this quote with so many backslashes before it, in the same line.
    Quoted { byte: u8, backslashes: u8 },
    /// A word of a command.
    Word,
    /// The password of a URL.
    Userinfo,
    /// Escaped or encoded text.
    Encoded,
    /// What the rest of this sequence of the rule can match, from the run with the index `run` on.
    Sequence { sequence: u16, run: u16 },
}

/// What ends the runs.
const QUOTES: ByteSet = SPACE.union(ByteSet::of(b"\"'`<>\0"));
const BARE: ByteSet = QUOTES.union(ByteSet::of(b",;\\"));
const QUERY: ByteSet = BARE.union(ByteSet::of(b"&#"));
const COMMAND: ByteSet = QUOTES.union(ByteSet::of(b"|;&)\\"));

/// What a userinfo may hold (RFC 3986, section 3.2.1), and the slashes that people forget to escape.
pub(crate) const USERINFO: ByteSet = ALNUM.union(ByteSet::of(b"-._~%!$&'()*+,;=:/"));

/// A candidate whose value goes on behind its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Cut {
    pub(crate) span: Span,
    pub(crate) rule: u16,
    pub(crate) tail: Tail,
}

impl Tail {
    /// [`Tail::Word`], if a word of a command has not ended at `at`.
    pub(crate) fn of_word(text: &[u8], at: usize) -> Option<Tail> {
        text.get(at).filter(|_| bare(text, at, &COMMAND) > at).map(|_| Tail::Word)
    }

    /// Where the run ends that `at` is in. `rest` gives the bytes that the rest of a sequence may hold.
    pub(crate) fn end(self, text: &[u8], at: usize, rest: impl FnOnce(u16, u16) -> ByteSet) -> usize {
        let up_to = |stop: &ByteSet| text[at..].iter().position(|byte| stop.has(*byte));
        let found = match self {
            Tail::Bare => return bare(text, at, &BARE),
            Tail::Query => return bare(text, at, &QUERY),
            Tail::Word => return bare(text, at, &COMMAND),
            Tail::Quoted { byte, backslashes } => return quoted(text, at, byte, usize::from(backslashes)),
            Tail::Userinfo => return at + USERINFO.run(&text[at..], text.len() - at),
            Tail::Encoded => up_to(&QUOTES),
            Tail::Sequence { sequence, run } => {
                return at + rest(sequence, run).run(&text[at..], text.len() - at);
            }
        };
        let end = found.map_or(text.len(), |step| at + step);
        // Backslashes belong to the quote behind them.
        end - text[at..end].iter().rev().take_while(|byte| **byte == b'\\').count()
    }
}

/// The end of a value without quotes. A backslash ends it where an escape stands that ends values.
fn bare(text: &[u8], mut at: usize, stop: &ByteSet) -> usize {
    while let Some(step) = text[at..].iter().position(|byte| stop.has(*byte)) {
        at += step;
        let escape = matches!(text.get(at + 1), Some(b'n' | b'r' | b't' | b'"' | b'\'' | b'\\' | b'u'));
        if text[at] != b'\\' || escape {
            return at;
        }
        at += 1;
    }
    text.len()
}

/// The end of a string's content: at the quote with so many backslashes, else at any quote that closes a string around
/// it.
fn quoted(text: &[u8], from: usize, quote: u8, backslashes: usize) -> usize {
    let mut at = from;
    while let Some(step) = memchr::memchr3(quote, b'"', b'\n', &text[at..]) {
        at += step;
        let run = text[..at].iter().rev().take_while(|byte| **byte == b'\\').count();
        let escaped = if backslashes == 0 { run % 2 == 1 } else { run > backslashes };
        if text[at] == b'\n' || !escaped {
            return if backslashes == 0 { at } else { (at - run.min(backslashes)).max(from) };
        }
        at += 1;
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_end_where_values_do() {
        let end = |tail: Tail, text: &str| tail.end(text.as_bytes(), 0, |_, _| ByteSet::EMPTY);
        let quoted = |byte, backslashes| Tail::Quoted { byte, backslashes };
        for (tail, text, expected) in [
            (Tail::Bare, "ab\\cd=&),x", 8),
            (Tail::Bare, "ab\\n", 2),
            (Tail::Bare, "ab", 2),
            (Tail::Query, "ab=c&x", 4),
            (Tail::Word, "ab,c|x", 4),
            (Tail::Userinfo, "a:b/c%40@host", 8),
            (Tail::Encoded, "a%2F;\\u002f\\\"", 11),
            (quoted(b'"', 0), "a b\\\"c\\\\\"x", 8),
            (quoted(b'\'', 0), "a b\"", 3),
            (quoted(b'"', 0), "a\nb", 1),
            (quoted(b'"', 1), "a\\\\\\\"b\\\"", 6),
            (quoted(b'"', 1), "ab\"", 2),
        ] {
            assert_eq!(end(tail, text), expected, "{tail:?} {text}");
        }
    }
}
