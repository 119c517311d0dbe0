//! Whatever is found in a text is found in the same text encoded, once and twice, over the whole catalogue.

use crate::common::{builtin, show, whole};
use crate::random::Random;
use aegis_detect::Confidence;
use aegis_detect::rule_test::unmark;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use std::fmt::Write as _;

/// A text under an encoding, and for each byte of the original where its encoding begins and ends.
pub(crate) struct Encoded {
    pub(crate) text: String,
    places: Vec<(usize, usize)>,
}

/// An encoding by name.
pub(crate) type Encoding = (&'static str, fn(&str) -> Encoded);

/// All encodings of the tests, the doubled ones last.
pub(crate) const ENCODINGS: &[Encoding] = &[
    ("base64", |t| base64(t, usize::MAX, "")),
    ("base64 for URLs", |t| even(t, 3, 4, URL_SAFE_NO_PAD.encode(t))),
    ("folded base64", |t| base64(t, 76, "\n")),
    ("folded base64, CRLF", |t| base64(t, 64, "\r\n")),
    ("folded base64 in JSON", |t| base64(t, 60, "\\n")),
    ("folded base64 in YAML", |t| base64(t, 64, "\n    ")),
    ("hex", |t| even(t, 1, 2, hex_of(t))),
    ("HEX", |t| even(t, 1, 2, hex_of(t).to_uppercase())),
    ("percent", |t| each(t, |b| if plain(b) { String::new() } else { format!("%{b:02X}") })),
    ("form", |t| each(t, form)),
    ("percent, all", |t| each(t, |b| format!("%{b:02x}"))),
    ("\\u, all", |t| each(t, |b| format!("\\u{b:04x}"))),
    ("\\x, all", |t| each(t, |b| format!("\\x{b:02X}"))),
    ("\\u", |t| each(t, |b| if special(b) { format!("\\u{b:04x}") } else { String::new() })),
    ("entities", |t| each(t, entity)),
    ("entities, all", |t| each(t, |b| format!("&#{b};"))),
    ("list of bytes", |t| each(t, |b| format!("0x{b:02x}, "))),
    ("base64 in base64", |t| then(base64(t, usize::MAX, ""), |t| base64(t, usize::MAX, ""))),
    ("folded base64 in base64", |t| then(base64(t, 76, "\n"), |t| base64(t, 76, "\n"))),
    ("base64 in percent", |t| then(base64(t, usize::MAX, ""), |t| each(t, escaped))),
    ("percent in base64", |t| then(each(t, escaped), |t| base64(t, usize::MAX, ""))),
    ("percent in percent", |t| then(each(t, escaped), |t| each(t, escaped))),
    ("base64 in hex", |t| then(base64(t, usize::MAX, ""), hex)),
    ("hex in base64", |t| then(hex(t), |t| base64(t, usize::MAX, ""))),
    ("entities in base64", |t| then(each(t, entity), |t| base64(t, usize::MAX, ""))),
    ("\\x in base64", |t| then(each(t, |b| format!("\\x{b:02x}")), |t| base64(t, usize::MAX, ""))),
];

/// How many in a thousand may be missed where only some characters are escaped: shapes that hold quotes, `<` or `&`
/// with no name before them. Those escapes stand in all HTML and most JSON; alone they are not worth decoding.
const TOLERATED: usize = 10;

/// Encodings that escape some characters only.
const PARTIAL: [&str; 3] = ["\\u", "entities", "entities in base64"];

fn plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~')
}

fn special(byte: u8) -> bool {
    matches!(byte, b'"' | b'\'' | b'&' | b'<' | b'>' | b'=' | b'+' | b'/')
}

fn escaped(byte: u8) -> String {
    if plain(byte) { String::new() } else { format!("%{byte:02X}") }
}

fn form(byte: u8) -> String {
    if byte == b' ' { "+".to_owned() } else { escaped(byte) }
}

fn entity(byte: u8) -> String {
    match byte {
        b'"' => "&quot;".to_owned(),
        b'&' => "&amp;".to_owned(),
        b'<' => "&lt;".to_owned(),
        b'>' => "&gt;".to_owned(),
        b'\'' | b'=' | b'/' | b'+' => format!("&#x{byte:X};"),
        _ => String::new(),
    }
}

fn hex_of(text: &str) -> String {
    text.bytes().fold(String::new(), |out, b| out + &format!("{b:02x}"))
}

fn hex(text: &str) -> Encoded {
    even(text, 1, 2, hex_of(text))
}

/// Every `bytes` bytes become `chars` characters.
fn even(text: &str, bytes: usize, chars: usize, encoded: String) -> Encoded {
    let place = |i: usize| (i * chars / bytes, ((i + 1) * chars).div_ceil(bytes));
    Encoded { text: encoded, places: (0..text.len()).map(place).collect() }
}

/// Base64, folded at `width` characters.
fn base64(text: &str, width: usize, end: &str) -> Encoded {
    let encoded = STANDARD.encode(text);
    let mut out = even(text, 3, 4, String::new());
    let moved = |at: usize| at + at / width * end.len();
    for (start, stop) in &mut out.places {
        (*start, *stop) = (moved(*start), moved(*stop - 1) + 1);
    }
    let lines: Vec<&str> = encoded
        .as_bytes()
        .chunks(width.min(encoded.len()))
        .map(|l| std::str::from_utf8(l).expect("base64 is ASCII"))
        .collect();
    out.text = lines.join(end);
    out
}

/// Byte by byte; what gives nothing stays as it is.
fn each(text: &str, escape: impl Fn(u8) -> String) -> Encoded {
    let mut out = Encoded { text: String::new(), places: Vec::new() };
    for c in text.chars() {
        let mut bytes = [0; 4];
        for byte in c.encode_utf8(&mut bytes).bytes() {
            let start = out.text.len();
            let escaped = if byte.is_ascii() { escape(byte) } else { format!("%{byte:02X}") };
            if escaped.is_empty() {
                out.text.push(byte as char);
            } else {
                out.text.push_str(&escaped);
            }
            out.places.push((start, out.text.len()));
        }
    }
    out
}

/// One encoding inside another.
fn then(inner: Encoded, outer: impl Fn(&str) -> Encoded) -> Encoded {
    let outer = outer(&inner.text);
    let through = |(s, e): (usize, usize)| (outer.places[s].0, outer.places[e - 1].1);
    Encoded { text: outer.text, places: inner.places.into_iter().map(through).collect() }
}

/// Every example of every rule inside a small file.
fn files() -> impl Iterator<Item = (String, String)> {
    let (rules, _) = builtin();
    let all: Vec<_> = rules
        .iter()
        .flat_map(|(_, rule)| rule.matching.iter().map(|e| (rule.id.clone(), unmark(e).0)))
        .collect();
    all.into_iter().map(|(id, text)| (id, format!("# settings of the service\n{text}\nretries: 3\n")))
}

#[test]
fn what_is_found_plain_is_found_encoded() {
    let (rules, mut scanner) = builtin();
    let mut report = String::new();
    let mut failures = 0;
    for (name, encode) in ENCODINGS {
        let (mut secrets, mut missed) = (0, 0);
        for (id, text) in files() {
            let expected = whole(&mut scanner, text.as_bytes());
            let encoded = encode(&text);
            let full = format!("data: '{}'\nnext: line\n", encoded.text);
            let found = whole(&mut scanner, full.as_bytes());
            for secret in expected.iter().filter(|f| f.confidence > Confidence::Low) {
                secrets += 1;
                let (start, end) =
                    (encoded.places[secret.span.start].0, encoded.places[secret.span.end - 1].1);
                let covered = found.iter().any(|f| f.span.start <= start + 7 && f.span.end >= end + 7);
                if !covered {
                    missed += 1;
                    if missed <= 8 {
                        let shown = show(&rules, &full, &found);
                        let _ = writeln!(
                            report,
                            "  {id}: {text:?}\n   {:?}\n   got {shown}",
                            &full[7 + start..7 + end]
                        );
                    }
                }
            }
        }
        let _ = writeln!(report, "{name}: {missed} of {secrets} missed");
        let tolerated = if PARTIAL.contains(name) { secrets * TOLERATED / 1000 } else { 0 };
        failures += usize::from(missed > tolerated);
    }
    assert!(failures == 0, "{report}");
}

/// So many bytes of prose.
fn words(random: &mut Random, bytes: usize) -> Vec<u8> {
    let mut text = String::new();
    while text.len() < bytes {
        text += &random.word().replace('-', if random.below(9) == 0 { ".\n" } else { " and " });
    }
    text.truncate(bytes);
    text.into_bytes()
}

/// Base64 of so many bytes of text or of noise, a line of its own or folded.
fn body(random: &mut Random, bytes: usize, noise: bool, folded: bool) -> String {
    let bytes = if noise { random.bytes(bytes) } else { words(random, bytes) };
    let lines = STANDARD.encode(bytes).into_bytes();
    let width = if folded { 76 } else { lines.len() };
    lines.chunks(width).map(String::from_utf8_lossy).collect::<Vec<_>>().join("\n")
}

#[test]
fn a_secret_among_encoded_text_is_found_as_among_noise() {
    let (rules, mut scanner) = builtin();
    let mut random = Random::new(17);
    let (mut expected, mut missed) = (0, String::new());
    let encoded = |b: u8| b.is_ascii_alphanumeric() || b"+/-_".contains(&b);
    let mut secrets: Vec<(String, String)> = Vec::new();
    for (_, rule) in rules.iter() {
        for (text, span) in rule.matching.iter().map(|example| unmark(example)) {
            let secret = text[span.range()].trim_end_matches('=');
            // As whole groups, so that what follows is text again.
            let groups = &secret[..secret.len() / 4 * 4];
            secrets.extend([secret, groups].map(|s| (rule.id.clone(), s.to_owned())));
        }
    }
    secrets.retain(|(_, secret)| secret.bytes().all(encoded));
    for (folded, before) in [(true, "\n"), (false, "/"), (false, "\n")] {
        let [text, noise] = [false, true].map(|noise| body(&mut random, 6840, noise, folded) + before);
        for (id, secret) in &secrets {
            let mut found = [&noise, &text].map(|body| {
                let (start, end) = (body.len(), body.len() + secret.len());
                let all = whole(&mut scanner, format!("{body}{secret}\n{body}").as_bytes());
                all.iter().any(|f| f.span.start <= start && f.span.end >= end)
            });
            // Noise may go on where a secret ends.
            found[0] &= whole(&mut scanner, secret.as_bytes()).iter().any(|f| f.span.end == secret.len());
            expected += usize::from(found[0]);
            if found == [true, false] {
                let _ = writeln!(missed, "{id} behind {before:?}: {secret}");
            }
        }
    }
    assert!(missed.is_empty() && expected > rules.len(), "{expected} expected, missed:\n{missed}");
}
