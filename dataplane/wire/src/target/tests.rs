//! Paths that may be routed, and paths that another reader would take for something else.

use super::Target;

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
        ("//a/...//.b/c.", "//a/...//.b/c.", None),
        ("/..a/b..", "/..a/b..", None),
    ] {
        assert_eq!(Target::parse(target), Ok(Target { path, query }), "{target}");
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
    ] {
        assert_eq!(Target::parse(target).map_err(|error| error.status()), Err(400), "{target}");
    }
}

#[test]
fn a_first_segment_is_taken_off() {
    let behind = |path: &'static str, segment| Target::parse(path).expect("a path").behind(segment);
    assert_eq!(behind("/openai/v1/models?x", "openai"), Some("/v1/models"));
    assert_eq!(behind("/openai", "openai"), Some(""));
    assert_eq!(behind("/openai/", "openai"), Some("/"));
    assert_eq!(behind("/openaix/v1", "openai"), None);
    assert_eq!(behind("/v1/openai", "openai"), None);
    assert_eq!(
        format!("{:?}", Target::parse("/a?key=secret").expect("a path")),
        "Target { path: \"/a\", .. }"
    );
}
