//! Paths that may be routed, and paths that another reader would take for something else.

use super::{MAX_ENCODINGS, RequestTarget, decoded, rebase};

#[test]
fn a_path_is_split_from_its_query_and_left_as_it_is() {
    for (target, path, query) in [
        ("/", "/", None),
        ("/v1/messages", "/v1/messages", None),
        (
            "/v1beta/models/m:streamGenerateContent?alt=sse&key=k",
            "/v1beta/models/m:streamGenerateContent",
            Some("alt=sse&key=k"),
        ),
        ("/a?", "/a", Some("")),
        ("/a?b=../c?d", "/a", Some("b=../c?d")),
        ("/a%20b/%C3%A9", "/a%20b/%C3%A9", None),
        ("/models/org%2Fname", "/models/org%2Fname", None),
        ("/a/...//.b/c.", "/a/...//.b/c.", None),
        ("/a//", "/a//", None),
        ("/;a/b", "/;a/b", None),
        ("/100%25", "/100%25", None),
        ("/100%2525/x", "/100%2525/x", None),
        ("/?a=//b", "/", Some("a=//b")),
        ("/..a/b..", "/..a/b..", None),
    ] {
        assert_eq!(RequestTarget::parse(target), Ok(RequestTarget { path, query }), "{target}");
    }
}

#[test]
fn a_path_with_two_meanings_is_refused() {
    for target in [
        "",
        "*",
        "a",
        "?a",
        "/..",
        "/.",
        "/a/../b",
        "/a/./b",
        "/a/%2e%2E/b",
        "/a/.%2e/b",
        "/a%2f..%2Fb",
        "/a/..;x=y/b",
        "/a/..;/b",
        "/a\\b",
        "/a%5cb",
        "/a%00",
        "/a%0d%0ab",
        "/a%7f",
        "/a%",
        "/a%2",
        "/a%zz",
        "/a%+1",
        "//",
        "//a/v1",
        "//a.example/v1",
        "/a/%252e%252e/b",
        "/a/%25252e./b",
        "/a%252f..%252fb",
        "/a/..%3bx/b",
        "/a/..%3fx",
        "/a/..%23x",
        "/a/..%20/b",
        "/a/%20../b",
        "/a%255cb",
        "/a%2500",
        "/a%2509",
        "/a/%c0%ae%c0%ae/b",
        "/a/%e0%80%ae./b",
        "/a/%e9",
        "/a/%2525252525252e",
        "/%2fevil.test/x",
        "/%2f%2fevil.test/x",
        "/%252fevil.test/x",
    ] {
        assert_eq!(RequestTarget::parse(target).map_err(|error| error.status()), Err(400), "{target}");
    }
}

#[test]
fn encodings_are_looked_through_up_to_their_limit() {
    let nested = |times: usize| format!("/a%{}41", "25".repeat(times));
    assert!(RequestTarget::parse(&nested(MAX_ENCODINGS - 1)).is_ok());
    assert!(RequestTarget::parse(&nested(MAX_ENCODINGS)).is_err());
    for times in 0..2 * MAX_ENCODINGS {
        let dots = format!("/a/%{0}2e%{0}2E/b", "25".repeat(times));
        assert!(RequestTarget::parse(&dots).is_err(), "{dots}");
    }
}

#[test]
fn a_first_segment_is_taken_off() {
    let behind = |path: &'static str| {
        let target = RequestTarget::parse(path).expect("a path");
        (target.first_segment(), target.behind_first().ok().map(|named| &path[named..]))
    };
    assert_eq!(behind("/openai/v1/models?x"), ("openai", Some("/v1/models?x")));
    assert_eq!(behind("/openai"), ("openai", Some("")));
    assert_eq!(behind("/openai/"), ("openai", Some("/")));
    assert_eq!(behind("/openai?x=/1"), ("openai", Some("?x=/1")));
    assert_eq!(behind("/"), ("", Some("")));
    for path in
        ["/openai//v1", "/openai/%2fv1", "/openai/%2F%2fv1", "/openai/%252fv1", "/openai/%25252fevil.test/x"]
    {
        assert_eq!(behind(path), ("openai", None), "{path}");
    }
    assert_eq!(behind("/openai/a%2F%2Fb"), ("openai", Some("/a%2F%2Fb")));
    assert_eq!(
        format!("{:?}", RequestTarget::parse("/a?key=secret").expect("a path")),
        "Target { path: \"/a\", .. }"
    );
}

#[test]
fn a_target_is_asked_below_a_base() {
    for (target, named, base, expected) in [
        ("/anthropic/v1/messages", true, "", "/v1/messages"),
        ("/anthropic", true, "", "/"),
        ("/openai?x=1", true, "", "/?x=1"),
        ("/v1/messages", false, "", "/v1/messages"),
        ("/v1/messages?", false, "/proxy", "/proxy/v1/messages?"),
        ("/azure/openai/x", true, "/base/y", "/base/y/openai/x"),
        ("/azure", true, "/base", "/base/"),
    ] {
        let parsed = RequestTarget::parse(target).expect("a path");
        let named = if named { parsed.behind_first().expect("no empty segment") } else { 0 };
        let mut target = target.to_owned();
        rebase(&mut target, named, base);
        assert_eq!(target, expected);
    }
}

#[test]
fn a_path_is_compared_as_it_is_read() {
    for (path, read) in [
        ("/a/b", &b"/a/b"[..]),
        ("/%61%2Fb", b"/a/b"),
        ("/%2561", b"/a"),
        ("/100%25", b"/100%"),
        ("/%c3%a9", "/\u{e9}".as_bytes()),
    ] {
        assert_eq!(&*decoded(path), read, "{path}");
    }
}
