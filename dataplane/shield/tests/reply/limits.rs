//! Each limit, at its value and one beyond.

use aegis_shield::reply::{MAX_EVENT, ReplyFormat};
use serde_json::{Value, json};

use crate::support::*;

/// Feeds `input` in a few ways that a test of every cut would take too long for.
fn run_some(format: ReplyFormat, input: &str) -> (String, aegis_shield::reply::RestoreStats) {
    let whole = run_cut(format, input.as_bytes(), &[]);
    for size in [1, 7, 4096, MAX_EVENT, MAX_EVENT + 1] {
        let cuts: Vec<usize> = (size..input.len()).step_by(size).collect();
        assert!(run_cut(format, input.as_bytes(), &cuts) == whole, "pieces of {size}");
    }
    (String::from_utf8(whole.0).unwrap(), whole.1)
}

/// A delta whose frame has exactly `len` bytes, and whose text begins and ends so.
fn delta_of(len: usize, head: &str, tail: &str) -> String {
    let of = |pad: usize| {
        let text = format!("{head}{}{tail}", "x".repeat(pad));
        frame("", &json!({"choices": [{"index": 0, "delta": {"content": text}}]}).to_string(), "\n")
    };
    of(len - of(0).len())
}

fn content(data: &Value) -> Vec<(String, String)> {
    let text = data["choices"][0]["delta"]["content"].as_str();
    text.map(|text| (String::new(), text.to_owned())).into_iter().collect()
}

#[test]
fn events_up_to_the_limit_are_channels() {
    let token = masked("<<quoted>>");
    let (first, second) = token.split_at(10);
    let next = delta_of(200, second, "");
    let (output, _) =
        run_some(ReplyFormat::Sse, &(delta_of(MAX_EVENT, "", &token) + &delta_of(200, "", first) + &next));
    assert_eq!(channels(&output, content)[""].matches(QUOTED).count(), 2);
    let (output, _) =
        run_some(ReplyFormat::Sse, &(delta_of(200, "", first) + &delta_of(MAX_EVENT, second, "")));
    assert_eq!(channels(&output, content)[""].matches(QUOTED).count(), 1);
}

#[test]
fn larger_events_are_restored_as_they_pass() {
    let token = masked("<<quoted>>");
    let large = delta_of(MAX_EVENT + 1, "", &token);
    let (output, stats) =
        run_some(ReplyFormat::Sse, &(delta_of(200, "", "x AEG") + &large + &delta_of(200, "", "end")));
    let text = &channels(&output, content)[""];
    assert!(text.contains("x AEGxxx") && text.ends_with("end") && text.contains(QUOTED), "in order");
    assert_eq!(stats.restored, 1);
    let arguments = json!({"a": token, "pad": "y".repeat(MAX_EVENT)}).to_string();
    let done = json!({"type": "response.done", "arguments": arguments, "signature": token});
    for eol in ["\n", "\r\n", "\r"] {
        let (output, _) =
            run_some(ReplyFormat::Sse, &(frame("x", &done.to_string(), eol) + &frame("", "[DONE]", eol)));
        let events = events(&output);
        assert_eq!(events[0].json()["signature"], token);
        let arguments: Value = serde_json::from_str(events[0].json()["arguments"].as_str().unwrap()).unwrap();
        assert_eq!(arguments["a"], QUOTED);
        assert_eq!(events[1].data, "[DONE]");
    }
}

#[test]
fn large_lines_are_restored_as_they_pass() {
    for pad in [MAX_EVENT - 200, MAX_EVENT + 1] {
        let line = json!({"a": masked("<<quoted>>"), "pad": "y".repeat(pad)});
        let (output, _) = run_some(ReplyFormat::JsonLines, &format!("{line}\n{line}\n"));
        for line in output.lines() {
            assert_eq!(serde_json::from_str::<Value>(line).unwrap()["a"], QUOTED);
        }
    }
}

#[test]
fn large_data_that_is_no_json_stays_in_its_lines() {
    let input = format!("data: {}{}\n\ndata: y\n\n", "x".repeat(MAX_EVENT), masked("<<pem>>"));
    let (output, _) = run_some(ReplyFormat::Sse, &input);
    assert!(events(&output)[0].data.ends_with(PEM));
    assert_eq!(events(&output).len(), 2);
}

#[test]
fn channels_have_a_limit() {
    let token = masked("<<plain>>");
    let (first, second) = token.split_at(12);
    let stream = |count: u32| -> String {
        let one = |index: u32, text: &str| {
            frame("", &json!({"choices": [{"index": index, "delta": {"content": text}}]}).to_string(), "\n")
        };
        let half = |text: &str| (0..count).map(|index| one(index, text)).collect::<String>();
        half(first) + &half(second)
    };
    let (_, stats) = run_some(ReplyFormat::Sse, &stream(256));
    assert_eq!((stats.restored, stats.skipped), (256, 0));
    let (output, stats) = run_some(ReplyFormat::Sse, &stream(257));
    assert_eq!((stats.restored, stats.skipped), (256, 2));
    assert!(output.contains(second), "what is not restored is not lost");
}

#[test]
fn templates_have_a_limit() {
    let event = |text: &str, pad: usize| {
        let data = json!({"id": "i".repeat(250), "pad": ["z".repeat(pad)], "choices": [{"index": 0, "delta": {"content": text}}]});
        frame(&"e".repeat(pad), &data.to_string(), "\n")
    };
    let token = masked("<<plain>>");
    let (first, second) = token.split_at(12);
    for (pad, whole) in [(3000, true), (5000, false)] {
        let (output, _) = run_some(ReplyFormat::Sse, &(event(first, pad) + &event(second, 1)));
        let text = &channels(&output, content)[""];
        assert_eq!(*text == PLAIN, whole);
        assert_eq!(*text == token, !whole, "held back only what can be let out again");
    }
}

#[test]
fn events_with_too_many_values_are_restored_whole() {
    let values = vec![masked("<<quoted>>"); 5000];
    let data = json!({"a": vec![1; 5000], "t": values[0]});
    let (output, _) = run_some(ReplyFormat::Sse, &frame("", &data.to_string(), "\n"));
    assert_eq!(events(&output)[0].json()["t"], QUOTED);
}
