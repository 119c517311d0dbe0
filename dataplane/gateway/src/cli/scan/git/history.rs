//! `--history`: the lines that each commit adds. A secret that a later commit removes is published all the same.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::patch::{COMMIT_FORMAT, FileChange, OPTIONS, Patch};
use super::repository::Repository;
use crate::cli::outcome::{CliFailure, failure};
use crate::cli::scan::lines::LineSelection;
use crate::cli::scan::reader::{Stopped, Unwanted};
use crate::cli::scan::source::{Change, FileVersion, Source};

/// The commits that led to the present.
#[derive(Debug)]
pub(in crate::cli::scan) struct CommitHistory {
    repository: Repository,
    /// What git is asked for: `HEAD`, and what is left out.
    range: Vec<String>,
}

/// What the patches of one commit, one for each parent, have in common so far.
struct Merge {
    patches: usize,
    /// Files by path, the lines that all patches add, and how many patches name the file.
    files: BTreeMap<PathBuf, (FileChange, LineSelection, usize)>,
    commit: String,
}

impl CommitHistory {
    /// All commits that led to the present, or those that `since` has not.
    pub(in crate::cli::scan) fn new(since: Option<&str>, paths: &[PathBuf]) -> Result<Self, CliFailure> {
        let repository = Repository::of(paths, "--history")?;
        let head = repository
            .commit("HEAD")
            .map_err(|_| failure(format!("{} has no commit yet", repository.top.display()), ""))?;
        let mut range = vec![head];
        if let Some(revision) = since {
            range.push(format!("^{}", repository.commit(revision)?));
        }
        Ok(CommitHistory { repository, range })
    }

    /// Hands each version of a file with new lines to `take`, the oldest commit first.
    pub(in crate::cli::scan) fn each(
        &self,
        take: &mut dyn FnMut(Change) -> Result<(), Unwanted>,
    ) -> Result<(), Stopped> {
        let mut arguments = vec!["log", "--reverse", "-m", "--no-notes", COMMIT_FORMAT];
        arguments.extend(OPTIONS);
        arguments.extend(self.range.iter().map(String::as_str));
        let mut merge = Merge { patches: 0, files: BTreeMap::new(), commit: String::new() };
        let mut each = |patch: Patch| {
            if patch.parents > 1 {
                return Ok(self.merge(&mut merge, patch, take)?);
            }
            let Patch { commit, files, .. } = patch;
            files.into_iter().try_for_each(|file| {
                let lines = self.lines(&file);
                Ok(self.hand(&commit, &file, lines, take)?)
            })
        };
        self.repository.patches(&arguments, &mut each)
    }

    /// Joins the patches of a merge: what stood in one of its parents is that one's, and was shown there.
    fn merge(
        &self,
        merge: &mut Merge,
        patch: Patch,
        take: &mut dyn FnMut(Change) -> Result<(), Unwanted>,
    ) -> Result<(), Unwanted> {
        if merge.commit != patch.commit {
            *merge = Merge { patches: 0, files: BTreeMap::new(), commit: patch.commit };
        }
        merge.patches += 1;
        for file in patch.files {
            let lines = self.lines(&file);
            match merge.files.get_mut(&file.path) {
                Some((_, common, count)) => {
                    *common = common.both(&lines);
                    *count += 1;
                }
                None => {
                    merge.files.insert(file.path.clone(), (file, lines, 1));
                }
            }
        }
        if merge.patches < patch.parents {
            return Ok(());
        }
        let files = std::mem::take(&mut merge.files);
        let new = files.into_values().filter(|(_, _, count)| *count == patch.parents);
        new.into_iter().try_for_each(|(file, lines, _)| self.hand(&merge.commit, &file, lines, take))
    }

    /// The lines of a file that are new.
    fn lines(&self, file: &FileChange) -> LineSelection {
        match &file.lines {
            Some(lines) => lines.clone(),
            None if !file.has_text || file.old == file.new => LineSelection::Ranges(Vec::new()),
            None => self.repository.compare(&file.old, &file.new),
        }
    }

    fn hand(
        &self,
        commit: &str,
        file: &FileChange,
        lines: LineSelection,
        take: &mut dyn FnMut(Change) -> Result<(), Unwanted>,
    ) -> Result<(), Unwanted> {
        if !file.has_text || lines.is_empty() {
            return Ok(());
        }
        take(Change {
            path: self.repository.top.join(&file.path),
            version: Some(FileVersion::Commit(commit.to_owned())),
            source: Source::Blob(self.repository.blob(&file.new), lines),
        })
    }
}
