//! What is scanned: standard input, a file, or a version of a file that git keeps.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Stdio};

use super::git_command::git;
use super::lines::LineSelection;
use crate::cli::terminal;

/// Where text comes from, and which of its lines count.
#[derive(Debug, Clone)]
pub(super) enum Source {
    /// Standard input.
    Input,
    /// A file.
    File(PathBuf, LineSelection),
    /// The target of a link, which git keeps as it keeps a file's text.
    Link(PathBuf, LineSelection),
    /// A version of a file that git keeps.
    Blob(Blob, LineSelection),
}

/// An object of a repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Blob {
    /// A folder of the repository.
    pub repository: PathBuf,
    /// The object's name.
    pub id: String,
}

/// Which version of a file was scanned, when it is not the one in the folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum FileVersion {
    /// What the next commit would hold.
    Staged,
    /// What this commit holds.
    Commit(String),
}

/// What a source is called in reports.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct SourceName {
    /// The file.
    pub path: PathBuf,
    /// Its version, if that is not the one in the folder.
    pub version: Option<FileVersion>,
}

/// A version of a file and its new lines, as git reports them.
#[derive(Debug, Clone)]
pub(super) struct Change {
    /// The file's path, absolute and without links.
    pub path: PathBuf,
    /// Its version, if that is not the one in the folder.
    pub version: Option<FileVersion>,
    /// Where its text is, and which lines are new.
    pub source: Source,
}

/// Digits of a commit's name that people see.
const SHORT_COMMIT: usize = 12;

impl SourceName {
    /// The name of a file in its folder, or of standard input.
    pub(super) fn of(path: impl Into<PathBuf>) -> Self {
        SourceName { path: path.into(), version: None }
    }

    /// The name as a terminal may show it.
    pub(super) fn printable(&self) -> String {
        let path = printable(&self.path);
        match &self.version {
            None => path,
            Some(FileVersion::Staged) => format!("{path} (staged)"),
            Some(FileVersion::Commit(id)) => {
                format!("{path} (commit {})", id.get(..SHORT_COMMIT).unwrap_or(id))
            }
        }
    }

    /// Adds the version to a finding in JSON.
    pub(super) fn describe(&self, found: &mut serde_json::Map<String, serde_json::Value>) {
        match &self.version {
            None => {}
            Some(FileVersion::Staged) => {
                found.insert("staged".to_owned(), true.into());
            }
            Some(FileVersion::Commit(id)) => {
                found.insert("commit".to_owned(), id.as_str().into());
            }
        }
    }
}

impl Source {
    /// The lines that count.
    pub(super) fn lines(&self) -> LineSelection {
        match self {
            Source::Input => LineSelection::All,
            Source::File(_, lines) | Source::Link(_, lines) | Source::Blob(_, lines) => lines.clone(),
        }
    }

    /// Opens it for reading.
    pub(super) fn open(&self) -> io::Result<Box<dyn Read>> {
        Ok(match self {
            Source::Input => Box::new(io::stdin().lock()),
            Source::File(path, _) => Box::new(open_file(path)?),
            Source::Link(path, _) => {
                Box::new(io::Cursor::new(std::fs::read_link(path)?.into_os_string().into_vec()))
            }
            Source::Blob(blob, _) => Box::new(blob.open()?),
        })
    }
}

fn open_file(path: &Path) -> io::Result<File> {
    let file = File::open(path)?;
    // Reading a folder fails with words that say less.
    if file.metadata()?.is_dir() {
        return Err(io::Error::new(io::ErrorKind::IsADirectory, "is a folder"));
    }
    Ok(file)
}

impl Blob {
    /// Opens the object for reading. That git does not have it is reported at the end.
    pub(super) fn open(&self) -> io::Result<impl Read + use<>> {
        let mut child = git(&self.repository)
            .args(["cat-file", "blob", &self.id])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()?;
        let text = child.stdout.take().ok_or(io::ErrorKind::BrokenPipe)?;
        Ok(BlobReader { text, child })
    }
}

/// Reads what git prints of an object.
struct BlobReader {
    text: ChildStdout,
    child: Child,
}

impl Read for BlobReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.text.read(buffer)?;
        if read == 0 && !buffer.is_empty() && !self.child.wait()?.success() {
            return Err(io::Error::new(io::ErrorKind::NotFound, "git cannot read this version"));
        }
        Ok(read)
    }
}

impl Drop for BlobReader {
    fn drop(&mut self) {
        // Who stops early wants no more of it; after the end this finds nobody.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A path as a terminal may show it: what would move the cursor or feign a line is escaped.
pub(super) fn printable(path: &Path) -> String {
    terminal::printable(&path.to_string_lossy())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_do_not_move_the_cursor() {
        assert_eq!(printable(Path::new("a b/ä.txt")), "a b/ä.txt");
        assert_eq!(printable(Path::new("x\nerror: \u{1b}[2J\u{9b}1m")), "x\\nerror: \\u{1b}[2J\\u{9b}1m");
    }
}
