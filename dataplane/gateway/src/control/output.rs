//! A file that grows by lines and never loses one: what could not be written waits.
//!
//! Used for audit and access log. A failed write keeps the rest and is tried again with the next batch; a half-written line
//! is completed, not repeated.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use crate::clock;

/// Where lines go.
#[derive(Debug)]
enum Target {
    File { path: PathBuf, file: File, size: u64 },
    Stdout,
    Stderr,
}

/// A growing log.
#[derive(Debug)]
pub struct Output {
    target: Target,
    waiting: Vec<u8>,
    written: usize,
    /// Size at which a file is set aside; 0 is never.
    rotate_size: u64,
}

impl Output {
    /// Opens `path` for appending, readable for its owner only.
    pub fn file(path: &Path, rotate_size: u64) -> io::Result<Output> {
        let (file, size) = open(path)?;
        Ok(Output {
            target: Target::File { path: path.to_path_buf(), file, size },
            waiting: Vec::new(),
            written: 0,
            rotate_size,
        })
    }

    /// Standard output.
    pub fn stdout() -> Output {
        Output { target: Target::Stdout, waiting: Vec::new(), written: 0, rotate_size: 0 }
    }

    /// Standard error.
    pub fn stderr() -> Output {
        Output { target: Target::Stderr, ..Output::stdout() }
    }

    /// The lines that wait to be written; add whole lines.
    pub fn lines(&mut self) -> &mut Vec<u8> {
        &mut self.waiting
    }

    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Writes what waits. On failure the rest waits on.
    pub fn flush(&mut self) -> io::Result<()> {
        while self.written < self.waiting.len() {
            let rest = &self.waiting[self.written..];
            let count = match &mut self.target {
                Target::File { file, .. } => file.write(rest),
                Target::Stdout => io::stdout().write(rest),
                Target::Stderr => io::stderr().write(rest),
            };
            match count {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(count) => {
                    self.written += count;
                    if let Target::File { size, .. } = &mut self.target {
                        *size += count as u64;
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        self.waiting.clear();
        self.written = 0;
        if matches!(self.target, Target::Stdout) { io::stdout().flush() } else { Ok(()) }
    }

    /// Forces what was written to the disk.
    pub fn sync(&mut self) -> io::Result<()> {
        match &self.target {
            Target::File { file, .. } => file.sync_data(),
            Target::Stdout | Target::Stderr => Ok(()),
        }
    }

    /// Sets a file that has reached its size aside, under its name with the time put in, and begins a new one. Only between
    /// lines.
    pub fn rotate_if_full(&mut self) -> io::Result<bool> {
        let Target::File { path, file, size } = &mut self.target else { return Ok(false) };
        if self.rotate_size == 0 || *size < self.rotate_size || !self.waiting.is_empty() {
            return Ok(false);
        }
        file.sync_all()?;
        let aside = set_aside_name(path, SystemTime::now());
        fs::rename(&*path, &aside)?;
        (*file, *size) = open(path)?;
        Ok(true)
    }

    /// Opens the file anew, in case somebody has moved it away. Only between lines.
    pub fn reopen(&mut self) -> io::Result<()> {
        if let Target::File { path, file, size } = &mut self.target
            && self.written == 0
        {
            (*file, *size) = open(path)?;
        }
        Ok(())
    }
}

fn open(path: &Path) -> io::Result<(File, u64)> {
    let file = OpenOptions::new().append(true).create(true).mode(0o600).open(path)?;
    let size = file.metadata()?.len();
    Ok((file, size))
}

/// `audit.jsonl` set aside at noon is `audit.20260131T120000.000000Z.jsonl`.
fn set_aside_name(path: &Path, time: SystemTime) -> PathBuf {
    let stamp = clock::rfc3339(time).replace(['-', ':'], "");
    match path.extension().and_then(|ending| ending.to_str()) {
        Some(ending) => path.with_extension(format!("{stamp}.{ending}")),
        None => path.with_extension(stamp),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::MetadataExt;

    #[test]
    fn lines_are_appended_to_a_private_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.jsonl");
        for line in ["one\n", "two\n"] {
            let mut output = Output::file(&path, 0).unwrap();
            output.lines().extend_from_slice(line.as_bytes());
            output.flush().unwrap();
            output.sync().unwrap();
        }
        assert_eq!(fs::read_to_string(&path).unwrap(), "one\ntwo\n");
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
    }

    #[test]
    fn what_cannot_be_written_waits() {
        let mut output = Output::file(Path::new("/dev/full"), 0).unwrap();
        output.lines().extend_from_slice(b"kept\n");
        assert!(output.flush().is_err() && output.flush().is_err());
        assert!(!output.is_empty());
        assert_eq!(output.lines().as_slice(), b"kept\n");
    }

    #[test]
    fn a_full_file_is_set_aside_and_nothing_is_lost() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.jsonl");
        let mut output = Output::file(&path, 8).unwrap();
        for line in ["1234567", "8", "9"] {
            output.lines().extend_from_slice(line.as_bytes());
            output.flush().unwrap();
            output.rotate_if_full().unwrap();
        }
        assert_eq!(fs::read_to_string(&path).unwrap(), "9");
        let aside: Vec<_> =
            fs::read_dir(folder.path()).unwrap().map(|e| e.unwrap().path()).filter(|p| *p != path).collect();
        assert_eq!(aside.len(), 1);
        assert_eq!(fs::read_to_string(&aside[0]).unwrap(), "12345678");
    }

    #[test]
    fn a_moved_file_is_begun_anew_on_request() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.log");
        let mut output = Output::file(&path, 0).unwrap();
        fs::rename(&path, folder.path().join("a.log.1")).unwrap();
        output.reopen().unwrap();
        output.lines().extend_from_slice(b"new\n");
        output.flush().unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "new\n");
    }

    #[test]
    fn names_set_aside_sort_by_time() {
        let name = set_aside_name(Path::new("/s/audit.jsonl"), SystemTime::UNIX_EPOCH);
        assert_eq!(name, Path::new("/s/audit.19700101T000000.000000Z.jsonl"));
        assert_eq!(
            set_aside_name(Path::new("log"), SystemTime::UNIX_EPOCH),
            Path::new("log.19700101T000000.000000Z")
        );
    }
}
