//! `--history`: what each commit added, removed again or not.

use serde_json::Value;

use super::since::{commit, found, git, repository};
use super::{TOKEN, folder_of, put, scan, text};

#[test]
fn a_secret_that_was_added_and_removed_is_found_with_its_commit() {
    let folder = repository();
    let path = folder.path();
    put(path, "leak.py", format!("one\nkey = '{TOKEN}'\n").as_bytes());
    commit(path);
    put(path, "leak.py", b"one\n");
    commit(path);
    assert_eq!(found(path, &["--since", "HEAD~2"]), []);
    let new = |name: &str, line| (name.to_owned(), line);
    assert_eq!(found(path, &["--history", "--since", "HEAD~2"]), [new("leak.py", 2)]);
    assert_eq!(found(path, &["--history"]), [new("gone.py", 1), new("old.py", 2), new("leak.py", 2)]);
    assert_eq!(found(path, &["--history", "--exclude", "leak.py"]).len(), 2);
    let output = scan(&["--history", "--since", "HEAD~2", "--format", "json"], path, b"");
    let document: Value = serde_json::from_slice(&output.stdout).expect("a document");
    let id = std::fs::read_to_string(path.join(".git/refs/heads/main")).expect("a commit");
    let named = document["findings"][0]["commit"].as_str().expect("a commit");
    assert_eq!((named.len(), named == id.trim()), (40, false), "the commit that adds, not the last one");
    let table = scan(&["--history", "--since", "HEAD~2"], path, b"");
    let head = format!("leak.py (commit {})\n", &named[..12]);
    assert!(text(&table.stdout).starts_with(&head), "{}", text(&table.stdout));
}

#[test]
fn a_merge_counts_only_what_no_parent_has() {
    let folder = repository();
    let path = folder.path();
    git(path, &["checkout", "-q", "-b", "work"]);
    put(path, "work.py", format!("key = '{TOKEN}'\n").as_bytes());
    commit(path);
    git(path, &["checkout", "-q", "main"]);
    put(path, "main.py", format!("key = '{TOKEN}'\n").as_bytes());
    commit(path);
    git(path, &["merge", "-q", "--no-commit", "work"]);
    put(path, "main.py", format!("key = '{TOKEN}'\nslipped = '{TOKEN}'\n").as_bytes());
    put(path, "only merge.py", format!("key = '{TOKEN}'\n").as_bytes());
    commit(path);
    let mut all = found(path, &["--history"]);
    all.sort();
    let new = |name: &str, line| (name.to_owned(), line);
    let expected = [
        new("gone.py", 1),
        new("main.py", 1),
        new("main.py", 2),
        new("old.py", 2),
        new("only merge.py", 1),
        new("work.py", 1),
    ];
    assert_eq!(all, expected);
}

#[test]
fn a_repository_without_a_commit_has_no_history() {
    let folder = folder_of(&[("a.txt", TOKEN.as_bytes())]);
    git(folder.path(), &["init", "-q"]);
    let output = scan(&["--history"], folder.path(), b"");
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("has no commit yet"), "{}", text(&output.stderr));
}
