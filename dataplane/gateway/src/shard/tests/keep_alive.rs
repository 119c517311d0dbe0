//! Comments in silent event streams: between events only, and never where nobody asked for them.

use std::time::Duration;

use aegis_wire::h1;

use super::harness::{GatewaySetup, MockUpstream, Reply, SECRET, ScriptStep, on_both_drivers, token, write};
use crate::config::settings::Driver;

const COMMENT: &str = ": keep-alive\n\n";
const EVERY: Duration = Duration::from_millis(50);
/// A silence that is worth several comments.
const SILENCE: ScriptStep = ScriptStep::Sleep(250);

/// An event stream in pieces with silence between them: after an event, inside one, and inside a token.
fn upstream(chunked: bool) -> MockUpstream {
    MockUpstream::new(move |seen| {
        let token = token(seen);
        let event = |text: &str| {
            format!("data: {{\"choices\":[{{\"index\":0,\"delta\":{{\"content\":\"{text}\"}}}}]}}\n\n")
        };
        let (half, rest) = (event("one"), event("two"));
        let pieces = [
            half.clone() + &rest[..20],
            rest[20..].to_owned(),
            event(&token[..12]),
            event(&token[12..]) + "data: [DONE]\n\n",
        ];
        let framing = if chunked { "transfer-encoding: chunked\r\n" } else { "" };
        let head = format!("HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n{framing}\r\n");
        let mut steps = vec![write(&head)];
        for piece in pieces {
            let mut bytes = Vec::new();
            if chunked {
                h1::write_chunk(piece.as_bytes(), &mut bytes);
            } else {
                bytes.extend_from_slice(piece.as_bytes());
            }
            steps.extend([ScriptStep::Write(bytes), SILENCE]);
        }
        steps.push(if chunked { ScriptStep::Write(h1::LAST_CHUNK.to_vec()) } else { ScriptStep::Close });
        steps
    })
}

fn ask(driver: Driver, chunked: bool, every: Duration, body: &str) -> Reply {
    let upstream = upstream(chunked);
    let mut setup = GatewaySetup::new(driver, &upstream);
    setup.change = Box::new(move |snapshot| snapshot.sse_keep_alive = every);
    let gateway = setup.start();
    let mut client = gateway.client();
    client.post("/up/x", body);
    client.reply()
}

#[test]
fn a_silent_stream_carries_comments_between_its_events() {
    on_both_drivers(|driver| {
        // With a secret the stream is restored; a foreign token in its place passes as it is.
        for body in [format!("my key is {SECRET} ok"), "AEGIS-KEY-0123456789ABCDEFGHJKM".to_owned()] {
            for chunked in [true, false] {
                let quiet = ask(driver, chunked, Duration::ZERO, &body);
                let kept = ask(driver, chunked, EVERY, &body);
                assert!(quiet.complete && kept.complete);
                assert!(!quiet.text().contains(COMMENT));
                assert_eq!(kept.text().replace(COMMENT, ""), quiet.text());
                let pieces: Vec<&str> = kept.text().split(COMMENT).collect();
                assert!(pieces.len() > 2, "{}", kept.text());
                assert!(pieces.iter().all(|piece| piece.is_empty() || piece.ends_with("\n\n")), "{pieces:?}");
            }
        }
    });
}
