//! A pipe that is full and whose reader takes nothing, as a stand-in for a disk that does not answer.

use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::sys::stat::Mode;
use nix::unistd::mkfifo;

/// What fills the pipe; no log line begins with it.
const FILLING: u8 = b'.';

/// The pipe, with the end of its reader.
#[derive(Debug)]
pub struct StoppedPipe {
    path: PathBuf,
    reader: File,
    text: Arc<Mutex<Vec<u8>>>,
}

impl StoppedPipe {
    /// Makes the pipe `path` and fills it.
    pub fn full(path: &Path) -> StoppedPipe {
        mkfifo(path, Mode::S_IRWXU).expect("a pipe");
        let open = |options: &mut OpenOptions| {
            options.custom_flags(OFlag::O_NONBLOCK.bits()).open(path).expect("the pipe opens")
        };
        let reader = open(OpenOptions::new().read(true));
        let mut writer = open(OpenOptions::new().write(true));
        while writer.write(&[FILLING; 4_096]).is_ok() {}
        let flags = OFlag::from_bits_retain(fcntl(&reader, FcntlArg::F_GETFL).expect("flags"));
        fcntl(&reader, FcntlArg::F_SETFL(flags.difference(OFlag::O_NONBLOCK))).expect("flags");
        StoppedPipe { path: path.to_path_buf(), reader, text: Arc::default() }
    }

    /// Its name.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Has its reader go on, to the end of all writers.
    pub fn resume(&self) {
        let mut reader = self.reader.try_clone().expect("a descriptor");
        let text = Arc::clone(&self.text);
        thread::spawn(move || {
            let mut piece = vec![0; 65_536];
            while let Ok(count @ 1..) = reader.read(&mut piece) {
                lock(&text).extend_from_slice(&piece[..count]);
            }
        });
    }

    /// What has been read since, without what filled the pipe.
    pub fn text(&self) -> String {
        let text = lock(&self.text);
        let begin = text.iter().position(|byte| *byte != FILLING).unwrap_or(text.len());
        String::from_utf8_lossy(&text[begin..]).into_owned()
    }
}

fn lock(text: &Mutex<Vec<u8>>) -> MutexGuard<'_, Vec<u8>> {
    text.lock().unwrap_or_else(PoisonError::into_inner)
}
