//! Limits at N and N+1, timeouts of the client's side, keys and routes.

use std::time::{Duration, Instant};

use aegis_tests::client::{get, post, post_chunked, post_with};
use aegis_tests::{Gateway, GatewayBuilder, Script, Upstream};

const CHAT: &str = "/v1/chat/completions";
const MESSAGES: &str = "/v1/messages";

/// SHA-256 of `gate-key-one` and `gate-key-two`, as an administrator would write them down.
const KEY_ONE: (&str, &str) =
    ("gate-key-one", "8842b98e92ad844553bdddeaefa955c1cde0b1e45830bf388c4e19c3e96bb46e");
const KEY_TWO: (&str, &str) =
    ("gate-key-two", "ff843868ead597a5044534c5642253c22caece02b76f7ad15057ee3eb0a91bb1");

fn stage(shape: impl FnOnce(GatewayBuilder) -> GatewayBuilder) -> (Gateway, Upstream) {
    let upstream = Upstream::start(|_, _| Script::reply("application/json", b"{\"ok\":true}"));
    (shape(Gateway::builder().all_upstreams(&upstream.url())).start(), upstream)
}

/// A JSON document of exactly `size` bytes.
fn document(size: usize) -> Vec<u8> {
    format!("{{\"a\":\"{}\"}}", "x y ".repeat(size).split_at(size - 8).0).into_bytes()
}

#[test]
fn a_body_at_the_limit_and_one_byte_over() {
    const LIMIT: usize = 100 * 1024;
    let (gateway, upstream) =
        stage(|builder| builder.config("[limits]\nmax_body = \"100KiB\"\nhold = \"100KiB\""));
    let gzip = |bytes: &[u8]| {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        std::io::Write::write_all(&mut encoder, bytes).and_then(|()| encoder.finish()).expect("gzip")
    };
    for (size, status) in [(LIMIT, 200), (LIMIT + 1, 413)] {
        let body = document(size);
        assert_eq!(body.len(), size);
        let coding = [("content-encoding", "gzip")];
        for (how, request) in [
            ("with a length", post(CHAT, "application/json", &body)),
            ("in chunks", post_chunked(CHAT, "application/json", &[], &body, 1_000)),
            ("when decoded", post_with(CHAT, "application/json", &coding, &gzip(&body))),
        ] {
            upstream.forget();
            let reply = gateway.exchange(&request);
            assert_eq!(reply.status(), status, "{size} bytes {how}: {}", reply.text());
            let acted_on = upstream.records().iter().any(|request| request.complete);
            assert_eq!(acted_on, status == 200, "{size} bytes {how}");
            assert!(status == 200 || reply.text().contains("payload_too_large"), "{}", reply.text());
        }
    }
}

#[test]
fn a_head_at_the_limit_and_one_byte_over() {
    let (gateway, _upstream) =
        stage(|builder| builder.config("[limits]\nmax_head = \"8KiB\"\nmax_fields = 20"));
    let of_size = |size: usize| {
        let start = "GET /v1/models HTTP/1.1\r\nhost: a\r\nx-long: ";
        format!("{start}{}\r\n\r\n", "a".repeat(size - start.len() - 4)).into_bytes()
    };
    assert_eq!(gateway.exchange(&of_size(8 * 1024)).status(), 200);
    assert_eq!(gateway.exchange(&of_size(8 * 1024 + 1)).status(), 431);
    let of_fields = |count: usize| {
        format!("GET /v1/models HTTP/1.1\r\nhost: a\r\n{}\r\n", "x-one: 1\r\n".repeat(count - 1)).into_bytes()
    };
    assert_eq!(gateway.exchange(&of_fields(20)).status(), 200);
    assert_eq!(gateway.exchange(&of_fields(21)).status(), 431);
}

#[test]
fn connections_and_requests_are_counted() {
    let config = "[server]\nmax_connections = 4\n[limits]\nrequests_per_connection = 3";
    let (gateway, _upstream) = stage(|builder| builder.config(config));
    let mut client = gateway.connect();
    for request in 1..=3 {
        let reply = client.exchange(&get("/v1/models"));
        assert_eq!(reply.status(), 200);
        let closes = reply.field("connection") == Some("close");
        assert_eq!(closes, request == 3, "request {request}: {:?}", reply.fields);
    }
    drop(client);
    std::thread::sleep(Duration::from_millis(200));
    let mut open: Vec<_> = (0..4).map(|_| gateway.connect()).collect();
    for client in &mut open {
        assert_eq!(client.exchange(&get("/v1/models")).status(), 200);
    }
    let mut fifth = gateway.connect();
    let _ = fifth.send(&get("/v1/models"));
    let refused = fifth.reply().map_or(true, |reply| reply.status() == 503);
    assert!(refused, "the fifth of four connections");
    assert_eq!(open[0].exchange(&get("/v1/models")).status(), 200, "the others stay");
}

#[test]
fn slow_clients_are_told_or_let_go() {
    let config = "[timeouts]\nrequest_head = \"500ms\"\nrequest_body_gap = \"500ms\"\nkeep_alive = \"700ms\"";
    let (gateway, upstream) = stage(|builder| builder.config(config));
    let late = |start: &[u8]| {
        let mut client = gateway.connect();
        client.send(start).expect("sent");
        let before = Instant::now();
        let reply = client.reply();
        (reply.map_or(0, |reply| reply.status()), before.elapsed())
    };
    let in_time = Duration::from_millis(300)..Duration::from_secs(5);
    let (status, waited) = late(b"POST /v1/messages HTTP/1.1\r\nhost: a\r\n");
    assert!(status == 408 && in_time.contains(&waited), "half a head: {status} after {waited:?}");
    let (status, waited) = late(b"POST /v1/messages HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ncontent-length: 9\r\n\r\n{\"a");
    assert!(status == 408 && in_time.contains(&waited), "half a body: {status} after {waited:?}");
    assert!(upstream.records().iter().all(|request| !request.complete));
    // A head that comes in drops does not get more time by each drop.
    let mut client = gateway.connect();
    let before = Instant::now();
    let dripped = client.send_pieces(
        &[b"GET /v1/models HTTP/1.1\r\nhost: a\r\nx: ".to_vec(), vec![b'a'; 60]].concat(),
        2,
        Duration::from_millis(60),
    );
    let status = client.reply().map_or(0, |reply| reply.status());
    assert!(status == 408 || dripped.is_err(), "a dripping head: {status}");
    assert!(before.elapsed() < Duration::from_secs(6));
    // An idle connection is closed without a word.
    let mut client = gateway.connect();
    assert_eq!(client.exchange(&get("/v1/models")).status(), 200);
    let before = Instant::now();
    assert_eq!(client.read_to_end().expect("an orderly end"), b"");
    assert!(in_time.contains(&before.elapsed()), "{:?}", before.elapsed());
}

#[test]
fn a_client_that_does_not_read_is_let_go() {
    let upstream = Upstream::start(|_, _| Script::reply("text/plain", &vec![b'x'; 64 << 20]));
    let config = "[timeouts]\nresponse_write_gap = \"700ms\"";
    let gateway = Gateway::builder().all_upstreams(&upstream.url()).config(config).start();
    let before = gateway.process.descriptors();
    let mut client = gateway.connect();
    client.send(&get("/v1/models")).expect("sent");
    let deadline = Instant::now() + Duration::from_secs(2);
    while gateway.process.descriptors() == before && Instant::now() < deadline {
        std::thread::sleep(Duration::from_millis(5));
    }
    let deadline = Instant::now() + Duration::from_secs(10);
    while gateway.process.descriptors() > before && Instant::now() < deadline {
        std::thread::sleep(Duration::from_millis(20));
    }
    assert!(gateway.process.descriptors() <= before, "both connections are closed");
    drop(client);
}

#[test]
fn keys_are_asked_for_and_never_passed_on() {
    let config = format!(
        "[[auth.keys]]\nid = \"one\"\nsha256 = \"{}\"\n[[auth.keys]]\nid = \"two\"\nsha256 = \"{}\"\nupstreams = [\"anthropic\"]\n\
         [upstreams.anthropic]\napi_key = \"the-providers-own-key\"\n",
        KEY_ONE.1, KEY_TWO.1
    );
    let (gateway, upstream) = stage(|builder| builder.config(&config));
    let ask = |target: &str, fields: &[(&str, &str)]| {
        gateway.exchange(&post_with(target, "application/json", fields, b"{\"a\":1}"))
    };
    for fields in [
        vec![],
        vec![("x-aegis-key", "wrong")],
        vec![("authorization", "Bearer gate-key-one")],
        vec![("x-aegis-key", "")],
    ] {
        let reply = ask(CHAT, &fields);
        assert_eq!(reply.status(), 401, "{fields:?}: {}", reply.text());
        assert!(reply.text().contains("unauthorized"), "{}", reply.text());
    }
    assert_eq!(upstream.records().len(), 0);

    let reply = ask(CHAT, &[("x-aegis-key", KEY_ONE.0), ("authorization", "Bearer of-the-client")]);
    assert_eq!(reply.status(), 200, "{}", reply.text());
    let seen = upstream.last();
    assert_eq!(seen.field("authorization"), Some("Bearer of-the-client"));
    assert!(seen.field("x-aegis-key").is_none());

    // Where the gateway has the provider's key, its own key may come as the client's.
    for field in
        [("x-api-key", KEY_ONE.0), ("authorization", "Bearer gate-key-one"), ("x-aegis-key", KEY_TWO.0)]
    {
        let reply = ask(MESSAGES, &[field]);
        assert_eq!(reply.status(), 200, "{field:?}: {}", reply.text());
        let seen = upstream.last();
        assert_eq!(seen.field("x-api-key"), Some("the-providers-own-key"));
        let head = format!("{:?}", seen.fields);
        assert!(!head.contains("gate-key"), "{head}");
    }
    let reply = ask(CHAT, &[("x-aegis-key", KEY_TWO.0)]);
    assert_eq!(reply.status(), 403, "a key of another upstream: {}", reply.text());
}

#[test]
fn routes() {
    let (gateway, upstream) = stage(|builder| builder);
    let table = [
        ("/v1/chat/completions", "/v1/chat/completions"),
        ("/v1/responses?x=1", "/v1/responses?x=1"),
        ("/v1/messages", "/v1/messages"),
        ("/v1beta/models/m:generateContent?key=k", "/v1beta/models/m:generateContent?key=k"),
        ("/openai/v1/models", "/v1/models"),
        ("/anthropic/v1/messages?beta=true", "/v1/messages?beta=true"),
        (
            "/google/v1beta/models/m:streamGenerateContent?alt=sse",
            "/v1beta/models/m:streamGenerateContent?alt=sse",
        ),
    ];
    for (asked, seen) in table {
        let reply = gateway.exchange(&post(asked, "application/json", b"{}"));
        assert_eq!(reply.status(), 200, "{asked}: {}", reply.text());
        assert_eq!(upstream.last().target(), seen);
    }
    assert_eq!(gateway.exchange(&get("/no/such/place")).status(), 404);
    let nobody = [("x-aegis-provider", "nobody")];
    assert_eq!(gateway.exchange(&post_with("/v1/chat", "application/json", &nobody, b"{}")).status(), 400);
    let upgrade =
        b"GET /v1/realtime HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n";
    upstream.forget();
    let reply = gateway.exchange(upgrade);
    assert!(reply.status() >= 400, "an upgrade is not tunnelled: {}", reply.start);
    assert_eq!(upstream.records().len(), 0);
}

#[test]
fn health_and_metrics() {
    let (gateway, _upstream) = stage(|builder| builder);
    assert_eq!(gateway.exchange(&post(CHAT, "application/json", b"{}")).status(), 200);
    let mut admin = aegis_tests::Client::connect(gateway.admin);
    for page in ["/healthz", "/readyz", "/metrics"] {
        assert_eq!(admin.exchange(&get(page)).status(), 200, "{page}");
    }
    let page = gateway.metrics();
    for line in page.lines().filter(|line| !line.starts_with('#')) {
        assert!(
            line.starts_with("aegis_") && line.rsplit(' ').next().is_some_and(|v| v.parse::<f64>().is_ok()),
            "{line}"
        );
    }
    for name in [
        "requests",
        "findings",
        "restored",
        "unresolved",
        "connections",
        "buffer",
        "pool",
        "driver",
        "_bucket",
    ] {
        assert!(page.contains(name), "{name} is missing:\n{page}");
    }
    assert_eq!(gateway.exchange(&get("/metrics")).status(), 404, "metrics are not for the traffic port");
}
