//! Where the findings are written: standard output, or a file that is there whole or not at all.

use std::fs::File;
use std::io::{self, BufWriter, Stdout, Write};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use crate::cli::outcome::{CliFailure, failure};

/// Where the findings are written.
pub(super) enum ReportOutput {
    /// Standard output.
    Stdout(BufWriter<Stdout>),
    /// A device or a pipe that has the name of a file.
    Device(BufWriter<File>, PathBuf),
    /// A file beside the one that is asked for, which takes its place at the end.
    File(BufWriter<NamedTempFile>, PathBuf),
}

impl ReportOutput {
    /// Opens the file, or standard output without one.
    pub(super) fn open(path: Option<&Path>) -> Result<Self, CliFailure> {
        let Some(path) = path else { return Ok(Self::Stdout(BufWriter::new(io::stdout()))) };
        let kind = std::fs::metadata(path).map(|data| data.file_type());
        if kind.as_ref().is_ok_and(std::fs::FileType::is_dir) {
            return Err(cannot_write(path, &"is a folder"));
        }
        if kind.is_ok_and(|kind| !kind.is_file()) {
            let device =
                File::options().write(true).open(path).map_err(|error| cannot_write(path, &error))?;
            return Ok(Self::Device(BufWriter::new(device), path.to_path_buf()));
        }
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let file = NamedTempFile::new_in(folder).map_err(|error| {
            // It names the file that was to be made beside the one that is asked for.
            let text = error.to_string();
            cannot_write(path, &text.split(" at path ").next().unwrap_or(&text))
        })?;
        Ok(Self::File(BufWriter::new(file), path.to_path_buf()))
    }

    /// Puts the file in its place.
    pub(super) fn keep(self) -> Result<(), CliFailure> {
        match self {
            Self::Stdout(_) => Ok(()),
            Self::Device(mut out, path) => out.flush().map_err(|error| cannot_write(&path, &error)),
            Self::File(out, path) => {
                let file = out.into_inner().map_err(|error| cannot_write(&path, error.error()))?;
                file.persist(&path).map(|_| ()).map_err(|error| cannot_write(&path, &error.error))
            }
        }
    }
}

impl Write for ReportOutput {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Stdout(out) => out.write(bytes),
            Self::Device(out, _) => out.write(bytes),
            Self::File(out, _) => out.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Stdout(out) => out.flush(),
            Self::Device(out, _) => out.flush(),
            Self::File(out, _) => out.flush(),
        }
    }
}

fn cannot_write(path: &Path, error: &dyn std::fmt::Display) -> CliFailure {
    failure(
        format!("{}: cannot write the findings: {error}", path.display()),
        "--output takes the name of a file",
    )
}
