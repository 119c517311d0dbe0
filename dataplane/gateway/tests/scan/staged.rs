//! `--staged`: what the next commit adds, and nothing else.

use std::path::Path;
use std::process::{Command, Output};

use super::since::{commit, found, git, repository};
use super::{TOKEN, folder_of, put, scan, text};

#[test]
fn only_lines_that_the_next_commit_adds_count() {
    let folder = repository();
    let path = folder.path();
    assert_eq!(found(path, &["--staged"]), []);
    put(path, "untracked.txt", TOKEN.as_bytes());
    put(path, "unstaged.txt", b"nothing\n");
    put(path, "new.py", format!("one\nkey = '{TOKEN}'\n").as_bytes());
    put(path, "old.py", format!("zero\none\nold = '{TOKEN}'\n").as_bytes());
    git(path, &["rm", "-q", "gone.py"]);
    git(path, &["add", "new.py", "old.py", "unstaged.txt"]);
    put(path, "unstaged.txt", TOKEN.as_bytes());
    put(path, "new.py", b"clean by now\n");
    let expected = [("new.py".to_owned(), 2)];
    assert_eq!(found(path, &["--staged"]), expected);
    assert_eq!(found(path, &["--staged", "old.py"]), []);
    put(path, "below/x", b"");
    assert_eq!(found(&path.join("below"), &["--staged"]).len(), 1, "the whole repository counts");
    let table = scan(&["--staged"], path, b"");
    assert!(text(&table.stdout).starts_with("new.py (staged)\n"), "{}", text(&table.stdout));
}

#[test]
fn a_repository_without_a_commit_stages_all_it_has() {
    let folder = folder_of(&[("a.txt", format!("x\n{TOKEN}\n").as_bytes()), ("b.txt", TOKEN.as_bytes())]);
    git(folder.path(), &["init", "-q"]);
    assert_eq!(found(folder.path(), &["--staged"]), []);
    git(folder.path(), &["add", "a.txt"]);
    assert_eq!(found(folder.path(), &["--staged"]), [("a.txt".to_owned(), 2)]);
}

#[test]
fn utf16_is_compared_line_by_line() {
    let folder = repository();
    let path = folder.path();
    let wide = |text: &str| -> Vec<u8> {
        format!("\u{FEFF}{text}").encode_utf16().flat_map(u16::to_le_bytes).collect()
    };
    put(path, "wide.ini", &wide(&format!("old = {TOKEN}\r\n")));
    commit(path);
    put(path, "wide.ini", &wide(&format!("first\r\nold = {TOKEN}\r\nnew = {TOKEN}\r\n")));
    git(path, &["add", "-A"]);
    assert_eq!(found(path, &["--staged"]), [("wide.ini".to_owned(), 3)]);
}

#[test]
fn choices_that_exclude_each_other_are_refused() {
    let folder = repository();
    for arguments in [&["--staged", "--since", "HEAD"][..], &["--staged", "--history"], &["--staged", "-"]] {
        assert_eq!(scan(arguments, folder.path(), b"").status.code(), Some(2), "{arguments:?}");
    }
}

/// The file that tells hook managers what to run says what the program understands, and the hook does what it is for.
#[test]
fn the_published_hook_stops_a_commit_that_adds_a_secret() {
    let manifest = include_str!("../../../../.pre-commit-hooks.yaml");
    let entry = manifest.lines().find_map(|line| line.trim().strip_prefix("entry: ")).expect("an entry");
    assert!(manifest.contains("pass_filenames: false"), "the hook asks git itself");
    let folder = repository();
    let path = folder.path();
    let hook = path.join(".git/hooks/pre-commit");
    std::fs::create_dir_all(hook.parent().expect("a folder")).expect("made");
    std::fs::write(&hook, format!("#!/bin/sh\nexec {entry}\n")).expect("written");
    let made = Command::new("chmod").arg("+x").arg(&hook).status().expect("chmod runs");
    assert!(made.success());
    put(path, "new.py", format!("key = '{TOKEN}'\n").as_bytes());
    git(path, &["add", "new.py"]);
    let refused = try_commit(path, &["-m", "adds"]);
    assert!(!refused.status.success() && text(&refused.stderr).contains("new.py (staged)"), "{refused:?}");
    git(path, &["rm", "-q", "--cached", "new.py"]);
    // Untracked files stop nobody, and neither does a diff that removes a secret, in whichever way it is committed.
    put(path, "old.py", b"one\n");
    let taken = try_commit(path, &["-a", "-m", "removes"]);
    assert!(taken.status.success(), "{taken:?}");
    put(path, "old.py", TOKEN.as_bytes());
    assert!(!try_commit(path, &["-a", "-m", "adds"]).status.success());
}

fn try_commit(folder: &Path, arguments: &[&str]) -> Output {
    let program = Path::new(env!("CARGO_BIN_EXE_aegis-gateway")).parent().expect("a folder");
    let path = format!("{}:{}", program.display(), std::env::var("PATH").expect("a path"));
    Command::new("git")
        .args(["-c", "user.name=Ada", "-c", "user.email=ada@example.com", "commit", "-q"])
        .args(arguments)
        .current_dir(folder)
        .env("PATH", path)
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_SYSTEM", "/dev/null")
        .output()
        .expect("git runs")
}
