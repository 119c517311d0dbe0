//! A shard: one thread, one CPU, its own listener, connections, upstream pool, scanner and buffers.
//!
//! Everything that moves traffic is here, and nothing here waits for anything but clients and upstreams: no locks, no
//! name lookups, no files, no logs. Configuration arrives as finished snapshots, and records leave through a ring.
//!
//! # Floors
//!
//! A module imports only from its own floor or from those below it (`floors.toml` in this folder is what the tests
//! read):
//!
//! ```text
//!           accept ── a task per connection ──> serve
//!              │                                  │ one request after the other
//!              │                               exchange
//!              │                                  │ one request and its reply
//!           ticker                        connect, record
//!              │                           upstream_tls          TLS failures of upstreams, by cause
//!              └────────────────┬─────────────────┘
//!                         state, answer                      what a shard's tasks share; error replies
//!                        exchange_buffers                    heads and buffers of one exchange, reused
//!    pool, write_buffer, clean, scanner, restorer, session, driver
//!                              net                           runtime, sockets, TLS, buffers, deadlines
//! ```
//!
//! The rules of the runtime stand in `net`, the phases of a request in `exchange`.

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
mod upstream_tls;
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
