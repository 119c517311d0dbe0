//! What changed since a revision: the files and the lines added, as git reports them.
//!
//! Git's own program is asked, so that its configuration, worktrees and repository formats hold. Nothing that a
//! repository can configure to be run is run: no external diffs, text converters or file system monitors.

use std::collections::HashMap;
use std::ffi::OsString;
use std::fs::{File, Metadata};
use std::io::{self, BufRead, BufReader};
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::lines::{self, Lines};
use crate::cli::outcome::{CliFailure, failure};

/// Options of every `diff`, so that no configuration changes what it prints.
const DIFF: &[&str] =
    &["-M", "--no-color", "--no-ext-diff", "--no-textconv", "--no-relative", "--ignore-submodules=all"];

/// The files that have lines which `revision` (or where it and the present parted) has not, in the order of their
/// names.
///
/// Files that git does not know yet count whole, those it ignores do not count. `paths` restrict; none is everything.
pub(super) fn changes(revision: &str, paths: &[PathBuf]) -> Result<Vec<(PathBuf, Lines)>, CliFailure> {
    let git = Git::of(paths)?;
    let base = git.base(revision)?;
    let mut changed = git.added_lines(&base)?;
    // Git shows no lines of what it takes for binary, UTF-16 among them.
    let counted = git.run(&[&["diff", "--numstat", "-z"], DIFF].concat(), &[&base])?;
    for (old, new) in binaries(&counted) {
        let lines = git.compare(&base, &old, &new)?;
        changed.insert(new, lines);
    }
    let untracked = git.run(&["ls-files", "--others", "--exclude-standard", "--full-name", "-z"], &[])?;
    changed
        .extend(untracked.split(|byte| *byte == 0).filter(|p| !p.is_empty()).map(|p| (path(p), Lines::All)));
    let mut files: Vec<_> = changed.into_iter().map(|(path, lines)| (git.top.join(path), lines)).collect();
    files.sort_by(|(a, _), (b, _)| a.cmp(b));
    Ok(files)
}

fn path(bytes: &[u8]) -> PathBuf {
    PathBuf::from(OsString::from_vec(bytes.to_vec()))
}

/// A repository.
struct Git {
    folder: PathBuf,
    top: PathBuf,
    paths: Vec<PathBuf>,
}

impl Git {
    /// The repository that the first of the paths is in, or the current folder.
    fn of(paths: &[PathBuf]) -> Result<Git, CliFailure> {
        let real = |path: &PathBuf| {
            std::fs::canonicalize(path).map_err(|error| failure(format!("{}: {error}", path.display()), ""))
        };
        let paths = paths.iter().map(real).collect::<Result<Vec<_>, _>>()?;
        let folder = match paths.first() {
            Some(path) if path.is_dir() => path.clone(),
            Some(path) => path.parent().unwrap_or(path).to_path_buf(),
            None => PathBuf::from("."),
        };
        let git = Git { top: folder.clone(), folder, paths };
        let top = git.run(&["rev-parse", "--show-toplevel"], &[]).map_err(|error| {
            let said = error.to_string();
            if said.contains("not a git repository") {
                let what = format!("{} is not in a git repository", git.folder.display());
                failure(what, "--since needs one; leave it out to scan everything")
            } else {
                error
            }
        })?;
        Ok(Git { top: path(top.trim_ascii_end()), ..git })
    }

    fn command(&self, arguments: &[&str], revisions: &[&str]) -> Command {
        let mut command = Command::new("git");
        command
            .args(["--no-optional-locks", "--literal-pathspecs", "-c", "core.fsmonitor=false"])
            .args(["-c", "core.quotePath=true", "-C"])
            .arg(&self.folder)
            .args(arguments)
            .env("LC_ALL", "C")
            // It would add lines of context.
            .env_remove("GIT_DIFF_OPTS")
            .stdin(Stdio::null());
        if matches!(arguments.first(), Some(&("diff" | "ls-files"))) {
            if arguments[0] == "ls-files" && self.paths.is_empty() {
                // Of the whole repository, as `diff` does.
                command.current_dir(&self.top);
            }
            command.args(revisions).arg("--").args(&self.paths);
        } else {
            command.args(revisions);
        }
        command
    }

    /// What git says on standard output.
    fn run(&self, arguments: &[&str], revisions: &[&str]) -> Result<Vec<u8>, CliFailure> {
        let output = self.command(arguments, revisions).output().map_err(|error| no_git(&error))?;
        if output.status.success() { Ok(output.stdout) } else { Err(complaint(&output.stderr)) }
    }

    /// The commit to compare with: where `revision` and the present parted, so that work of others does not count.
    fn base(&self, revision: &str) -> Result<String, CliFailure> {
        let commit = format!("{revision}^{{commit}}");
        let found = self.run(&["rev-parse", "--verify", "--quiet", "--end-of-options"], &[&commit]).map_err(
            |_| {
                let what = format!("git knows no revision `{revision}` in {}", self.top.display());
                failure(what, "give a commit, a tag or a branch: --since HEAD~3, --since origin/main")
            },
        )?;
        let found = String::from_utf8_lossy(found.trim_ascii_end()).into_owned();
        let parted = self.run(&["merge-base"], &[&found, "HEAD"]);
        Ok(parted.map_or(found, |base| String::from_utf8_lossy(base.trim_ascii_end()).into_owned()))
    }

    fn added_lines(&self, base: &str) -> Result<HashMap<PathBuf, Lines>, CliFailure> {
        let form = ["diff", "--unified=0", "--inter-hunk-context=0", "--src-prefix=a/", "--dst-prefix=b/"];
        let mut child = self
            .command(&[&form, DIFF].concat(), &[base])
            .stdout(Stdio::piped())
            // Warnings about line ends, one for each file, would fill a pipe that nobody reads yet.
            .stderr(Stdio::null())
            .spawn()
            .map_err(|error| no_git(&error))?;
        let mut changed = HashMap::new();
        if let Some(out) = child.stdout.take() {
            changed = read_patch(&mut BufReader::new(out))
                .map_err(|error| failure(format!("cannot read what git says: {error}"), ""))?;
        }
        let status = child.wait().map_err(|error| no_git(&error))?;
        if status.success() { Ok(changed) } else { Err(failure(format!("git diff failed: {status}"), "")) }
    }

    /// The lines of the file `new` that `old` had not at `base`; all when it was not there, or is no text.
    fn compare(&self, base: &str, old: &Path, new: &Path) -> Result<Lines, CliFailure> {
        // Links, submodules, and what cannot be read are the business of those who read the files.
        let here = self.top.join(new);
        let Some(mut now) =
            here.symlink_metadata().ok().filter(Metadata::is_file).and_then(|_| File::open(here).ok())
        else {
            return Ok(Lines::All);
        };
        let mut object = OsString::from(format!("{base}:"));
        object.push(old);
        let mut child = self
            .command(&["cat-file", "blob"], &[])
            .arg(object)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|error| no_git(&error))?;
        let lines = child.stdout.take().map(|mut then| lines::added(&mut then, &mut now));
        let was_there = child.wait().map_err(|error| no_git(&error))?.success();
        Ok(lines.and_then(Result::ok).filter(|_| was_there).unwrap_or(Lines::All))
    }
}

fn no_git(error: &io::Error) -> CliFailure {
    failure(format!("cannot run git: {error}"), "--since needs git in the PATH")
}

fn complaint(stderr: &[u8]) -> CliFailure {
    let said = String::from_utf8_lossy(stderr);
    failure(format!("git: {}", said.trim().trim_start_matches("fatal: ")), "")
}

/// Reads a patch without context lines. Contents are skipped by their count, so that no content is taken for a header.
fn read_patch(patch: &mut impl BufRead) -> io::Result<HashMap<PathBuf, Lines>> {
    let mut files: HashMap<PathBuf, Lines> = HashMap::new();
    let mut current: Option<PathBuf> = None;
    let mut line = Vec::new();
    loop {
        line.clear();
        if patch.read_until(b'\n', &mut line)? == 0 {
            return Ok(files);
        }
        let text = line.strip_suffix(b"\n").unwrap_or(&line);
        if let Some(name) = text.strip_prefix(b"+++ ") {
            current = new_name(name);
        } else if let Some((removed, added, from)) = text.strip_prefix(b"@@ ").and_then(hunk) {
            for _ in 0..removed + added {
                skip_line(patch)?;
            }
            if let (Some(path), 1..) = (&current, added) {
                let range = from..=from + added - 1;
                match files.entry(path.clone()).or_insert(Lines::Ranges(Vec::new())) {
                    Lines::Ranges(ranges) => ranges.push(range),
                    Lines::All => {}
                }
            }
        }
    }
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
fn new_name(name: &[u8]) -> Option<PathBuf> {
    // A tab follows names with blanks.
    let name = name.strip_suffix(b"\t").unwrap_or(name);
    let plain = match name.strip_prefix(b"\"").and_then(|name| name.strip_suffix(b"\"")) {
        Some(quoted) => unquote(quoted),
        None => name.to_vec(),
    };
    plain.strip_prefix(b"b/").map(path)
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

/// The files that `diff --numstat -z` counts no lines of, by their old and new names: `-<tab>-<tab>name<nul>`, or two
/// names behind an empty one.
fn binaries(numstat: &[u8]) -> Vec<(PathBuf, PathBuf)> {
    let mut fields = numstat.split(|byte| *byte == 0).filter(|field| !field.is_empty());
    let mut found = Vec::new();
    while let Some(field) = fields.next() {
        let mut parts = field.splitn(3, |byte| *byte == b'\t');
        let (Some(added), Some(_), Some(name)) = (parts.next(), parts.next(), parts.next()) else {
            continue;
        };
        let (old, new) = if name.is_empty() {
            let (Some(old), Some(new)) = (fields.next(), fields.next()) else { break };
            (old, new)
        } else {
            (name, name)
        };
        if added == b"-" {
            found.push((path(old), path(new)));
        }
    }
    found
}

/// `path` as people type it: from the current folder where it lies below, else whole.
pub(super) fn from_here(path: &Path) -> PathBuf {
    let here = std::env::current_dir().and_then(std::fs::canonicalize).ok();
    let below = here.and_then(|here| path.strip_prefix(here).map(Path::to_path_buf).ok());
    below.unwrap_or_else(|| path.to_path_buf())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patches_give_the_added_lines() {
        let patch = b"diff --git a/a.txt b/a.txt\nindex 1..2 100644\n--- a/a.txt\n+++ b/a.txt\n\
            @@ -3,2 +3,2 @@ context\n---- a/fake\n-x\n+++ b/fake\n+@@ -1 +1 @@\n\
            @@ -9,0 +10 @@\n+z\n\\ No newline at end of file\n\
            diff --git a/gone b/gone\n--- a/gone\n+++ /dev/null\n@@ -1 +0,0 @@\n-x\n\
            diff --git \"a/\\303\\244 \\\"x\\\"\" \"b/\\303\\244 \\\"x\\\"\"\n--- /dev/null\n+++ \"b/\\303\\244 \\\"x\\\"\"\n@@ -0,0 +1,3 @@\n+1\n+2\n+3\n\
            +++ b/with blank\t\n@@ -1 +1 @@\n-a\n+b\n";
        let files = read_patch(&mut &patch[..]).expect("memory");
        let ranges = |path: &str| files.get(Path::new(path)).cloned();
        assert_eq!(ranges("a.txt"), Some(Lines::Ranges(vec![3..=4, 10..=10])));
        assert_eq!(ranges("ä \"x\""), Some(Lines::Ranges(vec![1..=3])));
        assert_eq!(ranges("with blank"), Some(Lines::Ranges(vec![1..=1])));
        assert_eq!(files.len(), 3, "{files:?}");
    }

    #[test]
    fn binaries_are_distinguished_from_text() {
        let counted = b"1\t2\ttext\0-\t-\tpic ture\0-\t-\t\0old\0new\x000\t0\t\0from\0to\0";
        let pair = |old, new| (PathBuf::from(old), PathBuf::from(new));
        assert_eq!(binaries(counted), [pair("pic ture", "pic ture"), pair("old", "new")]);
    }
}
