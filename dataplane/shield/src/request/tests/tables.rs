//! Tables in strings of a document: the last row ends with its string, wherever the table begins and however the document
//! is written, and nothing behind the string is of the table.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::support::run;
use crate::format::Format;

const SECRET: &str = "gT5vLq8xWz2RkPq1";

/// Tables whose last row has the secret; `%` stands for it.
const TABLES: [&str; 15] = [
    "| user | password |\n|---|---|\n| ann | % |",
    "user | password\n--- | ---\nann | %",
    "id,user,password\n1,ann,%",
    "\"id\",\"user\",\"password\"\n\"1\",\"ann\",\"%\"",
    "id\ttoken\n1\t%",
    " id | token\n----+------\n  1 | %",
    "USER   PASSWORD\nann    %",
    "│ user │ password │\n├──────┼──────────┤\n│ ann │ % │",
    "password | %",
    "| password | % |",
    "user        ann\npassword    %",
    "INSERT INTO t (id, token) VALUES (1, '%')",
    "COPY t (id, token) FROM stdin;\n1\t%",
    "id;password\n1;%",
    "<table><tr><th>u</th><th>password</th></tr><tr><td>a</td><td>%</td></tr></table>",
];

/// What documents may hold besides the text: little behind it, and much.
fn documents(text: &str) -> [Value; 2] {
    let short = json!({"messages": [{"role": "user", "content": text}], "model": "gpt-4o", "stream": true});
    let long = json!({
        "messages": [
            {"role": "user", "content": text},
            {"role": "assistant", "content": [{"type": "text", "text": text, "cache": true}]},
            {"role": "tool", "tool_call_id": "call_1", "content": "done a1b2c3d4e5"},
        ],
        "model": "m-1",
        "stream": true,
        "max_tokens": 1024,
        "stop": [1, true, null, "x"],
    });
    [short, long]
}

/// The same with every string replaced by one: what must never change.
fn shape(value: &Value) -> Value {
    match value {
        Value::String(_) => json!(""),
        Value::Array(items) => items.iter().map(shape).collect(),
        Value::Object(members) => members.iter().map(|(name, value)| (name.clone(), shape(value))).collect(),
        other => other.clone(),
    }
}

/// A document in each writing that clients use.
fn writings(document: &Value) -> [String; 3] {
    let spaced = document.to_string().replace("\":", "\": ").replace(",\"", ", \"");
    [document.to_string(), spaced, serde_json::to_string_pretty(document).unwrap()]
}

/// What differs from its document in shape when it is tokenized, or still has the secret.
fn faults(document: &Value, must_find: bool) -> String {
    let mut faults = String::new();
    for body in writings(document) {
        for format in [Format::Json, Format::Unknown] {
            let (sent, _) = run(format, body.as_bytes()).expect("it is tokenized");
            let sent = String::from_utf8(sent).expect("text");
            let parsed: Value = serde_json::from_str(&sent).unwrap_or_default();
            if shape(&parsed) != shape(document) {
                let _ = writeln!(faults, "another document: {body}\n{sent}");
            }
            if must_find && sent.contains(SECRET) {
                let _ = writeln!(faults, "not found: {body}");
            }
        }
    }
    faults
}

#[test]
fn a_table_ends_with_its_string() {
    let mut wrong = String::new();
    for table in TABLES.map(|table| table.replace('%', SECRET)) {
        for before in ["", "Here:\n", "Here:\n\n", "say \"so\": "] {
            // A sentence on the line of a header is none.
            let is_table = !(before.starts_with("say") || table.starts_with("user ") && before == "Here:\n");
            for behind in ["", "\n", "\n\nok?"] {
                for document in documents(&format!("{before}{table}{behind}")) {
                    wrong += &faults(&document, is_table);
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn a_table_in_a_listing_ends_with_its_string() {
    let mut wrong = String::new();
    for table in TABLES.map(|table| table.replace('%', SECRET)) {
        for prefix in ["  1 | ", "12\t", "> ", "+", "app.log:7:"] {
            let lines: Vec<String> = table.lines().map(|line| format!("{prefix}{line}")).collect();
            for before in ["", "Here:\n"] {
                for document in documents(&format!("{before}{}", lines.join("\n"))) {
                    wrong += &faults(&document, false);
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn a_document_in_a_string_keeps_its_shape() {
    for table in TABLES.map(|table| table.replace('%', SECRET)) {
        for (before, behind) in [("", ""), ("", "\n"), ("Here:\n", ""), ("Here:\n", "\n")] {
            for inner in documents(&format!("{before}{table}{behind}")) {
                for text in writings(&inner) {
                    let outer = json!({"messages": [{"role": "user", "content": text}], "stream": true});
                    let (sent, _) = run(Format::Json, outer.to_string().as_bytes()).expect("it is tokenized");
                    let sent: Value = serde_json::from_slice(&sent).expect("JSON");
                    assert_eq!(shape(&sent), shape(&outer), "{outer}\n{sent}");
                    let inside = sent["messages"][0]["content"].as_str().expect("a text");
                    let inside: Value = serde_json::from_str(inside).unwrap_or_default();
                    assert_eq!(shape(&inside), shape(&inner), "{outer}\n{sent}");
                }
            }
        }
    }
}

#[test]
fn words_behind_a_table_are_not_of_it() {
    for body in [
        r#"{"messages":[{"role":"user","content":"Here:\n id | token\n----+------\n  1 | ann"}],"model":"gpt-4o","stream":true}"#,
        r#"{"a":"password | x","b":[1,2,true,false,null,"gpt"],"count":12345678}"#,
        r#"{"messages":[{"role":"user","content":"Here:\nid|password\n1|a\n2|"}],"max_tokens":1024}"#,
        r#"{"messages":[{"role":"user","content":"Here:\nid\tpassword\n1\tset\n2\t"},{"role":"assistant","content":"thanks"},{"role":"user","content":"more a1b2c3d4"}]}"#,
    ] {
        for format in [Format::Json, Format::Unknown] {
            let (sent, _) = run(format, body.as_bytes()).expect("it is tokenized");
            assert_eq!(String::from_utf8_lossy(&sent), body);
        }
    }
}
