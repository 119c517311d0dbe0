//! Escapes that leave the text's structure as it is: percent-encoding, `\uXXXX`, `\xXX`, HTML entities, `\/`, bytes
//! written as `0x68, 0x75`, and colour codes, which stand for nothing.
//!
//! Places that ask for decoding become *sites*; sites that are near each other are one region, which is decoded and
//! scanned once. What is found there is reported at the places of the original, so that its span is exact.

#![expect(clippy::cast_possible_truncation, reason = "only values below 0x80 are converted")]

use super::decoded::DecodedText;
use super::entities::{self, digit, entity, reference};
use crate::bytes::{ByteSet, HEX};
use crate::text::terminal;
use crate::text::{Span, TextView};

/// Sites that are nearer to each other than this, in bytes, are one region.
const GAP: usize = 256;
/// Links that are nearer to each other are decoded together.
const NEAR: usize = 64;
/// No site is reported later than so many bytes behind its beginning.
const SIGHT: usize = 128;
/// How far behind its last site a region reaches at the most; one of percent escapes to the end of its run.
pub(crate) const FARTHEST: usize = 1024;
/// The same at the least, where values are searched for: sites that are so near would be decoded in any case.
const NEAREST: usize = BEFORE + SIGHT;
/// Bytes that most escapes take for one.
const WIDEST: usize = 8;
const FAR_AHEAD: usize = 4096;
/// How far before an escape the run that it belongs to is taken in.
const BEFORE: usize = 128;

/// What a percent-encoded run is made of: printable bytes without angle brackets, backslashes and those quotes that all
/// writers of links encode.
const RUN: ByteSet = ByteSet::EMPTY
    .with(b'!', b'!')
    .with(b'#', b';')
    .with(b'=', b'=')
    .with(b'?', b'[')
    .with(b']', b'_')
    .with(b'a', b'~');

/// Escapes that the engine looks for, in any case, with their widths: of quotes and of what stands in secrets and
/// before them, and bytes in a row that need no escaping.
pub(crate) const ESCAPES: &[(&str, u8)] = &[
    (r":\\/\\/", 5),
    (r"\\u00(?:2[27bf]|3[ad])", 6),
    (r"\\x(?:2[27bf]|3[ad])", 4),
    (r"&#x(?:2[bf]|3[ad]);", 6),
    (r"&#(?:43|47|58|61);", 5),
    (r"&quot;:", 7),
    (r"[:=]&(?:quot|apos|#x22|#x27);", 7),
    (r"[:=] &(?:quot|apos|#x22|#x27);", 8),
    (r"[:=]&#3[49];", 6),
    (r"[:=] &#3[49];", 7),
    (r"(?:\\u00[2-7][0-9a-f]){3}", 18),
    (r"(?:\\x[2-7][0-9a-f]){4}", 16),
    (r"(?:&#x[2-7][0-9a-f];){2}", 12),
    (r"&#[0-9]{2};&#[0-9]{2}", 9),
    (r"&#[0-9]{3};&#[0-9]{3}", 11),
    (r"(?:0x[2-7][0-9a-f],){4}", 20),
    (r"(?:0x[2-7][0-9a-f], ){4}", 24),
    (r"\x1b[\[\]]", 2),
    (r"\\x1b[\[\]]", 5),
    (r"\\033[\[\]]", 5),
    (r"\\u001b[\[\]]", 7),
    (r"\\e\[[0-9]", 4),
    (r"(?:[a-z]\x08[a-z]){2}", 6),
    (r"(?:[a-z]\\b[a-z]){2}", 8),
    (r"(?:[a-z]\\u0008[a-z]){2}", 16),
];

/// Bytes that begin nothing that is decoded: all but `%`, `&`, `+`, `0`, the backslash, the backspace and the escape byte.
const PLAIN: ByteSet = ByteSet::EMPTY
    .with(0, 0x07)
    .with(0x09, 0x1a)
    .with(0x1c, b'$')
    .with(b'\'', b'*')
    .with(b',', b'/')
    .with(b'1', b'[')
    .with(b']', 0xff);

/// What escapes are read as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reading {
    /// As rules read them: a `+` is a blank where a form was written.
    Rules,
    /// As values are searched for, which may have been written with any: those that strings need as well, and a `+` is one.
    Values,
    /// The same, with a blank for `+`.
    Form,
    /// The same, but for what strings need: a backslash is one.
    Unquoted,
}

/// A part of the text that is worth decoding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct EscapeSite {
    span: Span,
    /// A percent escape: what it belongs to ends with the run of a link or a form.
    percent: bool,
}

impl EscapeSite {
    /// A part of the text in which or behind which escapes of any kind stand.
    pub(crate) fn new(span: Span) -> EscapeSite {
        EscapeSite { span, percent: false }
    }

    /// Escapes at a place, with the run that they belong to.
    pub(crate) fn with_run(text: &[u8], Span { start, end }: Span) -> EscapeSite {
        EscapeSite::new(Span::new(start - RUN.run_back(&text[..start], BEFORE), end))
    }
}

/// Text with escapes in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Region {
    pub(crate) start: usize,
    pub(crate) end: usize,
    /// Behind its last site: what follows stands there as it is.
    pub(crate) escaped_end: usize,
    /// Whether its end would be the same however the text goes on.
    pub(crate) closed: bool,
    /// It ends because it reached its limit, not because something ends it.
    pub(crate) cut: bool,
}

/// Percent escapes that are worth decoding: of what stands in secrets, before them and around them, and of what needs
/// no escaping. The others (`%3C`, `%5B`) are everywhere in links.
fn is_worth_decoding(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(
            byte,
            b' ' | b'"'
                | b'\''
                | b'+'
                | b'/'
                | b':'
                | b'='
                | b'@'
                | b'%'
                | b'-'
                | b'_'
                | b'.'
                | b'\r'
                | b'\n'
        )
}

/// Adds a site for each percent escape that is worth decoding; for `all`, if values are searched for that may be written
/// with any of them.
pub(crate) fn percents(text: &[u8], all: bool, sites: &mut Vec<EscapeSite>) {
    // Where the site before ends; one that is no nearer may begin a region of its own, and then begins with its run.
    let mut last = None;
    for at in memchr::memchr_iter(b'%', text) {
        let [high, low, ..] = text[at + 1..] else { break };
        if !HEX.has(high) || !HEX.has(low) || !(all || is_worth_decoding(digit(high) << 4 | digit(low))) {
            continue;
        }
        let floor = last.unwrap_or(0);
        let far = last.is_none() || at - floor >= NEAR;
        let start = if far { at - RUN.run_back(&text[floor..at], BEFORE) } else { at };
        sites.push(EscapeSite { span: Span::new(start, at + 3), percent: true });
        last = Some(at + 3);
    }
}

/// Adds a site for each entity, for `all` also for each escape of a string and for each percent escape whose run is cut by a
/// sign that may be of a value, and for what stands before it: a value that is searched for may begin there, whatever it is
/// made of.
pub(crate) fn of_values(text: &[u8], all: bool, sites: &mut Vec<EscapeSite>) {
    let site = |at: usize| {
        let width = width(&text[at..])?;
        Some(EscapeSite::new(Span::new(at.saturating_sub(BEFORE), at + width)))
    };
    if !all {
        let signs = memchr::memchr_iter(b'&', text).filter(|at| entities::may_begin(&text[at + 1..]));
        return sites.extend(signs.filter_map(site));
    }
    let escapes = memchr::memchr3_iter(b'&', b'\\', b'%', text);
    sites.extend(escapes.filter(|at| text[*at] != b'%' || stands_at_sign(text, *at)).filter_map(site));
}

/// Whether the run around the percent escape at `at` begins or ends at a sign that no writer of links leaves, with more of a
/// word on its other side.
fn stands_at_sign(text: &[u8], at: usize) -> bool {
    if percent(&text[at..]).is_none() {
        return false;
    }
    let goes_on = |next: &u8| next.is_ascii_alphanumeric() || matches!(next, b'%' | b'"');
    let ends = || match text[at + RUN.run(&text[at..], SIGHT)..] {
        [b'\\', next, ..] => goes_on(&next) && !matches!(next, b'n' | b'r' | b't'),
        [b'"' | b'<' | b'>' | b'`', next, ..] => goes_on(&next),
        _ => false,
    };
    let begins = || {
        let before = &text[..at - RUN.run_back(&text[..at], SIGHT)];
        matches!(before, [.., last, b'\\' | b'"' | b'<' | b'>' | b'`'] if goes_on(last))
    };
    ends() || begins()
}

/// Where a value may stand whose anchor was met, and that would begin at `start` without its escapes and end at `end`; `None`
/// if there are none.
pub(crate) fn around(text: &[u8], start: usize, end: usize) -> Option<Span> {
    let from = start.saturating_sub(BEFORE);
    let near = &text[from..end.min(text.len())];
    let first =
        memchr::memchr3_iter(b'&', b'%', b'\\', near).find_map(|at| Some(at + width(&near[at..])?))?;
    Some(Span::new(from, from + first))
}

/// The string that begins with the value at `place`, if that ends at an escape: what looks like its end without the escape is
/// a part of it. `limit` is where the string ends at the latest.
pub(crate) fn string_around(text: &[u8], place: Span, limit: usize) -> Option<Span> {
    let backslashes = |text: &[u8]| text.iter().take_while(|byte| **byte == b'\\').count();
    let quote = *text[..place.start].last().filter(|byte| matches!(byte, b'"' | b'\''))?;
    let opening = text[..place.start - 1].iter().rev().take_while(|byte| **byte == b'\\').count();
    let rest = text.get(place.end..limit)?;
    // A line end or a tab ends the value.
    let escape = rest.get(backslashes(rest)..)?.first().filter(|_| rest.starts_with(b"\\"));
    escape.filter(|byte| matches!(byte, b'u' | b'x' | b'/' | b'"' | b'\''))?;
    let mut at = 0;
    while let Some(step) = memchr::memchr3(quote, b'\\', b'\n', &rest[at..]) {
        at += step;
        let run = backslashes(&rest[at..]);
        let is_quote = rest.get(at + run) == Some(&quote);
        let closes = if opening == 0 { run.is_multiple_of(2) } else { run == opening };
        if is_quote && closes {
            let end = place.end + at + if opening == 0 { run } else { 0 };
            return (end > place.end).then_some(Span::new(place.start, end));
        }
        if run == 0 {
            return None;
        }
        at += run + usize::from(is_quote);
    }
    None
}

/// How many bytes the escape takes that `text` begins with, if values may be written with it.
fn width(text: &[u8]) -> Option<usize> {
    let escape = string_escape(text).or_else(|| unescape(text)).map(|(_, width)| width);
    escape.or_else(|| character(text).map(|(_, width)| width))
}

/// Other ways to read a part of a text that holds escapes, of which only the values tell which one is right: whether a form
/// was written, which says something of values with blanks only, and whether a string was.
pub(crate) fn other_readings(first: Reading, has_blanks: bool, text: &[u8]) -> impl Iterator<Item = Reading> {
    let plus = match first {
        Reading::Rules if is_plus_space(text) => Reading::Unquoted,
        _ => Reading::Form,
    };
    let has_plus = (has_blanks || plus == Reading::Unquoted) && memchr::memchr(b'+', text).is_some();
    let is_string = || memchr::memchr_iter(b'\\', text).any(|at| string_escape(&text[at..]).is_some());
    let has_others = || memchr::memchr3_iter(b'&', b'%', b'\\', text).any(|at| is_escape(&text[at..]));
    let is_mixed = first == Reading::Values && is_string() && has_others();
    [(has_plus, plus), (is_mixed, Reading::Unquoted)]
        .into_iter()
        .filter_map(|(applies, reading)| applies.then_some(reading))
}

/// What a string of code or JSON needs an escape for.
fn string_escape(text: &[u8]) -> Option<(u8, usize)> {
    match text {
        [b'\\', byte @ (b'"' | b'\'' | b'\\' | b'/'), ..] => Some((*byte, 2)),
        _ => None,
    }
}

/// How far behind an escape a value of so many bytes is decoded.
pub(crate) fn reach_of(longest: usize) -> usize {
    (longest * WIDEST).clamp(NEAREST, FARTHEST)
}

/// Takes the next region from `sites[*index..]`, which are sorted; it reaches so far behind its last one.
pub(crate) fn next(
    view: TextView<'_>,
    (reading, reach): (Reading, usize),
    sites: &[EscapeSite],
    index: &mut usize,
) -> Option<Region> {
    let text = view.text;
    // All that is decoded twice is lost time; what rules look at ends where it always did.
    let near = if reading == Reading::Rules { GAP } else { reach - NEAREST };
    let first = sites.get(*index)?;
    let (mut last, mut percent) = (first.span.end, first.percent);
    *index += 1;
    while let Some(site) = sites.get(*index).filter(|s| s.span.start <= last + near) {
        // A link ends where its run does; the next one is another, unless it is so near that decoding both at once is
        // less work.
        let gap = &text[last.min(site.span.start)..site.span.start];
        if percent && site.percent && gap.len() >= NEAR && RUN.run(gap, GAP) < gap.len() {
            break;
        }
        last = last.max(site.span.end);
        percent &= site.percent;
        *index += 1;
    }
    let rest = &text[last.min(text.len())..];
    let limit = if percent { FAR_AHEAD } else { reach };
    let ahead = if percent { RUN.run(rest, limit) } else { rest.len().min(limit) };
    let end = last + ahead;
    // Another site could still make it longer.
    let ended = percent && end < text.len() && last + GAP + SIGHT <= text.len();
    let closed = view.last || ahead == limit || ended;
    Some(Region { start: first.span.start, end, escaped_end: last, closed, cut: ahead == limit })
}

/// Decodes `text[from..to]`; false if there is nothing to decode.
pub(crate) fn decode(
    text: &[u8],
    Span { start: from, end: to }: Span,
    reading: Reading,
    decoded: &mut DecodedText,
) -> bool {
    decoded.begin();
    let plus = match reading {
        Reading::Rules => is_plus_space(&text[from..to]),
        Reading::Values | Reading::Unquoted => false,
        Reading::Form => true,
    };
    let takes_strings = matches!(reading, Reading::Values | Reading::Form);
    let mut at = from;
    let mut changed = false;
    while at < to {
        let rest = &text[at..to];
        // A backspace may take back the last of them.
        let plain = PLAIN.run(rest, rest.len());
        let plain = if plain < rest.len() { plain.saturating_sub(1) } else { plain };
        if plain > 0 {
            decoded.extend(&rest[..plain], at);
            at += plain;
            continue;
        }
        let unseen = terminal::unseen(rest);
        if unseen > 0 {
            decoded.pass(Span::new(at, at + unseen));
            (changed, at) = (true, at + unseen);
            continue;
        }
        if let Some((character, width)) = character(rest) {
            for byte in character.encode_utf8(&mut [0; 4]).bytes() {
                decoded.push(byte, at);
            }
            (changed, at) = (true, at + width);
            continue;
        }
        let (byte, width) = match rest[0] {
            b'\\' if takes_strings && let Some(escape) = string_escape(rest) => escape,
            b'%' | b'\\' | b'&' | b'0' => unescape(rest).unwrap_or((rest[0], 1)),
            b'+' if plus => (b' ', 1),
            byte => (byte, 1),
        };
        changed |= width > 1;
        decoded.push(byte, at);
        at += width;
    }
    decoded.finish(to);
    changed
}

/// Forms write a space as `+`: recognised by one beside an escape, where no space is written as `%20`.
pub(crate) fn is_plus_space(text: &[u8]) -> bool {
    let beside = |at: usize| {
        text.get(at + 1) == Some(&b'%')
            || (at >= 3 && text[at - 3] == b'%')
            || text[..at].ends_with(b"-----BEGIN")
    };
    memchr::memmem::find(text, b"%20").is_none() && memchr::memchr_iter(b'+', text).any(beside)
}

/// Whether an escape stands at `at` that base64 may go on with: of `+`, `/`, `=`, `-` or `_`.
pub(crate) fn is_base64_escape(text: &[u8], at: usize) -> bool {
    unescape(&text[at..]).is_some_and(|(byte, _)| matches!(byte, b'+' | b'/' | b'=' | b'-' | b'_'))
}

/// Whether the text begins with an escape.
pub(crate) fn is_escape(text: &[u8]) -> bool {
    unescape(text).is_some()
}

/// Whether an entity in `text`, which begins behind a keyword whose name goes on for `name` bytes, can be of an
/// assignment. `<`, `>`, `&` and spaces, which are everywhere in pages, only in a value that began before them, or as
/// the end of a tag with that name.
pub(crate) fn is_assigned_entity(text: &[u8], name: usize) -> bool {
    memchr::memchr_iter(b'&', text).any(|at| match unescape(&text[at..]) {
        None => false,
        Some((b'>', _)) if at == name => true,
        Some((b'<' | b'>' | b'&' | b' ', _)) => {
            let before = &text[..at];
            let begun = before.last().is_some_and(|b| !matches!(b, b' ' | b'=' | b':'));
            begun && memchr::memchr2(b'=', b':', before).is_some() && memchr::memchr(b'<', before).is_none()
        }
        Some(_) => true,
    })
}

/// The byte that is percent-encoded at the start of `text`.
pub(crate) fn percent(text: &[u8]) -> Option<u8> {
    match text {
        [b'%', a, b, ..] if HEX.has(*a) && HEX.has(*b) => Some(digit(*a) << 4 | digit(*b)),
        _ => None,
    }
}

/// The byte that is escaped at the start of `text` and how many bytes the escape takes. Only ASCII, except for percent.
fn unescape(text: &[u8]) -> Option<(u8, usize)> {
    match text {
        [b'%', a, b, ..] if HEX.has(*a) && HEX.has(*b) => Some((percent(text)?, 3)),
        [b'%' | b'\\', b'u', rest @ ..] => Some((number(rest, 4)?, 6)),
        [b'\\', b'x', rest @ ..] => Some((number(rest, 2)?, 4)),
        [b'\\', b'/', ..] => Some((b'/', 2)),
        [b'&', rest @ ..] => entity(rest).map(|(byte, width)| (byte, width + 1)),
        [b'0', b'x', rest @ ..] => listed(rest).map(|(byte, width)| (byte, width + 2)),
        _ => None,
    }
}

/// The character beyond ASCII that is escaped at the start of `text`, and how many bytes the escape takes; of a pair of
/// surrogates both.
fn character(text: &[u8]) -> Option<(char, usize)> {
    match text {
        [b'%' | b'\\', b'u', rest @ ..] => {
            let first = code(rest, 4)?;
            let pair = || {
                let [b'%' | b'\\', b'u', low @ ..] = rest.get(4..)? else { return None };
                let second = code(low, 4).filter(|code| (0xDC00..0xE000).contains(code))?;
                Some((char::from_u32(0x1_0000 + ((first - 0xD800) << 10) + (second - 0xDC00))?, 12))
            };
            match first {
                0xD800..0xDC00 => pair(),
                0x80.. => Some((char::from_u32(first)?, 6)),
                _ => None,
            }
        }
        [b'&', b'#', rest @ ..] => {
            let (value, width) = reference(rest)?;
            Some((char::from_u32(value).filter(|c| !c.is_ascii())?, width + 2))
        }
        _ => None,
    }
}

/// A number of exactly so many hex digits.
fn code(text: &[u8], digits: usize) -> Option<u32> {
    text.get(..digits)?.iter().try_fold(0u32, |n, b| HEX.has(*b).then(|| n << 4 | u32::from(digit(*b))))
}

/// A number of exactly so many hex digits, if it is ASCII.
fn number(text: &[u8], digits: usize) -> Option<u8> {
    code(text, digits).filter(|value| *value < 0x80).map(|value| value as u8)
}

/// What stands behind `0x` in a list of bytes: two digits, a comma and the way to the next.
fn listed(text: &[u8]) -> Option<(u8, usize)> {
    let byte = number(text, 2)?;
    let rest = &text[2..];
    let list = ByteSet::of(b", \t\r\n");
    let between = list.run(rest, 16);
    let goes_on = rest.first() == Some(&b',') && rest[between..].starts_with(b"0x");
    let ends = rest.first().is_none_or(|b| matches!(b, b'}' | b']' | b')' | b' ' | b'\n' | b','));
    (goes_on || ends).then_some((byte, 2 + if goes_on { between } else { 0 }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decoded(text: &str) -> String {
        let mut plain = DecodedText::default();
        decode(text.as_bytes(), Span::new(0, text.len()), Reading::Rules, &mut plain);
        String::from_utf8_lossy(&plain.text).into_owned()
    }

    #[test]
    fn every_kind_of_escape_is_read() {
        for (text, plain) in [
            ("a%3D%22b%22%u0041", "a=\"b\"A"),
            ("\\u0061\\x62\\/", "ab/"),
            ("&quot;a&#34;&#x22;&amp;&#0039;", "\"a\"\"&'"),
            ("{0x68, 0x75,0x6e,\n 0x74}", "{hunt}"),
            ("a+%3D+b", "a = b"),
            ("a+b%3D%20c", "a+b= c"),
            ("\u{1b}[34ma\u{1b}[0m=\\u001b[32mb\\033[0mc\\x1b[0m\\e[0md", "a=bcd"),
            (
                "&bogus; &# &#; &#x; %4 %zz \\u00 \\x4 0x4 &#99999999; &Amp;",
                "&bogus; &# &#; &#x; %4 %zz \\u00 \\x4 0x4 &#99999999; &Amp;",
            ),
            ("&bsol;&num;&ast;&NonBreakingSpace;&percnt;&vert;&#33a&#x21 b", "\\#* %|!a! b"),
            (
                "\\u00e9&#233;&#xE9;%u00e9\\ud83d\\udd11\\ud83d\\u0041",
                "\u{e9}\u{e9}\u{e9}\u{e9}\u{1F511}\\ud83dA",
            ),
        ] {
            assert_eq!(decoded(text), plain, "{text}");
        }
    }

    #[test]
    fn a_string_ends_at_its_own_quote() {
        for (text, found, expected) in [
            (r#""ab\u0022cd" x"#, "ab", Some(r"ab\u0022cd")),
            (r#""ab\"cd\\" x"#, "ab", Some(r#"ab\"cd\\"#)),
            (r#"\"ab\\u0022cd\" x"#, "ab", Some(r"ab\\u0022cd")),
            (r#"\"ab\\\"cd\" x"#, "ab", Some(r#"ab\\\"cd"#)),
            (r#"\"ab\" x"#, "ab", None),
            (r#"\"ab\\u0022cd" x"#, "ab", None),
            (r#""ab\ncd" x"#, "ab", None),
            (r#""ab\u0022cd"#, "ab", None),
            ("\"ab\\u0022c\nd\"", "ab", None),
            (r#"ab\u0022cd""#, "ab", None),
        ] {
            let start = text.find(found).unwrap();
            let place = Span::new(start, start + found.len());
            let span = string_around(text.as_bytes(), place, text.len());
            assert_eq!(span.map(|span| &text[span.range()]), expected, "{text}");
        }
    }

    #[test]
    fn entities_of_an_assignment_are_distinguished_from_those_of_a_page() {
        for (text, name, expected) in [
            (" = &quot;x", 0, true),
            ("&gt;x&lt;/a", 0, true),
            ("_x&gt;y", 2, true),
            ("=ab&amp;c", 0, true),
            (": &amp;str", 0, false),
            ("&lt;T&gt;", 0, false),
            ("</a> x=y&lt;", 0, false),
            (" -&gt; x", 0, false),
        ] {
            assert_eq!(is_assigned_entity(text.as_bytes(), name), expected, "{text}");
        }
    }

    #[test]
    fn spans_lead_back() {
        let mut plain = DecodedText::default();
        let text = b"q=password%3D%22abc%22&r";
        assert!(decode(text, Span::new(0, text.len()), Reading::Rules, &mut plain));
        assert_eq!(plain.text, b"q=password=\"abc\"&r");
        assert_eq!(plain.original(12, 15), Span::new(16, 19));
        assert!(!decode(b"no escape", Span::new(0, 9), Reading::Rules, &mut plain));
        let text = b"\x1b[34mk\x1b[0m=\x1b[32mva\x1b[1m\x1b[4mlue\x1b[0m\x1b[K;";
        assert!(decode(text, Span::new(0, text.len()), Reading::Rules, &mut plain));
        assert_eq!(plain.text, b"k=value;");
        assert_eq!(&text[plain.original(2, 7).range()], b"va\x1b[1m\x1b[4mlue");
    }

    #[test]
    fn near_spots_are_one_region_and_links_end() {
        let text = format!("see x?a%3Db {}y%3Dz and {}", " ".repeat(2 * NEAR), " ".repeat(GAP + FARTHEST));
        let mut sites = Vec::new();
        percents(text.as_bytes(), false, &mut sites);
        let view = TextView { text: text.as_bytes(), last: false };
        let mut index = 0;
        let first = next(view, (Reading::Rules, FARTHEST), &sites, &mut index).unwrap();
        assert_eq!((first.start, first.end, first.closed, first.cut), (4, 11, true, false));
        let second = next(view, (Reading::Rules, FARTHEST), &sites, &mut index).unwrap();
        assert_eq!(&text[second.end - 4..second.end], "%3Dz");
        assert_eq!(next(view, (Reading::Rules, FARTHEST), &sites, &mut index), None);
        let cut = TextView { text: &text.as_bytes()[..20], last: false };
        assert!(!next(cut, (Reading::Rules, FARTHEST), &sites[..1], &mut 0).unwrap().closed);
    }
}
