//! The runtime of a shard: its event loop, its tasks and its timers.

use std::future::Future;
use std::io;
use std::time::Duration;

use monoio::{IoUringDriver, LegacyDriver, RuntimeBuilder};

use super::catch_unwind::CatchUnwind;
use crate::config::settings::Driver;

/// Entries of the submission queue: operations that can be handed to the kernel in one go. More only cost a second
/// system call.
const RING_ENTRIES: u32 = 1024;

/// Whether the kernel and the sandbox around this process allow what the shards need of `io_uring`.
pub(crate) fn has_io_uring() -> bool {
    monoio::utils::detect_uring()
}

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
