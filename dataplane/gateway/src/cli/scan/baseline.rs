//! Baseline files: the findings that are known already, without the secrets.
//!
//! An entry is a rule, a path and a salted hash of the secret. Lines are not part of it, so code may move. The salt is
//! random and one per file; a short password could still be guessed from its hash, so a baseline belongs where the
//! scanned files are, and nowhere else.

use std::collections::BTreeSet;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use aegis_detect::Rule;
use serde::Deserialize;
use sha2::{Digest, Sha256};

use super::finding::LocatedFinding;
use crate::cli::outcome::{CliFailure, failure};
use crate::hex::HEXLOWER;

/// The format of the file.
const VERSION: u32 = 1;
/// Bytes of salt.
const SALT: usize = 16;
/// Bytes of a hash that are kept; chance meets one of them never.
const HASH: usize = 16;

/// Says what the rest of the file is.
#[derive(Deserialize)]
struct BaselineVersion {
    version: u32,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct BaselineFile {
    #[serde(rename = "version")]
    _version: u32,
    /// The salt; under that name scanners would take it for a secret.
    mix: String,
    findings: Vec<BaselineEntry>,
}

/// A known finding.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(deny_unknown_fields)]
struct BaselineEntry {
    path: String,
    rule: String,
    hash: String,
}

impl BaselineEntry {
    /// The entry as a line; the hash before the name of the rule, behind which it would look like a service's key.
    fn line(&self) -> String {
        let BaselineEntry { path, rule, hash } = self;
        let (path, rule) = (serde_json::Value::from(path.as_str()), serde_json::Value::from(rule.as_str()));
        format!("{{\"hash\":\"{hash}\",\"path\":{path},\"rule\":{rule}}}")
    }
}

/// Known findings, or those of this run on their way to a file.
pub(super) struct Baseline {
    salt: String,
    /// Paths are relative to this: the folder of the file.
    folder: PathBuf,
    entries: BTreeSet<BaselineEntry>,
}

impl Baseline {
    /// Reads a baseline file.
    pub(super) fn read(path: &Path) -> Result<Baseline, CliFailure> {
        let shown = path.display();
        let help = "--write-baseline makes such a file";
        let text = fs::read_to_string(path)
            .map_err(|error| failure(format!("{shown}: cannot read the baseline: {error}"), help))?;
        let none = |error| failure(format!("{shown}: not a baseline: {error}"), help);
        // First of all: another version may have other fields.
        let BaselineVersion { version } = serde_json::from_str(&text).map_err(none)?;
        if version != VERSION {
            let what =
                format!("{shown}: a baseline of version {version}; this program reads version {VERSION}");
            return Err(failure(what, help));
        }
        let file: BaselineFile = serde_json::from_str(&text).map_err(none)?;
        let entries = file.findings.into_iter().collect();
        Ok(Baseline { salt: file.mix, folder: folder_of(path)?, entries })
    }

    /// An empty baseline that will be written to `path`.
    pub(super) fn new(path: &Path) -> Result<Baseline, CliFailure> {
        if path.is_dir() {
            let what = format!("{}: cannot write the baseline: is a folder", path.display());
            return Err(failure(what, "give the name of a file"));
        }
        let mut salt = [0; SALT];
        getrandom::fill(&mut salt).map_err(|error| failure(format!("no random numbers: {error}"), ""))?;
        Ok(Baseline { salt: HEXLOWER.encode(&salt), folder: folder_of(path)?, entries: BTreeSet::new() })
    }

    /// Whether the finding is known.
    pub(super) fn is_known(&self, path: &Path, rule: &Rule, finding: &LocatedFinding) -> bool {
        self.entries.contains(&self.entry(path, rule, finding))
    }

    /// Adds a finding.
    pub(super) fn add(&mut self, path: &Path, rule: &Rule, finding: &LocatedFinding) {
        let entry = self.entry(path, rule, finding);
        self.entries.insert(entry);
    }

    fn entry(&self, path: &Path, rule: &Rule, finding: &LocatedFinding) -> BaselineEntry {
        let mut hash = Sha256::new();
        hash.update(self.salt.as_bytes());
        hash.update([0]);
        hash.update(&*finding.secret);
        let hash = HEXLOWER.encode(&hash.finalize()[..HASH]);
        BaselineEntry { path: self.relative_path(path), rule: rule.id.clone(), hash }
    }

    /// The same file has the same name from whichever folder the scan was started.
    fn relative_path(&self, path: &Path) -> String {
        let real = fs::canonicalize(path).or_else(|_| std::path::absolute(path));
        let real = real.unwrap_or_else(|_| path.to_path_buf());
        real.strip_prefix(&self.folder).unwrap_or(&real).display().to_string()
    }

    /// Writes the file, one entry a line so that changes read well; how many entries there are.
    pub(super) fn write(&self, path: &Path) -> Result<usize, CliFailure> {
        let lines: Vec<String> = self.entries.iter().map(BaselineEntry::line).collect();
        let text = format!(
            "{{\"version\":{VERSION},\"mix\":\"{}\",\"findings\":[\n{}\n]}}\n",
            self.salt,
            lines.join(",\n")
        );
        // A reader finds the old file or the new one, never a part.
        let mut name = path.file_name().unwrap_or_default().to_os_string();
        name.push(format!(".{}.tmp", std::process::id()));
        let beside = path.with_file_name(name);
        let written = fs::File::create(&beside)
            .and_then(|mut file| file.write_all(text.as_bytes()))
            .and_then(|()| fs::rename(&beside, path));
        if let Err(error) = written {
            let _ = fs::remove_file(&beside);
            return Err(failure(format!("{}: cannot write the baseline: {error}", path.display()), ""));
        }
        Ok(lines.len())
    }
}

fn folder_of(path: &Path) -> Result<PathBuf, CliFailure> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    fs::canonicalize(folder).map_err(|error| {
        let what = format!("{}: no place for a baseline: {}: {error}", path.display(), folder.display());
        failure(what, "make the folder first, or name another")
    })
}
