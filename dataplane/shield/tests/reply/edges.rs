//! Streams that are not what they seem: text that looks like JSON in passing, broken JSON, bodies that merely
//! begin like events.

use aegis_shield::reply::{MAX_EVENT, ReplyFormat};
use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::support::*;

fn content(text: &str) -> String {
    frame("", &json!({"choices": [{"index": 0, "delta": {"content": text}}]}).to_string(), "\n")
}

/// The content that a client of chat completions puts together.
fn read(output: &str) -> String {
    channels(output, crate::openai::read).remove("0.content").unwrap_or_default()
}

fn plain(texts: &[&str]) -> String {
    texts.iter().map(|text| frame("", text, "\n")).collect::<Vec<_>>().concat()
}

fn read_plain(output: &str) -> String {
    events(output).into_iter().map(|event| event.data).collect()
}

#[test]
fn plain_text_stays_in_order_whatever_a_piece_looks_like() {
    let token = masked("<<plain>>");
    let (first, second) = token.split_at(12);
    let begins = format!("x{first}");
    for odd in ["{", "}", "{}", "[]", "[1]", "[\"x\"]", "\"", "\"x\"", "12", "true", "  ", "[DONE"] {
        let (output, _) = run_sse(&plain(&["so", &begins, odd, second, &token]));
        assert_eq!(read_plain(&output), format!("sox{first}{odd}{second}{PLAIN}"), "{odd}");
        let (output, _) = run_sse(&plain(&["so", odd, &begins, second]));
        assert_eq!(read_plain(&output), format!("so{odd}x{PLAIN}"), "{odd}");
    }
}

#[test]
fn a_word_before_json_changes_nothing() {
    let token = masked("<<quoted>>");
    let (first, second) = token.split_at(12);
    for word in ["connected", "A", "1", "aegis"] {
        let (output, _) = run_sse(&[frame("", word, "\n"), content(first), content(second)].concat());
        let (words, deltas) = output.split_at(output.find("data: {").unwrap());
        assert_eq!(read_plain(words), word, "in order");
        assert_eq!(read(deltas), QUOTED);
    }
}

#[test]
fn the_end_of_a_broken_string_stays_in_it() {
    let token = masked("<<plain>>");
    let raw = |text: &str| format!("data: {{\"choices\":[{{\"delta\":{{\"content\":\"{text}\"}}}}]}}\n\n");
    for tail in ["\\u", "\\u00", "\\u004", "A\\u00", "AEGIS\\u00", "\\u0041\\u00"] {
        let input = [raw(&format!("{token}{tail}")), raw("x")].concat();
        assert_eq!(run_sse(&input).0, input.replace(&token, PLAIN), "{tail}");
    }
    // Whole escapes may end a string, and a token goes on in the next.
    let escaped = token.replacen('-', "\\u002d", 1);
    let (first, second) = escaped.split_at(5 + 6);
    assert_eq!(read(&run_sse(&[raw(first), raw(second)].concat()).0), PLAIN);
    let markdown = token.replacen('-', "\\\\-", 1);
    let (first, second) = markdown.split_at(5 + 2);
    assert_eq!(read(&run_sse(&[raw(first), raw(second)].concat()).0), PLAIN);
}

#[test]
fn undeclared_text_that_begins_like_events_is_restored_everywhere() {
    let text =
        "id: <<plain>>\n  key: <<plain>>\n: <<pem>>\ndata: <<plain>>\nid: <<quoted>>\n\nmore: <<plain>>";
    let (output, stats) = run(ReplyFormat::Unknown, &masked(text));
    assert_eq!(output, clear(text));
    assert_eq!(stats.restored, 6);
    let pad = "- x: 12345678\n".repeat(MAX_EVENT / 14 + 1);
    let text = format!("event: x\n{pad}<<plain>>\n<<a>>: <<quoted>>\n\ndata: <<plain>>");
    let input = masked(&text);
    let (output, stats) =
        run_cut(ReplyFormat::Unknown, input.as_bytes(), &[5, input.len() - 60, input.len() - 9]);
    assert_eq!(String::from_utf8(output).unwrap(), clear(&text));
    assert_eq!(stats.restored, 4);
}

#[test]
fn comments_and_ids_of_declared_events_are_nobodys_text() {
    let events = masked(": <<plain>>\n\nid: <<plain>>\ndata: <<plain>>\n\n");
    let (output, stats) = run_sse(&events);
    assert_eq!(stats.restored, 1);
    assert!(output.starts_with(&masked(": <<plain>>\n\nid: <<plain>>\n")));
}

#[test]
fn a_flat_private_key_is_escaped_for_where_it_lands() {
    // It came with literal `\n`. In plain text and arguments it comes back as it was; in a string of JSON text
    // inside of a text it already has the form that it needs there.
    let file = json!({"private_key": masked("<<flat>>")}).to_string();
    let arguments = json!({"path": "k.json", "content": file}).to_string();
    for size in [1, 9, 2000] {
        let input: String = pieces(&arguments, size)
            .iter()
            .map(|piece| {
                let call = json!({"index": 0, "function": {"arguments": piece}});
                frame(
                    "",
                    &json!({"choices": [{"index": 0, "delta": {"tool_calls": [call]}}]}).to_string(),
                    "\n",
                )
            })
            .collect::<Vec<_>>()
            .concat();
        let (output, _) = run_sse(&input);
        let arguments = &channels(&output, crate::openai::read)["0.tool.0"];
        let arguments: Value = serde_json::from_str(arguments).unwrap();
        let file: Value = serde_json::from_str(arguments["content"].as_str().unwrap()).unwrap();
        assert_eq!(file["private_key"], FLAT_PEM.replace("\\n", "\n"), "as the original file parses");
        let text: Vec<String> =
            pieces(&masked("k=<<flat>>"), size).iter().map(|piece| content(piece)).collect();
        assert_eq!(read(&run_sse(&text.concat()).0), format!("k={FLAT_PEM}"));
    }
}

#[test]
fn structured_output_in_pieces_parses_and_equals() {
    for size in [1, 6, 3000] {
        let build = |text: &dyn Fn(&str) -> String| json!({"a": text("<<quoted>>"), text("<<plain>>"): [text("<<pem>>A")]});
        let stream: Vec<String> =
            pieces(&build(&masked).to_string(), size).iter().map(|piece| content(piece)).collect();
        let (output, stats) = run_sse(&stream.concat());
        assert_eq!(serde_json::from_str::<Value>(&read(&output)).unwrap(), build(&clear));
        assert_eq!(stats.restored, 3);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_plain_stream_gives_what_the_whole_text_gives(
        words in vec(prop_oneof![
            3 => prop::sample::select(vec!["<<plain>>", "<<a>>", "<<quoted>>"]).prop_map(masked),
            3 => prop::sample::select(vec!["{", "}", "{}", "[1]", "\"", "12", "null", " ", "\\", "A", "aegis-", "x"]).prop_map(str::to_owned),
            1 => "[a-eAE0-9 ]{0,6}".prop_map(String::from),
        ], 0..12),
        seeds in vec(any::<prop::sample::Index>(), 0..24),
        cuts in vec(any::<prop::sample::Index>(), 0..12),
    ) {
        let text = words.concat();
        let sorted = |seeds: &[prop::sample::Index], len: usize| {
            let mut ends: Vec<usize> = seeds.iter().map(|seed| seed.index(len + 1)).collect();
            ends.sort_unstable();
            ends
        };
        let (mut input, mut start) = (frame("", "so ", "\n"), 0);
        for end in sorted(&seeds, text.len()).into_iter().chain([text.len()]) {
            let piece = &text[start..end];
            // An object with members would begin a stream of JSON.
            prop_assume!(!piece.trim_start().starts_with('{') || serde_json::from_str::<Value>(piece).is_err() || piece.trim() == "{}");
            input += &frame("", piece, "\n");
            start = end;
        }
        let whole = run_cut(ReplyFormat::Sse, input.as_bytes(), &[]);
        let cut = run_cut(ReplyFormat::Sse, input.as_bytes(), &sorted(&cuts, input.len()));
        prop_assert_eq!(&cut, &whole);
        let (expected, stats) = run_cut(ReplyFormat::Text, format!("so {text}").as_bytes(), &[]);
        prop_assert_eq!(read_plain(&String::from_utf8(whole.0).unwrap()), String::from_utf8(expected).unwrap());
        prop_assert_eq!(whole.1.restored, stats.restored);
    }
}
