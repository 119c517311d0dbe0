//! Credentials that the name of their service shows: `MAILJET_KEY=x`, `clarifai token x`, `DETECTIFY_API_KEY=<uuid>`.
//!
//! Of most services a key is a plain hex string, a UUID or letters and digits: no shape at all. A known service, a word
//! for a secret right behind it and a value that nobody would write by hand show it together, also where the value
//! follows without an operator. The service alone does not, save before a value in quotes with another such word near:
//! UUIDs and hashes of all kinds stand behind it.

use super::written::AssignedSecret;
use super::{name, parse};
use crate::boundaries;
use crate::bytes::{ALNUM, ByteSet, HEX, LOWER, SPACE, UPPER, WORD, entropy};
use crate::finding::Confidence;
use crate::plausibility::words::is_one_of;
use crate::plausibility::{value, words};
use crate::rule::{MAX_SERVICE, ServiceNames};
use crate::text::cursor::Cursor;
use crate::text::{Span, TextView, TooShort};
use aho_corasick::AhoCorasick;
use std::ops::Range;
use std::sync::LazyLock;

/// The shortest value that counts.
const MIN_VALUE: usize = 16;
/// The longest value.
const MAX_VALUE: usize = 200;
/// How far behind the service's name a value may begin when only words stand between.
const MAX_GAP: usize = 64;
/// How many unknown words may stand between.
const MAX_STRANGE: usize = 2;
/// How far before the service's name a word for a secret counts.
const MAX_BEFORE: usize = 24;
/// How far behind a word for a secret the value that belongs to it ends: behind the words and a name between them, and
/// as far as shows what it is.
const MAX_REACH: usize = MAX_BEFORE + MAX_SERVICE + MAX_GAP + MAX_SEPARATORS + 2 * MIN_VALUE;
/// How many bytes of punctuation and blanks may stand between two words.
const MAX_SEPARATORS: usize = 8;

/// Words for a secret.
const SECRETS: [&[u8]; 14] = [
    b"key",
    b"login",
    b"token",
    b"secret",
    b"password",
    b"passwd",
    b"pass",
    b"auth",
    b"oauth",
    b"cred",
    b"bearer",
    b"private",
    b"pat",
    b"sk",
];
/// Words that may stand beside them without a meaning of their own here.
const FILLERS: [&[u8]; 30] = [
    b"api",
    b"io",
    b"ai",
    b"com",
    b"dev",
    b"access",
    b"tracking",
    b"redis",
    b"client",
    b"personal",
    b"app",
    b"admin",
    b"service",
    b"account",
    b"management",
    b"signing",
    b"rest",
    b"live",
    b"prod",
    b"production",
    b"test",
    b"sandbox",
    b"is",
    b"value",
    b"entials",
    b"ential",
    b"orization",
    b"env",
    b"ization",
    b"s",
];
/// Words that make the name one of something that is no secret.
const OTHERS: [&[u8]; 29] = [
    b"id",
    b"ids",
    b"url",
    b"uri",
    b"endpoint",
    b"host",
    b"hostname",
    b"name",
    b"username",
    b"user",
    b"email",
    b"region",
    b"version",
    b"file",
    b"path",
    b"dir",
    b"type",
    b"port",
    b"domain",
    b"expiry",
    b"expires",
    b"ttl",
    b"length",
    b"public",
    b"publishable",
    b"project",
    b"bucket",
    b"model",
    b"cache",
];
/// Words for what is computed from data, which is as random as a secret and none.
const DIGESTS: [&[u8]; 14] = [
    b"hash",
    b"digest",
    b"checksum",
    b"commit",
    b"sha",
    b"sha1",
    b"sha256",
    b"md5",
    b"revision",
    b"rev",
    b"fingerprint",
    b"thumbprint",
    b"integrity",
    b"etag",
];
/// What may stand in a value.
const VALUE: ByteSet = VALUE_RUN.union(ByteSet::of(b"=:"));
/// What belongs to a value wherever it stands beside one.
const VALUE_RUN: ByteSet = ALNUM.union(ByteSet::of(b"_-.+/~"));
/// What may stand between the words.
const BETWEEN: ByteSet = SPACE.union(ByteSet::of(b":=,.'\"()[]<>_-|`*\\"));

/// What a look at a service's name gives: nothing, a secret, or that the window is too short.
pub(super) type AssignmentOutcome = Result<Option<AssignedSecret>, TooShort>;

/// Where a service's name may begin that belongs to the word for a secret `text[start..end]`: before it
/// (`ACME_API_KEY`), or behind it (`the key of Acme`); without what was looked at already.
pub(super) fn around(view: TextView<'_>, Span { start, end }: Span, until: usize) -> Range<usize> {
    let to = view.text.len().min(end + MAX_BEFORE).max(until);
    start.saturating_sub(MAX_GAP + MAX_SERVICE).max(until)..to
}

/// Calls `each` with the names of services that begin in a part of the text.
pub(super) fn names(names: &ServiceNames, text: &[u8], around: Range<usize>, mut each: impl FnMut(Span)) {
    for at in around.filter(|at| names.is_likely(text, *at) && is_name_start(text, *at)) {
        for length in names.at(text, at) {
            let name = &text[at..at + length];
            let letters = name.iter().rposition(u8::is_ascii_alphanumeric).map_or(length, |i| i + 1);
            each(Span::new(at, at + letters));
        }
    }
}

/// Where something as long as a value, with a digit, stands next: most words for a secret are spared all further work
/// by it. What was found for one word serves the next, so that every byte is looked at once.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct ValueProbe {
    /// Nothing of the kind begins from here...
    from: usize,
    /// ...to here.
    to: usize,
}

impl ValueProbe {
    /// Whether such a thing stands where a value could behind a word for a secret that ends at `end`.
    pub(super) fn has_value(&mut self, view: TextView<'_>, end: usize) -> bool {
        let reach = end + MAX_REACH;
        if view.text.len() < reach && !view.last {
            return true;
        }
        let text = &view.text[..view.text.len().min(reach)];
        // Compared many at a time, which most words need no more than.
        if !text[end..].iter().fold(false, |any, b| any | b.is_ascii_digit()) {
            return false;
        }
        if !(self.from..=self.to).contains(&end) {
            *self = ValueProbe { from: end, to: end };
        }
        while self.to + MIN_VALUE <= text.len() {
            let Err(next) = value_like(text, self.to) else { return true };
            self.to = next;
        }
        false
    }
}

/// Whether a value's fewest bytes stand at `at`, with a digit among them; else where they could stand next.
fn value_like(text: &[u8], at: usize) -> Result<(), usize> {
    let piece = &text[at..at + MIN_VALUE];
    match piece.iter().rposition(|b| !VALUE_RUN.has(*b)) {
        Some(other) => Err(at + other + 1),
        None if piece.iter().any(u8::is_ascii_digit) => Ok(()),
        None => {
            // The next digit of this run, or what is behind it.
            let rest = &text[at + MIN_VALUE..];
            let stop =
                rest.iter().position(|b| b.is_ascii_digit() || !VALUE_RUN.has(*b)).unwrap_or(rest.len());
            Err(at + stop + 1)
        }
    }
}

/// Looks for a secret behind the service's name `text[start..end]`.
pub(super) fn find(view: TextView<'_>, Span { start, end }: Span) -> AssignmentOutcome {
    if !is_name_start(view.text, start) || !ends(view, end)? {
        return Ok(None);
    }
    let name = name::read_loose(view, start, end)?;
    let behind = &view.text[name.keyword.end..name.end];
    if name::words(behind).any(|w| is_one_of(&OTHERS, w)) || is_digest_name(behind) {
        return Ok(None);
    }
    if !has_secret(behind) && !has_secret_at_end(&view.text[start..end]) {
        return behind_known_words(view, Span::new(start, end));
    }
    let assigned = parse::assignment(view, &name)?.and_then(|found| {
        let confidence = classify(&view.text[found.start..found.end])?;
        Some(AssignedSecret {
            span: Span::new(found.start, found.end),
            confidence,
            proven: false,
            tail: None,
        })
    });
    if assigned.is_some() { Ok(assigned) } else { behind_known_words(view, Span::new(start, end)) }
}

/// Whether the service's name begins here and is not the end of another word.
fn is_name_start(text: &[u8], start: usize) -> bool {
    let Some(before) = start.checked_sub(1).map(|i| text[i]) else { return true };
    !before.is_ascii_alphanumeric()
        || (before.is_ascii_lowercase() && text[start].is_ascii_uppercase())
        || boundaries::has_escape_at_end(&text[start.saturating_sub(boundaries::REACH)..start])
}

/// Whether the service's name ends here: letters that go on in the same case must be known words (`INFURAKEY`).
fn ends(view: TextView<'_>, end: usize) -> Result<bool, TooShort> {
    let case = if view.text[end - 1].is_ascii_uppercase() { UPPER } else { LOWER };
    let mut cursor = Cursor::new(view, end);
    let more = cursor.skip(&case, MAX_GAP)?;
    Ok(more == 0 || vocabulary(&view.text[end..cursor.at]).is_some())
}

/// Whether a name says that its value is computed from data.
pub(super) fn is_digest_name(name: &[u8]) -> bool {
    name::words(name).any(|w| is_one_of(&DIGESTS, w))
}

fn has_secret(name: &[u8]) -> bool {
    static WORDS: LazyLock<AhoCorasick> =
        LazyLock::new(|| words::anywhere(SECRETS.iter().chain(&[&b"api"[..]])));
    WORDS.is_match(name)
}

/// `service secret key x`: little but words for secrets and punctuation between the service and the value.
fn behind_known_words(view: TextView<'_>, Span { start, end }: Span) -> AssignmentOutcome {
    let mut cursor = Cursor::new(view, end);
    let mut secret = is_announced(view.text, start) || has_secret_at_end(&view.text[start..end]);
    let mut strange = 0;
    while cursor.at - end < MAX_GAP {
        if separators(&mut cursor)? >= MAX_SEPARATORS {
            return Ok(None);
        }
        let from = cursor.at;
        cursor.skip(&ALNUM, MAX_VALUE)?;
        let word = &view.text[from..cursor.at];
        match vocabulary(word) {
            Some(said) => secret |= said,
            None if strange < MAX_STRANGE && is_plain_word(word) => strange += 1,
            None => {
                cursor.skip(&VALUE, MAX_VALUE)?;
                let from = whole(view.text, from, end);
                if strange > 0 && has_other_name(&view.text[end..from]) {
                    return Ok(None);
                }
                if !secret && (strange > 0 || !is_quoted(view.text, from, &cursor)?) {
                    return Ok(None);
                }
                let found = plain(view.text, from, cursor.at);
                let common = |f: &AssignedSecret| {
                    let value = &view.text[f.span];
                    is_digest(value) || (!secret && is_hex_parts(value))
                };
                return Ok(found.filter(|f| (secret && strange == 0) || !common(f)));
            }
        }
    }
    Ok(None)
}

/// Takes what stands between two words, also the letters of escaped blanks; how many bytes that was.
fn separators(cursor: &mut Cursor<'_>) -> Result<usize, TooShort> {
    let from = cursor.at;
    while cursor.at - from < MAX_SEPARATORS && BETWEEN.has(cursor.peek()?) {
        let escape = cursor.peek()? == b'\\';
        cursor.at += 1;
        cursor.at += usize::from(escape && matches!(cursor.peek()?, b'n' | b'r' | b't'));
    }
    Ok(cursor.at - from)
}

/// Keywords of services with a common name carry the word for a secret: `render key`, `exaapi`.
fn has_secret_at_end(keyword: &[u8]) -> bool {
    let ends = |word: &&[u8]| {
        keyword.len().checked_sub(word.len()).is_some_and(|at| keyword[at..].eq_ignore_ascii_case(word))
    };
    [&b"key"[..], b"token", b"secret"].iter().any(ends)
}

/// `the token for service: x`, `<secret>{service x}`: the word for a secret stands before the service's name.
fn is_announced(text: &[u8], start: usize) -> bool {
    const LINKS: [&[u8]; 10] = [b"for", b"of", b"from", b"to", b"the", b"our", b"your", b"my", b"a", b"s"];
    let before = &text[start.saturating_sub(MAX_BEFORE)..start];
    let line = before.rsplit(|b| *b == b'\n').next().unwrap_or_default();
    let mut words = line.split(|b| !b.is_ascii_alphabetic()).rev().filter(|w| !w.is_empty());
    words.find(|w| !is_one_of(&LINKS, w)).is_some_and(|w| is_one_of(&SECRETS, w))
}

/// `"rule":"service-key","checksum":"x"`: a name of its own stands before the value, and it is no secret's.
fn has_other_name(between: &[u8]) -> bool {
    let last = between.iter().rposition(u8::is_ascii_alphanumeric).map_or(0, |i| i + 1);
    let name = &between[between[..last].iter().rposition(|b| !WORD.has(*b)).map_or(0, |i| i + 1)..last];
    let field = matches!(&between[last..], [b'"' | b'\'' | b'\\', ..]) && between[last..].contains(&b':');
    let word = name::words(name).last();
    word.is_some_and(|w| is_one_of(&DIGESTS, w) || (field && vocabulary(w).is_none()))
}

/// A short word of letters, as sentences and log lines have them.
fn is_plain_word(word: &[u8]) -> bool {
    (1..=12).contains(&word.len()) && word.iter().all(u8::is_ascii_alphabetic)
}

/// Where the value begins of which `at` is a part: `rnd_` and `0/` belong to what follows.
fn whole(text: &[u8], at: usize, end: usize) -> usize {
    let back = VALUE_RUN.run_back(&text[end..at], MAX_GAP);
    let start = at - back;
    // Glued to the service's own name it is no beginning.
    if start == end {
        return at;
    }
    let escape = text[start - 1] == b'\\' && matches!(text[start], b'n' | b'r' | b't');
    start + usize::from(escape && start < at)
}

/// Whether the value that begins at `start` and ends at the cursor has quotes of its own.
fn is_quoted(text: &[u8], start: usize, cursor: &Cursor<'_>) -> Result<bool, TooShort> {
    let quote = cursor.peek()?;
    Ok(matches!(quote, b'"' | b'\'' | b'`') && start > 0 && text[start - 1] == quote)
}

/// As long as a commit or a checksum.
fn is_digest(value: &[u8]) -> bool {
    matches!(value.len(), 40 | 64) && value.iter().all(|b| HEX.has(*b))
}

/// Whether a word is made of known ones only, and one of them means a secret.
fn vocabulary(word: &[u8]) -> Option<bool> {
    if word.len() <= 2 && word.iter().all(u8::is_ascii_digit) {
        return (!word.is_empty()).then_some(false);
    }
    let (mut at, mut secret) = (0, false);
    while at < word.len() {
        let rest = &word[at..];
        let begins = |w: &&&[u8]| rest.get(..w.len()).is_some_and(|r| r.eq_ignore_ascii_case(w));
        let longest = |words: &[&[u8]]| words.iter().filter(begins).map(|w| w.len()).max();
        match (longest(&SECRETS), longest(&FILLERS)) {
            (Some(length), _) => (at, secret) = (at + length, true),
            (None, Some(length)) => at += length,
            (None, None) => return None,
        }
    }
    Some(secret)
}

/// A value without quotes of its own, which must leave no doubt.
fn plain(text: &[u8], start: usize, mut end: usize) -> Option<AssignedSecret> {
    while end > start && matches!(text[end - 1], b'.' | b':' | b'-') {
        end -= 1;
    }
    let confidence = classify(&text[start..end]).filter(|c| *c > Confidence::Low)?;
    Some(AssignedSecret { span: Span::new(start, end), confidence, proven: false, tail: None })
}

/// Whether a value can be what a service issues.
fn classify(value: &[u8]) -> Option<Confidence> {
    let digits = value.iter().filter(|b| b.is_ascii_digit()).count();
    let fitting = (MIN_VALUE..=MAX_VALUE).contains(&value.len()) && value.iter().all(|b| VALUE.has(*b));
    let varied = digits > 1 || value::is_mixed(value);
    if !fitting || !varied || digits == value.len() || value::is_placeholder(value) {
        return None;
    }
    if value::has_sequence(value) {
        return (entropy::shannon(value) >= 3.0).then_some(Confidence::Low);
    }
    (value::is_opaque(value) || is_hex_parts(value) || is_scattered(value)).then_some(Confidence::Medium)
}

/// Letters and digits that take turns as in nothing that is written by hand.
fn is_scattered(value: &[u8]) -> bool {
    let turns = value.windows(2).filter(|w| w[0].is_ascii_digit() != w[1].is_ascii_digit()).count();
    turns * 4 >= value.len() && value.iter().all(u8::is_ascii_alphanumeric)
}

/// UUIDs and other hexadecimal parts, joined.
fn is_hex_parts(value: &[u8]) -> bool {
    value.iter().all(|b| HEX.has(*b) || matches!(b, b'-' | b':' | b'.' | b'_' | b'/'))
        && value.iter().any(u8::is_ascii_alphabetic)
        && entropy::shannon(value) > 2.9
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Option<&str> {
        let view = TextView { text: text.as_bytes(), last: true };
        let at = text.to_ascii_lowercase().find("acmeai").unwrap();
        let found = find(view, Span::new(at, at + 6)).ok().unwrap()?;
        Some(&text[found.span])
    }

    #[test]
    fn a_service_a_word_for_a_secret_and_a_value_are_found() {
        let uuid = "9c41d0e7-52ab-4f18-8d3e-a06b7719fe25";
        for text in [
            "ACMEAI_API_KEY=@",
            "acmeai token @",
            "acmeAI.secretKey: '@'",
            "AcmeAI API Key\n@\n",
            "token for acmeai: @",
            "acmeai API\n[DEBUG] Using Key=@",
        ] {
            assert_eq!(found(&text.replace('@', uuid)), Some(uuid), "{text}");
        }
        for text in [
            "ACMEAI_ID=@",
            "acmeai @",
            "acmeai_key_id=@",
            "macmeai_key=@",
            "acmeai token of one old branch @",
            "acmeai-api-@",
        ] {
            assert_eq!(found(&text.replace('@', uuid)), None, "{text}");
        }
    }

    #[test]
    fn a_probe_sees_what_a_look_from_each_place_would() {
        let text: Vec<u8> = (0..4000u32)
            .map(|i| i.wrapping_mul(2_654_435_761) >> 13)
            .map(|noise| b"abcdefghij-._/Zz7  "[noise as usize % if noise & 0x700 == 0 { 19 } else { 16 }])
            .collect();
        let view = TextView { text: &text, last: true };
        let mut probe = ValueProbe::default();
        let mut valued = 0;
        for end in (0..text.len()).filter(|i| i % 5 < 2) {
            let has_value = probe.has_value(view, end);
            let reach = &text[end..text.len().min(end + MAX_REACH)];
            let like = |w: &[u8]| w.iter().all(|b| VALUE_RUN.has(*b)) && w.iter().any(u8::is_ascii_digit);
            assert_eq!(has_value, reach.windows(MIN_VALUE).any(like), "{end}");
            valued += usize::from(has_value);
        }
        assert!((100..1500).contains(&valued), "{valued}: the text shows little");
    }

    #[test]
    fn a_value_in_quotes_needs_no_word_for_a_secret() {
        assert_eq!(found("acmeai 'k2v9x0q7b4m1s8d3'"), Some("k2v9x0q7b4m1s8d3"));
        for value in ["9c41d0e7-52ab-4f18-8d3e-a06b7719fe25", "9c41d0e752ab4f188d3ea06b7719fe25"] {
            assert_eq!(found(&format!("acmeai '{value}'")), None, "{value}");
        }
        assert_eq!(found("acmeai k2v9x0q7b4m1s8d3"), None);
    }

    #[test]
    fn a_value_is_taken_from_its_beginning() {
        for value in ["rnd_k2v9x0q7b4m1s8d3", "0/9c41d0e752ab4f188d3ea06b7719fe25", "u+Lk2v9x0q7b4m1s8d3"] {
            assert_eq!(found(&format!("acmeai token {value}")), Some(value));
        }
        assert_eq!(found("acmeai-key-k2v9x0q7b4m1s8d3"), Some("k2v9x0q7b4m1s8d3"));
    }

    #[test]
    fn values_are_long_and_random() {
        assert_eq!(found("acmeai_key=k2v9x0q7b4m1s8d3"), Some("k2v9x0q7b4m1s8d3"));
        assert_eq!(found("acmeai_key=k2v9x0q7b4m1s8d"), None, "one byte too short");
        let longest = "k2v9x0q7b4m1s8d3fw6r".repeat(MAX_VALUE / 20);
        assert_eq!(found(&format!("acmeai_key={longest}")), Some(longest.as_str()));
        assert_eq!(found(&format!("acmeai_key={longest}x")), None, "one byte too long");
        for text in [
            "acmeai_key=the-name-of-a-secret",
            "acmeai_key=config.services.key1",
            "acmeai key 2024-01-02T03:04:05",
        ] {
            assert_eq!(found(text), None, "{text}");
        }
    }
}
