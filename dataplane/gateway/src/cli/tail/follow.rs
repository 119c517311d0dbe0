//! A file of lines that grows, is set aside, and begun anew.

use std::fs::File;
use std::io::{self, ErrorKind, Read, Seek, SeekFrom};
use std::os::fd::AsFd;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

/// Milliseconds between two looks.
const PAUSE_MS: u8 = 200;
/// Bytes read at once.
const BLOCK: usize = 64 << 10;
/// Longest line; what is longer is no event, and is shown in pieces.
const MAX_LINE: usize = 1 << 20;

/// Reads the lines of a file, from those at its end on.
pub(super) struct Follower {
    path: PathBuf,
    /// None while there is no such file.
    file: Option<File>,
    /// A line that has no end yet.
    rest: Vec<u8>,
}

/// Shows a line, which comes without its end.
type Show<'s> = dyn FnMut(&[u8]) -> io::Result<()> + 's;

impl Follower {
    /// Opens the file. One that is not there yet is waited for where it is to be followed.
    pub(super) fn open(path: &Path, waits: bool) -> io::Result<Self> {
        let file = match open(path) {
            Err(error) if waits && error.kind() == ErrorKind::NotFound => None,
            file => Some(file?),
        };
        Ok(Self { path: path.to_path_buf(), file, rest: Vec::new() })
    }

    /// Shows the last `count` lines that are there; what is written from here on comes next.
    pub(super) fn last_lines(&mut self, count: usize, show: &mut Show<'_>) -> io::Result<()> {
        let Some(file) = &mut self.file else { return Ok(()) };
        let end = file.metadata()?.len();
        let start = start_of_last(file, end, count)?;
        file.seek(SeekFrom::Start(start))?;
        self.read(show)
    }

    /// Shows what comes, until nobody reads any more.
    pub(super) fn follow(&mut self, show: &mut Show<'_>) -> io::Result<()> {
        loop {
            if is_unread(io::stdout().as_fd()) {
                return Err(ErrorKind::BrokenPipe.into());
            }
            self.read(show)?;
            self.change_file(show)?;
        }
    }

    /// Reads to the end that the file has now.
    fn read(&mut self, show: &mut Show<'_>) -> io::Result<()> {
        let Some(file) = &mut self.file else { return Ok(()) };
        let mut block = vec![0; BLOCK];
        loop {
            let count = match file.read(&mut block) {
                Ok(0) => return Ok(()),
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                other => other?,
            };
            self.rest.extend_from_slice(&block[..count]);
            let mut start = 0;
            for end in memchr::memchr_iter(b'\n', &self.rest) {
                show(&self.rest[start..end])?;
                start = end + 1;
            }
            self.rest.drain(..start);
            if self.rest.len() > MAX_LINE {
                show(&self.rest)?;
                self.rest.clear();
            }
        }
    }

    /// Goes on with another file where the name has one by now, and from the start where the file was emptied.
    fn change_file(&mut self, show: &mut Show<'_>) -> io::Result<()> {
        let next = match open(&self.path) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
            file => file?,
        };
        let Some(file) = &mut self.file else {
            self.file = Some(next);
            return self.read(show);
        };
        let (old, new) = (file.metadata()?, next.metadata()?);
        if (old.dev(), old.ino()) != (new.dev(), new.ino()) {
            // What came between the last look and the change.
            self.read(show)?;
            self.rest.clear();
            self.file = Some(next);
            return self.read(show);
        }
        if new.len() < file.stream_position()? {
            file.rewind()?;
            self.rest.clear();
        }
        Ok(())
    }
}

fn open(path: &Path) -> io::Result<File> {
    // Looked at first: opening a pipe would wait for its other end, and reading it would take what is not ours.
    if !std::fs::metadata(path)?.is_file() {
        return Err(io::Error::new(ErrorKind::InvalidInput, "is not a file that can be read again"));
    }
    File::open(path)
}

/// Where the last `count` whole lines before `end` begin.
fn start_of_last(file: &File, end: u64, count: usize) -> io::Result<u64> {
    let mut block = vec![0; BLOCK];
    let mut missing = count;
    let mut to = end;
    // Its own end does not begin another line.
    let mut skip_last = true;
    while to > 0 {
        let from = to.saturating_sub(BLOCK as u64);
        let part = &mut block[..usize::try_from(to - from).unwrap_or(BLOCK)];
        file.read_exact_at(part, from)?;
        for at in memchr::memrchr_iter(b'\n', part) {
            let position = from + at as u64 + 1;
            if std::mem::take(&mut skip_last) && position == end && count > 0 {
                continue;
            }
            if missing <= 1 {
                return Ok(if count == 0 { end } else { position });
            }
            missing -= 1;
        }
        to = from;
    }
    Ok(if count == 0 { end } else { 0 })
}

/// Waits for the next look; whether the reader of `output` has gone meanwhile.
fn is_unread(output: std::os::fd::BorrowedFd<'_>) -> bool {
    let mut watched = [PollFd::new(output, PollFlags::empty())];
    match poll(&mut watched, PollTimeout::from(PAUSE_MS)) {
        Ok(count) if count > 0 => {
            watched[0].revents().is_some_and(|seen| seen.intersects(PollFlags::POLLERR | PollFlags::POLLNVAL))
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::Write;

    use super::*;

    /// The lines that `step` shows.
    fn lines(step: impl FnOnce(&mut Show<'_>) -> io::Result<()>) -> Vec<String> {
        let mut seen = Vec::new();
        step(&mut |line| {
            seen.push(String::from_utf8(line.to_vec()).unwrap());
            Ok(())
        })
        .unwrap();
        seen
    }

    #[test]
    fn the_last_lines_are_found_from_the_end() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let long = "x".repeat(BLOCK);
        for (text, count, expected) in [
            ("", 3, vec![]),
            ("a\nb\nc\n", 0, vec![]),
            ("a\nb\nc\n", 1, vec!["c"]),
            ("a\nb\nc\n", 2, vec!["b", "c"]),
            ("a\nb\nc\n", 3, vec!["a", "b", "c"]),
            ("a\nb\nc\n", 4, vec!["a", "b", "c"]),
            ("\n\n", 1, vec![""]),
            (&format!("a\n{long}\nb\n"), 2, vec![long.as_str(), "b"]),
        ] {
            fs::write(file.path(), text).unwrap();
            let mut follower = Follower::open(file.path(), false).unwrap();
            assert_eq!(lines(|show| follower.last_lines(count, show)), expected, "{count}");
        }
    }

    #[test]
    fn files_that_grow_and_change_are_followed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.jsonl");
        assert!(Follower::open(&path, false).is_err());
        let mut follower = Follower::open(&path, true).unwrap();
        let append = |path: &Path, text: &str| {
            let mut file = File::options().append(true).create(true).open(path).unwrap();
            file.write_all(text.as_bytes()).unwrap();
        };
        let look = |follower: &mut Follower| {
            lines(|show| {
                follower.read(show)?;
                follower.change_file(show)
            })
        };
        assert!(look(&mut follower).is_empty());
        append(&path, "one\ntw");
        assert_eq!(look(&mut follower), ["one"]);
        append(&path, "o\n");
        assert_eq!(look(&mut follower), ["two"]);
        let aside = folder.path().join("a.1.jsonl");
        fs::rename(&path, &aside).unwrap();
        append(&aside, "three\n");
        append(&path, "four\n");
        assert_eq!(look(&mut follower), ["three", "four"]);
        fs::write(&path, "5\n").unwrap();
        assert_eq!(look(&mut follower), Vec::<String>::new());
        assert_eq!(look(&mut follower), ["5"]);
    }

    #[test]
    fn what_is_no_file_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        assert!(Follower::open(folder.path(), true).is_err());
        assert!(Follower::open(Path::new("/dev/null"), true).is_err());
    }
}
