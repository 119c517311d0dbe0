//! 1. Every cut of the stream, in every dress that event streams wear.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use aegis_tests::client::post;
use aegis_tests::oracle::unicode_escape;
use aegis_tests::secrets::Seeded;
use aegis_tests::sse;
use aegis_tests::upstream::Step;
use aegis_tests::{Client, Script};

use crate::harness::{CHAT, Harness, chat, chat_stream, chat_text, event_stream, token, tokens};

/// Long enough that two writes become two reads, short enough for a thousand of them.
const GAP: Duration = Duration::from_millis(1);

/// As long as the tokens of this test.
const TOKEN_SHAPE: &str = "AEGIS-KEY-000000000000000000000";

/// What the model says in all of these: two tokens side by side, words of two, three and four bytes, one at the end.
fn saying(first: &str, second: &str) -> String {
    format!("grüße {first}{second} 日本 {second}, 🦀{first}")
}

#[test]
fn a_reply_cut_at_each_byte() {
    let harness = Harness::new();
    let mut seeded = Seeded::new(101);
    let (first, second) = (seeded.github(), seeded.stripe());
    let body = chat(&format!("use {first} and {second}"));
    let original = saying(&first, &second);
    let mut cut = 0;
    loop {
        let reply = harness.ask(CHAT, &body, move |request| {
            let found = tokens(request);
            event_stream(&chat_stream(&saying(&found[0], &found[1]), 1_000)).cut_body(cut, GAP)
        });
        assert_eq!(chat_text(&reply), original, "cut at {cut}");
        assert!(reply.text().ends_with("data: [DONE]\n\n"), "cut at {cut}");
        cut += 1;
        if cut > chat_stream(&original, 1_000).len() {
            break;
        }
    }
    harness.assert_unseen(&first);
    harness.assert_unseen(&second);
}

#[test]
fn a_reply_of_one_character_an_event() {
    let harness = Harness::new();
    let secret = Seeded::new(102).github();
    for ending in ["\n", "\r\n", "\r"] {
        for segment in [1, 3, 7, 50_000] {
            let reply = harness.ask(CHAT, &chat(&format!("use {secret}")), move |request| {
                let stream = chat_stream(&saying(&token(request), &token(request)), 1).replace('\n', ending);
                event_stream(&stream).cut(segment)
            });
            assert_eq!(chat_text(&reply), saying(&secret, &secret), "{ending:?} in pieces of {segment}");
        }
    }
    harness.assert_unseen(&secret);
}

#[test]
fn pings_comments_and_split_data_lines_between_the_pieces() {
    let harness = Harness::new();
    let secret = Seeded::new(103).stripe();
    let reply = harness.ask(CHAT, &chat(&format!("use {secret}")), |request| {
        let mut stream = String::new();
        for (index, character) in saying(&token(request), &token(request)).chars().enumerate() {
            let event = sse::chat_text(0, &character.to_string());
            // A newline between two JSON fields is the same document on two data lines.
            let event = if index % 2 == 0 { event.replacen(",\"", ",\ndata: \"", 1) } else { event };
            let _ = write!(stream, ": note {index}\n\nevent: ping\ndata: {{\"type\": \"ping\"}}\n\n{event}");
        }
        event_stream(&(stream + &sse::chat_end()))
    });
    assert_eq!(chat_text(&reply), saying(&secret, &secret));
    let pings = sse::events(&reply.body).iter().filter(|event| event.name == "ping").count();
    let expected = saying(TOKEN_SHAPE, TOKEN_SHAPE).chars().count();
    assert_eq!(pings, expected, "every ping arrives");
}

#[test]
fn a_token_written_in_unicode_escapes() {
    let harness = Harness::new();
    let secret = Seeded::new(104).github();
    let body = chat(&format!("use {secret}"));
    let frame = sse::chat_text(0, "HERE").find("HERE").expect("the marker is in the event");
    for cut in (0..6 * TOKEN_SHAPE.len() + 12).step_by(5) {
        let reply = harness.ask(CHAT, &body, move |request| {
            let text = unicode_escape(&format!("<{}>", token(request)));
            let stream = sse::chat_text(0, "HERE").replace("HERE", &text);
            event_stream(&(stream + &sse::chat_end())).cut_body(frame + cut, GAP)
        });
        assert_eq!(chat_text(&reply), format!("<{secret}>"), "cut at {cut}");
    }
}

#[test]
fn a_request_cut_at_each_byte() {
    let harness = Harness::new();
    let secret = Seeded::new(105).github();
    let body = chat(&format!("grüße {secret} 🦀"));
    let whole = harness.seen(CHAT, &body);
    assert_eq!(whole.matches("AEGIS-").count(), 1, "{whole}");
    let bytes = post(CHAT, "application/json", body.as_bytes());
    harness.upstream.play(|_, _| Script::reply("application/json", b"{}"));
    for cut in 1..bytes.len() {
        let mut client = harness.gateway.connect();
        client.send(&bytes[..cut]).expect("the first piece goes out");
        std::thread::sleep(GAP);
        client.send(&bytes[cut..]).expect("the second piece goes out");
        assert_eq!(client.reply().expect("a reply").status(), 200, "cut at {cut}");
        assert_eq!(harness.upstream.last().text(), whole, "cut at {cut}");
    }
    let mut client = harness.gateway.connect();
    client.send_pieces(&bytes, 1, Duration::from_micros(200)).expect("every byte goes out");
    assert_eq!(client.reply().expect("a reply").status(), 200);
    assert_eq!(harness.upstream.last().text(), whole, "one byte at a time");
    harness.assert_unseen(&secret);
}

#[test]
fn ordinary_text_is_not_held_back() {
    const PAUSE: Duration = Duration::from_millis(1_500);
    let harness = Harness::new();
    let secret = Seeded::new(106).github();
    harness.upstream.play(|_, _| {
        let first = sse::chat_text(0, "Here is what I found");
        Script::stream()
            .event(first.as_bytes())
            .then(Step::Pause(PAUSE))
            .event(sse::chat_end().as_bytes())
            .end()
    });
    let mut client: Client = harness.gateway.connect();
    let sent = Instant::now();
    client.send(&post(CHAT, "application/json", chat(&format!("use {secret}")).as_bytes())).expect("sent");
    let mut got = Vec::new();
    while !String::from_utf8_lossy(&got).contains("what I found") {
        got.extend(client.read_some(4_096).expect("the first event"));
    }
    assert!(sent.elapsed() < PAUSE / 2, "the first event came after {:?}", sent.elapsed());
}
