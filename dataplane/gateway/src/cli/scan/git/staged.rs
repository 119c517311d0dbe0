//! `--staged`: the lines that the next commit adds, in the version that it would hold.

use std::path::PathBuf;

use super::patch::{FileChange, OPTIONS};
use super::repository::{Repository, unreadable};
use crate::cli::outcome::CliFailure;
use crate::cli::scan::source::{Change, FileVersion, Source};

/// The lines that are staged, in the order of the files' names. A repository without a commit stages all it has.
pub(in crate::cli::scan) fn staged(paths: &[PathBuf]) -> Result<Vec<Change>, CliFailure> {
    let repository = Repository::of(paths, "--staged")?;
    let mut changes: Vec<Change> = files(&repository, None)?
        .into_iter()
        .map(|file| {
            let lines = file.lines.clone().unwrap_or_else(|| repository.compare(&file.old, &file.new));
            Change {
                path: repository.top.join(&file.path),
                version: Some(FileVersion::Staged),
                source: Source::Blob(repository.blob(&file.new), lines),
            }
        })
        .collect();
    changes.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(changes)
}

/// The files whose staged version differs from that of `base`, or of the last commit.
pub(super) fn files(repository: &Repository, base: Option<&str>) -> Result<Vec<FileChange>, CliFailure> {
    // Neither what is gone nor what two branches left unmerged has a staged version.
    let mut arguments = [&["diff", "--cached", "--diff-filter=ACMRT"], OPTIONS].concat();
    arguments.extend(base);
    let mut files = Vec::new();
    let mut keep = |patch: super::patch::Patch| {
        files.extend(patch.files.into_iter().filter(|file| file.has_text && file.old != file.new));
        Ok(())
    };
    repository.patches(&arguments, &mut keep).map_err(unreadable)?;
    Ok(files)
}
