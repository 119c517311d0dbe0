//! What the operating system gives and what is asked of it: CPUs, descriptors, secrecy of memory.
//!
//! Most of it is done once at the start, before threads exist. Every function says what it found; the caller logs it.

use std::fs::{File, Metadata};
use std::io;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::{Duration, Instant};

use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
use nix::sys::resource::{RLIM_INFINITY, Resource, getrlimit, setrlimit};
use nix::sys::signal::{SigSet, Signal};
use nix::unistd::Pid;

/// Permissions of a file or folder by which others than its owner may change it.
pub const OTHERS_WRITE: u32 = 0o022;

/// The CPUs of this process's affinity mask, ascending. At least one: an unreadable mask counts as CPU 0.
pub fn cpus() -> Vec<usize> {
    let mask = sched_getaffinity(Pid::from_raw(0)).unwrap_or_default();
    let cpus: Vec<usize> = (0..CpuSet::count()).filter(|cpu| mask.is_set(*cpu).unwrap_or(false)).collect();
    if cpus.is_empty() { vec![0] } else { cpus }
}

/// Pins the calling thread to `cpu`.
pub fn pin(cpu: usize) -> io::Result<()> {
    let mut mask = CpuSet::new();
    mask.set(cpu)?;
    sched_setaffinity(Pid::from_raw(0), &mask)?;
    Ok(())
}

/// Raises the soft limit of open descriptors to the hard one; gives the limit that holds then, which is the old one where
/// a sandbox forbids that.
pub fn raise_descriptor_limit() -> io::Result<u64> {
    let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE)?;
    if soft < hard && setrlimit(Resource::RLIMIT_NOFILE, hard, hard).is_err() {
        return Ok(soft);
    }
    Ok(hard)
}

/// Keeps secrets out of core dumps and away from other processes of the same user.
pub fn hide_memory() -> io::Result<()> {
    nix::sys::prctl::set_dumpable(false)?;
    setrlimit(Resource::RLIMIT_CORE, 0, 0)?;
    Ok(())
}

/// Keeps SIGHUP, which ends a process that does not handle it, for the time when somebody does. Threads started from here
/// on inherit that.
pub fn block_hangup() -> io::Result<()> {
    Ok(hangup().thread_block()?)
}

/// Has the calling thread take SIGHUPs, those that waited first.
pub fn unblock_hangup() -> io::Result<()> {
    Ok(hangup().thread_unblock()?)
}

fn hangup() -> SigSet {
    SigSet::from(Signal::SIGHUP)
}

/// Opens a file that is read again at every reload: a regular one, or a link to one.
pub fn open_to_reread(path: &Path) -> io::Result<File> {
    match unfit_to_reread(path) {
        Some(what) => {
            Err(io::Error::new(io::ErrorKind::InvalidInput, format!("it is {what}, and must be a file")))
        }
        None => File::open(path),
    }
}

/// What `path` leads to, if that cannot be read again at every reload. What a pipe says can be read once, and opening it
/// waits for somebody who writes; a device may wait, too, or never end.
pub fn unfit_to_reread(path: &Path) -> Option<&'static str> {
    // A folder, or what is not there, is told by the system when it is read.
    let kind = std::fs::metadata(path).ok()?.file_type();
    if kind.is_file() || kind.is_dir() {
        None
    } else if kind.is_fifo() {
        Some("a pipe")
    } else {
        Some("a device or a socket")
    }
}

/// A name in a folder, and the file that it led to when it was noted. Somebody may delete it, or give it to another file.
#[derive(Debug, Clone)]
pub struct NotedName {
    path: PathBuf,
    /// Device and number of the file, which no other one has as long as it is open.
    identity: (u64, u64),
}

impl NotedName {
    /// Notes what `path` leads to now.
    pub fn note(path: PathBuf) -> io::Result<NotedName> {
        let identity = identity(&std::fs::symlink_metadata(&path)?);
        Ok(NotedName { path, identity })
    }

    /// Notes that `path` should lead to `file`.
    pub fn of_file(path: PathBuf, file: &File) -> io::Result<NotedName> {
        Ok(NotedName { path, identity: identity(&file.metadata()?) })
    }

    /// Whether the name leads there still. Not so, too, where that cannot be seen.
    pub fn is_kept(&self) -> bool {
        std::fs::symlink_metadata(&self.path).is_ok_and(|data| identity(&data) == self.identity)
    }

    /// Removes the name if it leads there still.
    pub fn remove(&self) {
        if self.is_kept() {
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

fn identity(data: &Metadata) -> (u64, u64) {
    (data.dev(), data.ino())
}

/// Whether `path` leads to a pipe.
pub fn is_pipe(path: &Path) -> bool {
    std::fs::metadata(path).is_ok_and(|data| data.file_type().is_fifo())
}

/// Has SIGTERM and SIGINT end the process with code 0 until [`take_signals_over`]: it serves nobody yet. By default they
/// would end it too, but not where it is the first process of a container.
pub fn end_on_signals() -> io::Result<()> {
    let serves_nobody = STARTING.get_or_init(|| Arc::new(AtomicBool::new(true)));
    for signal in [Signal::SIGTERM, Signal::SIGINT] {
        signal_hook::flag::register_conditional_shutdown(signal as i32, 0, Arc::clone(serves_nobody))?;
    }
    Ok(())
}

/// Says that somebody handles the signals from here on, and has the calling thread take the SIGHUPs that waited.
pub fn take_signals_over() -> io::Result<()> {
    if let Some(starting) = STARTING.get() {
        starting.store(false, Relaxed);
    }
    unblock_hangup()
}

/// Ends the process with `code` after `limit`, whatever its threads wait for, and calls `say_why` before that. Until then
/// `on_signal` is called for each SIGTERM and SIGINT. For the end, when nobody listens to signals any longer and a disk or pipe
/// may keep what is left.
pub fn end_within(
    limit: Duration,
    code: i32,
    on_signal: impl Fn() + Send + 'static,
    say_why: impl FnOnce() + Send + 'static,
) -> io::Result<()> {
    let is_signalled = Arc::new(AtomicBool::new(false));
    for signal in [Signal::SIGTERM, Signal::SIGINT] {
        signal_hook::flag::register(signal as i32, Arc::clone(&is_signalled))?;
    }
    let wait = move || {
        let begun = Instant::now();
        while begun.elapsed() < limit {
            thread::sleep(SIGNAL_PAUSE);
            if is_signalled.swap(false, Relaxed) {
                on_signal();
            }
        }
        say_why();
        signal_hook::low_level::exit(code);
    };
    thread::Builder::new().name("aegis-end".to_owned()).spawn(wait).map(drop)
}

/// Pause between two looks for signals at the end.
const SIGNAL_PAUSE: Duration = Duration::from_millis(20);

/// Whether SIGTERM and SIGINT end the process at once.
static STARTING: OnceLock<Arc<AtomicBool>> = OnceLock::new();

/// Whether a write to a closed socket or pipe is an error instead of the end of the process. The standard library sees
/// to that before `main`; the start log says so when it did not.
pub fn is_sigpipe_ignored() -> bool {
    is_ignored(Signal::SIGPIPE)
}

/// Whether this process ignores `signal`, as one started by `nohup` ignores the terminal's end.
pub fn is_ignored(signal: Signal) -> bool {
    std::fs::read_to_string("/proc/self/status").is_ok_and(|status| {
        let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
        let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
        mask.is_some_and(|mask| mask & (1 << (signal as u32 - 1)) != 0)
    })
}

/// Has this process stopped by a signal when `parent`, the process that started it, ends. Says whether that still runs.
pub fn stop_with_parent(parent: Pid) -> io::Result<bool> {
    nix::sys::prctl::set_pdeathsig(Signal::SIGTERM)?;
    Ok(nix::unistd::getppid() == parent)
}

/// Locked memory in bytes that this process may hold; none for no limit.
pub fn locked_memory_limit() -> Option<u64> {
    match getrlimit(Resource::RLIMIT_MEMLOCK) {
        Ok((soft, _)) if soft != RLIM_INFINITY => Some(soft),
        _ => None,
    }
}

/// Locked memory one ring may be charged on kernels before 5.12.
const RING_MEMORY: u64 = 512 << 10;

/// The kernel's release as major and minor number.
pub(crate) fn kernel() -> Option<(u32, u32)> {
    let release = std::fs::read_to_string("/proc/sys/kernel/osrelease").ok()?;
    let mut numbers = release.split(|c: char| !c.is_ascii_digit());
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}

/// What may keep `shards` rings from being made, with what to do about it.
pub fn ring_memory_problem(shards: usize) -> Option<String> {
    let limit = locked_memory_limit()?;
    let needed = RING_MEMORY * shards as u64;
    let charged = kernel().is_some_and(|release| release < (5, 12));
    (charged && limit < needed).then(|| {
        format!(
            "this kernel charges rings to locked memory: {limit} bytes are allowed, {shards} shards need about {needed}; \
             raise it with `ulimit -l unlimited` or LimitMEMLOCK=infinity"
        )
    })
}

/// Whether anybody but the owner may read, write or search what has this mode.
pub fn is_open_to_others(mode: u32) -> bool {
    mode & 0o077 != 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cpus_are_those_of_the_mask_and_a_thread_can_be_pinned() {
        thread::spawn(|| {
            let all = cpus();
            pin(all[0]).expect("a CPU of the mask");
            assert_eq!(cpus(), [all[0]]);
        })
        .join()
        .expect("no panic");
    }

    #[test]
    fn a_name_is_kept_until_it_is_gone_or_leads_to_another_file() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("name");
        let _open = File::create(&path).expect("a file");
        let noted = NotedName::note(path.clone()).expect("it is there");
        assert!(noted.is_kept());
        std::fs::remove_file(&path).expect("removed");
        assert!(!noted.is_kept());
        std::fs::write(&path, "another file").expect("written");
        assert!(!noted.is_kept());
        noted.remove();
        assert!(path.exists(), "it is another's");
        NotedName::note(path.clone()).expect("it is there").remove();
        assert!(!path.exists());
    }

    #[test]
    fn descriptors_are_raised_to_the_hard_limit() {
        let limit = raise_descriptor_limit().expect("a limit");
        assert_eq!(getrlimit(Resource::RLIMIT_NOFILE).expect("readable").0, limit);
    }

    #[test]
    fn devices_and_pipes_are_not_opened_to_be_read_again() {
        let folder = tempfile::tempdir().expect("a folder");
        let link = folder.path().join("link");
        std::os::unix::fs::symlink("/dev/zero", &link).expect("a link");
        let error = open_to_reread(&link).expect_err("refused").to_string();
        assert_eq!(error, "it is a device or a socket, and must be a file");
    }

    #[test]
    fn modes_open_to_others_are_recognised() {
        for (mode, open) in [(0o600, false), (0o700, false), (0o640, true), (0o601, true), (0o666, true)] {
            assert_eq!(is_open_to_others(mode), open, "{mode:o}");
        }
    }
}
