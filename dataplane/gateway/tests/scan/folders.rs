//! Folders: order, links, and what cannot be read.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;

use super::{TOKEN, folder_of, places, program, put, scan, text};

#[test]
fn the_order_does_not_depend_on_the_threads() {
    let folder = folder_of(&[]);
    for number in 0..300 {
        let padding = "x\n".repeat(number * 37 % 5_000);
        put(
            folder.path(),
            &format!("d{}/f{number:03}", number % 7),
            format!("{padding}{TOKEN}\n").as_bytes(),
        );
    }
    let one = scan(&["--jobs", "1", "--format", "json", "."], folder.path(), b"");
    assert_eq!(places(&one).len(), 300);
    let mut sorted = places(&one);
    sorted.sort();
    assert_eq!(places(&one), sorted);
    for jobs in ["2", "8"] {
        let many = scan(&["--jobs", jobs, "--format", "json", "."], folder.path(), b"");
        assert!(one.stdout == many.stdout, "{jobs} threads give another report");
    }
}

#[test]
fn links_are_not_followed() {
    let outside = folder_of(&[("leak.txt", TOKEN.as_bytes())]);
    let folder = folder_of(&[("clean.txt", b"clean")]);
    symlink(outside.path(), folder.path().join("folder")).expect("a link");
    symlink(outside.path().join("leak.txt"), folder.path().join("file")).expect("a link");
    symlink(folder.path(), folder.path().join("round")).expect("a link");
    symlink("nowhere", folder.path().join("broken")).expect("a link");
    let output = scan(&["."], folder.path(), b"");
    assert_eq!(output.status.code(), Some(0), "{}{}", text(&output.stdout), text(&output.stderr));
    // A link that is named is meant.
    assert_eq!(scan(&["file"], folder.path(), b"").status.code(), Some(1));
}

#[test]
fn what_cannot_be_read_is_reported_at_the_end_too() {
    let folder = folder_of(&[("a.txt", TOKEN.as_bytes()), ("z.txt", TOKEN.as_bytes())]);
    let output = scan(&["--format", "json", "a.txt", "missing", "z.txt"], folder.path(), b"");
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(places(&output), [("a.txt".to_owned(), 1), ("z.txt".to_owned(), 1)]);
    assert!(text(&output.stderr).contains("error: missing: No such file"), "{}", text(&output.stderr));
}

#[test]
fn names_of_files_cannot_feign_other_lines() {
    let folder = folder_of(&[("x\nerror: all is lost \u{1b}[2J", TOKEN.as_bytes())]);
    let output = scan(&[".", "miss\ring"], folder.path(), b"");
    let (table, said) = (text(&output.stdout), text(&output.stderr));
    assert!(table.starts_with("x\\nerror: all is lost \\u{1b}[2J\n"), "{table:?}");
    assert!(said.starts_with("error: miss\\ring: "), "{said:?}");
}

#[test]
fn names_that_are_not_utf8_are_reported_as_they_are() {
    let folder = folder_of(&[]);
    let name = OsStr::from_bytes(b"caf\xe9.txt");
    std::fs::write(folder.path().join(name), TOKEN).expect("written");
    let sarif = scan(&["--format", "sarif", "."], folder.path(), b"");
    assert!(text(&sarif.stdout).contains("\"uri\":\"caf%E9.txt\""), "{}", text(&sarif.stdout));
    assert_eq!(places(&scan(&["--format", "json", "."], folder.path(), b"")).len(), 1);
}

#[test]
fn the_number_of_threads_has_bounds() {
    let folder = folder_of(&[("a.txt", TOKEN.as_bytes())]);
    for (jobs, code) in [("0", 2), ("1", 1), ("1025", 2), ("many", 2)] {
        let output = scan(&["--jobs", jobs, "."], folder.path(), b"");
        assert_eq!(output.status.code(), Some(code), "{}", text(&output.stderr));
        assert!(code != 2 || text(&output.stderr).contains("--jobs <N>"), "{}", text(&output.stderr));
    }
}

#[test]
fn a_report_that_nobody_reads_to_its_end_is_no_crash() {
    let folder = folder_of(&[("a.txt", TOKEN.as_bytes())]);
    let (reader, writer) = std::io::pipe().expect("a pipe");
    drop(reader);
    let mut program = program();
    program.args(["scan", "a.txt", "missing"]).current_dir(folder.path());
    program.stdout(writer.try_clone().expect("a copy")).stderr(writer);
    let code = program.status().expect("it runs").code();
    assert!(matches!(code, Some(1 | 2)), "{code:?}");
}

#[test]
fn no_progress_is_shown_where_nobody_looks() {
    let folder = folder_of(&[("a.txt", TOKEN.as_bytes())]);
    let output = scan(&["."], folder.path(), b"");
    assert_eq!(text(&output.stderr), "1 secret in 1 of 1 file, 40 bytes\n");
}

#[test]
fn findings_can_be_left_out_by_confidence() {
    // The second has a wrong check value.
    let content = format!("{TOKEN}\n{}\n", TOKEN.replace("1ZiMPq", "1c2b3A"));
    let folder = folder_of(&[("a.txt", content.as_bytes())]);
    let all = scan(&["--format", "json", "a.txt"], folder.path(), b"");
    assert_eq!(places(&all).len(), 2);
    let sure = scan(&["--min-confidence", "high", "--format", "json", "a.txt"], folder.path(), b"");
    assert_eq!(places(&sure), [("a.txt".to_owned(), 1)]);
}
