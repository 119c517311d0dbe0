//! Findings that somebody accepted: by a comment in the text, or in a baseline file.

use std::io::Write;

use serde_json::Value;

use super::{TOKEN, folder_of, places, put, scan, text};

/// A second made-up token with a right check value.
const OTHER: &str = "npm_4mG7yKpQ2sV9xZ1bN8cR3tL6wJ5hD02fDhEY";

#[test]
fn a_comment_passes_over_its_line() {
    let file = format!(
        "a = '{TOKEN}'  # aegis:ignore\n\
         b = '{TOKEN}'\n\
         // aegis:ignore\n\
         c = '{TOKEN}'\n\
         d = '{TOKEN}' /* aegis:ignore github-pat */\n\
         e = '{TOKEN}' /* aegis:ignore private-key-pem */\n\
         <!-- aegis:ignore private-key-pem, github-pat -->\n\
         f = '{TOKEN}'\n\
         g = '{TOKEN}' # aegis:ignore githubpat\n\
         h = '{TOKEN}'\n"
    );
    let folder = folder_of(&[("a.py", file.as_bytes())]);
    let output = scan(&["--format", "json", "a.py"], folder.path(), b"");
    let lines: Vec<u64> = places(&output).into_iter().map(|(_, line)| line).collect();
    assert_eq!(lines, [2, 6, 9, 10], "a comment behind code says nothing of the next line");
    let document: Value = serde_json::from_slice(&output.stdout).expect("one document");
    assert_eq!(document["summary"]["ignored"].as_u64(), Some(4));
    let said = "warning: a.py:9: this aegis:ignore names a rule that does not exist, and passes over nothing; did you mean `github-pat`?\n";
    assert_eq!(text(&output.stderr), said);
}

#[test]
fn a_comment_works_wherever_windows_end_and_over_many_lines() {
    // Longer than what is held at once, with comments on every other line, and one long line whose comment comes late.
    let mut file = Vec::new();
    let mut expected = Vec::new();
    let mut line = 1;
    while file.len() < 3 << 20 {
        let comment = if line % 2 == 0 { "# aegis:ignore" } else { "# nothing" };
        let blanks = " ".repeat(line % 997 * 10);
        writeln!(file, "key{line} = \"{TOKEN}\" {blanks}{comment}").expect("memory");
        if line % 2 == 1 {
            expected.push(line as u64);
        }
        line += 1;
    }
    write!(file, "last = '{TOKEN}' {} // aegis:ignore", "padding ".repeat(300_000)).expect("memory");
    let folder = folder_of(&[]);
    let output = scan(&["--format", "json", "-"], folder.path(), &file);
    let lines: Vec<u64> = places(&output).into_iter().map(|(_, line)| line).collect();
    assert_eq!(lines, expected);
}

#[test]
fn a_comment_passes_over_a_whole_key_block() {
    let body = (0..12).fold(String::new(), |body, i| {
        body + &format!("MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7VJTUt9Us{i:02}cK\n")
    });
    let key = format!("-----BEGIN PRIVATE KEY-----\n{body}-----END PRIVATE KEY-----\n");
    let folder = folder_of(&[
        ("open.pem", key.as_bytes()),
        ("passed.pem", format!("# aegis:ignore\n{key}").as_bytes()),
    ]);
    let output = scan(&["--format", "json", "."], folder.path(), b"");
    assert_eq!(places(&output), [("open.pem".to_owned(), 1)]);
}

#[test]
fn a_baseline_knows_what_was_there() {
    let first = format!("key = '{TOKEN}'\n");
    let folder = folder_of(&[("src/a.py", first.as_bytes()), ("b.txt", b"clean\n")]);
    let made = scan(&["--write-baseline", "known.json", "."], folder.path(), b"");
    assert_eq!(made.status.code(), Some(0), "{}", text(&made.stderr));
    assert!(text(&made.stderr).contains("known.json holds 1 known finding"), "{}", text(&made.stderr));
    let baseline = std::fs::read_to_string(folder.path().join("known.json")).expect("written");
    assert!(
        baseline.contains("src/a.py") && baseline.contains("github-pat") && !baseline.contains(&TOKEN[4..20])
    );

    let again = scan(&["--baseline", "known.json", "."], folder.path(), b"");
    assert_eq!(again.status.code(), Some(0), "{}", text(&again.stdout));
    assert!(text(&again.stderr).contains("0 secrets in ") && text(&again.stderr).contains("1 known"));

    // The file itself holds nothing that looks like a secret.
    assert_eq!(places(&scan(&["--format", "json", "."], folder.path(), b"")), [("src/a.py".to_owned(), 1)]);

    put(folder.path(), "src/a.py", format!("# moved\n\n{first}new = '{OTHER}'\n").as_bytes());
    let args = ["--format", "json", "--baseline", "known.json", "."];
    assert_eq!(places(&scan(&args, folder.path(), b"")), [("src/a.py".to_owned(), 4)]);
    // The same files, seen from another folder.
    let args = ["--format", "json", "--baseline", "../known.json", "."];
    assert_eq!(places(&scan(&args, &folder.path().join("src"), b"")), [("a.py".to_owned(), 4)]);
    // The same secret in another file is new.
    put(folder.path(), "b.txt", first.as_bytes());
    let args = ["--format", "json", "--baseline", "known.json", "b.txt"];
    assert_eq!(places(&scan(&args, folder.path(), b"")), [("b.txt".to_owned(), 1)]);
}

#[test]
fn a_baseline_that_is_none_is_refused() {
    let folder = folder_of(&[
        ("a.txt", TOKEN.as_bytes()),
        ("broken.json", b"{"),
        ("newer.json", b"{\"version\":2,\"keyed\":true,\"findings\":[]}"),
        ("other.json", b"{\"version\":1,\"mix\":\"\",\"found\":[]}"),
    ]);
    for (file, message) in [
        ("missing.json", "cannot read"),
        ("broken.json", "not a baseline"),
        ("newer.json", "a baseline of version 2; this program reads version 1"),
        ("other.json", "unknown field `found`"),
        (".", "cannot read"),
    ] {
        let output = scan(&["--baseline", file, "a.txt"], folder.path(), b"");
        assert_eq!(output.status.code(), Some(2));
        let said = text(&output.stderr);
        assert!(said.contains(file) && said.contains(message), "{said}");
    }
    for (file, message) in
        [("no/such/folder.json", "make the folder first"), (".", "give the name of a file")]
    {
        let output = scan(&["--write-baseline", file, "a.txt"], folder.path(), b"");
        assert_eq!((output.status.code(), text(&output.stdout)), (Some(2), ""), "before any work");
        assert!(text(&output.stderr).contains(message), "{}", text(&output.stderr));
    }
    let output = scan(&["--write-baseline", "known.json", "a.txt", "missing"], folder.path(), b"");
    assert_eq!(output.status.code(), Some(2));
    assert!(!folder.path().join("known.json").exists(), "a part is no baseline");
}
