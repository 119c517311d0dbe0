//! The runtime of a shard: its event loop, its tasks and its timers.

use std::future::{Future, poll_fn};
use std::io::{self, Write};
use std::os::unix::net::UnixStream;
use std::sync::OnceLock;
use std::task::Poll;
use std::time::Duration;

use monoio::io::AsyncReadRent;
use monoio::{IoUringDriver, LegacyDriver, RuntimeBuilder};

use super::catch_unwind::CatchUnwind;
use crate::config::settings::Driver;

/// Entries of the submission queue: operations that can be handed to the kernel in one go. More only cost a second
/// system call.
const RING_ENTRIES: u32 = 1024;

/// Whether the kernel and the sandbox around this process allow what the shards need of `io_uring`. Tried once.
pub(crate) fn has_io_uring() -> bool {
    static WORKS: OnceLock<bool> = OnceLock::new();
    *WORKS.get_or_init(|| monoio::utils::detect_uring() && carries_out_io().is_ok())
}

/// Has a ring carry out a real operation, which a sandbox may forbid although it lets rings be made. The ring is entered
/// once before: the runtime would go on for ever with one that cannot be.
fn carries_out_io() -> io::Result<()> {
    io_uring::IoUring::new(PROBE_ENTRIES)?.submitter().submit()?;
    let (near, mut far) = UnixStream::pair()?;
    near.set_nonblocking(true)?;
    far.write_all(PROBE)?;
    let runtime = RuntimeBuilder::<IoUringDriver>::new().with_entries(PROBE_ENTRIES).enable_timer().build();
    let read = runtime?.block_on(timeout(PROBE_LIMIT, async {
        let mut near = monoio::net::UnixStream::from_std(near)?;
        let (read, bytes) = near.read(vec![0; PROBE.len()]).await;
        read.map(|count| bytes[..count] == *PROBE)
    }));
    match read {
        Ok(Ok(true)) => Ok(()),
        Ok(Err(error)) => Err(error),
        Ok(Ok(false)) | Err(Elapsed) => Err(io::ErrorKind::Other.into()),
    }
}

/// Entries of the ring that is only tried.
const PROBE_ENTRIES: u32 = 8;

/// What it reads.
const PROBE: &[u8] = b"?";

/// How long that may take.
const PROBE_LIMIT: Duration = Duration::from_secs(1);

/// Runs `main`, and the tasks that it spawns, on this thread until `main` ends.
///
/// # Errors
///
/// When the kernel refuses what the runtime needs.
pub(crate) fn block_on<F: Future>(driver: Driver, main: F) -> io::Result<F::Output> {
    match driver {
        Driver::Epoll => Ok(RuntimeBuilder::<LegacyDriver>::new().enable_timer().build()?.block_on(main)),
        Driver::IoUring | Driver::Auto => {
            // The kernel may run completions when the task next enters it (no interrupts of a running shard), and only
            // this thread submits. Kernels before 6.0 refuse the flags.
            let mut flags = io_uring::IoUring::builder();
            flags.setup_coop_taskrun().setup_single_issuer();
            let runtime = uring(flags).or_else(|_| uring(io_uring::IoUring::builder()));
            Ok(runtime?.block_on(main))
        }
    }
}

type Uring = monoio::Runtime<monoio::time::TimeDriver<IoUringDriver>>;

fn uring(flags: io_uring::Builder) -> io::Result<Uring> {
    RuntimeBuilder::<IoUringDriver>::new()
        .with_entries(RING_ENTRIES)
        .uring_builder(flags)
        .enable_timer()
        .build()
}

/// Starts a task whose panic ends only the task; `on_panic` is called then.
pub(crate) fn spawn(task: impl Future<Output = ()> + 'static, on_panic: impl FnOnce() + 'static) {
    let caught = CatchUnwind::new(task);
    monoio::spawn(async move {
        if !caught.await {
            on_panic();
        }
    });
}

/// Waits for `time`.
pub(crate) async fn sleep(time: Duration) {
    monoio::time::sleep(time).await;
}

/// Lets the other tasks of the shard run, and those that the kernel has something for by now, before this one goes on.
///
/// A task of its own wakes this one. A task that wakes itself would be put before all others, and no event of the kernel
/// would be seen before it ends; one that is woken by another comes behind those that can run, and before its third turn
/// the runtime asks the kernel. Timers do not expire meanwhile, so what yields must end soon by itself.
pub(crate) async fn yield_now() {
    let mut has_yielded = false;
    poll_fn(|cx| {
        if std::mem::replace(&mut has_yielded, true) {
            return Poll::Ready(());
        }
        let waker = cx.waker().clone();
        monoio::spawn(async move { waker.wake() });
        Poll::Pending
    })
    .await;
}

/// The time of a [`timeout`] has passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Elapsed;

/// Waits for `future`, but no longer than `limit`. The future is dropped then, so it must not be one whose operation in
/// flight moves bytes; [`Conn`](super::Conn)'s reads may be dropped.
///
/// # Errors
///
/// [`Elapsed`] when the time has passed first.
pub(crate) async fn timeout<F: Future>(limit: Duration, future: F) -> Result<F::Output, Elapsed> {
    monoio::time::timeout(limit, future).await.map_err(|_| Elapsed)
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::rc::Rc;

    use super::*;

    /// Turns of the runtime after which the kernel has been asked.
    const FEW: usize = 3;

    #[test]
    fn other_tasks_are_served_between_the_turns_of_one_that_yields() {
        for driver in [Driver::Epoll, Driver::IoUring] {
            if driver == Driver::IoUring && !has_io_uring() {
                continue;
            }
            let served = block_on(driver, async {
                let (mut near, far) = UnixStream::pair().unwrap();
                far.set_nonblocking(true).unwrap();
                let (served, turns) = (Rc::new(Cell::new(None)), Rc::new(Cell::new(0)));
                let (in_task, counted) = (Rc::clone(&served), Rc::clone(&turns));
                monoio::spawn(async move {
                    let mut far = monoio::net::UnixStream::from_std(far).unwrap();
                    let (read, _) = far.read(vec![0; 1]).await;
                    assert_eq!(read.unwrap(), 1);
                    in_task.set(Some(counted.get()));
                });
                // The other task waits for the kernel before there is anything to read.
                sleep(Duration::from_millis(5)).await;
                near.write_all(b"x").unwrap();
                let busy = monoio::spawn(async move {
                    for turn in 1..=100 {
                        turns.set(turn);
                        yield_now().await;
                    }
                });
                busy.await;
                served.get()
            });
            let turn = served.unwrap().expect("it was served before the busy one ended");
            assert!(turn <= FEW, "{driver:?}: only in turn {turn}");
        }
    }
}
