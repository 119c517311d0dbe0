//! 3. Endings: whatever breaks off in the middle of a token comes out as it is, once, in its place.

use std::time::{Duration, Instant};

use aegis_tests::client::post;
use aegis_tests::secrets::Seeded;
use aegis_tests::sse;
use aegis_tests::upstream::Step;
use aegis_tests::{Message, Script};
use serde_json::json;

use crate::harness::{CHAT, Harness, MESSAGES, chat, chat_text, event_stream, messages, token};

/// Bytes of the token that the model says before the end comes.
const SAID: usize = 17;

fn half(request: &Message) -> String {
    format!("it is {}", &token(request)[..SAID])
}

/// What the half becomes: itself.
fn expected(harness: &Harness) -> String {
    half(&harness.upstream.last())
}

#[test]
fn stop_length_and_done_come_after_the_held_text() {
    let harness = Harness::new();
    let secret = Seeded::new(301).github();
    for reason in ["stop", "length"] {
        let reply = harness.ask(CHAT, &chat(&format!("use {secret}")), move |request| {
            let end = sse::chat_end().replace("\"stop\"", &format!("{reason:?}"));
            event_stream(&(sse::chat_text(0, &half(request)) + &end))
        });
        assert_eq!(chat_text(&reply), expected(&harness), "{reason}");
        let text = reply.text();
        let (held, finish) = (text.rfind("\"content\""), text.find(&format!("{reason:?}")));
        assert!(held < finish, "held text before finish_reason: {text}");
        assert!(text.contains("\"total_tokens\":8") && text.ends_with("data: [DONE]\n\n"), "{text}");
    }
}

#[test]
fn anthropic_block_stop_comes_after_the_held_text() {
    let harness = Harness::new();
    let secret = Seeded::new(302).github();
    let reply = harness.ask(MESSAGES, &messages(&format!("use {secret}")), |request| {
        let events = [
            sse::anthropic(&json!({"type": "message_start", "message": {"id": "m", "usage": {"input_tokens": 4}}})),
            sse::anthropic(&json!({"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}})),
            sse::anthropic_delta(0, "text_delta", "text", &half(request)),
            sse::anthropic(&json!({"type": "content_block_stop", "index": 0})),
            sse::anthropic(&json!({"type": "message_delta", "delta": {"stop_reason": "max_tokens"}, "usage": {"output_tokens": 7}})),
            sse::anthropic(&json!({"type": "message_stop"})),
        ];
        event_stream(&events.concat())
    });
    assert_eq!(sse::joined(&reply.body, "/delta/text"), expected(&harness));
    let kinds: Vec<String> = sse::events(&reply.body).into_iter().map(|event| event.name).collect();
    let last_delta = kinds.iter().rposition(|kind| kind == "content_block_delta");
    let stop = kinds.iter().position(|kind| kind == "content_block_stop");
    assert!(last_delta < stop, "{kinds:?}");
    assert!(reply.text().contains("\"output_tokens\":7"));
}

#[test]
fn an_error_event_comes_after_the_held_text() {
    let harness = Harness::new();
    let secret = Seeded::new(303).github();
    let reply = harness.ask(MESSAGES, &messages(&format!("use {secret}")), |request| {
        let error = sse::anthropic(
            &json!({"type": "error", "error": {"type": "overloaded_error", "message": "busy"}}),
        );
        event_stream(&(sse::anthropic_delta(0, "text_delta", "text", &half(request)) + &error))
    });
    assert_eq!(sse::joined(&reply.body, "/delta/text"), expected(&harness));
    let events = sse::events(&reply.body);
    assert_eq!(events.last().map(|event| event.name.as_str()), Some("error"));
}

#[test]
fn a_stream_that_just_ends_or_breaks_gives_the_held_text_once() {
    let harness = Harness::new();
    let secret = Seeded::new(304).github();
    for ending in [None, Some(Step::Close), Some(Step::Reset)] {
        let wanted = ending.clone();
        harness.upstream.play(move |request, _| {
            let script = Script::stream().event(sse::chat_text(0, &half(request)).as_bytes());
            match &wanted {
                None => script.end(),
                // A reset overtakes data on its way; the pause lets the data arrive first.
                Some(step) => script.then(Step::Pause(Duration::from_millis(300))).then(step.clone()),
            }
        });
        let request = post(CHAT, "application/json", chat(&format!("use {secret}")).as_bytes());
        let reply = harness.gateway.exchange(&request);
        assert_eq!(chat_text(&reply), expected(&harness), "{ending:?}");
        assert_eq!(
            reply.complete,
            ending.is_none(),
            "a broken stream is not passed off as complete: {ending:?}"
        );
    }
}

#[test]
fn a_client_that_leaves_ends_the_providers_stream() {
    let harness = Harness::new();
    let secret = Seeded::new(305).github();
    let before = harness.gateway.process.descriptors();
    harness.upstream.play(|request, _| {
        let mut script = Script::stream();
        for _ in 0..400 {
            script = script.event(sse::chat_text(0, &token(request)).as_bytes());
            script = script.then(Step::Pause(Duration::from_millis(25)));
        }
        script.end()
    });
    for abort in [true, false] {
        let mut client = harness.gateway.connect();
        client
            .send(&post(CHAT, "application/json", chat(&format!("use {secret}")).as_bytes()))
            .expect("sent");
        let mut got = Vec::new();
        while !String::from_utf8_lossy(&got).contains(&secret) {
            got.extend(client.read_some(4_096).expect("the first events"));
        }
        if abort { client.abort() } else { drop(client) }
    }
    let deadline = Instant::now() + Duration::from_secs(5);
    while harness.gateway.process.descriptors() > before && Instant::now() < deadline {
        std::thread::sleep(Duration::from_millis(20));
    }
    assert!(harness.gateway.process.descriptors() <= before, "both connections of each exchange are closed");
    let reply =
        harness.ask(CHAT, &chat("hello"), |_| event_stream(&(sse::chat_text(0, "hi") + &sse::chat_end())));
    assert_eq!(chat_text(&reply), "hi");
}
