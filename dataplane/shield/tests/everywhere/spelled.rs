//! A file of JSON that spells a secret otherwise than the gateway would: an agent reads it, edits it, writes it anew and uses
//! what it holds. What it gets are the bytes of the file, and where no document is written, the value.

use aegis_shield::Vault;
use aegis_shield::reply::ReplyFormat;
use serde_json::{Value, json};

use crate::gateway::{Gateway, receive};
use crate::random::Random;
use crate::replies::{copy, cut, strings};

/// Files of one run.
const FILES: u64 = 300;

/// A way to spell a character in a string of JSON.
type Spelling = fn(char) -> String;

/// As somebody must write it.
fn needed(c: char) -> String {
    let text = json!(c.to_string()).to_string();
    text[1..text.len() - 1].to_owned()
}

fn numbered(c: char) -> String {
    let mut units = [0; 2];
    c.encode_utf16(&mut units).iter().fold(String::new(), |text, unit| format!("{text}\\u{unit:04x}"))
}

const SPELLINGS: [(&str, Spelling); 7] = [
    ("as it would be", needed),
    ("PHP", |c| match c {
        '/' => "\\/".to_owned(),
        _ if c.is_ascii() => needed(c),
        _ => numbered(c),
    }),
    ("Go", |c| if "<>&".contains(c) { numbered(c) } else { needed(c) }),
    ("Python", |c| if c.is_ascii() { needed(c) } else { numbered(c) }),
    ("GSON", |c| if "<>&='".contains(c) { numbered(c) } else { needed(c) }),
    (".NET", |c| {
        if c.is_ascii_alphanumeric() { needed(c) } else { numbered(c).to_uppercase().replace("\\U", "\\u") }
    }),
    ("one of three letters", |c| if (c as u32).is_multiple_of(3) { numbered(c) } else { needed(c) }),
];

/// A file, and where the secret stands in it.
struct File {
    text: String,
    value: String,
    written: String,
}

impl File {
    fn new(random: &mut Random) -> (File, &'static str) {
        const LETTERS: &str = "ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnpqrstuvwxyz23456789";
        let mut value = random.word(LETTERS, 12);
        for _ in 0..random.between(1, 3) {
            value += random.of(&["/", "&", "<", "\u{e9}", "'", "\"", "\\", "=", "+", "%", "\u{1F511}"]);
            let more = random.between(1, 5);
            value += &random.word(LETTERS, more);
        }
        let (name, spelling) = random.of(&SPELLINGS);
        let written: String = value.chars().map(spelling).collect();
        let quoted = format!("\"{written}\"");
        let text = match random.below(4) {
            0 => format!("{{\"db_password\":{quoted}}}"),
            1 => format!("{{\n  \"host\": \"db\",\n  \"db_password\": {quoted},\n  \"port\": 5432\n}}\n"),
            2 => format!("[{{\"name\": \"DB_PASSWORD\", \"value\": {quoted}}}]"),
            _ => format!("{{\"a\": [1, {{\"client_secret\": {quoted}}}], \"b\": \"x\"}}\n{{\"c\": 2}}"),
        };
        (File { text, value, written }, name)
    }
}

/// What the client gets of a call with these arguments, streamed in pieces in either dialect, or in one.
fn called(random: &mut Random, vault: &Vault, arguments: &Value) -> Vec<Value> {
    let text = arguments.to_string();
    let whole = json!({"choices": [{"index": 0, "message": {"tool_calls": [
        {"id": "c", "type": "function", "function": {"name": "edit", "arguments": text}}]}}]});
    let received = receive(copy(vault), ReplyFormat::Json, &[&whole.to_string()]);
    let received: Value = serde_json::from_str(&received).expect("a sound document");
    let arguments = &received["choices"][0]["message"]["tool_calls"][0]["function"]["arguments"];
    let mut all = vec![serde_json::from_str(arguments.as_str().expect("a text")).expect("sound arguments")];
    let longest = random.of(&[1, 3, 20, 500]);
    let openai = |piece: &str| {
        let call = json!({"index": 0, "id": "c", "function": {"name": "edit", "arguments": piece}});
        let event = json!({"choices": [{"index": 0, "delta": {"tool_calls": [call]}}]});
        format!("data: {event}\n\n")
    };
    let anthropic = |piece: &str| {
        let event = json!({"type": "content_block_delta", "index": 0,
            "delta": {"type": "input_json_delta", "partial_json": piece}});
        format!("event: content_block_delta\ndata: {event}\n\n")
    };
    let starts = "event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":0,\"content_block\":{\"type\":\"tool_use\",\"id\":\"t\",\"name\":\"edit\",\"input\":{}}}\n\n";
    let ends = "event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":0}\n\n";
    let pieces = cut(random, &text, longest);
    let streams = [
        pieces.iter().map(|piece| openai(piece)).chain(["data: [DONE]\n\n".to_owned()]).collect::<String>(),
        [starts.to_owned()]
            .into_iter()
            .chain(pieces.iter().map(|piece| anthropic(piece)))
            .chain([ends.to_owned()])
            .collect(),
    ];
    for (stream, path) in
        streams.iter().zip(["/choices/0/delta/tool_calls/0/function/arguments", "/delta/partial_json"])
    {
        let received = receive(copy(vault), ReplyFormat::Sse, &cut(random, stream, longest));
        let events = received
            .lines()
            .filter_map(|line| serde_json::from_str::<Value>(line.strip_prefix("data: ")?).ok());
        let text: String =
            events.filter_map(|event| event.pointer(path)?.as_str().map(str::to_owned)).collect();
        all.push(serde_json::from_str(&text).unwrap_or_else(|_| panic!("no arguments: {text}")));
    }
    all
}

#[test]
fn a_file_is_edited_and_written_byte_for_byte() {
    let mut gateway = Gateway::new();
    let (mut failures, mut unfound) = (Vec::new(), Vec::new());
    for seed in 0..FILES {
        let random = &mut Random::new(seed);
        let (file, spelling) = File::new(random);
        // A tool may print more than the file.
        let (before, after) = random.of(&[("", ""), ("it is:\n", ""), ("it is:\n", "\nthe end")]);
        let printed = format!("{before}{}{after}", file.text);
        let read = json!({"role": "tool", "tool_call_id": "r", "content": printed});
        let body = json!({"messages": [read]}).to_string();
        let (seen, outcome) = gateway.send(&body, None).expect("a sound document");
        let is_searched =
            outcome.found.as_ref().is_some_and(|found| found.contains(&found.name_of(file.value.as_bytes())));
        let shown = strings(&seen).into_iter().find(|text| text.contains("AEGIS-"));
        let Some(shown) = shown else {
            unfound.push(file.text);
            continue;
        };
        let fail = |what: &str, got: &str| {
            format!("{seed} ({spelling}): {what}: {got}\n  of {}\n  seen {shown}", file.text)
        };
        let shown = &shown[before.len()..shown.len() - after.len()];
        let line = shown.lines().find(|line| line.contains("AEGIS-")).unwrap_or_default();
        let at = line.find("AEGIS-").unwrap_or_default();
        let token = &line[at..line[at..].find('"').map_or(line.len(), |end| at + end)];
        // The model edits a line, or the part that it knows, writes the file, and uses what it read.
        let member = &line[line[..at].rfind(['{', ',']).map_or(0, |before| before + 1)..];
        let arguments = json!({
            "old_string": line,
            "part": member,
            "content": shown,
            "fenced": format!("It is\n```json\n{shown}\n```\n"),
            "command": format!("login --password={token} -v"),
        });
        let restored = |text: &str| text.replace(token, &file.written);
        let expected = json!({
            "old_string": restored(line),
            "part": restored(member),
            "content": file.text,
            "fenced": format!("It is\n```json\n{}\n```\n", file.text),
            "command": format!("login --password={} -v", file.value),
        });
        for got in called(random, &outcome.vault, &arguments) {
            for (name, expected) in expected.as_object().into_iter().flatten() {
                if got[name] != *expected {
                    failures.push(fail(name, &got[name].to_string()));
                }
            }
        }
        // What the client answers with that is sent as the model wrote it. What looks like a path is hidden in place only.
        if !is_searched {
            continue;
        }
        let call = json!({"id": "c", "type": "function", "function": {"name": "edit", "arguments": expected.to_string()}});
        let history =
            json!({"messages": [read, {"role": "assistant", "content": null, "tool_calls": [call]}]});
        let (again, _) =
            gateway.send(&history.to_string(), gateway.remember(&outcome)).expect("a sound document");
        let again: Value = serde_json::from_str(&again).expect("a sound document");
        let written = &again["messages"][1]["tool_calls"][0]["function"]["arguments"];
        let written: Value =
            serde_json::from_str(written.as_str().expect("a text")).expect("sound arguments");
        for (name, expected) in arguments.as_object().into_iter().flatten() {
            if written[name] != *expected {
                failures.push(fail(&format!("{name} comes back"), &written[name].to_string()));
            }
        }
        if again.to_string().contains(&file.value[..6]) {
            failures.push(fail("it is sent", &again.to_string()));
        }
    }
    // Few values look like names to every rule.
    assert!(unfound.len() as u64 * 50 < FILES, "{unfound:#?}");
    assert!(
        failures.is_empty(),
        "{} failed:\n{}",
        failures.len(),
        failures[..failures.len().min(12)].join("\n")
    );
}
