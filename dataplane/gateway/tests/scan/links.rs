//! Links: git keeps their targets as it keeps the text of files.

use std::os::unix::fs::symlink;

use super::since::{commit, found, git, repository};
use super::{TOKEN, put, scan, text};

#[test]
fn the_target_of_a_link_is_text_that_a_commit_adds() {
    let folder = repository();
    let path = folder.path();
    let target = format!("k={TOKEN}");
    symlink(&target, path.join("lnk")).expect("a link");
    // What a link leads to is scanned under its own name, if at all.
    symlink("old.py", path.join("other")).expect("a link");
    let link = [("lnk".to_owned(), 1)];
    assert_eq!(found(path, &["--since", "HEAD"]), link, "git does not know it yet");
    git(path, &["add", "-A"]);
    assert_eq!(found(path, &["--staged"]), link);
    assert_eq!(found(path, &["--since", "HEAD"]), link);
    assert_eq!(found(path, &["--since", "HEAD", "--exclude", "lnk"]), []);
    std::fs::remove_file(path.join("lnk")).expect("removed");
    symlink("elsewhere", path.join("lnk")).expect("a link");
    assert_eq!(found(path, &["--since", "HEAD"]), link, "it is staged still");
    commit(path);
    assert_eq!(found(path, &["--staged"]), []);
    std::fs::remove_file(path.join("lnk")).expect("removed");
    symlink(&target, path.join("lnk")).expect("a link");
    commit(path);
    assert_eq!(found(path, &["--history", "--since", "HEAD~1"]), link);
    // A file that becomes a link.
    std::fs::remove_file(path.join("old.py")).expect("removed");
    symlink(&target, path.join("old.py")).expect("a link");
    git(path, &["add", "-A"]);
    assert_eq!(found(path, &["--staged"]), [("old.py".to_owned(), 1)]);
}

#[test]
fn what_git_says_when_it_fails_is_passed_on() {
    let folder = repository();
    put(folder.path(), "new.txt", b"new");
    git(folder.path(), &["add", "-A"]);
    git(folder.path(), &["config", "diff.orderFile", "missing-order"]);
    for arguments in [&["--staged"][..], &["--since", "HEAD"], &["--history"]] {
        let output = scan(arguments, folder.path(), b"");
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(said.contains("failed: ") && said.contains("missing-order"), "{arguments:?}: {said}");
    }
}

#[test]
fn a_report_that_cannot_be_written_is_named_as_it_was_asked_for() {
    let folder = repository();
    let output = scan(&["--format", "json", "--output", "missing/found.json"], folder.path(), b"");
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{said}");
    let first =
        "error: missing/found.json: cannot write the findings: No such file or directory (os error 2)";
    assert_eq!(said.lines().next(), Some(first), "{said}");
}
