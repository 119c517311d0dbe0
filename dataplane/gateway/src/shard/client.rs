//! A client's connection, and what becomes of it after an exchange.

use std::net::SocketAddr;

use super::net::Conn;
use super::net::deadline::TICK;
use super::state::Shard;
use crate::snapshot::Snapshot;

/// A client's connection.
pub(super) struct Client {
    /// Its bytes.
    pub(super) conn: Conn,
    /// Its address.
    pub(super) peer: SocketAddr,
    /// Requests that were answered on it.
    pub(super) served: u64,
    /// The tick it was accepted at.
    pub(super) born: u32,
}

impl Client {
    /// Whether the connection may take another request after the present one.
    pub(super) fn may_keep_alive(&self, shard: &Shard, snapshot: &Snapshot) -> bool {
        let most = snapshot.limits.requests_per_connection;
        let age = snapshot.timeouts.connection_age;
        let old = TICK * shard.deadlines.now().saturating_sub(self.born);
        !shard.is_draining() && (most == 0 || self.served + 1 < most) && (age.is_zero() || old < age)
    }
}

/// What becomes of the client's connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum After {
    /// It takes the next request.
    Keep,
    /// It is closed.
    Close,
    /// It is closed once the client has had a chance to read the answer: what it still sends is thrown away.
    Linger,
    /// It is cut, so that the client does not take a part for the whole.
    Cut,
}
