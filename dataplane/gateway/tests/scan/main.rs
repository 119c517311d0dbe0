//! `scan` as people and programs use it.

mod accepted;
mod encodings;
mod folders;
mod history;
mod links;
mod own_rules;
mod project;
mod sarif;
mod since;
mod staged;
#[path = "../support/mod.rs"]
mod support;

use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::Value;
use support::feed;

/// A made-up GitHub token with a right check value.
const TOKEN: &str = "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";

/// The program, with a place for compiled rules that is none of the person's who runs the tests.
fn program() -> Command {
    let mut program = Command::new(env!("CARGO_BIN_EXE_aegis-gateway"));
    program.env("AEGIS_CACHE_DIR", concat!(env!("CARGO_TARGET_TMPDIR"), "/rules"));
    program
}

fn scan(arguments: &[&str], folder: &Path, input: &[u8]) -> Output {
    feed(program().arg("scan").args(arguments).current_dir(folder), input)
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).expect("UTF-8")
}

/// A folder with these files.
fn folder_of(files: &[(&str, &[u8])]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    for (name, contents) in files {
        put(folder.path(), name, contents);
    }
    folder
}

fn put(folder: &Path, name: &str, contents: &[u8]) {
    let path = folder.join(name);
    std::fs::create_dir_all(path.parent().expect("a parent")).expect("created");
    std::fs::write(path, contents).expect("written");
}

/// Path and line of each finding of a scan in JSON, in their order.
fn places(output: &Output) -> Vec<(String, u64)> {
    let document: Value =
        serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{}", text(&output.stderr)));
    let found = document["findings"].as_array().expect("a list");
    found
        .iter()
        .map(|f| (f["path"].as_str().expect("a path").to_owned(), f["line"].as_u64().expect("a line")))
        .collect()
}

fn lines(output: &Output) -> Vec<Value> {
    text(&output.stdout).lines().map(|line| serde_json::from_str(line).expect(line)).collect()
}

fn folder() -> tempfile::TempDir {
    folder_of(&[
        ("src/main.py", format!("import os\n\nä = \"{TOKEN}\"\n").as_bytes()),
        (".env", format!("GITHUB={TOKEN}\n").as_bytes()),
        ("clean.txt", b"nothing to see\n"),
        ("ignored/leak.txt", TOKEN.as_bytes()),
        (".gitignore", b"ignored/\n"),
        (".git/config", TOKEN.as_bytes()),
        ("picture.bin", format!("\0\0\x01{TOKEN}").as_bytes()),
    ])
}

#[test]
fn a_folder_gives_a_table_with_masked_secrets() {
    let folder = folder();
    let output = scan(&["."], folder.path(), b"");
    let table = text(&output.stdout);
    assert_eq!(output.status.code(), Some(1), "{}", text(&output.stderr));
    assert!(table.contains("src/main.py\n") && table.contains("3:6  critical  high  github-pat"), "{table}");
    assert!(table.contains(".env\n") && table.contains("1:8  "), "{table}");
    assert!(table.contains("ghp_…(40)") && !table.contains(TOKEN), "{table}");
    assert!(
        !table.contains("leak.txt") && !table.contains(".git/config") && !table.contains("picture"),
        "{table}"
    );
    let summary = text(&output.stderr);
    assert!(
        summary.contains("2 secrets in 2 of 4 files, ") && summary.contains("1 binary file skipped"),
        "{summary}"
    );
}

#[test]
fn reveal_and_no_ignore_do_what_they_say() {
    let folder = folder();
    let output = scan(&["--reveal", "--no-ignore", "."], folder.path(), b"");
    let table = text(&output.stdout);
    assert!(
        table.contains(TOKEN) && table.contains("ignored/leak.txt") && !table.contains(".git/config"),
        "{table}"
    );
}

#[test]
fn exit_codes_distinguish_clean_found_and_failed() {
    let folder = folder();
    assert_eq!(scan(&["clean.txt"], folder.path(), b"").status.code(), Some(0));
    assert_eq!(scan(&[".env"], folder.path(), b"").status.code(), Some(1));
    let missing = scan(&["no-such-file", ".env"], folder.path(), b"");
    assert_eq!(missing.status.code(), Some(2));
    assert!(text(&missing.stderr).contains("error: no-such-file: No such file"), "{}", text(&missing.stderr));
    assert!(text(&missing.stdout).contains(".env"), "the rest is scanned all the same");
    assert_eq!(scan(&["--format", "yaml"], folder.path(), b"").status.code(), Some(2));
    assert_eq!(scan(&["--rules", "no-such-file"], folder.path(), b"").status.code(), Some(2));
}

#[test]
fn standard_input_is_scanned_when_it_is_named() {
    let folder = folder();
    let output = scan(&["-"], folder.path(), format!("x\ny {TOKEN}").as_bytes());
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stdout).starts_with("(standard input)\n  2:3  "), "{}", text(&output.stdout));
}

/// A shell that takes its script from a pipe hands that pipe on.
#[test]
fn a_script_on_standard_input_is_not_swallowed() {
    let folder = folder();
    let mut shell = Command::new("sh");
    shell.env("AEGIS", env!("CARGO_BIN_EXE_aegis-gateway")).current_dir(folder.path());
    let script = b"\"$AEGIS\" scan --quiet\necho \"scan ended with $?\"\n";
    let output = feed(&mut shell, script);
    let printed = text(&output.stdout);
    assert!(printed.contains("src/main.py") && printed.ends_with("scan ended with 1\n"), "{printed}");
}

#[test]
fn an_empty_device_is_not_taken_for_a_clean_folder() {
    let folder = folder();
    let mut program = program();
    let output =
        program.arg("scan").current_dir(folder.path()).stdin(Stdio::null()).output().expect("it runs");
    assert_eq!(output.status.code(), Some(1), "{}", text(&output.stderr));
    // A baseline is about files.
    let output = scan(&["--write-baseline", "known.json"], folder.path(), b"");
    assert!(text(&output.stderr).contains("known.json holds 2 known findings"), "{}", text(&output.stderr));
}

#[test]
fn json_is_one_document_with_places() {
    let folder = folder();
    let output = scan(&["--format", "json", "src/main.py", "clean.txt"], folder.path(), b"");
    let document: Value = serde_json::from_slice(&output.stdout).expect("one document");
    let found = &document["findings"][0];
    assert_eq!(
        (found["path"].as_str(), found["line"].as_u64(), found["column"].as_u64()),
        (Some("src/main.py"), Some(3), Some(6))
    );
    assert_eq!((found["start"].as_u64(), found["end"].as_u64()), (Some(17), Some(57)));
    assert_eq!((found["category"].as_str(), found["secret"].as_str()), (Some("TOKEN"), Some("ghp_…(40)")));
    assert_eq!(
        (document["summary"]["findings"].as_u64(), document["summary"]["files"].as_u64()),
        (Some(1), Some(2))
    );
    let clean = scan(&["--format", "json", "clean.txt"], folder.path(), b"");
    let document: Value = serde_json::from_slice(&clean.stdout).expect("one document");
    assert_eq!(document["findings"], serde_json::json!([]));
}

#[test]
fn a_large_stream_is_scanned_whole_and_gives_right_places() {
    let folder = folder();
    // Secrets on both sides of where windows of 1 MiB are likely to end, on lines of known numbers.
    let mut input = Vec::new();
    let mut expected = Vec::new();
    let mut line = 1;
    while input.len() < 3 << 20 {
        if line % 999 == 0 {
            expected.push((line, input.len() + 5));
            writeln!(input, "key: {TOKEN}").expect("memory");
        } else {
            writeln!(input, "line {line} of plain text without anything that needs to be hidden")
                .expect("memory");
        }
        line += 1;
    }
    let output = scan(&["--format", "json", "-"], folder.path(), &input);
    let document: Value = serde_json::from_slice(&output.stdout).expect("one document");
    let found: Vec<(u64, u64)> = document["findings"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|f| (f["line"].as_u64().expect("a line"), f["start"].as_u64().expect("an offset")))
        .collect();
    let expected: Vec<(u64, u64)> = expected.into_iter().map(|(line, start)| (line, start as u64)).collect();
    assert_eq!(found, expected);
    assert_eq!(document["summary"]["bytes"].as_u64(), Some(input.len() as u64));
}

#[test]
fn jsonl_answers_every_line_in_order_with_its_id() {
    let folder = folder();
    let input = format!(
        concat!(
            "{{\"id\":\"a\",\"text\":\"ä {0}\"}}\n",
            "{{\"text\":\"clean\",\"id\":7,\"more\":[1]}}\n",
            "{{\"id\":{{\"n\":[1,2.50]}},\"text\":\"\"}}\r\n",
            "{{\"id\":null,\"text\":\"x\"}}\n",
            "{{\"text\":\"no id\"}}\n",
            "{{\"id\":1e2,\"text\":\"\\ud800 {0} \\ud83d\\ude00 {0}\\n\"}}"
        ),
        TOKEN
    );
    let output = scan(&["--jsonl", "-"], folder.path(), input.as_bytes());
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let raw: Vec<&str> = text(&output.stdout).lines().collect();
    assert_eq!(raw[2], "{\"id\":{\"n\":[1,2.50]},\"findings\":[]}");
    let answers = lines(&output);
    assert_eq!(answers.len(), 6);
    assert_eq!(answers[0]["id"], "a");
    let first = &answers[0]["findings"][0];
    assert_eq!(
        (first["start"].as_u64(), first["end"].as_u64(), first["category"].as_str()),
        (Some(3), Some(43), Some("TOKEN"))
    );
    assert!(first["rule"].is_string());
    assert_eq!((&answers[1]["id"], &answers[1]["findings"]), (&serde_json::json!(7), &serde_json::json!([])));
    assert_eq!((&answers[3]["id"], &answers[4]["id"]), (&Value::Null, &Value::Null));
    let starts: Vec<_> =
        answers[5]["findings"].as_array().expect("a list").iter().map(|f| f["start"].as_u64()).collect();
    assert_eq!(starts, [Some(4), Some(50)], "a lone surrogate counts three bytes, a pair four");
}

#[test]
fn jsonl_names_a_wrong_line_and_goes_on() {
    let folder = folder();
    let input = b"{\"id\":1,\"text\":\"a\"}\nnot json\n{\"id\":3}\n{\"id\":4,\"text\":5}\n\n{\"id\":6,\"text\":\"\xff\"}\n{\"id\":7,\"text\":\"b\"}\n";
    let output = scan(&["--jsonl"], folder.path(), input);
    assert_eq!(output.status.code(), Some(2));
    let answers = lines(&output);
    assert_eq!(answers.len(), 7);
    assert_eq!((&answers[0]["id"], &answers[6]["id"]), (&serde_json::json!(1), &serde_json::json!(7)));
    let printed = text(&output.stderr);
    for number in 2..=6 {
        assert!(printed.contains(&format!("error: standard input: line {number}: ")), "{printed}");
        let answer = &answers[number - 1];
        assert!(
            answer["error"].as_str().is_some_and(|error| error.starts_with(&format!("line {number}: "))),
            "{answer}"
        );
        assert_eq!(answer["findings"], serde_json::json!([]));
    }
    assert!(printed.contains("missing field `text`"), "{printed}");
}

#[test]
fn jsonl_answers_before_the_next_line_is_written() {
    use std::io::{BufRead, BufReader};
    let mut child = program()
        .args(["scan", "--jsonl"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the binary starts");
    let mut stdin = child.stdin.take().expect("a pipe");
    let mut stdout = BufReader::new(child.stdout.take().expect("a pipe"));
    for id in 0..3 {
        writeln!(stdin, "{{\"id\":{id},\"text\":\"x\"}}").expect("written");
        let mut answer = String::new();
        stdout.read_line(&mut answer).expect("an answer");
        assert_eq!(answer, format!("{{\"id\":{id},\"findings\":[]}}\n"));
    }
    drop(stdin);
    assert_eq!(child.wait().expect("it ends").code(), Some(0));
}

#[test]
fn jsonl_reads_files_too_and_empty_input_gives_nothing() {
    let folder = folder();
    std::fs::write(folder.path().join("cases.jsonl"), "{\"id\":1,\"text\":\"x\"}\n").expect("written");
    assert_eq!(lines(&scan(&["--jsonl", "cases.jsonl"], folder.path(), b"")).len(), 1);
    let empty = scan(&["--jsonl", "-"], folder.path(), b"");
    assert_eq!((empty.status.code(), empty.stdout.len()), (Some(0), 0));
}

#[test]
fn version_names_engine_rules_and_driver() {
    let output = program().arg("version").output().expect("it runs");
    let printed = text(&output.stdout);
    for line in
        ["aegis-gateway 0.", "engine        ", " built in, ", "ready         after ", "driver        "]
    {
        assert!(printed.contains(line), "{printed}");
    }
}

#[test]
fn rules_are_listed_shown_and_checked() {
    let run = |arguments: &[&str]| {
        let output = program().arg("rules").args(arguments).output().expect("it runs");
        (output.status.code(), text(&output.stdout).to_owned(), text(&output.stderr).to_owned())
    };
    let (code, all, _) = run(&["list"]);
    assert!(code == Some(0) && all.lines().count() > 60);
    let (_, github, _) = run(&["list", "GitHub"]);
    assert!(
        github.lines().all(|line| line.to_lowercase().contains("github")) && github.contains("github-pat"),
        "{github}"
    );
    let (_, shown, _) = run(&["show", "github-pat"]);
    for part in ["category  TOKEN", "opens     ", "finds     ", "passes    "] {
        assert!(shown.contains(part), "{shown}");
    }
    let (code, _, printed) = run(&["show", "no-such-rule"]);
    assert!(code == Some(2) && printed.contains("there is no rule `no-such-rule`"), "{printed}");
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("own.toml");
    std::fs::write(&file, "[[rules]]\nid = \"mine\"\n").expect("written");
    let (code, _, printed) = run(&["list", "--rules", &file.display().to_string()]);
    assert!(code == Some(2) && printed.contains("own.toml"), "{printed}");
}

#[test]
fn keys_are_made_and_hashed_the_same_way() {
    let made = program().args(["key", "new", "--id", "ci \"x\""]).output().expect("it runs");
    let printed = text(&made.stdout).to_owned();
    let key = printed.lines().find_map(|line| line.trim().strip_prefix("aegis-gk-")).expect("a key");
    let entry = printed.split("file:\n").nth(1).expect("an entry");
    let parsed: toml::Table = toml::from_str(entry).expect("an entry of the configuration");
    assert_eq!(parsed["auth"]["keys"][0]["id"].as_str(), Some("ci \"x\""));
    let hashed = feed(program().args(["key", "hash"]), format!("aegis-gk-{key}\n").as_bytes());
    assert_eq!(parsed["auth"]["keys"][0]["sha256"].as_str(), Some(text(&hashed.stdout).trim()));
}
