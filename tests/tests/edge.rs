//! What the running gateway makes of paths that try to leave, of requests about itself, and of configuration about its
//! edge.

use aegis_tests::client::get;
use aegis_tests::{Gateway, Script, Upstream};

fn setup() -> (Gateway, Upstream) {
    let upstream = Upstream::start(|request, _| Script::reply("text/plain", request.target().as_bytes()));
    let config =
        "[upstreams.anthropic]\napi_key = \"the-providers-own-key\"\n[server]\nhosts = [\"aegis.test\"]\n";
    let gateway =
        Gateway::builder().all_upstreams(&format!("{}/base", upstream.url())).config(config).start();
    (gateway, upstream)
}

#[test]
fn no_request_is_recorded_outside_of_the_base_path() {
    let (gateway, upstream) = setup();
    for name in ["openai", "anthropic", "google"] {
        for rest in [
            "/../../admin",
            "/..",
            "/v1/../../../admin",
            "/%2e%2e/admin",
            "/.%2E/admin",
            "/%252e%252e/admin",
            "/..;/admin",
            "/..;x=1/admin",
            "/..%3b/admin",
            "/..%2fadmin",
            "/..%5cadmin",
            "/..\\admin",
            "/a%00",
            "/%c0%ae%c0%ae/admin",
            "//admin",
        ] {
            let reply = gateway.exchange(&get(&format!("/{name}{rest}")));
            assert_eq!(reply.status(), 400, "/{name}{rest}: {}", reply.text());
            let error = reply.json();
            let fits = match name {
                "anthropic" => error["type"] == "error",
                "google" => error["error"]["status"] == "INVALID_ARGUMENT",
                _ => error["error"]["code"] == "invalid_request",
            };
            assert!(fits, "{error}");
        }
    }
    assert!(upstream.records().is_empty());
    let reply = gateway.exchange(&get("/openai/v1/a%2Fb/..c?q=/../.."));
    assert_eq!(reply.text(), "/base/v1/a%2Fb/..c?q=/../..");
}

#[test]
fn the_gateway_answers_for_itself() {
    let (gateway, upstream) = setup();
    let ask = |method: &str, path: &str, fields: &str| {
        let mut client = gateway.connect();
        let text = format!("{method} {path} HTTP/1.1\r\nhost: aegis.test\r\n{fields}\r\n");
        client.send(text.as_bytes()).expect("sent");
        let reply = if method == "HEAD" { client.reply_head() } else { client.reply() };
        reply.expect("a reply")
    };
    for (method, path) in [("GET", "/"), ("HEAD", "/"), ("GET", "/?x=1"), ("OPTIONS", "/"), ("OPTIONS", "*")]
    {
        let reply = ask(method, path, "");
        assert_eq!((reply.status(), reply.body.len(), reply.field("content-length")), (200, 0, Some("0")));
    }
    for (fields, anthropic, google) in [
        ("anthropic-version: 2023-06-01\r\n", true, false),
        ("x-api-key: k\r\n", true, false),
        ("x-goog-api-key: k\r\n", false, true),
        ("authorization: Bearer k\r\n", false, false),
    ] {
        let reply = ask("GET", "/no/such/path", fields);
        let error = reply.json();
        assert_eq!(reply.status(), 404);
        assert_eq!((error["type"] == "error", error["error"]["status"] == "NOT_FOUND"), (anthropic, google));
    }
    assert!(upstream.records().is_empty());
}

#[test]
fn the_start_says_who_may_spend_the_key_and_a_page_may_not() {
    let (gateway, upstream) = setup();
    let said = gateway.process.output();
    assert!(
        said.contains("the gateway's key for everybody who reaches it") && said.contains("aegis.test"),
        "{said}"
    );
    let ask = |path: &str, host: &str, origin: &str| {
        let body = "POST {path} HTTP/1.1\r\nhost: {host}\r\n{origin}content-type: text/plain\r\ncontent-length: 2\r\n\r\nhi";
        let text = body.replace("{path}", path).replace("{host}", host).replace("{origin}", origin);
        gateway.exchange(text.as_bytes())
    };
    let reply = ask("/v1/messages", "evil.example", "");
    let error = reply.json();
    assert_eq!((reply.status(), &error["error"]["type"]), (403, &"forbidden".into()));
    assert!(error["error"]["message"].as_str().is_some_and(|text| text.contains("server.hosts")), "{error}");
    let reply = ask("/v1/messages", "127.0.0.1", "origin: https://evil.example\r\n");
    assert_eq!((reply.status(), reply.text().contains("server.origins")), (403, true));
    assert!(upstream.records().is_empty());
    assert_eq!(ask("/v1/messages", "localhost:1", "").status(), 200);
    assert_eq!(
        ask("/v1/chat/completions", "evil.example", "origin: null\r\n").status(),
        200,
        "no key to spend"
    );
}
