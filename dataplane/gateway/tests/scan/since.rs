//! `--since REV`: only what was added counts.

use std::path::Path;
use std::process::Command;

use super::{TOKEN, folder_of, places, put, scan, text};

fn git(folder: &Path, arguments: &[&str]) {
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

fn commit(folder: &Path) {
    git(folder, &["add", "-A"]);
    git(folder, &["commit", "-q", "-m", "work"]);
}

/// A repository with a secret in its first commit.
fn repository() -> tempfile::TempDir {
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

fn found(folder: &Path, arguments: &[&str]) -> Vec<(String, u64)> {
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
fn what_cannot_be_compared_is_said() {
    let folder = folder_of(&[("a.txt", TOKEN.as_bytes())]);
    let refused = |folder: &Path, arguments: &[&str], told: &str| {
        let output = scan(arguments, folder, b"");
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(text(&output.stderr).contains(told), "{arguments:?}: {}", text(&output.stderr));
    };
    refused(folder.path(), &["--since", "HEAD"], "not in a git repository");
    let folder = repository();
    refused(folder.path(), &["--since", "no-such-branch"], "git knows no revision `no-such-branch`");
    refused(folder.path(), &["--since=--output=x"], "git knows no revision");
    refused(folder.path(), &["--since", "HEAD", "-"], "standard input has no revisions");
    refused(folder.path(), &["--since", "HEAD", "missing.txt"], "missing.txt");
}
