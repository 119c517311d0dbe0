//! Reply heads: framing, interim replies, and what no upstream may send.

use crate::error::HttpError;
use crate::h1::{BodyKind, MAX_INTERIM_REPLIES, ResponseParse, ResponseParser, ResponseVerdict};
use crate::head::{Method, ResponseHead, Version};

/// The verdict on `text`, which must not depend on how it is cut.
fn parse(text: &str, method: Method) -> Result<(ResponseVerdict, ResponseHead), HttpError> {
    let feed = |ends: &mut dyn Iterator<Item = usize>| -> Result<_, HttpError> {
        let (mut parser, mut head) = (ResponseParser::new(), ResponseHead::new());
        for end in ends {
            match parser.parse(&text.as_bytes()[..end], method, &mut head)? {
                ResponseVerdict::Incomplete => {}
                complete @ ResponseVerdict::Complete(_) => return Ok((complete, head)),
            }
        }
        Ok((ResponseVerdict::Incomplete, head))
    };
    let whole = feed(&mut std::iter::once(text.len()));
    let cut = feed(&mut (1..=text.len()));
    match (&whole, &cut) {
        (Ok(whole), Ok(cut)) => assert_eq!(whole, cut, "{text:?}"),
        (Err(whole), Err(cut)) => assert_eq!(whole.status(), cut.status(), "{text:?}"),
        _ => panic!("{text:?}: {whole:?} whole, {cut:?} byte by byte"),
    }
    whole
}

fn parsed(text: &str, method: Method) -> (ResponseParse, ResponseHead) {
    match parse(text, method).unwrap_or_else(|error| panic!("{text:?}: {error}")) {
        (ResponseVerdict::Complete(parse), head) => (parse, head),
        (ResponseVerdict::Incomplete, _) => panic!("{text:?} is incomplete"),
    }
}

#[test]
fn a_reply_is_stored_in_its_parts() {
    let text = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: keep-alive, X-Hop\r\n\
                X-Hop: 1\r\nKeep-Alive: timeout=5\r\nRequest-Id: r\r\nTransfer-Encoding: Chunked\r\n\r\n5\r\n";
    let (parse, head) = parsed(text, Method::Post);
    let expected = ResponseParse { consumed: text.len() - 3, framing: BodyKind::Chunked, keep_alive: true };
    assert_eq!(parse, expected);
    assert_eq!((head.status, head.version), (200, Version::Http11));
    let names: Vec<&[u8]> = head.fields.iter().map(|(name, _)| name).collect();
    assert_eq!(names, [&b"content-type"[..], b"request-id"]);
}

#[test]
fn the_body_is_framed_by_status_method_and_fields() {
    let length = "Content-Length: 7\r\n";
    for (status, fields, method, expected) in [
        ("1.1 200 OK", length, Method::Get, BodyKind::Length(7)),
        ("1.1 200", length, Method::Get, BodyKind::Length(7)),
        ("1.1 200 ", "Content-Length: 0\r\n", Method::Get, BodyKind::Length(0)),
        ("1.1 200 OK", "", Method::Get, BodyKind::UntilClose),
        ("1.0 200 OK", "", Method::Get, BodyKind::UntilClose),
        ("1.0 200 OK", length, Method::Get, BodyKind::Length(7)),
        ("1.1 200 OK", length, Method::Head, BodyKind::None),
        ("1.1 200 OK", "Transfer-Encoding: chunked\r\n", Method::Head, BodyKind::None),
        ("1.1 204 No Content", "", Method::Get, BodyKind::None),
        ("1.1 204 No Content", "Content-Length: 0\r\n", Method::Get, BodyKind::None),
        ("1.1 304 Not Modified", length, Method::Get, BodyKind::None),
        ("1.1 500 Oops \u{e9}", length, Method::Get, BodyKind::Length(7)),
    ] {
        let (parse, head) = parsed(&format!("HTTP/{status}\r\n{fields}\r\n"), method);
        assert_eq!(parse.framing, expected, "{status} {fields:?}");
        let described = expected == BodyKind::None && fields == length;
        assert_eq!(head.fields.content_length(), described.then_some(7), "{status} {fields:?}");
    }
}

#[test]
fn connections_are_kept_only_when_the_end_of_the_body_is_known() {
    for (text, kept) in [
        ("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", true),
        ("HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n", false),
        ("HTTP/1.1 200 OK\r\n\r\n", false),
        ("HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n", false),
        ("HTTP/1.0 200 OK\r\nContent-Length: 0\r\nConnection: keep-alive\r\n\r\n", true),
        ("HTTP/1.0 200 OK\r\nConnection: keep-alive\r\n\r\n", false),
        ("HTTP/1.1 204 No Content\r\n\r\n", true),
    ] {
        assert_eq!(parsed(text, Method::Get).0.keep_alive, kept, "{text:?}");
    }
}

#[test]
fn interim_replies_are_passed_over() {
    let text = "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n\
                HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx";
    let (reply, head) = parsed(text, Method::Get);
    assert_eq!((reply.consumed, reply.framing), (text.len() - 1, BodyKind::Length(1)));
    assert_eq!((head.status, head.fields.len()), (200, 0));
    let many = |n: usize| format!("{}HTTP/1.1 200 OK\r\n\r\n", "HTTP/1.1 102 x\r\n\r\n".repeat(n));
    assert_eq!(parsed(&many(MAX_INTERIM_REPLIES), Method::Get).1.status, 200);
    assert!(parse(&many(MAX_INTERIM_REPLIES + 1), Method::Get).is_err());
}

#[test]
fn what_no_upstream_may_send_is_a_502() {
    for text in [
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 5, 5\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length:\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: identity\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n",
        "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
        "HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n",
        "HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n",
        "HTTP/1.1 100 Continue\r\nContent-Length: 5\r\n\r\n",
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n",
        "HTTP/1.1 200 OK\r\nConnection: content-length\r\nContent-Length: 5\r\n\r\n",
        "HTTP/2.0 200 OK\r\n\r\n",
        "HTTP/1.1 20 OK\r\n\r\n",
        "HTTP/1.1 2000 OK\r\n\r\n",
        "HTTP/1.1 099 OK\r\n\r\n",
        "HTTP/1.1 600 OK\r\n\r\n",
        "HTTP/1.1  200 OK\r\n\r\n",
        "HTTP/1.1 200 O\u{0}K\r\n\r\n",
        "HTTP/1.1 200 OK\nX: y\n\n",
        "HTTP/1.1 200 OK\r\nX: y\n\r\n",
        "HTTP/1.1 200 OK\r\nX: a\rb\r\n\r\n",
        "HTTP/1.1 200 OK\r\nX: a\r\n b\r\n\r\n",
        "HTTP/1.1 200 OK\r\nX : a\r\n\r\n",
        "HTTP/1.1 200 OK\r\nX: \u{0}\r\n\r\n",
        "\r\nHTTP/1.1 200 OK\r\n\r\n",
        "ICY 200 OK\r\n\r\n",
        "<html>",
    ] {
        let error = parse(text, Method::Get).expect_err(text);
        assert_eq!(error.status(), 502, "{text:?}");
    }
}

#[test]
fn heads_are_limited() {
    let fields = |n: usize| format!("HTTP/1.1 200 OK\r\n{}\r\n", "X: y\r\n".repeat(n));
    assert_eq!(parsed(&fields(128), Method::Get).1.fields.len(), 128);
    assert!(parse(&fields(129), Method::Get).is_err());
    let long = |n: usize| format!("HTTP/1.1 200 OK\r\nX: {}\r\n\r\n", "y".repeat(n - 24));
    let feed = |text: &str| {
        ResponseParser::new().parse(text.as_bytes(), Method::Get, &mut ResponseHead::new()).is_ok()
    };
    assert_eq!(long(65_536).len(), 65_536);
    assert!(feed(&long(65_536)) && !feed(&long(65_537)));
    let interim = "HTTP/1.1 102 x\r\n\r\n";
    assert!(feed(&format!("{interim}{}", long(65_536 - interim.len()))), "interim replies count");
    assert!(!feed(&format!("{interim}{}", long(65_537 - interim.len()))), "interim replies count");
}
