//! Reads `framing_cases.txt`: well-formed, malformed and smuggling requests, each with the verdict it must get.
//!
//! The end-to-end tests include this file too and send the same bytes to a running gateway.

/// One request and its verdict.
pub(crate) struct Case {
    /// What it shows.
    pub(crate) name: &'static str,
    /// The status that it must be refused with; `None` if it must be accepted.
    pub(crate) status: Option<u16>,
    /// The bytes to send.
    pub(crate) bytes: Vec<u8>,
}

/// All cases, in the order of the file.
pub(crate) fn all() -> Vec<Case> {
    let lines = include_str!("framing_cases.txt").lines();
    lines.filter(|line| !line.is_empty() && !line.starts_with('#')).map(read).collect()
}

fn read(line: &'static str) -> Case {
    let mut parts = line.splitn(3, "| ");
    let mut next = || parts.next().unwrap_or_else(|| panic!("three parts are expected: {line}"));
    let (verdict, name, bytes) = (next().trim(), next().trim(), next());
    let status = (verdict != "ok").then(|| verdict.parse().expect("a status or ok"));
    Case { name, status, bytes: unescape(bytes.as_bytes()) }
}

/// Takes the escapes out, see the head of the data file.
fn unescape(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut rest = text;
    while let [byte, tail @ ..] = rest {
        rest = tail;
        if *byte != b'\\' {
            out.push(*byte);
            continue;
        }
        let (escape, tail) = tail.split_first().expect("something after the backslash");
        rest = tail;
        match escape {
            b'r' => out.push(b'\r'),
            b'n' => out.push(b'\n'),
            b't' => out.push(b'\t'),
            b'0' => out.push(0),
            b'\\' => out.push(b'\\'),
            b'x' => {
                let digits = std::str::from_utf8(&rest[..2]).expect("two digits");
                out.push(u8::from_str_radix(digits, 16).expect("hexadecimal digits"));
                rest = &rest[2..];
            }
            b'*' => rest = repeat(rest, &mut out),
            other => panic!("unknown escape {}", char::from(*other)),
        }
    }
    out
}

/// `N(text)`, with escapes and inner repetitions in the text; gives back what follows.
fn repeat<'a>(text: &'a [u8], out: &mut Vec<u8>) -> &'a [u8] {
    let open = text.iter().position(|&b| b == b'(').expect("an opening parenthesis");
    let times = std::str::from_utf8(&text[..open]).expect("digits").parse().expect("a number");
    let mut depth = 0;
    let close = text.iter().position(|&b| {
        depth += i32::from(b == b'(') - i32::from(b == b')');
        b == b')' && depth == 0
    });
    let close = close.expect("a closing parenthesis");
    out.extend(unescape(&text[open + 1..close]).repeat(times));
    &text[close + 1..]
}
