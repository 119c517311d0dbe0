//! What a project says about scans of its files, and the flags that win over it.

use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

use super::{TOKEN, folder_of, places, put, scan, text};

/// A rule of low confidence finds this one; its severity is high.
const KEY: &str = "aws_access_key_id = AKIAQ3EGV7ZKLM2XTN4D\n";

fn project(file: &str) -> tempfile::TempDir {
    let token = format!("token = {TOKEN}\n");
    folder_of(&[
        (".git/HEAD", b"ref: refs/heads/main\n"),
        (".aegis.toml", file.as_bytes()),
        ("a.txt", token.as_bytes()),
        ("src/b.txt", token.as_bytes()),
        ("src/fixtures/c.txt", token.as_bytes()),
        ("src/d.snap", token.as_bytes()),
        ("keys/e.txt", KEY.as_bytes()),
    ])
}

fn found(arguments: &[&str], folder: &Path) -> Vec<String> {
    let output = scan(&[&["--format", "json"], arguments].concat(), folder, b"");
    places(&output).into_iter().map(|(path, _)| path).collect()
}

#[test]
fn globs_leave_files_out_from_wherever_the_scan_is_started() {
    let folder = project("exclude = [\"fixtures/\", \"*.snap\", \"/a.txt\", \"keys\"]\n");
    let folder = folder.path();
    assert_eq!(found(&["."], folder), ["src/b.txt"]);
    assert_eq!(found(&["."], &folder.join("src")), ["b.txt"]);
    assert_eq!(found(&["src/fixtures"], folder), Vec::<String>::new());
    // Files that are named count as well: hooks name them.
    assert_eq!(found(&["src/b.txt", "src/d.snap", "a.txt"], folder), ["src/b.txt"]);
    // A flag is relative to where it is typed, and wins.
    assert_eq!(found(&["--exclude", "b.*", "--exclude", "!d.snap", "."], &folder.join("src")), ["d.snap"]);
    assert_eq!(found(&["--no-project", "."], folder).len(), 5);
    // Above the repository nothing is looked for.
    put(folder, "inner/.git/HEAD", b"ref: refs/heads/main\n");
    put(folder, "inner/x.snap", format!("{TOKEN}\n").as_bytes());
    assert_eq!(found(&["inner"], folder), ["inner/x.snap"]);
    let output = scan(&["inner", "src"], folder, b"");
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("different .aegis.toml files"), "{}", text(&output.stderr));
    assert_eq!(found(&["--project", ".aegis.toml", "inner", "src"], folder), ["src/b.txt"]);
}

#[test]
fn rules_severity_and_confidence_are_chosen_and_flags_win() {
    let folder =
        project("min_severity = \"critical\"\n[rules]\ngithub-pat = true\naws-access-key-id = false\n");
    let folder = folder.path();
    assert_eq!(found(&["a.txt", "keys"], folder), ["a.txt"]);
    assert_eq!(found(&["--rule", "aws-access-key-id", "a.txt", "keys"], folder), ["keys/e.txt"]);
    put(folder, ".aegis.toml", b"[rules]\ngithub-pat = false\n");
    assert_eq!(found(&["a.txt", "keys"], folder), ["keys/e.txt"]);
    put(folder, ".aegis.toml", b"min_confidence = \"high\"\npacks = [\"personal\"]\n");
    put(folder, "mail.txt", b"write to jane.miller@contoso.com\n");
    assert_eq!(found(&["--min-confidence", "low", "mail.txt"], folder), ["mail.txt"]);
    assert_eq!(found(&["--no-project", "mail.txt"], folder), Vec::<String>::new());
}

#[test]
fn the_baseline_of_a_project_is_used_and_can_be_written_anew() {
    let folder = project("baseline = \"known.json\"\n");
    let folder = folder.path();
    let missing = scan(&["."], folder, b"");
    assert_eq!(missing.status.code(), Some(2));
    assert!(text(&missing.stderr).contains("known.json"), "{}", text(&missing.stderr));
    let written = scan(&["--write-baseline", "known.json", "-q", "."], folder, b"");
    assert_eq!((written.status.code(), text(&written.stderr)), (Some(0), ""));
    let clean = scan(&["."], &folder.join("src"), b"");
    assert_eq!(clean.status.code(), Some(0), "{}", text(&clean.stdout));
    put(folder, "new.txt", KEY.as_bytes());
    assert_eq!(found(&["."], folder), ["new.txt"]);
}

#[test]
fn slips_are_named_with_their_line() {
    let folder = project("");
    let folder = folder.path();
    for (file, parts) in [
        ("excludes = []\n", &[".aegis.toml:1: unknown field `excludes`", "`exclude`"][..]),
        ("packs = [\"personal\"]\n\nmin_severity = \"bad\"\n", &[".aegis.toml:3: ", "`bad`", "critical"]),
        ("exclude = [\n  \"ok\",\n  \"{a,b\",\n]\n", &[".aegis.toml:3: exclude: ", "{a,b"]),
        ("exclude = [\"\"]\n", &["excludes nothing"]),
        (
            "[rules]\n\ngithub-pta = false\n",
            &[".aegis.toml:3: there is no rule `github-pta`", "did you mean `github-pat`?"],
        ),
        ("[rules]\ngithub-pat = \"off\"\n", &[".aegis.toml:2: ", "boolean"]),
        ("a = \n", &[".aegis.toml:1: "]),
        ("rule_files = [\"own.toml\"]\n", &["own.toml"]),
    ] {
        put(folder, ".aegis.toml", file.as_bytes());
        let output = scan(&["."], folder, b"");
        assert_eq!(output.status.code(), Some(2), "{file}");
        for part in parts {
            assert!(text(&output.stderr).contains(part), "{part}: {}", text(&output.stderr));
        }
    }
    put(folder, ".aegis.toml", b"\xff\xfe");
    assert_eq!(scan(&["."], folder, b"").status.code(), Some(2));
    let output = scan(&["--rule", "nothing-like-it", "a.txt"], folder, b"");
    assert_eq!(output.status.code(), Some(2), "a project file is read first, whatever is asked");
    put(folder, ".aegis.toml", b"");
    let output = scan(&["--rule", "nothing-like-it", "a.txt"], folder, b"");
    assert!(
        text(&output.stderr).contains("--rule nothing-like-it: there is no rule"),
        "{}",
        text(&output.stderr)
    );
    let output = scan(&["--exclude", "#x", "a.txt"], folder, b"");
    assert_eq!(output.status.code(), Some(2), "{}", text(&output.stderr));
}

#[test]
fn findings_go_to_a_file_that_is_whole_or_not_there() {
    let folder = project("");
    let folder = folder.path();
    let output = scan(&["--output", "out.json", "--format", "json", "-q", "."], folder, b"");
    assert_eq!((output.status.code(), text(&output.stdout), text(&output.stderr)), (Some(1), "", ""));
    let report = std::fs::read_to_string(folder.join("out.json")).expect("a report");
    let document: serde_json::Value = serde_json::from_str(&report).expect("JSON");
    assert_eq!(document["summary"]["findings"], 5);
    // The report itself is not scanned the next time, nor is a half one left.
    let again = scan(&["--output", "out.json", "--format", "json", "--reveal", "-q", "."], folder, b"");
    assert_eq!(again.status.code(), Some(1));
    let third = scan(&["--output", "out.json", "--format", "json", "-q", "."], folder, b"");
    assert_eq!(third.status.code(), Some(1));
    let document: serde_json::Value =
        serde_json::from_slice(&std::fs::read(folder.join("out.json")).expect("a report")).expect("JSON");
    assert_eq!(document["summary"]["findings"], 5);
    for place in ["no/such/out.json", "src"] {
        let output = scan(&["--output", place, "."], folder, b"");
        assert_eq!(output.status.code(), Some(2), "{place}");
        assert!(text(&output.stderr).contains("cannot write the findings"), "{}", text(&output.stderr));
    }
    let device = scan(&["--output", "/dev/stdout", "a.txt"], folder, b"");
    assert!(text(&device.stdout).contains("github-pat"), "{}", text(&device.stderr));
}

#[test]
fn colours_are_for_terminals_unless_they_are_asked_for() {
    let folder = project("");
    let plain = scan(&["a.txt"], folder.path(), b"");
    assert!(!text(&plain.stdout).contains('\x1b'));
    let coloured = scan(&["--color", "always", "a.txt"], folder.path(), b"");
    assert!(text(&coloured.stdout).contains("\x1b[1ma.txt\x1b[0m"), "{}", text(&coloured.stdout));
    let strip = |text: &str| {
        let codes = ["\x1b[0m", "\x1b[1m", "\x1b[2m", "\x1b[31m", "\x1b[33m", "\x1b[36m"];
        codes.iter().fold(text.to_owned(), |text, code| text.replace(code, ""))
    };
    assert_eq!(strip(text(&coloured.stdout)), text(&plain.stdout));
}

/// Makes something in a folder.
type Make<'m> = &'m dyn Fn(&Path);

#[test]
fn what_has_the_name_and_is_no_file_is_an_error_and_not_passed_over() {
    let file = Path::new(".aegis.toml");
    let made: [(&str, Make<'_>); 4] = [
        ("is a pipe, and must be a file", &|folder| {
            assert!(Command::new("mkfifo").arg(folder.join(file)).status().expect("mkfifo runs").success());
        }),
        ("is a device or a socket", &|folder| symlink("/dev/zero", folder.join(file)).expect("a link")),
        ("Is a directory", &|folder| std::fs::create_dir(folder.join(file)).expect("a folder")),
        ("Too many levels of symbolic links", &|folder| {
            symlink(file, folder.join(file)).expect("a link");
        }),
    ];
    for (what, make) in made {
        let folder = folder_of(&[("a.txt", b"clean")]);
        make(folder.path());
        let output = scan(&["."], folder.path(), b"");
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{what}: {said}");
        assert!(said.contains(".aegis.toml: ") && said.contains(what), "{said}");
    }
}
