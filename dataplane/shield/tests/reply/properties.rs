//! Random streams, secrets and cuts: streamed equals whole, and nothing but tokens changes.

use aegis_shield::reply::{Rehydrator, ReplyFormat};
use aegis_shield::{Token, Vault};
use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::support::*;

/// A text with tokens in it: the masked and the clear form.
fn text() -> impl Strategy<Value = (String, String)> {
    let part = prop_oneof![
        4 => "[a-eA-E \\-\"\\\\\n{}\\[\\]:,éG0]{0,8}".prop_map(|text| (text.clone(), text)),
        2 => prop_oneof![Just("<<plain>>"), Just("<<quoted>>"), Just("<<pem>>"), Just("<<a>>")]
            .prop_map(|name| (masked(name), clear(name))),
        1 => (0usize..31).prop_map(|len| { let text = masked("<<plain>>")[..len].to_owned(); (text.clone(), text) }),
    ];
    vec(part, 0..8)
        .prop_map(|parts| parts.into_iter().unzip::<String, String, Vec<_>, Vec<_>>())
        .prop_map(|(a, b)| (a.concat(), b.concat()))
        .prop_filter("looks like JSON", |(text, _)| {
            !matches!(text.trim_start().chars().next(), Some('{' | '['))
        })
}

fn cuts(len: usize, seeds: &[prop::sample::Index]) -> Vec<usize> {
    let mut cuts: Vec<usize> = seeds.iter().map(|seed| seed.index(len + 1)).collect();
    cuts.sort_unstable();
    cuts
}

/// `text` in pieces that end at `cuts`, which count characters.
fn split(text: &str, seeds: &[prop::sample::Index]) -> Vec<String> {
    let chars: Vec<char> = text.chars().collect();
    let mut ends = cuts(chars.len(), seeds);
    ends.push(chars.len());
    let mut start = 0;
    ends.iter()
        .map(|&end| {
            let piece = chars[start..end].iter().collect();
            start = end;
            piece
        })
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_stream_gives_what_the_whole_text_gives(
        (masked, clear) in text(),
        deltas in vec(any::<prop::sample::Index>(), 0..20),
        bytes in vec(any::<prop::sample::Index>(), 0..20),
        eol in prop_oneof![Just("\n"), Just("\r\n"), Just("\r")],
    ) {
        let mut input = String::new();
        for (at, piece) in split(&masked, &deltas).iter().enumerate() {
            let data = json!({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": piece}});
            input += &frame("content_block_delta", &data.to_string(), eol);
            if at % 3 == 1 {
                input += ": ping";
                input += eol;
            }
        }
        let (whole, stats) = run_cut(ReplyFormat::Sse, input.as_bytes(), &[]);
        let cut = run_cut(ReplyFormat::Sse, input.as_bytes(), &cuts(input.len(), &bytes));
        prop_assert_eq!(&cut.0, &whole);
        prop_assert_eq!(cut.1, stats);
        let output = String::from_utf8(whole).unwrap();
        let read = channels(&output, crate::anthropic::read);
        prop_assert_eq!(read.get("0.text").cloned().unwrap_or_default(), clear.clone());
        let (text, whole_tally) = run_cut(ReplyFormat::Text, masked.as_bytes(), &[]);
        prop_assert_eq!(String::from_utf8(text).unwrap(), clear);
        prop_assert_eq!(whole_tally.restored, stats.restored);
    }

    #[test]
    fn arguments_parse_and_equal(
        parts in vec(text(), 1..4),
        deltas in vec(any::<prop::sample::Index>(), 0..30),
        nested in 0usize..3,
    ) {
        let build = |clear: bool| {
            let texts: Vec<&String> = parts.iter().map(|part| if clear { &part.1 } else { &part.0 }).collect();
            let mut value = json!({"texts": texts, texts[0].clone(): {"n": [1.5, null, true]}});
            for _ in 0..nested {
                value = json!({"inner": value.to_string(), "after": texts[0]});
            }
            value
        };
        let masked = build(false).to_string();
        let mut input = String::new();
        for piece in split(&masked, &deltas) {
            let call = json!({"index": 3, "function": {"arguments": piece}});
            input += &frame("", &json!({"choices": [{"index": 0, "delta": {"tool_calls": [call]}}]}).to_string(), "\n");
        }
        let (output, _) = run_cut(ReplyFormat::Sse, input.as_bytes(), &[]);
        let read = channels(&String::from_utf8(output).unwrap(), crate::openai::read);
        let mut parsed: Value = serde_json::from_str(&read["0.tool.3"]).unwrap();
        let mut expected = build(true);
        for _ in 0..nested {
            prop_assert_eq!(&parsed["after"], &expected["after"]);
            parsed = serde_json::from_str(parsed["inner"].as_str().unwrap()).unwrap();
            expected = serde_json::from_str(expected["inner"].as_str().unwrap()).unwrap();
        }
        prop_assert_eq!(parsed, expected);
    }

    #[test]
    fn an_array_gives_what_the_whole_text_gives(
        (masked, clear) in text(),
        deltas in vec(any::<prop::sample::Index>(), 0..20),
        bytes in vec(any::<prop::sample::Index>(), 0..20),
        finished in any::<bool>(),
        separator in prop_oneof![Just(","), Just("\n,\r\n"), Just(" , ")],
    ) {
        let mut items: Vec<String> = split(&masked, &deltas)
            .iter()
            .map(|piece| json!({"candidates": [{"index": 0, "content": {"role": "model", "parts": [{"text": piece}]}}]}).to_string())
            .collect();
        if finished {
            items.push(json!({"candidates": [{"index": 0, "finishReason": "STOP"}]}).to_string());
        }
        let input = format!("[{}\n]", items.join(separator));
        let (whole, stats) = run_cut(ReplyFormat::Json, input.as_bytes(), &[]);
        let cut = run_cut(ReplyFormat::Json, input.as_bytes(), &cuts(input.len(), &bytes));
        prop_assert_eq!(&cut.0, &whole);
        prop_assert_eq!(cut.1, stats);
        let parsed: Value = serde_json::from_slice(&whole).unwrap();
        let said: String = parsed.as_array().unwrap().iter().filter_map(|item| item["candidates"][0]["content"]["parts"][0]["text"].as_str()).collect();
        prop_assert_eq!(said, clear);
    }

    #[test]
    fn responses_keep_their_numbers_and_places(
        before in text(),
        behind in "[a-c \u{e9}\u{1F511}]{0,5}",
        tail in 0usize..12,
        deltas in vec(any::<prop::sample::Index>(), 0..20),
        first in 0u64..1000,
    ) {
        let masked_text = format!("{}{behind}[cited]{}", before.0, &masked("<<plain>>")[..tail]);
        let clear_text = format!("{}{behind}[cited]{}", before.1, &masked("<<plain>>")[..tail]);
        let start = masked_text[..masked_text.rfind("[cited]").unwrap()].chars().count();
        let annotation = json!({"type": "url_citation", "start_index": start, "end_index": start + 7});
        let mut data: Vec<Value> = split(&masked_text, &deltas).iter().map(|piece| json!({"type": "response.output_text.delta", "delta": piece})).collect();
        data.push(json!({"type": "response.output_text.annotation.added", "annotation": annotation}));
        data.push(json!({"type": "response.output_text.done", "text": masked_text}));
        data.push(json!({"type": "response.content_part.done", "part": {"annotations": [annotation], "text": masked_text}}));
        let mut input = String::new();
        for (number, event) in (first..).zip(&mut data) {
            (event["output_index"], event["content_index"], event["sequence_number"]) = (0.into(), 0.into(), number.into());
            input += &frame("", &event.to_string(), "\n");
        }
        let (output, _) = run_cut(ReplyFormat::Sse, input.as_bytes(), &[]);
        let parsed: Vec<Value> = events(std::str::from_utf8(&output).unwrap()).iter().map(SseEvent::json).collect();
        let numbers: Vec<u64> = parsed.iter().map(|event| event["sequence_number"].as_u64().unwrap()).collect();
        prop_assert_eq!(numbers, (first..first + parsed.len() as u64).collect::<Vec<_>>());
        let said: String = parsed.iter().filter_map(|event| event["delta"].as_str()).collect();
        prop_assert_eq!(&said, &clear_text);
        for event in &parsed {
            for annotation in [&event["annotation"], &event["part"]["annotations"][0]].into_iter().filter(|known| known.is_object()) {
                let start = annotation["start_index"].as_u64().unwrap() as usize;
                let cited: String = clear_text.chars().skip(start).take(7).collect();
                prop_assert_eq!(cited, "[cited]");
                prop_assert_eq!(annotation["end_index"].as_u64().unwrap() as usize, start + 7);
            }
        }
    }

    #[test]
    fn documents_parse_and_equal((masked, clear) in text(), bytes in vec(any::<prop::sample::Index>(), 0..20)) {
        let build = |text: &str| json!({"message": {"content": text}, "arguments": json!({"a": text}).to_string()});
        let input = build(&masked).to_string();
        let (output, _) = run_cut(ReplyFormat::Json, input.as_bytes(), &cuts(input.len(), &bytes));
        let parsed: Value = serde_json::from_slice(&output).unwrap();
        prop_assert_eq!(parsed, build(&clear));
    }

    #[test]
    fn any_bytes_pass_and_cuts_do_not_matter(
        input in vec(prop_oneof![
            any::<u8>().prop_map(|byte| vec![byte]),
            prop::sample::select(vec![&b"data: "[..], b"\n\n", b"\r\n", b"{\"choices\":[{\"delta\":{\"content\":\"", b"\"}}]}", b"AEGIS-KEY-",
                b"event: x\n", b"{\"text\":\"", b"\"}", b"\\u0041", b"[DONE]", b"\\", b"aegis", b"\"delta\":"]).prop_map(<[u8]>::to_vec),
        ], 0..40).prop_map(|parts| parts.concat()),
        bytes in vec(any::<prop::sample::Index>(), 0..20),
        format in prop::sample::select(vec![ReplyFormat::Sse, ReplyFormat::Json, ReplyFormat::JsonLines, ReplyFormat::Text, ReplyFormat::Unknown]),
    ) {
        let whole = run_cut(format, &input, &[]);
        let cut = run_cut(format, &input, &cuts(input.len(), &bytes));
        prop_assert_eq!(&cut.0, &whole.0);
        prop_assert_eq!(cut.1, whole.1);
        match (format, sniffed(&input)) {
            (ReplyFormat::Json | ReplyFormat::Text, Some(b'd' | b'e' | b':' | b'i' | b'r')) => {}
            // What is held of a chunk comes out in one more.
            (ReplyFormat::Json, Some(b'{' | b'[')) => prop_assert!(whole.0.len() >= input.len()),
            (ReplyFormat::Text, Some(b'{')) if input.windows(9).any(|part| part == b"\"choices\"") => {
                prop_assert!(whole.0.len() >= input.len());
            }
            (ReplyFormat::Json | ReplyFormat::Text, _) => {
                prop_assert_eq!(&whole.0, &input, "no token of the vault is in it");
            }
            _ => {}
        }
    }

    #[test]
    fn any_secret_comes_back(secret in vec(any::<char>(), 1..40), depth in 0usize..4) {
        let secret: String = secret.into_iter().collect();
        let token: Token = keyring().mint(aegis_detect::Category::Secret, secret.as_bytes());
        let build = |text: &str| (0..depth).fold(text.to_owned(), |text, _| json!({"v": text}).to_string());
        let mut vault = Vault::new();
        vault.insert(token, secret.as_bytes()).unwrap();
        let mut rehydrator = Rehydrator::new(vault, ReplyFormat::Text);
        let mut out = Vec::new();
        rehydrator.push(build(token.as_str()).as_bytes(), &mut out);
        rehydrator.finish(&mut out);
        let mut text = String::from_utf8(out).unwrap();
        for _ in 0..depth {
            text = serde_json::from_str::<Value>(&text).unwrap()["v"].as_str().unwrap().to_owned();
        }
        prop_assert_eq!(text, secret);
    }
}

fn sniffed(input: &[u8]) -> Option<u8> {
    input.iter().copied().find(|byte| !byte.is_ascii_whitespace() && ![0xef, 0xbb, 0xbf, 0x1e].contains(byte))
}
