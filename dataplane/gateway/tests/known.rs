//! `known` as people and programs use it, and the list it makes.

mod support;

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output};

use support::feed;

/// Made up; no rule knows such a thing.
const PASSWORD: &str = "Kamin und Regen, 7";
const OTHER: &str = "wintergruen/Ost-4";

fn aegis(arguments: &[&str], folder: &Path, input: &[u8]) -> Output {
    let mut program = Command::new(env!("CARGO_BIN_EXE_aegis-gateway"));
    program
        .args(arguments)
        .current_dir(folder)
        .env("XDG_STATE_HOME", folder.join("states"))
        .env("STATE_DIRECTORY", folder.join("state"))
        .env_remove("AEGIS_CONFIG");
    feed(&mut program, input)
}

fn known(command: &str, more: &[&str], folder: &Path, input: &str) -> (Option<i32>, String, String) {
    let arguments = [&["known", command, "--file", "known.list"], more].concat();
    let output = aegis(&arguments, folder, input.as_bytes());
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let (out, err) = (text(&output.stdout), text(&output.stderr));
    assert!(!out.contains(PASSWORD) && !err.contains(PASSWORD), "the value is shown: {out}{err}");
    (output.status.code(), out, err)
}

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).expect("it exists").permissions().mode() & 0o777
}

#[test]
fn a_value_is_added_found_and_removed_and_never_shown() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    let (code, out, err) = known("add", &[], folder, &format!("{PASSWORD}\n"));
    assert_eq!((code, out.as_str()), (Some(0), "added; 1 known value in known.list\n"), "{err}");
    assert_eq!(known("add", &[], folder, PASSWORD).1, "already listed; 1 known value in known.list\n");
    assert_eq!((mode(&folder.join("known.list")), mode(&folder.join("state/known.key"))), (0o600, 0o600));
    let list = std::fs::read_to_string(folder.join("known.list")).expect("UTF-8");
    assert!(!list.contains("Kamin") && list.lines().count() == 3, "{list}");
    assert_eq!(std::fs::read_dir(folder).expect("a folder").count(), 2, "no draft is left");

    let text = format!("Hello,\nit is {PASSWORD} since Monday\n");
    let (code, out, _) = known("check", &[], folder, &text);
    assert_eq!(code, Some(1));
    assert_eq!(out, "line 2: a known value at bytes 13 to 31\n1 found; 1 known value in known.list\n");
    assert_eq!(known("check", &[], folder, "Kamin und Regen, 8").0, Some(0));

    let (_, out, _) = known("list", &[], folder, "");
    let id = out.split_whitespace().next().expect("an id").to_owned();
    assert_eq!(out, format!("{id}    18 bytes\n1 known value in known.list\n"));
    assert_eq!(known("remove", &[], folder, OTHER).1, "not listed; 1 known value in known.list\n");
    assert_eq!(known("remove", &["--id", &id], folder, "").1, "removed; 0 known values in known.list\n");
    assert_eq!(known("remove", &["--id", &id], folder, "").0, Some(1));
    let (code, _, err) = known("remove", &["--id", "xyz"], folder, "");
    assert!(code == Some(2) && err.contains("an id has 12 hexadecimal digits"), "{err}");
}

#[test]
fn an_import_is_whole_or_says_which_lines_are_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    let values = format!("{PASSWORD}\r\n\nshort\n{OTHER}\nconfiguration\n");
    let (code, _, err) = known("import", &[], folder, &values);
    assert_eq!(code, Some(1));
    assert!(
        err.starts_with(
            "line 3: the value is 5 bytes long; 8 are the least\nline 5: the value reads like a word"
        ),
        "{err}"
    );
    assert!(err.contains("error: 2 values were refused; nothing is written"), "{err}");
    assert!(!folder.join("known.list").exists());
    let (code, out, _) = known("import", &["--skip-refused"], folder, &values);
    assert_eq!((code, out.as_str()), (Some(1), "2 added, 2 refused; 2 known values in known.list\n"));
    assert_eq!(known("check", &[], folder, &format!("<{OTHER}>{PASSWORD}")).1.lines().count(), 3);
    let (code, out, _) = known("import", &["--replace"], folder, OTHER);
    assert_eq!((code, out.as_str()), (Some(0), "1 added, 0 refused; 1 known value in known.list\n"));
    assert_eq!(known("check", &[], folder, PASSWORD).0, Some(0));
}

#[test]
fn what_cannot_be_used_is_named_with_file_and_line() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    let (code, _, err) = known("check", &[], folder, "");
    assert!(
        code == Some(2) && err.contains("known_values.file: cannot read known.list: No such file"),
        "{err}"
    );
    known("add", &[], folder, PASSWORD);
    let path = folder.join("known.list");
    let list = std::fs::read_to_string(&path).expect("UTF-8");
    std::fs::write(&path, list.lines().take(2).collect::<Vec<_>>().join("\n")).expect("written");
    let (code, _, err) = known("list", &[], folder, "");
    assert!(
        code == Some(2) && err.contains("known.list: line 2: the last line is missing: the list was cut"),
        "{err}"
    );
    std::fs::write(&path, &list).expect("written");
    std::fs::write(folder.join("state/known.key"), "ab".repeat(32)).expect("written");
    let (_, _, err) = known("add", &[], folder, OTHER);
    assert!(err.contains("known.list: line 1: the list was made with another key"), "{err}");
    std::fs::remove_file(folder.join("state/known.key")).expect("removed");
    let (_, _, err) = known("add", &[], folder, OTHER);
    assert!(err.contains("known_values.key_file: cannot read"), "an old list never gets a new key: {err}");
    // Who scans has no configuration file to correct.
    let output = aegis(&["scan", "--known", "known.list", "-"], folder, b"text");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.code() == Some(2) && said.starts_with("error: cannot read "), "{said}");
    assert!(
        said.contains("state/known.key: No such file") && said.contains("--known-key its key, or --state"),
        "{said}"
    );
    assert!(!said.contains("known_values"), "{said}");
    let output = aegis(&["known", "list"], folder, b"");
    assert!(String::from_utf8_lossy(&output.stderr).contains("no list is named"));
}

#[test]
fn scan_and_check_use_the_list() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    known("add", &[], folder, PASSWORD);
    std::fs::write(folder.join("notes.txt"), format!("please open it with {PASSWORD}\n")).expect("written");
    assert_eq!(aegis(&["scan", "notes.txt"], folder, b"").status.code(), Some(0));
    let output = aegis(&["scan", "--known", "known.list", "--format", "json", "notes.txt"], folder, b"");
    let found = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.code() == Some(1) && found.contains("\"known-value\""), "{found}");
    assert!(!found.contains(PASSWORD), "{found}");

    let config = "[known_values]\nfile = \"known.list\"\n[policy.rules]\nknown-value = \"block\"\n";
    std::fs::write(folder.join("aegis.toml"), config).expect("written");
    let right = aegis(&["check", "--config", "aegis.toml"], folder, b"");
    assert_eq!(right.status.code(), Some(0), "{}", String::from_utf8_lossy(&right.stderr));
    std::fs::write(folder.join("known.list"), "something else\n").expect("written");
    let wrong = aegis(&["check", "--config", "aegis.toml"], folder, b"");
    let problem = String::from_utf8_lossy(&wrong.stderr).into_owned();
    assert!(
        problem.contains("known_values.file: known.list: line 1: not a list of known values"),
        "{problem}"
    );
}

#[test]
fn a_scan_finds_the_key_of_a_list_in_the_folder_that_is_named() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    known("add", &["--state", "elsewhere"], folder, PASSWORD);
    std::fs::write(folder.join("a.txt"), format!("it is {PASSWORD}\n")).expect("written");
    let scan = ["scan", "--known", "known.list", "a.txt"];
    let without = aegis(&scan, folder, b"");
    assert_eq!(without.status.code(), Some(2), "the key is not in this user's folder");
    assert_eq!(aegis(&[&scan[..], &["--state", "elsewhere"]].concat(), folder, b"").status.code(), Some(1));
    let mut program = Command::new(env!("CARGO_BIN_EXE_aegis-gateway"));
    program.args(scan).current_dir(folder).env("AEGIS_STATE_DIR", "elsewhere");
    assert_eq!(feed(&mut program, b"").status.code(), Some(1));
}
