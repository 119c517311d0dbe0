//! What is written, byte for byte.

use crate::h1::{BodyKind, Peer, chunk_header, write_chunk, write_request, write_response};
use crate::head::{BodyLength, FieldError, Method, RequestHead, ResponseHead, Version};

const KEPT: Peer = Peer { version: Version::Http11, keep_alive: true };

fn response(status: u16, body: BodyLength, peer: Peer) -> (String, BodyKind) {
    let mut head = ResponseHead { status, ..ResponseHead::new() };
    head.fields.push(b"X-A", b"1").expect("a field");
    let mut out = Vec::new();
    let framing = write_response(&head, body, peer, &mut out);
    (String::from_utf8(out).expect("ASCII"), framing)
}

#[test]
fn a_request_is_written_from_its_parts() {
    let mut head = RequestHead {
        method: Method::Post,
        authority: "api.test".to_owned(),
        path: "/v1/x?y=1".to_owned(),
        ..RequestHead::new()
    };
    for (name, value) in [("Accept", "*/*"), ("X-B", "2"), ("X-C", "3"), ("X-D", " 4\t")] {
        head.fields.push(name.as_bytes(), value.as_bytes()).expect("a field");
    }
    head.fields.remove(b"x-b");
    head.fields.set(b"Accept", b"text/plain").expect("a field");
    let mut out = Vec::new();
    assert_eq!(write_request(&head, BodyLength::Known(1234), &mut out), Ok(BodyKind::Length(1234)));
    assert_eq!(
        String::from_utf8_lossy(&out),
        "POST /v1/x?y=1 HTTP/1.1\r\nhost: api.test\r\nx-c: 3\r\nx-d: 4\r\naccept: text/plain\r\n\
         content-length: 1234\r\n\r\n"
    );
    out.clear();
    assert_eq!(write_request(&head, BodyLength::Empty, &mut out), Ok(BodyKind::None));
    assert!(!String::from_utf8_lossy(&out).contains("length"));
}

#[test]
fn no_second_request_can_be_written_into_the_first() {
    for (authority, path) in [
        ("a", "/ HTTP/1.1\r\nx: y"),
        ("a", "/a b"),
        ("a", ""),
        ("a\r\nx: y", "/"),
        ("a b", "/"),
        ("a", "/\u{e9}"),
    ] {
        let head =
            RequestHead { authority: authority.to_owned(), path: path.to_owned(), ..RequestHead::new() };
        let mut out = Vec::new();
        assert!(write_request(&head, BodyLength::Empty, &mut out).is_err(), "{authority:?} {path:?}");
        assert!(out.is_empty());
    }
    let mut head = RequestHead::new();
    for value in ["a\r\nb", "a\nb", "a\rb", "a\0b", "\r\n"] {
        assert_eq!(head.fields.push(b"x", value.as_bytes()), Err(FieldError::Value), "{value:?}");
    }
    for name in ["", "a b", "a:", "a\r\n", "\u{e9}"] {
        assert_eq!(head.fields.push(name.as_bytes(), b""), Err(FieldError::Name), "{name:?}");
    }
    for name in ["Content-Length", "transfer-encoding", "Connection", "HOST", "te", "Keep-Alive"] {
        assert_eq!(head.fields.push(name.as_bytes(), b"1"), Err(FieldError::Connection), "{name:?}");
    }
    assert!(head.fields.is_empty());
}

#[test]
fn a_reply_is_written_for_the_client_it_goes_to() {
    let old = |keep_alive| Peer { version: Version::Http10, keep_alive };
    let closing = Peer { keep_alive: false, ..KEPT };
    for (status, body, peer, rest, framing) in [
        (200, BodyLength::Known(5), KEPT, "content-length: 5\r\n", BodyKind::Length(5)),
        (200, BodyLength::Known(0), KEPT, "content-length: 0\r\n", BodyKind::Length(0)),
        (200, BodyLength::Unknown, KEPT, "transfer-encoding: chunked\r\n", BodyKind::Chunked),
        (
            200,
            BodyLength::Unknown,
            closing,
            "transfer-encoding: chunked\r\nconnection: close\r\n",
            BodyKind::Chunked,
        ),
        (200, BodyLength::Unknown, old(true), "connection: close\r\n", BodyKind::UntilClose),
        (
            200,
            BodyLength::Known(5),
            old(true),
            "content-length: 5\r\nconnection: keep-alive\r\n",
            BodyKind::Length(5),
        ),
        (
            200,
            BodyLength::Known(5),
            old(false),
            "content-length: 5\r\nconnection: close\r\n",
            BodyKind::Length(5),
        ),
        (200, BodyLength::Empty, KEPT, "", BodyKind::None),
        (204, BodyLength::Known(0), KEPT, "", BodyKind::None),
        (304, BodyLength::Unknown, KEPT, "", BodyKind::None),
    ] {
        let (text, written) = response(status, body, peer);
        let reason = match status {
            200 => "OK",
            204 => "No Content",
            _ => "Not Modified",
        };
        assert_eq!(text, format!("HTTP/1.1 {status} {reason}\r\nx-a: 1\r\n{rest}\r\n"));
        assert_eq!(written, framing);
    }
    assert!(response(599, BodyLength::Known(0), KEPT).0.starts_with("HTTP/1.1 599 \r\n"));
}

#[test]
fn an_upgrade_that_is_refused_names_what_is_spoken() {
    let closing = Peer { keep_alive: false, ..KEPT };
    for (peer, last) in [(KEPT, ""), (closing, "connection: close\r\n")] {
        let (text, _) = response(426, BodyLength::Known(0), peer);
        let offer = "upgrade: HTTP/1.1\r\nconnection: upgrade\r\n";
        let expected =
            format!("HTTP/1.1 426 Upgrade Required\r\nx-a: 1\r\ncontent-length: 0\r\n{offer}{last}\r\n");
        assert_eq!(text, expected);
    }
}

#[test]
fn chunk_headers_are_hexadecimal() {
    for len in [1, 9, 15, 16, 255, 256, 65_535, 1 << 32, usize::MAX] {
        assert_eq!(&*chunk_header(len), format!("{len:x}\r\n").as_bytes());
    }
    let mut out = Vec::new();
    write_chunk(b"", &mut out);
    write_chunk(b"hello", &mut out);
    assert_eq!(out, b"5\r\nhello\r\n");
}
