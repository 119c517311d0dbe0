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
//! state, answer         what the tasks of a shard share; the gateway's own error replies
//! exchange_buffers, pool, write_buffer, clean, scanner, restorer, session
//! net                   the runtime, sockets, TLS, buffers and deadlines
//! ```

mod accept;
mod answer;
mod clean;
mod connect;
pub mod driver;
mod exchange;
mod exchange_buffers;
mod net;
mod pool;
mod record;
mod restorer;
mod scanner;
mod serve;
mod session;
mod state;
#[cfg(test)]
mod tests;
mod ticker;
mod write_buffer;

use std::io;

use crate::config::settings::Driver;
use crate::lifecycle::ShardContext;

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
