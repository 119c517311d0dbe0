//! The rules on addresses once more, for a text that is there as a whole and has neither escapes nor tags: places are
//! looked up by index, and nothing is remembered but the address that is open.

const MARK: &str = "<<plain>>";

/// `text` as a client must see it: each mark is `token` in an address that leads elsewhere, and `value` otherwise. What
/// stands in place of earlier marks counts for what comes after.
pub(crate) fn restored(text: &str, token: &str, value: &str) -> String {
    let mut done = String::new();
    let mut rest = text;
    while let Some(at) = rest.find(MARK) {
        done += &rest[..at];
        done += if leads_elsewhere(done.as_bytes()) { token } else { value };
        rest = &rest[at + MARK.len()..];
    }
    done + rest
}

#[derive(Clone, Copy, PartialEq)]
enum Closer {
    Space,
    Quote(u8),
    Quoted,
    Parenthesis(usize),
    Angle,
}

/// Whether what stands behind `text` is part of an address that leads to another host than the named ones.
fn leads_elsewhere(text: &[u8]) -> bool {
    let mut zone: Option<(Closer, bool)> = None;
    let mut at = 0;
    while at < text.len() {
        zone = zone.and_then(|(closer, bad)| behind(closer, text, at).map(|closer| (closer, bad)));
        let Some((authority, needed, around)) = address(text, at) else {
            at += 1;
            continue;
        };
        let closer = zone.map_or(around, |(closer, _)| closer);
        let slashes = text[authority..].iter().take_while(|&&byte| byte == b'/').count();
        let broken = if closer == Closer::Space {
            0
        } else {
            text[authority + slashes..].iter().take_while(|&&byte| matches!(byte, b'/' | b'\n')).count()
        };
        let host = authority + slashes + broken;
        let slashes = text[authority..host].split(|&byte| byte == b'/').count() - 1;
        let is_end = |at: usize| !matches!(behind(closer, text, at), Some(still) if still != Closer::Quoted);
        let is_name = text[at] == b'w';
        let next = text.get(host);
        let is_blank = next.is_some_and(|&next| next == b' ' || (!is_name && is_end(host)));
        if !is_name && (is_blank || (next.is_some() && slashes < needed) || (authority..host).any(is_end)) {
            at += 1;
            continue;
        }
        if next.is_none() {
            return slashes >= needed || zone.is_some_and(|(_, bad)| bad);
        }
        let (mut closer, mut end) = (closer, host);
        let is_closed = loop {
            let Some(&byte) = text.get(end) else { return true };
            match behind(closer, text, end) {
                None | Some(Closer::Quoted) => break true,
                Some(_) if matches!(byte, b'/' | b'?' | b'#' | b' ') => break byte == b' ',
                Some(still) => (closer, end) = (still, end + 1),
            }
        };
        let bad = broken > 0 || !is_named(&text[host..end], is_closed) || zone.is_some_and(|(_, bad)| bad);
        zone = Some((closer, bad));
        at = end;
    }
    zone.is_some_and(|(_, bad)| bad)
}

/// What ends the zone after the byte at `at`; `None` if that has ended it.
fn behind(closer: Closer, text: &[u8], at: usize) -> Option<Closer> {
    let byte = text[at];
    let empty_line = byte == b'\n' && trimmed(&text[..at], b" ").ends_with(b"\n");
    match closer {
        Closer::Space => (!matches!(byte, b' ' | b'\n' | b'<')).then_some(closer),
        Closer::Quote(quote) => Some(if byte == quote { Closer::Quoted } else { closer }),
        Closer::Quoted => byte.is_ascii_alphanumeric().then_some(Closer::Space),
        Closer::Angle => (byte != b'>' && !empty_line).then_some(closer),
        Closer::Parenthesis(open) => {
            let open = match byte {
                b'(' => open + 1,
                b')' => open - 1,
                _ => open,
            };
            (open > 0 && !empty_line).then_some(Closer::Parenthesis(open))
        }
    }
}

/// Where the slashes or the host of an address begin, if one begins at `at` or its scheme ends there, with the slashes
/// that it needs and with what would end it.
fn address(text: &[u8], at: usize) -> Option<(usize, usize, Closer)> {
    let before = &text[..at];
    let scheme =
        ["https", "http"].iter().find(|scheme| before.to_ascii_lowercase().ends_with(scheme.as_bytes()));
    if text[at] == b':' {
        let (closer, fetched, _) = surroundings(&before[..at - scheme?.len()]);
        return Some((at + 1, usize::from(closer == Closer::Space && !fetched), closer));
    }
    if text[at..].starts_with(b"www.") && !before.last().is_some_and(u8::is_ascii_alphanumeric) {
        return Some((at, 0, surroundings(before).0));
    }
    let opens = before.last().is_some_and(|byte| b" \n\"'=(,<:".contains(byte));
    let (closer, fetched, quoted) = surroundings(before);
    (text[at] == b'/' && opens && (fetched || quoted)).then_some((at, 2, closer))
}

/// What ends an address behind `before`, whether clients fetch it in any case, and whether a quote stands before it.
fn surroundings(before: &[u8]) -> (Closer, bool, bool) {
    let trimmed = trimmed(before, b" \n");
    let adjacent = trimmed.len() == before.len();
    let link = |before: &[u8]| self::trimmed(before, b" \n").ends_with(b"](");
    match trimmed {
        [rest @ .., quote @ (b'"' | b'\'')] if adjacent || self::trimmed(rest, b" \n").ends_with(b"=") => {
            (Closer::Quote(*quote), link(rest), adjacent)
        }
        [rest @ .., b'<'] if adjacent => (Closer::Angle, link(rest), false),
        _ if link(trimmed) => (Closer::Parenthesis(1), true, false),
        _ => (Closer::Space, false, false),
    }
}

fn trimmed<'a>(text: &'a [u8], blanks: &[u8]) -> &'a [u8] {
    &text[..text.iter().rposition(|byte| !blanks.contains(byte)).map_or(0, |last| last + 1)]
}

/// Whether the host in what stands between slashes is named. `is_sentence` says that nothing of the address follows, so
/// that punctuation at its end is not its own.
fn is_named(written: &[u8], is_sentence: bool) -> bool {
    let host = written.rsplit(|&byte| byte == b'@').next().unwrap_or_default().to_ascii_lowercase();
    let mut host = std::str::from_utf8(&host).unwrap_or_default();
    if is_sentence {
        host = host.trim_end_matches([',', ';', '!', ')', '"', '\'', '>']);
    }
    let host = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    };
    let host = host.strip_suffix('.').unwrap_or(host);
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-');
    let is_below = host.ends_with(".cdn.example") && host.bytes().all(is_plain);
    !written.contains(&b'\n') && (host == "good.example" || is_below)
}
