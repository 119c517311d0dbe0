//! The cases that restoring proxies are known to get wrong, each by name. Most have more tests beside the
//! provider that they come from.

use std::sync::Arc;

use aegis_detect::Category;
use aegis_shield::reply::{Rehydrator, ReplyFormat, RestorePolicy, ToolNames};
use serde_json::{Value, json};

use crate::anthropic::{delta, message, read, start, stop};
use crate::support::*;

fn text(index: u32, text: &str) -> Value {
    delta(index, &json!({"type": "text_delta", "text": text}))
}

/// What a client reads in block 0 when the provider sends these pieces.
fn restored(pieces: &[&str]) -> String {
    let inner: Vec<Value> = pieces.iter().map(|piece| text(0, piece)).chain([stop(0)]).collect();
    channels(&run_sse(&message(&inner, "\n")).0, read).remove("0.text").unwrap_or_default()
}

#[test]
fn case_1_a_token_cut_at_each_byte() {
    let token = masked("<<quoted>>");
    for cut in 1..token.len() {
        assert_eq!(restored(&["x ", &token[..cut], &token[cut..]]), format!("x {QUOTED}"));
        assert_eq!(
            restored(&[&format!("é{}", &token[..cut]), "", &format!("{}y", &token[cut..])]),
            format!("é{QUOTED}y")
        );
    }
    assert_eq!(restored(&[&format!("{token}{token}")]), format!("{QUOTED}{QUOTED}"), "adjacent");
    assert_eq!(restored(&[&token]), QUOTED, "at the very end");
}

#[test]
fn case_1_ordinary_text_is_not_held() {
    let mut rehydrator = Rehydrator::new(vault(), ReplyFormat::Sse);
    for piece in ["Hello", " wor", "ld, AE", "RO", " - AEGI", "R", "AEGIS-KEY-Z", "AEGIS-XYZ", "."] {
        let input = frame("content_block_delta", &text(0, piece).to_string(), "\n");
        let mut out = Vec::new();
        rehydrator.push(input.as_bytes(), &mut out);
        let out = String::from_utf8(out).unwrap();
        let held = matches!(piece, "ld, AE" | " - AEGI" | "RO" | "R");
        assert_eq!(out == input, !held, "{piece}");
    }
}

#[test]
fn case_1_escapes_and_characters_around_a_token() {
    let token = masked("<<plain>>");
    let data = |text: &str| {
        format!(
            "data: {{\"type\":\"content_block_delta\",\"index\":0,\"delta\":{{\"text\":\"{text}\"}}}}\n\n"
        )
    };
    let input = [data(&format!("\\u00e9\\ud83d\\ude00{token}\\u0041\\u00e9")), data("x")].concat();
    let (output, _) = run_sse(&input);
    assert_eq!(output, input.replace(&token, PLAIN), "nothing else changes");
}

#[test]
fn case_2_arguments_of_interleaved_calls_parse_and_equal() {
    let build = |fill: fn(&str) -> String| {
        let file = json!({"key": fill("<<pem>>"), "password": fill("<<quoted>>")}).to_string();
        let body = json!({"file": file, "note": fill("<<quoted>><<plain>>")}).to_string();
        json!({"path": "a", "body": body, "direct": fill("<<quoted>>"), "key": fill("<<pem>>")})
    };
    let masked_arguments = build(masked).to_string();
    for size in [1, 7, 4000] {
        let mut inner = Vec::new();
        for piece in pieces(&masked_arguments, size) {
            for index in 0..3 {
                inner.push(delta(index, &json!({"type": "input_json_delta", "partial_json": piece})));
            }
        }
        inner.extend((0..3).map(stop));
        let read = channels(&run_sse(&message(&inner, "\n")).0, read);
        for index in 0..3 {
            let arguments: Value = serde_json::from_str(&read[&format!("{index}.partial_json")]).unwrap();
            let expected = build(clear);
            assert_eq!((&arguments["direct"], &arguments["key"]), (&expected["direct"], &expected["key"]));
            let inside = |value: &Value, key: &str| -> Value {
                serde_json::from_str(value[key].as_str().unwrap()).unwrap()
            };
            let (body, expected) = (inside(&arguments, "body"), inside(&expected, "body"));
            assert_eq!(body["note"], expected["note"]);
            assert_eq!(inside(&body, "file"), inside(&expected, "file"));
        }
    }
}

#[test]
fn case_3_a_stream_that_stops_in_a_token() {
    let token = masked("<<plain>>");
    let head =
        frame("content_block_start", &start(0, &json!({"type": "text", "text": ""})).to_string(), "\n");
    for end in 1..token.len() {
        let input = head.clone()
            + &frame("content_block_delta", &text(0, &format!("x {}", &token[..end])).to_string(), "\n");
        let (output, stats) = run_sse(&input);
        assert_eq!(channels(&output, read)["0.text"], format!("x {}", &token[..end]), "literally, once");
        assert_eq!(stats.restored, 0, "nothing is guessed");
        for broken in
            ["event: content_block_delta\nda", "data: {\"type\":\"content_block_delta\",\"index\":0,\"del"]
        {
            let (output, _) = run_sse(&format!("{input}{broken}"));
            assert!(output.ends_with(broken), "{output}");
            assert_eq!(
                channels(&output[..output.len() - broken.len()], read)["0.text"],
                format!("x {}", &token[..end])
            );
        }
    }
}

#[test]
fn case_3_finish_may_be_called_at_any_time_and_twice() {
    let token = masked("<<plain>>");
    let input = message(&[text(0, &format!("{token} {}", &token[..20])), stop(0)], "\r\n");
    for end in 0..input.len() {
        let mut rehydrator = Rehydrator::new(vault(), ReplyFormat::Sse);
        let mut out = Vec::new();
        rehydrator.push(&input.as_bytes()[..end], &mut out);
        rehydrator.finish(&mut out);
        let len = out.len();
        rehydrator.finish(&mut out);
        assert_eq!(out.len(), len);
        if !input[..end].contains(&token) {
            let out = String::from_utf8(out).unwrap();
            let tail = out.len() - out.rfind("event:").unwrap_or(0);
            assert!(out.len() >= end && input[..end].ends_with(&out[out.len() - tail.min(end)..]), "{out}");
        }
    }
}

#[test]
fn case_3_the_last_event_without_an_empty_line() {
    let token = masked("<<plain>>");
    let (first, second) = token.split_at(11);
    let head = frame("", &text(0, first).to_string(), "\n");
    for tail in ["", "\n", "\r"] {
        let (output, _) = run_sse(&format!("{head}data: {}{tail}", text(0, second)));
        assert_eq!(channels(&format!("{output}\n\n"), read)["0.text"], PLAIN);
    }
}

#[test]
fn case_4_signatures_that_look_like_tokens() {
    let seeds = [
        "<<plain>>",
        "Erw<<plain>>==",
        "AIzaSyMadeUpMadeUpMadeUpMadeUpMadeUp000",
        "SK0123456789abcdef0123456789abcdef",
        "AEG",
        "aegis-key-",
    ];
    for seed in seeds {
        let signature = masked(seed);
        let inner = [
            start(0, &json!({"type": "thinking", "thinking": "", "signature": signature})),
            delta(0, &json!({"type": "thinking_delta", "thinking": ""})),
            delta(0, &json!({"type": "signature_delta", "signature": signature})),
            stop(0),
            start(1, &json!({"type": "redacted_thinking", "data": signature})),
            stop(1),
        ];
        let input = message(&inner, "\n");
        assert_eq!(run_sse(&input).0, input);
    }
}

#[test]
fn case_6_events_without_a_content_type() {
    let input = message(&[text(0, "x AEG"), text(0, &masked("<<plain>>")), stop(0)], "\n");
    for head in ["", "\u{feff}", "\n\n", ": hello\n\n", "retry: 100\n\n", "id: 7\n"] {
        for format in [ReplyFormat::Unknown, ReplyFormat::Json, ReplyFormat::Sse] {
            let (output, _) = run(format, &format!("{head}{input}"));
            assert_eq!(channels(&output, read)["0.text"], format!("x AEG{PLAIN}"));
            assert!(output.starts_with(head));
        }
    }
}

#[test]
fn case_8_tokens_of_nobody() {
    let foreign = foreign();
    let inner = [text(0, &format!("theirs {foreign} ours {}", masked("<<plain>>"))), stop(0)];
    let (output, stats) = run_sse(&message(&inner, "\n"));
    assert_eq!(channels(&output, read)["0.text"], format!("theirs {foreign} ours {PLAIN}"));
    assert_eq!((stats.restored, stats.unresolved), (1, 0));
    let inner: Vec<Value> = pieces(&foreign, 1).iter().map(|piece| text(0, piece)).chain([stop(0)]).collect();
    let (output, stats) = run_sse(&message(&inner, "\n"));
    assert_eq!(channels(&output, read)["0.text"], foreign);
    assert_eq!((stats.restored, stats.unresolved), (0, 0));
}

#[test]
fn case_8_changed_tokens() {
    let token = masked("<<plain>>");
    assert_eq!(restored(&[&token.to_lowercase()]), PLAIN, "case does not matter");
    assert_eq!(
        restored(&[&format!("**{token}** `{token}` [{token}](x)")]),
        format!("**{PLAIN}** `{PLAIN}` [{PLAIN}](x)")
    );
    let markdown = token.replace('-', "\\-");
    assert_eq!(restored(&[&markdown]), PLAIN, "Markdown's backslashes");
    for cut in 1..markdown.len() {
        assert_eq!(restored(&[&markdown[..cut], &markdown[cut..]]), PLAIN);
    }
    for mangled in [
        format!("{}\n{}", &token[..15], &token[15..]),
        format!("{} {}", &token[..15], &token[15..]),
        format!("{}\\{}", &token[..15], &token[15..]),
        token[..token.len() - 1].to_owned() + "U",
        token.replace('-', "_"),
        token.replace('-', "\u{2011}"),
    ] {
        assert_eq!(restored(&[&mangled]), mangled);
        assert_eq!(restored(&pieces(&mangled, 3).iter().map(|piece| &**piece).collect::<Vec<_>>()), mangled);
    }
    let truncated = format!("{}{token}", &token[..token.len() - 2]);
    assert_eq!(
        restored(&[&truncated]),
        format!("{}{PLAIN}", &token[..token.len() - 2]),
        "one begins where another breaks"
    );
}

#[test]
fn case_8_a_secret_that_begins_another() {
    let longer = "hunter2-but-longer still";
    assert_eq!(restored(&[&masked("<<plain>>"), token_of(longer).as_str()]), format!("{PLAIN}{longer}"));
}

#[test]
fn case_8_restoring_twice_changes_nothing() {
    let input = message(&[text(0, &masked("<<plain>> <<quoted>> A")), stop(0)], "\n");
    let (once, _) = run_sse(&input);
    let (twice, stats) = run_sse(&once);
    assert_eq!(channels(&twice, read), channels(&once, read));
    assert_eq!(stats.restored, 0);
}

#[test]
fn case_9_keys_and_nested_strings() {
    let inner =
        json!({masked("<<quoted>>"): {"deep": json!([masked("<<quoted>>")]).to_string()}}).to_string();
    let arguments = json!({masked("<<plain>>"): inner}).to_string();
    for size in [1, 5, 1000] {
        let inner: Vec<Value> = pieces(&arguments, size)
            .iter()
            .map(|piece| delta(0, &json!({"type": "input_json_delta", "partial_json": piece})))
            .chain([stop(0)])
            .collect();
        let (output, _) = run_sse(&message(&inner, "\n"));
        let arguments: Value = serde_json::from_str(&channels(&output, read)["0.partial_json"]).unwrap();
        let inner: Value = serde_json::from_str(arguments[PLAIN].as_str().unwrap()).unwrap();
        let deepest: Value = serde_json::from_str(inner[QUOTED]["deep"].as_str().unwrap()).unwrap();
        assert_eq!(deepest[0], QUOTED);
    }
}

#[test]
fn case_10_policy_may_refuse_a_channel() {
    let use_tool = |index: u32, name: &str| {
        let token = masked("<<plain>>");
        let piece = |text: &str| delta(index, &json!({"type": "input_json_delta", "partial_json": text}));
        let (first, second) = token.split_at(5);
        [
            start(index, &json!({"type": "tool_use", "name": name, "input": {}})),
            piece(first),
            piece(second),
            stop(index),
        ]
    };
    let inner = [use_tool(0, "bash"), use_tool(1, "write")].concat();
    let policy = RestorePolicy { except_tools: ToolNames::new(["ba*"]), ..RestorePolicy::default() };
    let mut rehydrator = Rehydrator::new(vault(), ReplyFormat::Sse).with_policy(Arc::new(policy));
    let mut out = Vec::new();
    rehydrator.push(message(&inner, "\n").as_bytes(), &mut out);
    rehydrator.finish(&mut out);
    let read = channels(&String::from_utf8(out).unwrap(), read);
    assert_eq!(read["0.partial_json"], masked("<<plain>>"));
    assert_eq!(read["1.partial_json"], PLAIN);
    let stats = rehydrator.stats();
    assert_eq!((stats.restored, stats.withheld_by_policy), (1, 1));
}

/// How many tokens are counted as unresolved in a reply that says `said`, however it is cut.
fn unresolved(said: &str) -> u64 {
    let input = message(&[text(0, said), stop(0)], "\n");
    let counts = [input.len(), 1, 7].map(|size| {
        let mut rehydrator = Rehydrator::new(vault(), ReplyFormat::Sse).with_keyring(Arc::new(keyring()));
        let mut out = Vec::new();
        for piece in input.as_bytes().chunks(size) {
            rehydrator.push(piece, &mut out);
        }
        rehydrator.finish(&mut out);
        assert_eq!(channels(std::str::from_utf8(&out).unwrap(), read)["0.text"], said, "nothing is restored");
        rehydrator.stats().unresolved
    });
    assert_eq!(counts, [counts[0]; 3]);
    counts[0]
}

#[test]
fn case_8_only_what_is_ours_counts_as_unresolved() {
    let ours = keyring().mint(Category::Key, b"of another request").to_string();
    assert_eq!(unresolved(&format!("x {ours} y")), 1);
    assert_eq!(unresolved(&format!("x{ours}{}", ours.to_lowercase())), 2, "glued, and in another case");
    let mut forged = masked("<<plain>>");
    forged.replace_range(14..15, if &forged[14..15] == "7" { "8" } else { "7" });
    for text in [foreign(), forged, "AEGIS-KEY-AKIA and AEGIS-hunter2Qx9, AEGIS-CATS-5".to_owned()] {
        assert_eq!(unresolved(&text), 0, "{text}");
    }
    let cut = &masked("<<plain>>")[..20];
    assert_eq!(unresolved(&format!("{cut} and")), 1, "one of this vault, mangled");
}
