//! `--since`: what changed since a revision, in the folder and in what is staged.

use std::collections::{BTreeMap, HashSet};
use std::fs::{File, Metadata};
use std::path::{Path, PathBuf};

use super::patch::{OPTIONS, Patch};
use super::repository::{Repository, unreadable};
use super::staged;
use crate::cli::outcome::CliFailure;
use crate::cli::scan::lines::{self, LineSelection};
use crate::cli::scan::source::{Blob, Change, FileVersion, Source};

/// The files that have lines which `revision` (or where it and the present parted) has not, in the order of their
/// names, and behind a file the lines that only its staged version has.
///
/// Files that git does not know yet count whole, those it ignores do not count. `paths` restrict; none is everything.
pub(in crate::cli::scan) fn changes(revision: &str, paths: &[PathBuf]) -> Result<Vec<Change>, CliFailure> {
    let repository = Repository::of(paths, "--since")?;
    let base = base(&repository, revision)?;
    let mut lines_of = in_folder(&repository, &base)?;
    let untracked = repository.list(&["ls-files", "--others", "--exclude-standard", "--full-name", "-z"])?;
    lines_of.extend(untracked.into_iter().map(|path| (path, LineSelection::All)));
    let mut changes: Vec<Change> = lines_of
        .into_iter()
        .map(|(path, lines)| {
            let path = repository.top.join(path);
            let is_link = path.symlink_metadata().is_ok_and(|data| data.is_symlink());
            let source = if is_link { Source::Link } else { Source::File };
            Change { path: path.clone(), version: None, source: source(path, lines) }
        })
        .collect();
    changes.extend(only_staged(&repository, &base)?);
    changes.sort_by(|a, b| (&a.path, a.version.is_some()).cmp(&(&b.path, b.version.is_some())));
    Ok(changes)
}

/// The commit to compare with: where `revision` and the present parted, so that work of others does not count.
fn base(repository: &Repository, revision: &str) -> Result<String, CliFailure> {
    let found = repository.commit(revision)?;
    let parted = repository.run(&["merge-base", &found, "HEAD"]);
    Ok(parted.map_or(found, |base| String::from_utf8_lossy(base.trim_ascii_end()).into_owned()))
}

/// The new lines of the files in the folder that git knows.
fn in_folder(repository: &Repository, base: &str) -> Result<BTreeMap<PathBuf, LineSelection>, CliFailure> {
    let mut changed = BTreeMap::new();
    let mut keep = |patch: Patch| {
        for file in patch.files.into_iter().filter(|file| file.has_text) {
            // Git shows no lines of what it takes for binary, UTF-16 among them.
            let lines = file.lines.unwrap_or_else(|| {
                compare_with_folder(&repository.blob(&file.old), &repository.top.join(&file.path))
            });
            changed.insert(file.path, lines);
        }
        Ok(())
    };
    let arguments = [&["diff"], OPTIONS, &[base]].concat();
    repository.patches(&arguments, &mut keep).map_err(unreadable)?;
    Ok(changed)
}

/// The lines that are staged and that neither `base` nor the file in the folder has: those would be committed unseen.
fn only_staged(repository: &Repository, base: &str) -> Result<Vec<Change>, CliFailure> {
    let differ = repository.list(&["diff", "--name-only", "--no-renames", "--no-relative", "-z"])?;
    let differ: HashSet<PathBuf> = differ.into_iter().collect();
    let mut changes = Vec::new();
    for file in staged::files(repository, Some(base))?.into_iter().filter(|file| differ.contains(&file.path))
    {
        let path = repository.top.join(&file.path);
        let new = file.lines.unwrap_or_else(|| repository.compare(&file.old, &file.new));
        let blob = repository.blob(&file.new);
        let lines = new.both(&not_in_folder(&blob, &path));
        if !lines.is_empty() {
            let version = Some(FileVersion::Staged);
            changes.push(Change { path, version, source: Source::Blob(blob, lines) });
        }
    }
    Ok(changes)
}

/// The file at `path`, if it is one that can be read.
fn open(path: &Path) -> Option<File> {
    path.symlink_metadata().ok().filter(Metadata::is_file).and_then(|_| File::open(path).ok())
}

/// The lines of the file at `path` that `old` has not; all when that is not there, or one is no text.
fn compare_with_folder(old: &Blob, path: &Path) -> LineSelection {
    // Links, submodules, and what cannot be read are the business of those who read the files.
    let Some(mut now) = open(path) else { return LineSelection::All };
    let then = old.open();
    then.and_then(|mut then| lines::added(&mut then, &mut now)).unwrap_or(LineSelection::All)
}

/// The lines of `staged` that the file at `path` has not; all when there is none.
fn not_in_folder(staged: &Blob, path: &Path) -> LineSelection {
    let Some(mut now) = open(path) else { return LineSelection::All };
    staged.open().and_then(|mut staged| lines::added(&mut now, &mut staged)).unwrap_or(LineSelection::All)
}
