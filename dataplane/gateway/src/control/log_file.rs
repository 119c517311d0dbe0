//! A file of lines on a disk that may be full, which its owner alone may read.
//!
//! The file ends with a whole line whenever nobody is writing. What a full disk cut is taken back at once, and the line
//! is written whole when there is room again; what a crash left without an end is ended at the next start. Several
//! gateways may append to one file: each locks it for the time of a write.

use std::fs::{self, File, OpenOptions, Permissions, TryLockError};
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::fcntl::OFlag;

use crate::os;
use crate::shared_pipe::{self, wait_for_room, write_some};

/// How long another writer is waited for. Whoever may read the file may lock it, and must not be able to stop the log.
const LOCK_TIMEOUT: Duration = Duration::from_millis(50);
/// Pause between two attempts at the lock.
const LOCK_PAUSE: Duration = Duration::from_millis(1);

/// Who may read a log beside the user who runs the gateway.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Readers {
    /// Nobody: mode 0600.
    Owner,
    /// The file's group: mode 0640.
    Group,
}

impl Readers {
    fn mode(self) -> u32 {
        match self {
            Readers::Owner => 0o600,
            Readers::Group => 0o640,
        }
    }
}

/// An open file, or a device or pipe that stands where a file was expected.
#[derive(Debug)]
pub struct LogFile {
    path: PathBuf,
    file: File,
    readers: Readers,
    size: u64,
    /// Only what lies on a disk can be read again, locked and shortened.
    regular: bool,
    /// The last line has no end, and could not be given one yet.
    torn: bool,
}

impl LogFile {
    /// Opens `path` for appending. One that does not exist is created for `readers` only. One that others may read or
    /// change is taken from them and a warning logged; an error when it belongs to somebody else and that cannot be
    /// done. A pipe that nobody reads is refused: opening it would wait for a reader.
    pub fn open(path: &Path, readers: Readers) -> io::Result<LogFile> {
        let mut options = OpenOptions::new();
        options.append(true).create(true).mode(readers.mode()).custom_flags(OFlag::O_NONBLOCK.bits());
        let file = options.open(path).map_err(|error| explain_unread(path, error))?;
        let data = file.metadata()?;
        if !data.is_file() {
            wait_for_room(&file)?;
        }
        let regular = data.is_file();
        if regular {
            keep_private(&file, &data, path, readers)?;
        }
        let mut log =
            LogFile { path: path.to_path_buf(), file, readers, size: data.len(), regular, torn: false };
        log.end_torn_line();
        Ok(log)
    }

    /// Opens the file of this name anew.
    pub fn reopen(&mut self) -> io::Result<()> {
        *self = LogFile::open(&self.path, self.readers)?;
        Ok(())
    }

    /// Whether it lies on a disk, and is no pipe or device.
    pub fn is_regular(&self) -> bool {
        self.regular
    }

    /// Its name.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Bytes in it, as far as this process knows.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Whether the file has no name any more, so that what is written to it is lost.
    pub fn is_deleted(&self) -> io::Result<bool> {
        Ok(self.regular && self.file.metadata()?.nlink() == 0)
    }

    /// Forces what was written to the disk; a pipe or device has none.
    pub fn sync(&self) -> io::Result<()> {
        if self.regular { self.file.sync_data() } else { Ok(()) }
    }

    /// Appends `lines` and says how many of their bytes are done with. On a disk that is full these are whole lines; a
    /// pipe takes a few lines at a time. It or a device may take a part of one, whose rest comes first the next time.
    pub fn append(&mut self, lines: &[u8]) -> (usize, io::Result<()>) {
        if !self.regular {
            return shared_pipe::append(&self.file, lines);
        }
        let _lock = Lock::take(&self.file);
        if self.torn {
            match write_some(&self.file, b"\n") {
                (_, Ok(())) => self.torn = false,
                (_, Err(error)) => return (0, Err(error)),
            }
        }
        let begin = match self.file.metadata() {
            Ok(data) => data.len(),
            Err(error) => return (0, Err(error)),
        };
        let (written, result) = write_some(&self.file, lines);
        let mut kept = written;
        if result.is_err() {
            kept = memchr::memrchr(b'\n', &lines[..written]).map_or(0, |end| end + 1);
        }
        if kept < written {
            self.torn = !self.take_back(begin + written as u64, begin + kept as u64);
        }
        self.size = begin + kept as u64;
        (kept, result)
    }

    /// Shortens the file from `end` to `begin`, unless somebody who did not care for the lock has written meanwhile.
    fn take_back(&self, end: u64, begin: u64) -> bool {
        self.file.metadata().is_ok_and(|data| data.len() == end) && self.file.set_len(begin).is_ok()
    }

    /// Ends a last line that a crash left without its end, so that the next one does not stick to it. Nothing is taken
    /// away: the file may not be ours, and a part of an event says more than none.
    fn end_torn_line(&mut self) {
        if !self.regular {
            return;
        }
        let _lock = Lock::take(&self.file);
        if matches!(ends_with_a_line(&self.file, &self.path), Ok(false)) {
            tracing::warn!(file = %self.path.display(), "the last line was cut by a crash or a full disk; it is ended, not completed");
            self.torn = write_some(&self.file, b"\n").1.is_err();
        }
    }
}

/// The error of opening `path` without waiting, in words if it is a pipe without a reader.
fn explain_unread(path: &Path, error: io::Error) -> io::Error {
    if error.raw_os_error() == Some(Errno::ENXIO as i32) && os::is_pipe(path) {
        return io::Error::new(error.kind(), "it is a pipe that nobody reads; start its reader first");
    }
    error
}

/// Takes a file from those who must not read or change it.
fn keep_private(file: &File, data: &fs::Metadata, path: &Path, readers: Readers) -> io::Result<()> {
    let mode = data.mode() & 0o777;
    let open = mode & 0o077 & !readers.mode();
    if open == 0 {
        return Ok(());
    }
    file.set_permissions(Permissions::from_mode(mode & !open)).map_err(|error| {
        let what =
            format!("others may read or change it (mode {mode:03o}), which cannot be changed: {error}");
        io::Error::new(error.kind(), what)
    })?;
    tracing::warn!(
        file = %path.display(),
        was = format!("{mode:03o}"),
        now = format!("{:03o}", mode & !open),
        "others could read or change a log; it was taken from them"
    );
    Ok(())
}

/// Takes the files that were set aside, as `is_set_aside` knows their names, from those who must not read them.
pub fn keep_all_private(
    folder: &Path,
    readers: Readers,
    is_set_aside: impl Fn(&str) -> bool,
) -> io::Result<()> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) => {
            tracing::warn!(folder = %folder.display(), %error, "cannot look who may read the logs set aside");
            return Ok(());
        }
    };
    for entry in entries {
        let entry = entry?;
        let named = entry.file_name().to_str().is_some_and(&is_set_aside);
        if !named || !entry.file_type()?.is_file() {
            continue;
        }
        // What has come in its place meanwhile: a link leads to what is not ours, a pipe would block.
        let flags = OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK;
        let file = match OpenOptions::new().read(true).custom_flags(flags.bits()).open(entry.path()) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            opened => opened?,
        };
        let data = file.metadata()?;
        if data.is_file() {
            keep_private(&file, &data, &entry.path(), readers)?;
        }
    }
    Ok(())
}

/// Whether the file at `path`, if it is the one that is open for appending, is empty or ends with the end of a line.
fn ends_with_a_line(open: &File, path: &Path) -> io::Result<bool> {
    let file = File::open(path)?;
    let (data, appended) = (file.metadata()?, open.metadata()?);
    if (data.dev(), data.ino()) != (appended.dev(), appended.ino()) || data.len() == 0 {
        return Ok(true);
    }
    let mut last = [0];
    file.read_exact_at(&mut last, data.len() - 1)?;
    Ok(last == *b"\n")
}

/// The file's lock, or the right to go on without it: a disk that knows no locks, or a reader that does not let go,
/// must not stop the log.
struct Lock<'a>(&'a File);

impl Lock<'_> {
    fn take(file: &File) -> Option<Lock<'_>> {
        let begun = Instant::now();
        loop {
            match file.try_lock() {
                Ok(()) => return Some(Lock(file)),
                Err(TryLockError::WouldBlock) if begun.elapsed() < LOCK_TIMEOUT => {
                    std::thread::sleep(LOCK_PAUSE);
                }
                Err(_) => return None,
            }
        }
    }
}

impl Drop for Lock<'_> {
    fn drop(&mut self) {
        // It ends with the file at the latest.
        let _ = self.0.unlock();
    }
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use nix::fcntl::{FcntlArg, fcntl};
    use nix::sys::resource::{RLIM_INFINITY, Resource, setrlimit};

    use super::*;

    /// Set for the process that may write so many bytes only.
    const CHILD: &str = "AEGIS_TEST_FULL_DISK";

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().mode() & 0o777
    }

    fn file_of_mode(path: &Path, mode: u32) {
        fs::write(path, "{}\n").unwrap();
        fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
    }

    /// The limit on a file's size cuts a write like a full disk does: a part is taken, then nothing. It holds for a
    /// whole process, so this test runs itself once more in one of its own, where the signal that comes with it is
    /// ignored.
    #[test]
    fn what_a_full_disk_cuts_is_taken_back_and_written_whole_later() {
        if std::env::var_os(CHILD).is_some() {
            return cut_at_every_byte();
        }
        let name = "control::log_file::tests::what_a_full_disk_cuts_is_taken_back_and_written_whole_later";
        let output = Command::new("bash")
            .args(["-c", "trap '' XFSZ; exec \"$0\" --exact \"$1\" --nocapture"])
            .arg(std::env::current_exe().unwrap())
            .arg(name)
            .env(CHILD, "1")
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success() && said.contains("1 passed"), "{said}");
    }

    fn cut_at_every_byte() {
        const LINES: &str = "{\"a\":1}\n{\"bc\":2}\n{\"d\":3}\n";
        let folder = tempfile::tempdir().unwrap();
        for room in 0..=LINES.len() {
            let path = folder.path().join(room.to_string());
            let mut log = LogFile::open(&path, Readers::Owner).unwrap();
            setrlimit(Resource::RLIMIT_FSIZE, room as u64, RLIM_INFINITY).unwrap();
            let (kept, result) = log.append(LINES.as_bytes());
            let text = fs::read_to_string(&path).unwrap();
            let whole = LINES[..room].rfind('\n').map_or(0, |end| end + 1);
            let again = log.append(&LINES.as_bytes()[kept..]);
            setrlimit(Resource::RLIMIT_FSIZE, RLIM_INFINITY, RLIM_INFINITY).unwrap();
            assert_eq!((result.is_ok(), kept, text.as_str()), (room == LINES.len(), whole, &LINES[..whole]));
            assert_eq!((again.0, again.1.is_ok()), (0, room == LINES.len()), "room for {room} bytes");
            assert_eq!(log.append(&LINES.as_bytes()[kept..]).0, LINES.len() - kept);
            assert_eq!(fs::read_to_string(&path).unwrap(), LINES, "room for {room} bytes");
            assert_eq!(log.size(), LINES.len() as u64);
        }
    }

    #[test]
    fn a_line_that_a_crash_cut_does_not_stick_to_the_next() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.jsonl");
        for (there, expected) in [
            ("", "{}\n"),
            ("{\"v\":1}\n", "{\"v\":1}\n{}\n"),
            ("{\"v\":1}\n{\"v", "{\"v\":1}\n{\"v\n{}\n"),
            ("{", "{\n{}\n"),
        ] {
            fs::write(&path, there).unwrap();
            let mut log = LogFile::open(&path, Readers::Owner).unwrap();
            assert!(log.append(b"{}\n").1.is_ok());
            assert_eq!(fs::read_to_string(&path).unwrap(), expected);
        }
    }

    #[test]
    fn a_file_that_others_may_read_or_change_is_taken_from_them() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.jsonl");
        for (before, owner, group) in [
            (0o600, 0o600, 0o600),
            (0o644, 0o600, 0o640),
            (0o640, 0o600, 0o640),
            (0o666, 0o600, 0o640),
            (0o777, 0o700, 0o740),
            (0o602, 0o600, 0o600),
        ] {
            for (readers, after) in [(Readers::Owner, owner), (Readers::Group, group)] {
                file_of_mode(&path, before);
                let mut log = LogFile::open(&path, readers).unwrap();
                assert_eq!(mode(&path), after, "{before:o} for {readers:?}");
                // As a tool that sets files aside may make a new one.
                fs::rename(&path, folder.path().join("moved")).unwrap();
                file_of_mode(&path, before);
                log.reopen().unwrap();
                assert_eq!(mode(&path), after, "{before:o} for {readers:?}, opened anew");
            }
        }
        fs::remove_file(&path).unwrap();
        LogFile::open(&path, Readers::Group).unwrap();
        assert_eq!(mode(&path) & !0o640, 0);
    }

    #[test]
    fn a_pipe_is_opened_when_somebody_reads_it_and_refused_otherwise() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("pipe");
        assert!(Command::new("mkfifo").arg(&path).status().unwrap().success());
        let error = LogFile::open(&path, Readers::Owner).unwrap_err().to_string();
        assert_eq!(error, "it is a pipe that nobody reads; start its reader first");
        let _reader =
            OpenOptions::new().read(true).custom_flags(OFlag::O_NONBLOCK.bits()).open(&path).unwrap();
        let log = LogFile::open(&path, Readers::Owner).unwrap();
        log.sync().expect("nothing to force");
        let flags = OFlag::from_bits_retain(fcntl(&log.file, FcntlArg::F_GETFL).unwrap());
        assert!(flags.contains(OFlag::O_APPEND) && !flags.contains(OFlag::O_NONBLOCK));
    }

    #[test]
    fn files_set_aside_are_kept_private_and_others_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        for name in ["a.1.jsonl", "b.1.jsonl"] {
            file_of_mode(&at(name), 0o644);
        }
        std::os::unix::fs::symlink("/dev/zero", at("a.link.jsonl")).unwrap();
        keep_all_private(folder.path(), Readers::Owner, |name| name.starts_with("a.")).unwrap();
        assert_eq!((mode(&at("a.1.jsonl")), mode(&at("b.1.jsonl"))), (0o600, 0o644));
    }

    #[test]
    fn who_holds_the_lock_does_not_stop_the_log() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.jsonl");
        let mut log = LogFile::open(&path, Readers::Owner).unwrap();
        let reader = File::open(&path).unwrap();
        reader.lock().unwrap();
        assert!(log.append(b"one\n").1.is_ok());
        reader.unlock().unwrap();
        assert!(log.append(b"two\n").1.is_ok());
        assert!(reader.try_lock().is_ok(), "the lock is given back");
        assert_eq!(fs::read_to_string(&path).unwrap(), "one\ntwo\n");
    }
}
