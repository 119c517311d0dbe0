//! Writes lines to a pipe that other processes write to as well: while one gateway takes over from another, both have the
//! same pipe for their logs.
//!
//! The kernel takes at most [`PIPE_BUF`] bytes in one piece; more may be cut wherever the pipe is full, and somebody
//! else's bytes come between. So what is written at once is whole lines of at most so much. A line that is longer needs
//! its writer alone at the pipe: each write is a turn, which gateways take one after the other. A turn is a lock on a byte
//! of the open file, so it ends with the process that has it.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};

use libc::PIPE_BUF;
use nix::fcntl::{FcntlArg, OFlag, fcntl};

/// The byte whose lock is the turn itself.
const TURN: libc::off_t = 0;
/// The byte whose lock is held by whoever waits for the turn. With one lock alone a writer that has just given its turn up
/// would have it again before the other one wakes.
const NEXT: libc::off_t = 1;

/// Standard output or standard error.
#[derive(Debug)]
pub(crate) struct StandardStream(File);

impl StandardStream {
    /// Standard output.
    pub(crate) fn output() -> io::Result<StandardStream> {
        open(&io::stdout()).map(StandardStream)
    }

    /// Standard error.
    pub(crate) fn error() -> io::Result<StandardStream> {
        open(&io::stderr()).map(StandardStream)
    }

    /// Writes lines as [`append`] does.
    pub(crate) fn append(&self, lines: &[u8]) -> (usize, io::Result<()>) {
        append(&self.0, lines)
    }
}

impl Write for StandardStream {
    fn write(&mut self, lines: &[u8]) -> io::Result<usize> {
        match self.append(lines) {
            (0, Err(error)) => Err(error),
            (written, _) => Ok(written),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A pipe is opened once more: turns are told apart by open files, and processes that somebody has started with one pipe
/// share that of theirs.
fn open(stream: &(impl AsFd + AsRawFd)) -> io::Result<File> {
    let inherited = File::from(stream.as_fd().try_clone_to_owned()?);
    if !is_pipe(&inherited) {
        return Ok(inherited);
    }
    let path = format!("/proc/self/fd/{}", stream.as_raw_fd());
    let own = OpenOptions::new().write(true).custom_flags(OFlag::O_NONBLOCK.bits()).open(path);
    // Not allowed where another user has made it. Lines up to the kernel's piece stay whole all the same.
    let Ok(own) = own else { return Ok(inherited) };
    wait_for_room(&own)?;
    Ok(own)
}

/// Has writes to a pipe or device wait until it takes something: a reader that is slow is no error.
pub(crate) fn wait_for_room(file: &File) -> io::Result<()> {
    let flags = OFlag::from_bits_retain(fcntl(file, FcntlArg::F_GETFL)?);
    fcntl(file, FcntlArg::F_SETFL(flags.difference(OFlag::O_NONBLOCK)))?;
    Ok(())
}

/// Writes `lines` to a pipe, terminal, device or socket, or those at their beginning that a pipe takes at once. Returns how many
/// bytes were written, and why no more could be.
pub(crate) fn append(file: &File, lines: &[u8]) -> (usize, io::Result<()>) {
    if !is_pipe(file) {
        return write_some(file, lines);
    }
    let _turn = Turn::take(file);
    write_some(file, &lines[..piece(lines)])
}

/// Writes until everything is written or nothing more can be. Returns how many bytes were, and why no more could be.
pub(crate) fn write_some(mut file: &File, bytes: &[u8]) -> (usize, io::Result<()>) {
    let mut written = 0;
    while written < bytes.len() {
        match file.write(&bytes[written..]) {
            Ok(0) => return (written, Err(io::ErrorKind::WriteZero.into())),
            Ok(count) => written += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return (written, Err(error)),
        }
    }
    (written, Ok(()))
}

fn is_pipe(file: &File) -> bool {
    file.metadata().is_ok_and(|data| data.file_type().is_fifo())
}

/// How many bytes of `lines` are written in one turn: as many whole lines as the kernel takes in one piece, or one line
/// that is longer.
fn piece(lines: &[u8]) -> usize {
    let most = &lines[..lines.len().min(PIPE_BUF)];
    let end = memchr::memrchr(b'\n', most).or_else(|| memchr::memchr(b'\n', lines));
    end.map_or(lines.len(), |end| end + 1)
}

/// The turn of one who writes; over when dropped.
struct Turn<'a>(&'a File);

impl Turn<'_> {
    /// Waits for the turn. None where the kernel gives no such locks: then only long lines may be cut.
    fn take(file: &File) -> Option<Turn<'_>> {
        lock(file, NEXT)?;
        let turn = lock(file, TURN).map(|()| Turn(file));
        unlock(file, NEXT);
        turn
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        unlock(self.0, TURN);
    }
}

fn lock(file: &File, byte: libc::off_t) -> Option<()> {
    loop {
        match fcntl(file, FcntlArg::F_OFD_SETLKW(&one_byte(byte, libc::F_WRLCK))) {
            Ok(_) => return Some(()),
            Err(nix::Error::EINTR) => {}
            Err(_) => return None,
        }
    }
}

fn unlock(file: &File, byte: libc::off_t) {
    // It ends with the file at the latest.
    let _ = fcntl(file, FcntlArg::F_OFD_SETLK(&one_byte(byte, libc::F_UNLCK)));
}

#[expect(clippy::cast_possible_truncation, reason = "constants of the kernel from 0 to 2")]
fn one_byte(byte: libc::off_t, kind: libc::c_int) -> libc::flock {
    libc::flock {
        l_type: kind as libc::c_short,
        l_whence: libc::SEEK_SET as libc::c_short,
        l_start: byte,
        l_len: 1,
        // The locks of open files have none.
        l_pid: 0,
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::sync::{Arc, Barrier};
    use std::thread;
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_piece_is_whole_lines_that_the_kernel_takes_at_once_or_one_line_that_is_longer() {
        let lines = |lengths: &[usize]| -> Vec<u8> {
            lengths.iter().flat_map(|length| [vec![b'x'; length - 1], b"\n".to_vec()].concat()).collect()
        };
        for (lengths, expected) in [
            (&[10][..], 10),
            (&[10, 20], 30),
            (&[PIPE_BUF], PIPE_BUF),
            (&[PIPE_BUF - 1, 1, 1], PIPE_BUF),
            (&[10, PIPE_BUF], 10),
            (&[PIPE_BUF + 1, 10], PIPE_BUF + 1),
            (&[3 * PIPE_BUF, 10], 3 * PIPE_BUF),
        ] {
            assert_eq!(piece(&lines(lengths)), expected, "{lengths:?}");
        }
        assert_eq!(piece(&vec![b'x'; PIPE_BUF + 5]), PIPE_BUF + 5, "the rest of a line without its end");
    }

    /// Two that write to the full pipe of a reader that lags, a line of each length from a few bytes to some pieces.
    #[test]
    fn lines_of_two_writers_stay_whole_and_both_get_their_turns() {
        const EACH: usize = 60;
        let (mut reader, writer) = io::pipe().unwrap();
        let path = format!("/proc/self/fd/{}", writer.as_raw_fd());
        let together = Arc::new(Barrier::new(2));
        let writers = ["a", "b"].map(|name| {
            let file = OpenOptions::new().write(true).open(&path).unwrap();
            let together = Arc::clone(&together);
            thread::spawn(move || {
                together.wait();
                for number in 0..EACH {
                    let line = format!("{}\n", name.repeat(1 + number * 500));
                    let mut rest = line.as_bytes();
                    while !rest.is_empty() {
                        let (written, result) = append(&file, rest);
                        result.unwrap();
                        rest = &rest[written..];
                    }
                }
            })
        });
        drop(writer);
        let (mut text, mut some) = (String::new(), [0; 8_192]);
        while let Ok(count @ 1..) = reader.read(&mut some) {
            text.push_str(std::str::from_utf8(&some[..count]).unwrap());
            thread::sleep(Duration::from_micros(300));
        }
        for writer in writers {
            writer.join().unwrap();
        }
        let is_whole =
            |line: &str| line.bytes().all(|byte| byte == line.as_bytes()[0]) && line.len() % 500 == 1;
        assert!(text.lines().all(is_whole), "a line was cut");
        assert_eq!(text.lines().count(), 2 * EACH);
        // Where one writer had the pipe to itself, all of its lines would come before the other's.
        let turns =
            text.lines().collect::<Vec<_>>().windows(2).filter(|two| two[0][..1] != two[1][..1]).count();
        assert!(turns > 10, "{turns} changes of turn");
    }
}
