//! The way back: tokens become secrets again, in every framing and coding, and only there.

use std::io::Write;

use aegis_detect::Category;
use aegis_shield::Action;
use aegis_wire::h1;
use flate2::Compression;
use flate2::write::GzEncoder;

use super::harness::{
    Gateway, GatewaySetup, MockUpstream, SECRET, ScriptStep, ok, on_both_drivers, shield, token, write,
};
use crate::events::Ending;

fn gzip(text: &str) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(text.as_bytes()).unwrap();
    encoder.finish().unwrap()
}

fn ask(gateway: &Gateway, path: &str) -> super::harness::Reply {
    let mut client = gateway.client();
    client.post(path, &format!("my key is {SECRET} ok"));
    client.reply()
}

#[test]
fn a_small_reply_keeps_a_length() {
    on_both_drivers(|driver| {
        let upstream = MockUpstream::new(|seen| {
            let body = format!("{{\"text\":\"use {}\"}}", token(seen));
            let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\netag: x\r\n";
            vec![
                write(&format!("{head}content-length: {}\r\n\r\n{}", body.len(), &body[..9])),
                ScriptStep::Sleep(20),
                write(&body[9..]),
            ]
        });
        let mut gateway = GatewaySetup::new(driver, &upstream).start();
        let reply = ask(&gateway, "/up/x");
        let expected = format!("{{\"text\":\"use {SECRET}\"}}");
        assert_eq!((reply.text(), reply.head.fields.contains(b"etag")), (expected.as_str(), false));
        assert!(!reply.head.fields.contains(b"transfer-encoding"));
        let record = gateway.record();
        assert_eq!((record.restored, record.unresolved), (1, 0));
        assert_eq!(record.delivered_bytes, expected.len() as u64);
        assert!(record.response_bytes > record.delivered_bytes);
    });
}

#[test]
fn a_stream_is_restored_across_its_events() {
    on_both_drivers(|driver| {
        let upstream = MockUpstream::new(|seen| {
            let mut steps = vec![write(
                "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n",
            )];
            for part in token(seen).as_bytes().chunks(5) {
                let part = std::str::from_utf8(part).unwrap();
                let event = format!(
                    "data: {{\"choices\":[{{\"index\":0,\"delta\":{{\"content\":\"{part}\"}}}}]}}\n\n"
                );
                let mut chunk = Vec::new();
                h1::write_chunk(event.as_bytes(), &mut chunk);
                steps.extend([ScriptStep::Write(chunk), ScriptStep::Sleep(2)]);
            }
            steps.push(write("e\r\ndata: [DONE]\n\n\r\n0\r\n\r\n"));
            steps
        });
        let gateway = GatewaySetup::new(driver, &upstream).start();
        let reply = ask(&gateway, "/up/x");
        assert!(reply.complete);
        let text = reply.text();
        assert!(
            text.contains(SECRET) && !text.contains("AEGIS-") && text.ends_with("data: [DONE]\n\n"),
            "{text}"
        );
    });
}

#[test]
fn a_large_reply_is_restored_in_windows() {
    on_both_drivers(|driver| {
        let upstream = MockUpstream::new(|seen| {
            let line = format!("{} and some words around it\n", token(seen));
            vec![ok(&line.repeat(5_000))]
        });
        let mut gateway = GatewaySetup::new(driver, &upstream).start();
        let reply = ask(&gateway, "/up/x");
        assert!(reply.text() == format!("{SECRET} and some words around it\n").repeat(5_000));
        assert_eq!(gateway.record().restored, 5_000);
    });
}

#[test]
fn what_is_held_back_comes_out_when_the_upstream_breaks_off() {
    on_both_drivers(|driver| {
        let upstream = MockUpstream::new(|seen| {
            let token = token(seen);
            let head = "HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ntransfer-encoding: chunked\r\n\r\n";
            vec![
                write(&format!("{head}{:x}\r\nuse {}", 100, &token[..15])),
                ScriptStep::Sleep(30),
                ScriptStep::Close,
            ]
        });
        let mut gateway = GatewaySetup::new(driver, &upstream).start();
        let reply = ask(&gateway, "/up/x");
        assert!(!reply.complete);
        assert_eq!(reply.text().len(), 4 + 15);
        assert!(reply.text().starts_with("use AEGIS-KEY-"));
        assert_eq!(gateway.record().ended, Ending::UpstreamAborted);
    });
}

#[test]
fn a_small_reply_that_breaks_off_is_a_bad_gateway() {
    on_both_drivers(|driver| {
        let upstream = MockUpstream::new(|_| {
            vec![
                write("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 90\r\n\r\n{"),
                ScriptStep::Sleep(20),
                ScriptStep::Close,
            ]
        });
        let gateway = GatewaySetup::new(driver, &upstream).start();
        assert_eq!(ask(&gateway, "/up/x").status, 502);
    });
}

#[test]
fn a_reply_that_is_compressed_all_the_same_is_read() {
    on_both_drivers(|driver| {
        let upstream = MockUpstream::new(|seen| {
            let text = if seen.head.path == "/clean" {
                "nothing".to_owned()
            } else {
                format!("use {}", token(seen))
            };
            let body = gzip(&text);
            let head = "HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-type: text/plain\r\n";
            let mut out = format!("{head}content-length: {}\r\n\r\n", body.len()).into_bytes();
            out.extend_from_slice(&body);
            vec![ScriptStep::Write(out)]
        });
        let gateway = GatewaySetup::new(driver, &upstream).start();
        let reply = ask(&gateway, "/up/x");
        assert_eq!((reply.text().to_owned(), reply.field("content-encoding")), (format!("use {SECRET}"), ""));
        // Nothing to restore: decoded for a client that does not read gzip, passed on to one that does.
        let mut client = gateway.client();
        client.send("GET /up/clean HTTP/1.1\r\nhost: g\r\n\r\n");
        assert_eq!(client.reply().text(), "nothing");
        client.send("GET /up/clean HTTP/1.1\r\nhost: g\r\naccept-encoding: br;q=1, gzip\r\n\r\n");
        let reply = client.reply();
        assert_eq!((reply.field("content-encoding"), &reply.body), ("gzip", &gzip("nothing")));
    });
}

#[test]
fn compressed_requests_are_read_and_unknown_codings_refused() {
    on_both_drivers(|driver| {
        let upstream = MockUpstream::new(|seen| vec![ok(&format!("use {}", token(seen)))]);
        let gateway = GatewaySetup::new(driver, &upstream).start();
        for filler in [0, 10_000, 1_000_000] {
            let text = format!("{}\nkey {SECRET} end", "words and words ".repeat(filler / 16));
            let body = gzip(&text);
            let mut client = gateway.client();
            client.send(format!(
                "POST /up/x HTTP/1.1\r\nhost: g\r\ncontent-type: text/plain\r\ncontent-encoding: gzip\r\ncontent-length: {}\r\n\r\n",
                body.len()
            ));
            client.send(&body);
            let reply = client.reply();
            assert_eq!(reply.text(), format!("use {SECRET}"));
            let seen = upstream.seen().pop().unwrap();
            assert!(!seen.head.fields.contains(b"content-encoding"));
            assert!(seen.body.starts_with(&text.as_bytes()[..filler / 16 * 16]));
            client.post("/up/x", SECRET);
            assert_eq!(client.reply().status, 200, "the next request stands in its place");
        }
        let mut client = gateway.client();
        client.send("POST /up/x HTTP/1.1\r\nhost: g\r\ncontent-encoding: lzma\r\ncontent-length: 1\r\n\r\nx");
        let reply = client.reply();
        assert_eq!(reply.status, 415);
        assert_eq!(reply.field("accept-encoding"), "gzip, deflate, br, zstd");
        assert!(reply.text().contains("unsupported_encoding"));
        let body = &gzip(&"x".repeat(10_000))[..20];
        client = gateway.client();
        client.send("POST /up/x HTTP/1.1\r\nhost: g\r\ncontent-encoding: gzip\r\ncontent-length: 20\r\n\r\n");
        client.send(body);
        assert_eq!(client.reply().status, 400);
    });
}

#[test]
fn a_named_session_remembers() {
    on_both_drivers(|driver| {
        // The second request holds no secret; the upstream, which kept the history, answers with the token.
        let kept = std::sync::Mutex::new(String::new());
        let upstream = MockUpstream::new(move |seen| {
            let mut kept = kept.lock().unwrap();
            if seen.head.path == "/first" {
                *kept = token(seen);
            }
            assert!(!seen.head.fields.contains(b"x-aegis-session"));
            vec![ok(&format!("use {kept}"))]
        });
        let mut setup = GatewaySetup::new(driver, &upstream);
        setup.change = Box::new(|snapshot| snapshot.session.enabled = true);
        let gateway = setup.start();
        let mut client = gateway.client();
        for (path, session, body, restored) in [
            ("first", "mine", SECRET, true),
            ("second", "mine", "again", true),
            ("second", "other", "again", false),
        ] {
            client.send(format!(
                "POST /up/{path} HTTP/1.1\r\nhost: g\r\nx-aegis-session: {session}-{driver:?}\r\ncontent-length: {}\r\n\r\n{body}",
                body.len()
            ));
            assert_eq!(client.reply().text() == format!("use {SECRET}"), restored, "{path} {session}");
        }
    });
}

#[test]
fn citations_point_into_what_the_client_sent_and_kept_tokens_are_counted() {
    let before = "Caf\u{e9}. ";
    on_both_drivers(move |driver| {
        let upstream = MockUpstream::new(move |seen| {
            let token = token(seen);
            let start = before.chars().count() + token.len() + 1;
            let body = format!(
                "{{\"type\":\"message\",\"content\":[{{\"type\":\"thinking\",\"thinking\":\"use {token}\",\"signature\":\"EqQB\"}},\
                 {{\"type\":\"text\",\"text\":\"yes\",\"citations\":[{{\"type\":\"char_location\",\"cited_text\":\"{token} behind\",\
                 \"document_index\":1,\"start_char_index\":6,\"end_char_index\":{}}}]}}]}}",
                start + "behind".len()
            );
            let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n";
            vec![write(&format!("{head}content-length: {}\r\n\r\n{body}", body.len()))]
        });
        let mut gateway = GatewaySetup::new(driver, &upstream).start();
        for filler in [0, 100_000] {
            let document = |data: &str| {
                format!(
                    "{{\"type\":\"document\",\"source\":{{\"type\":\"text\",\"media_type\":\"text/plain\",\"data\":\"{data}\"}}}}"
                )
            };
            let first = document(&". ".repeat(filler / 2));
            let second = document(&format!("{before}{SECRET} behind"));
            let body = format!("{{\"messages\":[{{\"role\":\"user\",\"content\":[{first},{second}]}}]}}");
            let mut client = gateway.client();
            client.send(format!(
                "POST /up/v1/messages HTTP/1.1\r\nhost: gateway\r\ncontent-type: application/json\r\n\
                 content-length: {}\r\n\r\n{body}",
                body.len()
            ));
            let reply = client.reply().text().to_owned();
            assert!(reply.contains(&format!("\"cited_text\":\"{SECRET} behind\"")), "{reply}");
            let end = before.chars().count() + SECRET.len() + " behind".len();
            assert!(reply.contains(&format!("\"start_char_index\":6,\"end_char_index\":{end}}}")), "{reply}");
            let record = gateway.record();
            assert_eq!((record.restored, record.kept, record.unresolved), (1, 1, 0));
        }
    });
}

/// Nothing was found in the request, so nothing is put back; a token from elsewhere is counted all the same.
#[test]
fn a_token_in_the_reply_to_a_clean_request_is_counted() {
    on_both_drivers(|driver| {
        let stranded = shield(Action::Tokenize).keyring.mint(Category::Key, b"of yesterday");
        let body = format!("use {stranded}, not AEGIS-KEY-AAAAAAAAAAAAAAAAAAAAAAAAAA, nor {stranded}");
        let expected = body.clone();
        let upstream = MockUpstream::new(move |seen| match seen.head.path.as_str() {
            "/whole" => vec![ok(&body)],
            _ => vec![
                write("HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ntransfer-encoding: chunked\r\n\r\n"),
                write(&format!("9\r\n{}\r\n", &body[..9])),
                ScriptStep::Sleep(20),
                write(&format!("{:x}\r\n{}\r\n0\r\n\r\n", body.len() - 9, &body[9..])),
            ],
        });
        let mut gateway = GatewaySetup::new(driver, &upstream).start();
        for path in ["/up/whole", "/up/cut"] {
            let mut client = gateway.client();
            client.post(path, "nothing to hide");
            assert_eq!(client.reply().text(), expected);
            let record = gateway.record();
            assert_eq!((record.findings_total, record.restored, record.unresolved), (0, 0, 2), "{path}");
        }
    });
}
