//! The password in a URL: `scheme://user:password@host`, with or without the user.

use crate::bytes::{ALNUM, ByteSet};
use crate::candidate::{Candidate, Candidates, Tail, USERINFO, rank};
use crate::finding::Confidence;
use crate::plausibility::{shape, value};
use crate::text::{MAX_SECRET_LEN, Span, TextView};

/// A userinfo of so many bytes may hold anything that a URL in running text can; a longer one only what the standard
/// lets it hold, or a text without blanks that has an `@` somewhere would be one.
const MAX_USERINFO: usize = 200;
/// The longest scheme, in bytes.
const MAX_SCHEME: usize = 32;

const SCHEME: ByteSet = ALNUM.union(ByteSet::of(b"+.-"));
/// What a URL in running text cannot hold.
const STOP: ByteSet = ByteSet::of(b" \t\r\n\"'`<>\\\0|^");

/// Looks at the URL whose `://` ended at `end`.
pub(crate) fn find(candidates: &mut Candidates, view: TextView<'_>, rule: u16, end: usize) {
    let text = view.text;
    let colon = end - 3;
    let scheme = SCHEME.run_back(&text[..colon], MAX_SCHEME);
    if scheme == 0 || !text[colon - scheme..colon].iter().any(u8::is_ascii_alphabetic) {
        return;
    }
    // The last `@` before the path ends the userinfo; a password may hold `/` and `@` only where no host precedes.
    let mut at = end;
    let mut first_colon = None;
    let mut sign = None;
    let limit = end + MAX_USERINFO;
    let mut tail = None;
    loop {
        if at >= limit {
            if sign.is_none() {
                match long(candidates, view, end, limit) {
                    Long::Open => return candidates.open(end),
                    Long::None => return,
                    Long::Sign(at) => sign = Some(at),
                    Long::Endless(at) => (sign, tail) = (Some(at), Some(Tail::Userinfo)),
                }
            }
            break;
        }
        let Some(&byte) = text.get(at) else {
            if view.last {
                break;
            }
            return candidates.open(end);
        };
        match byte {
            b'@' => sign = Some(at),
            b':' if first_colon.is_none() => first_colon = Some(at),
            b'/' | b'?' | b'#' if sign.is_some() || first_colon.is_none() => break,
            // `host:8080/`: a port, not a password.
            b'/' if first_colon.is_some_and(|c| text[c + 1..at].iter().all(u8::is_ascii_digit)) => break,
            _ if STOP.has(byte) => break,
            _ => {}
        }
        at += 1;
    }
    let Some(sign) = sign else { return };
    let Some(colon) = first_colon else { return token(candidates, text, rule, Span::new(end, sign), tail) };
    if colon >= sign {
        return;
    }
    let (from, mut to) = (colon + 1, sign);
    if to - from < 2 || (tail.is_none() && !has_host_at(text, sign + 1)) {
        return;
    }
    if to - from > MAX_SECRET_LEN {
        (to, tail) = (from + MAX_SECRET_LEN, Some(Tail::Userinfo));
    }
    let user = &text[end..colon];
    let password = &text[from..to];
    let host = &text[(sign + 1).min(text.len())..];
    let example = password.len() < 4 && host.starts_with(b"example.");
    if is_sample_password(user, password) || example || (password == b"secret" && is_documentation_host(host))
    {
        return;
    }
    candidates.add(
        Candidate { span: Span::new(from, to), rule, rank: rank::PLACE, confidence: Confidence::High },
        tail,
    );
}

/// How a userinfo that is longer than usual ends.
enum Long {
    /// It is none.
    None,
    /// The text is too short to decide.
    Open,
    /// Before the `@` here.
    Sign(usize),
    /// It goes on here, longer than any finding.
    Endless(usize),
}

/// Looks for the end of the userinfo that begins at `start` and goes on at `at`.
fn long(candidates: &mut Candidates, view: TextView<'_>, start: usize, at: usize) -> Long {
    let text = view.text;
    let end = at + candidates.runs.run(&USERINFO, text, at, MAX_SECRET_LEN);
    // Of several addresses in a row only the last can have this `@`.
    if memchr::memmem::find(&text[start..end], b"://").is_some() {
        return Long::None;
    }
    match text.get(end) {
        Some(b'@') if end + 1 < text.len() || view.last => Long::Sign(end),
        // A path may be that long, a password with slashes in it is not.
        Some(_) if end == at + MAX_SECRET_LEN && !text[start..end].contains(&b'/') => Long::Endless(end),
        None | Some(b'@') if !view.last => Long::Open,
        _ => Long::None,
    }
}

/// `https://TOKEN@host`: a token in the user's place. A DSN of Sentry has a public key there.
fn token(candidates: &mut Candidates, text: &[u8], rule: u16, user: Span, mut tail: Option<Tail>) {
    let Span { start, end } = user;
    let host = &text[(end + 1).min(text.len())..text.len().min(end + 64)];
    let known = memchr::memmem::find(host, b"sentry").is_some();
    let mut to = end;
    if to - start > MAX_SECRET_LEN {
        (to, tail) = (start + MAX_SECRET_LEN, Some(Tail::Userinfo));
    }
    if end - start >= 20 && !known && value::is_opaque(&text[start..to]) {
        let candidate =
            Candidate { span: Span::new(start, to), rule, rank: rank::PLACE, confidence: Confidence::Medium };
        candidates.add(candidate, tail);
    }
}

fn has_host_at(text: &[u8], at: usize) -> bool {
    text.get(at).is_some_and(|b| ALNUM.has(*b) || matches!(b, b'[' | b'$' | b'{' | b'<' | b'%' | b'_' | b'('))
}

/// Addresses that are kept for documentation (RFC 3849, RFC 5737).
fn is_documentation_host(host: &[u8]) -> bool {
    const NETS: [&[u8]; 4] = [b"[2001:db8:", b"192.0.2.", b"198.51.100.", b"203.0.113."];
    NETS.iter().any(|n| host.starts_with(n))
}

/// Words of documentation in a password's place.
fn is_sample_password(user: &[u8], password: &[u8]) -> bool {
    const WORDS: [&[u8]; 10] = [
        b"password",
        b"pass",
        b"passwd",
        b"pwd",
        b"xxx",
        b"...",
        b"***",
        b"redacted",
        b"token",
        b"your_password",
    ];
    let lower = password.to_ascii_lowercase();
    let is_marked = password.iter().any(|b| matches!(b, b'{' | b'}' | b'<' | b'>' | b'[' | b']'))
        || (password[0] == b'$' && password.get(1).is_some_and(u8::is_ascii_alphabetic))
        || password[0] == b'%' && password.ends_with(b"%");
    let template = (is_marked && !shape::is_no_name(password)) || user.contains(&b'/');
    let stand_in = WORDS.contains(&lower.as_slice())
        || (value::is_placeholder(password) && lower != b"secret" && lower != b"guest");
    let anybody = memchr::memmem::find(&lower, b"anon").is_some();
    let anything = user.eq_ignore_ascii_case(b"foo") && lower == b"bar";
    template || stand_in || anybody || anything
}
