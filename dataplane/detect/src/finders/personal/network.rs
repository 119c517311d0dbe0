//! Addresses of machines: IPv4, IPv6, MAC, and names that only an internal resolver knows.
//!
//! An address that is the same everywhere (loopback, documentation, multicast, masks) says nothing about anybody and is
//! passed; so is what reads like a version.

use super::scope::{PersonalMatch, PersonalOutcome, PersonalScope};
use super::{context, prefilter, words};
use crate::boundaries;
use crate::bytes::{ALNUM, ByteSet, DIGIT, HEX};
use crate::finding::Confidence;
use crate::rule::PersonalKind;
use crate::text::Span;
use std::net::{Ipv4Addr, Ipv6Addr};

/// The longest host name that is walked back over.
pub(super) const MAX_HOST: usize = 100;
/// The longest IPv6 address as written.
const MAX_IPV6: usize = 45;
/// Fewer digits behind its first colon have names of code: `add::fee`.
const ADDRESS_DIGITS: usize = 3;
/// The length of a MAC address as written.
const MAC: usize = 17;
/// How far before four numbers the word `version` is looked for.
const VERSION_REACH: usize = 24;
/// Words before versions, in lower case.
const VERSION_WORDS: [&[u8]; 14] = [
    b"version",
    b"release",
    b"kernel",
    b"linux",
    b"firmware",
    b"driver",
    b"since",
    b"upgrad",
    b"section",
    b"chapter",
    b"ver.",
    b"ver ",
    b" v.",
    b" v ",
];
/// What stands between a package and its version.
const COMPARISONS: [&[u8]; 7] = [b"==", b">=", b"<=", b"~>", b"^", b"(=", b"~="];
/// Numbers of versions are smaller. Of public addresses, one in two hundred has four so small ones.
const SMALL: u8 = 64;

/// Backslashes before a server's name, in JSON inside JSON.
const MAX_SLASHES: usize = 8;

const HOST: ByteSet = ALNUM.union(ByteSet::of(b".-"));

/// Checks the four numbers that begin at `at`.
pub(super) fn classify_ipv4(scope: PersonalScope<'_>, at: usize) -> PersonalOutcome {
    let text = scope.view.text;
    let first = DIGIT.run(&text[at..], 4);
    if text.get(at + first) != Some(&b'.') {
        return Ok(None);
    }
    let mut octets = [0u8; 4];
    let mut end = at;
    for (place, octet) in octets.iter_mut().enumerate() {
        if place > 0 {
            if scope.byte(end)? != Some(b'.') {
                return Ok(None);
            }
            end += 1;
        }
        let mut width = 0;
        while width < 4 && scope.byte(end + width)?.is_some_and(|b| b.is_ascii_digit()) {
            width += 1;
        }
        let digits = std::str::from_utf8(&text[end..end + width]).unwrap_or_default();
        let Ok(value) = digits.parse() else { return Ok(None) };
        if width > 1 && digits.starts_with('0') {
            return Ok(None);
        }
        (*octet, end) = (value, end + width);
    }
    if !scope.enabled.has(PersonalKind::Ipv4)
        || !context::is_value_start(text, at)
        || !context::ends(scope, end)?
    {
        return Ok(None);
    }
    let next = scope.byte(end)?;
    let number_follows = scope.byte(end + 1)?.is_some_and(|b| b.is_ascii_digit());
    let network = next == Some(b'/') && number_follows && octets[3] == 0;
    let placed =
        text[..at].ends_with(b"://") || text[..at].ends_with(b"@") || (next == Some(b':') && number_follows);
    if is_common_ipv4(octets) || network || (!placed && is_version_like(scope, at, octets)) {
        return Ok(None);
    }
    Ok(Some(PersonalMatch {
        kind: PersonalKind::Ipv4,
        span: Span::new(at, end),
        confidence: Confidence::Medium,
    }))
}

/// Addresses that are the same everywhere: RFC 6890's special ones, documentation, multicast, the metadata service.
fn is_common_ipv4(octets: [u8; 4]) -> bool {
    let address = Ipv4Addr::from(octets);
    octets[0] == 0
        || octets[0] >= 224
        || address.is_loopback()
        || address.is_documentation()
        || octets == [169, 254, 169, 254]
        || matches!(octets, [8, 8, 8 | 4, 8 | 4] | [1, 1, 1, 1] | [1, 0, 0, 1] | [9, 9, 9, 9])
        // Object identifiers: of the internet, of curves, of X.500.
        || matches!(octets, [1, 3, 6, 1] | [1, 3, 101, _] | [2, 5, 4 | 29, _])
}

/// Whether four numbers are a version, the number of a section or an identifier rather than an address. The word that
/// stands nearest decides; without one, the numbers do.
fn is_version_like(scope: PersonalScope<'_>, at: usize, octets: [u8; 4]) -> bool {
    let text = scope.view.text;
    let gap = words::gap(text, at, scope.enabled.words(PersonalKind::Ipv4));
    // `Chrome/120.0.0.1`, but `ip/84.152.77.9`.
    let product = matches!(text[..at], [.., letter, b'/'] if letter.is_ascii_alphabetic());
    if product {
        return gap != Some(b"/");
    }
    let reach = gap.map_or(VERSION_REACH, |gap| gap.len().min(VERSION_REACH));
    let before = text[at.saturating_sub(reach)..at].to_ascii_lowercase();
    let named = VERSION_WORDS.iter().any(|word| memchr::memmem::find(&before, word).is_some());
    let blanks = before.iter().rev().take_while(|b| matches!(b, b' ' | b'"' | b'\'' | b'\\')).count();
    let compared = COMPARISONS.iter().any(|sign| before[..before.len() - blanks].ends_with(sign));
    let small = octets.iter().all(|octet| *octet < SMALL) && !Ipv4Addr::from(octets).is_private();
    named || compared || (small && gap.is_none())
}

/// Checks what the colon or dash at `at` may be the first of.
pub(super) fn classify_colon(scope: PersonalScope<'_>, at: usize) -> PersonalOutcome {
    let text = scope.view.text;
    let sep = text[at];
    let lead = HEX.run_back(&text[..at], 5);
    if !(2..=4).contains(&lead) || !scope.byte(at + 1)?.is_some_and(|b| HEX.has(b) || b == b':') {
        return Ok(None);
    }
    let start = at - lead;
    if matches!(text[..start].last(), Some(b':' | b'-')) || !context::is_value_start(text, start) {
        return Ok(None);
    }
    if prefilter::digits_behind(text, at) < ADDRESS_DIGITS {
        return Ok(None);
    }
    if lead == 2 && scope.enabled.has(PersonalKind::Mac) {
        let mac = mac(scope, start, sep)?;
        if mac.is_some() {
            return Ok(mac);
        }
    }
    if sep != b':' || !scope.enabled.has(PersonalKind::Ipv6) {
        return Ok(None);
    }
    ipv6(scope, start)
}

fn mac(scope: PersonalScope<'_>, start: usize, sep: u8) -> PersonalOutcome {
    let text = scope.view.text;
    let end = start + MAC;
    let next = scope.byte(end)?;
    let Some(written) = text.get(start..end) else { return Ok(None) };
    let shape = written.iter().enumerate().all(|(i, b)| if i % 3 == 2 { *b == sep } else { HEX.has(*b) });
    if !shape || next == Some(sep) || !context::ends(scope, end)? {
        return Ok(None);
    }
    let octets: Vec<u8> = written
        .split(|b| *b == sep)
        .filter_map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok())
        .collect();
    let same = octets.iter().all(|octet| *octet == octets[0]);
    let first_step = octets[1].wrapping_sub(octets[0]);
    // `00:11:22:33:44:55` and `01:23:45:67:89:ab` are examples, an odd first octet is a group of machines.
    let steps = octets.windows(2).all(|pair| pair[1].wrapping_sub(pair[0]) == first_step);
    if same || steps || octets[0] & 1 == 1 {
        return Ok(None);
    }
    Ok(Some(PersonalMatch {
        kind: PersonalKind::Mac,
        span: Span::new(start, end),
        confidence: Confidence::High,
    }))
}

fn ipv6(scope: PersonalScope<'_>, start: usize) -> PersonalOutcome {
    let text = scope.view.text;
    let member = HEX.with(b':', b':').with(b'.', b'.');
    let run = member.run(&text[start..], MAX_IPV6 + 1);
    if run > MAX_IPV6 {
        return Ok(None);
    }
    let mut end = start + run;
    scope.byte(end)?;
    while matches!(text[..end], [.., b'.'] | [.., _, b':']) && !text[..end].ends_with(b"::") {
        end -= 1;
    }
    let written = std::str::from_utf8(&text[start..end]).unwrap_or_default();
    let Ok(address) = written.parse::<Ipv6Addr>() else { return Ok(None) };
    let first = address.segments()[0];
    // Global, unique local and link-local ones; the rest, `::1` and names of code like `add::fee` are not machines.
    let machine = matches!(first, 0x2000..=0x3fff | 0xfc00..=0xfdff | 0xfe80..=0xfebf);
    // 2001:0000::/23 is for protocols.
    let documentation = matches!(address.segments(), [0x2001, 0x0db8 | 0..=0x1ff, ..] | [0x3fff, ..]);
    if !machine || documentation || address.segments()[1..] == [0; 7] || !context::ends(scope, end)? {
        return Ok(None);
    }
    Ok(Some(PersonalMatch {
        kind: PersonalKind::Ipv6,
        span: Span::new(start, end),
        confidence: Confidence::High,
    }))
}

/// Words before a host's name, in lower case.
const HOST_WORDS: [&[u8]; 10] =
    [b"host", b"server", b"ssh", b"ping", b"dns", b"domain", b"connect", b"node", b"url", b"machine"];

fn is_named_host(text: &[u8], start: usize) -> bool {
    let before = text[start.saturating_sub(VERSION_REACH)..start].to_ascii_lowercase();
    HOST_WORDS.iter().any(|word| memchr::memmem::find(&before, word).is_some())
}

/// Where the name begins in a run of its bytes that begins at `run`: behind what ends an escape (`\n`), but not behind
/// the first letter of `\\nas01.lan\share`.
fn host_start(text: &[u8], run: usize) -> usize {
    let slashes = text[..run].iter().rev().take(MAX_SLASHES + 1).take_while(|b| **b == b'\\').count();
    let before = text[..run - slashes].last();
    let share = slashes > 1
        && slashes.is_multiple_of(2)
        && slashes <= MAX_SLASHES
        && before.is_none_or(|b| matches!(b, b' ' | b'\n' | b'\t' | b'"' | b'\'' | b'=' | b'(' | b'`'));
    if share || slashes == 0 { run } else { run + boundaries::escape_rest(text, run) }
}

/// Checks the host name whose last label is `text[dot..end]`, the dot included.
pub(super) fn classify_host(scope: PersonalScope<'_>, dot: usize, end: usize) -> PersonalOutcome {
    let text = scope.view.text;
    let next = scope.byte(end)?;
    let run = HOST.run_back(&text[..dot], MAX_HOST + 1);
    if run == 0 || run > MAX_HOST {
        return Ok(None);
    }
    let start = host_start(text, dot - run);
    let Some(name) = text.get(start..dot) else { return Ok(None) };
    let member = |b: Option<u8>| b.is_some_and(|b| HOST.has(b) || matches!(b, b'_' | b'('));
    let longer = match next {
        Some(b'.') => scope.byte(end + 1)?.is_some_and(|b| ALNUM.has(b)),
        next => member(next),
    };
    let labels = || name.split(|b| *b == b'.');
    let fits =
        !name.is_empty() && labels().all(|l| !l.is_empty() && !l.starts_with(b"-") && !l.ends_with(b"-"));
    let has_sign_before = matches!(text[..start].last(), Some(b'_' | b'@' | b'$' | b'}' | b')'));
    let link = text[..start].ends_with(b"://");
    let login = text[..start].ends_with(b"@");
    if longer || !fits || (has_sign_before && !login) {
        return Ok(None);
    }
    let port = next == Some(b':') && scope.byte(end + 1)?.is_some_and(|b| b.is_ascii_digit());
    let machine = labels().any(|l| l.contains(&b'-') || l.iter().any(u8::is_ascii_digit));
    let rare = matches!(
        text[dot..end].to_ascii_lowercase().as_slice(),
        b".corp" | b".lan" | b".intra" | b".intranet"
    );
    // `threading.local` and `jdk.internal` are names of code; a host shows by its place, its digits or its words.
    let host = link || login || port || rare || machine || is_named_host(text, start);
    Ok(host.then_some(PersonalMatch {
        kind: PersonalKind::InternalHost,
        span: Span::new(start, end),
        confidence: Confidence::Medium,
    }))
}
