//! `.aegis.toml`: what a project says about scans of its files.
//!
//! It is looked for from the scanned path upwards to the root of its repository, and no further: what lies above belongs
//! to others. Its paths and globs are relative to its own folder, so that a scan gives the same from wherever it is
//! started.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use aegis_detect::{Confidence, Pack, Rules, Severity};
use ignore::gitignore::Gitignore;
use serde::Deserialize;
use toml::Spanned;

use super::excludes;
use crate::cli::outcome::{CliFailure, failure};
use crate::os;

/// The name of the file.
pub(super) const FILE: &str = ".aegis.toml";
/// What marks the root of a repository.
pub(super) const ROOT_MARKS: [&str; 4] = [".git", ".hg", ".svn", ".jj"];
/// Largest file that is read, in bytes.
const MAX_LEN: u64 = 1 << 20;
/// The help below errors.
const HELP: &str = "docs/scanning.md describes the file; --no-project scans without it";

/// Likeness from which a name may be meant by another, from 0 to 1.
const MIN_LIKENESS: f64 = 0.85;

/// The file as it is written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ProjectFile {
    #[serde(default)]
    exclude: Vec<Spanned<String>>,
    #[serde(default)]
    packs: Vec<Pack>,
    #[serde(default)]
    rule_files: Vec<PathBuf>,
    #[serde(default)]
    rules: BTreeMap<Spanned<String>, bool>,
    baseline: Option<PathBuf>,
    min_severity: Option<Severity>,
    min_confidence: Option<Confidence>,
}

/// What a project says about scans.
#[derive(Debug)]
pub(super) struct Project {
    /// The file itself.
    pub path: PathBuf,
    /// What is not scanned, relative to the folder of the file.
    pub exclude: Gitignore,
    /// Packs that take part.
    pub packs: Vec<Pack>,
    /// Rule files that take part.
    pub rule_files: Vec<PathBuf>,
    /// Known findings.
    pub baseline: Option<PathBuf>,
    /// Least severity that is reported.
    pub min_severity: Option<Severity>,
    /// Least confidence that is reported.
    pub min_confidence: Option<Confidence>,
    /// Rules that are on or off whatever is said besides, each with the number of its line.
    rules: Vec<(String, bool, usize)>,
}

impl Project {
    /// The project file that holds for all these paths; none when there is none.
    pub(super) fn find(paths: &[&Path]) -> Result<Option<Project>, CliFailure> {
        let mut found: Option<Option<PathBuf>> = None;
        for path in paths {
            let next = locate(path);
            match &found {
                Some(before) if *before != next => {
                    let shown = |file: &Option<PathBuf>| {
                        file.as_ref().map_or("none".to_owned(), |file| file.display().to_string())
                    };
                    let what =
                        format!("the paths have different {FILE} files: {}, {}", shown(before), shown(&next));
                    return Err(failure(what, "scan them one by one, or name one with --project FILE"));
                }
                _ => found = Some(next),
            }
        }
        let Some(path) = found.flatten() else { return Ok(None) };
        // A pipe or device that stands in a folder would be waited for; one that is named with --project may be meant.
        if let Some(kind) = os::unfit_to_reread(&path) {
            let what = format!("{}: is {kind}, and must be a file", path.display());
            return Err(failure(what, HELP));
        }
        Project::read(&path).map(Some)
    }

    /// Reads a project file.
    pub(super) fn read(path: &Path) -> Result<Project, CliFailure> {
        let shown = path.display();
        let unreadable =
            |error: &dyn std::fmt::Display| failure(format!("{shown}: cannot read: {error}"), HELP);
        let size = std::fs::metadata(path).map_err(|error| unreadable(&error))?.len();
        if size > MAX_LEN {
            return Err(unreadable(&format_args!("{size} bytes are more than {MAX_LEN}")));
        }
        let text = std::fs::read_to_string(path).map_err(|error| unreadable(&error))?;
        let line_of = |offset: usize| text[..offset.min(text.len())].matches('\n').count() + 1;
        let file: ProjectFile = toml::from_str(&text).map_err(|error| {
            let line = error.span().map_or(String::new(), |span| format!(":{}", line_of(span.start)));
            failure(format!("{shown}{line}: {}", error.message()), HELP)
        })?;
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let folder = folder.canonicalize().map_err(|error| unreadable(&error))?;
        let mut globs = Vec::new();
        for glob in &file.exclude {
            globs.push(glob.get_ref().as_str());
            excludes::check(glob.get_ref()).map_err(|what| {
                let line = line_of(glob.span().start);
                failure(format!("{shown}:{line}: exclude: {what}"), "write globs as in .gitignore")
            })?;
        }
        let exclude =
            excludes::build(&folder, globs).map_err(|what| failure(format!("{shown}: {what}"), HELP))?;
        let rules = file.rules.into_iter();
        Ok(Project {
            path: path.to_path_buf(),
            exclude,
            packs: file.packs,
            rule_files: file.rule_files.into_iter().map(|path| folder.join(path)).collect(),
            baseline: file.baseline.map(|path| folder.join(path)),
            min_severity: file.min_severity,
            min_confidence: file.min_confidence,
            rules: rules.map(|(id, is_on)| (id.get_ref().clone(), is_on, line_of(id.span().start))).collect(),
        })
    }

    /// The rules that the file turns on or off; a name that no rule has is an error.
    pub(super) fn switches<'a>(
        &'a self,
        rules: &'a Rules,
    ) -> impl Iterator<Item = Result<(aegis_detect::RuleIndex, bool), CliFailure>> + 'a {
        self.rules.iter().map(|(id, is_on, line)| {
            let index = rules.find(id).ok_or_else(|| {
                let what = format!("{}:{line}: there is no rule `{id}`", self.path.display());
                failure(what, &unknown_rule(rules, id))
            })?;
            Ok((index, *is_on))
        })
    }
}

/// What to do about a name that no rule has.
pub(super) fn unknown_rule(rules: &Rules, id: &str) -> String {
    let list = "`aegis-gateway rules list` names them all; those of a pack need the pack";
    match nearest_rule(rules, id) {
        Some(name) => format!("did you mean `{name}`? {list}"),
        None => list.to_owned(),
    }
}

/// The rule whose name is most like `id`, if it is like enough.
pub(super) fn nearest_rule(rules: &Rules, id: &str) -> Option<String> {
    let id = id.to_ascii_lowercase().replace('_', "-");
    let likeness = |rule: &str| strsim::jaro_winkler(rule, &id);
    let alike = rules.iter().map(|(_, rule)| rule.id.as_str());
    let alike = alike.max_by(|a, b| likeness(a).total_cmp(&likeness(b)));
    alike.filter(|name| likeness(name) > MIN_LIKENESS).map(str::to_owned)
}

/// The file that holds for a path: in its folder, or above it as far as the repository reaches. Outside of a repository
/// only in the folder itself.
fn locate(path: &Path) -> Option<PathBuf> {
    let real = path.canonicalize().ok()?;
    let start = if real.is_dir() { real.as_path() } else { real.parent()? };
    let is_root = |folder: &&Path| ROOT_MARKS.iter().any(|mark| folder.join(mark).exists());
    let last = start.ancestors().find(is_root).unwrap_or(start);
    let mut folders = start.ancestors().take_while(|folder| folder.starts_with(last));
    // Whatever has the name is meant: what cannot be read is an error, and not passed over.
    folders.find_map(|folder| Some(folder.join(FILE)).filter(|file| file.symlink_metadata().is_ok()))
}
