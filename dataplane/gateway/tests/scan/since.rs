//! `--since REV`: only what was added counts.

use std::path::Path;
use std::process::Command;

use super::support::feed;
use super::{TOKEN, folder_of, places, program, put, scan, text};

pub(crate) fn git(folder: &Path, arguments: &[&str]) {
    let output = Command::new("git")
        .args(["-c", "user.name=Ada", "-c", "user.email=ada@example.com", "-c", "init.defaultBranch=main"])
        .args(["-c", "commit.gpgsign=false"])
        .args(arguments)
        .current_dir(folder)
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_SYSTEM", "/dev/null")
        .output()
        .expect("git runs");
    assert!(output.status.success(), "git {arguments:?}: {}", text(&output.stderr));
}

pub(crate) fn commit(folder: &Path) {
    git(folder, &["add", "-A"]);
    git(folder, &["commit", "-q", "-m", "work"]);
}

/// A repository with a secret in its first commit.
pub(crate) fn repository() -> tempfile::TempDir {
    let old = format!("one\nold = '{TOKEN}'\nthree\n");
    let folder = folder_of(&[
        ("old.py", old.as_bytes()),
        (".gitignore", b"ignored.txt\n"),
        ("gone.py", TOKEN.as_bytes()),
    ]);
    git(folder.path(), &["init", "-q"]);
    commit(folder.path());
    folder
}

pub(crate) fn found(folder: &Path, arguments: &[&str]) -> Vec<(String, u64)> {
    let output = scan(&[&["--format", "json"], arguments].concat(), folder, b"");
    assert_ne!(output.status.code(), Some(2), "{}", text(&output.stderr));
    places(&output)
}

#[test]
fn only_added_lines_count() {
    let folder = repository();
    let path = folder.path();
    assert_eq!(found(path, &["--since", "HEAD"]), []);
    assert_eq!(scan(&["--since", "HEAD"], path, b"").status.code(), Some(0));
    put(
        path,
        "old.py",
        format!("zero\none\nold = '{TOKEN}'\nthree\n++ not a header\nnew = '{TOKEN}'").as_bytes(),
    );
    git(path, &["rm", "-q", "gone.py"]);
    commit(path);
    put(path, "ein \"neuer\" Ö/ä b.txt", format!("\n{TOKEN}\n").as_bytes());
    git(path, &["add", "-A"]);
    put(path, "untracked.txt", TOKEN.as_bytes());
    put(path, "ignored.txt", TOKEN.as_bytes());
    let new = |name: &str, line| (name.to_owned(), line);
    let expected = [new("ein \"neuer\" Ö/ä b.txt", 2), new("old.py", 6), new("untracked.txt", 1)];
    assert_eq!(found(path, &["--since", "HEAD~1"]), expected);
    assert_eq!(found(path, &["--since", "HEAD"]), [expected[0].clone(), expected[2].clone()]);
    assert_eq!(found(path, &["--since", "HEAD~1", "old.py"]), [expected[1].clone()]);
    // From a folder below, the whole repository.
    let below = found(&path.join("ein \"neuer\" Ö"), &["--since", "HEAD~1"]);
    assert_eq!(below.len(), 3, "{below:?}");
    assert_eq!(below[0], new("ä b.txt", 2));
}

#[test]
fn what_others_removed_meanwhile_is_not_new() {
    let folder = repository();
    let path = folder.path();
    git(path, &["checkout", "-q", "-b", "work"]);
    put(path, "mine.txt", TOKEN.as_bytes());
    commit(path);
    git(path, &["checkout", "-q", "main"]);
    put(path, "old.py", b"one\nthree\n");
    commit(path);
    git(path, &["checkout", "-q", "work"]);
    assert_eq!(found(path, &["--since", "main"]), [("mine.txt".to_owned(), 1)]);
}

#[test]
fn moved_files_are_not_new_and_utf16_is_read() {
    let folder = repository();
    let path = folder.path();
    git(path, &["mv", "old.py", "moved.py"]);
    let wide: Vec<u8> = format!("\u{FEFF}x\n{TOKEN}\n").encode_utf16().flat_map(u16::to_le_bytes).collect();
    put(path, "wide.ini", &wide);
    commit(path);
    assert_eq!(found(path, &["--since", "HEAD~1"]), [("wide.ini".to_owned(), 2)]);
}

#[test]
fn of_files_that_git_calls_binary_only_added_lines_count() {
    let folder = repository();
    let path = folder.path();
    let wide = |text: &str| -> Vec<u8> {
        format!("\u{FEFF}{text}").encode_utf16().flat_map(u16::to_le_bytes).collect()
    };
    // The letter has the byte of a line end.
    let old = format!("\u{10A}x\r\nold = {TOKEN}\r\n");
    put(path, "wide.ini", &wide(&old));
    put(path, "moved.ini", &wide(&format!("{old}more than\r\nhalf stays\r\nas it was\r\n")));
    put(path, "plain.lock", old.as_bytes());
    put(path, ".gitattributes", b"*.lock binary\n");
    commit(path);
    assert_eq!(found(path, &["--since", "HEAD"]), []);
    let new = format!("first\r\n{old}new = {TOKEN}\r\n");
    put(path, "wide.ini", &wide(&new));
    put(path, "plain.lock", new.as_bytes());
    git(path, &["mv", "moved.ini", "here.ini"]);
    let expected = [("plain.lock".to_owned(), 4), ("wide.ini".to_owned(), 4)];
    assert_eq!(found(path, &["--since", "HEAD"]), expected);
    // From UTF-16 to UTF-8, and a text where a picture was.
    put(path, "wide.ini", new.as_bytes());
    assert_eq!(found(path, &["--since", "HEAD"]), expected);
    put(path, "wide.ini", b"\0\0\x01");
    commit(path);
    put(path, "wide.ini", new.as_bytes());
    assert_eq!(found(path, &["--since", "HEAD"]), [("wide.ini".to_owned(), 3), ("wide.ini".to_owned(), 4)]);
}

#[test]
fn what_is_new_does_not_depend_on_how_git_is_configured() {
    let folder = repository();
    let path = folder.path();
    for (key, value) in [
        ("diff.relative", "true"),
        ("diff.interHunkContext", "9"),
        ("diff.context", "9"),
        ("diff.noprefix", "true"),
        ("diff.mnemonicPrefix", "true"),
        ("diff.external", "/bin/false"),
        ("color.diff", "always"),
        ("core.quotePath", "false"),
    ] {
        git(path, &["config", key, value]);
    }
    let added = format!("zero = '{TOKEN}'\none\nold = '{TOKEN}'\nthree\nnew = '{TOKEN}'\n");
    put(path, "old.py", added.as_bytes());
    put(path, "below/x", b"");
    let expected = [("old.py".to_owned(), 1), ("old.py".to_owned(), 5)];
    assert_eq!(found(path, &["--since", "HEAD"]), expected);
    let below = found(&path.join("below"), &["--since", "HEAD"]);
    assert_eq!(below.iter().map(|(_, line)| *line).collect::<Vec<_>>(), [1, 5]);
    let mut program = program();
    program.args(["scan", "--format", "json", "--since", "HEAD"]).current_dir(path);
    assert_eq!(places(&feed(program.env("GIT_DIFF_OPTS", "--unified=9"), b"")), expected);
}

#[test]
fn what_cannot_be_compared_is_said() {
    let folder = folder_of(&[("a.txt", TOKEN.as_bytes())]);
    let refused = |folder: &Path, arguments: &[&str], message: &str| {
        let output = scan(arguments, folder, b"");
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(text(&output.stderr).contains(message), "{arguments:?}: {}", text(&output.stderr));
    };
    refused(folder.path(), &["--since", "HEAD"], "not in a git repository");
    let folder = repository();
    refused(folder.path(), &["--since", "no-such-branch"], "git knows no revision `no-such-branch`");
    refused(folder.path(), &["--since=--output=x"], "git knows no revision");
    refused(folder.path(), &["--since", "HEAD", "-"], "standard input has no revisions");
    refused(folder.path(), &["--since", "HEAD", "missing.txt"], "missing.txt");
}

#[test]
fn what_is_staged_and_gone_from_the_folder_is_new() {
    let folder = repository();
    let path = folder.path();
    put(path, "changed.py", format!("one\nkey = '{TOKEN}'\n").as_bytes());
    put(path, "deleted.py", format!("key = '{TOKEN}'\n").as_bytes());
    put(path, "moved on.py", format!("key = '{TOKEN}'\n").as_bytes());
    put(path, "committed.py", format!("key = '{TOKEN}'\n").as_bytes());
    git(path, &["add", "-A"]);
    put(path, "changed.py", b"one\n");
    std::fs::remove_file(path.join("deleted.py")).expect("removed");
    // The same line is in the folder, one further down: it is one finding.
    put(path, "moved on.py", format!("first\nkey = '{TOKEN}'\n").as_bytes());
    let new = |name: &str, line| (name.to_owned(), line);
    let expected =
        [new("changed.py", 2), new("committed.py", 1), new("deleted.py", 1), new("moved on.py", 2)];
    assert_eq!(found(path, &["--since", "HEAD"]), expected);
    assert_eq!(found(path, &["--since", "HEAD", "--exclude", "deleted.py"]).len(), 3);
    let table = scan(&["--since", "HEAD"], path, b"");
    let table = text(&table.stdout);
    assert!(table.contains("changed.py (staged)\n") && table.contains("\ncommitted.py\n"), "{table}");
    // What the folder has no more is still in the last commit.
    git(path, &["commit", "-q", "-m", "work"]);
    assert_eq!(found(path, &["--since", "HEAD~1"]), expected);
}
