//! Starts a shard on `io_uring` or on epoll.

use std::io;

use monoio::{IoUringDriver, LegacyDriver, RuntimeBuilder};

use super::accept;
use crate::config::settings::Driver;
use crate::lifecycle::ShardContext;

/// Entries of the submission queue: operations that can be handed to the kernel in one go. More only cost a second
/// system call.
const RING_ENTRIES: u32 = 1024;

/// Whether the kernel and the sandbox around this process allow what the shards need of `io_uring`.
pub fn io_uring_works() -> bool {
    monoio::utils::detect_uring()
}

/// Runs a shard until the process stops. The thread must be the shard's own, already pinned.
pub fn run(context: ShardContext) -> io::Result<()> {
    match context.driver {
        Driver::Epoll => {
            context.metrics.set_driver(false);
            let mut runtime = RuntimeBuilder::<LegacyDriver>::new().enable_timer().build()?;
            runtime.block_on(accept::run(context))
        }
        Driver::IoUring | Driver::Auto => {
            context.metrics.set_driver(true);
            // The kernel may run completions when the task next enters it (no interrupts of a running shard), and only
            // this thread submits. Kernels before 6.0 refuse the flags.
            let mut flags = io_uring::IoUring::builder();
            flags.setup_coop_taskrun().setup_single_issuer();
            let runtime = uring(flags).or_else(|_| uring(io_uring::IoUring::builder()));
            runtime?.block_on(accept::run(context))
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
