//! Reads what `git diff` and `git log` print with `--raw -p --unified=0`: which files changed, between which objects, and
//! which lines are new.

use std::collections::HashMap;
use std::ffi::OsString;
use std::io::{self, BufRead};
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;

use crate::cli::scan::lines::LineSelection;
use crate::cli::scan::reader::Stopped;

/// What begins the line above the patch of a commit; git's own lines begin otherwise.
const COMMIT: &[u8] = b"commit ";
/// The format of that line: the commit, and its parents.
pub(super) const COMMIT_FORMAT: &str = "--format=tformat:commit %H %P";

/// Options of every patch, so that no configuration changes what is printed.
pub(super) const OPTIONS: &[&str] = &[
    "--raw",
    "--patch",
    "--no-abbrev",
    "--unified=0",
    "--inter-hunk-context=0",
    "--src-prefix=a/",
    "--dst-prefix=b/",
    "-M",
    "--no-color",
    "--no-ext-diff",
    "--no-textconv",
    "--no-relative",
    "--ignore-submodules=all",
];

/// A patch: of a commit against one of its parents, or of the present.
#[derive(Debug, Default)]
pub(super) struct Patch {
    /// The commit's name; empty when it is of none.
    pub commit: String,
    /// How many parents the commit has.
    pub parents: usize,
    /// The files that changed.
    pub files: Vec<FileChange>,
}

/// A file that changed.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct FileChange {
    /// Its path from the top of the repository.
    pub path: PathBuf,
    /// The object before.
    pub old: String,
    /// The object after; zeros for one that only the folder has.
    pub new: String,
    /// Whether git keeps a text for it now: that of a file, or the target of a link. Another repository has none.
    pub has_text: bool,
    /// The lines that are new; none when git shows no lines: it takes the file for binary, or no line changed.
    pub lines: Option<LineSelection>,
}

impl FileChange {
    /// Whether an object's name is one of those that git writes for none.
    pub(super) fn is_null(id: &str) -> bool {
        id.bytes().all(|digit| digit == b'0')
    }
}

/// Hands each patch to `take`. Contents are skipped by their count, so that no content is taken for a header.
pub(super) fn read(
    text: &mut impl BufRead,
    take: &mut dyn FnMut(Patch) -> Result<(), Stopped>,
) -> Result<(), Stopped> {
    let mut patch = Patch::default();
    let mut by_path: HashMap<PathBuf, usize> = HashMap::new();
    let mut current: Option<usize> = None;
    let mut line = Vec::new();
    loop {
        line.clear();
        if text.read_until(b'\n', &mut line)? == 0 {
            return take(patch);
        }
        let header = line.strip_suffix(b"\n").unwrap_or(&line);
        if let Some(commit) = header.strip_prefix(COMMIT) {
            let whole = std::mem::take(&mut patch);
            if !whole.files.is_empty() {
                take(whole)?;
            }
            let commit = String::from_utf8_lossy(commit);
            let mut names = commit.split_ascii_whitespace();
            names.next().unwrap_or_default().clone_into(&mut patch.commit);
            patch.parents = names.count();
            by_path.clear();
            current = None;
        } else if let Some(file) = header.strip_prefix(b":").and_then(raw_line) {
            by_path.insert(file.path.clone(), patch.files.len());
            patch.files.push(file);
        } else if let Some(name) = header.strip_prefix(b"+++ ") {
            current = new_name(name).and_then(|path| by_path.get(&path).copied());
            if let Some(file) = current.and_then(|index| patch.files.get_mut(index)) {
                file.lines.get_or_insert_with(|| LineSelection::Ranges(Vec::new()));
            }
        } else if let Some((removed, added, from)) = header.strip_prefix(b"@@ ").and_then(hunk) {
            for _ in 0..removed + added {
                skip_line(text)?;
            }
            let file = current.and_then(|index| patch.files.get_mut(index));
            if let (Some(FileChange { lines: Some(LineSelection::Ranges(ranges)), .. }), 1..) = (file, added)
            {
                ranges.push(from..=from + added - 1);
            }
        }
    }
}

/// A line like `:100644 100644 1a.. 2b.. M<tab>path`; two paths behind a file that moved.
fn raw_line(text: &[u8]) -> Option<FileChange> {
    let mut parts = text.split(|byte| *byte == b'\t');
    let head = std::str::from_utf8(parts.next()?).ok()?;
    let path = name(parts.next_back()?);
    let mut fields = head.split(' ').skip(1);
    let (mode, old, new) = (fields.next()?, fields.next()?, fields.next()?);
    let has_text = ["100", "120"].iter().any(|kind| mode.starts_with(kind));
    Some(FileChange {
        path: PathBuf::from(OsString::from_vec(path)),
        old: old.to_owned(),
        new: new.to_owned(),
        has_text,
        lines: None,
    })
}

fn skip_line(patch: &mut impl BufRead) -> io::Result<()> {
    loop {
        let held = patch.fill_buf()?;
        if held.is_empty() {
            return Ok(());
        }
        let end = memchr::memchr(b'\n', held).map(|at| at + 1);
        let length = end.unwrap_or(held.len());
        patch.consume(length);
        if end.is_some() {
            return Ok(());
        }
    }
}

/// Lines removed, lines added, and the first of those, from `-1,2 +3,4 @@ ..`.
fn hunk(text: &[u8]) -> Option<(u64, u64, u64)> {
    let text = std::str::from_utf8(text.split(|byte| *byte == b'@').next()?).ok()?;
    let (old, new) = text.trim().split_once(' ')?;
    let numbers = |part: &str| -> Option<(u64, u64)> {
        match part.split_once(',') {
            Some((from, count)) => Some((from.parse().ok()?, count.parse().ok()?)),
            None => Some((part.parse().ok()?, 1)),
        }
    };
    let (_, removed) = numbers(old.strip_prefix('-')?)?;
    let (from, added) = numbers(new.strip_prefix('+')?)?;
    Some((removed, added, from))
}

/// The path behind `+++ `; none for a file that is gone.
fn new_name(text: &[u8]) -> Option<PathBuf> {
    // A tab follows names with blanks.
    let plain = name(text.strip_suffix(b"\t").unwrap_or(text));
    plain.strip_prefix(b"b/").map(|path| PathBuf::from(OsString::from_vec(path.to_vec())))
}

/// A name as it is, without the quotes that git puts around unusual ones.
fn name(text: &[u8]) -> Vec<u8> {
    match text.strip_prefix(b"\"").and_then(|name| name.strip_suffix(b"\"")) {
        Some(quoted) => unquote(quoted),
        None => text.to_vec(),
    }
}

/// Undoes git's quoting of unusual names: as in C, bytes in octal.
fn unquote(quoted: &[u8]) -> Vec<u8> {
    let mut plain = Vec::with_capacity(quoted.len());
    let mut rest = quoted;
    while let Some((&byte, tail)) = rest.split_first() {
        rest = tail;
        if byte != b'\\' {
            plain.push(byte);
            continue;
        }
        let Some((&escape, tail)) = rest.split_first() else { break };
        rest = tail;
        plain.push(match escape {
            b'a' => 7,
            b'b' => 8,
            b't' => b'\t',
            b'n' => b'\n',
            b'v' => 11,
            b'f' => 12,
            b'r' => b'\r',
            b'0'..=b'7' => {
                let digits = rest.iter().take(2).take_while(|digit| matches!(digit, b'0'..=b'7')).count();
                let (more, tail) = rest.split_at(digits);
                rest = tail;
                more.iter().fold(escape - b'0', |value, digit| value.wrapping_mul(8) | (digit - b'0'))
            }
            other => other,
        });
    }
    plain
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn patches(text: &[u8]) -> Vec<Patch> {
        let mut all = Vec::new();
        let mut keep = |patch| {
            all.push(patch);
            Ok(())
        };
        read(&mut &text[..], &mut keep).expect("memory");
        all
    }

    #[test]
    fn patches_give_the_added_lines() {
        let patch =
            b":100644 100644 1 2 M\ta.txt\n:100644 000000 1 0 D\tgone\n:100644 100644 1 1 R100\told\tnew\n\
            :000000 120000 0 3 A\tlink\n:000000 160000 0 8 A\tmodule\n:000000 100644 0 4 A\tpicture\n\
            :000000 100644 0 5 A\t\"\\303\\244 \\\"x\\\"\"\n:100644 100644 6 7 M\twith blank\n\
            diff --git a/a.txt b/a.txt\nindex 1..2 100644\n--- a/a.txt\n+++ b/a.txt\n\
            @@ -3,2 +3,2 @@ context\n---- a/fake\n-x\n+++ b/fake\n+@@ -1 +1 @@\n\
            @@ -9,0 +10 @@\n+commit z\n\\ No newline at end of file\n\
            diff --git a/gone b/gone\n--- a/gone\n+++ /dev/null\n@@ -1 +0,0 @@\n-x\n\
            diff --git \"a/\\303\\244 \\\"x\\\"\" \"b/\\303\\244 \\\"x\\\"\"\n--- /dev/null\n\
            +++ \"b/\\303\\244 \\\"x\\\"\"\n@@ -0,0 +1,3 @@\n+1\n+2\n+3\n\
            +++ b/with blank\t\n@@ -1 +1 @@\n-a\n+b\n";
        let all = patches(patch);
        let [only] = &all[..] else { panic!("{all:?}") };
        let of = |path: &str| only.files.iter().find(|file| file.path == Path::new(path)).expect(path);
        assert_eq!(of("a.txt").lines, Some(LineSelection::Ranges(vec![3..=4, 10..=10])));
        assert_eq!((&*of("a.txt").old, &*of("a.txt").new), ("1", "2"));
        assert_eq!(of("\u{e4} \"x\"").lines, Some(LineSelection::Ranges(vec![1..=3])));
        assert_eq!(of("with blank").lines, Some(LineSelection::Ranges(vec![1..=1])));
        for (path, has_text) in
            [("gone", false), ("new", true), ("link", true), ("module", false), ("picture", true)]
        {
            assert_eq!((of(path).has_text, &of(path).lines), (has_text, &None), "{path}");
        }
    }

    #[test]
    fn each_commit_has_its_patch() {
        let log = b"commit aa bb cc\n\n:100644 100644 1 2 M\tx\n\n+++ b/x\n@@ -0,0 +1 @@\n+commit fake\n\
            commit bb\n\n:000000 100644 0 1 A\tx\n\n+++ b/x\n@@ -0,0 +7 @@\n+x\n";
        let all = patches(log);
        let found: Vec<_> = all.iter().map(|p| (&*p.commit, p.parents, p.files[0].lines.clone())).collect();
        let lines = |range| Some(LineSelection::Ranges(vec![range]));
        assert_eq!(found, [("aa", 2, lines(1..=1)), ("bb", 0, lines(7..=7))]);
    }
}
