//! The table of malformed and smuggling requests against the real gateway: the exact status, whole and byte by byte.
//!
//! The table is the codec's own (`dataplane/wire`); here it goes over TCP, so that reading, closing and answering
//! are part of what is proved. Nothing of a refused request may reach the provider.

use std::fs;
use std::path::Path;
use std::time::Duration;

use aegis_tests::client::{get, post};
use aegis_tests::{Gateway, Message, Script, Upstream};

/// Statuses that mean: the request was not understood as one.
const FRAMING_STATUSES: &[u16] = &[400, 405, 408, 413, 417, 431, 501, 505];

struct Case {
    /// `None` for a request that must be understood.
    status: Option<u16>,
    name: String,
    bytes: Vec<u8>,
}

/// Reads `verdict | name | bytes`, with the escapes that the file's own head explains.
fn cases() -> Vec<Case> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../dataplane/wire/tests/cases/framing_cases.txt");
    let text = fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let lines = text.lines().filter(|line| !line.starts_with('#') && !line.is_empty());
    lines
        .map(|line| {
            let mut columns = line.splitn(3, '|');
            let mut column = || columns.next().unwrap_or_else(|| panic!("three columns: {line}"));
            let verdict = column().trim();
            let name = column().trim().to_owned();
            let bytes = column();
            let bytes = bytes.strip_prefix(' ').unwrap_or(bytes);
            // The codec does not care for the path, the gateway answers 404 before it reads a body for nobody.
            let bytes = bytes.replacen("POST / ", "POST /v1/files ", 1);
            Case { status: verdict.parse().ok(), name, bytes: unescape(bytes.as_bytes()) }
        })
        .collect()
}

fn unescape(text: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut at = 0;
    while at < text.len() {
        if text[at] != b'\\' {
            bytes.push(text[at]);
            at += 1;
            continue;
        }
        at += 2;
        match text[at - 1] {
            b'r' => bytes.push(b'\r'),
            b'n' => bytes.push(b'\n'),
            b't' => bytes.push(b'\t'),
            b'0' => bytes.push(0),
            b'x' => {
                let digits = std::str::from_utf8(&text[at..at + 2]).expect("two digits");
                bytes.push(u8::from_str_radix(digits, 16).expect("hexadecimal"));
                at += 2;
            }
            b'*' => {
                let open = at + text[at..].iter().position(|b| *b == b'(').expect("a parenthesis");
                let close = closing(text, open);
                let count = std::str::from_utf8(&text[at..open]).expect("digits").parse().expect("a count");
                bytes.extend(unescape(&text[open + 1..close]).repeat(count));
                at = close + 1;
            }
            other => bytes.push(other),
        }
    }
    bytes
}

/// The parenthesis that closes the one at `open`; escapes inside may have their own.
fn closing(text: &[u8], open: usize) -> usize {
    let mut depth = 0;
    for (at, byte) in text.iter().enumerate().skip(open) {
        match byte {
            b'(' => depth += 1,
            b')' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return at;
        }
    }
    panic!("a parenthesis stays open: {}", String::from_utf8_lossy(text))
}

fn setup() -> (Gateway, Upstream) {
    let upstream = Upstream::start(|_, _| Script::reply("application/json", b"{}"));
    (Gateway::before(&upstream.url()), upstream)
}

fn check(case: &Case, reply: std::io::Result<Message>, how: &str) -> Result<(), String> {
    let name = &case.name;
    let reply = reply.map_err(|e| format!("{name}, {how}: no reply: {e}"))?;
    let status = reply.status();
    match case.status {
        Some(wanted) if status != wanted => Err(format!("{name}, {how}: {status} instead of {wanted}")),
        Some(_) if reply.field("connection") != Some("close") => {
            Err(format!("{name}, {how}: the connection stays"))
        }
        None if FRAMING_STATUSES.contains(&status) => Err(format!("{name}, {how}: refused with {status}")),
        _ => Ok(()),
    }
}

fn report(failures: &[String]) {
    assert!(failures.is_empty(), "{} cases failed:\n{}", failures.len(), failures.join("\n"));
}

#[test]
fn the_table_is_as_large_as_promised() {
    assert!(cases().iter().filter(|case| case.status.is_some()).count() >= 80);
}

#[test]
fn every_case_gets_its_status() {
    let (gateway, upstream) = setup();
    let mut failures = Vec::new();
    for case in cases() {
        upstream.forget();
        let mut client = gateway.connect();
        let _ = client.send(&case.bytes);
        failures.extend(check(&case, client.reply(), "whole").err());
        let acted_on = upstream.records().iter().any(|request| request.complete);
        if case.status.is_some() && acted_on {
            failures.push(format!("{}: the provider got a complete request", case.name));
        }
    }
    report(&failures);
}

#[test]
fn every_case_gets_its_status_one_byte_at_a_time() {
    let (gateway, _upstream) = setup();
    let mut failures = Vec::new();
    for case in cases() {
        // A long case is long by repetition: its first and last bytes go one by one, the middle in two pieces.
        let (single, middle) =
            if case.bytes.len() > 2_000 { (300, case.bytes.len() - 600) } else { (case.bytes.len(), 0) };
        let mut client = gateway.connect();
        let _ = client
            .send_pieces(&case.bytes[..single], 1, Duration::from_micros(50))
            .and_then(|()| {
                client.send_pieces(&case.bytes[single..single + middle], 1 + middle / 2, Duration::ZERO)
            })
            .and_then(|()| client.send_pieces(&case.bytes[single + middle..], 1, Duration::from_micros(50)));
        failures.extend(check(&case, client.reply(), "byte by byte").err());
    }
    report(&failures);
}

#[test]
fn a_smuggled_second_request_is_never_answered() {
    let (gateway, upstream) = setup();
    for first in [
        "POST /v1/messages HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "POST /v1/messages HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: x\r\n\r\n0\r\n\r\n",
        "GET /v1/models HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\nContent-Length: 44\r\n\r\n",
        "GET /v1/models HTTP/1.1\nHost: a\n\n",
    ] {
        upstream.forget();
        let mut client = gateway.connect();
        let _ = client.send([first.as_bytes(), &get("/v1/models")].concat().as_slice());
        let answers = client.read_to_end().unwrap_or_default();
        let answers = String::from_utf8_lossy(&answers).matches("HTTP/1.1 ").count();
        assert_eq!((answers, upstream.records().len()), (1, 0), "{first:?}");
    }
}

#[test]
fn pipelined_requests_are_answered_in_order() {
    let (gateway, upstream) = setup();
    upstream.play(|request, _| Script::reply("text/plain", request.target().as_bytes()));
    let mut client = gateway.connect();
    let requests: Vec<u8> = (0..20)
        .flat_map(|n| match n % 2 {
            0 => get(&format!("/v1/models/{n}")),
            _ => post(&format!("/v1/files/{n}"), "text/plain", format!("body of {n}").as_bytes()),
        })
        .collect();
    client.send_pieces(&requests, 7, Duration::from_micros(100)).expect("all requests go out");
    let mut answers = String::new();
    while !answers.contains("/v1/files/19") {
        answers.push_str(&String::from_utf8_lossy(&client.read_some(4_096).expect("answers")));
    }
    let places: Vec<Option<usize>> = (0..20)
        .map(|n| answers.find(&if n % 2 == 0 { format!("/v1/models/{n}") } else { format!("/v1/files/{n}") }))
        .collect();
    assert!(places.iter().all(Option::is_some) && places.is_sorted(), "{answers}");
}
