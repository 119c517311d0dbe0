//! Finds tokens in reply text, and says which end of a text may still become one.
//!
//! A token is matched in any mixture of ASCII case. Two spellings of the same characters are understood too,
//! since they are cheap and cannot turn one token into another: inside a JSON string a character may be written
//! `\u0041`, and a hyphen may have backslashes before it, as Markdown writers put them (`AEGIS\-KEY\-...`; one
//! backslash is two in JSON and four in JSON in JSON, so a run of up to [`MAX_BACKSLASHES`] is allowed).
//! Anything else between the characters of a token (a line break, a space, markup) leaves it as it is.
//!
//! A suffix is held back only while it is a proper prefix of a token in *this* vault, so ordinary text is never
//! delayed but for an `a` at its very end. The matcher must never answer with a token that the text does not
//! spell out in full.

#![expect(clippy::cast_possible_truncation, reason = "the code is that of an ASCII character")]

use aegis_detect::Category;
use memchr::memchr3;
use wide::u8x16;

use crate::token::{CODE_CHARS, MAX_TOKEN_LEN, TOKEN_PREFIX, Token};

/// Backslashes that may stand before a hyphen of a token: one in Markdown, at JSON depth three.
pub(crate) const MAX_BACKSLASHES: usize = 8;
/// Raw bytes that the longest held prefix of a token can take: each character as `\u0041`, each of the two
/// hyphens behind [`MAX_BACKSLASHES`], and an unfinished escape.
pub(crate) const MAX_HELD: usize = MAX_TOKEN_LEN * 6 + 3 * MAX_BACKSLASHES;

/// The beginning of a token, decoded and in upper case.
#[derive(Clone, Copy)]
pub(crate) struct TokenPrefix {
    bytes: [u8; MAX_TOKEN_LEN],
    len: u8,
    /// Where the epoch character goes, once the hyphen after the category was read.
    code_at: u8,
}

impl TokenPrefix {
    const fn new() -> Self {
        Self { bytes: [0; MAX_TOKEN_LEN], len: 0, code_at: 0 }
    }

    fn as_bytes(&self) -> &[u8] {
        &self.bytes[..usize::from(self.len)]
    }

    /// Appends one character if what results can still begin a token of any vault.
    fn push(&mut self, byte: u8) -> bool {
        let byte = byte.to_ascii_uppercase();
        let len = usize::from(self.len);
        let fits = if len < TOKEN_PREFIX.len() {
            byte == TOKEN_PREFIX[len]
        } else if self.code_at == 0 {
            self.is_category_byte(byte)
        } else {
            byte.is_ascii_alphanumeric() && !matches!(byte, b'I' | b'L' | b'O' | b'U')
        };
        if fits {
            self.bytes[len] = byte;
            self.len += 1;
            if byte == b'-' && len >= TOKEN_PREFIX.len() {
                self.code_at = self.len;
            }
        }
        fits
    }

    fn is_category_byte(&self, byte: u8) -> bool {
        let seen = &self.bytes[TOKEN_PREFIX.len()..usize::from(self.len)];
        Category::ALL.iter().map(|category| category.as_str().as_bytes()).any(|name| match byte {
            b'-' => name == seen,
            _ => name.starts_with(seen) && name.get(seen.len()) == Some(&byte),
        })
    }

    fn is_hyphen_due(&self) -> bool {
        let len = usize::from(self.len);
        len + 1 == TOKEN_PREFIX.len() || (len > TOKEN_PREFIX.len() && self.code_at == 0)
    }

    fn is_complete(&self) -> bool {
        self.code_at != 0 && usize::from(self.len) == usize::from(self.code_at) + CODE_CHARS
    }

    /// Whether this is more than the prefix and a category: a token was meant.
    pub(crate) fn is_token_like(&self) -> bool {
        self.code_at != 0
    }
}

/// How following the characters of a possible token ended.
pub(crate) enum MatchOutcome {
    /// All characters are there; the token ends before this offset.
    Complete(Token, usize),
    /// It is no token.
    Broken,
    /// The text ended first.
    Open,
}

enum Char {
    Is(u8, usize),
    End,
    Other,
}

/// A place where a token starts or might.
pub(crate) struct TokenCandidate {
    pub(crate) start: usize,
    /// Bytes of the first character as it is written.
    pub(crate) width: usize,
    pub(crate) outcome: MatchOutcome,
    pub(crate) prefix: TokenPrefix,
}

/// The tokens of one vault, in order.
pub(crate) struct Matcher {
    tokens: Box<[Token]>,
}

impl Matcher {
    pub(crate) fn new<'a>(tokens: impl Iterator<Item = &'a Token>) -> Self {
        let mut tokens: Box<[Token]> = tokens.copied().collect();
        tokens.sort_unstable_by(|a, b| a.as_bytes().cmp(b.as_bytes()));
        Self { tokens }
    }

    /// Whether a token of the vault starts with `prefix`.
    pub(crate) fn expects(&self, prefix: &TokenPrefix) -> bool {
        let prefix = prefix.as_bytes();
        let at = self.tokens.partition_point(|token| token.as_bytes() < prefix);
        self.tokens.get(at).is_some_and(|token| token.as_bytes().starts_with(prefix))
    }
}

/// Bytes that [`skip`] looks at together, and starts of tokens that it judges by them.
const BLOCK: usize = 24;
const STARTS: usize = 12;

/// An offset at or after `from` before which no token starts and none is open at the end of `text`.
///
/// A token begins with `AEGI` in some case, or has an escape of an ASCII character among these four. A `gi` that
/// stands right and a `u00` are both so rare in text that most blocks are passed in a few instructions.
fn skip(text: &[u8], from: usize) -> usize {
    let mut at = from;
    while let Some(block) = text.get(at..).and_then(<[u8]>::first_chunk::<BLOCK>) {
        let shifted = |by: usize| {
            let mut bytes = [0; 16];
            bytes.copy_from_slice(&block[by..by + 16]);
            u8x16::new(bytes)
        };
        let (second, third, fourth) = (shifted(1), shifted(2), shifted(3));
        let (lower, zero) = (u8x16::splat(0x20), u8x16::splat(b'0'));
        let letters =
            (third | lower).simd_eq(u8x16::splat(b'g')) & (fourth | lower).simd_eq(u8x16::splat(b'i'));
        let escapes = second.simd_eq(u8x16::splat(b'u')) & third.simd_eq(zero) & fourth.simd_eq(zero);
        if escapes.to_bitmask() != 0 {
            break;
        }
        let starts = letters.to_bitmask() & ((1 << STARTS) - 1);
        if starts != 0 {
            at += starts.trailing_zeros() as usize;
            break;
        }
        at += STARTS;
    }
    // Backslashes mean something in pairs, counted from the first of them.
    while at > from && text.get(at) == Some(&b'\\') && text[at - 1] == b'\\' {
        at -= 1;
    }
    at
}

/// The next place at or after `from` where a token starts, names itself without being one, or is still open at
/// the end of `text`. With `escapes`, `\uXXXX` counts as the character that it stands for.
pub(crate) fn next(text: &[u8], mut from: usize, escapes: bool) -> Option<TokenCandidate> {
    while from < text.len() {
        from = skip(text, from);
        let end = if text.len() - from < BLOCK { text.len() } else { from + STARTS };
        while let Some(offset) = text.get(from..end).and_then(|part| memchr3(b'A', b'a', b'\\', part)) {
            let start = from + offset;
            from = start + 1;
            let after = text.get(start + 1).copied();
            if text[start] == b'\\' {
                if after == Some(b'\\') {
                    from += 1;
                    continue;
                }
                if !escapes || !matches!(after, Some(b'u') | None) {
                    continue;
                }
            } else if !matches!(after, Some(b'E' | b'e' | b'\\') | None) {
                continue;
            }
            if let Some(candidate) = probe(text, start, escapes) {
                return Some(candidate);
            }
        }
        from = from.max(end);
    }
    None
}

/// Reads what may be a token at `start`. `None` is ordinary text.
pub(crate) fn probe(text: &[u8], start: usize, escapes: bool) -> Option<TokenCandidate> {
    let mut prefix = TokenPrefix::new();
    let width = if text[start] == b'\\' { 6 } else { 1 };
    let outcome = follow(&mut prefix, text, start, escapes);
    let ordinary = matches!(outcome, MatchOutcome::Broken) && !prefix.is_token_like();
    (!ordinary).then_some(TokenCandidate { start, width, outcome, prefix })
}

/// Goes on with `prefix` along `text` from `at`.
pub(crate) fn follow(prefix: &mut TokenPrefix, text: &[u8], mut at: usize, escapes: bool) -> MatchOutcome {
    loop {
        match read(text, at, escapes, prefix.is_hyphen_due()) {
            Char::Is(byte, next) if prefix.push(byte) => at = next,
            Char::Is(..) | Char::Other => return MatchOutcome::Broken,
            Char::End => return MatchOutcome::Open,
        }
        if prefix.is_complete() {
            return Token::parse(prefix.as_bytes())
                .map_or(MatchOutcome::Broken, |token| MatchOutcome::Complete(token, at));
        }
    }
}

/// The character of a token at `at`, in whatever spelling.
fn read(text: &[u8], at: usize, escapes: bool, is_hyphen_due: bool) -> Char {
    match text.get(at) {
        None => Char::End,
        Some(b'\\') => {
            let unicode = escapes && matches!(text.get(at + 1), Some(b'u') | None);
            if unicode { read_unicode(text, at) } else { read_hyphen(text, at, is_hyphen_due) }
        }
        Some(&byte) => Char::Is(byte, at + 1),
    }
}

fn read_unicode(text: &[u8], at: usize) -> Char {
    let digits = &text[(at + 2).min(text.len())..text.len().min(at + 6)];
    let mut code = 0u32;
    for &digit in digits {
        let Some(value) = (digit as char).to_digit(16) else { return Char::Other };
        code = code << 4 | value;
    }
    match (digits.len(), code) {
        (4, 0x21..0x7f) => Char::Is(code as u8, at + 6),
        (4, _) => Char::Other,
        _ => Char::End,
    }
}

fn read_hyphen(text: &[u8], at: usize, wanted: bool) -> Char {
    let run = text[at..].iter().take(MAX_BACKSLASHES + 1).take_while(|&&byte| byte == b'\\').count();
    match text.get(at + run) {
        _ if !wanted || run > MAX_BACKSLASHES => Char::Other,
        Some(b'-') => Char::Is(b'-', at + run + 1),
        Some(_) => Char::Other,
        None => Char::End,
    }
}

/// Whether JSON string content, read from the start of a character, ends before an escape in it does.
pub(crate) fn ends_in_escape(text: &[u8]) -> bool {
    let from = text.len().saturating_sub(5);
    let last = text[from..].iter().rposition(|&byte| byte == b'\\');
    last.map(|at| from + at).is_some_and(|at| {
        let before = text[..at].iter().rev().take_while(|&&byte| byte == b'\\').count();
        before % 2 == 0 && matches!(text.get(at + 1), None | Some(b'u'))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOKEN: &str = "AEGIS-KEY-0123456789ABCDEFGHJKM";

    fn matcher() -> Matcher {
        Matcher::new([Token::parse(TOKEN.as_bytes()).unwrap()].iter())
    }

    fn found(text: &str, escapes: bool) -> Option<(usize, usize)> {
        let candidate = next(text.as_bytes(), 0, escapes)?;
        match candidate.outcome {
            MatchOutcome::Complete(token, end) if token.as_str() == TOKEN => Some((candidate.start, end)),
            _ => None,
        }
    }

    #[test]
    fn finds_a_token_in_any_case_and_spelling() {
        assert_eq!(found(&format!("x {TOKEN}y"), false), Some((2, 33)));
        assert_eq!(found(&TOKEN.to_lowercase(), false), Some((0, 31)));
        let markdown = TOKEN.replace('-', "\\-");
        assert_eq!(found(&markdown, false), Some((0, 33)));
        assert_eq!(found(&TOKEN.replace('-', "\\\\\\\\-"), true), Some((0, 39)));
        assert_eq!(found(&TOKEN.replace('-', "\\u002d"), true), Some((0, 41)));
        assert_eq!(found(&TOKEN.replace('A', "\\u0041"), true), Some((0, 41)));
        assert_eq!(found(&TOKEN.replace('A', "\\u0061"), false), None);
        assert_eq!(found(&TOKEN.replace('A', "\\\\u0041"), true), None, "a backslash and text");
    }

    #[test]
    fn a_run_of_backslashes_has_a_limit() {
        let with = |count: usize| TOKEN.replacen('-', &format!("{}-", "\\".repeat(count)), 1);
        assert!(found(&with(MAX_BACKSLASHES), true).is_some());
        assert!(found(&with(MAX_BACKSLASHES + 1), true).is_none());
    }

    #[test]
    fn a_mangled_token_is_none_but_is_noticed() {
        for text in ["AEGIS-KEY-0123 456789ABCDEFGHJKM", "AEGIS-KEY-0123\\456789ABCDEFGHJKM", "AEGIS-KEY-U"] {
            let candidate = next(text.as_bytes(), 0, true).unwrap();
            assert!(
                matches!(candidate.outcome, MatchOutcome::Broken) && candidate.prefix.is_token_like(),
                "{text}"
            );
        }
        for text in ["AEGIS-\\KEY", "AEGIS KEY", "aegis", "an aegis-like word", "AEGIS-CATS-1", "\\\\A\\"] {
            let candidate = next(text.as_bytes(), 0, false);
            assert!(!candidate.is_some_and(|candidate| candidate.prefix.is_token_like()), "{text}");
        }
    }

    #[test]
    fn long_text_is_skipped_but_no_token_in_it() {
        let escaped = TOKEN.replace('E', "\\u0045");
        for spelled in [TOKEN, &TOKEN.to_lowercase(), &TOKEN.replace('-', "\\-"), &escaped] {
            for before in 0..60 {
                for around in ["x", "\\\\", "gi", "ae", "\\u00e9"] {
                    let text = format!("{}{spelled}{}", around.repeat(before), around.repeat(20));
                    let start = around.len() * before;
                    assert_eq!(found(&text, true), Some((start, start + spelled.len())), "{text}");
                }
            }
        }
        for end in 1..TOKEN.len() {
            let text = format!("{}{}", "x".repeat(50), &TOKEN[..end]);
            assert_eq!(next(text.as_bytes(), 0, true).map(|candidate| candidate.start), Some(50));
        }
    }

    #[test]
    fn only_prefixes_of_known_tokens_are_expected() {
        let matcher = matcher();
        let expects = |text: &str| {
            next(text.as_bytes(), 0, true).is_some_and(|candidate| {
                matches!(candidate.outcome, MatchOutcome::Open) && matcher.expects(&candidate.prefix)
            })
        };
        for end in 1..TOKEN.len() {
            assert!(expects(&format!("a word {}", &TOKEN[..end])));
        }
        assert!(expects("AEGIS\\"));
        assert!(expects("AEGIS\\u00"));
        for text in ["", "x", "AEGIS-KEY-1", "AEGIS-PII", "aeg ", "b"] {
            assert!(!expects(text), "{text}");
        }
    }

    #[test]
    fn unfinished_escapes_are_noticed() {
        for text in ["\\", "AEGIS\\", "\\u", "x\\u002", "\\\\\\"] {
            assert!(ends_in_escape(text.as_bytes()), "{text}");
        }
        for text in ["", "AEGIS", "\\\\", "\\u002d", "\\n", "\\\\u00"] {
            assert!(!ends_in_escape(text.as_bytes()), "{text}");
        }
    }

    #[test]
    fn the_longest_held_prefix_fits() {
        let spelled: String = TOKEN
            .chars()
            .map(|c| if c == '-' { "\\".repeat(8) + "-" } else { format!("\\u{:04x}", c as u32) })
            .collect();
        assert!(spelled.len() <= MAX_HELD);
    }
}
