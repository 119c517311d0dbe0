//! A log that grows by lines and never loses one: what could not be written waits.
//!
//! Used for audit and access log. A failed write keeps the rest and is tried again with the next batch; into a pipe or
//! a device a half-written line is completed, not repeated.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::log_file::{self, LogFile, Readers};
use crate::clock;
use crate::shared_pipe::StandardStream;

/// Where lines go.
#[derive(Debug)]
enum OutputTarget {
    File(LogFile),
    Standard(StandardStream),
}

/// A growing log.
#[derive(Debug)]
pub struct Output {
    target: OutputTarget,
    waiting: Vec<u8>,
    written: usize,
    /// Size at which a file is set aside; 0 is never.
    rotate_size: u64,
    /// The file was set aside for good: what now has its name is another gateway's.
    is_aside: bool,
}

impl Output {
    /// Opens `path` for appending, readable for `readers` only: it, and what was set aside of it before.
    pub fn file(path: &Path, rotate_size: u64, readers: Readers) -> io::Result<Output> {
        let file = LogFile::open(path, readers)?;
        if let (Some(folder), true) = (path.parent(), rotate_size > 0) {
            let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
            log_file::keep_all_private(folder, readers, |name| was_set_aside(path, name))?;
        }
        Ok(Output { rotate_size, ..Output::to(OutputTarget::File(file)) })
    }

    /// Standard output.
    pub fn stdout() -> io::Result<Output> {
        Ok(Output::to(OutputTarget::Standard(StandardStream::output()?)))
    }

    /// Standard error.
    pub fn stderr() -> io::Result<Output> {
        Ok(Output::to(OutputTarget::Standard(StandardStream::error()?)))
    }

    fn to(target: OutputTarget) -> Output {
        Output { target, waiting: Vec::new(), written: 0, rotate_size: 0, is_aside: false }
    }

    /// The lines that wait to be written; add whole lines.
    pub fn lines(&mut self) -> &mut Vec<u8> {
        &mut self.waiting
    }

    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Writes what waits, or the first of it where a pipe takes a few lines at a time. Returns how many lines have their end
    /// written with that. On failure the rest waits on.
    pub fn write_some(&mut self) -> (usize, io::Result<()>) {
        let rest = &self.waiting[self.written..];
        let (count, result) = match &mut self.target {
            OutputTarget::File(file) => file.append(rest),
            OutputTarget::Standard(stream) => stream.append(rest),
        };
        let lines = memchr::memchr_iter(b'\n', &rest[..count]).count();
        self.written += count;
        if self.written == self.waiting.len() {
            self.waiting.clear();
            self.written = 0;
        }
        (lines, result)
    }

    /// Begins the file anew when it was deleted: what is written to it now would be gone with it.
    pub fn replace_if_deleted(&mut self) -> io::Result<()> {
        let OutputTarget::File(file) = &mut self.target else { return Ok(()) };
        if !file.is_deleted()? {
            return Ok(());
        }
        let shown = file.path().display().to_string();
        self.begin_anew().map_err(|error| {
            let what = format!("{shown} was deleted, and cannot be made anew: {error}");
            io::Error::new(error.kind(), what)
        })?;
        tracing::error!(file = shown, "a log was deleted while it was written; it is begun anew");
        Ok(())
    }

    /// Gives up what waits, but for the rest of a line that is half written: without it the next line would stick to
    /// it. Returns the number of lines given up.
    pub fn discard_waiting(&mut self) -> usize {
        let whole = self.whole_lines();
        let half = if whole == self.written {
            whole
        } else {
            let rest = &self.waiting[self.written..];
            memchr::memchr(b'\n', rest).map_or(self.waiting.len(), |end| self.written + end + 1)
        };
        let lost = memchr::memchr_iter(b'\n', &self.waiting[half..]).count();
        self.waiting.truncate(half);
        self.waiting.drain(..self.written);
        self.written = 0;
        lost
    }

    /// How many of the written bytes are whole lines.
    fn whole_lines(&self) -> usize {
        memchr::memrchr(b'\n', &self.waiting[..self.written]).map_or(0, |end| end + 1)
    }

    /// Forces what was written to the disk.
    pub fn sync(&mut self) -> io::Result<()> {
        match &self.target {
            OutputTarget::File(file) => file.sync(),
            OutputTarget::Standard(_) => Ok(()),
        }
    }

    /// Sets a file that has reached its size aside, under its name with the time put in, and begins a new one. Only
    /// between lines.
    pub fn rotate_if_full(&mut self) -> io::Result<bool> {
        let OutputTarget::File(file) = &mut self.target else { return Ok(false) };
        let is_due = self.rotate_size > 0 && file.size() >= self.rotate_size;
        if !is_due || self.is_aside || !self.waiting.is_empty() {
            return Ok(false);
        }
        file.sync()?;
        set_aside(file)?;
        file.reopen()?;
        Ok(true)
    }

    /// Sets a file aside and goes on writing there, for good: what has its name from now on is another gateway's.
    pub fn set_aside(&mut self) -> io::Result<()> {
        if let OutputTarget::File(file) = &self.target
            && file.is_regular()
            && !self.is_aside
        {
            set_aside(file)?;
            self.is_aside = true;
        }
        Ok(())
    }

    /// Begins a file in the place of the one that was set aside.
    pub fn reclaim(&mut self) -> io::Result<()> {
        self.begin_anew()?;
        self.is_aside = false;
        Ok(())
    }

    /// Opens the file anew, in case somebody has moved it away. One that was set aside for good stays.
    pub fn reopen(&mut self) -> io::Result<()> {
        if self.is_aside { Ok(()) } else { self.begin_anew() }
    }

    /// Opens what has the name now. A line that is half written is written whole there.
    fn begin_anew(&mut self) -> io::Result<()> {
        if let OutputTarget::File(file) = &mut self.target {
            file.reopen()?;
            let whole = self.whole_lines();
            self.waiting.drain(..whole);
            self.written = 0;
        }
        Ok(())
    }
}

/// Gives the file its name for later. No error when it has been moved away: by somebody else, or by an attempt that then
/// could not open a new file.
fn set_aside(file: &LogFile) -> io::Result<()> {
    match fs::rename(file.path(), set_aside_name(file.path(), SystemTime::now())) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        renamed => renamed,
    }
}

/// `audit.jsonl` set aside at noon is `audit.20260131T120000.000000Z.jsonl`.
fn set_aside_name(path: &Path, time: SystemTime) -> PathBuf {
    let stamp = clock::rfc3339(time).replace(['-', ':'], "");
    match path.extension().and_then(|ending| ending.to_str()) {
        Some(ending) => path.with_extension(format!("{stamp}.{ending}")),
        None => path.with_extension(stamp),
    }
}

/// Whether `name` is one that [`set_aside_name`] gives to `path`.
fn was_set_aside(path: &Path, name: &str) -> bool {
    let like = set_aside_name(path, SystemTime::UNIX_EPOCH);
    let Some(like) = like.file_name().and_then(|like| like.to_str()) else { return false };
    let alike = |(a, b): (u8, u8)| a == b || (a.is_ascii_digit() && b.is_ascii_digit());
    like.len() == name.len() && like.bytes().zip(name.bytes()).all(alike)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::MetadataExt;

    impl Output {
        fn flush(&mut self) -> io::Result<()> {
            while !self.is_empty() {
                self.write_some().1?;
            }
            Ok(())
        }
    }

    #[test]
    fn lines_are_appended_to_a_private_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.jsonl");
        for line in ["one\n", "two\n"] {
            let mut output = Output::file(&path, 0, Readers::Owner).unwrap();
            output.lines().extend_from_slice(line.as_bytes());
            output.flush().unwrap();
            output.sync().unwrap();
        }
        assert_eq!(fs::read_to_string(&path).unwrap(), "one\ntwo\n");
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
    }

    #[test]
    fn what_cannot_be_written_waits() {
        let mut output = Output::file(Path::new("/dev/full"), 0, Readers::Owner).unwrap();
        output.lines().extend_from_slice(b"kept\n");
        assert!(output.flush().is_err() && output.flush().is_err());
        assert!(!output.is_empty());
        assert_eq!(output.lines().as_slice(), b"kept\n");
    }

    #[test]
    fn a_full_file_is_set_aside_and_nothing_is_lost() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.jsonl");
        let mut output = Output::file(&path, 8, Readers::Owner).unwrap();
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
    fn who_steps_aside_leaves_the_name_to_another_and_loses_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.jsonl");
        let write = |output: &mut Output, line: &str| {
            output.lines().extend_from_slice(line.as_bytes());
            output.flush().unwrap();
        };
        let mut old = Output::file(&path, 2, Readers::Owner).unwrap();
        write(&mut old, "one\n");
        old.set_aside().unwrap();
        assert!(!path.exists());
        let mut new = Output::file(&path, 0, Readers::Owner).unwrap();
        write(&mut new, "new\n");
        write(&mut old, "two\n");
        assert!(!old.rotate_if_full().unwrap(), "it would move the other one's file");
        old.reopen().unwrap();
        write(&mut old, "three\n");
        assert_eq!(fs::read_to_string(&path).unwrap(), "new\n");
        old.reclaim().unwrap();
        write(&mut old, "four\n");
        assert_eq!(fs::read_to_string(&path).unwrap(), "new\nfour\n");
        let aside = fs::read_dir(folder.path())
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .find(|other| *other != path);
        assert_eq!(fs::read_to_string(aside.unwrap()).unwrap(), "one\ntwo\nthree\n");
    }

    #[test]
    fn a_moved_file_is_begun_anew_on_request() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.log");
        let mut output = Output::file(&path, 0, Readers::Owner).unwrap();
        fs::rename(&path, folder.path().join("a.log.1")).unwrap();
        output.reopen().unwrap();
        output.lines().extend_from_slice(b"new\n");
        output.flush().unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "new\n");
    }

    #[test]
    fn a_file_that_was_deleted_is_begun_anew_as_soon_as_its_folder_is_there() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state/a.log");
        fs::create_dir(folder.path().join("state")).unwrap();
        let mut output = Output::file(&path, 0, Readers::Owner).unwrap();
        output.replace_if_deleted().unwrap();
        fs::remove_dir_all(folder.path().join("state")).unwrap();
        let error = output.replace_if_deleted().unwrap_err().to_string();
        assert!(error.contains("was deleted, and cannot be made anew: No such file"), "{error}");
        fs::create_dir(folder.path().join("state")).unwrap();
        output.replace_if_deleted().unwrap();
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

    #[test]
    fn lines_given_up_leave_no_half_line_behind() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("pipe");
        assert!(std::process::Command::new("mkfifo").arg(&path).status().unwrap().success());
        let mut reader = fs::OpenOptions::new().read(true).write(true).open(&path).unwrap();
        let mut output = Output::file(&path, 0, Readers::Owner).unwrap();
        // What a reader that falls behind leaves of a batch: a part of the second line is in the pipe.
        output.lines().extend_from_slice(b"one\n");
        output.flush().unwrap();
        for (taken, kept, lost) in [(0, "", 3), (1, "wo\n", 2), (4, "", 2), (7, "ee\n", 1)] {
            output.waiting = b"two\nthree\nfour\n".to_vec();
            output.written = taken;
            assert_eq!(output.discard_waiting(), lost, "{taken}");
            assert_eq!((output.waiting.as_slice(), output.written), (kept.as_bytes(), 0), "{taken}");
        }
        output.flush().unwrap();
        let mut there = [0; 7];
        io::Read::read_exact(&mut reader, &mut there).unwrap();
        assert_eq!(&there, b"one\nee\n");
    }

    #[test]
    fn a_half_written_line_is_whole_in_the_file_opened_anew() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.log");
        let mut output = Output::file(&path, 0, Readers::Owner).unwrap();
        for (written, left) in [(0, "one\ntwo\n"), (2, "one\ntwo\n"), (4, "two\n"), (6, "two\n")] {
            output.waiting = b"one\ntwo\n".to_vec();
            output.written = written;
            output.reopen().unwrap();
            assert_eq!((output.waiting.as_slice(), output.written), (left.as_bytes(), 0));
        }
    }

    #[test]
    fn names_set_aside_are_known_again() {
        for path in ["/s/audit.jsonl", "audit.jsonl", "log"] {
            let path = Path::new(path);
            let name = set_aside_name(path, SystemTime::now());
            let name = name.file_name().unwrap().to_str().unwrap();
            assert!(was_set_aside(path, name), "{name}");
            assert!(!was_set_aside(path, "audit.jsonl") && !was_set_aside(path, "audit.old.jsonl"));
        }
    }

    #[test]
    fn a_rotation_that_was_interrupted_is_made_up_for() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.jsonl");
        let mut output = Output::file(&path, 1, Readers::Owner).unwrap();
        output.lines().extend_from_slice(b"old\n");
        output.flush().unwrap();
        fs::remove_file(&path).unwrap();
        assert!(output.rotate_if_full().unwrap());
        output.lines().extend_from_slice(b"new\n");
        output.flush().unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "new\n");
    }
}
