//! A shard: one thread, one CPU, its own listener, connections, upstream pool, scanner and buffers.
//!
//! Everything that moves traffic is here, and nothing here waits for anybody but clients and upstreams: no locks, no name
//! lookups, no files, no logs. Configuration arrives as finished snapshots, records leave through a ring.
//!
//! The parts, from the top down; each imports only what stands below it:
//!
//! ```text
//! accept, ticker        listeners and their connections; what happens at every tick
//! serve                 the life of a client connection
//! exchange              one request and its reply
//! connect, record       connections to upstreams; the record of an exchange
//! client, bench, state  a client's connection; what the tasks of a shard share
//! pool, out, clean, sanitize, session
//! net                   the runtime, sockets, TLS, buffers and deadlines
//! ```

mod accept;
mod bench;
mod clean;
mod client;
mod connect;
mod exchange;
mod net;
mod out;
mod pool;
mod record;
mod sanitize;
mod serve;
mod session;
mod state;
#[cfg(test)]
mod tests;
mod ticker;

use std::io;

use crate::config::settings::Driver;
use crate::lifecycle::ShardContext;

pub use net::io_uring_works;

/// Runs a shard until the process stops. The thread must be the shard's own, already pinned.
///
/// # Errors
///
/// When the kernel refuses what the runtime or a listener needs.
pub fn run(context: ShardContext) -> io::Result<()> {
    let driver = context.driver;
    context.metrics.set_driver(driver != Driver::Epoll);
    net::block_on(driver, accept::run(context))?
}
